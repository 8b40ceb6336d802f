/* Zones: what a module answers over DNS below the agent's domain. Offered with CO_OFFER_ZONES; served by module dns,
 * which owns packets, record shapes, shuffling, limits and TTLs. Thread: the loop. */
#ifndef COHORT_ZONE_H
#define COHORT_ZONE_H

#include "method.h"

/* "db1.primary.postgres.service.dc1.consul" -> zone "service", labels {"db1","primary","postgres"}, dc "dc1". Lower case. */
struct co_zone_ask {
    const char *const *labels; /* left of the zone's own label, leftmost first */
    size_t count;
    const char *datacenter;
    bool is_rfc2782; /* _service._tag form, without a zone label of its own or with "service" */
    bool only_passing, allow_stale;
};

/* One place where the asked thing can be reached. */
struct co_endpoint {
    const char *node, *datacenter;
    const char *address; /* of the service, or "" to use node_address: IPv4, IPv6 or a host name */
    const char *node_address;
    /* Tagged addresses lan_ipv4 and lan_ipv6 of the service and of the node, or NULL: preferred by questions for that family. */
    const char *address_v4, *address_v6, *node_address_v4, *node_address_v6;
    const char *service_id; /* "" for nodes */
    uint16_t port, weight;  /* SRV */
    struct co_map node_meta;
};
struct co_endpoints {
    struct co_endpoint *items;
    size_t count;
};

struct co_zone {
    const char *label; /* "service", "node" */
    bool is_node;      /* answers are nodes: name.node.dc.domain itself carries the address, TXT from meta */
    /* Labels to a question. NOT_FOUND: NXDOMAIN at once. `*request` in the arena. */
    co_status (*question)(void *self, const struct co_zone_ask *, struct co_arena *, const struct co_method **,
                          void **request);
    /* Reply to endpoints, in the arena. NOT_FOUND: NXDOMAIN (the name does not exist); zero endpoints with OK: NODATA. */
    co_status (*answer)(void *self, const struct co_zone_ask *, const void *reply, struct co_arena *,
                        struct co_endpoints *);
    /* Reverse names; both or neither. A question whose reply lists everything of this zone that has an address of its own, and that
     * reply as endpoints. Where several have one address, the first is named. */
    co_status (*places_question)(void *self, struct co_arena *, const struct co_method **, void **request);
    co_status (*places)(void *self, const void *reply, struct co_arena *, struct co_endpoints *);
};

#endif
