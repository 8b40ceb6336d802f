/* The LMDB store without an agent around it: what the module's init, the tests and the fuzz target use. */
#ifndef COHORT_STORE_LMDB_H
#define COHORT_STORE_LMDB_H

#include <lmdb.h>

#include "cohort/arena.h"
#include "cohort/log.h"
#include "cohort/schema.h"
#include "cohort/storage.h"

struct co_ctx;
struct lmdb_txn;
struct lmdb_cursor;

/* The block `storage "lmdb" { ... }`. */
struct lmdb_settings {
    struct co_size map_size;
    const char *sync; /* "journal" | "always" */
};
extern const struct co_schema lmdb_settings_schema;

struct lmdb_store {
    MDB_env *env; /* NULL while closed */
    MDB_dbi dbi;
    struct co_log *log; /* or NULL */
    char *path;
    int dir_fd; /* holds the flock; valid when has_dir */
    bool has_dir, is_sync_always, has_writer;
    bool is_broken; /* LMDB gave up: the next open sets the files aside */
    uint64_t map_size;
    size_t open_txns;
    struct lmdb_txn *idle_txns; /* reset read transactions, each keeping its reader slot */
    struct lmdb_cursor *idle_cursors;
    size_t idle_txn_count, idle_cursor_count;
    uint8_t *scratch; /* a value in its stored form, before LMDB copies it */
    size_t scratch_size;
};

/* Opens the store in the directory `path` (made when missing; its parent must exist). `store` is zeroed. */
co_status lmdb_store_open(struct lmdb_store *, const char *path, const struct lmdb_settings *, struct co_log *,
                          struct co_error *);
/* Syncs and marks the files clean. Accepts a store that failed to open. */
void lmdb_store_close(struct lmdb_store *);
extern const struct co_storage_ops lmdb_storage_ops; /* self: struct lmdb_store * */

co_status lmdb_module_init(struct co_ctx *, void *self, const void *config, struct co_error *);
void lmdb_module_fini(void *self);

/* --- lmdb_txn.c, lmdb_cursor.c --- */
#define LMDB_TABLE_SIZE   2 /* big-endian table id before each key */
#define LMDB_KEY_SIZE_MAX (LMDB_TABLE_SIZE + CO_STORAGE_KEY_MAX)

struct lmdb_txn {
    struct co_txn base;
    struct lmdb_store *store;
    MDB_txn *mdb;
    struct co_arena arena; /* decompressed values */
    size_t open_cursors;
    struct lmdb_txn *next; /* among idle ones */
};

static inline void lmdb_key_table(uint8_t *key, co_table_id table) {
    key[0] = (uint8_t)(table >> 8);
    key[1] = (uint8_t)table;
}

/* Fills `error` from an LMDB (or errno) code; on damage also marks the store broken. */
co_status lmdb_fail(struct lmdb_store *, int code, const char *doing, struct co_error *);
void lmdb_txn_release_idle(struct lmdb_store *);

struct co_cursor *lmdb_cursor_open(struct co_txn *, co_table_id);
co_status lmdb_cursor_seek(struct co_cursor *, struct co_bytes key, struct co_bytes *found, struct co_bytes *value);
co_status lmdb_cursor_next(struct co_cursor *, struct co_bytes *found, struct co_bytes *value);
void lmdb_cursor_close(struct co_cursor *);
void lmdb_cursor_release_idle(struct lmdb_store *);

/* --- lmdb_value.c: the stored form of a value --- */
#define LMDB_VALUE_HEADER_MAX 5
#define LMDB_COMPRESS_FROM    4096

/* Bytes that lmdb_value_encode may need. */
size_t lmdb_value_bound(size_t size);
size_t lmdb_value_encode(struct co_bytes value, uint8_t *out, size_t room);
/* Points into `stored`, or into the arena when it was compressed. OK | CORRUPT. */
co_status lmdb_value_decode(struct co_bytes stored, struct co_arena *, struct co_bytes *value);

/* --- lmdb_mark.c: what is known about the files when nobody has them open --- */
enum lmdb_mark_state {
    LMDB_MARK_NONE,   /* no mark: a new directory */
    LMDB_MARK_CLEAN,  /* synced and closed */
    LMDB_MARK_OPEN,   /* in use; good as long as the kernel's page cache lives */
    LMDB_MARK_ALWAYS, /* in use, every commit synced */
    LMDB_MARK_BROKEN, /* do not use */
};
#define LMDB_BOOT_ID_SIZE 37
struct lmdb_mark {
    enum lmdb_mark_state state;
    char boot[LMDB_BOOT_ID_SIZE];
};

/* CO_CORRUPT: not a mark; CO_UNSUPPORTED: of another version. */
co_status lmdb_mark_parse(struct co_bytes text, struct lmdb_mark *, struct co_error *);
co_status lmdb_mark_read(int dir_fd, struct lmdb_mark *, struct co_error *);
/* Atomic and durable. `boot` is that of the running kernel. */
co_status lmdb_mark_write(int dir_fd, enum lmdb_mark_state, struct co_error *);
/* The running kernel's boot id; "" when it cannot be read, which equals no other. */
void lmdb_boot_id(char out[LMDB_BOOT_ID_SIZE]);
/* Renames the directory to <path>.stale-<n>, then removes older ones. */
co_status lmdb_set_aside(const char *path, char *aside, size_t aside_size, struct co_error *);

#endif
