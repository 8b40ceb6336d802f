/* Interface `consensus`: puts commands into one order and applies them. Implementations: solo (raft later).
 *
 * Thread: the loop. The implementation owns the journal, decides what is committed, and hands committed entries to the core
 * with co_state_apply(). The core is the state machine. Source: DESIGN sections 4 and 5. */
#ifndef COHORT_CONSENSUS_H
#define COHORT_CONSENSUS_H

#include "journal.h"

struct co_ctx;
struct co_ticket; /* one proposer waiting; made by the core */

struct co_consensus_status {
    bool is_leader, has_leader;
    const char *leader_address; /* "ip:port", "" when none; borrowed until the next turn of the loop */
    const char *state;          /* "Leader", "Follower", "Candidate" */
    uint64_t term, last_index, commit_index;
    uint64_t last_contact_ms; /* since the leader was heard; 0 on the leader */
    uint64_t voters;
};

struct co_consensus_ops {
    /* Takes the command into the next batch. `command` is borrowed until the ticket is answered, which the core does inside
     * co_state_apply(), or the implementation with co_ticket_fail(). */
    void (*propose)(void *self, struct co_bytes command, struct co_ticket *);
    void (*status)(void *self, struct co_consensus_status *);
    /* Calls done(arg, OK) once this server is sure that its state holds every write acknowledged before the call. May call
     * at once. NO_LEADER or NOT_LEADER otherwise. */
    void (*confirm)(void *self, void (*done)(void *arg, co_status), void *arg);
    /* The peers' addresses, "ip:port", in the arena. */
    void (*peers)(void *self, struct co_arena *, const char ***out, size_t *count);
};
struct co_consensus {
    const struct co_consensus_ops *ops;
    void *self;
};

/* What the core offers to implementations (core/state.c). */
CO_EXPORT uint64_t co_state_applied(struct co_ctx *); /* index of the newest entry in the storage; 0 when new */
/* Applies committed entries in ONE write transaction, together with the applied index, then wakes watches and answers
 * tickets (tickets[i] may be NULL: not proposed here). Entries at or below co_state_applied() are skipped. Failure means
 * that the storage failed: nothing was applied, and the caller must step down; tickets are left to it. */
CO_EXPORT co_status co_state_apply(struct co_ctx *, const struct co_journal_entry *entries,
                                   struct co_ticket *const *tickets, size_t count, struct co_error *);
CO_EXPORT void co_ticket_fail(struct co_ticket *, co_status, const char *reason);
/* Tells the core that leadership came or went: cached answers are dropped, leader-only work starts or ends. */
CO_EXPORT void co_state_leadership(struct co_ctx *);
/* Writes all tables to `path` (temporary name, fsync, rename) in slices between other work. One at a time. The snapshot is
 * that of co_state_applied() at the call; `done` gets that index and the file's size. */
CO_EXPORT void co_state_snapshot(struct co_ctx *, const char *path,
                                 void (*done)(void *arg, co_status, const struct co_error *, uint64_t index,
                                              uint64_t bytes),
                                 void *arg);
/* Replaces all tables by those of the file, in one transaction. CO_CORRUPT names the offset. */
CO_EXPORT co_status co_state_restore(struct co_ctx *, const char *path, uint64_t *index, struct co_error *);

#endif
