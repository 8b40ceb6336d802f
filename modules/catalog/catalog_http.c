/* /v1/catalog: binds requests to the catalog's methods and renders their replies. */
#include "catalog_slice.h"

static void written(struct co_http *http, co_status status, const struct co_error *error, uint64_t index,
                    const void *reply) {
    (void)index;
    (void)reply;
    if (status) { /* whatever the server refuses is its internal error: clients look for 500 */
        int code = status == CO_INVALID ? 500 : co_status_http(status);
        co_http_text(http, code, "%s", error && error->text[0] ? error->text : co_status_text(status));
    } else {
        co_http_reply(http, 200, "application/json", co_bytes_text("true"));
    }
}

void catalog_http_register(void *self, struct co_http *http) {
    struct catalog_register reg = {.id = ""};
    (void)self;
    if (catalog_body(http, &catalog_register_schema, &reg))
        co_http_write(http, &catalog_methods[CATALOG_REGISTER], &reg, written);
}

void catalog_http_deregister(void *self, struct co_http *http) {
    struct catalog_deregister dereg = {.node = ""};
    (void)self;
    if (catalog_body(http, &catalog_deregister_schema, &dereg))
        co_http_write(http, &catalog_methods[CATALOG_DEREGISTER], &dereg, written);
}

/* One datacenter, known without the state: never waits, has no index. */
void catalog_http_datacenters(void *self, struct co_http *http) {
    struct co_buffer json = {0};
    (void)self;
    const char *names[] = {co_ctx_agent(http->ctx)->datacenter};
    catalog_json_strings(&json, &(struct co_strings){names, 1});
    co_http_reply(http, 200, "application/json", co_bytes(json.data, json.size));
    co_buffer_fini(&json);
}

void catalog_render_nodes(struct co_http_page *page, const void *request, const void *reply, uint64_t variant) {
    const struct catalog_nodes_reply *answer = reply;
    const struct catalog_node *nodes = answer->nodes.items;
    (void)request;
    (void)variant;
    co_buffer_add_byte(&page->body, '[');
    for (size_t i = 0; i < answer->nodes.count; i++) {
        if (i) co_buffer_add_byte(&page->body, ',');
        catalog_json_node(&page->body, &nodes[i]);
    }
    co_buffer_add_byte(&page->body, ']');
    catalog_page_finish(page);
}

void catalog_http_nodes(void *self, struct co_http *http) {
    struct catalog_query query;
    (void)self;
    if (!catalog_bind(http, NULL, "", &query)) return;
    query.tags = (struct co_strings){NULL, 0};
    co_http_ask(http, &catalog_methods[CATALOG_LIST_NODES], &query, catalog_render_nodes, 0);
}

void catalog_render_services(struct co_http_page *page, const void *request, const void *reply, uint64_t variant) {
    const struct catalog_services_reply *answer = reply;
    const struct catalog_tags *services = answer->services.items;
    (void)request;
    (void)variant;
    co_buffer_add_byte(&page->body, '{');
    for (size_t i = 0; i < answer->services.count; i++) {
        if (i) co_buffer_add_byte(&page->body, ',');
        catalog_json_text(&page->body, services[i].name);
        co_buffer_add_byte(&page->body, ':');
        catalog_json_strings(&page->body, &services[i].tags);
    }
    co_buffer_add_byte(&page->body, '}');
    catalog_page_finish(page);
}

void catalog_http_services(void *self, struct co_http *http) {
    struct catalog_query query;
    (void)self;
    if (!catalog_bind(http, NULL, "", &query)) return;
    query.tags = (struct co_strings){NULL, 0};
    co_http_ask(http, &catalog_methods[CATALOG_LIST_SERVICES], &query, catalog_render_services, 0);
}

void catalog_render_instances(struct co_http_page *page, const void *request, const void *reply, uint64_t variant) {
    const struct catalog_instances_reply *answer = reply;
    const struct catalog_instance *instances = answer->instances.items;
    (void)request;
    (void)variant;
    co_buffer_add_byte(&page->body, '[');
    for (size_t i = 0; i < answer->instances.count; i++) {
        if (i) co_buffer_add_byte(&page->body, ',');
        catalog_json_instance(&page->body, &instances[i]);
    }
    co_buffer_add_byte(&page->body, ']');
    catalog_page_finish(page);
}

void catalog_http_service(void *self, struct co_http *http) {
    struct catalog_query query;
    (void)self;
    if (!catalog_bind(http, http->params[0], "service name", &query)) return;
    co_http_ask(http, &catalog_methods[CATALOG_SERVICE_NODES], &query, catalog_render_instances, 0);
}

enum shape { SHAPE_BY_ID, SHAPE_LIST };

void catalog_render_node(struct co_http_page *page, const void *request, const void *reply, uint64_t shape) {
    const struct catalog_node_reply *answer = reply;
    const struct catalog_service *services = answer->services.items;
    struct co_buffer *out = &page->body;
    (void)request;
    if (!answer->node) {
        co_buffer_add_text(out, shape == SHAPE_LIST ? "{\"Node\":null,\"Services\":null}" : "null");
        catalog_page_finish(page);
        return;
    }
    co_buffer_add_text(out, "{\"Node\":");
    catalog_json_node(out, answer->node);
    co_buffer_add_text(out, ",\"Services\":");
    if (shape == SHAPE_LIST && answer->services.count == 0) {
        co_buffer_add_text(out, "null");
    } else {
        co_buffer_add_byte(out, shape == SHAPE_LIST ? '[' : '{');
        for (size_t i = 0; i < answer->services.count; i++) {
            if (i) co_buffer_add_byte(out, ',');
            if (shape == SHAPE_BY_ID) {
                catalog_json_text(out, services[i].id);
                co_buffer_add_byte(out, ':');
            }
            catalog_json_service(out, &services[i]);
        }
        co_buffer_add_byte(out, shape == SHAPE_LIST ? ']' : '}');
    }
    co_buffer_add_byte(out, '}');
    catalog_page_finish(page);
}

static void ask_node(struct co_http *http, enum shape shape) {
    struct catalog_query query;
    if (!catalog_bind(http, http->params[0], "node name", &query)) return;
    struct catalog_node_request request = {.node = query.name, .no_checks = true};
    co_http_ask(http, &catalog_methods[CATALOG_NODE_SERVICES], &request, catalog_render_node, shape);
}

void catalog_http_node(void *self, struct co_http *http) {
    (void)self;
    ask_node(http, SHAPE_BY_ID);
}

void catalog_http_node_services(void *self, struct co_http *http) {
    (void)self;
    ask_node(http, SHAPE_LIST);
}
