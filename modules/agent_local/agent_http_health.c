/* Routes for load balancers: the health of a service of this node, told by the HTTP status. */
#include "agent_local.h"

enum aggregate { PASSING, WARNING, CRITICAL, MAINTENANCE };
static const struct {
    const char *text;
    int status;
} aggregates[] = {{"passing", 200}, {"warning", 429}, {"critical", 503}, {"maintenance", 503}};

/* Checks of the node count for each of its services. */
static bool is_of_service(const struct local_check *check, const char *id) {
    return check->def && (!*check->def->service_id || !strcmp(check->def->service_id, id));
}

static enum aggregate aggregate(const struct agent_local *self, const char *id) {
    enum aggregate worst = PASSING;
    for (size_t i = 0; i < self->checks.count; i++) {
        const struct local_check *check = self->checks.items[i];
        enum aggregate one;
        if (!is_of_service(check, id)) continue;
        one = !check->def->kind              ? MAINTENANCE
              : check->health == CO_CRITICAL ? CRITICAL
              : check->health == CO_WARNING  ? WARNING
                                             : PASSING;
        if (one > worst) worst = one;
    }
    return worst;
}

static void add_text(struct co_buffer *out, const char *name, const char *value) {
    co_buffer_printf(out, "\"%s\":", name);
    co_buffer_add_json_string(out, value, strlen(value));
    co_buffer_add_byte(out, ',');
}

/* In this answer Consul leaves type and definition empty. */
static void add_check(const struct agent_local *self, const struct local_check *check, struct co_buffer *out) {
    const struct catalog_check row = local_check_row(self, check);
    co_buffer_add_byte(out, '{');
    add_text(out, "Node", row.node);
    add_text(out, "CheckID", row.check_id);
    add_text(out, "Name", row.name);
    add_text(out, "Status", row.status);
    add_text(out, "Notes", row.notes);
    add_text(out, "Output", row.output);
    add_text(out, "ServiceID", row.service_id);
    add_text(out, "ServiceName", row.service_name);
    co_buffer_add_text(out, "\"ServiceTags\":");
    if (row.service_tags.count == 0) co_buffer_add_text(out, "null");
    for (size_t i = 0; i < row.service_tags.count; i++) {
        const char *tag = row.service_tags.items[i];
        co_buffer_add_byte(out, i ? ',' : '[');
        co_buffer_add_json_string(out, tag, strlen(tag));
    }
    if (row.service_tags.count) co_buffer_add_byte(out, ']');
    co_buffer_add_text(
        out, ",\"Type\":\"\",\"Definition\":{\"Interval\":\"0s\",\"Timeout\":\"0s\","
             "\"DeregisterCriticalServiceAfter\":\"0s\",\"HTTP\":\"\",\"Header\":null,\"Method\":\"\",\"Body\":\"\","
             "\"TLSSkipVerify\":false,\"TCP\":\"\"},\"CreateIndex\":0,\"ModifyIndex\":0}");
}

static void add_service(const struct agent_local *self, const struct local_service *service, enum aggregate health,
                        struct co_buffer *out) {
    struct local_agent_service shown = local_agent_service(service);
    const char *separator = "";
    co_buffer_printf(out, "{\"AggregatedStatus\":\"%s\",\"Service\":", aggregates[health].text);
    co_encode_json(&local_agent_service_schema, &shown, out);
    co_buffer_add_text(out, ",\"Checks\":[");
    for (size_t i = 0; i < self->checks.count; i++) {
        const struct local_check *check = self->checks.items[i];
        if (!is_of_service(check, service->id)) continue;
        co_buffer_add_text(out, separator);
        add_check(self, check, out);
        separator = ",";
    }
    co_buffer_add_text(out, "]}");
}

static bool is_text(struct co_http *http) {
    const char *format = co_http_query(http, "format");
    return format && !strcmp(format, "text");
}

static void reply(struct co_http *http, enum aggregate health, struct co_buffer *json) {
    co_http_set_header(http, "X-Consul-Reason", aggregates[health].text);
    if (is_text(http))
        co_http_reply(http, aggregates[health].status, "text/plain", co_bytes_text(aggregates[health].text));
    else
        co_http_reply(http, aggregates[health].status, "application/json", co_bytes(json->data, json->size));
    co_buffer_fini(json);
}

void local_http_health_id(void *state, struct co_http *http) {
    struct agent_local *self = state;
    const char *id = http->params[0];
    const struct local_service *service = local_service_find(self, id);
    struct co_buffer json = {0};
    enum aggregate health;
    if (!*id) {
        co_http_text(http, 500, "Bad request: Missing serviceID");
        return;
    }
    if (!service) {
        const char *reason = co_arena_printf(http->arena, "ServiceId %s not found", id);
        co_http_set_header(http, "X-Consul-Reason", reason);
        if (is_text(http))
            co_buffer_add_json_string(&json, reason, strlen(reason));
        else
            co_buffer_add_text(&json, "{\"AggregatedStatus\":\"critical\",\"Service\":null,\"Checks\":null}");
        co_http_reply(http, 404, "application/json", co_bytes(json.data, json.size));
        co_buffer_fini(&json);
        return;
    }
    health = aggregate(self, id);
    add_service(self, service, health, &json);
    reply(http, health, &json);
}

void local_http_health_name(void *state, struct co_http *http) {
    struct agent_local *self = state;
    const char *name = http->params[0], *separator = "[";
    struct co_buffer json = {0};
    enum aggregate worst = PASSING;
    if (!*name) {
        co_http_text(http, 500, "Bad request: Missing service Name");
        return;
    }
    for (size_t i = 0; i < self->services.count; i++) {
        const struct local_service *service = self->services.items[i];
        if (!service->def || strcmp(service->def->row.service, name)) continue;
        enum aggregate health = aggregate(self, service->id);
        co_buffer_add_text(&json, separator);
        add_service(self, service, health, &json);
        separator = ",";
        if (health > worst) worst = health;
    }
    if (*separator == '[') {
        const char *reason = co_arena_printf(http->arena, "ServiceName %s Not Found", name);
        co_http_set_header(http, "X-Consul-Reason", reason);
        if (is_text(http))
            co_http_reply(http, 404, "text/plain", co_bytes_text(reason));
        else
            co_http_reply(http, 404, "application/json", co_bytes_text("[]"));
        return;
    }
    co_buffer_add_byte(&json, ']');
    reply(http, worst, &json);
}
