/* Leadership of one: a new term is saved, its first entry appended and applied, then commands are taken. When journal or storage
 * fail, this server steps down and tries again: what was not applied is cut off the journal first, so that a write answered
 * with an error does not come to life later. */
#include "solo.h"

#include <endian.h>
#include <inttypes.h>

#define RETRY_FIRST_MS 1000u
#define RETRY_MAX_MS   60000u
#define META_VERSION   1
#define META_SIZE      9u /* version u8, term u64 little-endian; later versions of this record may be longer */

co_status solo_load_term(struct solo *solo, struct co_error *error) {
    struct co_arena arena = CO_ARENA_INIT;
    struct co_bytes meta;
    co_status status = solo->journal->ops->load_meta(solo->journal->self, &arena, &meta, error);
    if (!status && meta.size > 0) {
        const uint8_t *bytes = meta.data;
        if (meta.size < META_SIZE || bytes[0] != META_VERSION) {
            status = co_fail(error, CO_UNSUPPORTED,
                             "the journal's meta record is not of this version of consensus \"solo\"; start the "
                             "consensus module that wrote it");
        } else {
            uint64_t term;
            memcpy(&term, bytes + 1, 8);
            solo->term = le64toh(term);
        }
    }
    co_arena_fini(&arena);
    return status;
}

static void term_saved(void *arg, co_status status, const struct co_error *error) {
    struct solo *solo = arg;
    solo->is_saving_term = false;
    if (solo->role == SOLO_CANDIDATE) {
        if (status) {
            solo_step_down(solo, "saving the term", status, error);
        } else {
            /* An entry of the new term moves the index, as the first of a Raft leader does. */
            struct solo_batch *batch = solo_batch_take(solo, 1);
            batch->is_noop = true;
            solo_batch_add(batch, CO_ENTRY_NOOP, co_bytes(NULL, 0), NULL);
            solo_batch_append(batch);
        }
    }
    solo_maybe_stopped(solo);
}

void solo_campaign(struct solo *solo) {
    uint64_t first, last, applied = co_state_applied(solo->ctx);
    solo->journal->ops->bounds(solo->journal->self, &first, &last);
    co_assert(last <= applied || last + 1 == first);
    solo->last = applied;
    solo->role = SOLO_CANDIDATE;
    solo->has_gap = false;
    solo->term++;
    solo->is_saving_term = true;
    uint8_t meta[META_SIZE] = {META_VERSION};
    uint64_t term = htole64(solo->term);
    memcpy(meta + 1, &term, 8);
    solo->journal->ops->save_meta(solo->journal->self, co_bytes(meta, sizeof meta), term_saved, solo);
}

void solo_elected(struct solo *solo) {
    solo->role = SOLO_LEADER;
    solo->retry_ms = 0;
    co_log_info(solo->log, "cluster leadership acquired", "term=%" PRIu64 " index=%" PRIu64, solo->term, solo->last);
    co_state_leadership(solo->ctx);
}

static void retry_fire(void *arg) {
    struct solo *solo = arg;
    if (solo->is_stopping) return;
    if (solo->in_journal > 0 || solo->is_saving_term) {
        co_timer_start(solo->loop, &solo->retry, RETRY_FIRST_MS, retry_fire, solo);
        return;
    }
    struct co_error error = {0};
    co_status status = solo->journal->ops->truncate_back(solo->journal->self, co_state_applied(solo->ctx), &error);
    if (status) {
        solo_step_down(solo, "repairing the journal", status, &error);
        return;
    }
    solo_campaign(solo);
}

void solo_step_down(struct solo *solo, const char *doing, co_status status, const struct co_error *error) {
    bool was_leader = solo->role == SOLO_LEADER;
    struct co_error why = error ? *error : (struct co_error){.status = status};
    solo->role = SOLO_DOWN;
    solo->retry_ms = solo->retry_ms == 0                 ? RETRY_FIRST_MS
                     : solo->retry_ms < RETRY_MAX_MS / 2 ? solo->retry_ms * 2
                                                         : RETRY_MAX_MS;
    co_log_error(solo->log, was_leader ? "cluster leadership lost" : "cannot take cluster leadership",
                 "while=%s error=%s retry_ms=%" PRIu64, doing, why.text, solo->retry_ms);
    if (!solo->is_stopping) co_timer_start(solo->loop, &solo->retry, solo->retry_ms, retry_fire, solo);
    solo_fail_queue(solo, status, why.text);
    if (was_leader) co_state_leadership(solo->ctx);
}
