/* The module descriptor and what a module may ask of the core. Start here (DESIGN section 3).
 *
 * A module is a .so with one constant `struct co_module`. The core loads it, allocates `self`, binds its configuration,
 * calls init in dependency order, then start in the same order; stop and fini in reverse. Nothing is registered by calls:
 * what a module contributes stands in its `offers`. All callbacks run on the loop thread. */
#ifndef COHORT_MODULE_H
#define COHORT_MODULE_H

#include "agent.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "schema.h"

#define CO_MODULE_ABI 1

enum co_offer_kind {
    CO_OFFER_END,
    CO_OFFER_STORAGE,    /* struct co_storage_ops,    instance = self; name "lmdb" */
    CO_OFFER_JOURNAL,    /* struct co_journal_ops,    instance = self; name "file" */
    CO_OFFER_TRANSPORT,  /* later */
    CO_OFFER_MEMBERSHIP, /* later */
    CO_OFFER_CONSENSUS,  /* struct co_consensus_ops,  instance = self; name "solo" */
    CO_OFFER_CHECKER,    /* struct co_checker */
    CO_OFFER_AUTHORIZER, /* later */
    CO_OFFER_TABLES,     /* struct co_table[count] */
    CO_OFFER_METHODS,    /* struct co_method[count] */
    CO_OFFER_ROUTES,     /* struct co_route[count] */
    CO_OFFER_ZONES,      /* struct co_zone[count] */
    CO_OFFER_COMMANDS,   /* struct co_command[count] */
};

struct co_offer {
    enum co_offer_kind kind;
    const char *name; /* unique per kind: two loaded modules offering the same is an error */
    const void *table;
    size_t count;
};

/* CO_OFFER_TABLES: ids 1-15 core, 16-31 kv and session, 32-63 catalog, 64-127 our later slices, 512-1023 outsiders. */
struct co_table {
    uint16_t id;
    const char *name;
};

struct co_ctx; /* this module's view of the agent */

struct co_module {
    uint32_t abi, size;         /* CO_MODULE_ABI; sizeof(struct co_module) */
    const char *name, *summary; /* "store_lmdb"; one line */
    const char *const *needs;   /* NULL-ended: interface kinds ("storage", "journal", "consensus") and module names */
    const struct co_schema *config; /* its block in agent.conf, and CO_AGENT_KEY fields; NULL: no settings */
    size_t state_size;
    const struct co_offer *offers; /* ends with CO_OFFER_END */
    co_status (*init)(struct co_ctx *, void *self, const void *config, struct co_error *);
    co_status (*start)(void *self, struct co_error *);
    co_status (*reload)(void *self, const void *config, struct co_error *); /* all or nothing; NULL: nothing to do */
    void (*stop)(void *self, void (*stopped)(void *arg), void *arg);        /* calls stopped(arg), at once or later */
    void (*fini)(void *self);                                               /* accepts a half-made self */
    /* Finds mistakes in the settings that the schema cannot see, each with its place, and has no effects. Runs before init,
     * on reload and in `cohort validate`; the ctx has settings, log and offers (without `self`) only. May be NULL. */
    void (*check)(struct co_ctx *, const void *config, co_problem *, void *problem_arg);
    /* This server has become the leader, or has ceased to be. On a turn of its own, while the module is started. May be NULL. */
    void (*leadership)(void *self, bool is_leader);
};

/* The descriptor only grows at its end: a module built against an older header of this ABI has a smaller `size`, and what lies
 * beyond it counts as NULL. */
#define CO_MODULE_SIZE_MIN offsetof(struct co_module, check)
#define CO_MODULE_HAS(module, member) \
    ((module)->size >= offsetof(struct co_module, member) + sizeof((module)->member) && (module)->member)

/* In <name>_module.c:  const struct co_module CO_MODULE_SYMBOL(check_redis) = { ... };
 * libltdl finds it in a plain .so and in a preloaded static build. */
#define CO_MODULE_SYMBOL(name) CO_EXPORT_MODULE name##_LTX_cohort_module
#define CO_EXPORT_MODULE       __attribute__((visibility("default")))

/* --- what the core gives --- (borrowed, valid until fini) */
CO_EXPORT struct co_loop *co_ctx_loop(struct co_ctx *);
CO_EXPORT struct co_log *co_ctx_log(struct co_ctx *);
CO_EXPORT const struct co_agent_settings *co_ctx_agent(struct co_ctx *);
/* The chosen implementations; available from init on to modules that name the interface in `needs`. */
CO_EXPORT const struct co_storage *co_ctx_storage(struct co_ctx *);
CO_EXPORT const struct co_journal *co_ctx_journal(struct co_ctx *);
CO_EXPORT const struct co_consensus *co_ctx_consensus(struct co_ctx *);
/* A checker by type, with its module's self. NULL when no loaded module offers it. */
CO_EXPORT const struct co_checker *co_ctx_checker(struct co_ctx *, const char *type, void **module_self);
/* Visits all offers of a kind, in load order. From start on. */
CO_EXPORT void co_ctx_offers(struct co_ctx *, enum co_offer_kind,
                             void (*visit)(void *arg, const struct co_module *, void *self, const struct co_offer *),
                             void *arg);
/* The configuration as JSON, secrets left out (for /v1/agent/self and `validate`). */
CO_EXPORT void co_ctx_write_config(struct co_ctx *, struct co_buffer *out);

/* --- the agent's life --- */
/* Re-reads the configuration files and calls every module's reload. A bad configuration changes nothing. */
CO_EXPORT co_status co_agent_reload(struct co_ctx *, struct co_error *);
/* Ends the agent after this turn of the loop: modules stop in reverse order. `leave`: gracefully leave the cluster first. */
CO_EXPORT void co_agent_stop(struct co_ctx *, bool leave);

/* SHA of the build and the version for /v1/agent/self, `version`. */
CO_EXPORT const char *co_build_revision(void);

#endif
