/* At start: the storage is brought up to the end of the journal. A storage that is empty or too old begins from a snapshot. */
#include "solo.h"

#include <inttypes.h>
#include <stdlib.h>

#define CHUNK_ENTRIES 512u
#define CHUNK_BYTES   ((size_t)4 << 20)

co_status solo_apply(struct solo *solo, const struct co_journal_entry *entries, struct co_ticket *const *tickets,
                     size_t count, struct co_error *error) {
    uint64_t started = co_mono_ns();
    co_status status = co_state_apply(solo->ctx, entries, tickets, count, error);
    co_metric_sample(solo->apply_time, (double)(co_mono_ns() - started) / 1e6);
    return status;
}

/* Applies from `index` on; `*next` is the first entry not applied. */
static co_status replay_chunk(struct solo *solo, uint64_t index, uint64_t last, uint64_t *next,
                              struct co_error *error) {
    struct co_journal_entry entries[CHUNK_ENTRIES];
    struct co_arena arena = CO_ARENA_INIT;
    size_t count = 0, bytes = 0;
    co_status status = CO_OK;
    while (!status && count < CHUNK_ENTRIES && bytes < CHUNK_BYTES && index <= last) {
        status = solo->journal->ops->read(solo->journal->self, index, &arena, &entries[count], error);
        if (status) break;
        bytes += entries[count].data.size;
        if (entries[count].term > solo->term) solo->term = entries[count].term;
        count++;
        index++;
    }
    if (!status) status = solo_apply(solo, entries, NULL, count, error);
    solo->bytes_since += bytes + count * sizeof *entries;
    co_arena_fini(&arena);
    *next = index;
    return status;
}

co_status solo_replay(struct solo *solo, struct co_error *error) {
    uint64_t first, last, applied = co_state_applied(solo->ctx);
    solo->journal->ops->bounds(solo->journal->self, &first, &last);
    bool is_empty = last + 1 == first;
    if (applied == 0 || (!is_empty && applied + 1 < first)) {
        struct co_error why = {0};
        co_status status = solo_snapshots_restore(solo, is_empty ? 0 : first, last, &why);
        if (status && status != CO_NOT_FOUND) return co_fail(error, status, "%s", why.text);
        applied = co_state_applied(solo->ctx);
        if (!is_empty && applied + 1 < first)
            return co_fail(error, CO_CORRUPT,
                           "the storage holds entries up to %" PRIu64 ", the journal begins with %" PRIu64
                           ", and no snapshot closes the gap%s%s; restore data_dir from a backup",
                           applied, first, why.text[0] ? ": " : "", why.text);
        if (is_empty && applied == 0 && solo->snapshots[0] > 0)
            return co_fail(error, CO_CORRUPT,
                           "the storage and the journal are empty and no snapshot can be restored: %s; restore "
                           "data_dir from a backup, or remove data_dir/snapshots to begin empty",
                           why.text);
    }
    if (last < applied && last > 0) {
        /* The disk lost the journal's end but not the storage's: the storage is right, and the journal goes on behind it. */
        co_log_warn(solo->log, "the journal ends before the storage; going on from the storage",
                    "journal_last=%" PRIu64 " applied=%" PRIu64, last, applied);
        co_status status = solo->journal->ops->truncate_front(solo->journal->self, applied + 1, error);
        if (status) return status;
        is_empty = true;
    }
    /* Snapshot and journal together must be able to refill a lost storage. */
    if ((is_empty ? applied + 1 : first) > solo->snapshots[0] + 1) solo->wants_snapshot = solo->snapshot_dir != NULL;
    uint64_t from = applied + 1, started = co_mono_ns();
    for (uint64_t next = from; next <= last;) {
        co_status status = replay_chunk(solo, next, last, &next, error);
        if (status) return status;
    }
    if (from <= last) {
        uint64_t took_us = (co_mono_ns() - started) / 1000 + 1, count = last + 1 - from;
        co_log_info(solo->log, "replayed the journal",
                    "first=%" PRIu64 " last=%" PRIu64 " ms=%" PRIu64 " entries_per_s=%" PRIu64, from, last,
                    took_us / 1000, count * 1000000 / took_us);
    }
    return CO_OK;
}
