/* Request targets as clients send them: parsed, routed, their query walked, their path cleaned. Nothing here
 * may read outside the target, or let through what uri.h promises to refuse. */
#include <stdint.h>
#include <stdlib.h>

#include "http/router.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void nobody(void *self, struct co_http *http) {
    (void)self;
    (void)http;
}

static const struct co_route routes[] = {
    {.verbs = CO_GET, .pattern = "/", .handle = nobody},
    {.verbs = CO_GET | CO_PUT, .pattern = "/v1/kv/*", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/query/:id/execute", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/query/:id", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/:a/:b/:c/*", .handle = nobody},
};

static const struct http_router *router(void) {
    static struct http_router made;
    if (!made.root)
        for (size_t i = 0; i < CO_COUNT(routes); i++) http_router_add(&made, &routes[i], NULL, NULL);
    return &made;
}

static void check_path(const struct http_uri *uri) {
    struct http_match match;
    co_assert(uri->path[uri->path_size] == '\0' && strlen(uri->path) == uri->path_size);
    co_assert(uri->path[0] == '/' || strcmp(uri->path, "*") == 0);
    for (size_t i = 0; i < uri->path_size; i++) co_assert((unsigned char)uri->path[i] >= 0x20 && uri->path[i] != 0x7f);
    if (http_router_match(router(), uri->path, uri->path_size, &match)) {
        co_assert(!match.has_tail || match.tail <= uri->path_size);
        for (size_t i = 0; i < match.param_count; i++) co_assert(match.params[i].size > 0);
    }
    if (uri->path[0] != '/') return;
    struct co_buffer clean = {0};
    http_path_clean(uri->path, uri->path_size, &clean);
    co_assert(clean.size > 0 && http_path_is_clean(clean.data, clean.size));
    co_buffer_fini(&clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct co_arena arena = CO_ARENA_INIT;
    struct http_uri uri;
    char *text = malloc(size + 1); /* exact, for the sanitizer */
    co_assert(text);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    if (!memchr(text, '\0', size) && http_uri_parse(text, size, &uri) == CO_OK) {
        check_path(&uri);
        struct co_bytes rest = uri.query;
        struct http_pair pair;
        while (http_query_next(&rest, &pair)) {
            const char *key = http_query_value(pair.key, &arena);
            co_assert(strlen(http_query_value(pair.value, &arena)) <= pair.value.size);
            co_assert(strchr(key, '+') || strchr(key, '%') || http_query_key_is(pair.key, key));
            http_query_key_is(pair.key, "index");
        }
    }
    free(text);
    co_arena_fini(&arena);
    return 0;
}
