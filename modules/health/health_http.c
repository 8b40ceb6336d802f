/* /v1/health: binds requests to the slice's methods and renders their replies. */
#include "health.h"

void health_render_checks(struct co_http_page *page, const void *request, const void *reply, uint64_t variant) {
    const struct health_checks_reply *answer = reply;
    (void)request;
    (void)variant;
    catalog_json_checks(&page->body, answer->checks);
    catalog_page_finish(page);
}

static bool all_pass(const struct health_instance *instance) {
    const struct catalog_check *checks = instance->checks.items;
    for (size_t i = 0; i < instance->checks.count; i++) {
        if (strcmp(checks[i].status, "passing") != 0) return false;
    }
    return true;
}

void health_render_instances(struct co_http_page *page, const void *request, const void *reply, uint64_t only_passing) {
    const struct health_instances_reply *answer = reply;
    const struct health_instance *instances = answer->instances.items;
    struct co_buffer *out = &page->body;
    bool any = false;
    (void)request;
    co_buffer_add_byte(out, '[');
    for (size_t i = 0; i < answer->instances.count; i++) {
        if (only_passing && !all_pass(&instances[i])) continue;
        co_buffer_add_text(out, any ? ",{\"Node\":" : "{\"Node\":");
        any = true;
        catalog_json_node(out, instances[i].node);
        co_buffer_add_text(out, ",\"Service\":");
        catalog_json_service(out, instances[i].service);
        co_buffer_add_text(out, ",\"Checks\":");
        catalog_json_checks(out, instances[i].checks);
        co_buffer_add_byte(out, '}');
    }
    co_buffer_add_byte(out, ']');
    catalog_page_finish(page);
}

static void ask_checks(struct co_http *http, const char *what, enum health_method method) {
    struct catalog_query query;
    if (!catalog_bind(http, http->params[0], what, &query)) return;
    query.tags = (struct co_strings){NULL, 0};
    co_http_ask(http, &health_methods[method], &query, health_render_checks, 0);
}

void health_http_node(void *self, struct co_http *http) {
    (void)self;
    ask_checks(http, "node name", HEALTH_NODE_CHECKS);
}

void health_http_checks(void *self, struct co_http *http) {
    (void)self;
    ask_checks(http, "service name", HEALTH_SERVICE_CHECKS);
}

void health_http_state(void *self, struct co_http *http) {
    (void)self;
    ask_checks(http, "check state", HEALTH_CHECKS_IN_STATE);
}

static bool one_of(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) return true;
    }
    return false;
}

void health_http_service(void *self, struct co_http *http) {
    static const char *const yes[] = {"", "1", "t", "T", "true", "TRUE", "True"}, *const no[] = {"0",     "f",
                                                                                                 "F",     "false",
                                                                                                 "FALSE", "False"};
    struct catalog_query query;
    (void)self;
    if (!catalog_bind(http, http->params[0], "service name", &query)) return;
    const char *passing = co_http_query(http, "passing");
    bool only_passing = passing && one_of(passing, yes, CO_COUNT(yes));
    if (passing && !only_passing && !one_of(passing, no, CO_COUNT(no))) {
        co_http_text(http, 400, "Invalid value for ?passing");
        return;
    }
    co_http_ask(http, &health_methods[HEALTH_SERVICE_NODES], &query, health_render_instances, only_passing);
}
