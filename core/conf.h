/* From files and flags to settings: the parts of one configuration. See conf.c for the order of steps. */
#ifndef COHORT_CONF_H
#define COHORT_CONF_H

#include "core.h"
#include "registry.h"

/* --- what the user gave --- */

enum co_conf_source_kind { CO_CONF_FILE, CO_CONF_DIR, CO_CONF_TEXT };
struct co_conf_source {
    enum co_conf_source_kind kind;
    const char *text;  /* a path, or HCL */
    const char *label; /* TEXT: what to call it in messages */
};
struct co_conf_input {
    struct co_conf_source *sources; /* files and directories in the order given, then fragments */
    size_t count;
    struct co_node *flags; /* an object, or NULL; wins over all sources */
    const char *format;    /* "hcl", "json" or NULL: by the name's ending */
    bool is_dev;
    bool is_check; /* `validate`: nothing outside the files matters (addresses, data_dir) */
};

/* --- what was wrong with it --- */

struct co_conf_problem {
    struct co_place place;
    const char *text;
    bool is_warning;
    size_t order; /* of arrival */
};
struct co_conf_problems {
    struct co_arena *arena;
    struct co_conf_problem *items;
    size_t count, room, errors;
};
void co_conf_error(struct co_conf_problems *, struct co_place, const char *format, ...) CO_PRINTF(3, 4);
void co_conf_warn(struct co_conf_problems *, struct co_place, const char *format, ...) CO_PRINTF(3, 4);
void co_conf_problem_add(void *problems, struct co_place, const char *text); /* a co_problem */
/* "agent.hcl:3:1: text"; without a place just the text. */
CO_EXPORT void co_conf_problem_write(const struct co_conf_problem *, struct co_buffer *out);

/* --- what came of it --- */

/* One entry of the plan: a module that is to be loaded. */
struct co_conf_module {
    const char *kind, *as; /* "storage", "lmdb"; kind NULL: as == module */
    const char *module;    /* "store_lmdb" */
    const char *path;      /* of the file, or NULL */
    const char *label;     /* "modules.storage.lmdb", for messages */
    bool is_standard, is_disabled;
    struct co_place place;
    struct co_node **blocks; /* its blocks in source order */
    size_t block_count;
    struct co_conf_module *next;
};

struct co_conf {
    struct co_arena arena;
    struct co_conf_problems problems; /* sorted by place */
    struct co_node *root;             /* all documents as one object */
    struct co_agent_settings settings;
    struct co_conf_module *plan;
    struct co_slot **slots; /* start order; from calloc, and the array from the arena */
    size_t slot_count;
    struct co_registry *registry;
    size_t users; /* how many hold on to the arena */
};

/* Always sets `*out`, also on failure (CO_INVALID), for its list of problems. */
CO_EXPORT co_status co_conf_load(const struct co_conf_input *, struct co_conf **out);
CO_EXPORT void co_conf_free(struct co_conf *); /* slots too */
/* Binds a module's settings from the merged documents. Problems are added. */
void *co_conf_bind_module(struct co_conf *, const struct co_module *, const struct co_conf_module *);

/* --- parts --- */

/* conf_source.c: reads everything into one object; problems are added. */
CO_EXPORT struct co_node *co_conf_read(struct co_arena *, const struct co_conf_input *, struct co_conf_problems *);
/* conf_modules.c: what is to be loaded, as the `modules` block says. */
CO_EXPORT struct co_conf_module *co_conf_plan(struct co_arena *, const struct co_node *root, bool is_dev,
                                              struct co_conf_problems *);
const char *co_conf_kind_near(const char *word); /* "stroage": "storage"; NULL when none is near */
const char *co_conf_module_name(struct co_arena *, const char *kind, const char *as);
/* conf_agent.c: the agent's own settings. */
extern const struct co_schema co_agent_settings_schema CO_EXPORT;
CO_EXPORT void co_conf_settings(struct co_conf *, const struct co_conf_input *); /* bind and check */
extern const char co_conf_dev_defaults[];
/* Changes of top-level keys between two settings that need a restart, comma-separated in `out`. Applies none. */
void co_conf_settings_diff(const struct co_agent_settings *old, const struct co_agent_settings *new,
                           struct co_buffer *out);
/* conf_unknown.c: keys that nobody reads. `schemas`: all that claim parts of the top level. */
CO_EXPORT void co_conf_unknown(const struct co_node *root, const struct co_schema *const *schemas, size_t count,
                               struct co_arena *, struct co_conf_problems *);

/* conf_known.c: keys that Consul knows. */
enum co_known_flag { CO_KNOWN_ANY_BELOW = 1 /* contents are not checked */ };
struct co_known {
    const char *path; /* "acl", "acl.enabled" */
    unsigned flags;
    const char *weakens; /* said instead of the usual warning when the key is on: what its absence means */
};
extern const struct co_known co_known_keys[];
extern const size_t co_known_count;

/* conf_address.c: an address list with {{ templates }} replaced; NULL and an error when one is malformed or empty. */
CO_EXPORT const char *co_address_expand(struct co_arena *, const char *text, struct co_error *);
CO_EXPORT bool co_address_is_ip(const char *text);
CO_EXPORT bool co_address_is_any(const char *text); /* 0.0.0.0, ::, [::] */
/* The address of this machine that others are likely to reach. */
co_status co_address_guess(struct co_arena *, bool ipv6, const char **out, struct co_error *);

#endif
