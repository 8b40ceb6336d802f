/* For tests of modules: an event loop and a log without an agent around them. One thread. */
#ifndef COHORT_TESTING_H
#define COHORT_TESTING_H

#include "log.h"
#include "loop.h"

CO_EXPORT struct co_loop *co_loop_new(void);
CO_EXPORT void co_loop_free(struct co_loop *); /* every co_io must be freed, every timer stopped; waits for jobs */
/* One turn, which waits for an event at most so long. False when nothing is left to wait for. */
CO_EXPORT bool co_loop_turn(struct co_loop *, uint64_t wait_ms_max);
CO_EXPORT struct co_log *co_log_named(const char *name); /* "agent.http"; the same name gives the same log */

#endif
