/* What the routes of catalog and health take from a URL: the name, ?tag, ?node-meta (?dc is the server's matter). Refuses ?filter, which would otherwise
 * silently give wrong answers. ?near is accepted and ignored: without network coordinates Consul too leaves the order alone.
 * Compiled also into health. */
#include "catalog.h"
#include "cohort/http.h"

static struct co_map node_meta(struct co_http *http) {
    struct co_strings all = co_http_query_all(http, "node-meta");
    struct co_map meta = {.count = all.count};
    if (all.count) meta.items = co_arena_array(http->arena, struct co_pair, all.count);
    for (size_t i = 0; i < all.count; i++) {
        const char *colon = strchr(all.items[i], ':');
        size_t size = colon ? (size_t)(colon - all.items[i]) : strlen(all.items[i]);
        meta.items[i].key = co_arena_text(http->arena, all.items[i], size);
        meta.items[i].value = colon ? colon + 1 : "";
    }
    return meta;
}

bool catalog_bind(struct co_http *http, const char *name, const char *what, struct catalog_query *out) {
    if (name && name[0] == 0) {
        co_http_text(http, 400, "Missing %s", what);
        return false;
    }
    const char *filter = co_http_query(http, "filter");
    if (filter && filter[0]) {
        co_http_text(http, 400, "?filter is not supported by this version yet; use ?tag, ?node-meta or ?passing");
        return false;
    }
    *out = (struct catalog_query){
        .name = name ? name : "", .tags = co_http_query_all(http, "tag"), .node_meta = node_meta(http)};
    return true;
}
