/* What is to be loaded: the standard set, changed by the `modules` block.
 *
 *     modules {
 *       storage "lmdb" { map_size = "4GiB" }     kind "name": the module's name follows from both
 *       dns { enabled = false }                  the module's own name
 *       standard = false                         only what is named here
 *     }
 *
 * Every block may hold `path` and `enabled`; the rest is the module's and not looked at here. */
#include "conf.h"

#include "loader.h"

#include <stdio.h>

struct kind {
    const char *name, *prefix;
    bool is_single;
};
static const struct kind kinds[] = {
    {"storage", "store_", true}, {"journal", "journal_", true}, {"transport", "transport_", true},
    {"membership", "", true},    {"consensus", "", true},       {"checker", "check_", false},
    {"module", "", false},
};

struct standard {
    const char *kind, *as, *dev_as;
};
static const struct standard standard_set[] = {
    {"storage", "lmdb", "memory"}, {"journal", "file", "memory"}, {"consensus", "solo", NULL},
    {NULL, "catalog", NULL},       {NULL, "health", NULL},        {NULL, "kv", NULL},
    {"checker", "ttl", NULL},      {"checker", "tcp", NULL},      {"checker", "http", NULL},
    {"checker", "script", NULL},   {NULL, "agent_local", NULL},   {NULL, "http", NULL},
    {NULL, "dns", NULL},
};

struct planning {
    struct co_arena *arena;
    struct co_conf_problems *problems;
    struct co_conf_module *first, **end;
    bool without_standard;
};

static const struct kind *find_kind(const char *name) {
    for (size_t i = 0; i < CO_COUNT(kinds); i++)
        if (co_key_equal(kinds[i].name, name)) return &kinds[i];
    return NULL;
}

const char *co_conf_kind_near(const char *word) {
    const char *names[CO_COUNT(kinds)];
    for (size_t i = 0; i < CO_COUNT(kinds); i++) names[i] = kinds[i].name;
    return co_nearest(word, (struct co_strings){names, CO_COUNT(kinds)});
}

const char *co_conf_module_name(struct co_arena *arena, const char *kind, const char *as) {
    const struct kind *found = kind ? find_kind(kind) : NULL;
    return found ? co_arena_printf(arena, "%s%s", found->prefix, as) : as;
}

/* The plan's entry for a module, made when it is the first time that it is named. */
static struct co_conf_module *entry_of(struct planning *planning, const struct kind *kind, const char *as,
                                       struct co_place place) {
    const char *name = co_conf_module_name(planning->arena, kind ? kind->name : NULL, as);
    for (struct co_conf_module *module = planning->first; module; module = module->next)
        if (strcmp(module->module, name) == 0) return module;
    struct co_conf_module *module = co_arena_new(planning->arena, struct co_conf_module);
    bool has_kind = kind && strcmp(kind->name, "module") != 0;
    module->kind = has_kind ? kind->name : NULL;
    module->as = as;
    module->module = name;
    module->label = has_kind ? co_arena_printf(planning->arena, "modules.%s.%s", kind->name, as)
                             : co_arena_printf(planning->arena, "modules.%s", as);
    module->place = place;
    *planning->end = module;
    planning->end = &module->next;
    return module;
}

static void add_block(struct planning *planning, const struct kind *kind, const char *as, struct co_node *block,
                      struct co_place place) {
    if (block->kind == CO_NODE_LIST) { /* JSON: "http": [{}, {}] */
        for (struct co_item *item = block->items; item; item = item->next)
            if (item->value->kind != CO_NODE_LIST) add_block(planning, kind, as, item->value, place);
        return;
    }
    struct co_conf_module *module = entry_of(planning, kind, as, place);
    if (block->kind != CO_NODE_OBJECT) {
        co_conf_error(planning->problems, block->place, "%s must be a block: %s {}", module->label, as);
        return;
    }
    struct co_node *settings = co_tree_object(planning->arena);
    settings->place = block->place;
    settings->from_block = block->from_block;
    for (struct co_entry *entry = block->entries; entry; entry = entry->next) {
        const struct co_node *value = entry->value;
        if (co_key_equal(entry->key, "enabled")) {
            if (value->kind == CO_NODE_BOOL)
                module->is_disabled = !value->boolean;
            else
                co_conf_error(planning->problems, value->place, "%s.enabled must be true or false", module->label);
        } else if (co_key_equal(entry->key, "path")) {
            if (value->kind == CO_NODE_STRING)
                module->path = value->text.data;
            else
                co_conf_error(planning->problems, value->place, "%s.path must be the name of a file", module->label);
        } else {
            co_tree_add(planning->arena, settings, entry->key, entry->value)->place = entry->place;
        }
    }
    struct co_node **blocks = co_arena_array(planning->arena, struct co_node *, module->block_count + 1);
    for (size_t i = 0; i < module->block_count; i++) blocks[i] = module->blocks[i];
    blocks[module->block_count++] = settings;
    module->blocks = blocks;
    module->place = place;
}

/* storage "lmdb" {}, storage = { lmdb = {} }, storage = "lmdb" */
static void add_kind(struct planning *planning, const struct kind *kind, struct co_node *value, struct co_place place) {
    switch (value->kind) {
    case CO_NODE_STRING:
        add_block(planning, kind, value->text.data, co_tree_object(planning->arena), place);
        return;
    case CO_NODE_LIST:
        for (struct co_item *item = value->items; item; item = item->next)
            if (item->value->kind != CO_NODE_LIST) add_kind(planning, kind, item->value, place);
        return;
    case CO_NODE_OBJECT:
        for (struct co_entry *entry = value->entries; entry; entry = entry->next)
            if (entry->value->kind == CO_NODE_OBJECT || entry->value->kind == CO_NODE_LIST)
                add_block(planning, kind, entry->key, entry->value, entry->place);
            else
                co_conf_error(planning->problems, entry->place,
                              "modules.%s needs the name of an implementation: %s \"name\" { %s = ... }", kind->name,
                              kind->name, entry->key);
        return;
    default:
        co_conf_error(planning->problems, place, "modules.%s must be a block: %s \"name\" {}", kind->name, kind->name);
    }
}

static void read_modules(struct planning *planning, struct co_node *modules, struct co_place place) {
    if (modules->kind == CO_NODE_LIST) {
        for (struct co_item *item = modules->items; item; item = item->next)
            if (item->value->kind == CO_NODE_OBJECT) read_modules(planning, item->value, place);
        return;
    }
    if (modules->kind != CO_NODE_OBJECT) {
        co_conf_error(planning->problems, place, "modules must be a block: modules { }");
        return;
    }
    for (struct co_entry *entry = modules->entries; entry; entry = entry->next) {
        const struct kind *kind = find_kind(entry->key);
        if (kind)
            add_kind(planning, kind, entry->value, entry->place);
        else if (strcmp(entry->key, "standard") == 0 && entry->value->kind == CO_NODE_BOOL)
            planning->without_standard = !entry->value->boolean;
        else if (entry->value->kind == CO_NODE_OBJECT || entry->value->kind == CO_NODE_LIST)
            add_block(planning, NULL, entry->key, entry->value, entry->place);
        else
            co_conf_error(planning->problems, entry->place, "modules.%s must be a block: %s {}", entry->key,
                          entry->key);
    }
}

/* Of one kind at most one implementation can be on. */
static const struct co_conf_module *find_choice(struct planning *planning, const char *kind) {
    const struct co_conf_module *chosen = NULL;
    for (struct co_conf_module *module = planning->first; module; module = module->next) {
        if (module->is_disabled || !module->kind || strcmp(module->kind, kind) != 0) continue;
        if (chosen)
            co_conf_error(planning->problems, module->place, "modules.%s chooses both \"%s\" and \"%s\"; keep one",
                          kind, chosen->as, module->as);
        chosen = module;
    }
    return chosen;
}

/* Moves the entry to the end, so that the standard set keeps its own order and follows all others. */
static void move_to_end(struct planning *planning, struct co_conf_module *module) {
    for (struct co_conf_module **at = &planning->first; *at; at = &(*at)->next) {
        if (*at != module || !module->next) continue;
        *at = module->next;
        module->next = NULL;
        *planning->end = module;
        planning->end = &module->next;
        return;
    }
}

struct co_conf_module *co_conf_plan(struct co_arena *arena, const struct co_node *root, bool is_dev,
                                    struct co_conf_problems *problems) {
    struct planning planning = {arena, problems, NULL, NULL, false};
    planning.end = &planning.first;
    for (struct co_entry *entry = root->entries; entry; entry = entry->next)
        if (strcmp(entry->key, "modules") == 0) read_modules(&planning, entry->value, entry->place);
    const struct co_conf_module *choices[CO_COUNT(kinds)] = {NULL};
    for (size_t i = 0; i < CO_COUNT(kinds); i++)
        if (kinds[i].is_single) choices[i] = find_choice(&planning, kinds[i].name);
    for (size_t i = 0; i < CO_COUNT(standard_set) && !planning.without_standard; i++) {
        const struct standard *standard = &standard_set[i];
        const struct kind *kind = standard->kind ? find_kind(standard->kind) : NULL;
        const char *as = is_dev && standard->dev_as ? standard->dev_as : standard->as;
        if (kind && choices[kind - kinds] && strcmp(choices[kind - kinds]->as, as) != 0)
            continue; /* another one was chosen */
        struct co_conf_module *module = entry_of(&planning, kind, as, (struct co_place){NULL, 0, 0});
        module->is_standard = true;
        move_to_end(&planning, module);
    }
    return planning.first;
}
