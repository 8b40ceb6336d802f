/* Cursors: walking one table's range of LMDB's key space. Those of read transactions are pooled and renewed. All tables
 * share one LMDB database, so a cursor relies on LMDB to keep its place while other tables are written (it does: the
 * conformance suite walks one table while it writes the others). */
#include <stdlib.h>

#include "lmdb_store.h"

#define IDLE_CURSORS_MAX 32

struct lmdb_cursor {
    struct co_cursor base;
    MDB_cursor *mdb;
    struct lmdb_cursor *next; /* among idle ones */
    struct co_arena passing;  /* the decompressed value, when it need not last */
    co_table_id table;
    bool is_placed, is_at_end;
};

static struct lmdb_cursor *of(struct co_cursor *base) {
    return (struct lmdb_cursor *)base;
}

struct co_cursor *lmdb_cursor_open(struct co_txn *base, co_table_id table) {
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    struct lmdb_store *store = txn->store;
    struct lmdb_cursor *cursor = base->is_write ? NULL : store->idle_cursors;
    int code;
    if (cursor) {
        store->idle_cursors = cursor->next;
        store->idle_cursor_count--;
        code = mdb_cursor_renew(txn->mdb, cursor->mdb);
    } else {
        cursor = co_malloc(sizeof *cursor);
        co_arena_init(&cursor->passing);
        code = mdb_cursor_open(txn->mdb, store->dbi, &cursor->mdb);
    }
    co_assert(code == 0); /* only out of memory or a transaction that is over */
    cursor->base = (struct co_cursor){.txn = base};
    cursor->table = table;
    cursor->is_placed = cursor->is_at_end = false;
    txn->open_cursors++;
    return &cursor->base;
}

void lmdb_cursor_close(struct co_cursor *base) {
    struct lmdb_cursor *cursor = of(base);
    struct lmdb_txn *txn = (struct lmdb_txn *)base->txn;
    struct lmdb_store *store = txn->store;
    txn->open_cursors--;
    co_arena_fini(&cursor->passing);
    if (base->txn->is_write || store->idle_cursor_count >= IDLE_CURSORS_MAX) {
        mdb_cursor_close(cursor->mdb);
        free(cursor);
        return;
    }
    cursor->next = store->idle_cursors;
    store->idle_cursors = cursor;
    store->idle_cursor_count++;
}

void lmdb_cursor_release_idle(struct lmdb_store *store) {
    for (struct lmdb_cursor *cursor; (cursor = store->idle_cursors);) {
        store->idle_cursors = cursor->next;
        mdb_cursor_close(cursor->mdb);
        free(cursor);
    }
    store->idle_cursor_count = 0;
}

/* Turns what LMDB found into the caller's view: the end of the table is an end too. */
static co_status report(struct lmdb_cursor *cursor, int code, MDB_val at, MDB_val data, struct co_bytes *found,
                        struct co_bytes *value) {
    struct lmdb_txn *txn = (struct lmdb_txn *)cursor->base.txn;
    uint8_t prefix[LMDB_TABLE_SIZE];
    lmdb_key_table(prefix, cursor->table);
    cursor->is_placed = true;
    cursor->is_at_end = true;
    if (code == MDB_NOTFOUND) return CO_NOT_FOUND;
    if (code) return lmdb_fail(txn->store, code, "read the state", NULL);
    if (at.mv_size <= sizeof prefix || memcmp(at.mv_data, prefix, sizeof prefix) != 0) return CO_NOT_FOUND;
    struct co_arena *arena = cursor->base.is_passing ? &cursor->passing : &txn->arena;
    if (cursor->passing.total) co_arena_reset(&cursor->passing);
    if (lmdb_value_decode(co_bytes(data.mv_data, data.mv_size), arena, value))
        return lmdb_fail(txn->store, MDB_CORRUPTED, "read the state", NULL);
    cursor->is_at_end = false;
    *found = co_bytes((const uint8_t *)at.mv_data + LMDB_TABLE_SIZE, at.mv_size - LMDB_TABLE_SIZE);
    return CO_OK;
}

co_status lmdb_cursor_seek(struct co_cursor *base, struct co_bytes key, struct co_bytes *found,
                           struct co_bytes *value) {
    struct lmdb_cursor *cursor = of(base);
    uint8_t bytes[LMDB_KEY_SIZE_MAX];
    bool is_longer = key.size > CO_STORAGE_KEY_MAX;
    size_t size = is_longer ? CO_STORAGE_KEY_MAX : key.size;
    lmdb_key_table(bytes, cursor->table);
    if (size) memcpy(bytes + LMDB_TABLE_SIZE, key.data, size);
    MDB_val at = {LMDB_TABLE_SIZE + size, bytes}, data = {0, NULL};
    int code = mdb_cursor_get(cursor->mdb, &at, &data, MDB_SET_RANGE);
    /* A stored key equal to the cut one sorts before the asked one. */
    if (!code && is_longer && at.mv_size == sizeof bytes && memcmp(at.mv_data, bytes, sizeof bytes) == 0)
        code = mdb_cursor_get(cursor->mdb, &at, &data, MDB_NEXT);
    return report(cursor, code, at, data, found, value);
}

co_status lmdb_cursor_next(struct co_cursor *base, struct co_bytes *found, struct co_bytes *value) {
    struct lmdb_cursor *cursor = of(base);
    if (!cursor->is_placed) return lmdb_cursor_seek(base, co_bytes(NULL, 0), found, value);
    if (cursor->is_at_end) return CO_NOT_FOUND;
    MDB_val at, data;
    int code = mdb_cursor_get(cursor->mdb, &at, &data, MDB_NEXT);
    return report(cursor, code, at, data, found, value);
}
