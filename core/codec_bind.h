/* Inside the binder: what its three files share. */
#ifndef COHORT_CORE_CODEC_BIND_H
#define COHORT_CORE_CODEC_BIND_H

#include "codec.h"

struct bind_path {
    const struct bind_path *up;
    const char *key; /* NULL: an index */
    size_t index;
};

struct bind {
    enum co_unknown unknown;
    bool copies; /* strings must not point into the tree */
    struct co_arena *arena;
    const char *root;
    co_problem *problem;
    void *arg;
    co_status status;
};

/* From a configuration file: converts between strings, numbers and bools. */
static inline bool bind_is_weak(const struct co_node *node) {
    return node->place.file != NULL;
}

/* "path message" */
void bind_report(struct bind *, const struct bind_path *, struct co_place, const char *format, ...) CO_PRINTF(4, 5);
void bind_report_unknown(struct bind *, const struct bind_path *, const struct co_schema *, const struct co_entry *);
/* "path must be a string, not 5" */
void bind_report_type(struct bind *, const struct bind_path *, const struct co_field *, const struct co_node *);
/* How the reader spells the field's key: snake_case in configuration files. */
void bind_key(const struct co_field *, bool is_config, char *out, size_t size);
void bind_scalar(struct bind *, const struct bind_path *, const struct co_field *, void *value, const struct co_node *);

#endif
