/* What all loaded modules offer together: order, conflicts, lookup. */
#ifndef COHORT_REGISTRY_H
#define COHORT_REGISTRY_H

#include "core.h"

/* One module of an agent. */
struct co_slot {
    struct co_ctx ctx;       /* ctx.module, ctx.self: NULL while only descriptors are read */
    const char *kind, *name; /* the block that chose it: "storage" "lmdb", or NULL and the module's name */
    const char *file;
    const void *config; /* bound to module->config, or NULL */
    void *conf;         /* whose memory `config` is */
    bool is_standard;   /* of the set that loads without a modules block */
    bool is_inited, is_started;
};

/* `problem` receives every conflict and every missing need, place unset. Sorts `slots` into an order in which each comes after
 * what it needs, otherwise as given. On failure `*out` is NULL. The slots must outlive the registry. */
CO_EXPORT co_status co_registry_new(struct co_slot **slots, size_t count, struct co_registry **out, co_problem *problem,
                                    void *arg);
CO_EXPORT void co_registry_free(struct co_registry *);
CO_EXPORT void co_registry_attach(struct co_registry *); /* after the slots got their `self` */
CO_EXPORT size_t co_registry_slots(const struct co_registry *, struct co_slot *const **out);    /* in start order */
CO_EXPORT struct co_slot *co_registry_slot(const struct co_registry *, const char *module);     /* or NULL */
CO_EXPORT const struct co_offer *co_module_offer(const struct co_module *, enum co_offer_kind); /* the first, or NULL */
CO_EXPORT const char *co_offer_kind_name(enum co_offer_kind); /* "storage", "methods" */
CO_EXPORT bool co_offer_kind_parse(const char *interface,
                                   enum co_offer_kind *out); /* "storage", "journal", "consensus" ... */
/* For co_method_find and co_ctx_checker. */
CO_EXPORT const struct co_method_ref *co_registry_find_method(const struct co_registry *, const char *name);
CO_EXPORT const struct co_checker *co_registry_checker(const struct co_registry *, const char *type, void **self);

#endif
