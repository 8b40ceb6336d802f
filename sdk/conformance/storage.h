/* Conformance of an implementation of cohort/storage.h. Link storage.c into a test program:
 *
 *     static const struct co_storage_conformance subject = {.name = "lmdb", .open = open, .close = close, .is_persistent = true};
 *     int main(void) { return co_conformance_storage(&subject) ? 1 : 0; }
 *
 * Needs libcohort and nothing else. Prints one line per check, and why, where and with which seed one fails. */
#ifndef COHORT_CONFORMANCE_STORAGE_H
#define COHORT_CONFORMANCE_STORAGE_H

#include <cohort/storage.h>

struct co_storage_conformance {
    const char *name;
    void *arg;
    /* Opens the store. `fresh`: empty, whatever was there before; otherwise with what the last close left (asked of
     * persistent stores only). */
    co_status (*open)(void *arg, bool fresh, struct co_storage *out, struct co_error *);
    void (*close)(void *arg, struct co_storage *);
    bool is_persistent;
    uint64_t seed;  /* of the random operations; 0: drawn and printed. COHORT_SEED in the environment overrides it */
    size_t rounds;  /* transactions of random operations; 0: 400 */
    size_t readers; /* snapshots to hold open at once; 0: 100 */
};

/* The number of failed checks. */
int co_conformance_storage(const struct co_storage_conformance *);

#endif
