/* Transactions: begin, commit, abort, get, put, del, clear.
 *
 * All tables share LMDB's one unnamed database; a key starts with its table's id. A named database per table would make
 * every commit also rewrite that database's record, and each begin copy the list of databases. Ended read transactions
 * keep their reader slot and are renewed, so that a read costs neither malloc nor lock. */
#include <stdlib.h>

#include "lmdb_store.h"

#define IDLE_TXNS_MAX    32
#define ARENA_KEPT_MAX   (256u << 10)
#define SCRATCH_KEPT_MAX (1u << 20)

static struct lmdb_txn *of(struct co_txn *base) {
    return (struct lmdb_txn *)base;
}

static co_status begin(void *self, bool write, struct co_txn **out, struct co_error *error) {
    struct lmdb_store *store = self;
    co_assert(!write || !store->has_writer);
    struct lmdb_txn *txn = store->idle_txns;
    int code;
    if (!write && txn) {
        code = mdb_txn_renew(txn->mdb);
        if (code) return lmdb_fail(store, code, "read the state", error);
        store->idle_txns = txn->next;
        store->idle_txn_count--;
    } else {
        MDB_txn *mdb;
        code = mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &mdb);
        if (code) return lmdb_fail(store, code, write ? "write to the state" : "read the state", error);
        txn = co_calloc(1, sizeof *txn);
        txn->base.ops = &lmdb_storage_ops;
        txn->base.is_write = write;
        txn->store = store;
        txn->mdb = mdb;
        co_arena_init(&txn->arena);
    }
    if (write) store->has_writer = true;
    store->open_txns++;
    *out = &txn->base;
    return CO_OK;
}

static void txn_free(struct lmdb_txn *txn) {
    co_arena_fini(&txn->arena);
    free(txn);
}

/* After LMDB is done with a write transaction. */
static void writer_end(struct lmdb_txn *txn) {
    struct lmdb_store *store = txn->store;
    store->has_writer = false;
    store->open_txns--;
    if (store->scratch_size > SCRATCH_KEPT_MAX) {
        free(store->scratch);
        store->scratch = NULL;
        store->scratch_size = 0;
    }
    txn_free(txn);
}

static void abort_txn(struct co_txn *base) {
    struct lmdb_txn *txn = of(base);
    struct lmdb_store *store = txn->store;
    co_assert(txn->open_cursors == 0);
    if (base->is_write) {
        mdb_txn_abort(txn->mdb);
        writer_end(txn);
        return;
    }
    store->open_txns--;
    if (store->idle_txn_count >= IDLE_TXNS_MAX) {
        mdb_txn_abort(txn->mdb);
        txn_free(txn);
        return;
    }
    mdb_txn_reset(txn->mdb);
    if (txn->arena.total > ARENA_KEPT_MAX)
        co_arena_fini(&txn->arena);
    else if (txn->arena.total)
        co_arena_reset(&txn->arena);
    txn->next = store->idle_txns;
    store->idle_txns = txn;
    store->idle_txn_count++;
}

static co_status commit(struct co_txn *base, struct co_error *error) {
    if (!base->is_write) {
        abort_txn(base);
        return CO_OK;
    }
    struct lmdb_txn *txn = of(base);
    struct lmdb_store *store = txn->store;
    co_assert(txn->open_cursors == 0);
    int code = mdb_txn_commit(txn->mdb);
    writer_end(txn);
    return code ? lmdb_fail(store, code, "commit to the state", error) : CO_OK;
}

void lmdb_txn_release_idle(struct lmdb_store *store) {
    for (struct lmdb_txn *txn; (txn = store->idle_txns);) {
        store->idle_txns = txn->next;
        mdb_txn_abort(txn->mdb);
        txn_free(txn);
    }
    store->idle_txn_count = 0;
}

/* False when no stored key can be equal. */
static bool make_key(uint8_t out[LMDB_KEY_SIZE_MAX], co_table_id table, struct co_bytes key, MDB_val *val) {
    if (key.size == 0 || key.size > CO_STORAGE_KEY_MAX) return false;
    lmdb_key_table(out, table);
    memcpy(out + LMDB_TABLE_SIZE, key.data, key.size);
    *val = (MDB_val){LMDB_TABLE_SIZE + key.size, out};
    return true;
}

static co_status get(struct co_txn *base, co_table_id table, struct co_bytes key, struct co_bytes *value) {
    struct lmdb_txn *txn = of(base);
    uint8_t bytes[LMDB_KEY_SIZE_MAX];
    MDB_val at, found;
    if (!make_key(bytes, table, key, &at)) return CO_NOT_FOUND;
    int code = mdb_get(txn->mdb, txn->store->dbi, &at, &found);
    if (code == MDB_NOTFOUND) return CO_NOT_FOUND;
    if (code) return lmdb_fail(txn->store, code, "read the state", NULL);
    co_status status = lmdb_value_decode(co_bytes(found.mv_data, found.mv_size), &txn->arena, value);
    return status ? lmdb_fail(txn->store, MDB_CORRUPTED, "read the state", NULL) : CO_OK;
}

static co_status put(struct co_txn *base, co_table_id table, struct co_bytes key, struct co_bytes value,
                     struct co_error *error) {
    struct lmdb_txn *txn = of(base);
    struct lmdb_store *store = txn->store;
    uint8_t bytes[LMDB_KEY_SIZE_MAX];
    MDB_val at, data;
    bool is_key = make_key(bytes, table, key, &at);
    co_assert(base->is_write && is_key);
    if (value.size > CO_STORAGE_VALUE_MAX)
        return co_fail(error, CO_TOO_LARGE, "a value of %zu bytes; the store takes %u", value.size,
                       CO_STORAGE_VALUE_MAX);

    size_t room = lmdb_value_bound(value.size);
    if (room > store->scratch_size) {
        size_t size = room < 4096 ? 4096 : room + room / 2;
        free(store->scratch);
        store->scratch = co_malloc(size);
        store->scratch_size = size;
    }
    /* Never MDB_RESERVE: `value` may lie in the very page that the put rearranges. */
    data = (MDB_val){lmdb_value_encode(value, store->scratch, store->scratch_size), store->scratch};
    int code = mdb_put(txn->mdb, store->dbi, &at, &data, 0);
    return code ? lmdb_fail(store, code, "write to the state", error) : CO_OK;
}

static co_status del(struct co_txn *base, co_table_id table, struct co_bytes key, struct co_error *error) {
    struct lmdb_txn *txn = of(base);
    uint8_t bytes[LMDB_KEY_SIZE_MAX];
    MDB_val at;
    co_assert(base->is_write);
    if (!make_key(bytes, table, key, &at)) return CO_NOT_FOUND;
    int code = mdb_del(txn->mdb, txn->store->dbi, &at, NULL);
    if (code == MDB_NOTFOUND) return CO_NOT_FOUND;
    return code ? lmdb_fail(txn->store, code, "write to the state", error) : CO_OK;
}

static co_status clear(struct co_txn *base, co_table_id table, struct co_error *error) {
    struct lmdb_txn *txn = of(base);
    co_assert(base->is_write);
    uint8_t first[LMDB_TABLE_SIZE];
    lmdb_key_table(first, table);
    MDB_cursor *cursor = NULL;
    MDB_val at = {sizeof first, first}, value;
    int code = mdb_cursor_open(txn->mdb, txn->store->dbi, &cursor);
    if (!code) code = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
    while (!code && at.mv_size >= sizeof first && memcmp(at.mv_data, first, sizeof first) == 0) {
        code = mdb_cursor_del(cursor, 0);
        /* After a delete, MDB_NEXT steps to the row that took the place. */
        if (!code) code = mdb_cursor_get(cursor, &at, &value, MDB_NEXT);
    }
    if (cursor) mdb_cursor_close(cursor);
    return code && code != MDB_NOTFOUND ? lmdb_fail(txn->store, code, "write to the state", error) : CO_OK;
}

static uint64_t bytes_used(void *self) {
    struct lmdb_store *store = self;
    MDB_stat stat;
    if (mdb_env_stat(store->env, &stat)) return 0;
    return (uint64_t)stat.ms_psize * (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages);
}

const struct co_storage_ops lmdb_storage_ops = {
    .begin = begin,
    .commit = commit,
    .abort = abort_txn,
    .get = get,
    .put = put,
    .del = del,
    .clear = clear,
    .cursor_open = lmdb_cursor_open,
    .cursor_seek = lmdb_cursor_seek,
    .cursor_next = lmdb_cursor_next,
    .cursor_close = lmdb_cursor_close,
    .bytes_used = bytes_used,
};
