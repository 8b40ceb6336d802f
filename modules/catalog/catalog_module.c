/* The catalog: which nodes there are, which services they offer. What it contributes; nothing happens here. See catalog_prepare.c
 * for what a registration may say, catalog_apply.c and catalog_write.c for what it does, catalog_query.c for reads, catalog_http.c
 * for the routes, catalog_zone.c for DNS, catalog_leader.c for the leader's own registration. */
#include "catalog_slice.h"

static const struct co_table tables[] = {
    {CATALOG_NODES, "nodes"},
    {CATALOG_SERVICES, "services"},
    {CATALOG_CHECKS, "checks"},
    {CATALOG_SERVICE_NAMES, "service-names"},
    {CATALOG_CHECK_STATES, "check-states"},
    {CATALOG_SERVICE_CHECKS, "service-checks"},
    {CATALOG_NODE_IDS, "node-ids"},
};

const struct co_method catalog_methods[CATALOG_METHOD_COUNT] = {
    [CATALOG_REGISTER] = {.name = "Catalog.Register", .command = 32, .command_version = 1, .access = CO_ACCESS_WRITE,
                          .resource = "node", .request = &catalog_register_schema,
                          .prepare = catalog_register_prepare, .apply = catalog_register_apply},
    [CATALOG_DEREGISTER] = {.name = "Catalog.Deregister", .command = 33, .command_version = 1, .access = CO_ACCESS_WRITE,
                            .resource = "node", .request = &catalog_deregister_schema,
                            .prepare = catalog_deregister_prepare, .apply = catalog_deregister_apply},
    [CATALOG_LIST_NODES] = {.name = "Catalog.ListNodes", .access = CO_ACCESS_READ, .resource = "node",
                            .request = &catalog_query_schema, .reply = &catalog_nodes_reply_schema, .query = catalog_list_nodes},
    [CATALOG_LIST_SERVICES] = {.name = "Catalog.ListServices", .access = CO_ACCESS_READ, .resource = "service",
                               .request = &catalog_query_schema, .reply = &catalog_services_reply_schema,
                               .query = catalog_list_services},
    [CATALOG_SERVICE_NODES] = {.name = "Catalog.ServiceNodes", .access = CO_ACCESS_READ, .resource = "service",
                               .request = &catalog_query_schema, .reply = &catalog_instances_reply_schema,
                               .query = catalog_service_nodes},
    [CATALOG_NODE_SERVICES] = {.name = "Catalog.NodeServices", .access = CO_ACCESS_READ, .resource = "node",
                               .request = &catalog_node_request_schema, .reply = &catalog_node_reply_schema,
                               .query = catalog_node_services},
    [CATALOG_LIST_DATACENTERS] = {.name = "Catalog.ListDatacenters", .access = CO_ACCESS_NONE, .resource = "node",
                                  .request = &catalog_query_schema, .reply = &catalog_datacenters_reply_schema,
                                  .query = catalog_list_datacenters},
};

static const struct co_route routes[] = {
    {.verbs = CO_PUT, .pattern = "/v1/catalog/register", .handle = catalog_http_register,
     .doc = "Registers a node, and with it a service or checks."},
    {.verbs = CO_PUT, .pattern = "/v1/catalog/deregister", .handle = catalog_http_deregister,
     .doc = "Removes a node, one of its services or one of its checks."},
    {.verbs = CO_GET, .pattern = "/v1/catalog/datacenters", .handle = catalog_http_datacenters, .doc = "Lists the datacenters."},
    {.verbs = CO_GET, .pattern = "/v1/catalog/nodes", .handle = catalog_http_nodes, .doc = "Lists the nodes: ?node-meta."},
    {.verbs = CO_GET, .pattern = "/v1/catalog/services", .handle = catalog_http_services,
     .doc = "Lists the services' names and tags: ?node-meta."},
    {.verbs = CO_GET, .pattern = "/v1/catalog/service/:service", .handle = catalog_http_service,
     .doc = "Lists the instances of a service: ?tag, ?node-meta."},
    {.verbs = CO_GET, .pattern = "/v1/catalog/node/:node", .handle = catalog_http_node,
     .doc = "A node and its services, by service id."},
    {.verbs = CO_GET, .pattern = "/v1/catalog/node-services/:node", .handle = catalog_http_node_services,
     .doc = "A node and the list of its services."},
};

static const struct co_zone zones[] = {
    {.label = "node", .is_node = true, .question = catalog_zone_question, .answer = catalog_zone_answer},
};

static const struct co_offer offers[] = {
    {CO_OFFER_TABLES, "catalog", tables, CO_COUNT(tables)},
    {CO_OFFER_METHODS, "catalog", catalog_methods, CATALOG_METHOD_COUNT},
    {CO_OFFER_ROUTES, "catalog", routes, CO_COUNT(routes)},
    {CO_OFFER_ZONES, "catalog", zones, CO_COUNT(zones)},
    {CO_OFFER_END, NULL, NULL, 0},
};

static const char *const needs[] = {"storage", "consensus", NULL};

const struct co_module CO_MODULE_SYMBOL(catalog) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "catalog",
    .summary = "nodes, services and checks: /v1/catalog, node.consul",
    .needs = needs,
    .state_size = sizeof(struct catalog),
    .offers = offers,
    .init = catalog_init,
    .start = catalog_start,
    .stop = catalog_stop,
};
