/* From commands to batches to the journal, and back with the answers. Refuses to know how leadership is won. */
#include "solo.h"

#include <stdlib.h>

static void flush(struct solo *solo);

static void flush_run(void *arg) {
    flush(arg);
}

void solo_propose(void *self, struct co_bytes command, struct co_ticket *ticket) {
    struct solo *solo = self;
    if (solo->role != SOLO_LEADER) {
        co_ticket_fail(ticket, CO_NO_LEADER, co_status_text(CO_NO_LEADER));
        return;
    }
    if (command.size > CO_JOURNAL_ENTRY_MAX) {
        co_ticket_fail(ticket, CO_TOO_LARGE, "the command is larger than a journal entry may be");
        return;
    }
    if (solo->queued == solo->queue_capacity) {
        solo->queue_capacity = solo->queue_capacity ? solo->queue_capacity * 2 : 64;
        solo->queue = co_realloc(solo->queue, solo->queue_capacity * sizeof *solo->queue);
    }
    solo->queue[solo->queued++] = (struct solo_proposal){command, ticket};
    co_metric_add(solo->proposals, 1);
    /* At the end of the turn: whoever else writes in this turn shares the fsync. */
    if (solo->in_journal < SOLO_IN_JOURNAL_MAX) co_defer_start(solo->loop, &solo->flush, flush_run, solo);
}

void solo_fail_queue(struct solo *solo, co_status status, const char *reason) {
    /* An answer may propose again; that fails at once, as the role has changed before. */
    co_assert(solo->role != SOLO_LEADER);
    struct solo_proposal *queue = solo->queue;
    size_t queued = solo->queued;
    solo->queue = NULL;
    solo->queued = solo->queue_capacity = 0;
    for (size_t i = 0; i < queued; i++) co_ticket_fail(queue[i].ticket, status, reason);
    free(queue);
}

struct solo_batch *solo_batch_take(struct solo *solo, size_t capacity) {
    struct solo_batch *batch = NULL;
    for (size_t i = 0; i < SOLO_BATCHES && !batch; i++)
        if (!solo->batches[i].is_used) batch = &solo->batches[i];
    co_assert(batch);
    if (batch->capacity < capacity) {
        batch->entries = co_realloc(batch->entries, capacity * sizeof *batch->entries);
        batch->tickets = co_realloc(batch->tickets, capacity * sizeof *batch->tickets);
        batch->capacity = capacity;
    }
    batch->solo = solo;
    batch->count = batch->bytes = 0;
    batch->is_used = true;
    batch->is_noop = false;
    return batch;
}

void solo_batch_add(struct solo_batch *batch, uint8_t type, struct co_bytes data, struct co_ticket *ticket) {
    struct solo *solo = batch->solo;
    co_assert(batch->count < batch->capacity);
    batch->entries[batch->count] =
        (struct co_journal_entry){.index = ++solo->last, .term = solo->term, .type = type, .data = data};
    batch->tickets[batch->count++] = ticket;
    batch->bytes += data.size;
}

static void fail_batch(struct solo_batch *batch, co_status status, const char *reason) {
    for (size_t i = 0; i < batch->count; i++)
        if (batch->tickets[i]) co_ticket_fail(batch->tickets[i], status, reason);
    batch->is_used = false;
}

static void appended(void *arg, co_status status, const struct co_error *error) {
    struct solo_batch *batch = arg;
    struct solo *solo = batch->solo;
    solo->in_journal--;
    co_metric_sample(solo->commit_time, (double)(co_mono_ns() - batch->handed_ns) / 1e6);
    if (status) {
        struct co_error why =
            error ? *error : (struct co_error){.status = status, .text = "the journal gave no reason"};
        solo->has_gap = true;
        if (solo->role != SOLO_DOWN) solo_step_down(solo, "writing the journal", status, &why);
        fail_batch(batch, status, why.text);
    } else if (solo->has_gap) {
        /* An earlier batch could not be applied: applying this one would leave a gap. It is cut off before we lead again. */
        fail_batch(batch, CO_NO_LEADER, "an earlier write failed and this server stepped down");
    } else {
        flush(solo); /* the disk works on the next batch while this one is applied */
        struct co_error why = {0};
        solo->bytes_since += batch->bytes + batch->count * sizeof(struct co_journal_entry);
        status = solo_apply(solo, batch->entries, batch->tickets, batch->count, &why);
        if (status) {
            solo->has_gap = true;
            if (solo->role != SOLO_DOWN) solo_step_down(solo, "applying committed commands", status, &why);
            fail_batch(batch, status, why.text);
        } else {
            batch->is_used = false;
            if (batch->is_noop && solo->role == SOLO_CANDIDATE) solo_elected(solo);
            solo_snapshots_consider(solo);
        }
    }
    solo_maybe_stopped(solo);
}

void solo_batch_append(struct solo_batch *batch) {
    struct solo *solo = batch->solo;
    solo->in_journal++;
    batch->handed_ns = co_mono_ns();
    solo->journal->ops->append(solo->journal->self, batch->entries, batch->count, appended, batch);
}

static void flush(struct solo *solo) {
    while (solo->role == SOLO_LEADER && solo->queued > 0 && solo->in_journal < SOLO_IN_JOURNAL_MAX) {
        size_t most = solo->queued < SOLO_BATCH_ENTRIES_MAX ? solo->queued : SOLO_BATCH_ENTRIES_MAX;
        struct solo_batch *batch = solo_batch_take(solo, most);
        size_t taken = 0;
        while (taken < most && batch->bytes < SOLO_BATCH_BYTES_MAX) {
            solo_batch_add(batch, CO_ENTRY_COMMAND, solo->queue[taken].command, solo->queue[taken].ticket);
            taken++;
        }
        solo->queued -= taken;
        memmove(solo->queue, solo->queue + taken, solo->queued * sizeof *solo->queue);
        solo_batch_append(batch);
    }
}
