/* What a handler can do with its exchange: read query and headers, set headers, reply with a body of its own. Also the parts all
 * answers share: extra headers, compression. */
#include <stdlib.h>
#include <zlib.h>

#include "http/server.h"

enum { HEADERS_MAX = 32, ZIP_LEVEL = 3 };

static struct http_exchange *exchange_of(struct co_http *http) {
    return (struct http_exchange *)http;
}

/* --- reading --- */

static const char *query(struct co_http *http, const char *name) {
    struct co_bytes rest = exchange_of(http)->uri.query;
    struct http_pair pair;
    while (http_query_next(&rest, &pair))
        if (http_query_key_is(pair.key, name)) return http_query_value(pair.value, http->arena);
    return NULL;
}

static void query_each(struct co_http *http, const char *name, void (*visit)(void *arg, const char *value), void *arg) {
    struct co_bytes rest = exchange_of(http)->uri.query;
    struct http_pair pair;
    while (http_query_next(&rest, &pair))
        if (http_query_key_is(pair.key, name)) visit(arg, http_query_value(pair.value, http->arena));
}

static const char *header(struct co_http *http, const char *name) {
    struct http_exchange *exchange = exchange_of(http);
    return exchange->connection ? MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name) : NULL;
}

/* --- answering --- */

static void set_header(struct co_http *http, const char *name, const char *value) {
    struct http_header **at = &exchange_of(http)->headers;
    for (unsigned count = 0; *at; at = &(*at)->next) co_assert(++count < HEADERS_MAX);
    struct http_header *made = co_arena_alloc(http->arena, sizeof *made);
    *made = (struct http_header){co_arena_strdup(http->arena, name), co_arena_strdup(http->arena, value), NULL};
    *at = made;
}

void http_add_headers(const struct http_server *server, struct MHD_Response *response,
                      const struct http_header *headers) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    const struct co_map *configured = &server->settings.rules.response_headers;
    for (size_t i = 0; i < configured->count; i++)
        MHD_add_response_header(response, configured->items[i].key, configured->items[i].value);
    for (; headers; headers = headers->next) {
        /* A value from outside may hold what a header cannot; without line breaks it is harmless. */
        if (MHD_add_response_header(response, headers->name, headers->value) == MHD_NO && headers->value[0])
            MHD_add_response_header(response, headers->name, "(unprintable)");
    }
}

bool http_wants_zip(struct http_exchange *exchange) {
    const char *accepted = header(&exchange->http, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    const char *gzip = accepted ? strstr(accepted, "gzip") : NULL;
    if (!gzip) return false;
    gzip += 4;
    gzip += strspn(gzip, " ");
    if (gzip[0] != ';') return true;
    gzip += 1 + strspn(gzip + 1, " ");
    return strncmp(gzip, "q=0", 3) != 0 || strspn(gzip + 3, ".0") != strcspn(gzip + 3, ", ");
}

struct MHD_Response *http_zip(struct co_bytes body) {
    z_stream stream = {0};
    if (body.size > UINT32_MAX / 2 ||
        deflateInit2(&stream, ZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    size_t room = body.size - body.size / 8; /* not worth it otherwise */
    char *out = co_malloc(room);
    stream.next_in = (z_const Bytef *)body.data;
    stream.avail_in = (uInt)body.size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    int result = deflate(&stream, Z_FINISH);
    size_t size = room - stream.avail_out;
    deflateEnd(&stream);
    if (result != Z_STREAM_END) {
        free(out);
        return NULL;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(size, co_realloc(out, size), MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return response;
}

static void reply(struct co_http *http, int status, const char *content_type, struct co_bytes body) {
    struct http_exchange *exchange = exchange_of(http);
    struct co_buffer pretty = {0};
    if (!exchange->connection) { /* nobody is left to read it */
        http_answer(exchange, status, NULL, false);
        return;
    }
    if (exchange->is_indented && body.size > 0 && content_type && strcmp(content_type, "application/json") == 0) {
        co_json_indent(body, &pretty);
        if (pretty.size && pretty.data[pretty.size - 1] != '\n') co_buffer_add_byte(&pretty, '\n');
        body = co_bytes(pretty.data, pretty.size);
    }
    struct MHD_Response *response = NULL;
    if (body.size >= HTTP_ZIP_BYTES_MIN && http_wants_zip(exchange)) response = http_zip(body);
    if (!response) response = MHD_create_response_from_buffer(body.size, (void *)body.data, MHD_RESPMEM_MUST_COPY);
    co_assert(response);
    if (content_type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    http_add_headers(exchange->server, response, exchange->headers);
    co_buffer_fini(&pretty);
    http_answer(exchange, status, response, true);
}

void http_reply_text(struct http_exchange *exchange, int status, const char *text) {
    reply(&exchange->http, status, "text/plain; charset=utf-8", co_bytes_text(text));
}

const struct co_http_ops http_ops = {
    .query = query,
    .query_each = query_each,
    .header = header,
    .set_header = set_header,
    .reply = reply,
    .ask = http_ask,
    .write = http_write,
    .stream_begin = http_stream_begin,
    .stream_chunk = http_stream_chunk,
    .stream_end = http_stream_end,
};
