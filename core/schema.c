/* Field tables: defaults, the start-up check, the spelling of configuration keys, and the small facts about kinds
 * that all codecs share. Knows no text format; codec_bind.c reads the defaults' notation. */
#include "codec.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    uint8_t size, align;
} layout[] = {
#define KIND(kind, type) [kind] = {sizeof(type), _Alignof(type)}
    KIND(CO_KIND_BOOL, bool),
    KIND(CO_KIND_I32, int32_t),
    KIND(CO_KIND_I64, int64_t),
    KIND(CO_KIND_U64, uint64_t),
    KIND(CO_KIND_F64, double),
    KIND(CO_KIND_STRING, const char *),
    KIND(CO_KIND_BYTES, struct co_bytes),
    KIND(CO_KIND_DURATION, struct co_duration),
    KIND(CO_KIND_SIZE, struct co_size),
    KIND(CO_KIND_STRINGS, struct co_strings),
    KIND(CO_KIND_MAP, struct co_map),
    KIND(CO_KIND_TREE, const struct co_node *),
    KIND(CO_KIND_TREES, struct co_trees),
    KIND(CO_KIND_RECORD, char),
    KIND(CO_KIND_POINTER, void *),
    KIND(CO_KIND_RECORDS, struct co_records),
    KIND(CO_KIND_TABLE, struct co_table_of),
#undef KIND
};

size_t codec_value_size(const struct co_field *field) {
    return field->kind == CO_KIND_RECORD ? field->schema->size : layout[field->kind].size;
}

bool codec_is_empty(const struct co_field *field, const void *value) {
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        return !*(const bool *)value;
    case CO_KIND_I32:
        return *(const int32_t *)value == 0;
    case CO_KIND_I64:
        return *(const int64_t *)value == 0;
    case CO_KIND_U64:
        return *(const uint64_t *)value == 0;
    case CO_KIND_F64:
        return *(const double *)value == 0;
    case CO_KIND_STRING: {
        const char *text = *(const char *const *)value;
        return !text || !*text;
    }
    case CO_KIND_BYTES:
        return ((const struct co_bytes *)value)->size == 0;
    case CO_KIND_DURATION:
        return ((const struct co_duration *)value)->ns == 0;
    case CO_KIND_SIZE:
        return ((const struct co_size *)value)->bytes == 0;
    case CO_KIND_STRINGS:
        return ((const struct co_strings *)value)->count == 0;
    case CO_KIND_MAP:
        return ((const struct co_map *)value)->count == 0;
    case CO_KIND_TREE:
        return !*(const struct co_node *const *)value;
    case CO_KIND_TREES:
        return ((const struct co_trees *)value)->count == 0;
    case CO_KIND_RECORD:
        return false;
    case CO_KIND_POINTER:
        return !*(void *const *)value;
    case CO_KIND_RECORDS:
        return ((const struct co_records *)value)->count == 0;
    case CO_KIND_TABLE:
        return ((const struct co_table_of *)value)->count == 0;
    }
    co_assert(!"unknown kind");
    return false;
}

void codec_clear(const struct co_schema *schema, void *object, bool is_zeroed) {
    for (const struct co_field *field = schema->fields, *end = field + schema->count; field < end; field++) {
        void *value = codec_value(field, object);
        if (field->kind == CO_KIND_STRING)
            *(const char **)value = "";
        else if (field->kind == CO_KIND_RECORD)
            codec_clear(field->schema, value, is_zeroed);
        else if (!is_zeroed)
            memset(value, 0, layout[field->kind].size);
    }
}

/* --- maps in key order --- */

static const char *key_at(const char *element) {
    const char *key;
    memcpy(&key, element, sizeof key); /* the first member of co_pair and of co_named */
    return key ? key : "";
}

static int key_compare(const void *a, const void *b) {
    return strcmp(key_at(a), key_at(b));
}

const void *codec_sorted(const void *items, size_t count, void **copy) {
    enum { STEP = sizeof(struct co_pair) };
    _Static_assert(sizeof(struct co_pair) == sizeof(struct co_named), "both are a key and a pointer");
    *copy = NULL;
    for (size_t i = 1; i < count; i++) {
        const char *at = (const char *)items + i * STEP;
        if (key_compare(at - STEP, at) <= 0) continue;
        *copy = co_malloc(count * STEP);
        memcpy(*copy, items, count * STEP);
        qsort(*copy, count, STEP, key_compare);
        return *copy;
    }
    return items;
}

static int item_compare(const void *left, const void *right) {
    const struct codec_item *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

size_t codec_sort_unique(struct codec_item *items, size_t count) {
    for (size_t i = 0; i < count; i++) items[i].order = i;
    if (count > 1) qsort(items, count, sizeof *items, item_compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || strcmp(items[i].key, items[i + 1].key) != 0) items[kept++] = items[i];
    return kept;
}

/* --- defaults --- */

/* Scalars are given as bare text, lists and maps as JSON. */
static co_status default_bind(const struct co_field *field, void *value, struct co_arena *arena) {
    struct co_node text = {.kind = CO_NODE_STRING, .text = co_bytes_text(field->fallback), .place = {"default", 0, 0}};
    struct co_node *node = &text;
    switch (field->kind) {
    case CO_KIND_STRING:
        *(const char **)value = field->fallback;
        return CO_OK;
    case CO_KIND_STRINGS:
    case CO_KIND_MAP:
    case CO_KIND_TREE:
    case CO_KIND_TREES:
    case CO_KIND_RECORDS:
    case CO_KIND_TABLE: {
        co_status status = co_tree_parse_body(arena, text.text, &node, NULL);
        if (status) return status;
    }
    }
    return codec_bind_value(field, value, node, arena);
}

void co_schema_defaults(const struct co_schema *schema, void *out, struct co_arena *arena) {
    for (size_t i = 0; i < schema->count; i++) {
        const struct co_field *field = &schema->fields[i];
        void *value = codec_value(field, out);
        if (field->kind == CO_KIND_RECORD) {
            co_schema_defaults(field->schema, value, arena);
            continue;
        }
        memset(value, 0, layout[field->kind].size);
        if (field->kind == CO_KIND_STRING) *(const char **)value = "";
        if (field->fallback) {
            co_status status = default_bind(field, value, arena);
            co_assert(status == CO_OK); /* co_schema_check has tried it */
        }
    }
}

/* --- configuration keys --- */

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

/* A word starts at an upper letter behind a lower one or a digit, and at the last upper letter of an acronym that
 * a lower one follows ("HTTPMax"); the plural of an acronym ("IDs") is no new word. */
static bool word_starts(const char *name, size_t at) {
    if (at == 0 || !is_upper(name[at])) return false;
    if (!is_upper(name[at - 1])) return name[at - 1] != '_';
    if (!is_lower(name[at + 1])) return false;
    return !(name[at + 1] == 's' && !is_lower(name[at + 2]));
}

void co_config_key(const struct co_field *field, char *out, size_t size) {
    co_assert(size > 0);
    size_t used = 0;
    if (field->config) {
        snprintf(out, size, "%s", field->config);
        return;
    }
    for (size_t i = 0; field->name[i]; i++) {
        if (word_starts(field->name, i) && used + 1 < size) out[used++] = '_';
        char c = field->name[i];
        if (used + 1 < size) out[used++] = is_upper(c) ? (char)(c | 0x20) : c;
    }
    out[used] = '\0';
}

/* --- the start-up check --- */

struct check {
    const struct co_schema *seen[CODEC_FIELDS_MAX];
    size_t count;
};

static void demand(bool fact, const struct co_schema *schema, const struct co_field *field, const char *what) {
    if (fact) return;
    fprintf(stderr, "schema %s, field %s: %s\n", schema->name ? schema->name : "?",
            field && field->name ? field->name : "-", what);
    co_assert_failed(what, __FILE__, __LINE__);
}

static bool name_is_plain(const char *name) {
    for (; *name; name++)
        if ((unsigned char)*name <= ' ' || (unsigned char)*name >= 0x7f || strchr("\"\\<>&", *name)) return false;
    return true;
}

static bool keys_clash(const struct co_field *a, const struct co_field *b) {
    return co_key_equal(a->name, b->name) || (a->config && co_key_equal(a->config, b->name)) ||
           (b->config && co_key_equal(b->config, a->name)) ||
           (a->config && b->config && co_key_equal(a->config, b->config));
}

static void check_field(const struct co_schema *schema, const struct co_field *field) {
    demand(field->name && *field->name && name_is_plain(field->name), schema, field, "the name must be plain text");
    demand(field->kind < CO_COUNT(layout), schema, field, "unknown kind");
    demand(field->id < 1u << 13, schema, field, "ids stay below 8192");
    bool is_nested = field->kind >= CO_KIND_RECORD;
    demand(is_nested == (field->schema != NULL), schema, field,
           "a schema belongs to RECORD, POINTER, RECORDS and TABLE only");
    demand(field->offset % layout[field->kind].align == 0, schema, field, "the offset is not aligned");
    demand(field->offset + codec_value_size(field) <= schema->size, schema, field,
           "the offset lies outside the struct");
    bool has_id = schema->fields[0].id != 0;
    demand(has_id == (field->id != 0), schema, field, "either all fields have ids or none");
    demand(!field->fallback || (field->kind != CO_KIND_RECORD && field->kind != CO_KIND_POINTER), schema, field,
           "a default belongs to the fields of the nested struct");
    for (const struct co_field *other = schema->fields; other < field; other++) {
        demand(field->id == 0 || field->id != other->id, schema, field, "the id stands twice");
        demand(!keys_clash(field, other), schema, field, "the name stands twice");
        bool is_alias = (field->flags | other->flags) & CO_HIDDEN;
        demand(is_alias || field->offset != other->offset, schema, field, "two fields share a member");
    }
    if (!field->fallback) return;
    struct co_arena arena = CO_ARENA_INIT;
    void *value = co_calloc(1, codec_value_size(field));
    demand(default_bind(field, value, &arena) == CO_OK, schema, field, "the default does not parse");
    free(value);
    co_arena_fini(&arena);
}

static void check_schema(struct check *check, const struct co_schema *schema) {
    for (size_t i = 0; i < check->count; i++)
        if (check->seen[i] == schema) return; /* tables may refer to themselves through pointers and lists */
    demand(check->count < CO_COUNT(check->seen), schema, NULL, "too many nested tables");
    check->seen[check->count++] = schema;
    demand(schema->name && schema->size > 0, schema, NULL, "a table needs a name and a size");
    demand(schema->count <= CODEC_FIELDS_MAX, schema, NULL, "too many fields");
    for (size_t i = 0; i < schema->count; i++) check_field(schema, &schema->fields[i]);
    for (size_t i = 0; i < schema->count; i++)
        if (schema->fields[i].schema) check_schema(check, schema->fields[i].schema);
}

void co_schema_check(const struct co_schema *schema) {
    struct check check = {.count = 0};
    check_schema(&check, schema);
}
