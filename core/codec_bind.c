/* Trees to structs: the one binder behind configuration files and request bodies.
 *
 * Reports every problem with its place. What comes from a configuration file converts between strings, numbers and
 * bools as Consul's loader does; in request bodies types must match. */
#include "codec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct path {
    const struct path *up;
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

/* --- problems --- */

static void path_write(const struct path *path, struct co_buffer *out) {
    if (!path) return;
    path_write(path->up, out);
    if (!path->key)
        co_buffer_printf(out, "[%zu]", path->index);
    else
        co_buffer_printf(out, "%s%s", out->size ? "." : "", path->key);
}

static CO_PRINTF(4, 5) void report(struct bind *bind, const struct path *path, struct co_place place,
                                   const char *format, ...) {
    bind->status = CO_INVALID;
    if (!bind->problem) return;
    struct co_buffer text = {0};
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    co_buffer_add_text(&text, bind->root);
    path_write(path, &text);
    if (text.size == 0) co_buffer_add_text(&text, "the document");
    co_buffer_printf(&text, " %s", message);
    bind->problem(bind->arg, place, co_buffer_text(&text));
    co_buffer_fini(&text);
}

static void preferred_key(const struct co_field *field, bool is_config, char *out, size_t size) {
    if (is_config)
        co_config_key(field, out, size);
    else
        snprintf(out, size, "%s", field->name);
}

/* The nearest key, if it is near enough to have been meant. */
static bool suggest(const struct co_schema *schema, const char *key, bool is_config, char *out, size_t size) {
    unsigned best = 99;
    for (size_t i = 0; i < schema->count; i++) {
        char name[128];
        preferred_key(&schema->fields[i], is_config, name, sizeof name);
        unsigned distance = co_key_distance(key, name), length = (unsigned)strlen(key);
        if (distance >= best || distance >= length || (distance > 2 && distance > length / 3)) continue;
        best = distance;
        snprintf(out, size, "%s", name);
    }
    return best < 99;
}

static void report_unknown(struct bind *bind, const struct path *path, const struct co_schema *schema,
                           const struct co_entry *entry) {
    bind->status = CO_INVALID;
    if (!bind->problem) return;
    struct co_buffer where = {0}, text = {0};
    char meant[128];
    co_buffer_add_text(&where, bind->root);
    path_write(path, &where);
    co_buffer_printf(&text, "unknown key \"%.100s\"", entry->key);
    if (where.size) co_buffer_printf(&text, " in %s", co_buffer_text(&where));
    if (suggest(schema, entry->key, entry->place.file != NULL, meant, sizeof meant))
        co_buffer_printf(&text, "; did you mean \"%s\"?", meant);
    bind->problem(bind->arg, entry->place, co_buffer_text(&text));
    co_buffer_fini(&where);
    co_buffer_fini(&text);
}

static const char *wanted(const struct co_field *field) {
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        return "true or false";
    case CO_KIND_I32:
    case CO_KIND_I64:
        return "a whole number";
    case CO_KIND_U64:
        return "a whole number, 0 or greater";
    case CO_KIND_F64:
        return "a number";
    case CO_KIND_STRING:
        return "a string";
    case CO_KIND_BYTES:
        return "a base64 string";
    case CO_KIND_DURATION:
        return "a duration such as \"10s\"";
    case CO_KIND_SIZE:
        return "a size such as \"64MiB\"";
    case CO_KIND_STRINGS:
        return "a list of strings";
    case CO_KIND_MAP:
        return "an object of strings";
    case CO_KIND_TREE:
        return "a value";
    case CO_KIND_RECORD:
    case CO_KIND_POINTER:
        return "an object";
    case CO_KIND_TREES:
    case CO_KIND_RECORDS:
        return "a list of objects";
    case CO_KIND_TABLE:
        return "an object of objects";
    }
    return "something else";
}

static void report_type(struct bind *bind, const struct path *path, const struct co_field *field,
                        const struct co_node *node) {
    struct co_buffer text = {0};
    switch (node->kind) {
    case CO_NODE_LIST:
        co_buffer_add_text(&text, "a list");
        break;
    case CO_NODE_OBJECT:
        co_buffer_add_text(&text, "an object");
        break;
    case CO_NODE_STRING: {
        size_t size = node->text.size;
        const char *data = node->text.data;
        while (size > 40 && (size > 44 || (data[size] & 0xc0) == 0x80)) size = size > 44 ? 44 : size - 1;
        co_buffer_printf(&text, "\"%.*s%s\"", (int)size, data, size < node->text.size ? "..." : "");
        break;
    }
    default:
        co_tree_write_json(&text, node);
    }
    report(bind, path, node->place, "must be %s, not %s", wanted(field), co_buffer_text(&text));
    co_buffer_fini(&text);
}

/* --- scalars --- */

enum outcome { GOOD, WRONG_TYPE, OUT_OF_RANGE };

static bool is_weak(const struct co_node *node) {
    return node->place.file != NULL;
}

static enum outcome text_to_i64(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || *text == ' ') return WRONG_TYPE;
    *out = value;
    return errno == ERANGE ? OUT_OF_RANGE : GOOD;
}

static enum outcome node_to_i64(const struct co_node *node, int64_t *out) {
    if (node->kind == CO_NODE_STRING && is_weak(node)) return text_to_i64(node->text.data, out);
    if (node->kind == CO_NODE_BOOL && is_weak(node)) return *out = node->boolean, GOOD;
    if (node->kind != CO_NODE_NUMBER) return WRONG_TYPE;
    if (node->is_integer) return *out = node->integer, GOOD;
    if (node->text.size) return OUT_OF_RANGE;
    if (node->number != floor(node->number)) return WRONG_TYPE;
    if (node->number < -0x1p63 || node->number >= 0x1p63) return OUT_OF_RANGE;
    *out = (int64_t)node->number;
    return GOOD;
}

static enum outcome text_to_u64(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    if (*text == '-') return OUT_OF_RANGE;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || *text < '0') return WRONG_TYPE;
    *out = value;
    return errno == ERANGE ? OUT_OF_RANGE : GOOD;
}

static enum outcome node_to_u64(const struct co_node *node, uint64_t *out) {
    if (node->kind == CO_NODE_STRING && is_weak(node)) {
        int64_t small;
        enum outcome outcome = text_to_i64(node->text.data, &small);
        return outcome == WRONG_TYPE ? outcome : text_to_u64(node->text.data, out);
    }
    if (node->kind == CO_NODE_NUMBER && node->text.size) return text_to_u64(node->text.data, out);
    int64_t value;
    enum outcome outcome = node_to_i64(node, &value);
    if (outcome) return outcome;
    *out = (uint64_t)value;
    return value < 0 ? OUT_OF_RANGE : GOOD;
}

static enum outcome node_to_bool(const struct co_node *node, bool *out) {
    if (node->kind == CO_NODE_BOOL) return *out = node->boolean, GOOD;
    if (!is_weak(node)) return WRONG_TYPE;
    if (node->kind == CO_NODE_NUMBER) return *out = node->number != 0, GOOD;
    if (node->kind != CO_NODE_STRING) return WRONG_TYPE;
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"}, *const no[] = {"false", "0",     "f",
                                                                                             "F",     "FALSE", "False"};
    for (size_t i = 0; i < CO_COUNT(yes); i++) {
        if (strcmp(node->text.data, yes[i]) == 0) return *out = true, GOOD;
        if (strcmp(node->text.data, no[i]) == 0) return *out = false, GOOD;
    }
    return WRONG_TYPE;
}

static enum outcome node_to_f64(const struct co_node *node, double *out) {
    if (node->kind == CO_NODE_NUMBER) return *out = node->number, GOOD;
    if (node->kind != CO_NODE_STRING || !is_weak(node) || node->text.size == 0) return WRONG_TYPE;
    char *end;
    double value = strtod(node->text.data, &end);
    if (*end || !isfinite(value)) return WRONG_TYPE;
    *out = value;
    return GOOD;
}

static enum outcome node_to_duration(const struct co_node *node, int64_t *out) {
    if (node->kind == CO_NODE_STRING) return co_duration_parse(node->text.data, out) ? GOOD : WRONG_TYPE;
    return node->kind == CO_NODE_NUMBER ? node_to_i64(node, out) : WRONG_TYPE;
}

static enum outcome node_to_size(const struct co_node *node, uint64_t *out) {
    if (node->kind == CO_NODE_STRING) return co_size_parse(node->text.data, out) ? GOOD : WRONG_TYPE;
    return node->kind == CO_NODE_NUMBER ? node_to_u64(node, out) : WRONG_TYPE;
}

static const char *text_of(struct bind *bind, const struct co_node *node) {
    return bind->copies ? co_arena_text(bind->arena, node->text.data, node->text.size) : node->text.data;
}

static enum outcome node_to_text(struct bind *bind, const struct co_node *node, const char **out) {
    if (node->kind == CO_NODE_STRING) return *out = text_of(bind, node), GOOD;
    if (!is_weak(node) || (node->kind != CO_NODE_NUMBER && node->kind != CO_NODE_BOOL)) return WRONG_TYPE;
    struct co_buffer text = {0};
    co_tree_write_json(&text, node);
    *out = co_arena_text(bind->arena, text.data, text.size);
    co_buffer_fini(&text);
    return GOOD;
}

static enum outcome node_to_bytes(struct bind *bind, const struct co_node *node, struct co_bytes *out) {
    if (node->kind != CO_NODE_STRING) return WRONG_TYPE;
    size_t size;
    void *data = co_arena_alloc(bind->arena, node->text.size / 4 * 3 + 1); /* "" is empty, not nil */
    if (!co_base64_decode(node->text.data, node->text.size, data, &size)) return WRONG_TYPE;
    *out = co_bytes(data, size);
    return GOOD;
}

static enum outcome node_to_i32(const struct co_node *node, int32_t *out) {
    int64_t value;
    enum outcome outcome = node_to_i64(node, &value);
    if (outcome) return outcome;
    if (value < INT32_MIN || value > INT32_MAX) return OUT_OF_RANGE;
    *out = (int32_t)value;
    return GOOD;
}

static const char *range_of(const struct co_field *field) {
    switch (field->kind) {
    case CO_KIND_I32:
        return "between -2147483648 and 2147483647";
    case CO_KIND_U64:
    case CO_KIND_SIZE:
        return "between 0 and 18446744073709551615";
    default:
        return "between -9223372036854775808 and 9223372036854775807";
    }
}

static void bind_scalar(struct bind *bind, const struct path *path, const struct co_field *field, void *value,
                        const struct co_node *node) {
    enum outcome outcome = WRONG_TYPE;
    switch (field->kind) {
    case CO_KIND_BOOL:
        outcome = node_to_bool(node, value);
        break;
    case CO_KIND_I32:
        outcome = node_to_i32(node, value);
        break;
    case CO_KIND_I64:
        outcome = node_to_i64(node, value);
        break;
    case CO_KIND_U64:
        outcome = node_to_u64(node, value);
        break;
    case CO_KIND_F64:
        outcome = node_to_f64(node, value);
        break;
    case CO_KIND_STRING:
        outcome = node_to_text(bind, node, value);
        break;
    case CO_KIND_BYTES:
        outcome = node_to_bytes(bind, node, value);
        break;
    case CO_KIND_DURATION:
        outcome = node_to_duration(node, &((struct co_duration *)value)->ns);
        break;
    case CO_KIND_SIZE:
        outcome = node_to_size(node, &((struct co_size *)value)->bytes);
        break;
    }
    if (outcome == WRONG_TYPE) report_type(bind, path, field, node);
    if (outcome == OUT_OF_RANGE) report(bind, path, node->place, "must be %s", range_of(field));
}

/* --- lists and maps --- */

static void bind_object(struct bind *, const struct path *, const struct co_schema *, void *out, const struct co_node *,
                        bool merges);

/* Room for `more` elements behind the kept ones; never NULL, so that [] differs from null. */
static void *extended(struct bind *bind, const void *items, size_t kept, size_t more, size_t size) {
    char *array = co_arena_zalloc(bind->arena, (kept + more) * size + 1);
    if (kept) memcpy(array, items, kept * size);
    return array;
}

static void bind_strings(struct bind *bind, const struct path *path, const struct co_field *field,
                         struct co_strings *out, const struct co_node *node, bool appends) {
    struct co_item single = {(struct co_node *)node, NULL};
    bool is_list = node->kind == CO_NODE_LIST;
    if (!is_list && (!(field->flags & CO_ONE_OR_MANY) || node->kind == CO_NODE_OBJECT)) {
        report_type(bind, path, field, node);
        return;
    }
    size_t count = appends ? out->count : 0;
    const char **items = extended(bind, out->items, count, is_list ? node->count : 1, sizeof *items);
    size_t index = 0;
    for (const struct co_item *item = is_list ? node->items : &single; item; item = item->next, index++) {
        struct path here = {path, NULL, index};
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
    if (node->kind == CO_NODE_LIST && node->count == 1 && is_weak(node) && node->items->value->kind == CO_NODE_OBJECT)
        return node->items->value;
    return node;
}

static void bind_map(struct bind *bind, const struct path *path, const struct co_field *field, struct co_map *out,
                     const struct co_node *node, bool appends) {
    node = unwrapped(node);
    if (node->kind != CO_NODE_OBJECT) {
        report_type(bind, path, field, node);
        return;
    }
    size_t count = appends ? out->count : 0, i = 0;
    struct codec_item *items = co_calloc(count + node->count + 1, sizeof *items);
    for (; i < count; i++) items[i] = (struct codec_item){out->items[i].key, (void *)(uintptr_t)out->items[i].value, 0};
    for (const struct co_entry *entry = node->entries; entry; entry = entry->next, i++) {
        struct path here = {path, entry->key, 0};
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

static void bind_element(struct bind *bind, const struct path *path, const struct co_field *field, void *out,
                         const struct co_node *node) {
    static const struct co_field object = {.kind = CO_KIND_RECORD};
    co_schema_defaults(field->schema, out, bind->arena);
    if (node->kind == CO_NODE_OBJECT)
        bind_object(bind, path, field->schema, out, node, false);
    else
        report_type(bind, path, &object, node);
}

static void bind_list(struct bind *bind, const struct path *path, const struct co_field *field, void *value,
                      const struct co_node *node, bool appends) {
    struct co_item single = {(struct co_node *)node, NULL};
    bool is_list = node->kind == CO_NODE_LIST, is_trees = field->kind == CO_KIND_TREES;
    if (!is_list && (!(field->flags & CO_ONE_OR_MANY) || node->kind != CO_NODE_OBJECT)) {
        report_type(bind, path, field, node);
        return;
    }
    struct co_trees *trees = is_trees ? value : NULL;
    struct co_records *records = is_trees ? NULL : value;
    size_t size = is_trees ? sizeof *trees->items : field->schema->size;
    size_t kept = !appends ? 0 : is_trees ? trees->count : records->count, more = is_list ? node->count : 1, index = 0;
    char *items = extended(bind, is_trees ? (const void *)trees->items : records->items, kept, more, size);
    for (const struct co_item *item = is_list ? node->items : &single; item; item = item->next, index++) {
        struct path here = {path, NULL, index};
        const struct path *at = is_list ? &here : path;
        void *element = items + (kept + index) * size;
        if (!is_trees) {
            bind_element(bind, at, field, element, item->value);
            continue;
        }
        static const struct co_field object = {.kind = CO_KIND_RECORD};
        if (item->value->kind != CO_NODE_OBJECT) report_type(bind, at, &object, item->value);
        memcpy(element, &item->value, sizeof item->value);
    }
    if (is_trees)
        *trees = (struct co_trees){(const struct co_node **)(void *)items, kept + more};
    else
        *records = (struct co_records){items, kept + more};
}

static void bind_table(struct bind *bind, const struct path *path, const struct co_field *field,
                       struct co_table_of *out, const struct co_node *node, bool appends) {
    node = unwrapped(node);
    if (node->kind != CO_NODE_OBJECT) {
        report_type(bind, path, field, node);
        return;
    }
    size_t count = appends ? out->count : 0, i = 0;
    struct codec_item *items = co_calloc(count + node->count + 1, sizeof *items);
    for (; i < count; i++) items[i] = (struct codec_item){out->items[i].key, out->items[i].value, 0};
    for (const struct co_entry *entry = node->entries; entry; entry = entry->next, i++) {
        struct path here = {path, entry->key, 0};
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

static void bind_record(struct bind *bind, const struct path *path, const struct co_field *field, void *value,
                        const struct co_node *node, bool merges) {
    node = unwrapped(node);
    if (node->kind != CO_NODE_OBJECT) {
        report_type(bind, path, field, node);
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
static void bind_value(struct bind *bind, const struct path *path, const struct co_field *field, void *value,
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

static void check_required(struct bind *bind, const struct path *path, const struct co_schema *schema, const void *out,
                           const struct co_node *node, const uint64_t *seen) {
    for (size_t i = 0; i < schema->count; i++) {
        const struct co_field *field = &schema->fields[i];
        if (!(field->flags & CO_REQUIRED)) continue;
        bool is_seen = seen[i / 64] >> i % 64 & 1;
        if (!is_missing(field, codec_value_const(field, out), is_seen)) continue;
        char key[128];
        preferred_key(field, is_weak(node), key, sizeof key);
        report(bind, path, node->place, "lacks \"%s\", which is required", key);
    }
}

static void bind_object(struct bind *bind, const struct path *path, const struct co_schema *schema, void *out,
                        const struct co_node *node, bool merges) {
    uint64_t seen[CODEC_FIELDS_MAX / 64] = {0};
    co_assert(schema->count <= CODEC_FIELDS_MAX);
    for (const struct co_entry *entry = node->entries; entry; entry = entry->next) {
        const struct co_field *field = field_of(schema, entry->key);
        if (!field) {
            if (bind->unknown == CO_UNKNOWN_REPORT) report_unknown(bind, path, schema, entry);
            continue;
        }
        if (entry->value->kind == CO_NODE_NULL) continue;
        size_t index = (size_t)(field - schema->fields);
        bool is_seen = seen[index / 64] >> index % 64 & 1;
        struct path here = {path, entry->key, 0};
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
        report_type(&bind, NULL, &root, object);
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
        report_type(&bind, NULL, &root, node);
    return bind.status;
}
