/* The one-server consensus' state, shared by its files. Loop thread only.
 *
 * Commands gather in `queue`. A batch leaves it at the end of the loop's turn, is appended to the journal (one fsync), and when
 * durable is applied in one transaction; meanwhile the next one may already be with the journal. */
#ifndef SOLO_H
#define SOLO_H

#include <cohort/consensus.h>
#include <cohort/log.h>
#include <cohort/loop.h>
#include <cohort/module.h>

/* Batches handed over and not yet durable. With one, the next batch grows while the disk works: fewer and larger syncs than with
 * two, measured as a third more writes per second from 64 clients. */
#define SOLO_IN_JOURNAL_MAX    1u
#define SOLO_BATCHES           (SOLO_IN_JOURNAL_MAX + 1) /* and the one being applied */
#define SOLO_BATCH_ENTRIES_MAX 1024u                     /* keeps one transaction, and so one turn of the loop, short */
#define SOLO_BATCH_BYTES_MAX   ((size_t)8 << 20)

struct solo_settings {
    struct co_size snapshot_min_size;
};
extern const struct co_schema solo_schema;

struct solo_proposal {
    struct co_bytes command;
    struct co_ticket *ticket;
};

struct solo_batch {
    struct solo *solo;
    struct co_journal_entry *entries;
    struct co_ticket **tickets;
    size_t count, capacity, bytes;
    uint64_t handed_ns;
    bool is_used, is_noop;
};

enum solo_role {
    SOLO_DOWN,      /* not started, stopping, or the journal or the storage has failed */
    SOLO_CANDIDATE, /* saving the new term, appending its first entry */
    SOLO_LEADER,
};

struct solo {
    struct co_ctx *ctx;
    struct co_loop *loop;
    struct co_log *log;
    const struct co_journal *journal;
    char address[80];

    enum solo_role role;
    bool is_stopping;
    bool has_gap;        /* a batch was lost: no later one may be applied before the journal was cut back */
    uint64_t term, last; /* last: newest index handed to the journal */

    struct solo_proposal *queue;
    size_t queued, queue_capacity;
    struct co_defer flush;
    struct solo_batch batches[SOLO_BATCHES];
    size_t in_journal;
    bool is_saving_term;

    struct co_timer retry;
    uint64_t retry_ms;

    char *snapshot_dir; /* NULL: no snapshots (development mode) */
    uint64_t snapshot_min_size;
    uint64_t snapshots[2]; /* indexes of the newest two, newest first; 0: none */
    uint64_t bytes_since;  /* of entries applied since the newest snapshot */
    uint64_t snapshot_ms, snapshot_retry_ms;
    bool is_snapshotting, wants_snapshot;
    struct co_metric *snapshot_time, *commit_time, *apply_time, *proposals;

    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* life.c */
co_status solo_init(struct co_ctx *, void *self, const void *config, struct co_error *);
co_status solo_start(void *self, struct co_error *);
void solo_stop(void *self, void (*stopped)(void *arg), void *arg);
void solo_fini(void *self);
void solo_maybe_stopped(struct solo *);

/* replay.c: brings the storage up to the journal's end. */
co_status solo_replay(struct solo *, struct co_error *);
co_status solo_apply(struct solo *, const struct co_journal_entry *, struct co_ticket *const *, size_t count,
                     struct co_error *);

/* lead.c */
void solo_campaign(struct solo *);
void solo_elected(struct solo *);
/* Fails everything that waits with the reason, and tries again later. */
void solo_step_down(struct solo *, const char *doing, co_status, const struct co_error *);
co_status solo_load_term(struct solo *, struct co_error *);

/* propose.c */
void solo_propose(void *self, struct co_bytes command, struct co_ticket *);
struct solo_batch *solo_batch_take(struct solo *, size_t capacity);
void solo_batch_add(struct solo_batch *, uint8_t type, struct co_bytes data, struct co_ticket *);
void solo_batch_append(struct solo_batch *);
void solo_fail_queue(struct solo *, co_status, const char *reason);

/* snapshot.c */
co_status solo_snapshots_open(struct solo *, struct co_error *);
/* Restores the newest snapshot that fits. CO_NOT_FOUND: none does; the error says what was tried. */
co_status solo_snapshots_restore(struct solo *, uint64_t journal_first, uint64_t journal_last, struct co_error *);
/* After every applied batch: starts a snapshot when one is due; without snapshots, trims the journal. */
void solo_snapshots_consider(struct solo *);

/* status.c */
extern const struct co_consensus_ops solo_ops;
void solo_write_address(struct solo *, const struct co_agent_settings *);

#endif
