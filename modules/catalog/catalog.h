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
    CATALOG_SERVICE_NAMES = 35, /* service name NUL node NUL service id -> packed name and tags (catalog_pack): its instances */
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
    const struct co_node *header; /* object of lists of strings, or NULL */
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
struct catalog_node_request {
    const char *datacenter, *node; /* the node's name, or its id, or a unique beginning of it */
    bool no_checks;                /* leaves `checks` empty and does not wake for them */
};
struct catalog_node_reply {
    struct catalog_node *node;  /* NULL: unknown */
    struct co_records services; /* of struct catalog_service, by id */
    struct co_records checks;   /* of struct catalog_check, by id */
};
extern const struct co_schema catalog_node_request_schema, catalog_node_reply_schema;

/* The version whose API, protocols and tags this agent speaks and shows; tools decide by it what they may ask. */
#define CATALOG_SPOKEN_VERSION "1.8.7"

/* Bounds of names, so that every composite key fits CO_STORAGE_KEY_MAX. Bytes. */
#define CATALOG_NAME_MAX 160     /* node, service name, service id */
#define CATALOG_CHECK_ID_MAX 176 /* "service:" + service id + ":N" */
#define CATALOG_STATUS_MAX 32

/* Catalog.ListNodes, .ListServices, .ServiceNodes and the methods of health. */
struct catalog_query {
    const char *name;        /* what is asked for: a service, a node or a state; "" where nothing is */
    struct co_strings tags;  /* all of them must be there, whatever their case */
    struct co_map node_meta; /* all of them must be there and equal */
};
struct catalog_nodes_reply { struct co_records nodes; };         /* of struct catalog_node, by name */
struct catalog_tags { const char *name; struct co_strings tags; };
struct catalog_services_reply { struct co_records services; };   /* of struct catalog_tags, by name */
struct catalog_instance { struct catalog_node *node; struct catalog_service *service; };
struct catalog_instances_reply { struct co_records instances; }; /* of struct catalog_instance, by node and id */
struct catalog_datacenters_reply { struct co_strings names; };

extern const struct co_schema catalog_query_schema, catalog_nodes_reply_schema, catalog_services_reply_schema,
    catalog_instances_reply_schema, catalog_datacenters_reply_schema;

/* --- catalog_rows.c --- */
/* Writes the parts, in lower case, with NULs between them into `out` (CO_STORAGE_KEY_MAX bytes). Size 0 when it does not fit. */
struct co_bytes catalog_key(char *out, const char *const *parts, size_t count);
/* The same with a further NUL behind the last part: the prefix of all keys that have more parts. */
struct co_bytes catalog_prefix(char *out, const char *const *parts, size_t count);
/* status NUL node NUL check id; the status keeps its case. `check_id` "": the prefix. */
struct co_bytes catalog_state_key(char *out, const char *status, const char *node, const char *check_id);
/* The value in CATALOG_SERVICE_NAMES: the name as it is written ("" when it is in lower case) and the tags, a NUL behind each.
 * Nothing at all when both are empty. With it neither the list of services nor a question for a tag needs other rows. */
void catalog_pack(struct co_buffer *out, const char *service, const struct co_strings *tags);
/* Name of a service's own index in CO_TABLE_INDEX, into `out`. Every change of the service's instances, of their checks, of
 * their nodes and of their nodes' checks sets it, so it is all that a question about one service has to watch. */
const char *catalog_service_index_name(char *out, const char *service);

/* --- catalog_read.c: decoding rows in place, for queries of several slices --- */
co_status catalog_read_node(struct co_txn *, struct co_bytes key, struct catalog_node *out, struct co_arena *, struct co_error *);
co_status catalog_read_service(struct co_txn *, struct co_bytes key, struct catalog_service *out, struct co_arena *, struct co_error *);
co_status catalog_read_check(struct co_txn *, struct co_bytes key, struct catalog_check *out, struct co_arena *, struct co_error *);
co_status catalog_decode_check(struct co_bytes row, struct catalog_check *out, struct co_arena *, struct co_error *);
/* The highest of the named table indexes; NULL-ended. */
uint64_t catalog_index(struct co_txn *, const char *name, ...) __attribute__((sentinel));
void catalog_watch_index(struct co_query *, const char *name);
bool catalog_has_meta(const struct co_map *meta, const struct co_map *wanted);
/* The key of the node with this name or id. Size 0: there is none. */
struct co_bytes catalog_find_node(struct co_txn *, const char *name_or_id, char *out);
/* Calls `take` for every instance of wanted->name that has the tags and the node's meta; sets the answer's index and watches.
 * Consecutive instances on one node share the struct of the node. */
typedef co_status catalog_take(void *arg, struct catalog_node *, struct catalog_service *, struct co_error *);
co_status catalog_instances(struct co_query *, const struct catalog_query *wanted, bool with_checks, catalog_take *, void *arg, struct co_error *);
/* Room for one more item behind `count`: the array grows in the arena. */
void *catalog_grow(struct co_arena *, void *items, size_t *room, size_t count, size_t size);

/* --- catalog_json.c: the shapes of Consul's answers --- */
void catalog_json_node(struct co_buffer *, const struct catalog_node *);
void catalog_json_service(struct co_buffer *, const struct catalog_service *);
void catalog_json_check(struct co_buffer *, const struct catalog_check *);
void catalog_json_checks(struct co_buffer *, struct co_records checks); /* an array */
void catalog_json_instance(struct co_buffer *, const struct catalog_instance *); /* as /v1/catalog/service shows it */
void catalog_json_text(struct co_buffer *, const char *text);
void catalog_json_strings(struct co_buffer *, const struct co_strings *);
struct co_http_page;
void catalog_page_finish(struct co_http_page *); /* indents what has been written, if that was asked for */

/* --- catalog_bind.c: what the routes of catalog and health have in common --- */
struct co_http;
/* Fills name, tags and node_meta. False: an answer (no name, ?filter) has been given. */
bool catalog_bind(struct co_http *, const char *name, const char *what, struct catalog_query *out);

#endif
