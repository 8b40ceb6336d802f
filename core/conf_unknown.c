/* Judges the keys of the merged documents: read by somebody, known to Consul (one warning), or a mistake (an error with a
 * suggestion). Several schemas may claim parts of one block: the agent and a module may both read from `telemetry`. */
#include "conf.h"

#include "loader.h"

#include <stdio.h>

#define CLAIMS_MAX     64
#define KEYS_SHOWN_MAX 512

struct judging {
    struct co_arena *arena;
    struct co_conf_problems *problems;
    struct co_strings warned; /* paths that have had their warning */
};

/* The schemas that may claim keys of the object at `path`. */
struct claims {
    const struct co_schema *items[CLAIMS_MAX];
    size_t count;
    const char *path;    /* "" at the top */
    bool is_ignored;     /* below an unsupported key: only mistakes are told */
    const char *weakens; /* out, when ignored: the strongest reason found below */
};

static bool field_matches(const struct co_field *field, const char *key) {
    return co_key_equal(field->name, key) || (field->config && co_key_equal(field->config, key));
}

static const struct co_known *find_known(const char *path) {
    for (size_t i = 0; i < co_known_count; i++)
        if (co_key_equal(co_known_keys[i].path, path)) return &co_known_keys[i];
    return NULL;
}

static bool has_warned(struct judging *judging, const char *path) {
    for (size_t i = 0; i < judging->warned.count; i++)
        if (strcmp(judging->warned.items[i], path) == 0) return true;
    const char **items = co_arena_array(judging->arena, const char *, judging->warned.count + 1);
    for (size_t i = 0; i < judging->warned.count; i++) items[i] = judging->warned.items[i];
    items[judging->warned.count++] = path;
    judging->warned.items = items;
    return false;
}

/* What could have been meant: everything claimed or known directly below the path. */
static const char *suggest(struct judging *judging, const struct claims *claims, const char *key) {
    const char *keys[KEYS_SHOWN_MAX];
    size_t count = 0;
    if (!*claims->path) keys[count++] = "modules";
    for (size_t c = 0; c < claims->count; c++)
        for (size_t i = 0; i < claims->items[c]->count && count < KEYS_SHOWN_MAX; i++) {
            const struct co_field *field = &claims->items[c]->fields[i];
            char name[128];
            if (field->flags & CO_HIDDEN) continue;
            co_config_key(field, name, sizeof name);
            keys[count++] = co_arena_strdup(judging->arena, name);
        }
    size_t below = strlen(claims->path) + (*claims->path ? 1 : 0);
    for (size_t i = 0; i < co_known_count && count < KEYS_SHOWN_MAX; i++) {
        const char *path = co_known_keys[i].path;
        if (below && (strncmp(path, claims->path, below - 1) != 0 || path[below - 1] != '.')) continue;
        if (!strchr(path + below, '.')) keys[count++] = path + below;
    }
    return co_nearest(key, (struct co_strings){keys, count});
}

static bool is_on(const struct co_node *value) {
    switch (value->kind) {
    case CO_NODE_NULL:
        return false;
    case CO_NODE_BOOL:
        return value->boolean;
    case CO_NODE_STRING:
        return value->text.size > 0 && strcmp(value->text.data, "false") != 0;
    case CO_NODE_NUMBER:
        return value->number != 0;
    default:
        return value->count > 0;
    }
}

static void judge(struct judging *judging, const struct co_node *object, struct claims *claims);

/* Lists of objects are how JSON writes repeated blocks. */
static void descend(struct judging *judging, const struct co_node *value, struct claims *claims) {
    if (value->kind == CO_NODE_OBJECT) judge(judging, value, claims);
    for (struct co_item *item = value->kind == CO_NODE_LIST ? value->items : NULL; item; item = item->next)
        if (item->value->kind == CO_NODE_OBJECT) judge(judging, item->value, claims);
}

static void judge_unclaimed(struct judging *judging, const struct co_entry *entry, const char *path,
                            struct claims *parent) {
    const struct co_known *known = find_known(path);
    if (!known) {
        const char *near = suggest(judging, parent, entry->key);
        co_conf_error(judging->problems, entry->place, "unknown key \"%s\"%s%s%s%s%s", entry->key,
                      *parent->path ? " in " : "", parent->path, near ? "; did you mean \"" : "", near ? near : "",
                      near ? "\"?" : "");
        return;
    }
    const char *weakens = is_on(entry->value) ? known->weakens : NULL;
    struct claims below = {.path = path, .is_ignored = true};
    if (!(known->flags & CO_KNOWN_ANY_BELOW)) descend(judging, entry->value, &below);
    if (!weakens) weakens = below.weakens;
    if (parent->is_ignored) {
        if (!parent->weakens) parent->weakens = weakens;
        return;
    }
    if (has_warned(judging, path)) return;
    if (weakens)
        co_conf_warn(judging->problems, entry->place,
                     "\"%s\" is NOT in force: this version does not support it yet, so %s", path, weakens);
    else
        co_conf_warn(judging->problems, entry->place, "\"%s\" is not supported yet and is ignored", path);
}

static void judge_entry(struct judging *judging, const struct co_entry *entry, struct claims *claims) {
    const char *path = *claims->path ? co_arena_printf(judging->arena, "%s.%s", claims->path, entry->key) : entry->key;
    struct claims below = {.path = path};
    bool is_claimed = false;
    for (size_t c = 0; c < claims->count; c++)
        for (size_t i = 0; i < claims->items[c]->count; i++) {
            const struct co_field *field = &claims->items[c]->fields[i];
            if (!field_matches(field, entry->key)) continue;
            is_claimed = true;
            bool is_block =
                field->kind == CO_KIND_RECORD || field->kind == CO_KIND_POINTER || field->kind == CO_KIND_RECORDS;
            if (is_block && below.count < CLAIMS_MAX) below.items[below.count++] = field->schema;
        }
    if (!is_claimed)
        judge_unclaimed(judging, entry, path, claims);
    else if (below.count)
        descend(judging, entry->value, &below);
}

static void judge(struct judging *judging, const struct co_node *object, struct claims *claims) {
    for (const struct co_entry *entry = object->entries; entry; entry = entry->next) {
        if (!*claims->path && strcmp(entry->key, "modules") == 0) continue; /* conf_modules.c */
        judge_entry(judging, entry, claims);
    }
}

void co_conf_unknown(const struct co_node *root, const struct co_schema *const *schemas, size_t count,
                     struct co_arena *arena, struct co_conf_problems *problems) {
    struct judging judging = {.arena = arena, .problems = problems};
    struct claims claims = {.path = ""};
    co_assert(count <= CLAIMS_MAX);
    for (size_t i = 0; i < count; i++) claims.items[claims.count++] = schemas[i];
    judge(&judging, root, &claims);
}
