/* `cohort modules`: what modules there are, and what each one offers and can be told. Reads descriptors; runs nothing. */
#include "agent_private.h"

#include "cohort/checker.h"
#include "cohort/http.h"
#include "cohort/zone.h"
#include "loader.h"

#include <stdio.h>
#include <stdlib.h>

enum format { TEXT, JSON, MARKDOWN };

struct row {
    const char *name, *offers, *status, *summary;
};

static void add_offer_words(const struct co_module *module, struct co_buffer *out) {
    for (const struct co_offer *offer = module->offers; offer->kind != CO_OFFER_END; offer++) {
        if (out->size) co_buffer_add_text(out, ", ");
        enum co_offer_kind kind;
        if (co_offer_kind_parse(co_offer_kind_name(offer->kind), &kind))
            co_buffer_printf(out, "%s \"%s\"", co_offer_kind_name(offer->kind), offer->name ? offer->name : "");
        else if (offer->kind == CO_OFFER_CHECKER)
            co_buffer_printf(out, "checker \"%s\"", ((const struct co_checker *)offer->table)->type);
        else
            co_buffer_printf(out, "%zu %s", offer->count, co_offer_kind_name(offer->kind));
    }
    if (!out->size) co_buffer_add_text(out, "-");
}

static const char *standing(struct co_arena *arena, const char *name) {
    struct co_conf_problems problems = {.arena = arena};
    for (int is_dev = 0; is_dev < 2; is_dev++)
        for (const struct co_conf_module *entry = co_conf_plan(arena, co_tree_object(arena), is_dev, &problems); entry;
             entry = entry->next)
            if (strcmp(entry->module, name) == 0) return is_dev ? "with -dev" : "standard";
    return "on demand";
}

static struct row *read_all(struct co_arena *arena, size_t *count) {
    struct co_strings names = co_loader_names(arena);
    struct row *rows = co_arena_array(arena, struct row, names.count + 1);
    for (size_t i = 0; i < names.count; i++) {
        struct co_loaded loaded;
        struct co_error error = {0};
        struct co_buffer offers = {0};
        if (co_loader_open(arena, names.items[i], NULL, &loaded, &error)) {
            rows[i] = (struct row){names.items[i], "-", "BROKEN", co_arena_strdup(arena, error.text)};
            continue;
        }
        add_offer_words(loaded.module, &offers);
        rows[i] = (struct row){names.items[i], co_arena_strdup(arena, co_buffer_text(&offers)),
                               standing(arena, names.items[i]), loaded.module->summary ? loaded.module->summary : ""};
        co_buffer_fini(&offers);
    }
    *count = names.count;
    return rows;
}

static void add_pair(struct co_buffer *out, const char *key, const char *value, bool is_first) {
    co_buffer_printf(out, "%s\"%s\":", is_first ? "" : ",", key);
    co_buffer_add_json_string(out, value, strlen(value));
}

static void print_json(struct co_buffer *json) {
    struct co_buffer pretty = {0};
    co_json_indent(co_bytes(json->data, json->size), &pretty);
    printf("%s\n", co_buffer_text(&pretty));
    co_buffer_fini(&pretty);
}

static int list_modules(struct co_arena *arena, enum format format) {
    size_t count, name_width = 6, offers_width = 6;
    struct row *rows = read_all(arena, &count);
    if (format == JSON) {
        struct co_buffer json = {0};
        co_buffer_add_byte(&json, '[');
        for (size_t i = 0; i < count; i++) {
            co_buffer_add_text(&json, i ? ",{" : "{");
            add_pair(&json, "Name", rows[i].name, true);
            add_pair(&json, "Offers", rows[i].offers, false);
            add_pair(&json, "Status", rows[i].status, false);
            add_pair(&json, "Summary", rows[i].summary, false);
            co_buffer_add_byte(&json, '}');
        }
        co_buffer_add_byte(&json, ']');
        print_json(&json);
        co_buffer_fini(&json);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(rows[i].name) > name_width) name_width = strlen(rows[i].name);
        if (strlen(rows[i].offers) > offers_width) offers_width = strlen(rows[i].offers);
    }
    if (offers_width > 44) offers_width = 44;
    printf("%-*s  %-*s  %-9s  %s\n", (int)name_width, "Module", (int)offers_width, "Offers", "Status", "Summary");
    for (size_t i = 0; i < count; i++)
        printf("%-*s  %-*s  %-9s  %s\n", (int)name_width, rows[i].name, (int)offers_width, rows[i].offers,
               rows[i].status, rows[i].summary);
    if (count == 0) puts("No modules were found.");
    return 0;
}

/* --- describe --- */

static const char *kind_text(const struct co_field *field) {
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        return "bool";
    case CO_KIND_I32:
    case CO_KIND_I64:
    case CO_KIND_U64:
        return "integer";
    case CO_KIND_F64:
        return "number";
    case CO_KIND_STRING:
        return "string";
    case CO_KIND_BYTES:
        return "base64";
    case CO_KIND_DURATION:
        return "duration";
    case CO_KIND_SIZE:
        return "size";
    case CO_KIND_STRINGS:
        return "list of strings";
    case CO_KIND_MAP:
        return "map of strings";
    case CO_KIND_TREE:
        return "any";
    case CO_KIND_TREES:
    case CO_KIND_RECORDS:
        return "list of blocks";
    case CO_KIND_RECORD:
    case CO_KIND_POINTER:
        return "block";
    case CO_KIND_TABLE:
        return "map of blocks";
    }
    return "?";
}

static const char *default_text(const struct co_field *field) {
    if (field->fallback) return field->fallback;
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        return "false";
    case CO_KIND_I32:
    case CO_KIND_I64:
    case CO_KIND_U64:
    case CO_KIND_SIZE:
    case CO_KIND_F64:
        return "0";
    case CO_KIND_DURATION:
        return "0s";
    case CO_KIND_STRING:
        return "\"\"";
    case CO_KIND_STRINGS:
    case CO_KIND_TREES:
    case CO_KIND_RECORDS:
        return "[]";
    default:
        return "";
    }
}

struct setting {
    const char *key, *type, *fallback, *doc, *where;
};
struct settings {
    struct setting items[256];
    size_t count;
};

/* Nested blocks are flattened to dotted keys. */
static void collect(struct co_arena *arena, const struct co_schema *schema, const char *prefix, bool is_top,
                    struct settings *out) {
    for (size_t i = 0; i < schema->count && out->count < CO_COUNT(out->items); i++) {
        const struct co_field *field = &schema->fields[i];
        if (field->flags & CO_HIDDEN) continue;
        char name[128];
        co_config_key(field, name, sizeof name);
        const char *key = co_arena_printf(arena, "%s%s%s", prefix, *prefix ? "." : "", name);
        bool at_top = is_top || (field->flags & CO_AGENT_KEY);
        if (field->kind == CO_KIND_RECORD) {
            collect(arena, field->schema, key, at_top, out);
            continue;
        }
        const char *type = kind_text(field);
        if (field->flags & CO_REQUIRED) type = co_arena_printf(arena, "%s, required", type);
        out->items[out->count++] = (struct setting){key, type, (field->flags & CO_REQUIRED) ? "" : default_text(field),
                                                    field->doc ? field->doc : "", at_top ? "top level" : "block"};
    }
}

static void print_settings_markdown(const struct settings *settings) {
    puts("| Setting | Where | Type | Default | Meaning |\n|---|---|---|---|---|");
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *one = &settings->items[i];
        printf("| `%s` | %s | %s | %s%s%s | %s |\n", one->key, one->where, one->type, *one->fallback ? "`" : "",
               one->fallback, *one->fallback ? "`" : "", one->doc);
    }
}

static const char *const verb_names[] = {"GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"};

static const char *verbs_text(struct co_arena *arena, unsigned verbs) {
    const char *text = "";
    for (size_t i = 0; i < CO_COUNT(verb_names); i++)
        if (verbs & (1u << i)) text = co_arena_printf(arena, "%s%s%s", text, *text ? "," : "", verb_names[i]);
    return text;
}

static const char *const access_names[] = {"none", "read", "write"};

/* One visitor for text and JSON: what an offer's row is called and what is said about it. */
static void each_row(struct co_arena *arena, const struct co_offer *offer,
                     void (*visit)(void *arg, const char *name, const char *about), void *arg) {
    for (size_t i = 0; i < offer->count; i++) {
        switch (offer->kind) {
        case CO_OFFER_CHECKER: {
            const struct co_checker *checker = (const struct co_checker *)offer->table + i;
            visit(arg, checker->type, checker->is_passive ? "waits for reports" : "probes");
            break;
        }
        case CO_OFFER_TABLES: {
            const struct co_table *table = (const struct co_table *)offer->table + i;
            visit(arg, table->name, co_arena_printf(arena, "table %u", table->id));
            break;
        }
        case CO_OFFER_METHODS: {
            const struct co_method *method = (const struct co_method *)offer->table + i;
            const char *access = co_arena_printf(arena, "%s:%s", method->resource ? method->resource : "-",
                                                 access_names[method->access < 3 ? method->access : 0]);
            visit(arg, method->name,
                  method->command
                      ? co_arena_printf(arena, "command %u v%u, %s", method->command, method->command_version, access)
                      : co_arena_printf(arena, "query, %s", access));
            break;
        }
        case CO_OFFER_ROUTES: {
            const struct co_route *route = (const struct co_route *)offer->table + i;
            visit(arg, co_arena_printf(arena, "%s %s", verbs_text(arena, route->verbs), route->pattern),
                  route->doc ? route->doc : "");
            break;
        }
        case CO_OFFER_ZONES:
            visit(arg, ((const struct co_zone *)offer->table)[i].label, "zone below the domain");
            break;
        case CO_OFFER_COMMANDS: {
            const struct co_command *command = (const struct co_command *)offer->table + i;
            visit(arg, command->name, command->summary ? command->summary : "");
            break;
        }
        default:
            break;
        }
    }
    enum co_offer_kind kind;
    if (co_offer_kind_parse(co_offer_kind_name(offer->kind), &kind))
        visit(arg, offer->name ? offer->name : "", "implementation");
}

static void print_row(void *arg, const char *name, const char *about) {
    (void)arg;
    printf("    %-40s %s\n", name, about);
}

struct rows_json {
    struct co_buffer *out;
    bool has_rows;
};
static void add_row(void *arg, const char *name, const char *about) {
    struct rows_json *rows = arg;
    co_buffer_add_text(rows->out, rows->has_rows ? ",{" : "{");
    add_pair(rows->out, "Name", name, true);
    add_pair(rows->out, "About", about, false);
    co_buffer_add_byte(rows->out, '}');
    rows->has_rows = true;
}

static void describe_json(struct co_arena *arena, const struct co_loaded *loaded, const struct settings *settings) {
    const struct co_module *module = loaded->module;
    struct co_buffer json = {0};
    co_buffer_add_byte(&json, '{');
    add_pair(&json, "Name", module->name, true);
    add_pair(&json, "Summary", module->summary ? module->summary : "", false);
    add_pair(&json, "File", loaded->file, false);
    co_buffer_printf(&json, ",\"ABI\":%u,\"Needs\":[", module->abi);
    for (const char *const *need = module->needs; need && *need; need++) {
        if (need != module->needs) co_buffer_add_byte(&json, ',');
        co_buffer_add_json_string(&json, *need, strlen(*need));
    }
    co_buffer_add_text(&json, "],\"Offers\":{");
    for (const struct co_offer *offer = module->offers; offer->kind != CO_OFFER_END; offer++) {
        struct rows_json rows = {&json, false};
        bool is_repeated = false;
        for (const struct co_offer *earlier = module->offers; earlier < offer; earlier++)
            is_repeated = is_repeated || earlier->kind == offer->kind;
        if (is_repeated) continue;
        co_buffer_printf(&json, "%s\"%s\":[", offer == module->offers ? "" : ",", co_offer_kind_name(offer->kind));
        for (const struct co_offer *same = offer; same->kind != CO_OFFER_END; same++)
            if (same->kind == offer->kind) each_row(arena, same, add_row, &rows);
        co_buffer_add_byte(&json, ']');
    }
    co_buffer_add_text(&json, "},\"Settings\":[");
    for (size_t i = 0; i < settings->count; i++) {
        co_buffer_add_text(&json, i ? ",{" : "{");
        add_pair(&json, "Key", settings->items[i].key, true);
        add_pair(&json, "Where", settings->items[i].where, false);
        add_pair(&json, "Type", settings->items[i].type, false);
        add_pair(&json, "Default", settings->items[i].fallback, false);
        add_pair(&json, "Doc", settings->items[i].doc, false);
        co_buffer_add_byte(&json, '}');
    }
    co_buffer_add_text(&json, "]}");
    print_json(&json);
    co_buffer_fini(&json);
}

static void describe_text(struct co_arena *arena, const struct co_loaded *loaded, const struct settings *settings) {
    const struct co_module *module = loaded->module;
    printf("%s: %s\n\n  File    %s\n  Status  %s\n  Needs   ", module->name, module->summary ? module->summary : "",
           loaded->file, standing(arena, module->name));
    for (const char *const *need = module->needs; need && *need; need++)
        printf("%s%s", need == module->needs ? "" : ", ", *need);
    puts(module->needs && *module->needs ? "" : "nothing");
    for (const struct co_offer *offer = module->offers; offer->kind != CO_OFFER_END; offer++) {
        printf("\n  %s\n", co_offer_kind_name(offer->kind));
        each_row(arena, offer, print_row, NULL);
    }
    if (settings->count) puts("\n  settings");
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *one = &settings->items[i];
        printf("    %-40s %s%s%s%s%s\n", one->key, one->type, *one->fallback ? ", default " : "", one->fallback,
               strcmp(one->where, "block") == 0 ? "" : ", at the top level", "");
        if (*one->doc) printf("        %s\n", one->doc);
    }
}

static int describe(struct co_arena *arena, const char *name, enum format format) {
    struct co_loaded loaded;
    struct co_error error = {0};
    struct settings settings = {.count = 0};
    if (strcmp(name, "agent") == 0 && format == MARKDOWN) { /* the agent's own settings, for its documentation */
        collect(arena, &co_agent_settings_schema, "", true, &settings);
        print_settings_markdown(&settings);
        return 0;
    }
    const char *slash = strrchr(name, '/'), *path = NULL;
    if (slash) { /* a file: its name is the module's */
        size_t size = strlen(slash + 1);
        path = name;
        name = size > 3 && strcmp(slash + 1 + size - 3, ".so") == 0 ? co_arena_text(arena, slash + 1, size - 3)
                                                                    : slash + 1;
    }
    if (co_loader_open(arena, name, path, &loaded, &error)) {
        fprintf(stderr, "module \"%s\": %s\n", name, error.text);
        return 1;
    }
    if (loaded.module->config) {
        co_schema_check(loaded.module->config);
        collect(arena, loaded.module->config, "", false, &settings);
    }
    if (format == MARKDOWN)
        print_settings_markdown(&settings);
    else if (format == JSON)
        describe_json(arena, &loaded, &settings);
    else
        describe_text(arena, &loaded, &settings);
    return 0;
}

static const char help[] =
    "Usage: cohort modules [list] [-format=text|json]\n"
    "       cohort modules describe [-format=text|json|markdown] NAME_OR_FILE\n\n"
    "  Lists the modules that agents here can load, or shows what one of them needs, offers and can be told.\n"
    "  Modules are looked for in $COHORT_MODULE_PATH, beside the program, and where they are installed.\n";

int co_cmd_modules(const struct co_command *command, int argc, char **argv) {
    (void)command;
    struct co_arena arena = CO_ARENA_INIT;
    enum format format = TEXT;
    const char *words[2] = {NULL, NULL};
    size_t count = 0;
    int code = 1;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-') {
            if (count == 2) goto usage;
            words[count++] = word;
            continue;
        }
        word += word[1] == '-' ? 2 : 1;
        if (strcmp(word, "h") == 0 || strcmp(word, "help") == 0) {
            fputs(help, stdout);
            code = 0;
            goto out;
        }
        if (strncmp(word, "format", 6) != 0 || (word[6] && word[6] != '=')) goto usage;
        const char *value = word[6] ? word + 7 : i + 1 < argc ? argv[++i] : "";
        if (strcmp(value, "json") == 0)
            format = JSON;
        else if (strcmp(value, "markdown") == 0)
            format = MARKDOWN;
        else if (strcmp(value, "text") != 0 && strcmp(value, "pretty") != 0)
            goto usage;
    }
    if ((count == 0 || (count == 1 && strcmp(words[0], "list") == 0)) && format != MARKDOWN)
        code = list_modules(&arena, format);
    else if (count == 2 && strcmp(words[0], "describe") == 0)
        code = describe(&arena, words[1], format);
    else
        goto usage;
    goto out;
usage:
    fputs(help, stderr);
out:
    co_arena_fini(&arena);
    return code;
}
