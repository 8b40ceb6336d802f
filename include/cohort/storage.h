/* Interface `storage`: ordered key/value tables with transactions. Implementations: store_lmdb, store_memory.
 *
 * Thread: the loop. One write transaction at a time; read transactions see the snapshot at their begin, also while a write
 * goes on, and never block. Bytes returned stay valid until the transaction's next write to any table or its end.
 * Durability: a commit survives the process being killed (for persistent stores), but needs not survive a power cut: the
 * journal does. After a power cut the store must either be consistent or report itself empty at open. Source: DESIGN 4. */
#ifndef COHORT_STORAGE_H
#define COHORT_STORAGE_H

#include "base.h"

#define CO_STORAGE_KEY_MAX   500         /* bytes of one key */
#define CO_STORAGE_VALUE_MAX (64u << 20) /* bytes of one value */
typedef uint16_t co_table_id;            /* below 1024; see CO_OFFER_TABLES in module.h */

struct co_txn;
struct co_cursor;

struct co_storage_ops {
    /* `write` while another write transaction is open is a programmer error (asserted). */
    co_status (*begin)(void *self, bool write, struct co_txn **out, struct co_error *);
    /* On failure nothing is changed and the transaction is gone. Read transactions: same as abort. */
    co_status (*commit)(struct co_txn *, struct co_error *);
    void (*abort)(struct co_txn *);
    co_status (*get)(struct co_txn *, co_table_id, struct co_bytes key, struct co_bytes *value); /* OK | NOT_FOUND */
    /* Keys of 1..CO_STORAGE_KEY_MAX bytes; the caller has checked. CO_FULL, CO_IO: abort the transaction. */
    co_status (*put)(struct co_txn *, co_table_id, struct co_bytes key, struct co_bytes value, struct co_error *);
    co_status (*del)(struct co_txn *, co_table_id, struct co_bytes key, struct co_error *); /* OK | NOT_FOUND */
    co_status (*clear)(struct co_txn *, co_table_id, struct co_error *);
    /* Cursors walk one table in byte order. A cursor is invalid after a write to its table; close it before the
     * transaction ends. seek: first key >= `key` (size 0: the first). All: OK | NOT_FOUND (end). */
    struct co_cursor *(*cursor_open)(struct co_txn *, co_table_id);
    co_status (*cursor_seek)(struct co_cursor *, struct co_bytes key, struct co_bytes *found, struct co_bytes *value);
    co_status (*cursor_next)(struct co_cursor *, struct co_bytes *found, struct co_bytes *value);
    void (*cursor_close)(struct co_cursor *);
    /* Rough bytes used by the data (for metrics). */
    uint64_t (*bytes_used)(void *self);
};

struct co_storage {
    const struct co_storage_ops *ops;
    void *self;
};

/* Implementations embed this first in their transaction and cursor structs and set `ops`. */
struct co_txn {
    const struct co_storage_ops *ops;
    bool is_write;
    /* Set by the core on write transactions; told of every put, del and clear (key size 0) before it happens. */
    void (*touched)(void *arg, co_table_id, struct co_bytes key);
    void *touched_arg;
};
struct co_cursor {
    struct co_txn *txn;
    /* For the caller to set after cursor_open: the bytes found need to last only until the cursor moves. Saves memory in long
     * walks, where unpacked values would otherwise pile up until the transaction ends. */
    bool is_passing;
};

/* What everyone calls. */
static inline co_status co_get(struct co_txn *txn, co_table_id table, struct co_bytes key, struct co_bytes *value) {
    return txn->ops->get(txn, table, key, value);
}
static inline co_status co_put(struct co_txn *txn, co_table_id table, struct co_bytes key, struct co_bytes value,
                               struct co_error *error) {
    if (txn->touched) txn->touched(txn->touched_arg, table, key);
    return txn->ops->put(txn, table, key, value, error);
}
static inline co_status co_del(struct co_txn *txn, co_table_id table, struct co_bytes key, struct co_error *error) {
    if (txn->touched) txn->touched(txn->touched_arg, table, key);
    return txn->ops->del(txn, table, key, error);
}
static inline co_status co_clear(struct co_txn *txn, co_table_id table, struct co_error *error) {
    if (txn->touched) txn->touched(txn->touched_arg, table, co_bytes(NULL, 0));
    return txn->ops->clear(txn, table, error);
}
static inline struct co_cursor *co_cursor_open(struct co_txn *txn, co_table_id table) {
    return txn->ops->cursor_open(txn, table);
}
static inline co_status co_cursor_seek(struct co_cursor *cursor, struct co_bytes key, struct co_bytes *found,
                                       struct co_bytes *value) {
    return cursor->txn->ops->cursor_seek(cursor, key, found, value);
}
static inline co_status co_cursor_next(struct co_cursor *cursor, struct co_bytes *found, struct co_bytes *value) {
    return cursor->txn->ops->cursor_next(cursor, found, value);
}
static inline void co_cursor_close(struct co_cursor *cursor) {
    cursor->txn->ops->cursor_close(cursor);
}

#endif
