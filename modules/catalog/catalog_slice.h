/* The catalog module's own functions behind its tables in catalog_module.c. Not for other modules: those include catalog.h. */
#ifndef COHORT_CATALOG_SLICE_H
#define COHORT_CATALOG_SLICE_H

#include "catalog.h"
#include "cohort/consensus.h"
#include "cohort/http.h"
#include "cohort/module.h"
#include "cohort/zone.h"

enum catalog_method {
    CATALOG_REGISTER,
    CATALOG_DEREGISTER,
    CATALOG_LIST_NODES,
    CATALOG_LIST_SERVICES,
    CATALOG_SERVICE_NODES,
    CATALOG_NODE_SERVICES,
    CATALOG_LIST_DATACENTERS,
    CATALOG_METHOD_COUNT
};
extern const struct co_method catalog_methods[CATALOG_METHOD_COUNT];

struct catalog {
    struct co_ctx *ctx;
    struct co_timer timer; /* while leader: the next look */
    bool is_leader, is_registering;
};

co_status catalog_init(struct co_ctx *, void *self, const void *config, struct co_error *);
void catalog_leadership(void *self, bool is_leader);
void catalog_stop(void *self, void (*stopped)(void *arg), void *arg);

co_status catalog_register_prepare(struct co_prepare *, void *request, struct co_error *);
co_status catalog_deregister_prepare(struct co_prepare *, void *request, struct co_error *);
/* The part of prepare that needs no agent: for tests. */
co_status catalog_register_complete(struct catalog_register *, struct co_arena *, struct co_error *);
co_status catalog_register_apply(struct co_apply *, const void *request, void *reply, struct co_error *);
co_status catalog_deregister_apply(struct co_apply *, const void *request, void *reply, struct co_error *);

co_status catalog_list_nodes(struct co_query *, const void *request, void *reply, struct co_error *);
co_status catalog_list_services(struct co_query *, const void *request, void *reply, struct co_error *);
co_status catalog_service_nodes(struct co_query *, const void *request, void *reply, struct co_error *);
co_status catalog_node_services(struct co_query *, const void *request, void *reply, struct co_error *);
co_status catalog_list_datacenters(struct co_query *, const void *request, void *reply, struct co_error *);

/* Reads a write's JSON body; false: an answer has been given. */
bool catalog_body(struct co_http *, const struct co_schema *, void *out);
void catalog_http_register(void *self, struct co_http *);
void catalog_http_deregister(void *self, struct co_http *);
void catalog_http_datacenters(void *self, struct co_http *);
void catalog_http_nodes(void *self, struct co_http *);
void catalog_http_services(void *self, struct co_http *);
void catalog_http_service(void *self, struct co_http *);
void catalog_http_node(void *self, struct co_http *);
void catalog_http_node_services(void *self, struct co_http *);
/* Renderers, for tests. */
co_http_render catalog_render_nodes, catalog_render_services, catalog_render_instances, catalog_render_node;

co_status catalog_zone_question(void *self, const struct co_zone_ask *, struct co_arena *, const struct co_method **,
                                void **request);
co_status catalog_zone_answer(void *self, const struct co_zone_ask *, const void *reply, struct co_arena *,
                              struct co_endpoints *);
co_status catalog_zone_places_question(void *self, struct co_arena *, const struct co_method **, void **request);
co_status catalog_zone_places(void *self, const void *reply, struct co_arena *, struct co_endpoints *);

/* catalog_write.c: single rows with all their index rows; used by catalog_apply.c. `moved` collects the tables whose index is to be set. */
struct catalog_moved {
    bool nodes, services, checks;
};
co_status catalog_put_node(struct co_apply *, const struct catalog_node *, struct catalog_moved *, struct co_error *);
co_status catalog_put_service(struct co_apply *, const char *node, const struct catalog_service *,
                              struct catalog_moved *, struct co_error *);
co_status catalog_put_check(struct co_apply *, const struct catalog_check *, struct catalog_moved *, struct co_error *);
co_status catalog_drop_check(struct co_apply *, struct co_bytes key, struct catalog_moved *, struct co_error *);
co_status catalog_drop_service(struct co_apply *, struct co_bytes key, struct catalog_moved *, struct co_error *);
co_status catalog_drop_node(struct co_apply *, struct co_bytes key, struct catalog_moved *, struct co_error *);
co_status catalog_set_moved(struct co_apply *, const struct catalog_moved *, struct co_error *);

#endif
