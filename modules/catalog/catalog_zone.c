/* node.consul: NAME.node[.DC].consul is the node's address, its metadata are TXT records. Packets are the dns module's business. */
#include "catalog_slice.h"

co_status catalog_zone_question(void *self, const struct co_zone_ask *ask, struct co_arena *arena,
                                const struct co_method **method, void **request) {
    (void)self;
    if (ask->count == 0) return CO_NOT_FOUND;
    const char *name = co_arena_strdup(arena, ask->labels[0]);
    for (size_t i = 1; i < ask->count; i++)
        name = co_arena_printf(arena, "%s.%s", name, ask->labels[i]); /* names may hold dots */
    struct catalog_node_request *wanted = co_arena_new(arena, struct catalog_node_request);
    wanted->node = name;
    wanted->no_checks = true;
    *method = &catalog_methods[CATALOG_NODE_SERVICES];
    *request = wanted;
    return CO_OK;
}

static const char *tagged(const struct co_map *addresses, const char *tag) {
    for (size_t i = 0; i < addresses->count; i++) {
        if (strcmp(addresses->items[i].key, tag) == 0) return addresses->items[i].value;
    }
    return NULL;
}

co_status catalog_zone_answer(void *self, const struct co_zone_ask *ask, const void *reply, struct co_arena *arena,
                              struct co_endpoints *out) {
    const struct catalog_node_reply *answer = reply;
    (void)self;
    (void)ask;
    if (!answer->node) return CO_NOT_FOUND;
    struct co_endpoint *endpoint = co_arena_new(arena, struct co_endpoint);
    *endpoint = (struct co_endpoint){.node = answer->node->node,
                                     .datacenter = answer->node->datacenter,
                                     .address = "",
                                     .node_address = answer->node->address,
                                     .node_address_v4 = tagged(&answer->node->tagged_addresses, "lan_ipv4"),
                                     .node_address_v6 = tagged(&answer->node->tagged_addresses, "lan_ipv6"),
                                     .service_id = "",
                                     .weight = 1,
                                     .node_meta = answer->node->meta};
    *out = (struct co_endpoints){endpoint, 1};
    return CO_OK;
}

co_status catalog_zone_places_question(void *self, struct co_arena *arena, const struct co_method **method, void **request) {
    (void)self;
    *method = &catalog_methods[CATALOG_LIST_NODES];
    *request = co_arena_new(arena, struct catalog_query);
    return CO_OK;
}

co_status catalog_zone_places(void *self, const void *reply, struct co_arena *arena, struct co_endpoints *out) {
    const struct catalog_nodes_reply *answer = reply;
    const struct catalog_node *nodes = answer->nodes.items;
    (void)self;
    *out = (struct co_endpoints){co_arena_array(arena, struct co_endpoint, answer->nodes.count), answer->nodes.count};
    for (size_t i = 0; i < answer->nodes.count; i++) {
        out->items[i] = (struct co_endpoint){.node = nodes[i].node,
                                             .datacenter = nodes[i].datacenter,
                                             .address = "",
                                             .node_address = nodes[i].address,
                                             .service_id = ""};
    }
    return CO_OK;
}
