/* The health slice's own structs and the functions behind its tables in health_module.c. Rows are the catalog's. Thread: the loop. */
#ifndef COHORT_HEALTH_H
#define COHORT_HEALTH_H

#include "catalog/catalog.h"
#include "cohort/http.h"
#include "cohort/module.h"
#include "cohort/zone.h"

/* Health.ServiceNodes: instances with the checks of their node and their own. */
struct health_instance {
    struct catalog_node *node;
    struct catalog_service *service;
    struct co_records checks; /* of struct catalog_check: the node's first */
};
struct health_instances_reply {
    struct co_records instances;
}; /* of struct health_instance */
struct health_checks_reply {
    struct co_records checks;
}; /* of struct catalog_check */

extern const struct co_schema health_instances_reply_schema, health_checks_reply_schema;

enum health_method {
    HEALTH_NODE_CHECKS,
    HEALTH_SERVICE_CHECKS,
    HEALTH_SERVICE_NODES,
    HEALTH_CHECKS_IN_STATE,
    HEALTH_METHOD_COUNT
};
extern const struct co_method health_methods[HEALTH_METHOD_COUNT];

co_status health_node_checks(struct co_query *, const void *request, void *reply, struct co_error *);
co_status health_service_checks(struct co_query *, const void *request, void *reply, struct co_error *);
co_status health_service_nodes(struct co_query *, const void *request, void *reply, struct co_error *);
co_status health_checks_in_state(struct co_query *, const void *request, void *reply, struct co_error *);

void health_http_node(void *self, struct co_http *);
void health_http_checks(void *self, struct co_http *);
void health_http_service(void *self, struct co_http *);
void health_http_state(void *self, struct co_http *);
/* Variant 1 of instances: only those whose checks all pass. */
co_http_render health_render_checks, health_render_instances;

co_status health_zone_question(void *self, const struct co_zone_ask *, struct co_arena *, const struct co_method **,
                               void **request);
co_status health_zone_answer(void *self, const struct co_zone_ask *, const void *reply, struct co_arena *,
                             struct co_endpoints *);

#endif
