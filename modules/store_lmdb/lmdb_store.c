/* Opening and closing the store: the directory and its lock, the decision whether the files can be trusted, LMDB's
 * environment, and the words for its errors. Transactions are in lmdb_txn.c, the mark in lmdb_mark.c. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cohort/module.h"
#include "lmdb_store.h"

#define MAP_SIZE_MIN    (1u << 20)
#define READERS_MAX     1024
#define DISK_FULL_BYTES (1u << 20) /* less room than this counts as none */

CO_SCHEMA(lmdb_settings_schema, struct lmdb_settings, "StoreLMDB",
          CO_FIELD(0, struct lmdb_settings, map_size, "MapSize", 0, .fallback = sizeof(void *) >= 8 ? "16GiB" : "1GiB",
                   .doc = "Upper bound of the state's size; takes address space, not memory."),
          CO_FIELD(0, struct lmdb_settings, sync, "Sync", 0, .fallback = "journal",
                   .doc = "\"journal\": the journal makes commits durable; \"always\": also sync each commit here."));

/* LMDB reports a write that was cut short as EIO; on a full disk that is what it is. */
static bool is_disk_full(const struct lmdb_store *store) {
    struct statvfs info;
    return fstatvfs(store->dir_fd, &info) == 0 && (uint64_t)info.f_bavail * info.f_frsize < DISK_FULL_BYTES;
}

co_status lmdb_fail(struct lmdb_store *store, int code, const char *doing, struct co_error *error) {
    if (code == EIO && is_disk_full(store)) code = ENOSPC;
    switch (code) {
    case MDB_MAP_FULL:
        return co_fail(error, CO_FULL,
                       "cannot %s: the state has reached map_size (%llu MiB); raise map_size in modules.storage.lmdb",
                       doing, (unsigned long long)(store->map_size >> 20));
    case MDB_TXN_FULL:
        return co_fail(error, CO_FULL, "cannot %s: the transaction is too large for LMDB", doing);
    case MDB_READERS_FULL:
        return co_fail(error, CO_BUSY, "cannot %s: %d snapshots are open", doing, READERS_MAX);
    case EFBIG:
    case ENOSPC:
    case EDQUOT:
        return co_fail(error, CO_FULL, "cannot %s: %s: %s; free some space there", doing, store->path, strerror(code));
    case MDB_PANIC:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        if (!store->is_broken) {
            store->is_broken = true;
            lmdb_mark_write(store->dir_fd, LMDB_MARK_BROKEN, NULL);
            if (store->log)
                co_log_error(store->log, "the state's files are damaged; restart the agent to rebuild them",
                             "path=%s reason=%s", store->path, mdb_strerror(code));
        }
        return co_fail(error, CO_CORRUPT, "cannot %s: %s: %s; restart the agent to rebuild the state", doing,
                       store->path, mdb_strerror(code));
    default:
        if (code > 0) return co_fail_errno(error, code, "cannot %s: %s", doing, store->path);
        return co_fail(error, CO_IO, "cannot %s: %s: %s", doing, store->path, mdb_strerror(code));
    }
}

static void leave_dir(struct lmdb_store *store) {
    if (store->has_dir) close(store->dir_fd);
    store->has_dir = false;
}

static co_status enter_dir(struct lmdb_store *store, struct co_error *error) {
    if (mkdir(store->path, 0700) && errno != EEXIST)
        return co_fail_errno(error, errno, "cannot make the directory %s", store->path);
    store->dir_fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0) return co_fail_errno(error, errno, "cannot open the directory %s", store->path);
    store->has_dir = true;
    if (flock(store->dir_fd, LOCK_EX | LOCK_NB))
        return co_fail(error, errno == EWOULDBLOCK ? CO_BUSY : CO_IO,
                       errno == EWOULDBLOCK ? "%s is in use by another process; each agent needs its own data_dir"
                                            : "cannot lock the directory %s",
                       store->path);
    return CO_OK;
}

static co_status start_over(struct lmdb_store *store, const char *reason, struct co_error *error) {
    char aside[PATH_MAX + 32];
    co_status status = lmdb_set_aside(store->path, aside, sizeof aside, error);
    if (status) return status;
    leave_dir(store); /* not before: its lock moved along */
    if (store->log)
        co_log_warn(store->log, "state set aside; starting empty, to be rebuilt from snapshot and journal",
                    "reason=%s kept=%s", reason, aside);
    return enter_dir(store, error);
}

static co_status refuse(const struct lmdb_store *store, const struct co_error *why, struct co_error *error) {
    return co_fail(error, why->status,
                   "cannot use %s: %s; move it away, and the state is rebuilt from snapshot and journal", store->path,
                   why->text);
}

/* Looks at what is there: `is_synced` tells whether all of it is on the disk. */
static co_status inspect(struct lmdb_store *store, bool *is_synced, struct co_error *error) {
    struct lmdb_mark mark;
    struct co_error why = {0};
    co_status status = lmdb_mark_read(store->dir_fd, &mark, &why);
    if (status == CO_CORRUPT || status == CO_UNSUPPORTED) return refuse(store, &why, error);
    if (status) return co_fail(error, status, "cannot use %s: %s", store->path, why.text);
    *is_synced = true;
    if (mark.state == LMDB_MARK_NONE) {
        /* The mark is on the disk before data.mdb is made. */
        if (faccessat(store->dir_fd, "data.mdb", F_OK, 0)) return CO_OK;
        co_fail(&why, CO_CORRUPT, "it holds a data.mdb that was not made by Cohort");
        return refuse(store, &why, error);
    }
    if (mark.state == LMDB_MARK_BROKEN) return start_over(store, "the files were found damaged", error);
    if (mark.state == LMDB_MARK_OPEN) {
        char boot[LMDB_BOOT_ID_SIZE];
        lmdb_boot_id(boot);
        if (!*boot || strcmp(boot, mark.boot) != 0)
            return start_over(store, "the machine went down while the store was open", error);
        *is_synced = false;
    }
    return CO_OK;
}

static int open_env(struct lmdb_store *store) {
    int code = mdb_env_create(&store->env);
    if (code) {
        store->env = NULL;
        return code;
    }
    code = mdb_env_set_mapsize(store->env, store->map_size);
    if (!code) code = mdb_env_set_maxreaders(store->env, READERS_MAX);
    if (!code) code = mdb_env_open(store->env, store->path, MDB_NOTLS | (store->is_sync_always ? 0 : MDB_NOSYNC), 0600);
    MDB_txn *txn = NULL;
    if (!code) code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    unsigned flags = 0;
    if (!code) code = mdb_dbi_open(txn, NULL, 0, &store->dbi);
    if (!code) code = mdb_dbi_flags(txn, store->dbi, &flags);
    if (!code && flags) code = MDB_INCOMPATIBLE;
    if (code) {
        if (txn) mdb_txn_abort(txn);
        mdb_env_close(store->env);
        store->env = NULL;
        return code;
    }
    mdb_txn_commit(txn); /* keeps the handle */
    return 0;
}

static co_status read_settings(struct lmdb_store *store, const struct lmdb_settings *settings, struct co_error *error) {
    const char *sync = settings->sync ? settings->sync : "journal";
    store->is_sync_always = strcmp(sync, "always") == 0;
    if (!store->is_sync_always && strcmp(sync, "journal") != 0)
        return co_fail(error, CO_INVALID,
                       "modules.storage.lmdb: sync is \"%.40s\"; it must be \"journal\" or \"always\"", sync);
    if (settings->map_size.bytes < MAP_SIZE_MIN || settings->map_size.bytes > SIZE_MAX / 2)
        return co_fail(error, CO_INVALID, "modules.storage.lmdb: map_size must be between 1MiB and %lluGiB",
                       (unsigned long long)(SIZE_MAX / 2 >> 30));
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    store->map_size = (settings->map_size.bytes + page - 1) / page * page;
    return CO_OK;
}

co_status lmdb_store_open(struct lmdb_store *store, const char *path, const struct lmdb_settings *settings,
                          struct co_log *log, struct co_error *error) {
    store->log = log;
    co_status status = read_settings(store, settings, error);
    if (status) return status;
    if (strlen(path) >= PATH_MAX - 64) return co_fail(error, CO_INVALID, "path is too long");
    store->path = co_strdup(path);

    bool is_synced = true;
    status = enter_dir(store, error);
    if (!status) status = inspect(store, &is_synced, error);
    if (status) return status;

    /* From here until the clean close the mark must promise no more than the disk holds. */
    enum lmdb_mark_state in_use = store->is_sync_always ? LMDB_MARK_ALWAYS : LMDB_MARK_OPEN;
    status = lmdb_mark_write(store->dir_fd, is_synced ? in_use : LMDB_MARK_OPEN, error);
    if (status) return co_fail_context(error, "cannot use %s", path);
    int code = open_env(store);
    if (code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND) {
        status = start_over(store, mdb_strerror(code), error);
        is_synced = true;
        if (!status) status = lmdb_mark_write(store->dir_fd, in_use, error);
        if (status) return status;
        code = open_env(store);
    }
    if (code && is_synced) lmdb_mark_write(store->dir_fd, LMDB_MARK_CLEAN, NULL); /* nothing was written */
    if (code == ENOMEM)
        return co_fail(error, CO_FULL,
                       "cannot reserve %llu MiB of address space for %s; lower map_size in modules.storage.lmdb",
                       (unsigned long long)(store->map_size >> 20), path);
    if (code) return lmdb_fail(store, code, "open the state", error);
    if (!is_synced && store->is_sync_always) {
        code = mdb_env_sync(store->env, 1);
        if (code) return lmdb_fail(store, code, "sync the state", error);
        status = lmdb_mark_write(store->dir_fd, LMDB_MARK_ALWAYS, error);
    }
    return status;
}

void lmdb_store_close(struct lmdb_store *store) {
    co_assert(store->open_txns == 0);
    if (store->env) {
        lmdb_cursor_release_idle(store);
        lmdb_txn_release_idle(store);
        int code = mdb_env_sync(store->env, 1);
        mdb_env_close(store->env);
        store->env = NULL;
        struct co_error error = {0};
        co_status status = CO_OK;
        if (code)
            lmdb_fail(store, code, "sync the state", &error);
        else if (!store->is_broken)
            status = lmdb_mark_write(store->dir_fd, LMDB_MARK_CLEAN, &error);
        if ((code || status) && store->log)
            co_log_warn(store->log, "the state was not closed cleanly", "path=%s reason=%s", store->path, error.text);
    }
    leave_dir(store);
    free(store->scratch);
    free(store->path);
    store->scratch = NULL;
    store->scratch_size = 0;
    store->path = NULL;
}

co_status lmdb_module_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    const char *data_dir = co_ctx_agent(ctx)->data_dir;
    if (!data_dir || !*data_dir)
        return co_fail(error, CO_INVALID, "storage \"lmdb\" needs data_dir; set it, or choose storage \"memory\"");
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/state", data_dir) >= sizeof path)
        return co_fail(error, CO_INVALID, "data_dir is too long");
    return lmdb_store_open(self, path, config, co_ctx_log(ctx), error);
}

void lmdb_module_fini(void *self) {
    lmdb_store_close(self);
}
