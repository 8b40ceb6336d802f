/* Answers that grow: chunks queue here until MHD asks for them; with nothing queued the connection sleeps. A reader that lets too
 * much pile up is dropped. */
#include "http/server.h"

struct http_stream {
    struct co_buffer queue;
    size_t sent; /* of the queue */
    void (*closed)(void *arg);
    void *arg;
    struct co_defer gone;
    bool is_ended;
};

static ssize_t next_bytes(void *arg, uint64_t position, char *out, size_t room) {
    struct http_exchange *exchange = arg;
    struct http_stream *stream = exchange->stream;
    (void)position;
    if (exchange->is_cut) return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t left = stream->queue.size - stream->sent;
    if (left == 0 && stream->is_ended) return MHD_CONTENT_READER_END_OF_STREAM;
    if (left == 0) {
        MHD_suspend_connection(exchange->connection);
        exchange->is_suspended = true;
        http_hangup_watch(exchange);
        return 0;
    }
    size_t size = left < room ? left : room;
    memcpy(out, stream->queue.data + stream->sent, size);
    stream->sent += size;
    if (stream->sent == stream->queue.size) stream->sent = stream->queue.size = 0;
    return (ssize_t)size;
}

/* Tells the handler that its client has gone; from then on it leaves the exchange alone. */
static void tell_closed(struct http_stream *stream) {
    co_buffer_fini(&stream->queue);
    if (stream->is_ended) return;
    stream->is_ended = true;
    if (stream->closed) stream->closed(stream->arg);
}

static void gone_before_begin(void *arg) {
    struct http_exchange *exchange = arg;
    tell_closed(exchange->stream);
    http_answer(exchange, 200, NULL, false); /* frees it */
}

void http_stream_begin(struct co_http *http, int status, const char *content_type, void (*closed)(void *arg),
                       void *arg) {
    struct http_exchange *exchange = (struct http_exchange *)http;
    struct http_stream *stream = co_arena_new(&exchange->arena, struct http_stream);
    stream->closed = closed;
    stream->arg = arg;
    exchange->stream = stream;
    if (!exchange->connection) {
        co_defer_start(exchange->server->loop, &stream->gone, gone_before_begin, exchange);
        return;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 * 1024, next_bytes, exchange, NULL);
    co_assert(response);
    if (content_type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    http_add_headers(exchange->server, response, exchange->headers);
    http_answer(exchange, status, response, true);
}

void http_stream_chunk(struct co_http *http, struct co_bytes chunk) {
    struct http_exchange *exchange = (struct http_exchange *)http;
    struct http_stream *stream = exchange->stream;
    if (exchange->is_cut || !exchange->connection || chunk.size == 0) return;
    if (stream->queue.size - stream->sent + chunk.size > HTTP_STREAM_BYTES_MAX) {
        http_exchange_cut(exchange);
        return;
    }
    if (stream->sent > stream->queue.size / 2) {
        stream->queue.size -= stream->sent;
        memmove(stream->queue.data, stream->queue.data + stream->sent, stream->queue.size);
        stream->sent = 0;
    }
    co_buffer_add(&stream->queue, chunk.data, chunk.size);
    http_resume(exchange);
}

void http_stream_end(struct co_http *http) {
    struct http_exchange *exchange = (struct http_exchange *)http;
    exchange->stream->is_ended = true;
    http_resume(exchange);
}

void http_stream_gone(struct http_exchange *exchange) {
    tell_closed(exchange->stream);
}
