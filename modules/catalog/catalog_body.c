/* Bodies of /v1/catalog/register and deregister, read as strictly as Consul does: field names whatever their case but spelled as
 * they are (no snake case), and none that it does not know, so that a misspelt one is noticed. Refusals are in its words. */
#include "catalog_slice.h"

#include <strings.h>

#define FAILED "Request decode failed: "

/* Names that a request may hold and that mean nothing here: an ACL token, and what belongs to the service mesh. */
static const struct {
    const struct co_schema *schema;
    const char *name;
} idle[] = {
    {&catalog_register_schema, "Token"},
    {&catalog_deregister_schema, "Token"},
    {&catalog_service_schema, "Proxy"},
    {&catalog_service_schema, "Connect"},
};

/* Of a check's definition Consul takes what it knows and leaves the rest: it is only for show. */
static bool is_idle(const struct co_schema *schema, const char *key) {
    if (schema == &catalog_check_definition_schema) return true;
    for (size_t i = 0; i < CO_COUNT(idle); i++) {
        if (idle[i].schema == schema && strcasecmp(idle[i].name, key) == 0) return true;
    }
    return false;
}

static const struct co_field *field_of(const struct co_schema *schema, const char *key) {
    for (size_t i = 0; i < schema->count; i++) {
        const struct co_field *field = &schema->fields[i];
        if (!(field->flags & CO_HIDDEN) && strcasecmp(field->name, key) == 0) return field;
    }
    return NULL;
}

static co_status check_object(const struct co_schema *, const struct co_node *, struct co_error *);

static co_status check_duration(const struct co_node *value, struct co_error *error) {
    int64_t ns;
    if (value->kind != CO_NODE_STRING) return CO_OK; /* the binder's business */
    const char *text = value->text.data;
    if (co_duration_parse(text, &ns)) return CO_OK;
    bool has_no_unit = text[0] && strspn(text, "0123456789.") == strlen(text);
    return co_fail(error, CO_INVALID, "time: %s \"%.64s\"",
                   has_no_unit ? "missing unit in duration" : "invalid duration", text);
}

/* The tree's depth is bounded by its parser, the walk's by the schemas: they do not nest in themselves. */
static co_status check_value(const struct co_field *field, const struct co_node *value, struct co_error *error) {
    co_status status = CO_OK;
    switch (field->kind) {
    case CO_KIND_DURATION:
        return check_duration(value, error);
    case CO_KIND_RECORD:
    case CO_KIND_POINTER:
        return value->kind == CO_NODE_OBJECT ? check_object(field->schema, value, error) : CO_OK;
    case CO_KIND_RECORDS:
        for (const struct co_item *item = value->items; item && !status; item = item->next)
            if (item->value->kind == CO_NODE_OBJECT) status = check_object(field->schema, item->value, error);
        return status;
    case CO_KIND_TABLE:
        for (const struct co_entry *entry = value->entries; entry && !status; entry = entry->next)
            if (entry->value->kind == CO_NODE_OBJECT) status = check_object(field->schema, entry->value, error);
        return status;
    default:
        return CO_OK;
    }
}

static co_status check_object(const struct co_schema *schema, const struct co_node *object, struct co_error *error) {
    for (const struct co_entry *entry = object->entries; entry; entry = entry->next) {
        const struct co_field *field = field_of(schema, entry->key);
        if (!field && is_idle(schema, entry->key)) continue;
        if (!field) {
            bool is_namespace = strcasecmp(entry->key, "Namespace") == 0;
            return co_fail(error, CO_INVALID, "json: unknown field \"%.64s\"%s", entry->key,
                           is_namespace ? " - Namespaces are a Consul Enterprise feature" : "");
        }
        co_status status = check_value(field, entry->value, error);
        if (status) return status;
    }
    return CO_OK;
}

static void first_problem(void *arg, struct co_place place, const char *text) {
    struct co_error *error = arg;
    (void)place;
    if (error->text[0] == 0) co_fail(error, CO_INVALID, "%s", text);
}

static co_status bind_body(struct co_http *http, const struct co_schema *schema, void *out, struct co_error *error) {
    static const char *const kinds[] = {
        [CO_NODE_BOOL] = "bool", [CO_NODE_NUMBER] = "number", [CO_NODE_STRING] = "string", [CO_NODE_LIST] = "array"};
    struct co_node *node;
    const char *at = http->body.data;
    size_t size = http->body.size;
    while (size && strchr(" \t\r\n", *at)) at++, size--;
    if (size == 0) return co_fail(error, CO_INVALID, "EOF");
    co_schema_defaults(schema, out, http->arena);
    co_status status = co_tree_parse_body(http->arena, http->body, &node, error);
    if (status) {
        bool is_cut = (*at == '{' || *at == '[') && !memchr(at, *at == '{' ? '}' : ']', size);
        return is_cut ? co_fail(error, CO_INVALID, "unexpected EOF") : status;
    }
    if (node->kind == CO_NODE_NULL) return CO_OK; /* as Go: null changes nothing */
    if (node->kind != CO_NODE_OBJECT) {
        return co_fail(error, CO_INVALID, "json: cannot unmarshal %s into Go value of type structs.%s",
                       kinds[node->kind], schema->name);
    }
    status = check_object(schema, node, error);
    if (status) return status;
    return co_bind(schema, out, node, CO_UNKNOWN_IGNORE, "", http->arena, first_problem, error);
}

bool catalog_body(struct co_http *http, const struct co_schema *schema, void *out) {
    struct co_error error = {0};
    co_status status = bind_body(http, schema, out, &error);
    if (status) co_http_text(http, 400, FAILED "%s", error.text[0] ? error.text : co_status_text(status));
    return status == CO_OK;
}
