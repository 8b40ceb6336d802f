/* The memory store without an agent around it: what the module's init and the tests use. */
#ifndef COHORT_STORE_MEMORY_H
#define COHORT_STORE_MEMORY_H

#include "cohort/schema.h"
#include "cohort/storage.h"
#include "memory_tree.h"

struct co_ctx;
struct memory_txn;
struct memory_cursor;
struct memory_forest;
struct memory_garbage;

/* The block `storage "memory" { ... }`. */
struct memory_settings {
    struct co_size size_max;
    bool strict;
};
extern const struct co_schema memory_settings_schema;

struct memory_store {
    uint64_t stamp;               /* of the newest commit */
    struct memory_forest *forest; /* the trees of the newest commit; NULL: none yet */
    int64_t bytes, size_max;
    bool has_writer, is_strict;
    struct memory_edit edit;                 /* of the writer */
    struct memory_list loans;                /* see `strict` */
    struct memory_txn *oldest, *newest;      /* open readers in the order of their snapshots */
    struct memory_garbage *garbage, *litter; /* what open readers may still see, oldest and newest */
    struct memory_txn *idle_txns;
    struct memory_cursor *idle_cursors;
};

/* `store` is zeroed. */
void memory_store_open(struct memory_store *, const struct memory_settings *);
void memory_store_close(struct memory_store *);
extern const struct co_storage_ops memory_storage_ops; /* self: struct memory_store * */

co_status memory_module_init(struct co_ctx *, void *self, const void *config, struct co_error *);
void memory_module_fini(void *self);

#endif
