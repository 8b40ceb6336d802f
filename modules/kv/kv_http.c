/* /v1/kv/KEY: binds requests to the slice's methods and renders their replies. Refuses what no method can mean: no key, flags
 * that exclude each other, numbers that are none, keys with control characters. Answers have Consul's shape. */
#include "kv.h"

#include <errno.h>
#include <stdlib.h>

enum shape { SHAPE_ENTRIES, SHAPE_RAW };

static void render_entries(struct co_http_page *page, const void *request, const void *reply, uint64_t shape) {
    const struct kv_list *list = reply;
    (void)request;
    if (list->entries.count == 0) {
        page->status = 404;
        page->content_type = NULL;
        return;
    }
    if (shape == SHAPE_RAW) {
        const struct kv_entry *entry = list->entries.items;
        page->content_type = "text/plain";
        co_buffer_add(&page->body, entry->value.data, entry->value.size);
        return;
    }
    co_http_page_list(page, &kv_entry_schema, list->entries);
}

static void render_keys(struct co_http_page *page, const void *request, const void *reply, uint64_t shape) {
    const struct kv_request *wanted = request;
    const struct kv_keys *list = reply;
    (void)shape;
    if (list->keys.count == 0 && wanted->key[0]) {
        page->status = 404;
        page->content_type = NULL;
        return;
    }
    struct co_buffer json = {0};
    co_buffer_add_byte(&json, '[');
    for (size_t i = 0; i < list->keys.count; i++) {
        if (i) co_buffer_add_byte(&json, ',');
        co_buffer_add_json_string(&json, list->keys.items[i], strlen(list->keys.items[i]));
    }
    co_buffer_add_byte(&json, ']');
    if (page->is_indented) {
        co_json_indent(co_bytes(json.data, json.size), &page->body);
    } else {
        co_buffer_add(&page->body, json.data, json.size);
    }
    co_buffer_fini(&json);
}

static void written(struct co_http *http, co_status status, const struct co_error *error, uint64_t index,
                    const void *reply) {
    (void)index;
    if (status) {
        co_http_fail(http, error);
        return;
    }
    const struct kv_apply_reply *answer = reply;
    co_http_reply(http, 200, "application/json", co_bytes_text(answer->is_done ? "true" : "false"));
}

/* An absent parameter leaves `out` alone. On false an answer has been given: Go's words and status 500, which clients know. */
static bool number(struct co_http *http, const char *name, uint64_t *out) {
    const char *text = co_http_query(http, name);
    if (!text) return true;
    bool is_number = text[0] != 0 && strspn(text, "0123456789") == strlen(text);
    errno = 0;
    unsigned long long value = is_number ? strtoull(text, NULL, 10) : 0;
    if (!is_number || errno == ERANGE) {
        co_http_text(http, 500, "strconv.ParseUint: parsing \"%.64s\": %s", text,
                     is_number ? "value out of range" : "invalid syntax");
        return false;
    }
    *out = value;
    return true;
}

static bool exclusive(struct co_http *http, const char *const *names, size_t count) {
    struct co_buffer text = {0};
    unsigned present = 0;
    for (size_t i = 0; i < count; i++) {
        const char *value = co_http_query(http, names[i]);
        if (!value) continue;
        co_buffer_printf(&text, "%s%s=%.64s", present ? "&" : "", names[i], value);
        present++;
    }
    if (present > 1) co_http_text(http, 400, "Conflicting flags: %s", co_buffer_text(&text));
    co_buffer_fini(&text);
    return present <= 1;
}

static void get(struct co_http *http, const char *key) {
    bool is_keys = co_http_has(http, "keys"), is_list = co_http_has(http, "recurse");
    struct kv_request request = {.key = key};
    if (is_keys) {
        request.separator = co_http_query(http, "separator");
        if (!request.separator) request.separator = "";
        co_http_ask(http, &kv_methods[KV_LIST_KEYS], &request, render_keys, 0);
        return;
    }
    if (is_list) {
        co_http_ask(http, &kv_methods[KV_LIST], &request, render_entries, SHAPE_ENTRIES);
        return;
    }
    if (key[0] == 0) {
        co_http_text(http, 400, "Missing key name");
        return;
    }
    bool is_raw = co_http_has(http, "raw");
    if (is_raw) { /* a stored page must not run in the browser of whoever looks at it */
        co_http_set_header(http, "X-Content-Type-Options", "nosniff");
        co_http_set_header(http, "Content-Security-Policy", "sandbox");
    }
    co_http_ask(http, &kv_methods[KV_GET], &request, render_entries, is_raw ? SHAPE_RAW : SHAPE_ENTRIES);
}

static void put(struct co_http *http, const char *key) {
    static const char *const exclude[] = {"acquire", "cas", "release"};
    if (key[0] == 0) {
        co_http_text(http, 400, "Missing key name");
        return;
    }
    if (!exclusive(http, exclude, CO_COUNT(exclude))) return;
    if (co_http_has(http, "acquire") || co_http_has(http, "release")) {
        co_http_text(http, 400, "Sessions are not supported by this version yet: ?acquire and ?release cannot be used");
        return;
    }
    struct kv_apply_request request = {.op = "set", .entry = {.key = key, .value = http->body}};
    if (!number(http, "flags", &request.entry.flags)) return;
    if (co_http_has(http, "cas")) {
        if (!number(http, "cas", &request.entry.modify_index)) return;
        request.op = "cas";
    }
    long long limit = co_ctx_agent(http->ctx)->limits.kv_max_value_size;
    if ((long long)http->body.size > limit) {
        co_http_text(http, 413,
                     "Request body(%zu bytes) too large, max size: %lld bytes. See limits.kv_max_value_size.",
                     http->body.size, limit);
        return;
    }
    co_http_write(http, &kv_methods[KV_APPLY], &request, written);
}

static void delete (struct co_http *http, const char *key) {
    static const char *const exclude[] = {"cas", "recurse"};
    if (!exclusive(http, exclude, CO_COUNT(exclude))) return;
    struct kv_apply_request request = {.op = "delete", .entry = {.key = key}};
    if (co_http_has(http, "recurse")) {
        request.op = "delete-tree";
    } else if (key[0] == 0) {
        co_http_text(http, 400, "Missing key name");
        return;
    } else if (co_http_has(http, "cas")) {
        if (!number(http, "cas", &request.entry.modify_index)) return;
        request.op = "delete-cas";
    }
    co_http_write(http, &kv_methods[KV_APPLY], &request, written);
}

void kv_handle(void *self, struct co_http *http) {
    (void)self;
    const char *key = http->tail.data ? http->tail.data : "";
    for (size_t i = 0; i < http->tail.size; i++) {
        unsigned char byte = (unsigned char)key[i];
        if (byte >= 0x20 && byte != 0x7f) continue;
        co_http_text(http, 400, "Invalid key: byte %zu is a control character (0x%02x)", i + 1, byte);
        return;
    }
    if (strcmp(co_http_datacenter(http), co_ctx_agent(http->ctx)->datacenter) != 0) {
        co_http_text(http, 500, "No path to datacenter");
    } else if (http->verb == CO_PUT) {
        put(http, key);
    } else if (http->verb == CO_DELETE) {
        delete (http, key);
    } else {
        get(http, key);
    }
}
