/* Reads: one key, the entries below a prefix, the keys below a prefix. Pure functions of a snapshot; rows are decoded in place.
 * The index of an answer is the highest ModifyIndex (or deletion) in it; of an empty one, that of the whole store, so that a
 * waiting client does not spin. Each answer watches just its key or prefix: other writes do not wake it. */
#include "kv.h"

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t table_index(struct co_txn *txn) {
    return later(co_index_get(txn, "kvs"), co_index_get(txn, "tombstones"));
}

static co_status newest_tombstone(struct co_query *query, struct co_bytes prefix, uint64_t *index,
                                  struct co_error *error) {
    struct co_bytes key, row;
    struct co_cursor *cursor = co_cursor_open(query->txn, KV_TOMBSTONES);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    for (; status == CO_OK && co_bytes_starts(key, prefix); status = co_cursor_next(cursor, &key, &row)) {
        *index = later(*index, kv_tombstone_index(row));
    }
    co_cursor_close(cursor);
    return status == CO_OK || status == CO_NOT_FOUND ? CO_OK : co_fail(error, status, "cannot read the tombstones");
}

co_status kv_get(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct kv_request *wanted = request;
    struct kv_list *list = reply;
    struct co_bytes key = co_bytes_text(wanted->key ? wanted->key : ""), row;
    query->index = table_index(query->txn);
    if (key.size == 0 || key.size > CO_STORAGE_KEY_MAX) return CO_OK; /* cannot exist */
    co_query_watch(query, KV_ENTRIES, key, true);
    co_status status = co_get(query->txn, KV_ENTRIES, key, &row);
    if (status == CO_NOT_FOUND) return CO_OK;
    if (status) return co_fail(error, status, "cannot read key");
    struct kv_entry *entry = co_arena_new(query->arena, struct kv_entry);
    status = kv_entry_read(row, entry, query->arena, error);
    if (status) return status;
    entry->key = co_arena_strdup(query->arena, wanted->key);
    query->index = entry->modify_index;
    list->entries = (struct co_records){entry, 1};
    return CO_OK;
}

/* Calls `take` for each entry below the prefix and sets the answer's index. */
static co_status walk(struct co_query *query, struct co_bytes prefix,
                      void (*take)(void *arg, struct co_bytes key, const struct kv_entry *), void *arg,
                      struct co_error *error) {
    query->index = table_index(query->txn);
    if (prefix.size > CO_STORAGE_KEY_MAX) return CO_OK;
    co_query_watch(query, KV_ENTRIES, prefix, false);
    uint64_t index = 0;
    struct co_bytes key, row;
    struct co_cursor *cursor = co_cursor_open(query->txn, KV_ENTRIES);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    while (status == CO_OK && co_bytes_starts(key, prefix)) {
        struct kv_entry entry;
        status = kv_entry_read(row, &entry, query->arena, error);
        if (status) break;
        index = later(index, entry.modify_index);
        take(arg, key, &entry);
        status = co_cursor_next(cursor, &key, &row);
    }
    co_cursor_close(cursor);
    if (status != CO_OK && status != CO_NOT_FOUND) return co_fail(error, status, "cannot read the keys");
    if (prefix.size) {
        status = newest_tombstone(query, prefix, &index, error);
        if (status) return status;
        if (index) query->index = index;
    }
    return CO_OK;
}

struct entries {
    struct co_arena *arena;
    struct kv_entry *items;
    size_t count, room;
};

static void *grown(struct co_arena *arena, void *items, size_t *room, size_t count, size_t size) {
    if (count < *room) return items;
    *room = *room ? *room * 2 : 16;
    void *more = co_arena_alloc(arena, *room * size);
    if (count) memcpy(more, items, count * size);
    return more;
}

static void take_entry(void *arg, struct co_bytes key, const struct kv_entry *entry) {
    struct entries *entries = arg;
    entries->items = grown(entries->arena, entries->items, &entries->room, entries->count, sizeof *entries->items);
    struct kv_entry *copy = &entries->items[entries->count++];
    *copy = *entry;
    copy->key = co_arena_text(entries->arena, key.data, key.size);
}

co_status kv_list(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct kv_request *wanted = request;
    struct kv_list *list = reply;
    struct entries entries = {.arena = query->arena};
    co_status status = walk(query, co_bytes_text(wanted->key ? wanted->key : ""), take_entry, &entries, error);
    list->entries = (struct co_records){entries.items, entries.count};
    return status;
}

struct keys {
    struct co_arena *arena;
    size_t prefix_size;
    struct co_bytes separator, last;
    const char **items;
    size_t count, room;
};

/* Keys are cut behind the first separator after the prefix; a run of equal ones is one. */
static void take_key(void *arg, struct co_bytes key, const struct kv_entry *entry) {
    struct keys *keys = arg;
    (void)entry;
    if (keys->separator.size) {
        const char *tail = (const char *)key.data + keys->prefix_size;
        const char *at = memmem(tail, key.size - keys->prefix_size, keys->separator.data, keys->separator.size);
        if (at) key.size = (size_t)(at - (const char *)key.data) + keys->separator.size;
        if (keys->count && co_bytes_equal(key, keys->last)) return;
    }
    keys->items = grown(keys->arena, keys->items, &keys->room, keys->count, sizeof *keys->items);
    const char *copy = co_arena_text(keys->arena, key.data, key.size);
    keys->items[keys->count++] = copy;
    keys->last = co_bytes(copy, key.size);
}

co_status kv_list_keys(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct kv_request *wanted = request;
    struct kv_keys *list = reply;
    struct co_bytes prefix = co_bytes_text(wanted->key ? wanted->key : "");
    struct keys keys = {.arena = query->arena,
                        .prefix_size = prefix.size,
                        .separator = co_bytes_text(wanted->separator ? wanted->separator : "")};
    co_status status = walk(query, prefix, take_key, &keys, error);
    list->keys = (struct co_strings){keys.items, keys.count};
    return status;
}
