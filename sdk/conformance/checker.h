/* Conformance suite of the interface `checker` (cohort/checker.h): the same checks for every implementation, ours and yours.
 *
 * Fill in a world, call co_conformance_checker(), expect 0. Link checker.c into your test program; it needs libcohort and no
 * test framework. Everything runs on the calling thread. Build with AddressSanitizer to have memory leaks found as well. */
#ifndef COHORT_CONFORMANCE_CHECKER_H
#define COHORT_CONFORMANCE_CHECKER_H

#include <cohort/checker.h>

struct co_checker_world {
    const struct co_module *module; /* its first checker is tested; its self is made and ended by the suite */
    struct co_loop *loop;
    struct co_log *log;
    void *arg;
    /* Runs one turn of the loop, and of whatever plays the target; waits for the next event at most a moment. */
    void (*turn)(void *arg);
    /* Settings of the checker as JSON: the probe of `healthy` passes, that of `unhealthy` does not, that of `silent` does not
     * end by itself (NULL: there is no such target), `refused` is not even opened (NULL: there is none). */
    const char *healthy, *unhealthy, *silent, *refused;
};

/* Runs every check; prints one line per check, and why one fails. Returns the number of failed checks. */
int co_conformance_checker(const struct co_checker_world *);

#endif
