/* Snapshots of the storage in data_dir/snapshots, so that the journal can be trimmed and an empty storage refilled. The newest two
 * are kept, with the journal from the older one on: one damaged snapshot loses nothing. */
#include "solo.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_SIZE 40u
/* Development mode: the memory journal is emptied this often. */
#define TRIM_ENTRIES 1024u
#define TRIM_BYTES   (UINT64_C(4) << 20)

static void write_path(struct solo *solo, uint64_t index, char *out, size_t size) {
    snprintf(out, size, "%s/%020" PRIu64 ".snap", solo->snapshot_dir, index);
}

static bool parse_name(const char *name, uint64_t *index) {
    char again[NAME_MAX_SIZE];
    *index = strtoull(name, NULL, 10);
    snprintf(again, sizeof again, "%020" PRIu64 ".snap", *index);
    return *index > 0 && strcmp(name, again) == 0;
}

static void remember(struct solo *solo, uint64_t index) {
    if (index > solo->snapshots[0]) {
        solo->snapshots[1] = solo->snapshots[0];
        solo->snapshots[0] = index;
    } else if (index < solo->snapshots[0] && index > solo->snapshots[1]) {
        solo->snapshots[1] = index;
    }
}

/* Lists the folder; `prune` removes all but the newest two and what an unfinished snapshot left. */
static co_status scan(struct solo *solo, bool prune, struct co_error *error) {
    DIR *dir = opendir(solo->snapshot_dir);
    if (!dir) return co_fail_errno(error, errno, "%s: cannot list", solo->snapshot_dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        uint64_t index;
        size_t length = strlen(entry->d_name);
        bool is_snapshot = parse_name(entry->d_name, &index);
        if (!prune) {
            if (is_snapshot) remember(solo, index);
            continue;
        }
        bool is_left_over = !solo->is_snapshotting && length > 4 && strcmp(entry->d_name + length - 4, ".tmp") == 0;
        if (is_left_over || (is_snapshot && index < solo->snapshots[1])) unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return CO_OK;
}

co_status solo_snapshots_open(struct solo *solo, struct co_error *error) {
    if (mkdir(solo->snapshot_dir, 0700) != 0 && errno != EEXIST)
        return co_fail_errno(error, errno, "%s: cannot create the snapshots' directory", solo->snapshot_dir);
    co_status status = scan(solo, false, error);
    return status ? status : scan(solo, true, error);
}

co_status solo_snapshots_restore(struct solo *solo, uint64_t journal_first, uint64_t journal_last,
                                 struct co_error *error) {
    co_status status = co_fail(error, CO_NOT_FOUND, "there is no snapshot");
    for (size_t i = 0; solo->snapshot_dir && i < CO_COUNT(solo->snapshots) && solo->snapshots[i] > 0; i++) {
        uint64_t index = solo->snapshots[i];
        if (index <= co_state_applied(solo->ctx)) break;
        if (index + 1 < journal_first) {
            /* The message of a damaged newer one says more. */
            if (i == 0) status = co_fail(error, CO_NOT_FOUND, "the newest snapshot ends at %" PRIu64, index);
            break;
        }
        char path[4096];
        write_path(solo, index, path, sizeof path);
        struct co_error why = {0};
        co_status restored = co_state_restore(solo->ctx, path, &index, &why);
        if (restored == CO_OK) {
            co_log_info(solo->log, "restored a snapshot", "file=%s index=%" PRIu64 " journal_last=%" PRIu64, path,
                        index, journal_last);
            return CO_OK;
        }
        co_log_warn(solo->log, "cannot restore a snapshot", "file=%s error=%s", path, why.text);
        /* A snapshot of another version, or a failing storage, is no reason to fall back to older data. */
        if (restored != CO_CORRUPT && restored != CO_NOT_FOUND) {
            if (error) *error = why;
            return restored;
        }
        status = co_fail(error, CO_NOT_FOUND, "%s", why.text);
    }
    return status;
}

static void trim(struct solo *solo, uint64_t first_kept) {
    struct co_error error = {0};
    if (solo->journal->ops->truncate_front(solo->journal->self, first_kept, &error))
        co_log_warn(solo->log, "cannot trim the journal", "error=%s", error.text);
}

struct writing {
    struct solo *solo;
    uint64_t started_ns, bytes_before;
};

static void written(void *arg, co_status status, const struct co_error *error, uint64_t index, uint64_t bytes) {
    struct writing *writing = arg;
    struct solo *solo = writing->solo;
    uint64_t took_ms = (co_mono_ns() - writing->started_ns) / 1000000, bytes_before = writing->bytes_before;
    free(writing);
    solo->is_snapshotting = false;
    solo->snapshot_ms = co_loop_now_ms(solo->loop);
    if (status) {
        solo->snapshot_retry_ms =
            solo->snapshot_ms + (uint64_t)(co_ctx_agent(solo->ctx)->raft_snapshot_interval.ns / CO_MILLISECOND);
        if (status == CO_CANCELLED)
            co_log_info(solo->log, "gave up a snapshot", "reason=%s", error ? error->text : co_status_text(status));
        else
            co_log_error(solo->log, "cannot write a snapshot", "error=%s",
                         error ? error->text : co_status_text(status));
        return;
    }
    solo->wants_snapshot = false;
    solo->bytes_since -= bytes_before;
    co_metric_sample(solo->snapshot_time, (double)took_ms);
    remember(solo, index);
    scan(solo, true, NULL);
    uint64_t keep = (uint64_t)co_ctx_agent(solo->ctx)->raft_trailing_logs;
    uint64_t first_kept = index > keep ? index - keep + 1 : 1;
    if (solo->snapshots[1] + 1 < first_kept) first_kept = solo->snapshots[1] + 1;
    co_log_info(solo->log, "wrote a snapshot",
                "index=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRIu64 " journal_kept_from=%" PRIu64, index, bytes, took_ms,
                first_kept);
    trim(solo, first_kept);
}

static bool is_due(struct solo *solo, uint64_t applied) {
    const struct co_agent_settings *agent = co_ctx_agent(solo->ctx);
    if (co_loop_now_ms(solo->loop) < solo->snapshot_retry_ms) return false;
    if (solo->wants_snapshot) return true;
    return applied - solo->snapshots[0] >= (uint64_t)agent->raft_snapshot_threshold &&
           solo->bytes_since >= solo->snapshot_min_size &&
           co_loop_now_ms(solo->loop) - solo->snapshot_ms >=
               (uint64_t)(agent->raft_snapshot_interval.ns / CO_MILLISECOND);
}

void solo_snapshots_consider(struct solo *solo) {
    uint64_t applied = co_state_applied(solo->ctx);
    if (!solo->snapshot_dir) {
        uint64_t first, last;
        solo->journal->ops->bounds(solo->journal->self, &first, &last);
        if (applied < first + TRIM_ENTRIES && solo->bytes_since < TRIM_BYTES) return;
        trim(solo, applied + 1);
        solo->bytes_since = 0;
        return;
    }
    if (solo->is_snapshotting || solo->is_stopping || !is_due(solo, applied)) return;
    struct writing *writing = co_malloc(sizeof *writing);
    *writing = (struct writing){solo, co_mono_ns(), solo->bytes_since};
    solo->is_snapshotting = true;
    char path[4096];
    write_path(solo, applied, path, sizeof path);
    co_state_snapshot(solo->ctx, path, written, writing);
}
