/* Routes of operators: maintenance mode, reload, leave, metrics, and who leads. */
#include "agent_local.h"

#define NODE_REASON "Maintenance mode is enabled for this node, but no reason was provided. This is a default message."
#define SERVICE_REASON                                                                                                 \
    "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."

/* ?enable as Go's ParseBool reads it. Has replied when false. */
static bool enable_parse(struct co_http *http, bool *enable) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"}, *const no[] = {"0",     "f",     "F",
                                                                                             "false", "FALSE", "False"};
    const char *text = co_http_query(http, "enable");
    if (!text) {
        co_http_text(http, 400, "Missing value for enable");
        return false;
    }
    for (size_t i = 0; i < CO_COUNT(yes); i++) {
        if (!strcmp(text, yes[i])) return *enable = true;
        if (!strcmp(text, no[i])) {
            *enable = false;
            return true;
        }
    }
    co_http_text(http, 400, "Invalid value for enable: \"%s\"", text);
    return false;
}

/* Turning on what is on changes nothing, not even the reason. */
static void maintenance_set(struct agent_local *self, struct co_http *http, const char *id, const char *name,
                            const char *service_id, const char *fallback, bool enable) {
    struct local_check *check = local_check_find(self, id);
    const char *reason = co_http_query(http, "reason");
    struct co_error error = {0};
    if (enable && !check) {
        if (local_check_add(self,
                            local_maintenance_def(id, name, service_id, reason && *reason ? reason : fallback, true),
                            &error)) {
            co_http_fail(http, &error);
            return;
        }
        local_persist_check(self, local_check_find(self, id)->def);
        co_log_info(self->log, "maintenance mode entered", "check=%s", id);
    } else if (!enable && check) {
        local_check_remove(self, check);
        co_log_info(self->log, "maintenance mode left", "check=%s", id);
    }
    co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
}

void local_http_maintenance(void *self, struct co_http *http) {
    bool enable;
    if (enable_parse(http, &enable))
        maintenance_set(self, http, LOCAL_MAINTENANCE_NODE, "Node Maintenance Mode", "", NODE_REASON, enable);
}

void local_http_service_maintenance(void *self, struct co_http *http) {
    const char *service = http->params[0];
    bool enable;
    if (!*service) {
        co_http_text(http, 400, "Missing service ID");
        return;
    }
    if (!enable_parse(http, &enable)) return;
    if (!local_service_find(self, service)) {
        co_http_text(http, 404, "No service registered with ID \"%s\"", service);
        return;
    }
    maintenance_set(self, http, co_arena_printf(http->arena, LOCAL_MAINTENANCE_PREFIX "%s", service),
                    "Service Maintenance Mode", service, SERVICE_REASON, enable);
}

void local_http_reload(void *state, struct co_http *http) {
    struct agent_local *self = state;
    struct co_error error = {0};
    if (co_agent_reload(self->ctx, &error)) {
        error.status = CO_INTERNAL; /* a mistake in a file is not one of the caller */
        co_http_fail(http, &error);
        return;
    }
    co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
}

void local_http_leave(void *state, struct co_http *http) {
    struct agent_local *self = state;
    co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
    co_agent_stop(self->ctx, true);
}

void local_http_metrics(void *state, struct co_http *http) {
    struct agent_local *self = state;
    const char *format = co_http_query(http, "format");
    struct co_buffer body = {0};
    if (format && !strcmp(format, "prometheus")) {
        if (self->agent->telemetry.prometheus_retention_time.ns <= 0) {
            co_http_text(http, 415, "Prometheus is not enabled since its retention time is not positive");
            return;
        }
        co_metrics_write_prometheus(self->ctx, &body);
        co_http_reply(http, 200, "text/plain; version=0.0.4; charset=utf-8", co_bytes(body.data, body.size));
    } else {
        co_metrics_write_json(self->ctx, &body);
        co_http_reply(http, 200, "application/json", co_bytes(body.data, body.size));
    }
    co_buffer_fini(&body);
}

/* Has replied when false. */
static bool status_query_check(struct agent_local *self, struct co_http *http) {
    if (co_http_has(http, "stale") && co_http_has(http, "consistent"))
        co_http_text(http, 400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
    else if (strcmp(co_http_datacenter(http), self->agent->datacenter))
        co_http_text(http, 500, "No path to datacenter");
    else
        return true;
    return false;
}

void local_http_status_leader(void *state, struct co_http *http) {
    struct agent_local *self = state;
    const struct co_consensus *consensus = co_ctx_consensus(self->ctx);
    struct co_consensus_status status = {0};
    struct co_buffer body = {0};
    const char *leader;
    if (!status_query_check(self, http)) return;
    consensus->ops->status(consensus->self, &status);
    leader = status.leader_address ? status.leader_address : "";
    co_buffer_add_json_string(&body, leader, strlen(leader));
    co_http_reply(http, 200, "application/json", co_bytes(body.data, body.size));
    co_buffer_fini(&body);
}

void local_http_status_peers(void *state, struct co_http *http) {
    struct agent_local *self = state;
    const struct co_consensus *consensus = co_ctx_consensus(self->ctx);
    struct co_buffer body = {0};
    const char **peers = NULL;
    size_t count = 0;
    if (!status_query_check(self, http)) return;
    consensus->ops->peers(consensus->self, http->arena, &peers, &count);
    co_buffer_add_byte(&body, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) co_buffer_add_byte(&body, ',');
        co_buffer_add_json_string(&body, peers[i], strlen(peers[i]));
    }
    co_buffer_add_byte(&body, ']');
    co_http_reply(http, 200, "application/json", co_bytes(body.data, body.size));
    co_buffer_fini(&body);
}
