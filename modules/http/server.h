/* What the files of module http share: the server, its listeners, connections and exchanges. */
#ifndef COHORT_HTTP_SERVER_H
#define COHORT_HTTP_SERVER_H

#include <microhttpd.h>
#include <netinet/in.h>

#include "cohort/http.h"
#include "cohort/module.h"
#include "http/router.h"
#include "http/uri.h"

enum {
    HTTP_BODY_DEFAULT = 512 * 1024,  /* raised to what the agent's limits for values and transactions allow */
    HTTP_ZIP_BYTES_MIN = 1400,       /* smaller bodies fit one packet anyway */
    HTTP_STREAM_BYTES_MAX = 4 << 20, /* queued for a slow reader before it is dropped */
    HTTP_STOP_MS = 2000,
};

/* http_config of a Consul file. */
struct http_rules {
    struct co_strings block_endpoints, allow_write_http_from;
    struct co_map response_headers;
    int64_t max_header_bytes;
};

/* unix_sockets of a Consul file. */
struct http_socket_file {
    const char *user, *group, *mode;
};

struct http_settings {
    struct http_rules rules;
    struct http_socket_file socket_file;
    struct co_duration idle_timeout;
    int64_t connections_max;
};
extern const struct co_schema http_settings_schema;

/* A header that a handler or the configuration adds to an answer. */
struct http_header {
    const char *name, *value;
    struct http_header *next;
};

struct http_network {
    uint8_t address[16];
    unsigned bits;
}; /* IPv4 as ::ffff:a.b.c.d */

struct http_listener {
    struct http_server *server;
    struct http_listener *next;
    struct MHD_Daemon *daemon;
    struct co_io *io; /* the daemon's epoll descriptor */
    struct co_defer rerun;
    struct co_timer clock; /* while there are connections: lets idle ones time out */
    size_t connections;
    bool is_local; /* a Unix socket */
    char *address; /* as people write it */
    char *unlink_path;
};

/* One client's connection. */
struct http_client {
    struct http_listener *listener;
    uint8_t address[16];
    bool has_address;
    char peer[INET6_ADDRSTRLEN + 10];
};

/* The module's self. */
struct http_server {
    struct co_ctx *ctx;
    struct co_loop *loop;
    struct co_log *log;
    struct http_settings settings;
    struct http_listener *listeners;
    struct http_router router;
    struct http_network *writers; /* allow_write_http_from */
    size_t writer_count;
    bool is_indenting; /* dev mode: as if every request said ?pretty */
    /* exchange.c */
    struct http_exchange *live, *spare;
    size_t live_count, spare_count;
    size_t body_default; /* bytes, for routes that name no limit of their own */
    /* answer.c */
    struct http_view *views[256];
    size_t view_count;
    /* hangup.c */
    int hangup_fd; /* an epoll instance, 0 until the first wait */
    struct co_io *hangup_io;
    /* stop */
    bool is_stopping;
    struct co_timer stop_timer;
    struct co_defer stop_turn;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

enum http_phase {
    HTTP_HEAD,    /* request line seen, headers not yet */
    HTTP_BODY,    /* headers seen, body arriving */
    HTTP_RUNNING, /* inside or between the handler and its answer */
    HTTP_ANSWERED,
};

enum { HTTP_CONSISTENCY_NONE, HTTP_CONSISTENCY_LEADER, HTTP_CONSISTENCY_STALE, HTTP_CONSISTENCY_CONSISTENT };

struct http_exchange {
    struct co_http http;        /* first: what handlers see */
    struct http_server *server; /* NULL once the server has stopped without us */
    struct http_exchange *next, *previous;
    struct MHD_Connection *connection; /* NULL: the client has gone, the handler has not answered yet */
    struct http_client *client;
    enum http_phase phase;
    bool is_suspended, is_watched; /* by hangup.c */
    bool is_cut;                   /* close the connection instead of answering */
    bool is_abandoned;             /* nobody will answer any more */
    bool is_too_large, is_framed_badly, is_indented;
    const char *method;
    struct http_uri uri;
    co_status uri_status;
    struct http_leaf *leaf;
    struct http_target *target;
    uint64_t body_announced; /* Content-Length, when it is too large */
    uint64_t body_seen;
    struct co_buffer body;
    uint64_t started_ns;
    /* the answer */
    struct http_header *headers;
    struct MHD_Response *response;
    bool owns_response;
    int status;
    struct co_answer *answer; /* keeps `response` alive until it is queued */
    struct co_asking *asking;
    const struct co_method *reading;
    co_http_written *written;
    struct http_stream *stream;
    struct co_arena arena;
};

/* --- socket.c: listening sockets --- */
struct http_socket {
    int fd;
    char *address; /* as people write it */
    char *path;    /* of a Unix socket, else NULL */
};
/* Both strings are the caller's to free. Port 0: any. */
co_status http_socket_open(const struct http_socket_file *, const char *text, size_t size, int port,
                           struct http_socket *, struct co_error *);

/* --- listen.c: addresses, daemons, their place in the loop --- */
co_status http_listen(struct http_server *, struct co_error *);
void http_listener_run(struct http_listener *); /* soon: after a resume */
void http_listeners_quiesce(struct http_server *);
void http_listeners_close(struct http_server *); /* no exchange may be suspended */

/* --- exchange.c: the life of one request --- */
void *http_exchange_begin(void *listener, const char *uri, struct MHD_Connection *);
enum MHD_Result http_exchange_step(void *listener, struct MHD_Connection *, const char *url, const char *method,
                                   const char *version, const char *data, size_t *size, void **context);
void http_exchange_end(void *listener, struct MHD_Connection *, void **context, enum MHD_RequestTerminationCode);
/* The one way to answer. Consumes `response` if `owned`. */
void http_answer(struct http_exchange *, int status, struct MHD_Response *response, bool owned);
void http_resume(struct http_exchange *);
void http_exchange_cut(struct http_exchange *); /* the client has gone, or the server stops */
void http_exchanges_fini(struct http_server *);

/* --- reply.c: struct co_http_ops, and single-use answers --- */
extern const struct co_http_ops http_ops;
void http_reply_text(struct http_exchange *, int status, const char *text);
bool http_wants_zip(struct http_exchange *);
struct MHD_Response *http_zip(struct co_bytes body); /* NULL when it would not get smaller */
/* Adds the configuration's headers and `headers`. */
void http_add_headers(const struct http_server *, struct MHD_Response *, const struct http_header *headers);

/* --- answer.c: reads and writes --- */
void http_ask(struct co_http *, const struct co_method *, const void *request, co_http_render *, uint64_t variant);
void http_write(struct co_http *, const struct co_method *, void *request, co_http_written *then);
void http_views_fini(struct http_server *);

/* --- stream.c --- */
void http_stream_begin(struct co_http *, int status, const char *content_type, void (*closed)(void *arg), void *arg);
void http_stream_chunk(struct co_http *, struct co_bytes);
void http_stream_end(struct co_http *);
void http_stream_gone(struct http_exchange *); /* the client went first */

/* --- hangup.c --- */
void http_hangup_watch(struct http_exchange *);
void http_hangup_forget(struct http_exchange *);
void http_hangup_fini(struct http_server *);

/* --- rules.c: http_config --- */
co_status http_rules_load(struct http_server *, struct co_error *);
/* True: the request may go on. Else it has been answered. */
bool http_rules_pass(struct http_exchange *);
/* Parses "10.0.0.0/8", "::1" ... */
bool http_network_parse(const char *text, struct http_network *out);
bool http_network_holds(const struct http_network *, const uint8_t address[16]);

/* --- http_module.c --- */
co_status http_init(struct co_ctx *, void *self, const void *config, struct co_error *);
co_status http_start(void *self, struct co_error *);
void http_stop(void *self, void (*stopped)(void *arg), void *arg);
void http_fini(void *self);
void http_home(void *self, struct co_http *);

#endif
