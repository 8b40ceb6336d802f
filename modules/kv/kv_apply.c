/* Writes: what KVS.Apply checks on the leader (prepare) and does to the tables on every server (apply). Knows nothing of HTTP.
 * A write that changes nothing touches no row, so it wakes nobody and moves no index. Deletions leave a tombstone, so that the
 * index of a prefix grows although the row that had the highest one is gone. Table indexes: "kvs", "tombstones". */
#include "kv.h"

#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        co_status status_ = (expression);                                                                              \
        if (status_) return status_;                                                                                   \
    } while (0)

co_status kv_prepare(struct co_prepare *prepare, void *request, struct co_error *error) {
    static const char *const ops[] = {"set", "cas", "delete", "delete-cas", "delete-tree"};
    struct kv_apply_request *apply = request;
    size_t op = 0;
    while (op < CO_COUNT(ops) && (!apply->op || strcmp(apply->op, ops[op]) != 0)) op++;
    if (op == CO_COUNT(ops)) {
        return co_fail(error, CO_INVALID, "Invalid KVS operation \"%s\"", apply->op ? apply->op : "");
    }
    if (!apply->entry.key) apply->entry.key = "";
    size_t size = strlen(apply->entry.key);
    if (size == 0 && strcmp(apply->op, "delete-tree") != 0) return co_fail(error, CO_INVALID, "Must provide key");
    if (size > CO_STORAGE_KEY_MAX) {
        return co_fail(error, CO_INVALID, "Key is too long: %zu bytes, this version stores keys of at most %d", size,
                       CO_STORAGE_KEY_MAX);
    }
    if (apply->entry.session && apply->entry.session[0]) {
        return co_fail(error, CO_INVALID, "Sessions are not supported by this version yet: leave Session empty");
    }
    if (prepare && (int64_t)apply->entry.value.size > co_ctx_agent(prepare->ctx)->limits.kv_max_value_size) {
        return co_fail(error, CO_TOO_LARGE, "Value of %zu bytes is too large; limits.kv_max_value_size is %lld",
                       apply->entry.value.size, (long long)co_ctx_agent(prepare->ctx)->limits.kv_max_value_size);
    }
    return CO_OK;
}

static bool text_equal(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static co_status set(struct co_apply *apply, const struct kv_entry *wanted, const struct kv_entry *old,
                     struct co_bytes key, struct co_error *error) {
    struct kv_entry entry = *wanted;
    entry.key = NULL;
    if (entry.value.size == 0) entry.value.data = NULL; /* an empty value shows as null */
    entry.create_index = old ? old->create_index : apply->index;
    entry.modify_index = apply->index;
    entry.session = old ? old->session : NULL; /* a plain write leaves the lock's holder alone */
    if (old && old->lock_index == entry.lock_index && old->flags == entry.flags &&
        co_bytes_equal(old->value, entry.value) && text_equal(old->session, entry.session)) {
        return CO_OK;
    }
    TRY(co_row_put(apply->txn, KV_ENTRIES, key, &kv_entry_schema, &entry, error));
    return co_index_set(apply->txn, "kvs", apply->index, error);
}

static co_status bury(struct co_apply *apply, struct co_bytes key, struct co_error *error) {
    unsigned char index[8];
    for (int i = 0; i < 8; i++) index[i] = (unsigned char)(apply->index >> (56 - 8 * i));
    TRY(co_put(apply->txn, KV_TOMBSTONES, key, co_bytes(index, sizeof index), error));
    TRY(co_index_set(apply->txn, "tombstones", apply->index, error));
    return co_index_set(apply->txn, "kvs", apply->index, error);
}

static co_status delete_one(struct co_apply *apply, struct co_bytes key, struct co_error *error) {
    co_status status = co_del(apply->txn, KV_ENTRIES, key, error);
    if (status) return status == CO_NOT_FOUND ? CO_OK : status;
    return bury(apply, key, error);
}

/* One tombstone stands for the whole subtree. The empty prefix needs none: its readers go by the table's own index. */
static co_status delete_tree(struct co_apply *apply, struct co_bytes prefix, struct co_error *error) {
    enum { STEP = 256 };
    struct co_bytes keys[STEP];
    bool any = false;
    for (;;) {
        size_t count = 0;
        struct co_bytes key, row;
        struct co_cursor *cursor = co_cursor_open(apply->txn, KV_ENTRIES);
        co_status status = co_cursor_seek(cursor, prefix, &key, &row);
        while (status == CO_OK && co_bytes_starts(key, prefix) && count < STEP) {
            /* Copied: bytes from the store last until the next write only. */
            keys[count++] = co_bytes(co_arena_copy(apply->arena, key.data, key.size), key.size);
            status = co_cursor_next(cursor, &key, &row);
        }
        co_cursor_close(cursor);
        if (status != CO_OK && status != CO_NOT_FOUND) return co_fail(error, status, "cannot read the keys to delete");
        for (size_t i = 0; i < count; i++) TRY(co_del(apply->txn, KV_ENTRIES, keys[i], error));
        any = any || count > 0;
        if (count < STEP) break;
    }
    if (!any) return CO_OK;
    return prefix.size ? bury(apply, prefix, error) : co_index_set(apply->txn, "kvs", apply->index, error);
}

co_status kv_apply(struct co_apply *apply, const void *request, void *reply, struct co_error *error) {
    const struct kv_apply_request *wanted = request;
    struct kv_apply_reply *answer = reply;
    const char *op = wanted->op ? wanted->op : "";
    struct co_bytes key = co_bytes_text(wanted->entry.key ? wanted->entry.key : "");
    if (key.size > CO_STORAGE_KEY_MAX) return co_fail(error, CO_INVALID, "key is too long");
    answer->is_done = true;
    if (strcmp(op, "delete-tree") == 0) return delete_tree(apply, key, error);
    if (key.size == 0) return co_fail(error, CO_INVALID, "key is empty");

    struct kv_entry entry, *old = NULL;
    struct co_bytes row;
    co_status status = co_get(apply->txn, KV_ENTRIES, key, &row);
    if (status == CO_OK) {
        TRY(kv_entry_read(row, &entry, apply->arena, error));
        old = &entry;
    } else if (status != CO_NOT_FOUND) {
        return co_fail(error, status, "cannot read key");
    }
    uint64_t expected = wanted->entry.modify_index;
    if (strcmp(op, "set") == 0) return set(apply, &wanted->entry, old, key, error);
    if (strcmp(op, "delete") == 0) return old ? delete_one(apply, key, error) : CO_OK;
    if (strcmp(op, "cas") == 0) {
        answer->is_done = old ? expected != 0 && expected == old->modify_index : expected == 0;
        return answer->is_done ? set(apply, &wanted->entry, old, key, error) : CO_OK;
    }
    if (strcmp(op, "delete-cas") == 0) {
        answer->is_done = !old || expected == old->modify_index; /* what is gone already counts as deleted */
        return old && answer->is_done ? delete_one(apply, key, error) : CO_OK;
    }
    return co_fail(error, CO_INVALID, "unknown operation \"%s\"", op);
}

co_status kv_reap_apply(struct co_apply *apply, const void *request, void *reply, struct co_error *error) {
    const struct kv_reap_request *reap = request;
    struct kv_reap_reply *answer = reply;
    answer->next = "";
    struct co_bytes from = co_bytes_text(reap->from ? reap->from : "");
    if (from.size > CO_STORAGE_KEY_MAX) return co_fail(error, CO_INVALID, "key is too long");
    struct co_bytes *old = co_arena_alloc(apply->arena, KV_REAP_STEP * sizeof *old);
    size_t seen = 0, count = 0;
    struct co_bytes key, row;
    struct co_cursor *cursor = co_cursor_open(apply->txn, KV_TOMBSTONES);
    co_status status = co_cursor_seek(cursor, from, &key, &row);
    while (status == CO_OK && seen < KV_REAP_STEP) {
        if (kv_tombstone_index(row) <= reap->index) {
            old[count++] = co_bytes(co_arena_copy(apply->arena, key.data, key.size), key.size);
        }
        seen++;
        status = co_cursor_next(cursor, &key, &row);
    }
    if (status == CO_OK) answer->next = co_arena_text(apply->arena, key.data, key.size);
    co_cursor_close(cursor);
    if (status != CO_OK && status != CO_NOT_FOUND) return co_fail(error, status, "cannot read the tombstones");
    for (size_t i = 0; i < count; i++) TRY(co_del(apply->txn, KV_TOMBSTONES, old[i], error));
    return CO_OK;
}
