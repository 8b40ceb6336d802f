/* Between the suite's files; nothing for users. */
#ifndef COHORT_CONFORMANCE_STORAGE_PRIVATE_H
#define COHORT_CONFORMANCE_STORAGE_PRIVATE_H

#include "storage.h"

struct storage_world {
    const struct co_storage_conformance *subject;
    struct co_storage store;
    struct co_error error;
    bool is_open;
    uint64_t seed;
};

/* Ends the check when not so. What it had open stays open, which is why the suite stops there too. */
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) return storage_failed(w, #condition, __FILE__, __LINE__);                                    \
    } while (0)

bool storage_failed(struct storage_world *, const char *condition, const char *file, int line);
bool storage_open(struct storage_world *, bool fresh);
struct co_txn *storage_begin(struct storage_world *, bool write);
bool storage_commit(struct storage_world *, struct co_txn *);
void storage_end(struct co_txn *);

/* storage_random.c */
bool storage_check_grow_and_shrink(struct storage_world *);
bool storage_check_random(struct storage_world *);

#endif
