/* Turns input into a configuration: read all documents, plan the modules, load them, bind everybody's settings, judge what
 * is left over. Every step goes on after errors as far as it makes sense, so that all of them are listed at once. */
#include "conf.h"

#include "loader.h"

#include <stdio.h>
#include <stdlib.h>

/* --- problems --- */

static void add_problem(struct co_conf_problems *problems, struct co_place place, const char *text, bool is_warning) {
    if (problems->count == problems->room) {
        problems->room = problems->room ? problems->room * 2 : 16;
        struct co_conf_problem *items = co_arena_array(problems->arena, struct co_conf_problem, problems->room);
        if (problems->count) memcpy(items, problems->items, problems->count * sizeof *items);
        problems->items = items;
    }
    problems->items[problems->count] =
        (struct co_conf_problem){place, co_arena_strdup(problems->arena, text), is_warning, problems->count};
    problems->count++;
    if (!is_warning) problems->errors++;
}

static void add_formatted(struct co_conf_problems *problems, struct co_place place, bool is_warning, const char *format,
                          va_list args) {
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    add_problem(problems, place, text, is_warning);
}

void co_conf_error(struct co_conf_problems *problems, struct co_place place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_formatted(problems, place, false, format, args);
    va_end(args);
}

void co_conf_warn(struct co_conf_problems *problems, struct co_place place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_formatted(problems, place, true, format, args);
    va_end(args);
}

void co_conf_problem_add(void *problems, struct co_place place, const char *text) {
    add_problem(problems, place, text, false);
}

void co_conf_problem_write(const struct co_conf_problem *problem, struct co_buffer *out) {
    const struct co_place *place = &problem->place;
    if (place->file && place->line)
        co_buffer_printf(out, "%s:%u:%u: ", place->file, place->line, place->column);
    else if (place->file)
        co_buffer_printf(out, "%s: ", place->file);
    co_buffer_add_text(out, problem->text);
}

static int compare_problems(const void *a, const void *b) {
    const struct co_conf_problem *one = a, *two = b;
    int order = strcmp(one->place.file ? one->place.file : "", two->place.file ? two->place.file : "");
    if (order) return order;
    if (one->place.line != two->place.line) return one->place.line < two->place.line ? -1 : 1;
    if (one->place.column != two->place.column) return one->place.column < two->place.column ? -1 : 1;
    return one->order < two->order ? -1 : one->order > two->order;
}

/* --- binding a module --- */

/* The part of a schema that is read from the top level, or the part that is not. */
static const struct co_schema *part_of(struct co_arena *arena, const struct co_schema *schema, bool top_level) {
    struct co_field *fields = co_arena_array(arena, struct co_field, schema->count + 1);
    struct co_schema *part = co_arena_new(arena, struct co_schema);
    *part = (struct co_schema){schema->name, schema->size, fields, 0};
    for (size_t i = 0; i < schema->count; i++)
        if (((schema->fields[i].flags & CO_AGENT_KEY) != 0) == top_level) fields[part->count++] = schema->fields[i];
    return part;
}

void *co_conf_bind_module(struct co_conf *conf, const struct co_module *module, const struct co_conf_module *entry) {
    const struct co_schema *schema = module->config;
    if (!schema) {
        for (size_t i = 0; i < entry->block_count; i++)
            if (entry->blocks[i]->entries)
                co_conf_error(&conf->problems, entry->blocks[i]->entries->place,
                              "unknown key \"%s\" in %s; module %s has no settings", entry->blocks[i]->entries->key,
                              entry->label, module->name);
        return NULL;
    }
    co_schema_check(schema);
    void *config = co_arena_zalloc(&conf->arena, schema->size);
    co_schema_defaults(schema, config, &conf->arena);
    const struct co_schema *top = part_of(&conf->arena, schema, true), *own = part_of(&conf->arena, schema, false);
    if (top->count)
        co_bind(top, config, conf->root, CO_UNKNOWN_IGNORE, "", &conf->arena, co_conf_problem_add, &conf->problems);
    /* One object, so that a required key may stand in any of the blocks. */
    struct co_node *block = co_tree_object(&conf->arena);
    block->place = entry->place;
    for (size_t i = 0; i < entry->block_count; i++)
        for (struct co_entry *one = entry->blocks[i]->entries; one; one = one->next)
            co_tree_add(&conf->arena, block, one->key, one->value)->place = one->place;
    co_bind(own, config, block, CO_UNKNOWN_REPORT, entry->label, &conf->arena, co_conf_problem_add, &conf->problems);
    return config;
}

/* --- steps --- */

static struct co_strings standard_names(struct co_conf *conf) {
    size_t count = 0;
    for (struct co_conf_module *entry = conf->plan; entry; entry = entry->next) count++;
    const char **names = co_arena_array(&conf->arena, const char *, count + 1);
    count = 0;
    for (struct co_conf_module *entry = conf->plan; entry; entry = entry->next) names[count++] = entry->module;
    return (struct co_strings){names, count};
}

/* The chosen module must implement what the block says: storage "lmdb" from any file must offer storage "lmdb". */
static bool offers_choice(struct co_conf *conf, const struct co_conf_module *entry, const struct co_module *module) {
    enum co_offer_kind kind;
    if (!entry->kind || !co_offer_kind_parse(entry->kind, &kind)) return true;
    for (const struct co_offer *offer = module->offers; offer->kind != CO_OFFER_END; offer++)
        if (offer->kind == kind && offer->name && strcmp(offer->name, entry->as) == 0) return true;
    co_conf_error(&conf->problems, entry->place, "module %s does not offer %s \"%s\"", module->name, entry->kind,
                  entry->as);
    return false;
}

static void load_modules(struct co_conf *conf) {
    struct co_strings planned = standard_names(conf);
    conf->slots = co_arena_array(&conf->arena, struct co_slot *, planned.count + 1);
    for (struct co_conf_module *entry = conf->plan; entry; entry = entry->next) {
        if (entry->is_disabled) continue;
        struct co_loaded loaded;
        struct co_error error = {0};
        if (co_loader_open(&conf->arena, entry->module, entry->path, &loaded, &error)) {
            const char *kind = entry->kind || entry->is_standard ? NULL : co_conf_kind_near(entry->module);
            co_conf_error(&conf->problems, entry->place, "%smodule \"%s\": %s%s%s%s",
                          entry->is_standard ? "standard " : "", entry->module, error.text,
                          kind ? "; did you mean the kind \"" : "", kind ? kind : "", kind ? "\"?" : "");
            continue;
        }
        if (!offers_choice(conf, entry, loaded.module)) continue;
        struct co_slot *slot = co_calloc(1, sizeof *slot);
        *slot = (struct co_slot){.ctx.module = loaded.module,
                                 .kind = entry->kind,
                                 .name = entry->as,
                                 .file = loaded.file,
                                 .is_standard = entry->is_standard,
                                 .conf = conf};
        slot->config = co_conf_bind_module(conf, loaded.module, entry);
        conf->slots[conf->slot_count++] = slot;
    }
}

static void judge_rest(struct co_conf *conf) {
    const struct co_schema **schemas = co_arena_array(&conf->arena, const struct co_schema *, conf->slot_count + 1);
    size_t count = 0;
    schemas[count++] = &co_agent_settings_schema;
    for (size_t i = 0; i < conf->slot_count; i++)
        if (conf->slots[i]->ctx.module->config)
            schemas[count++] = part_of(&conf->arena, conf->slots[i]->ctx.module->config, true);
    co_conf_unknown(conf->root, schemas, count, &conf->arena, &conf->problems);
}

static bool has_all_modules(const struct co_conf *conf) {
    size_t wanted = 0;
    for (const struct co_conf_module *entry = conf->plan; entry; entry = entry->next) wanted += !entry->is_disabled;
    return wanted == conf->slot_count;
}

/* What only the modules themselves can judge, e.g. the definitions of services and checks. */
static void ask_modules(struct co_conf *conf) {
    struct co_agent agent = {.settings = &conf->settings, .registry = conf->registry, .log = co_log_named("agent")};
    for (size_t i = 0; i < conf->slot_count; i++) {
        const struct co_slot *slot = conf->slots[i];
        struct co_ctx ctx = {.agent = &agent, .module = slot->ctx.module, .log = agent.log};
        if (slot->config && CO_MODULE_HAS(slot->ctx.module, check))
            slot->ctx.module->check(&ctx, slot->config, co_conf_problem_add, &conf->problems);
    }
}

co_status co_conf_load(const struct co_conf_input *input, struct co_conf **out) {
    struct co_conf *conf = co_calloc(1, sizeof *conf);
    *out = conf;
    conf->users = 1;
    co_arena_init(&conf->arena);
    conf->problems.arena = &conf->arena;
    conf->root = co_conf_read(&conf->arena, input, &conf->problems);
    conf->plan = co_conf_plan(&conf->arena, conf->root, input->is_dev, &conf->problems);
    bool is_readable = conf->problems.errors == 0;
    load_modules(conf);
    co_conf_settings(conf, input);
    /* After a file that does not parse or a module that does not load these would complain about what is only missing. */
    if (is_readable) judge_rest(conf);
    if (has_all_modules(conf) &&
        co_registry_new(conf->slots, conf->slot_count, &conf->registry, co_conf_problem_add, &conf->problems) == CO_OK)
        ask_modules(conf);
    if (conf->problems.count)
        qsort(conf->problems.items, conf->problems.count, sizeof *conf->problems.items, compare_problems);
    return conf->problems.errors ? CO_INVALID : CO_OK;
}

void co_conf_free(struct co_conf *conf) {
    if (!conf || --conf->users) return;
    co_registry_free(conf->registry);
    for (size_t i = 0; i < conf->slot_count; i++) free(conf->slots[i]);
    co_arena_fini(&conf->arena);
    free(conf);
}
