/* The router: a tree of path segments. A segment of the pattern beats a :name, which beats a final star or :name; the longest
 * pattern wins. Knows routes as patterns and verbs; what a request is stands elsewhere. */
#include "http/router.h"

#include <stdlib.h>

struct http_node {
    char *segment;
    size_t size;
    struct http_node **children; /* fixed segments */
    size_t count;
    struct http_node *param;  /* any one segment, more follow */
    struct http_leaf *exact;  /* the pattern ends with this segment */
    struct http_leaf *greedy; /* a final star or :name follows */
};

int http_verb_slot(enum co_verb verb) {
    switch (verb) {
    case CO_GET:
    case CO_HEAD:
        return 0;
    case CO_PUT:
        return 1;
    case CO_POST:
        return 2;
    case CO_DELETE:
        return 3;
    default:
        return -1;
    }
}

static struct http_node *node_new(const char *segment, size_t size) {
    struct http_node *node = co_calloc(1, sizeof *node);
    node->segment = co_calloc(1, size + 1);
    memcpy(node->segment, segment, size);
    node->size = size;
    return node;
}

static struct http_node *child_find(const struct http_node *node, const char *segment, size_t size) {
    for (size_t i = 0; i < node->count; i++) {
        struct http_node *child = node->children[i];
        if (child->size == size && memcmp(child->segment, segment, size) == 0) return child;
    }
    return NULL;
}

static struct http_node *child_make(struct http_node *node, const char *segment, size_t size) {
    struct http_node *child = child_find(node, segment, size);
    if (child) return child;
    node->children = co_realloc(node->children, (node->count + 1) * sizeof *node->children);
    return node->children[node->count++] = node_new(segment, size);
}

/* Walks or grows the tree along the pattern; the place for its leaf, or NULL when it is no pattern. */
static struct http_leaf **place_for(struct http_router *router, const char *pattern) {
    if (pattern[0] != '/') return NULL;
    if (!router->root) router->root = node_new("", 0);
    struct http_node *node = router->root;
    unsigned depth = 0, params = 0;
    for (const char *at = pattern + 1;;) {
        const char *slash = strchr(at, '/');
        size_t size = slash ? (size_t)(slash - at) : strlen(at);
        bool is_param = at[0] == ':', is_star = size == 1 && at[0] == '*';
        if (++depth > HTTP_PATTERN_DEPTH_MAX || (is_param && (size == 1 || ++params > HTTP_PARAMS_MAX))) return NULL;
        if (!slash) return is_param || is_star ? &node->greedy : &child_make(node, at, size)->exact;
        if (is_star) return NULL;
        if (!is_param) {
            node = child_make(node, at, size);
        } else {
            if (!node->param) node->param = node_new(":", 1);
            node = node->param;
        }
        at = slash + 1;
    }
}

static const struct {
    enum co_verb verb;
    const char *name;
} verbs[] = {{CO_GET, "GET"}, {CO_PUT, "PUT"}, {CO_POST, "POST"}, {CO_DELETE, "DELETE"}};

static void write_allow(struct http_leaf *leaf) {
    struct co_buffer text = {0};
    co_buffer_add_text(&text, "OPTIONS");
    for (size_t i = 0; i < CO_COUNT(verbs); i++)
        if (leaf->targets[http_verb_slot(verbs[i].verb)].route) co_buffer_printf(&text, ",%s", verbs[i].name);
    co_buffer_text(&text);
    free((char *)leaf->allow);
    leaf->allow = co_buffer_take(&text);
}

co_status http_router_add(struct http_router *router, const struct co_route *route, void *self,
                          struct co_error *error) {
    struct http_leaf **place = place_for(router, route->pattern);
    if (!place) return co_fail(error, CO_INVALID, "\"%s\" is not a route pattern", route->pattern);
    if (!*place) {
        struct http_leaf *leaf = co_calloc(1, sizeof *leaf);
        leaf->pattern = route->pattern;
        leaf->next = router->leaves;
        router->leaves = *place = leaf;
    }
    for (size_t i = 0; i < CO_COUNT(verbs); i++) {
        if (!(route->verbs & verbs[i].verb)) continue;
        struct http_target *target = &(*place)->targets[http_verb_slot(verbs[i].verb)];
        if (target->route)
            return co_fail(error, CO_EXISTS, "%s %s is served by two routes", verbs[i].name, route->pattern);
        target->route = route;
        target->self = self;
    }
    write_allow(*place);
    return CO_OK;
}

/* Depth is bounded by the pattern tree's, not by the path's. */
static bool match(const struct http_node *node, const char *path, size_t at, size_t size, struct http_match *out) {
    const char *slash = memchr(path + at, '/', size - at);
    size_t length = (slash ? (size_t)(slash - path) : size) - at;
    const struct http_node *child = child_find(node, path + at, length);
    if (child && slash && match(child, path, at + length + 1, size, out)) return true;
    if (child && !slash && child->exact) {
        out->leaf = child->exact;
        return true;
    }
    if (slash && length > 0 && node->param) {
        size_t count = out->param_count;
        out->params[count] = co_bytes(path + at, length);
        out->param_count++;
        if (match(node->param, path, at + length + 1, size, out)) return true;
        out->param_count = count;
    }
    if (!node->greedy) return false;
    out->leaf = node->greedy;
    out->tail = at;
    out->has_tail = true;
    return true;
}

bool http_router_match(const struct http_router *router, const char *path, size_t size, struct http_match *out) {
    out->leaf = NULL;
    out->has_tail = false;
    out->param_count = 0;
    return router->root && size > 0 && path[0] == '/' && match(router->root, path, 1, size, out);
}

void http_metric_name(struct co_buffer *out, const char *verb, const char *pattern) {
    co_buffer_printf(out, "http.%s", verb);
    for (const char *at = pattern; *at;) {
        const char *segment = at + 1, *slash = strchr(segment, '/');
        size_t size = slash ? (size_t)(slash - segment) : strlen(segment);
        bool is_open = size == 0 || segment[0] == ':' || segment[0] == '*';
        co_buffer_printf(out, ".%.*s", is_open ? 1 : (int)size, is_open ? "_" : segment);
        at = segment + size;
    }
}

static void node_free(struct http_node *node) {
    if (!node) return;
    for (size_t i = 0; i < node->count; i++) node_free(node->children[i]);
    node_free(node->param);
    free(node->children);
    free(node->segment);
    free(node);
}

void http_router_fini(struct http_router *router) {
    node_free(router->root);
    while (router->leaves) {
        struct http_leaf *leaf = router->leaves;
        router->leaves = leaf->next;
        free((char *)leaf->allow);
        free(leaf);
    }
    *router = (struct http_router){0};
}
