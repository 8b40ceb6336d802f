/* Interface `journal`: the durable, contiguous log of commands. Implementations: journal_file, journal_memory.
 *
 * Thread: the loop. Entries have consecutive indexes, the first ever is 1. Everything in `append` becomes durable with one
 * fsync. After a crash the journal holds a prefix of what was appended that includes everything whose `done` said OK. */
#ifndef COHORT_JOURNAL_H
#define COHORT_JOURNAL_H

#include "arena.h"

#define CO_JOURNAL_ENTRY_MAX (64u << 20) /* bytes of data in one entry */

enum co_journal_type { CO_ENTRY_COMMAND = 0, CO_ENTRY_NOOP = 1, CO_ENTRY_CONFIGURATION = 5 };

struct co_journal_entry {
    uint64_t index, term;
    uint8_t type; /* enum co_journal_type; others are kept as they are */
    struct co_bytes data;
};

/* Called on the loop, never inside append/save_meta. On failure nothing of the batch counts as appended, and every later
 * append fails too until truncate_back or a restart has made the end of the log certain. */
typedef void co_journal_done(void *arg, co_status, const struct co_error *);

struct co_journal_ops {
    /* An empty journal has last == first - 1. */
    void (*bounds)(void *self, uint64_t *first, uint64_t *last);
    /* Indexes run on from `last` (of what has been handed over). Appends complete in order. `entries` and their data are
     * borrowed until `done`. After truncate_front or on an empty journal the first index is free to choose. */
    void (*append)(void *self, const struct co_journal_entry *entries, size_t count, co_journal_done *done, void *arg);
    /* Any index within bounds that is durable. Data lives in the arena. */
    co_status (*read)(void *self, uint64_t index, struct co_arena *, struct co_journal_entry *out, struct co_error *);
    /* Drops entries after `last_kept`. Durable on return. No append may be under way. */
    co_status (*truncate_back)(void *self, uint64_t last_kept, struct co_error *);
    /* May drop entries before `first_kept` (a file journal drops whole segments); they are gone from bounds. */
    co_status (*truncate_front)(void *self, uint64_t first_kept, struct co_error *);
    /* A small record beside the log (term and vote): replaced atomically and durably. At most 64 KiB. */
    void (*save_meta)(void *self, struct co_bytes, co_journal_done *done, void *arg);
    co_status (*load_meta)(void *self, struct co_arena *, struct co_bytes *out,
                           struct co_error *); /* size 0: never saved */
};

struct co_journal {
    const struct co_journal_ops *ops;
    void *self;
};

#endif
