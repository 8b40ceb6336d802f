/* Conformance suite of the interface `journal` (cohort/journal.h): the same checks for every implementation, ours and yours.
 *
 * Fill in a world, call co_conformance_journal(), expect 0. Compile journal.c into your test program; it needs libcohort and
 * no test framework. Everything runs on the calling thread. */
#ifndef COHORT_CONFORMANCE_JOURNAL_H
#define COHORT_CONFORMANCE_JOURNAL_H

#include <cohort/journal.h>

struct co_journal_world {
    void *arg;
    /* Opens the journal on the storage that `arg` describes; again after `close` on the same bytes. */
    co_status (*open)(void *arg, struct co_journal *out, struct co_error *);
    void (*close)(void *arg); /* nothing is under way */
    void (*wipe)(void *arg);  /* while closed: the storage becomes empty */
    /* Runs one turn of the event loop; waits for its next event at most a moment. */
    void (*turn)(void *arg);
    bool is_persistent; /* close + open keeps entries and meta */
    /* The directory of the files, for the damage matrix; NULL skips it. The implementation keeps one entry's bytes in one
     * file, and the file whose name sorts last (among those ending in `file_suffix`) holds the newest entries. */
    const char *dir, *file_suffix;
    uint64_t seed; /* of the random operations; 0: a fixed one */
};

/* Runs every check and prints a line for each, failures on standard error. Returns the number of failed checks. */
int co_conformance_journal(const struct co_journal_world *);

#endif
