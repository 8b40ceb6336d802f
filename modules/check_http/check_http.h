/* What the files of check_http share. */
#ifndef CHECK_HTTP_H
#define CHECK_HTTP_H

#include "cohort/checker.h"

#include <curl/curl.h>

#define CHECK_HTTP_BODY_MAX     4096 /* bytes of a response that are read; the transfer ends there */
#define CHECK_HTTP_REDIRECT_MAX 10

struct check_http_settings {
    const char *http, *method, *body;
    const struct co_node *header; /* of lists of strings */
    bool tls_skip_verify;
};

/* The module's one libcurl multi handle, made with the first check. */
struct check_http_module {
    struct co_loop *loop;
    CURLM *multi;
    struct co_timer timer;
    bool is_inside; /* libcurl is on the stack: it must not be called again */
    struct co_defer collect;
};

struct check_http {
    struct co_checker_env env;
    struct check_http_module *module;
    const struct check_http_settings *settings;
    const char *method;
    struct curl_slist *headers;
    CURL *easy; /* while a probe is under way */
    struct co_probe *probe;
    char status[128]; /* "200 OK", of the newest response */
    char error[CURL_ERROR_SIZE];
    struct co_buffer body;
};

extern const struct co_schema check_http_schema;
co_status check_http_open(const struct co_checker_env *, void *state, const void *settings, struct co_error *);
void check_http_probe(void *state, struct co_probe *);
void check_http_cancel(void *state);
void check_http_close(void *state);
/* check_http.c: the transfer is over; its handle is out of the multi handle already. */
void check_http_finished(struct check_http *, CURLcode);

/* http_multi.c: libcurl's sockets and timer on the loop. */
co_status check_http_multi_open(struct check_http_module *, struct co_loop *, struct co_error *);
void check_http_multi_add(struct check_http_module *, CURL *);
void check_http_multi_remove(struct check_http_module *, CURL *);
void check_http_multi_close(struct check_http_module *);

#endif
