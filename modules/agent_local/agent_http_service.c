/* Routes of services: list, read (with waiting for a change by ?hash), register, remove. */
#include "agent_local.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_DEFAULT_NS (300 * CO_SECOND)
#define WAIT_MAX_NS     (600 * CO_SECOND)

CO_SCHEMA(agent_address_schema, struct catalog_service_address, "ServiceAddress",
          CO_FIELD(0, struct catalog_service_address, address, "Address", 0),
          CO_FIELD(0, struct catalog_service_address, port, "Port", 0));
CO_SCHEMA(agent_weights_schema, struct catalog_weights, "AgentWeights",
          CO_FIELD(0, struct catalog_weights, passing, "Passing", 0),
          CO_FIELD(0, struct catalog_weights, warning, "Warning", 0));
CO_SCHEMA(local_agent_service_schema, struct local_agent_service, "AgentService",
          CO_FIELD(0, struct local_agent_service, row.kind, "Kind", CO_OMIT_EMPTY),
          CO_FIELD(0, struct local_agent_service, row.id, "ID", 0),
          CO_FIELD(0, struct local_agent_service, row.service, "Service", 0),
          CO_FIELD(0, struct local_agent_service, row.tags, "Tags", 0),
          CO_FIELD(0, struct local_agent_service, row.meta, "Meta", 0),
          CO_FIELD(0, struct local_agent_service, row.port, "Port", 0),
          CO_FIELD(0, struct local_agent_service, row.address, "Address", 0),
          CO_TABLE_OF(0, struct local_agent_service, row.tagged_addresses, "TaggedAddresses", CO_OMIT_EMPTY,
                      &agent_address_schema),
          CO_RECORD(0, struct local_agent_service, row.weights, "Weights", 0, &agent_weights_schema),
          CO_FIELD(0, struct local_agent_service, row.enable_tag_override, "EnableTagOverride", 0),
          CO_FIELD(0, struct local_agent_service, content_hash, "ContentHash", CO_OMIT_EMPTY));

/* Empty lists are [] and {} here, never null. */
struct local_agent_service local_agent_service(const struct local_service *service) {
    static const char *no_tags[1];
    static struct co_pair no_meta[1];
    struct local_agent_service shown = {.row = local_service_row(service)};
    if (!shown.row.tags.items) shown.row.tags.items = no_tags;
    if (!shown.row.meta.items) shown.row.meta.items = no_meta;
    return shown;
}

bool local_http_unfiltered(struct co_http *http) {
    const char *filter = co_http_query(http, "filter");
    if (!filter || !*filter) return true;
    co_http_text(http, 400, "?filter is not supported by this version yet");
    return false;
}

void local_http_services(void *state, struct co_http *http) {
    struct agent_local *self = state;
    struct co_buffer body = {0};
    const char *separator = "{";
    if (!local_http_unfiltered(http)) return;
    for (size_t i = 0; i < self->services.count; i++) {
        const struct local_service *service = self->services.items[i];
        if (!service->def) continue;
        struct local_agent_service shown = local_agent_service(service);
        co_buffer_add_text(&body, separator);
        co_buffer_add_json_string(&body, service->id, strlen(service->id));
        co_buffer_add_byte(&body, ':');
        co_encode_json(&local_agent_service_schema, &shown, &body);
        separator = ",";
    }
    co_buffer_add_text(&body, *separator == '{' ? "{}" : "}");
    co_http_reply(http, 200, "application/json", co_bytes(body.data, body.size));
    co_buffer_fini(&body);
}

/* --- one service, and waiting for its change --- */

struct local_waiter {
    struct local_waiter *next, **link;
    struct agent_local *self;
    struct co_http *http; /* stays valid until it is answered */
    const char *id, *hash;
    struct co_timer timer;
};

/* The same for the same content, in every process: FNV-1a over the answer. */
static void content_hash(const struct local_agent_service *shown, char out[17]) {
    struct co_buffer text = {0};
    uint64_t hash = UINT64_C(14695981039346656037);
    co_encode_json(&local_agent_service_schema, shown, &text);
    for (size_t i = 0; i < text.size; i++) hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
    co_buffer_fini(&text);
}

/* Answers unless the content is still that of `known` (NULL: answers in any case). */
static bool service_answer(struct agent_local *self, struct co_http *http, const char *id, const char *known) {
    const struct local_service *service = local_service_find(self, id);
    struct local_agent_service shown;
    char hash[17];
    if (!service) {
        co_http_text(http, 404, "unknown service ID: %s", id);
        return true;
    }
    shown = local_agent_service(service);
    content_hash(&shown, hash);
    if (known && !strcmp(known, hash)) return false;
    shown.content_hash = hash;
    co_http_set_header(http, "X-Consul-Contenthash", hash);
    co_http_json(http, &local_agent_service_schema, &shown);
    return true;
}

static void waiter_end(struct local_waiter *waiter) {
    co_timer_stop(&waiter->timer);
    *waiter->link = waiter->next;
    if (waiter->next) waiter->next->link = waiter->link;
    free(waiter);
}

static void waiter_due(void *arg) {
    struct local_waiter *waiter = arg;
    service_answer(waiter->self, waiter->http, waiter->id, NULL);
    waiter_end(waiter);
}

void local_waiters_wake(struct agent_local *self, bool all) {
    struct local_waiter *next;
    for (struct local_waiter *waiter = self->waiters; waiter; waiter = next) {
        next = waiter->next;
        if (service_answer(self, waiter->http, waiter->id, all ? NULL : waiter->hash)) waiter_end(waiter);
    }
}

void local_http_service(void *state, struct co_http *http) {
    struct agent_local *self = state;
    const char *known = co_http_query(http, "hash"), *wait = co_http_query(http, "wait");
    struct local_waiter *waiter;
    int64_t wait_ns = WAIT_DEFAULT_NS;
    if (known && wait && *wait && !co_duration_parse(wait, &wait_ns)) {
        co_http_text(http, 400, "Invalid wait time");
        return;
    }
    if (service_answer(self, http, http->params[0], known && *known && !self->is_stopping ? known : NULL)) return;
    if (wait_ns <= 0) wait_ns = WAIT_DEFAULT_NS;
    if (wait_ns > WAIT_MAX_NS) wait_ns = WAIT_MAX_NS;
    wait_ns += (int64_t)co_random_below((uint64_t)wait_ns / 16 + 1);
    waiter = co_calloc(1, sizeof *waiter);
    waiter->self = self;
    waiter->http = http;
    waiter->id = http->params[0];
    waiter->hash = known;
    waiter->link = &self->waiters;
    waiter->next = self->waiters;
    if (waiter->next) waiter->next->link = &waiter->next;
    self->waiters = waiter;
    co_timer_start(self->loop, &waiter->timer, (uint64_t)(wait_ns / CO_MILLISECOND), waiter_due, waiter);
}

/* --- changing --- */

/* What Go's decoder says about a text that ends too early, and our parser's reason for everything else. */
struct co_node *local_http_body(struct co_http *http) {
    struct co_node *node = NULL;
    struct co_error error = {0};
    const char *at = http->body.data;
    size_t size = http->body.size;
    while (size && strchr(" \t\r\n", *at)) at++, size--;
    if (size == 0) {
        co_http_text(http, 400, "Request decode failed: EOF");
        return NULL;
    }
    if (co_tree_parse_body(http->arena, http->body, &node, &error) == CO_OK) return node;
    bool is_cut = (*at == '{' || *at == '[') && !memchr(at, *at == '{' ? '}' : ']', size);
    co_http_text(http, 400, "Request decode failed: %s", is_cut ? "unexpected EOF" : error.text);
    return NULL;
}

static void persist(struct agent_local *self, const struct local_service *service, const char *const *checks,
                    size_t count) {
    local_persist_service(self, service->def);
    for (size_t i = 0; i < count; i++) {
        const struct local_check *check = local_check_find(self, checks[i]);
        if (check) local_persist_check(self, check->def);
    }
}

void local_http_service_register(void *state, struct co_http *http) {
    struct agent_local *self = state;
    struct co_error error = {0};
    struct local_report report = {.error = &error};
    const struct co_node *body = local_http_body(http);
    struct local_service_def *def;
    const char **checks, *id, *replace = co_http_query(http, "replace-existing-checks");
    size_t count;
    if (!body) return;
    def = local_service_parse(self, body, true, &report);
    if (!def) {
        co_http_fail(http, &error);
        return;
    }
    count = def->check_count;
    checks = co_arena_array(http->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) checks[i] = co_arena_strdup(http->arena, def->checks[i]->id);
    id = co_arena_strdup(http->arena, def->row.id);
    if (local_service_add(self, def, replace && (!*replace || !strcmp(replace, "true") || !strcmp(replace, "1")),
                          &error)) {
        co_http_fail(http, &error);
        return;
    }
    persist(self, local_service_find(self, id), checks, count);
    co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
}

void local_http_service_deregister(void *state, struct co_http *http) {
    struct agent_local *self = state;
    struct local_service *service = local_service_find(self, http->params[0]);
    if (!*http->params[0]) {
        co_http_text(http, 500, "ServiceID missing");
        return;
    }
    if (service)
        local_service_remove(self, service);
    else
        co_log_warn(self->log, "unknown service deregistered", "service=%s", http->params[0]);
    co_http_reply(http, 200, NULL, co_bytes(NULL, 0));
}
