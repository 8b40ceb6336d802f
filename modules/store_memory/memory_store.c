/* Transactions over the trees. A version is a forest (one root per table); a commit swaps in the next one. A reader holds the
 * forest of its begin; what later versions dropped waits as garbage, tagged with the commit that dropped it, until no
 * reader is older. History is a line, so nothing needs reference counts. */
#include <stdlib.h>

#include "cohort/module.h"
#include "memory_store.h"

#define LIST_KEPT_MAX 4096

CO_SCHEMA(memory_settings_schema, struct memory_settings, "StoreMemory",
          CO_FIELD(0, struct memory_settings, size_max, "SizeMax", 0, .fallback = "0",
                   .doc = "Refuse writes when the state would take more memory than this; 0: no bound."),
          CO_FIELD(0, struct memory_settings, strict, "Strict", 0, .fallback = MEMORY_STRICT_DEFAULT,
                   .doc = "For tests: bytes read in a write transaction are freed at its next write."));

struct memory_forest {
    size_t count;
    struct memory_node *roots[];
};

struct memory_garbage {
    struct memory_garbage *next;
    uint64_t stamp; /* snapshots before this commit see it */
    size_t count;
    void *items[];
};

struct memory_txn {
    struct co_txn base;
    struct memory_store *store;
    struct memory_forest *forest;
    bool owns_forest;
    uint64_t stamp; /* the commit that it sees */
    size_t open_cursors;
    struct memory_txn *next, *previous; /* among readers, or idle ones */
};

struct memory_cursor {
    struct co_cursor base;
    struct memory_cursor *next; /* among idle ones */
    const struct memory_node *root;
    bool is_placed;
    struct memory_path path;
};

static struct memory_txn *of(struct co_txn *base) {
    return (struct memory_txn *)base;
}

/* --- garbage --- */

static void list_reset(struct memory_list *list) {
    list->count = 0;
    if (list->room <= LIST_KEPT_MAX) return;
    free(list->items);
    *list = (struct memory_list){NULL, 0, 0};
}

static void garbage_collect(struct memory_store *store) {
    uint64_t oldest = store->oldest ? store->oldest->stamp : store->stamp;
    for (struct memory_garbage *garbage; (garbage = store->garbage) && garbage->stamp <= oldest;) {
        store->garbage = garbage->next;
        for (size_t i = 0; i < garbage->count; i++) free(garbage->items[i]);
        free(garbage);
    }
    if (!store->garbage) store->litter = NULL;
}

static void retired_release(struct memory_store *store) {
    struct memory_list *retired = &store->edit.retired;
    if (!store->oldest) {
        for (size_t i = 0; i < retired->count; i++) free(retired->items[i]);
        return;
    }
    if (!retired->count) return;
    struct memory_garbage *garbage = co_malloc(sizeof *garbage + retired->count * sizeof garbage->items[0]);
    garbage->next = NULL;
    garbage->stamp = store->stamp;
    garbage->count = retired->count;
    memcpy(garbage->items, retired->items, retired->count * sizeof garbage->items[0]);
    if (store->litter)
        store->litter->next = garbage;
    else
        store->garbage = garbage;
    store->litter = garbage;
}

/* --- loans: what `strict` hands out instead of the stored bytes, so that a sanitizer sees their use after a write --- */

static void loan(struct memory_txn *txn, struct co_bytes *bytes) {
    if (!txn->base.is_write || !txn->store->is_strict) return;
    void *copy = co_malloc(bytes->size);
    if (bytes->size) memcpy(copy, bytes->data, bytes->size);
    memory_list_add(&txn->store->loans, copy);
    bytes->data = copy;
}

static void loans_end(struct memory_store *store) {
    for (size_t i = 0; i < store->loans.count; i++) free(store->loans.items[i]);
    store->loans.count = 0;
}

/* --- transactions --- */

static co_status begin(void *self, bool write, struct co_txn **out, struct co_error *error) {
    (void)error;
    struct memory_store *store = self;
    struct memory_txn *txn = store->idle_txns;
    if (txn)
        store->idle_txns = txn->next;
    else
        txn = co_malloc(sizeof *txn);
    *txn = (struct memory_txn){.base = {.ops = &memory_storage_ops, .is_write = write},
                               .store = store,
                               .forest = store->forest,
                               .stamp = store->stamp};
    if (write) {
        co_assert(!store->has_writer);
        store->has_writer = true;
        store->edit.stamp = store->stamp + 1;
        store->edit.bytes = 0;
    } else {
        txn->previous = store->newest;
        if (store->newest)
            store->newest->next = txn;
        else
            store->oldest = txn;
        store->newest = txn;
    }
    *out = &txn->base;
    return CO_OK;
}

static void txn_end(struct memory_txn *txn) {
    struct memory_store *store = txn->store;
    co_assert(txn->open_cursors == 0);
    if (txn->base.is_write) {
        loans_end(store);
        list_reset(&store->edit.fresh);
        list_reset(&store->edit.retired);
        store->has_writer = false;
    } else {
        if (txn->previous)
            txn->previous->next = txn->next;
        else
            store->oldest = txn->next;
        if (txn->next)
            txn->next->previous = txn->previous;
        else
            store->newest = txn->previous;
        if (store->garbage && !txn->previous) garbage_collect(store);
    }
    txn->next = store->idle_txns;
    store->idle_txns = txn;
}

static void abort_txn(struct co_txn *base) {
    struct memory_list *fresh = &of(base)->store->edit.fresh;
    for (size_t i = 0; base->is_write && i < fresh->count; i++) free(fresh->items[i]);
    txn_end(of(base));
}

static co_status commit(struct co_txn *base, struct co_error *error) {
    (void)error;
    struct memory_txn *txn = of(base);
    struct memory_store *store = txn->store;
    if (base->is_write) {
        store->forest = txn->forest;
        store->stamp = store->edit.stamp;
        store->bytes += store->edit.bytes;
        retired_release(store);
    }
    txn_end(txn);
    return CO_OK;
}

static struct memory_node *root_of(const struct memory_txn *txn, co_table_id table) {
    return txn->forest && table < txn->forest->count ? txn->forest->roots[table] : NULL;
}

/* The root's place in a forest of the writer's own. */
static struct memory_node **root_slot(struct memory_txn *txn, co_table_id table) {
    struct memory_forest *old = txn->forest;
    size_t count = old ? old->count : 0;
    if (!txn->owns_forest || table >= count) {
        size_t wanted = table < count ? count : (table + 16u) / 16u * 16u;
        size_t size = sizeof *old + wanted * sizeof old->roots[0];
        struct memory_forest *forest = memory_edit_new(&txn->store->edit, size);
        memset(forest, 0, size);
        forest->count = wanted;
        if (old) memcpy(forest->roots, old->roots, count * sizeof old->roots[0]);
        if (old) memory_edit_retire(&txn->store->edit, old, sizeof *old + count * sizeof old->roots[0]);
        txn->forest = forest;
        txn->owns_forest = true;
    }
    return &txn->forest->roots[table];
}

static co_status get(struct co_txn *base, co_table_id table, struct co_bytes key, struct co_bytes *value) {
    const struct memory_row *row = memory_tree_get(root_of(of(base), table), key);
    if (!row) return CO_NOT_FOUND;
    *value = memory_row_value(row);
    loan(of(base), value);
    return CO_OK;
}

static co_status put(struct co_txn *base, co_table_id table, struct co_bytes key, struct co_bytes value,
                     struct co_error *error) {
    struct memory_store *store = of(base)->store;
    co_assert(base->is_write && key.size > 0 && key.size <= CO_STORAGE_KEY_MAX);
    if (value.size > CO_STORAGE_VALUE_MAX)
        return co_fail(error, CO_TOO_LARGE, "a value of %zu bytes; the store takes %u", value.size,
                       CO_STORAGE_VALUE_MAX);
    int64_t after = store->bytes + store->edit.bytes + memory_row_cost(key.size, value.size);
    if (store->size_max && after > store->size_max)
        return co_fail(error, CO_FULL,
                       "the state has reached size_max (%lld MiB); raise size_max in modules.storage.memory",
                       (long long)(store->size_max >> 20));
    memory_tree_put(&store->edit, root_slot(of(base), table), key, value);
    loans_end(store); /* not before: key and value may be some */
    return CO_OK;
}

static co_status del(struct co_txn *base, co_table_id table, struct co_bytes key, struct co_error *error) {
    (void)error;
    struct memory_txn *txn = of(base);
    co_assert(base->is_write);
    if (!memory_tree_get(root_of(txn, table), key)) return CO_NOT_FOUND;
    memory_tree_del(&txn->store->edit, root_slot(txn, table), key);
    loans_end(txn->store);
    return CO_OK;
}

static co_status clear(struct co_txn *base, co_table_id table, struct co_error *error) {
    (void)error;
    struct memory_txn *txn = of(base);
    co_assert(base->is_write);
    if (root_of(txn, table)) memory_tree_clear(&txn->store->edit, root_slot(txn, table));
    loans_end(txn->store);
    return CO_OK;
}

/* --- cursors --- */

static struct co_cursor *cursor_open(struct co_txn *base, co_table_id table) {
    struct memory_txn *txn = of(base);
    struct memory_cursor *cursor = txn->store->idle_cursors;
    if (cursor)
        txn->store->idle_cursors = cursor->next;
    else
        cursor = co_malloc(sizeof *cursor);
    cursor->base = (struct co_cursor){.txn = base};
    cursor->root = root_of(txn, table);
    cursor->is_placed = false;
    txn->open_cursors++;
    return &cursor->base;
}

static void cursor_close(struct co_cursor *base) {
    struct memory_cursor *cursor = (struct memory_cursor *)base;
    struct memory_txn *txn = of(base->txn);
    txn->open_cursors--;
    cursor->next = txn->store->idle_cursors;
    txn->store->idle_cursors = cursor;
}

static co_status report(struct memory_cursor *cursor, const struct memory_row *row, struct co_bytes *found,
                        struct co_bytes *value) {
    cursor->is_placed = true;
    if (!row) return CO_NOT_FOUND;
    *found = memory_row_key(row);
    *value = memory_row_value(row);
    loan(of(cursor->base.txn), found);
    loan(of(cursor->base.txn), value);
    return CO_OK;
}

static co_status cursor_seek(struct co_cursor *base, struct co_bytes key, struct co_bytes *found,
                             struct co_bytes *value) {
    struct memory_cursor *cursor = (struct memory_cursor *)base;
    return report(cursor, memory_path_seek(&cursor->path, cursor->root, key), found, value);
}

static co_status cursor_next(struct co_cursor *base, struct co_bytes *found, struct co_bytes *value) {
    struct memory_cursor *cursor = (struct memory_cursor *)base;
    if (!cursor->is_placed) return cursor_seek(base, co_bytes(NULL, 0), found, value);
    return report(cursor, memory_path_next(&cursor->path), found, value);
}

/* --- the store --- */

static uint64_t bytes_used(void *self) {
    return (uint64_t)((struct memory_store *)self)->bytes;
}

const struct co_storage_ops memory_storage_ops = {
    .begin = begin,
    .commit = commit,
    .abort = abort_txn,
    .get = get,
    .put = put,
    .del = del,
    .clear = clear,
    .cursor_open = cursor_open,
    .cursor_seek = cursor_seek,
    .cursor_next = cursor_next,
    .cursor_close = cursor_close,
    .bytes_used = bytes_used,
};

void memory_store_open(struct memory_store *store, const struct memory_settings *settings) {
    uint64_t size_max = settings->size_max.bytes;
    store->is_strict = settings->strict;
    store->size_max = size_max > INT64_MAX ? INT64_MAX : (int64_t)size_max;
}

void memory_store_close(struct memory_store *store) {
    co_assert(!store->has_writer && !store->oldest);
    if (store->forest) {
        for (size_t i = 0; i < store->forest->count; i++) memory_tree_clear(&store->edit, &store->forest->roots[i]);
        memory_edit_retire(&store->edit, store->forest, 0);
        retired_release(store);
    }
    garbage_collect(store);
    for (struct memory_txn *txn; (txn = store->idle_txns);) {
        store->idle_txns = txn->next;
        free(txn);
    }
    for (struct memory_cursor *cursor; (cursor = store->idle_cursors);) {
        store->idle_cursors = cursor->next;
        free(cursor);
    }
    free(store->edit.fresh.items);
    free(store->edit.retired.items);
    free(store->loans.items);
    memset(store, 0, sizeof *store);
}

co_status memory_module_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    (void)error;
    if (!co_ctx_agent(ctx)->is_dev && co_ctx_agent(ctx)->is_server)
        co_log_info(co_ctx_log(ctx), "the state lives in memory; each start rebuilds it from snapshot and journal",
                    "data_dir=%s", co_ctx_agent(ctx)->data_dir);
    memory_store_open(self, config);
    return CO_OK;
}

void memory_module_fini(void *self) {
    memory_store_close(self);
}
