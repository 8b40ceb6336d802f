/* What queries of several slices share: rows decoded in place (their strings point into the store's pages), finding nodes, and
 * the walk over a service's instances. Compiled also into health. Source of the index rules: DESIGN section 4 and Consul 1.8. */
#include "catalog.h"

#include <stdio.h>
#include <strings.h>

static co_status failed(struct co_error *error, co_status status, const char *what) {
    return status == CO_NOT_FOUND ? status : co_fail(error, status, "cannot read %s", what);
}

co_status catalog_read_node(struct co_txn *txn, struct co_bytes key, struct catalog_node *out, struct co_arena *arena,
                            struct co_error *error) {
    struct co_bytes row;
    co_status status = co_get(txn, CATALOG_NODES, key, &row);
    if (status) return failed(error, status, "a node");
    return co_decode_record(&catalog_node_schema, out, row, arena, error);
}

co_status catalog_read_service(struct co_txn *txn, struct co_bytes key, struct catalog_service *out,
                               struct co_arena *arena, struct co_error *error) {
    struct co_bytes row;
    co_status status = co_get(txn, CATALOG_SERVICES, key, &row);
    if (status) return failed(error, status, "a service");
    return co_decode_record(&catalog_service_schema, out, row, arena, error);
}

co_status catalog_decode_check(struct co_bytes row, struct catalog_check *out, struct co_arena *arena,
                               struct co_error *error) {
    return co_decode_record(&catalog_check_schema, out, row, arena, error);
}

co_status catalog_read_check(struct co_txn *txn, struct co_bytes key, struct catalog_check *out, struct co_arena *arena,
                             struct co_error *error) {
    struct co_bytes row;
    co_status status = co_get(txn, CATALOG_CHECKS, key, &row);
    if (status) return failed(error, status, "a check");
    return catalog_decode_check(row, out, arena, error);
}

uint64_t catalog_index(struct co_txn *txn, const char *name, ...) {
    va_list names;
    va_start(names, name);
    uint64_t index = 0;
    for (; name; name = va_arg(names, const char *)) {
        uint64_t one = co_index_get(txn, name);
        if (one > index) index = one;
    }
    va_end(names);
    return index;
}

void catalog_watch_index(struct co_query *query, const char *name) {
    co_query_watch(query, CO_TABLE_INDEX, co_bytes_text(name), true);
}

bool catalog_has_meta(const struct co_map *meta, const struct co_map *wanted) {
    for (size_t i = 0; i < wanted->count; i++) {
        size_t at = 0;
        while (at < meta->count && strcmp(meta->items[at].key, wanted->items[i].key) != 0) at++;
        if (at == meta->count || strcmp(meta->items[at].value, wanted->items[i].value) != 0) return false;
    }
    return true;
}

/* `packed`: see catalog_pack. Whatever the case of the letters. */
static bool has_tags(struct co_bytes packed, const struct co_strings *wanted) {
    const char *end = (const char *)packed.data + packed.size;
    for (size_t i = 0; i < wanted->count; i++) {
        if (packed.size == 0) return false;
        const char *tag = (const char *)packed.data + strnlen(packed.data, packed.size - 1) + 1;
        while (tag < end && strcasecmp(tag, wanted->items[i]) != 0) tag += strlen(tag) + 1;
        if (tag >= end) return false;
    }
    return true;
}

struct co_bytes catalog_find_node(struct co_txn *txn, const char *name_or_id, char *out) {
    struct co_bytes key = catalog_key(out, &name_or_id, 1), row, found;
    if (key.size == 0) return key;
    if (co_get(txn, CATALOG_NODES, key, &row) == CO_OK) return key;
    if (key.size < 2 || key.size > 36) return co_bytes(out, 0);
    /* Not a name: the beginning of an id, if that of one node only. */
    struct co_cursor *cursor = co_cursor_open(txn, CATALOG_NODE_IDS);
    struct co_bytes result = co_bytes(out, 0);
    if (co_cursor_seek(cursor, key, &found, &row) == CO_OK && co_bytes_starts(found, key)) {
        struct co_bytes first = row;
        bool is_unique = co_cursor_next(cursor, &found, &row) != CO_OK || !co_bytes_starts(found, key);
        if (is_unique && first.size <= CO_STORAGE_KEY_MAX) {
            memcpy(out, first.data, first.size);
            result.size = first.size;
        }
    }
    co_cursor_close(cursor);
    return result;
}

void *catalog_grow(struct co_arena *arena, void *items, size_t *room, size_t count, size_t size) {
    if (count < *room) return items;
    *room = *room ? *room * 2 : 8;
    void *more = co_arena_alloc(arena, *room * size);
    if (count) memcpy(more, items, count * size);
    return more;
}

/* An existing service has its own index; of missing ones we only know when the last of any vanished. */
static uint64_t service_index(struct co_txn *txn, const char *index_name, bool exists, bool with_checks) {
    uint64_t index = co_index_get(txn, exists ? index_name : "service_last_extinction");
    if (index) return index;
    return with_checks ? catalog_index(txn, "nodes", "services", "checks", NULL)
                       : catalog_index(txn, "nodes", "services", NULL);
}

static co_status whole(co_status status, struct co_error *error) {
    return status == CO_NOT_FOUND ? co_fail(error, CO_CORRUPT, "an instance of a service without its node or its row")
                                  : status;
}

co_status catalog_instances(struct co_query *query, const struct catalog_query *wanted, bool with_checks,
                            catalog_take *take, void *arg, struct co_error *error) {
    char prefix_room[CO_STORAGE_KEY_MAX], index_room[CO_STORAGE_KEY_MAX];
    struct co_bytes prefix = catalog_prefix(prefix_room, &wanted->name, 1), key, packed;
    const char *index_name = catalog_service_index_name(index_room, wanted->name);
    if (prefix.size == 0 || index_name[0] == 0) {
        query->index = service_index(query->txn, "", false, with_checks);
        return CO_OK;
    }
    catalog_watch_index(query, index_name);
    struct co_cursor *cursor = co_cursor_open(query->txn, CATALOG_SERVICE_NAMES);
    co_status status = co_cursor_seek(cursor, prefix, &key, &packed);
    struct catalog_node *node = NULL;
    struct co_bytes node_key = {NULL, 0};
    bool exists = false, node_fits = false;
    for (; status == CO_OK && co_bytes_starts(key, prefix); status = co_cursor_next(cursor, &key, &packed)) {
        /* name NUL node NUL id: behind the name stands the key of the service's row. */
        struct co_bytes row_key = co_bytes((const char *)key.data + prefix.size, key.size - prefix.size);
        const char *end = memchr(row_key.data, 0, row_key.size);
        bool is_whole = packed.size == 0 || ((const char *)packed.data)[packed.size - 1] == 0;
        if (!end || !is_whole) {
            status = co_fail(error, CO_CORRUPT, "malformed row in the index of service names");
            break;
        }
        exists = true;
        struct co_bytes this_node = co_bytes(row_key.data, (size_t)(end - (const char *)row_key.data));
        if (!node || !co_bytes_equal(this_node, node_key)) {
            node = co_arena_new(query->arena, struct catalog_node);
            node_key = co_bytes(co_arena_copy(query->arena, this_node.data, this_node.size), this_node.size);
            status = whole(catalog_read_node(query->txn, this_node, node, query->arena, error), error);
            if (status) break;
            node_fits = catalog_has_meta(&node->meta, &wanted->node_meta);
        }
        if (!node_fits || !has_tags(packed, &wanted->tags)) continue;
        struct catalog_service *service = co_arena_new(query->arena, struct catalog_service);
        status = whole(catalog_read_service(query->txn, row_key, service, query->arena, error), error);
        if (status) break;
        status = take(arg, node, service, error);
        if (status) break;
    }
    co_cursor_close(cursor);
    if (status != CO_OK && status != CO_NOT_FOUND) return status;
    query->index = service_index(query->txn, index_name, exists, with_checks);
    return CO_OK;
}
