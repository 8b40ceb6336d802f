/* The life of one request: from MHD's callbacks to a route's handler, from an answer back to MHD. Exchanges wait suspended for
 * answers that come later, and outlive their client until the handler has answered. Content is for the other files. */
#include <stdlib.h>
#include <strings.h>

#include "http/server.h"

enum {
    SPARE_MAX = 256,
    KEEP_ARENA_BYTES = 16 * 1024, /* of an exchange's memory kept for the next one */
    KEEP_BODY_BYTES = 4 * 1024,
    DRAIN_BYTES = 16 << 20, /* read and thrown away behind a body that is too large, so that the client sees why */
};

/* --- birth and death --- */

static struct http_exchange *exchange_new(struct http_server *server) {
    struct http_exchange *exchange = server->spare;
    if (exchange) {
        server->spare = exchange->next;
        server->spare_count--;
        struct co_arena arena = exchange->arena;
        struct co_buffer body = exchange->body;
        memset(exchange, 0, sizeof *exchange);
        exchange->arena = arena;
        exchange->body = body;
    } else {
        exchange = co_calloc(1, sizeof *exchange);
    }
    exchange->server = server;
    exchange->next = server->live;
    if (server->live) server->live->previous = exchange;
    server->live = exchange;
    server->live_count++;
    return exchange;
}

static void stop_turn(void *arg);

static void exchange_free(struct http_exchange *exchange) {
    struct http_server *server = exchange->server;
    if (exchange->owns_response && exchange->response) MHD_destroy_response(exchange->response);
    co_answer_release(exchange->answer);
    if (server) {
        if (exchange->next) exchange->next->previous = exchange->previous;
        *(exchange->previous ? &exchange->previous->next : &server->live) = exchange->next;
        server->live_count--;
        if (server->is_stopping) co_defer_start(server->loop, &server->stop_turn, stop_turn, server);
    }
    if (!server || server->spare_count >= SPARE_MAX) {
        co_arena_fini(&exchange->arena);
        co_buffer_fini(&exchange->body);
        free(exchange);
        return;
    }
    if (exchange->arena.total > KEEP_ARENA_BYTES)
        co_arena_fini(&exchange->arena);
    else
        co_arena_reset(&exchange->arena);
    if (exchange->body.capacity > KEEP_BODY_BYTES) co_buffer_fini(&exchange->body);
    exchange->body.size = 0;
    exchange->next = server->spare;
    server->spare = exchange;
    server->spare_count++;
}

/* --- the request arrives --- */

void *http_exchange_begin(void *arg, const char *uri, struct MHD_Connection *connection) {
    struct http_listener *listener = arg;
    struct http_exchange *exchange = exchange_new(listener->server);
    size_t size = strlen(uri);
    exchange->connection = connection;
    exchange->http.path = co_arena_text(&exchange->arena, uri, size);
    exchange->uri.path_size = size;
    return exchange;
}

static enum co_verb verb_of(const char *method) {
    static const struct {
        const char *name;
        enum co_verb verb;
    } verbs[] = {{"GET", CO_GET},       {"PUT", CO_PUT},   {"POST", CO_POST},
                 {"DELETE", CO_DELETE}, {"HEAD", CO_HEAD}, {"OPTIONS", CO_OPTIONS}};
    for (size_t i = 0; i < CO_COUNT(verbs); i++)
        if (strcmp(method, verbs[i].name) == 0) return verbs[i].verb;
    return 0;
}

static const char *header(struct http_exchange *exchange, const char *name) {
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* Binds path and parameters. */
static void route(struct http_exchange *exchange) {
    struct http_server *server = exchange->server;
    struct co_http *http = &exchange->http;
    struct http_match match;
    if (!http_router_match(&server->router, exchange->uri.path, exchange->uri.path_size, &match)) return;
    exchange->leaf = match.leaf;
    int slot = http_verb_slot(http->verb);
    if (slot < 0 || !match.leaf->targets[slot].route) return;
    exchange->target = &match.leaf->targets[slot];
    http->self = exchange->target->self;
    for (size_t i = 0; i < match.param_count; i++)
        http->params[i] = co_arena_text(&exchange->arena, match.params[i].data, match.params[i].size);
    if (!match.has_tail) return;
    http->tail = co_bytes(exchange->uri.path + match.tail, exchange->uri.path_size - match.tail);
    if (match.param_count < HTTP_PARAMS_MAX) http->params[match.param_count] = http->tail.data;
}

static size_t route_body_max(const struct http_exchange *exchange) {
    return exchange->target && exchange->target->route->body_max ? exchange->target->route->body_max
                                                                 : exchange->server->body_default;
}

struct framing {
    unsigned lengths, encodings;
    bool is_chunked, has_blank_name;
};

/* Looks at every header of every request: lengths first. */
static enum MHD_Result count_framing(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                     const char *value, size_t value_size) {
    static const char length[] = MHD_HTTP_HEADER_CONTENT_LENGTH, encoding[] = MHD_HTTP_HEADER_TRANSFER_ENCODING;
    struct framing *framing = arg;
    (void)kind;
    (void)value_size;
    if (memchr(name, ' ', name_size) || memchr(name, '\t', name_size)) framing->has_blank_name = true;
    if (name_size == sizeof length - 1 && strcasecmp(name, length) == 0) framing->lengths++;
    if (name_size == sizeof encoding - 1 && strcasecmp(name, encoding) == 0) {
        framing->encodings++;
        framing->is_chunked = value && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/* Two opinions on where a body ends are how requests are smuggled past a proxy (RFC 9112 section 6.3); MHD takes one of them. And
 * it takes "Content-Length : 3" for a header of another name (section 5.1). */
static bool is_framed_badly(struct http_exchange *exchange) {
    struct framing framing = {0};
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, count_framing, &framing);
    return framing.has_blank_name || framing.lengths + framing.encodings > 1 ||
           (framing.encodings && !framing.is_chunked);
}

/* The headers are here. Refuses at once only what is too large to be read to its end. */
static void on_head(struct http_exchange *exchange, const char *method) {
    struct co_http *http = &exchange->http;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange->client = info ? info->socket_context : NULL;
    exchange->phase = HTTP_BODY;
    exchange->method = method;
    http->ops = &http_ops;
    http->ctx = exchange->server->ctx;
    http->arena = &exchange->arena;
    http->verb = verb_of(method);
    http->peer = exchange->client ? exchange->client->peer : "";
    char *text = (char *)http->path;
    exchange->uri_status = http_uri_parse(text, exchange->uri.path_size, &exchange->uri);
    if (exchange->uri_status == CO_OK) route(exchange);
    http->path = exchange->uri.path ? exchange->uri.path : "";
    exchange->is_framed_badly = is_framed_badly(exchange);
    if (http->verb == CO_GET) return; /* take_body measures, should it have a body */
    const char *length = header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t size = length ? strtoull(length, NULL, 10) : 0;
    if (size > route_body_max(exchange)) {
        exchange->is_too_large = true;
        exchange->body_announced = size;
    } else if (size > 0) {
        co_buffer_grow(&exchange->body, (size < 64 * 1024 ? size : 64 * 1024) + 1);
    }
}

/* What is too large is read on for a while and dropped: a client that still sends would not see the answer. */
static bool take_body(struct http_exchange *exchange, const char *data, size_t size) {
    size_t max = route_body_max(exchange);
    exchange->body_seen += size;
    if (exchange->body_seen > max) exchange->is_too_large = true;
    if (!exchange->is_too_large) co_buffer_add(&exchange->body, data, size);
    return exchange->body_seen <= max + DRAIN_BYTES;
}

/* --- the handler --- */

static bool asks_pretty(struct co_bytes query) {
    struct http_pair pair;
    while (http_query_next(&query, &pair))
        if (http_query_key_is(pair.key, "pretty")) return true;
    return false;
}

/* An answer without the headers that routes' answers have. */
static void answer_bare(struct http_exchange *exchange, int status) {
    http_answer(exchange, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT), true);
}

static void add_html(struct co_buffer *out, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '&':
            co_buffer_add_text(out, "&amp;");
            break;
        case '<':
            co_buffer_add_text(out, "&lt;");
            break;
        case '>':
            co_buffer_add_text(out, "&gt;");
            break;
        case '"':
            co_buffer_add_text(out, "&#34;");
            break;
        case '\'':
            co_buffer_add_text(out, "&#39;");
            break;
        default:
            co_buffer_add_byte(out, (uint8_t)text[i]);
        }
    }
}

static void redirect(struct http_exchange *exchange, struct co_buffer *location) {
    struct co_buffer page = {0};
    if (exchange->uri.query.data)
        co_buffer_printf(location, "?%.*s", (int)exchange->uri.query.size, (const char *)exchange->uri.query.data);
    bool has_page = exchange->http.verb & (CO_GET | CO_HEAD);
    if (has_page) {
        co_buffer_add_text(&page, "<a href=\"");
        add_html(&page, location->data, location->size);
        co_buffer_add_text(&page, "\">Moved Permanently</a>.\n\n");
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(page.size, page.data, MHD_RESPMEM_MUST_COPY);
    if (has_page) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=utf-8");
    MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, co_buffer_text(location));
    co_buffer_fini(location);
    co_buffer_fini(&page);
    http_answer(exchange, 301, response, true);
}

/* "/v1/kv" is asked for, "/v1/kv/..." is served: with nothing behind the slash, or it would be any name under another route. */
static bool lacks_slash(struct http_exchange *exchange) {
    size_t size = exchange->uri.path_size;
    char *path = co_arena_text(&exchange->arena, exchange->uri.path, size + 1);
    struct http_match match;
    path[size] = '/';
    return http_router_match(&exchange->server->router, path, size + 1, &match) &&
           (!match.has_tail || match.tail == size + 1);
}

static void refuse(struct http_exchange *exchange, struct co_arena *arena) {
    struct http_leaf *leaf = exchange->leaf;
    struct co_http *http = &exchange->http;
    if (!leaf) {
        answer_bare(exchange, 404);
        return;
    }
    http->ops->set_header(http, MHD_HTTP_HEADER_ALLOW, leaf->allow);
    if (http->verb == CO_OPTIONS)
        http->ops->reply(http, 200, NULL, co_bytes("", 0));
    else
        http_reply_text(exchange, 405, co_arena_printf(arena, "method %.32s not allowed", exchange->method));
}

static void handle(struct http_exchange *exchange) {
    struct co_http *http = &exchange->http;
    exchange->phase = HTTP_RUNNING;
    exchange->started_ns = co_mono_ns();
    exchange->is_indented =
        exchange->server->is_indenting || (exchange->uri.query.size && asks_pretty(exchange->uri.query));
    if (exchange->server->is_stopping) {
        http_reply_text(exchange, 503, "Agent is shutting down");
    } else if (exchange->uri_status == CO_DENIED) {
        answer_bare(exchange, 400);
    } else if (exchange->is_framed_badly) { /* where the next request would begin is anyone's guess */
        http->ops->set_header(http, MHD_HTTP_HEADER_CONNECTION, "close");
        http_reply_text(exchange, 400, "400 Bad Request");
    } else if (exchange->uri_status) {
        http_reply_text(exchange, 400, "400 Bad Request");
    } else if (exchange->uri.path[0] == '*') {
        http->ops->reply(http, http->verb == CO_OPTIONS ? 200 : 400, NULL, co_bytes("", 0));
    } else if (!http_path_is_clean(exchange->uri.path, exchange->uri.path_size)) {
        struct co_buffer location = {0};
        http_path_clean(exchange->uri.path, exchange->uri.path_size, &location);
        redirect(exchange, &location);
    } else if (!exchange->target && lacks_slash(exchange)) {
        struct co_buffer location = {0};
        http_path_clean(exchange->uri.path, exchange->uri.path_size, &location);
        co_buffer_add_byte(&location, '/');
        redirect(exchange, &location);
    } else if (!http_rules_pass(exchange)) {
        return; /* answered */
    } else if (!exchange->target) {
        refuse(exchange, http->arena);
    } else if (exchange->is_too_large) {
        uint64_t size = exchange->body_announced ? exchange->body_announced : exchange->body_seen;
        http_reply_text(exchange, 413,
                        co_arena_printf(http->arena, "Request body(%llu bytes) too large, max size: %zu bytes.",
                                        (unsigned long long)size, route_body_max(exchange)));
    } else {
        http->body = co_bytes(co_buffer_text(&exchange->body), exchange->body.size);
        exchange->target->route->handle(http->self, http);
    }
}

/* --- the answer leaves --- */

static void finished(struct http_exchange *exchange) {
    double taken_ms = (double)(co_mono_ns() - exchange->started_ns) / 1e6;
    if (exchange->target && exchange->target->metric) co_metric_sample(exchange->target->metric, taken_ms);
    co_log_debug(exchange->server->log, "Request finished", "method=%s url=%s from=%s latency=%.3fms status=%d",
                 exchange->method, exchange->http.path, exchange->http.peer, taken_ms, exchange->status);
}

/* Hands the answer to MHD, or puts the connection to sleep until there is one. */
static enum MHD_Result deliver(struct http_exchange *exchange) {
    if (exchange->is_cut) return MHD_NO;
    if (exchange->phase != HTTP_ANSWERED) {
        MHD_suspend_connection(exchange->connection);
        exchange->is_suspended = true;
        if (exchange->asking) http_hangup_watch(exchange);
        return MHD_YES;
    }
    enum MHD_Result result = MHD_queue_response(exchange->connection, (unsigned)exchange->status, exchange->response);
    if (exchange->owns_response) MHD_destroy_response(exchange->response);
    exchange->response = NULL;
    co_answer_release(exchange->answer);
    exchange->answer = NULL;
    finished(exchange);
    return result;
}

enum MHD_Result http_exchange_step(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *data, size_t *size, void **context) {
    struct http_exchange *exchange = *context;
    (void)arg;
    (void)connection;
    (void)url;
    (void)version;
    if (!exchange) return MHD_NO;
    if (exchange->phase == HTTP_HEAD) {
        on_head(exchange, method);
        bool is_readable = exchange->body_announced <= route_body_max(exchange) + DRAIN_BYTES;
        if (is_readable && !exchange->is_framed_badly) return MHD_YES;
        handle(exchange); /* answers now; MHD closes the connection behind it */
        return deliver(exchange);
    }
    if (exchange->phase == HTTP_BODY && *size > 0) {
        bool is_fine = take_body(exchange, data, *size);
        *size = 0;
        return is_fine ? MHD_YES : MHD_NO;
    }
    if (exchange->phase == HTTP_BODY) handle(exchange);
    return deliver(exchange);
}

void http_answer(struct http_exchange *exchange, int status, struct MHD_Response *response, bool owned) {
    co_assert(exchange->phase == HTTP_RUNNING); /* a handler answers once */
    exchange->phase = HTTP_ANSWERED;
    exchange->status = status;
    exchange->response = response;
    exchange->owns_response = owned;
    if (!exchange->connection)
        exchange_free(exchange);
    else if (exchange->is_suspended)
        http_resume(exchange);
}

void http_resume(struct http_exchange *exchange) {
    if (!exchange->is_suspended) return;
    http_hangup_forget(exchange);
    exchange->is_suspended = false;
    MHD_resume_connection(exchange->connection);
    http_listener_run(exchange->client->listener);
}

/* From now on nobody will answer. */
static void abandon_question(struct http_exchange *exchange) {
    if (!exchange->asking) return;
    co_ask_cancel(exchange->asking);
    exchange->asking = NULL;
    exchange->is_abandoned = true;
}

void http_exchange_cut(struct http_exchange *exchange) {
    exchange->is_cut = true;
    abandon_question(exchange);
    http_resume(exchange);
}

void http_exchange_end(void *arg, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode code) {
    struct http_exchange *exchange = *context;
    (void)arg;
    (void)connection;
    (void)code;
    if (!exchange) return;
    *context = NULL;
    http_hangup_forget(exchange);
    abandon_question(exchange);
    exchange->connection = NULL;
    if (exchange->stream) {
        http_stream_gone(exchange);
        exchange_free(exchange);
    } else if (exchange->phase != HTTP_RUNNING || exchange->is_abandoned) {
        exchange_free(exchange);
    } /* else the handler still answers: http_answer frees */
}

/* --- the end of the server --- */

static void finish_stop(struct http_server *server) {
    co_timer_stop(&server->stop_timer);
    co_defer_stop(server->loop, &server->stop_turn);
    for (struct http_exchange *exchange = server->live; exchange; exchange = exchange->next)
        if (exchange->connection) http_exchange_cut(exchange);
    for (struct http_listener *listener = server->listeners; listener; listener = listener->next)
        if (listener->daemon) MHD_run(listener->daemon); /* lets go of what was suspended */
    http_listeners_close(server);
    http_hangup_fini(server);
    void (*stopped)(void *) = server->stopped;
    server->stopped = NULL;
    if (stopped) stopped(server->stopped_arg);
}

/* Requests that have not arrived whole are cut; those being served, or whose answer is on its way out, get their time. */
static void stop_turn(void *arg) {
    struct http_server *server = arg;
    if (!server->stopped) return;
    for (struct http_exchange *exchange = server->live; exchange; exchange = exchange->next)
        if (exchange->phase >= HTTP_RUNNING && !exchange->is_abandoned) return;
    finish_stop(server);
}

static void stop_late(void *arg) {
    finish_stop(arg);
}

void http_stop(void *self, void (*stopped)(void *arg), void *arg) {
    struct http_server *server = self;
    server->is_stopping = true;
    server->stopped = stopped;
    server->stopped_arg = arg;
    http_listeners_quiesce(server);
    for (struct http_exchange *exchange = server->live, *next; exchange; exchange = next) {
        next = exchange->next; /* an exchange with a connection is not freed before MHD runs */
        if (!exchange->connection) continue;
        if (exchange->asking) {
            co_ask_cancel(exchange->asking);
            exchange->asking = NULL;
            http_reply_text(exchange, 503, "Agent is shutting down");
        } else if (exchange->stream) {
            http_exchange_cut(exchange);
        }
    }
    co_timer_start(server->loop, &server->stop_timer, HTTP_STOP_MS, stop_late, server);
    co_defer_start(server->loop, &server->stop_turn, stop_turn, server);
}

void http_exchanges_fini(struct http_server *server) {
    for (struct http_exchange *exchange = server->live, *next; exchange; exchange = next) {
        next = exchange->next;
        exchange->server = NULL; /* whoever owes the answer frees it by answering */
        exchange->next = exchange->previous = NULL;
    }
    server->live = NULL;
    while (server->spare) {
        struct http_exchange *exchange = server->spare;
        server->spare = exchange->next;
        co_arena_fini(&exchange->arena);
        co_buffer_fini(&exchange->body);
        free(exchange);
    }
}
