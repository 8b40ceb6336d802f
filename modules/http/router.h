/* The router: from a decoded path to the routes that serve it. Built once, when the listeners start; matching allocates nothing. */
#ifndef COHORT_HTTP_ROUTER_H
#define COHORT_HTTP_ROUTER_H

#include "cohort/http.h"

#define HTTP_PARAMS_MAX        4
#define HTTP_PATTERN_DEPTH_MAX 16

struct co_metric;

/* All routes of one pattern, by verb. */
struct http_leaf {
    const char *pattern; /* borrowed from the first route */
    const char *allow;   /* "OPTIONS,GET,PUT" */
    struct http_target {
        const struct co_route *route; /* NULL: not allowed */
        void *self;
        struct co_metric *metric;
    } targets[4]; /* by http_verb_slot */
    struct http_leaf *next;
};

struct http_node;
struct http_router {
    struct http_node *root;
    struct http_leaf *leaves;
};

struct http_match {
    struct http_leaf *leaf;
    size_t tail; /* where the rest that a final star or :name took begins */
    bool has_tail;
    struct co_bytes params[HTTP_PARAMS_MAX]; /* of segments inside the pattern, in order; a final :name is the tail */
    size_t param_count;
};

int http_verb_slot(enum co_verb); /* GET and HEAD 0, PUT 1, POST 2, DELETE 3; others -1 */
/* CO_EXISTS: verb and pattern are taken. CO_INVALID: not a pattern. */
co_status http_router_add(struct http_router *, const struct co_route *, void *self, struct co_error *);
bool http_router_match(const struct http_router *, const char *path, size_t size, struct http_match *out);
/* "http.GET.v1.kv._" for GET of "/v1/kv/:key" or of a star. */
void http_metric_name(struct co_buffer *out, const char *verb, const char *pattern);
void http_router_fini(struct http_router *);

#endif
