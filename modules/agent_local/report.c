/* How problems in definitions are told: in configuration files every one, with its place and what was probably meant; over
 * the API the first, in the words that Consul's clients know. Also the binding that both need. */
#include "agent_local.h"

#include <stdio.h>

void local_report_add(struct local_report *report, co_status status, struct co_place place, const char *format, ...) {
    struct co_error *error = report->error;
    char text[sizeof error->text];
    size_t used;
    va_list args;
    report->count++;
    if (report->problem) {
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        report->problem(report->problem_arg, place, text);
        return;
    }
    if (!error || (report->count > 1 && !report->is_config)) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (report->count == 1) {
        error->status = status;
        error->text[0] = '\0';
    }
    used = strlen(error->text);
    if (report->is_config && place.file && place.line)
        snprintf(error->text + used, sizeof error->text - used, "%s%s:%u:%u: %s", used ? "\n" : "", place.file,
                 place.line, place.column, text);
    else
        snprintf(error->text + used, sizeof error->text - used, "%s%s", used ? "\n" : "", text);
}

const struct co_field *local_field(const struct co_schema *schema, const char *key) {
    for (size_t i = 0; schema && i < schema->count; i++) {
        const struct co_field *field = &schema->fields[i];
        if (co_key_equal(field->name, key) || (field->config && co_key_equal(field->config, key))) return field;
    }
    return NULL;
}

void local_report_unknown(struct local_report *report, const struct co_entry *entry,
                          const struct co_schema *const *schemas, size_t count) {
    char best[64] = "", name[64];
    unsigned distance, nearest = 4;
    if (!report->is_config) {
        local_report_add(report, CO_INVALID, entry->place, "Request decode failed: json: unknown field \"%s\"",
                         entry->key);
        return;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; schemas[i] && j < schemas[i]->count; j++) {
            const struct co_field *field = &schemas[i]->fields[j];
            co_config_key(field, name, sizeof name);
            distance = co_key_distance(name, entry->key);
            if (distance < nearest) {
                nearest = distance;
                memcpy(best, name, sizeof best);
            }
        }
    if (best[0])
        local_report_add(report, CO_INVALID, entry->place, "unknown key \"%s\"; did you mean \"%s\"?", entry->key,
                         best);
    else
        local_report_add(report, CO_INVALID, entry->place, "unknown key \"%s\"", entry->key);
}

static void problem(void *arg, struct co_place place, const char *text) {
    struct local_report *report = arg;
    local_report_add(report, CO_INVALID, place, report->is_config ? "%s" : "Request decode failed: %s", text);
}

static const char *go_kind(const struct co_node *node) {
    static const char *const kinds[] = {
        [CO_NODE_NULL] = "null",     [CO_NODE_BOOL] = "bool",  [CO_NODE_NUMBER] = "number",
        [CO_NODE_STRING] = "string", [CO_NODE_LIST] = "array", [CO_NODE_OBJECT] = "object"};
    return kinds[node->kind];
}

/* The Go type of a field whose value is of another kind, or NULL. */
static const char *go_mismatch(const struct co_field *field, const struct co_node *value) {
    if (value->kind == CO_NODE_NULL) return NULL;
    switch (field->kind) {
    case CO_KIND_BOOL:
        return value->kind == CO_NODE_BOOL ? NULL : "bool";
    case CO_KIND_STRING:
        return value->kind == CO_NODE_STRING ? NULL : "string";
    case CO_KIND_I32:
    case CO_KIND_I64:
        return value->kind == CO_NODE_NUMBER && value->is_integer ? NULL : "int";
    case CO_KIND_MAP:
        return value->kind == CO_NODE_OBJECT ? NULL : "map[string]string";
    case CO_KIND_STRINGS:
        return value->kind == CO_NODE_LIST ? NULL : "[]string";
    default:
        return NULL;
    }
}

static void go_check(struct local_report *report, const struct co_schema *schema, const struct co_node *object) {
    for (const struct co_entry *entry = object->entries; entry; entry = entry->next) {
        const struct co_field *field = local_field(schema, entry->key);
        const char *type = field ? go_mismatch(field, entry->value) : NULL;
        char fraction[48] = "";
        if (!type) continue;
        if (entry->value->kind == CO_NODE_NUMBER && !strcmp(type, "int"))
            snprintf(fraction, sizeof fraction, " %g", entry->value->number);
        local_report_add(report, CO_INVALID, entry->place,
                         "Request decode failed: json: cannot unmarshal %s%s into Go struct field .%s of type %s",
                         go_kind(entry->value), fraction, field->name, type);
    }
}

void local_report_not_object(struct local_report *report, const struct co_node *node, const char *what,
                             const char *go_type) {
    if (report->is_config)
        local_report_add(report, CO_INVALID, node->place, "a %s must be an object", what);
    else
        local_report_add(report, CO_INVALID, node->place,
                         "Request decode failed: json: cannot unmarshal %s into Go value of type %s", go_kind(node),
                         go_type);
}

bool local_bind(struct local_report *report, const struct co_schema *schema, void *out, const struct co_node *object,
                struct co_arena *arena) {
    size_t before = report->count;
    co_schema_defaults(schema, out, arena);
    if (!report->is_config) go_check(report, schema, object);
    co_bind(schema, out, object, CO_UNKNOWN_IGNORE, "", arena, problem, report);
    return report->count == before;
}

bool local_node_is_empty(const struct co_node *node) {
    switch (node->kind) {
    case CO_NODE_NULL:
        return true;
    case CO_NODE_BOOL:
        return !node->boolean;
    case CO_NODE_NUMBER:
        return node->is_integer ? node->integer == 0 : node->number == 0;
    case CO_NODE_STRING:
        return node->text.size == 0;
    case CO_NODE_LIST:
    case CO_NODE_OBJECT:
        return node->count == 0;
    }
    return false;
}

struct co_node *local_tree_copy(struct co_arena *arena, const struct co_node *from) {
    struct co_node *node = co_arena_new(arena, struct co_node);
    *node = *from; /* as deep as the parser lets a document be */
    if (from->kind == CO_NODE_STRING)
        node->text = co_bytes(co_arena_text(arena, from->text.data, from->text.size), from->text.size);
    node->entries = NULL;
    node->items = NULL;
    struct co_entry **entry = &node->entries;
    for (const struct co_entry *old = from->entries; old; old = old->next, entry = &(*entry)->next) {
        *entry = co_arena_new(arena, struct co_entry);
        **entry =
            (struct co_entry){co_arena_strdup(arena, old->key), local_tree_copy(arena, old->value), old->place, NULL};
    }
    struct co_item **item = &node->items;
    for (const struct co_item *old = from->items; old; old = old->next, item = &(*item)->next) {
        *item = co_arena_new(arena, struct co_item);
        (*item)->value = local_tree_copy(arena, old->value);
    }
    return node;
}
