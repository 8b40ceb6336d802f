/* Routes of checks: list, register, remove, and the reports of TTL checks. */
#include "agent_local.h"

void local_http_checks(void *state, struct co_http *http) {
    static const char *no_tags[1];
    struct agent_local *self = state;
    struct co_buffer body = {0};
    const char *separator = "{";
    if (!local_http_unfiltered(http)) return;
    for (size_t i = 0; i < self->checks.count; i++) {
        const struct local_check *check = self->checks.items[i];
        if (!check->def) continue;
        struct catalog_check row = local_check_row(self, check);
        if (!row.service_tags.items) row.service_tags.items = no_tags;
        co_buffer_add_text(&body, separator);
        co_buffer_add_json_string(&body, check->id, strlen(check->id));
        co_buffer_add_byte(&body, ':');
        co_encode_json(&catalog_check_schema, &row, &body);
        separator = ",";
    }
    co_buffer_add_text(&body, *separator == '{' ? "{}" : "}");
    co_http_reply(http, 200, "application/json", co_bytes(body.data, body.size));
    co_buffer_fini(&body);
}

void local_http_check_register(void *state, struct co_http *http) {
    struct agent_local *self = state;
    struct co_error error = {0};
    struct local_report report = {.error = &error};
    const struct co_node *body = local_http_body(http);
    struct local_check_def *def;
    const char *id;
    if (!body) return;
    for (const struct co_entry *entry = body->entries; entry; entry = entry->next) {
        if (!co_key_equal(entry->key, "CheckID"))
            continue; /* a check of its own has an ID; CheckID is for a service's */
        local_report_unknown(&report, entry, NULL, 0);
        co_http_fail(http, &error);
        return;
    }
    if (body->kind == CO_NODE_NULL) body = co_tree_object(http->arena);
    def = local_check_parse(self, body, true, NULL, 0, &report);
    if (!def) {
        co_http_fail(http, &error);
        return;
    }
    id = co_arena_strdup(http->arena, def->id);
    if (local_check_add(self, def, &error)) {
        co_http_fail(http, &error);
        return;
    }
    local_persist_check(self, local_check_find(self, id)->def);
    co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
}

void local_http_check_deregister(void *state, struct co_http *http) {
    struct agent_local *self = state;
    struct local_check *check = local_check_find(self, http->params[0]);
    if (!*http->params[0]) {
        co_http_text(http, 500, "CheckID missing");
        return;
    }
    if (check) local_check_remove(self, check);
    co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
}

static void report(struct agent_local *self, struct co_http *http, enum co_health health, const char *output) {
    struct co_error error = {0};
    if (local_ttl_report(self, http->params[0], health, output, strlen(output), &error))
        co_http_fail(http, &error);
    else
        co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
}

static const char *note(struct co_http *http) {
    const char *text = co_http_query(http, "note");
    return text ? text : "";
}

void local_http_check_pass(void *self, struct co_http *http) {
    report(self, http, CO_PASSING, note(http));
}
void local_http_check_warn(void *self, struct co_http *http) {
    report(self, http, CO_WARNING, note(http));
}
void local_http_check_fail(void *self, struct co_http *http) {
    report(self, http, CO_CRITICAL, note(http));
}

struct check_update {
    const char *status, *output;
};
CO_SCHEMA(check_update_schema, struct check_update, "checkUpdate",
          CO_FIELD(0, struct check_update, status, "Status", 0), CO_FIELD(0, struct check_update, output, "Output", 0));

void local_http_check_update(void *self, struct co_http *http) {
    struct co_error error = {0};
    struct local_report problems = {.error = &error};
    struct check_update update = {0};
    const struct co_node *body = local_http_body(http);
    if (!body) return;
    if (body->kind == CO_NODE_OBJECT && !local_bind(&problems, &check_update_schema, &update, body, http->arena)) {
        co_http_fail(http, &error);
        return;
    }
    if (!update.status) update.status = update.output = "";
    if (!strcmp(update.status, "passing"))
        report(self, http, CO_PASSING, update.output);
    else if (!strcmp(update.status, "warning"))
        report(self, http, CO_WARNING, update.output);
    else if (!strcmp(update.status, "critical"))
        report(self, http, CO_CRITICAL, update.output);
    else
        co_http_text(http, 400, "Invalid check status: '%s'", update.status);
}
