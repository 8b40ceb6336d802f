/* What state.c (writes), ask.c (reads), watch.c (what wakes whom) and snapshot.c share. */
#ifndef COHORT_STATE_H
#define COHORT_STATE_H

#include "core.h"

struct question;

/* One declared dependency of a question; in the watch group of its key and in its question's list. */
struct watch {
    struct watch_group *group;
    struct watch *next_in_group, **link_in_group;
    struct watch *next_in_question;
    struct question *question;
};

struct watch_lengths; /* per table: which prefix lengths are being watched */

struct watches {
    struct watch_group **buckets;
    size_t bucket_count, group_count;
    struct watch_lengths **tables; /* by table id */
    size_t table_count;
};

void watches_fini(struct watches *);
struct watch *watches_add(struct watches *, struct question *, co_table_id, struct co_bytes key, bool whole_key);
void watches_remove(struct watches *, struct watch *); /* frees it */
/* Calls mark(question) for everyone who depends on the key; key size 0: on anything of the table. */
void watches_touch(struct watches *, co_table_id, struct co_bytes key, void (*mark)(struct question *));

struct answers; /* ask.c's part: questions, cache, waiters */

struct co_state {
    struct co_agent *agent;
    uint64_t applied, applied_term;
    struct co_arena apply_arena;
    struct co_ticket *idle_tickets;
    size_t idle_ticket_count;
    struct co_buffer encoded;
    bool is_applying;
    struct watches watches;
    struct answers *answers;
    struct snapshot *snapshot; /* under way, or NULL */
    struct co_log *log;
    struct co_defer leadership; /* telling the modules */
};

void answers_open(struct co_state *);
void answers_close(struct co_state *);
void answers_touched(void *state, co_table_id, struct co_bytes key); /* during apply */
void answers_committed(struct co_state *);                           /* after it */
void answers_drop_all(struct co_state *);                            /* leadership, restore */
void snapshot_abandon(struct co_state *);

extern const char state_applied_key[]; /* in CO_TABLE_META: index and term, 8 bytes each, little endian */
co_status state_begin_write(struct co_state *, struct co_txn **, struct co_error *); /* with touched set */
co_status state_load_applied(struct co_state *, struct co_error *);
co_status state_save_applied(struct co_txn *, uint64_t index, uint64_t term, struct co_error *);

#endif
