/* What route handlers call besides the operations of their exchange: short ways to answer, to bind a body and to fill a page.
 * Knows nothing about sockets or the server behind `struct co_http_ops`. */
#include "cohort/http.h"

#include <stdio.h>
#include <stdlib.h>

#include "cohort/agent.h"
#include "cohort/module.h"

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"

void co_http_text(struct co_http *http, int status, const char *format, ...) {
    char brief[512];
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int size = vsnprintf(brief, sizeof brief, format, list);
    va_end(list);
    if (size < 0) size = 0;
    char *text = brief;
    if ((size_t)size >= sizeof brief) {
        text = co_arena_alloc(http->arena, (size_t)size + 1);
        vsnprintf(text, (size_t)size + 1, format, again);
    }
    va_end(again);
    http->ops->reply(http, status, TEXT_TYPE, co_bytes(text, (size_t)size));
}

void co_http_fail(struct co_http *http, const struct co_error *error) {
    const char *text = error->text[0] ? error->text : co_status_text(error->status);
    http->ops->reply(http, co_status_http(error->status), TEXT_TYPE, co_bytes_text(text));
}

void co_http_json(struct co_http *http, const struct co_schema *schema, const void *value) {
    struct co_buffer body = {0};
    co_encode_json(schema, value, &body);
    http->ops->reply(http, 200, JSON_TYPE, co_bytes(body.data, body.size));
    co_buffer_fini(&body);
}

struct gathering {
    struct co_arena *arena;
    struct co_strings strings;
    size_t room;
};

static void gather(void *arg, const char *value) {
    struct gathering *gathering = arg;
    struct co_strings *strings = &gathering->strings;
    if (strings->count == gathering->room) {
        size_t room = gathering->room ? gathering->room * 2 : 4;
        const char **items = co_arena_alloc(gathering->arena, room * sizeof *items);
        if (strings->count) memcpy(items, strings->items, strings->count * sizeof *items);
        strings->items = items;
        gathering->room = room;
    }
    strings->items[strings->count++] = value;
}

struct co_strings co_http_query_all(struct co_http *http, const char *name) {
    struct gathering gathering = {.arena = http->arena};
    http->ops->query_each(http, name, gather, &gathering);
    return gathering.strings;
}

const char *co_http_datacenter(struct co_http *http) {
    const char *asked = co_http_query(http, "dc");
    return asked && asked[0] ? asked : co_ctx_agent(http->ctx)->datacenter;
}

bool co_http_bind(struct co_http *http, const struct co_schema *schema, void *out) {
    if (http->body.size == 0) {
        co_http_text(http, 400, "Request decode failed: EOF");
        return false;
    }
    struct co_error error = {0};
    co_status status = co_decode_json(schema, out, http->body, http->arena, &error);
    if (status == CO_OK) return true;
    co_http_text(http, 400, "Request decode failed: %s", error.text[0] ? error.text : co_status_text(status));
    return false;
}

/* Compact JSON becomes what ?pretty shows: indented, with a newline behind it. */
static void take_body(struct co_http_page *page, struct co_buffer *json) {
    if (!page->is_indented) {
        if (page->body.size == 0) {
            co_buffer_fini(&page->body);
            page->body = *json;
            return;
        }
        co_buffer_add(&page->body, json->data, json->size);
    } else {
        co_json_indent(co_bytes(json->data, json->size), &page->body);
        if (page->body.size && page->body.data[page->body.size - 1] != '\n') co_buffer_add_byte(&page->body, '\n');
    }
    co_buffer_fini(json);
}

void co_http_page_json(struct co_http_page *page, const struct co_schema *schema, const void *value) {
    struct co_buffer json = {0};
    co_encode_json(schema, value, &json);
    take_body(page, &json);
}

void co_http_page_list(struct co_http_page *page, const struct co_schema *schema, struct co_records records) {
    struct co_buffer json = {0};
    if (records.items)
        co_encode_json_list(schema, records, &json);
    else
        co_buffer_add(&json, "[]", 2);
    take_body(page, &json);
}
