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

/* Every function of libcurl that is used; names as there, without "curl_". */
struct http_curl {
    CURLcode (*global_init)(long);
    void (*global_cleanup)(void);
    void (*free)(void *);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    const char *(*easy_strerror)(CURLcode);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_cleanup)(CURLM *);
    CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
    CURLMcode (*multi_assign)(CURLM *, curl_socket_t, void *);
    CURLMcode (*multi_add_handle)(CURLM *, CURL *);
    CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
    CURLMcode (*multi_socket_action)(CURLM *, curl_socket_t, int, int *);
    CURLMsg *(*multi_info_read)(CURLM *, int *);
    CURLU *(*url)(void);
    void (*url_cleanup)(CURLU *);
    CURLUcode (*url_set)(CURLU *, CURLUPart, const char *, unsigned);
    CURLUcode (*url_get)(const CURLU *, CURLUPart, char **, unsigned);
};
/* http_curl.c: finds libcurl and fills the table. */
co_status http_curl_load(struct http_curl *, struct co_error *);

/* The module's one libcurl multi handle, made with the first check. */
struct check_http_module {
    struct http_curl curl;
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
