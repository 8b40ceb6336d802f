/* Reads and writes on behalf of handlers. A read's finished page holds a ready MHD response, which everyone who asks the same
 * question gets until the data changes; a write waits for its commit. Query parameters of reads are Consul's: index, wait, stale,
 * consistent, cached, max_stale, dc. What ?dc means to a write is up to its route: the catalog's go by their bodies. */
#include <stdio.h>
#include <stdlib.h>

#include "http/server.h"

enum { VIEWS_MAX = 512 };

/* One way of showing replies: what the answers of one view have in common. Made once; lives as long as the server, and as long
 * as the core keeps pages made by it. */
struct http_view {
    struct co_view view; /* first */
    struct http_view *next;
    struct http_server *server;
    co_http_render *render;
    unsigned consistency; /* what X-Consul-Effective-Consistency says */
    bool is_indented;
    struct http_header *headers; /* set by the handler before it asked */
    size_t pages;
    bool is_orphan; /* the server has gone */
};

/* The object of an answer. */
struct page {
    struct http_view *view;
    uint64_t index;
    int status;
    const char *content_type;
    struct co_bytes body; /* owned by `plain` */
    struct MHD_Response *plain, *zipped;
    bool was_zipped; /* tried */
};

/* --- pages --- */

static void add_page_headers(const struct page *page, struct MHD_Response *response) {
    static const char *const names[] = {NULL, "leader", "stale", "consistent"};
    char index[24];
    snprintf(index, sizeof index, "%llu", (unsigned long long)page->index);
    if (page->content_type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page->content_type);
    if (page->view->consistency)
        MHD_add_response_header(response, "X-Consul-Effective-Consistency", names[page->view->consistency]);
    MHD_add_response_header(response, "X-Consul-Index", index);
    MHD_add_response_header(response, "X-Consul-Knownleader", "true");
    MHD_add_response_header(response, "X-Consul-Lastcontact", "0");
    http_add_headers(page->view->server, response, page->view->headers);
}

/* Renderers that write their JSON by hand need not care for ?pretty. */
static void indent(struct co_http_page *page) {
    struct co_buffer *body = &page->body;
    if (!page->is_indented || body->size == 0 || !page->content_type ||
        strcmp(page->content_type, "application/json") != 0)
        return;
    if (!memchr(body->data, '\n', body->size)) {
        struct co_buffer pretty = {0};
        co_json_indent(co_bytes(body->data, body->size), &pretty);
        co_buffer_fini(body);
        *body = pretty;
    }
    if (body->size && body->data[body->size - 1] != '\n') co_buffer_add_byte(body, '\n');
}

static void *render(const struct co_view *of, const struct co_ask *ask, uint64_t index, const void *reply,
                    size_t *size) {
    struct http_view *view = (struct http_view *)of;
    struct co_http_page made = {.status = 200, .content_type = "application/json", .is_indented = view->is_indented};
    view->render(&made, ask->request, reply, ask->variant);
    indent(&made);
    struct page *page = co_calloc(1, sizeof *page);
    page->view = view;
    page->index = index;
    page->status = made.status;
    page->content_type = made.content_type;
    view->pages++;
    size_t body_size = made.body.size, room = made.body.capacity;
    char *body = co_buffer_take(&made.body);
    if (room > 1024 && room > body_size + body_size / 4) body = co_realloc(body, body_size ? body_size : 1);
    page->body = co_bytes(body, body_size);
    page->plain = MHD_create_response_from_buffer(body_size, body, MHD_RESPMEM_MUST_FREE);
    co_assert(page->plain);
    add_page_headers(page, page->plain);
    *size = sizeof *page + body_size + 1024; /* what MHD keeps per response */
    return page;
}

static void view_free(struct http_view *view) {
    while (view->headers) {
        struct http_header *header = view->headers;
        view->headers = header->next;
        free((char *)header->name);
        free((char *)header->value);
        free(header);
    }
    free(view);
}

static void release(void *object) {
    struct page *page = object;
    struct http_view *view = page->view;
    MHD_destroy_response(page->plain);
    if (page->zipped) MHD_destroy_response(page->zipped);
    free(page);
    view->pages--;
    if (view->is_orphan && view->pages == 0) view_free(view);
}

/* Compressed at most once, however many ask. */
static struct MHD_Response *page_response(struct page *page, struct http_exchange *exchange) {
    if (page->body.size < HTTP_ZIP_BYTES_MIN || !http_wants_zip(exchange)) return page->plain;
    if (!page->was_zipped) {
        page->was_zipped = true;
        page->zipped = http_zip(page->body);
        if (page->zipped) add_page_headers(page, page->zipped);
    }
    return page->zipped ? page->zipped : page->plain;
}

/* --- views --- */

static bool same_headers(const struct http_header *a, const struct http_header *b) {
    for (; a && b; a = a->next, b = b->next)
        if (strcmp(a->name, b->name) != 0 || strcmp(a->value, b->value) != 0) return false;
    return a == b;
}

static struct http_header *copy_headers(const struct http_header *from) {
    struct http_header *first = NULL, **at = &first;
    for (; from; from = from->next, at = &(*at)->next) {
        *at = co_calloc(1, sizeof **at);
        (*at)->name = co_strdup(from->name);
        (*at)->value = co_strdup(from->value);
    }
    return first;
}

/* NULL when there are too many: handlers set headers that differ from request to request. */
static struct http_view *view_for(struct http_server *server, co_http_render *how, unsigned consistency,
                                  bool is_indented, const struct http_header *headers) {
    uint64_t mixed = ((uint64_t)(uintptr_t)how + consistency * 2 + is_indented) * UINT64_C(0x9e3779b97f4a7c15);
    struct http_view **bucket = &server->views[mixed >> 56];
    for (struct http_view *view = *bucket; view; view = view->next)
        if (view->render == how && view->consistency == consistency && view->is_indented == is_indented &&
            (view->headers == headers || same_headers(view->headers, headers)))
            return view;
    if (server->view_count >= VIEWS_MAX) return NULL;
    struct http_view *view = co_calloc(1, sizeof *view);
    view->view = (struct co_view){"http", render, release};
    view->server = server;
    view->render = how;
    view->consistency = consistency;
    view->is_indented = is_indented;
    view->headers = copy_headers(headers);
    view->next = *bucket;
    *bucket = view;
    server->view_count++;
    return view;
}

void http_views_fini(struct http_server *server) {
    for (size_t i = 0; i < CO_COUNT(server->views); i++) {
        while (server->views[i]) {
            struct http_view *view = server->views[i];
            server->views[i] = view->next;
            view->is_orphan = true;
            if (view->pages == 0) view_free(view);
        }
    }
}

/* --- what the query string says --- */

struct wishes {
    bool is_stale, is_consistent, is_cached, has_other_datacenter;
    uint64_t index;
    int64_t wait_ns;
};

static bool parse_index(const char *text, uint64_t *out) {
    uint64_t value = 0;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* Go's way to write durations knows "0" as the only number without a unit. */
static bool parse_wait(const char *text, int64_t *ns) {
    if (text[strspn(text, "+-")] == '\0') return text[0] == '\0';
    if (strspn(text, "+-0123456789.") == strlen(text)) return strspn(text, "+-0") == strlen(text);
    bool is_negative = text[0] == '-';
    if (text[0] == '-' || text[0] == '+') text++;
    int64_t value = 0;
    if (!co_duration_parse(text, &value)) return false;
    *ns = is_negative ? 0 : value;
    return true;
}

/* Returns NULL, or what is wrong. The first of repeated parameters counts, as in Go. */
static const char *read_wishes(struct http_exchange *exchange, struct wishes *out) {
    const char *index = NULL, *wait = NULL, *datacenter = NULL;
    struct co_bytes rest = exchange->uri.query;
    struct co_arena *arena = &exchange->arena;
    struct http_pair pair;
    while (http_query_next(&rest, &pair)) {
        if (!index && http_query_key_is(pair.key, "index"))
            index = http_query_value(pair.value, arena);
        else if (!wait && http_query_key_is(pair.key, "wait"))
            wait = http_query_value(pair.value, arena);
        else if (!datacenter && http_query_key_is(pair.key, "dc"))
            datacenter = http_query_value(pair.value, arena);
        else if (http_query_key_is(pair.key, "stale") || (pair.value.size && http_query_key_is(pair.key, "max_stale")))
            out->is_stale = true;
        else if (http_query_key_is(pair.key, "consistent"))
            out->is_consistent = true;
        else if (http_query_key_is(pair.key, "cached"))
            out->is_cached = true;
    }
    if (index && !parse_index(index, &out->index)) return "Invalid index";
    if (wait && !parse_wait(wait, &out->wait_ns)) return "Invalid wait time";
    if (out->is_stale && out->is_consistent) return "Cannot specify ?stale with ?consistent, conflicting semantics.";
    if (out->is_cached && out->is_consistent) return "Cannot specify ?cached with ?consistent, conflicting semantics.";
    out->has_other_datacenter =
        datacenter && datacenter[0] && strcmp(datacenter, co_ctx_agent(exchange->http.ctx)->datacenter) != 0;
    return NULL;
}

/* Consul tells the consistency of those reads that could also come from its agent's cache. */
static unsigned consistency_shown(const struct co_method *method, enum co_consistency consistency) {
    const char *name = method->name;
    if (name[0] != 'C' && name[0] != 'H') return HTTP_CONSISTENCY_NONE;
    if (strncmp(name, "Catalog.", 8) != 0 && strncmp(name, "Health.", 7) != 0) return HTTP_CONSISTENCY_NONE;
    switch (consistency) {
    case CO_READ_STALE:
        return HTTP_CONSISTENCY_STALE;
    case CO_READ_CONSISTENT:
        return HTTP_CONSISTENCY_CONSISTENT;
    default:
        return HTTP_CONSISTENCY_LEADER;
    }
}

/* --- reading --- */

/* A failed read tells its state as Consul does, which knows none then; its key/value reads leave it out. */
static void tell_no_state(struct http_exchange *exchange, const struct co_method *method) {
    struct co_http *http = &exchange->http;
    if (strncmp(method->name, "KVS.", 4) == 0) return;
    http->ops->set_header(http, "X-Consul-Index", "1");
    http->ops->set_header(http, "X-Consul-Knownleader", "false");
    http->ops->set_header(http, "X-Consul-Lastcontact", "0");
}

static void fail(struct http_exchange *exchange, co_status status, const struct co_error *error) {
    struct co_error plain = {.status = status};
    co_http_fail(&exchange->http, error && error->status ? error : &plain);
}

/* The handler's headers are not the view's: this one answer gets a response of its own. */
static struct MHD_Response *private_response(struct page *page, const struct http_exchange *exchange) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(page->body.size, (void *)page->body.data, MHD_RESPMEM_MUST_COPY);
    add_page_headers(page, response);
    for (const struct http_header *header = exchange->headers; header; header = header->next)
        MHD_add_response_header(response, header->name, header->value);
    return response;
}

static void asked(void *arg, co_status status, const struct co_error *error, struct co_answer *answer) {
    struct http_exchange *exchange = arg;
    exchange->asking = NULL;
    if (status) {
        tell_no_state(exchange, exchange->reading);
        fail(exchange, status, error);
        return;
    }
    struct page *page = answer->object;
    exchange->answer = co_answer_retain(answer); /* until MHD holds its own reference to the response */
    if (same_headers(page->view->headers, exchange->headers))
        http_answer(exchange, page->status, page_response(page, exchange), false);
    else
        http_answer(exchange, page->status, private_response(page, exchange), true);
}

void http_ask(struct co_http *http, const struct co_method *method, const void *request, co_http_render *how,
              uint64_t variant) {
    struct http_exchange *exchange = (struct http_exchange *)http;
    struct wishes wishes = {0};
    if (!exchange->connection) {
        http_answer(exchange, 503, NULL, false);
        return;
    }
    if (exchange->uri.query.size > 0) {
        const char *wrong = read_wishes(exchange, &wishes);
        if (!wrong && wishes.has_other_datacenter) tell_no_state(exchange, method);
        if (wrong || wishes.has_other_datacenter) {
            http_reply_text(exchange, wrong ? 400 : 500, wrong ? wrong : "No path to datacenter");
            return;
        }
    }
    exchange->reading = method;
    struct co_ask ask = {
        .method = method, .request = request, .variant = variant, .min_index = wishes.index, .wait_ns = wishes.wait_ns};
    ask.consistency = wishes.is_stale ? CO_READ_STALE : wishes.is_consistent ? CO_READ_CONSISTENT : CO_READ_DEFAULT;
    unsigned shown = consistency_shown(method, ask.consistency);
    struct http_view *view = view_for(exchange->server, how, shown, exchange->is_indented, exchange->headers);
    if (!view) view = view_for(exchange->server, how, shown, exchange->is_indented, NULL);
    if (!view) {
        http_reply_text(exchange, 500, "too many kinds of answers");
        return;
    }
    ask.view = &view->view;
    struct co_asking *asking = co_ask(http->ctx, &ask, asked, exchange);
    if (asking) exchange->asking = asking; /* else it has been answered, and may be gone */
}

/* --- writing --- */

static void written(void *arg, co_status status, const struct co_error *error, uint64_t index, const void *reply) {
    struct http_exchange *exchange = arg;
    if (exchange->written)
        exchange->written(&exchange->http, status, error, index, reply);
    else if (status)
        fail(exchange, status, error);
    else
        exchange->http.ops->reply(&exchange->http, 200, "application/json", co_bytes_text("true"));
}

void http_write(struct co_http *http, const struct co_method *method, void *request, co_http_written *then) {
    struct http_exchange *exchange = (struct http_exchange *)http;
    exchange->written = then;
    co_write(http->ctx, method, request, &exchange->arena, written, exchange);
}
