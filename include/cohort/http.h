/* Routes: how a module answers HTTP. Offered with CO_OFFER_ROUTES as an array of struct co_route; served by module http.
 *
 * Thread: the loop. A handler answers by exactly one call to co_http_reply/_text/_fail/_json/_ask/_write; at once or later.
 * The exchange stays valid until then, also when the client has gone. Strings are borrowed from the exchange. */
#ifndef COHORT_HTTP_H
#define COHORT_HTTP_H

#include "method.h"

enum co_verb { CO_GET = 1, CO_PUT = 2, CO_POST = 4, CO_DELETE = 8, CO_HEAD = 16, CO_OPTIONS = 32 };

/* The finished page that a render function fills. */
struct co_http_page {
    int status;               /* 200 unless changed */
    const char *content_type; /* "application/json" unless changed; a constant; NULL: none */
    struct co_buffer body;
    bool is_indented; /* ?pretty was asked for: co_http_page_* do it */
};

/* A snapshot-time renderer: turns the method's reply into a page. `variant` is what was passed to co_http_ask. */
typedef void co_http_render(struct co_http_page *, const void *request, const void *reply, uint64_t variant);
/* After a write. `reply` lives during the call. NULL means: fail, or answer "true". */
struct co_http;
typedef void co_http_written(struct co_http *, co_status, const struct co_error *, uint64_t index, const void *reply);

struct co_http_ops {
    const char *(*query)(struct co_http *, const char *name); /* decoded; "" for ?name; NULL when absent */
    void (*query_each)(struct co_http *, const char *name, void (*visit)(void *arg, const char *value), void *arg);
    const char *(*header)(struct co_http *, const char *name);
    void (*set_header)(struct co_http *, const char *name, const char *value);
    void (*reply)(struct co_http *, int status, const char *content_type,
                  struct co_bytes body); /* copies; indents JSON on ?pretty */
    /* Takes index, wait, stale, consistent from the query string, waits if need be, replies with the X-Consul-* headers. */
    void (*ask)(struct co_http *, const struct co_method *, const void *request, co_http_render *, uint64_t variant);
    void (*write)(struct co_http *, const struct co_method *, void *request, co_http_written *then);
    /* Streams: begin once, then chunks (copied), then end. `closed` is called when the client goes first. */
    void (*stream_begin)(struct co_http *, int status, const char *content_type, void (*closed)(void *arg), void *arg);
    void (*stream_chunk)(struct co_http *, struct co_bytes);
    void (*stream_end)(struct co_http *);
};

/* Public part of an exchange; embedded first by the implementation. */
struct co_http {
    const struct co_http_ops *ops;
    struct co_ctx *ctx;
    void *self;             /* of the module that offers the route */
    struct co_arena *arena; /* lives as long as the exchange */
    enum co_verb verb;
    const char *path;      /* decoded, with its leading "/v1" */
    struct co_bytes tail;  /* what a final star matched, decoded; NUL follows */
    const char *params[4]; /* what ":name" segments matched, in order */
    struct co_bytes body;  /* complete */
    const char *peer;      /* "127.0.0.1:4711" */
};

struct co_route {
    unsigned verbs; /* HEAD is answered through GET, OPTIONS by the http module; others: 405 with Allow */
    const char
        *pattern; /* "/v1/health/service/:service"; the last :name takes the rest, slashes too; so does a final star */
    void (*handle)(void *self, struct co_http *);
    const char *doc; /* one sentence */
    size_t body_max; /* bytes accepted; 0: 512 KiB */
};

static inline const char *co_http_query(struct co_http *http, const char *name) {
    return http->ops->query(http, name);
}
static inline bool co_http_has(struct co_http *http, const char *name) {
    return http->ops->query(http, name) != NULL;
}
static inline const char *co_http_header(struct co_http *http, const char *name) {
    return http->ops->header(http, name);
}
static inline void co_http_set_header(struct co_http *http, const char *name, const char *value) {
    http->ops->set_header(http, name, value);
}
static inline void co_http_reply(struct co_http *http, int status, const char *content_type, struct co_bytes body) {
    http->ops->reply(http, status, content_type, body);
}
static inline void co_http_ask(struct co_http *http, const struct co_method *method, const void *request,
                               co_http_render *render, uint64_t variant) {
    http->ops->ask(http, method, request, render, variant);
}
static inline void co_http_write(struct co_http *http, const struct co_method *method, void *request,
                                 co_http_written *then) {
    http->ops->write(http, method, request, then);
}
/* In libcohort: */
CO_EXPORT void co_http_text(struct co_http *, int status, const char *format, ...) CO_PRINTF(3, 4); /* text/plain */
CO_EXPORT void co_http_fail(struct co_http *, const struct co_error *); /* status from the error, body = its text */
CO_EXPORT void co_http_json(struct co_http *, const struct co_schema *, const void *); /* 200 */
/* All values of a repeated query parameter, in the arena. */
CO_EXPORT struct co_strings co_http_query_all(struct co_http *, const char *name);
/* ?dc or the agent's own datacenter. */
CO_EXPORT const char *co_http_datacenter(struct co_http *);
/* Binds the body as JSON; on failure has replied 400 and returns false. */
CO_EXPORT bool co_http_bind(struct co_http *, const struct co_schema *, void *out);
/* In render functions: */
CO_EXPORT void co_http_page_json(struct co_http_page *, const struct co_schema *, const void *);
CO_EXPORT void co_http_page_list(struct co_http_page *, const struct co_schema *,
                                 struct co_records); /* NULL items are written [] */

#endif
