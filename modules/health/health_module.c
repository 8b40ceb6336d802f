/* Health: which checks there are and which instances of a service are well. What it contributes; nothing happens here. See
 * health_query.c for reads, health_http.c for the routes, health_zone.c for DNS. It writes nothing: checks come into the catalog
 * with Catalog.Register. */
#include "health.h"

CO_SCHEMA(health_instance_schema, struct health_instance, "CheckServiceNode",
          CO_POINTER(1, struct health_instance, node, "Node", 0, &catalog_node_schema),
          CO_POINTER(2, struct health_instance, service, "Service", 0, &catalog_service_schema),
          CO_RECORDS(3, struct health_instance, checks, "Checks", 0, &catalog_check_schema));

CO_SCHEMA(health_instances_reply_schema, struct health_instances_reply, "IndexedCheckServiceNodes",
          CO_RECORDS(1, struct health_instances_reply, instances, "Nodes", 0, &health_instance_schema));

CO_SCHEMA(health_checks_reply_schema, struct health_checks_reply, "IndexedHealthChecks",
          CO_RECORDS(1, struct health_checks_reply, checks, "HealthChecks", 0, &catalog_check_schema));

const struct co_method health_methods[HEALTH_METHOD_COUNT] = {
    [HEALTH_NODE_CHECKS] = {.name = "Health.NodeChecks",
                            .access = CO_ACCESS_READ,
                            .resource = "node",
                            .request = &catalog_query_schema,
                            .reply = &health_checks_reply_schema,
                            .query = health_node_checks},
    [HEALTH_SERVICE_CHECKS] = {.name = "Health.ServiceChecks",
                               .access = CO_ACCESS_READ,
                               .resource = "service",
                               .request = &catalog_query_schema,
                               .reply = &health_checks_reply_schema,
                               .query = health_service_checks},
    [HEALTH_SERVICE_NODES] = {.name = "Health.ServiceNodes",
                              .access = CO_ACCESS_READ,
                              .resource = "service",
                              .request = &catalog_query_schema,
                              .reply = &health_instances_reply_schema,
                              .query = health_service_nodes},
    [HEALTH_CHECKS_IN_STATE] = {.name = "Health.ChecksInState",
                                .access = CO_ACCESS_READ,
                                .resource = "node",
                                .request = &catalog_query_schema,
                                .reply = &health_checks_reply_schema,
                                .query = health_checks_in_state},
};

static const struct co_route routes[] = {
    {.verbs = CO_GET,
     .pattern = "/v1/health/node/:node",
     .handle = health_http_node,
     .doc = "The checks of a node and of its services."},
    {.verbs = CO_GET,
     .pattern = "/v1/health/checks/:service",
     .handle = health_http_checks,
     .doc = "The checks of a service's instances: ?node-meta."},
    {.verbs = CO_GET,
     .pattern = "/v1/health/service/:service",
     .handle = health_http_service,
     .doc = "The instances of a service with their checks: ?passing, ?tag, ?node-meta."},
    {.verbs = CO_GET,
     .pattern = "/v1/health/state/:state",
     .handle = health_http_state,
     .doc = "The checks in a state (passing, warning, critical, any): ?node-meta."},
};

static const struct co_zone zones[] = {
    {.label = "service", .question = health_zone_question, .answer = health_zone_answer},
};

static const struct co_offer offers[] = {
    {CO_OFFER_METHODS, "health", health_methods, HEALTH_METHOD_COUNT},
    {CO_OFFER_ROUTES, "health", routes, CO_COUNT(routes)},
    {CO_OFFER_ZONES, "health", zones, CO_COUNT(zones)},
    {CO_OFFER_END, NULL, NULL, 0},
};

static const char *const needs[] = {"storage", "catalog", NULL};

const struct co_module CO_MODULE_SYMBOL(health) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "health",
    .summary = "checks and healthy instances: /v1/health, service.consul",
    .needs = needs,
    .offers = offers,
};
