/* The core's own header: what the files of core/ share and no module sees. Tests of the core include it too. */
#ifndef COHORT_CORE_H
#define COHORT_CORE_H

#include "cohort/consensus.h"
#include "cohort/journal.h"
#include "cohort/log.h"
#include "cohort/loop.h"
#include "cohort/method.h"
#include "cohort/metrics.h"
#include "cohort/module.h"
#include "cohort/testing.h"

/* --- loop_uv.c; more in cohort/testing.h --- */
CO_EXPORT void co_loop_run(struct co_loop *);  /* until co_loop_stop and all jobs are done */
CO_EXPORT void co_loop_stop(struct co_loop *); /* ends run after this turn */
CO_EXPORT bool co_loop_is_stopping(const struct co_loop *);
CO_EXPORT void co_loop_on_signal(struct co_loop *, int signum, void (*fire)(void *arg, int signum), void *arg);

/* --- log.c --- */
struct co_log_settings {
    const char *level; /* "trace" ... "err"; NULL = info */
    bool json;
    const char *file; /* appended to; NULL or "" = standard output */
};
CO_EXPORT co_status co_log_open(const struct co_log_settings *, struct co_error *);
CO_EXPORT bool co_log_level_parse(const char *text, enum co_log_level *out); /* trace debug info warn err(or) */
CO_EXPORT bool co_log_set_level(const char *text);
CO_EXPORT void co_log_close(void);

/* --- metrics.c --- */
struct co_metrics;
CO_EXPORT struct co_metrics *co_metrics_new(struct co_loop *, const char *prefix,
                                            const char *hostname); /* hostname: in gauges; NULL: left out */
CO_EXPORT void co_metrics_free(struct co_metrics *);

/* --- agent.c, ctx.c --- */
struct co_registry; /* registry.c: the offers of all loaded modules */
struct co_state;    /* state.c: the state machine and the answers */

/* Everything one agent is. Owned by agent.c; modules only ever hold a struct co_ctx. */
struct co_agent {
    struct co_loop *loop;
    const struct co_agent_settings *settings;
    struct co_registry *registry;
    struct co_storage storage; /* ops NULL until chosen */
    struct co_journal journal;
    struct co_consensus consensus;
    struct co_state *state;
    struct co_metrics *metrics;
    struct co_log *log;
    void *runtime; /* agent.c's own */
};

/* One module's view of the agent. */
struct co_ctx {
    struct co_agent *agent;
    const struct co_module *module;
    void *self;
    struct co_log *log;
};

/* --- state.c, ask.c, snapshot.c --- */
/* After the storage module's init, before any other module's start. Reads the applied index. */
CO_EXPORT co_status co_state_open(struct co_agent *, struct co_error *); /* sets agent->state */
CO_EXPORT void co_state_close(
    struct co_agent *); /* fails what still waits; before the storage's fini. Harmless when not open */

/* --- registry.c, as state.c needs it --- */
struct co_method_ref {
    const struct co_method *method;
    void *self;         /* of the offering module */
    struct co_ctx *ctx; /* likewise */
};
CO_EXPORT const struct co_method_ref *co_registry_command(struct co_registry *, uint16_t command); /* NULL: unknown */
CO_EXPORT const struct co_method_ref *co_registry_method(struct co_registry *, const struct co_method *); /* asserts */
/* Visits every table id that a loaded module offers, and the core's own two. Ascending. */
CO_EXPORT void co_registry_tables(struct co_registry *, void (*visit)(void *arg, const struct co_table *), void *arg);

#endif
