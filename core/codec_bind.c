/* Trees to structs: the one binder behind configuration files and request bodies.
 *
 * Decides what repeated keys, blocks, lists and absent keys mean; codec_bind_scalar.c converts the single values.
 * Reports every problem, with its place. */
#include "codec_bind.h"

#include <stdio.h>
#include <stdlib.h>

/* --- lists and maps --- */

static void bind_object(struct bind *, const struct bind_path *, const struct co_schema *, void *out,
                        const struct co_node *, bool merges);

/* Room for `more` elements behind the kept ones; never NULL, so that [] differs from null. */
static void *extended(struct bind *bind, const void *items, size_t kept, size_t more, size_t size) {
    char *array = co_arena_zalloc(bind->arena, (kept + more) * size + 1);
    if (kept) memcpy(array, items, kept * size);
    return array;
}

static void bind_strings(struct bind *bind, const struct bind_path *path, const struct co_field *field,
                         struct co_strings *out, const struct co_node *node, bool appends) {
    struct co_item single = {(struct co_node *)node, NULL};
    bool is_list = node->kind == CO_NODE_LIST;
    if (!is_list && (!(field->flags & CO_ONE_OR_MANY) || node->kind == CO_NODE_OBJECT)) {
        bind_report_type(bind, path, field, node);
        return;
    }
    size_t count = appends ? out->count : 0;
    const char **items = extended(bind, out->items, count, is_list ? node->count : 1, sizeof *items);
    size_t index = 0;
    for (const struct co_item *item = is_list ? node->items : &single; item; item = item->next, index++) {
        struct bind_path here = {path, NULL, index};
        struct co_field element = {.kind = CO_KIND_STRING};
        items[count] = "";
        if (item->value->kind != CO_NODE_NULL)
            bind_scalar(bind, is_list ? &here : path, &element, &items[count], item->value);
        count++;
    }
    out->items = items;
    out->count = count;
}

/* HCL 1 reads `x { }` as a list of one object; so do files made by its tools. */
static const struct co_node *unwrapped(const struct co_node *node) {
    if (node->kind == CO_NODE_LIST && node->count == 1 && bind_is_weak(node) &&
        node->items->value->kind == CO_NODE_OBJECT)
        return node->items->value;
    return node;
}

static void bind_map(struct bind *bind, const struct bind_path *path, const struct co_field *field, struct co_map *out,
                     const struct co_node *node, bool appends) {
    node = unwrapped(node);
    if (node->kind != CO_NODE_OBJECT) {
        bind_report_type(bind, path, field, node);
        return;
    }
    size_t count = appends ? out->count : 0, i = 0;
    struct codec_item *items = co_calloc(count + node->count + 1, sizeof *items);
    for (; i < count; i++) items[i] = (struct codec_item){out->items[i].key, (void *)(uintptr_t)out->items[i].value, 0};
    for (const struct co_entry *entry = node->entries; entry; entry = entry->next, i++) {
        struct bind_path here = {path, entry->key, 0};
        struct co_field element = {.kind = CO_KIND_STRING};
        const char *value = "";
        if (entry->value->kind != CO_NODE_NULL) bind_scalar(bind, &here, &element, &value, entry->value);
        items[i].key = bind->copies ? co_arena_strdup(bind->arena, entry->key) : entry->key;
        items[i].value = (void *)(uintptr_t)value;
    }
    out->count = codec_sort_unique(items, i);
    out->items = extended(bind, NULL, 0, out->count, sizeof *out->items);
    for (i = 0; i < out->count; i++) out->items[i] = (struct co_pair){items[i].key, items[i].value};
    free(items);
}

static void bind_element(struct bind *bind, const struct bind_path *path, const struct co_field *field, void *out,
                         const struct co_node *node) {
    static const struct co_field object = {.kind = CO_KIND_RECORD};
    co_schema_defaults(field->schema, out, bind->arena);
    if (node->kind == CO_NODE_OBJECT)
        bind_object(bind, path, field->schema, out, node, false);
    else
        bind_report_type(bind, path, &object, node);
}

static void bind_list(struct bind *bind, const struct bind_path *path, const struct co_field *field, void *value,
                      const struct co_node *node, bool appends) {
    struct co_item single = {(struct co_node *)node, NULL};
    bool is_list = node->kind == CO_NODE_LIST, is_trees = field->kind == CO_KIND_TREES;
    if (!is_list && (!(field->flags & CO_ONE_OR_MANY) || node->kind != CO_NODE_OBJECT)) {
        bind_report_type(bind, path, field, node);
        return;
    }
    struct co_trees *trees = is_trees ? value : NULL;
    struct co_records *records = is_trees ? NULL : value;
    size_t size = is_trees ? sizeof *trees->items : field->schema->size;
    size_t kept = !appends ? 0 : is_trees ? trees->count : records->count, more = is_list ? node->count : 1, index = 0;
    char *items = extended(bind, is_trees ? (const void *)trees->items : records->items, kept, more, size);
    for (const struct co_item *item = is_list ? node->items : &single; item; item = item->next, index++) {
        struct bind_path here = {path, NULL, index};
        const struct bind_path *at = is_list ? &here : path;
        void *element = items + (kept + index) * size;
        if (!is_trees) {
            bind_element(bind, at, field, element, item->value);
            continue;
        }
        static const struct co_field object = {.kind = CO_KIND_RECORD};
        if (item->value->kind != CO_NODE_OBJECT) bind_report_type(bind, at, &object, item->value);
        memcpy(element, &item->value, sizeof item->value);
    }
    if (is_trees)
        *trees = (struct co_trees){(const struct co_node **)(void *)items, kept + more};
    else
        *records = (struct co_records){items, kept + more};
}

static void bind_table(struct bind *bind, const struct bind_path *path, const struct co_field *field,
                       struct co_table_of *out, const struct co_node *node, bool appends) {
    node = unwrapped(node);
    if (node->kind != CO_NODE_OBJECT) {
        bind_report_type(bind, path, field, node);
        return;
    }
    size_t count = appends ? out->count : 0, i = 0;
    struct codec_item *items = co_calloc(count + node->count + 1, sizeof *items);
    for (; i < count; i++) items[i] = (struct codec_item){out->items[i].key, out->items[i].value, 0};
    for (const struct co_entry *entry = node->entries; entry; entry = entry->next, i++) {
        struct bind_path here = {path, entry->key, 0};
        items[i].key = bind->copies ? co_arena_strdup(bind->arena, entry->key) : entry->key;
        items[i].value = co_arena_zalloc(bind->arena, field->schema->size);
        if (entry->value->kind == CO_NODE_NULL)
            co_schema_defaults(field->schema, items[i].value, bind->arena);
        else
            bind_element(bind, &here, field, items[i].value, unwrapped(entry->value));
    }
    out->count = codec_sort_unique(items, i);
    out->items = extended(bind, NULL, 0, out->count, sizeof *out->items);
    for (i = 0; i < out->count; i++) out->items[i] = (struct co_named){items[i].key, items[i].value};
    free(items);
}

/* --- objects --- */

static void bind_record(struct bind *bind, const struct bind_path *path, const struct co_field *field, void *value,
                        const struct co_node *node, bool merges) {
    node = unwrapped(node);
    if (node->kind != CO_NODE_OBJECT) {
        bind_report_type(bind, path, field, node);
        return;
    }
    if (field->kind == CO_KIND_POINTER) {
        void **pointer = value;
        if (!*pointer) {
            *pointer = co_arena_zalloc(bind->arena, field->schema->size);
            co_schema_defaults(field->schema, *pointer, bind->arena);
        }
        value = *pointer;
    }
    bind_object(bind, path, field->schema, value, node, merges);
}

/* `seen`: the key stood before in this object; `merges`: this object is a later block of the same name. */
static void bind_value(struct bind *bind, const struct bind_path *path, const struct co_field *field, void *value,
                       const struct co_node *node, bool seen, bool merges) {
    bool appends = merges || (seen && field->flags & CO_ONE_OR_MANY);
    switch (field->kind) {
    case CO_KIND_STRINGS:
        bind_strings(bind, path, field, value, node, appends);
        break;
    case CO_KIND_MAP:
        bind_map(bind, path, field, value, node, merges || seen);
        break;
    case CO_KIND_TREE:
        *(const struct co_node **)value = node;
        break;
    case CO_KIND_TREES:
    case CO_KIND_RECORDS:
        bind_list(bind, path, field, value, node, appends);
        break;
    case CO_KIND_TABLE:
        bind_table(bind, path, field, value, node, merges || seen);
        break;
    case CO_KIND_RECORD:
    case CO_KIND_POINTER:
        bind_record(bind, path, field, value, node, merges || seen);
        break;
    default:
        bind_scalar(bind, path, field, value, node);
    }
}

static const struct co_field *field_of(const struct co_schema *schema, const char *key) {
    for (size_t i = 0; i < schema->count; i++) {
        const struct co_field *field = &schema->fields[i];
        if (co_key_equal(key, field->name) || (field->config && co_key_equal(key, field->config))) return field;
    }
    return NULL;
}

static bool is_missing(const struct co_field *field, const void *value, bool seen) {
    switch (field->kind) {
    case CO_KIND_BOOL:
    case CO_KIND_I32:
    case CO_KIND_I64:
    case CO_KIND_U64:
    case CO_KIND_F64:
    case CO_KIND_DURATION:
    case CO_KIND_SIZE:
        return !seen && codec_is_empty(field, value);
    case CO_KIND_RECORD:
        return !seen;
    default:
        return codec_is_empty(field, value);
    }
}

static void check_required(struct bind *bind, const struct bind_path *path, const struct co_schema *schema,
                           const void *out, const struct co_node *node, const uint64_t *seen) {
    for (size_t i = 0; i < schema->count; i++) {
        const struct co_field *field = &schema->fields[i];
        if (!(field->flags & CO_REQUIRED)) continue;
        bool is_seen = seen[i / 64] >> i % 64 & 1;
        if (!is_missing(field, codec_value_const(field, out), is_seen)) continue;
        char key[128];
        bind_key(field, bind_is_weak(node), key, sizeof key);
        bind_report(bind, path, node->place, "lacks \"%s\", which is required", key);
    }
}

static void bind_object(struct bind *bind, const struct bind_path *path, const struct co_schema *schema, void *out,
                        const struct co_node *node, bool merges) {
    uint64_t seen[CODEC_FIELDS_MAX / 64] = {0};
    co_assert(schema->count <= CODEC_FIELDS_MAX);
    for (const struct co_entry *entry = node->entries; entry; entry = entry->next) {
        const struct co_field *field = field_of(schema, entry->key);
        if (!field) {
            if (bind->unknown == CO_UNKNOWN_REPORT) bind_report_unknown(bind, path, schema, entry);
            continue;
        }
        if (entry->value->kind == CO_NODE_NULL) continue;
        size_t index = (size_t)(field - schema->fields);
        bool is_seen = seen[index / 64] >> index % 64 & 1;
        struct bind_path here = {path, entry->key, 0};
        bind_value(bind, &here, field, codec_value(field, out), entry->value, is_seen, merges);
        seen[index / 64] |= UINT64_C(1) << index % 64;
    }
    check_required(bind, path, schema, out, node, seen);
}

co_status co_bind(const struct co_schema *schema, void *out, const struct co_node *object, enum co_unknown unknown,
                  const char *path, struct co_arena *arena, co_problem *problem, void *problem_arg) {
    struct bind bind = {unknown, true, arena, path ? path : "", problem, problem_arg, CO_OK};
    static const struct co_node empty = {.kind = CO_NODE_OBJECT};
    static const struct co_field root = {.kind = CO_KIND_RECORD};
    object = object ? unwrapped(object) : &empty;
    if (object->kind == CO_NODE_OBJECT)
        bind_object(&bind, NULL, schema, out, object, false);
    else
        bind_report_type(&bind, NULL, &root, object);
    return bind.status;
}

co_status codec_bind_value(const struct co_field *field, void *value, const struct co_node *node,
                           struct co_arena *arena) {
    struct bind bind = {.arena = arena, .root = ""};
    bind_value(&bind, NULL, field, value, node, false, false);
    return bind.status;
}

/* Collects the problems of a body into one sentence. */
static void collect(void *arg, struct co_place place, const char *text) {
    struct co_error *error = arg;
    (void)place;
    if (!error) return;
    size_t used = error->status ? strlen(error->text) : 0;
    error->status = CO_INVALID;
    snprintf(error->text + used, sizeof error->text - used, "%s%s", used ? "; " : "", text);
}

co_status co_decode_json(const struct co_schema *schema, void *out, struct co_bytes json, struct co_arena *arena,
                         struct co_error *error) {
    struct co_node *node;
    co_schema_defaults(schema, out, arena);
    co_status status = co_tree_parse_body(arena, json, &node, error);
    if (status) return status;
    if (node->kind == CO_NODE_NULL) return CO_OK; /* as Go: null changes nothing */
    if (error) error->status = CO_OK;
    struct bind bind = {CO_UNKNOWN_IGNORE, false, arena, "", collect, error, CO_OK};
    static const struct co_field root = {.kind = CO_KIND_RECORD};
    if (node->kind == CO_NODE_OBJECT)
        bind_object(&bind, NULL, schema, out, node, false);
    else
        bind_report_type(&bind, NULL, &root, node);
    return bind.status;
}
