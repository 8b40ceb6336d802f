/* The catalog's stored structs, shared with the slices that `need` it (health, agent_local). Schemas: catalog_rows.c, which
 * those modules compile in. Names are Consul's Go field names; see protocols.md section 5.6. */
#ifndef COHORT_CATALOG_H
#define COHORT_CATALOG_H

#include "cohort/method.h"

/* Tables 32-63. Keys: parts separated by NUL, each part lower-cased where Consul ignores case (node names). */
enum catalog_table {
    CATALOG_NODES = 32,         /* node */
    CATALOG_SERVICES = 33,      /* node NUL service id */
    CATALOG_CHECKS = 34,        /* node NUL check id */
    CATALOG_SERVICE_NAMES = 35, /* service name NUL node NUL service id -> empty: instances of a service */
    CATALOG_CHECK_STATES = 36,  /* status NUL node NUL check id -> empty */
    CATALOG_SERVICE_CHECKS = 37,/* service name NUL node NUL check id -> empty */
    CATALOG_NODE_IDS = 38,      /* node id -> node */
};

struct catalog_node {
    const char *id, *node, *address, *datacenter;
    struct co_map tagged_addresses, meta;
    uint64_t create_index, modify_index;
};

struct catalog_weights { int64_t passing, warning; };
struct catalog_service_address { const char *address; int64_t port; };

struct catalog_service {
    const char *kind; /* "" = typical */
    const char *id, *service;
    struct co_strings tags;
    const char *address;
    struct co_table_of tagged_addresses; /* of struct catalog_service_address */
    struct co_map meta;
    int64_t port;
    struct catalog_weights weights;
    bool enable_tag_override;
    const char *node; /* in rows: whose it is; not in JSON */
    uint64_t create_index, modify_index;
};

/* HealthCheckDefinition: what the agent probes, for show. Durations as Go strings. */
struct catalog_check_definition {
    const char *http, *tcp, *method, *body;
    struct co_duration interval, timeout, deregister_critical_service_after;
    bool tls_skip_verify;
};

struct catalog_check {
    const char *node, *check_id, *name, *status, *notes, *output;
    const char *service_id, *service_name;
    struct co_strings service_tags;
    const char *type;
    struct catalog_check_definition definition;
    uint64_t create_index, modify_index;
};

/* Catalog.Register */
struct catalog_register {
    const char *datacenter, *id, *node, *address;
    struct co_map tagged_addresses, node_meta;
    struct catalog_service *service; /* or NULL */
    struct catalog_check *check;     /* or NULL */
    struct co_records checks;        /* of struct catalog_check */
    bool skip_node_update;
};

/* Catalog.Deregister: the node, or one service (with its checks), or one check. */
struct catalog_deregister { const char *datacenter, *node, *service_id, *check_id; };

extern const struct co_schema catalog_node_schema, catalog_service_schema, catalog_check_schema,
    catalog_check_definition_schema, catalog_register_schema, catalog_deregister_schema;

/* Catalog.NodeServices: what anti-entropy compares with. Request: */
struct catalog_node_request { const char *datacenter, *node; };
struct catalog_node_reply {
    struct catalog_node *node;  /* NULL: unknown */
    struct co_records services; /* of struct catalog_service, by id */
    struct co_records checks;   /* of struct catalog_check, by id */
};
extern const struct co_schema catalog_node_request_schema, catalog_node_reply_schema;

/* Writes the parts with NULs between them into `out` (CO_STORAGE_KEY_MAX bytes). Size 0 when it does not fit. */
struct co_bytes catalog_key(char *out, const char *const *parts, size_t count);

#endif
