/* From loading to listening: settings, the router from all modules' routes, the page at "/". */
#include <stdlib.h>

#include "http/server.h"

static void on_panic(void *arg, const char *file, unsigned line, const char *reason) {
    (void)arg;
    (void)reason;
    co_assert_failed(reason ? reason : "libmicrohttpd", file, (int)line);
}

co_status http_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    struct http_server *server = self;
    server->ctx = ctx;
    server->loop = co_ctx_loop(ctx);
    server->log = co_ctx_log(ctx);
    server->settings = *(const struct http_settings *)config;
    const struct co_agent_settings *agent = co_ctx_agent(ctx);
    int64_t limits[] = {HTTP_BODY_DEFAULT, agent->limits.kv_max_value_size, agent->limits.txn_max_req_len};
    for (size_t i = 0; i < CO_COUNT(limits); i++)
        if (limits[i] > (int64_t)server->body_default) server->body_default = (size_t)limits[i];
    server->is_indenting = agent->is_dev;
    if (server->settings.connections_max < 1 || server->settings.connections_max > 1000000)
        return co_fail(error, CO_INVALID, "modules.http.connections_max must be between 1 and 1000000");
    if (server->settings.idle_timeout.ns < 0 || server->settings.idle_timeout.ns > 86400 * CO_SECOND)
        return co_fail(error, CO_INVALID, "modules.http.idle_timeout must be between 0s (never) and 24h");
    if (server->settings.rules.max_header_bytes < 4096 || server->settings.rules.max_header_bytes > 1 << 20)
        return co_fail(error, CO_INVALID, "http_config.max_header_bytes must be between 4096 and 1048576");
    MHD_set_panic_func(on_panic, NULL);
    return http_rules_load(server, error);
}

struct gathering {
    struct http_server *server;
    struct co_error *error;
    co_status status;
};

static void add_routes(void *arg, const struct co_module *module, void *self, const struct co_offer *offer) {
    struct gathering *gathering = arg;
    const struct co_route *routes = offer->table;
    for (size_t i = 0; i < offer->count && !gathering->status; i++) {
        gathering->status = http_router_add(&gathering->server->router, &routes[i], self, gathering->error);
        if (gathering->status) co_fail_context(gathering->error, "module %s", module->name);
    }
}

static void name_metrics(struct http_server *server) {
    static const struct {
        enum co_verb verb;
        const char *name;
    } verbs[] = {{CO_GET, "GET"}, {CO_PUT, "PUT"}, {CO_POST, "POST"}, {CO_DELETE, "DELETE"}};
    for (struct http_leaf *leaf = server->router.leaves; leaf; leaf = leaf->next) {
        for (size_t i = 0; i < CO_COUNT(verbs); i++) {
            struct http_target *target = &leaf->targets[http_verb_slot(verbs[i].verb)];
            if (!target->route) continue;
            struct co_buffer name = {0};
            http_metric_name(&name, verbs[i].name, leaf->pattern);
            target->metric = co_metric(server->ctx, CO_METRIC_SAMPLE, co_buffer_text(&name), NULL);
            co_buffer_fini(&name);
        }
    }
}

co_status http_start(void *self, struct co_error *error) {
    struct http_server *server = self;
    struct gathering gathering = {server, error, CO_OK};
    co_ctx_offers(server->ctx, CO_OFFER_ROUTES, add_routes, &gathering);
    if (gathering.status) return gathering.status;
    name_metrics(server);
    return http_listen(server, error);
}

void http_fini(void *self) {
    struct http_server *server = self;
    if (!server->loop) return;
    co_timer_stop(&server->stop_timer);
    co_defer_stop(server->loop, &server->stop_turn);
    http_listeners_close(server);
    http_hangup_fini(server);
    http_exchanges_fini(server);
    http_views_fini(server);
    http_router_fini(&server->router);
    free(server->writers);
    server->writers = NULL;
}

void http_home(void *self, struct co_http *http) {
    (void)self;
    co_http_text(http, 200, "Cohort agent %s. The API is below /v1; see /v1/agent/self.\n", CO_VERSION);
}
