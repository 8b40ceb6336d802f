/* Structs to JSON, byte for byte as Go's encoding/json would write them, and ?pretty.
 *
 * Appends straight into the buffer: an answer of a hundred services is encoded thousands of times per second. */
#include "codec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- numbers --- */

void codec_add_u64(struct co_buffer *out, uint64_t value) {
    char text[20], *at = text + sizeof text;
    do *--at = (char)('0' + value % 10);
    while (value /= 10);
    co_buffer_add(out, at, (size_t)(text + sizeof text - at));
}

void codec_add_i64(struct co_buffer *out, int64_t value) {
    if (value < 0) co_buffer_add_byte(out, '-');
    codec_add_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* The shortest digits that read back as the same number; without exponent between 1e-6 and 1e21. */
void codec_add_f64(struct co_buffer *out, double value) {
    if (!isfinite(value)) {
        co_buffer_add(out, "null", 4); /* Go fails here; there is no such number in JSON */
        return;
    }
    char digits[40];
    int precision = 0;
    do snprintf(digits, sizeof digits, "%.*e", precision, value);
    while (strtod(digits, NULL) != value && ++precision < 17);
    double size = fabs(value);
    if (size != 0 && (size < 1e-6 || size >= 1e21)) {
        char *exponent = strchr(digits, 'e') + 2; /* Go writes e-9, not e-09, but e+21 */
        if (exponent[-1] == '-' && exponent[0] == '0') memmove(exponent, exponent + 1, strlen(exponent));
        co_buffer_add_text(out, digits);
        return;
    }
    int power = atoi(strchr(digits, 'e') + 1);
    co_buffer_printf(out, "%.*f", precision > power ? precision - power : 0, value);
}

/* --- structs --- */

static inline void add_text(struct co_buffer *out, const char *text) {
    co_buffer_add_json_string(out, text ? text : "", text ? strlen(text) : 0);
}
static inline void add_null(struct co_buffer *out) {
    co_buffer_add(out, "null", 4);
}

static void add_strings(struct co_buffer *out, const struct co_strings *list) {
    if (!list->items) {
        add_null(out);
        return;
    }
    co_buffer_add_byte(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i) co_buffer_add_byte(out, ',');
        add_text(out, list->items[i]);
    }
    co_buffer_add_byte(out, ']');
}

static void add_map(struct co_buffer *out, const struct co_map *map) {
    if (!map->items) {
        add_null(out);
        return;
    }
    void *copy;
    const struct co_pair *pairs = codec_sorted(map->items, map->count, &copy);
    co_buffer_add_byte(out, '{');
    for (size_t i = 0; i < map->count; i++) {
        if (i) co_buffer_add_byte(out, ',');
        add_text(out, pairs[i].key);
        co_buffer_add_byte(out, ':');
        add_text(out, pairs[i].value);
    }
    co_buffer_add_byte(out, '}');
    free(copy);
}

static void add_trees(struct co_buffer *out, const struct co_trees *trees) {
    if (!trees->items) {
        add_null(out);
        return;
    }
    co_buffer_add_byte(out, '[');
    for (size_t i = 0; i < trees->count; i++) {
        if (i) co_buffer_add_byte(out, ',');
        co_tree_write_json(out, trees->items[i]);
    }
    co_buffer_add_byte(out, ']');
}

static void add_table(struct co_buffer *out, const struct co_schema *schema, const struct co_table_of *table) {
    if (!table->items) {
        add_null(out);
        return;
    }
    void *copy;
    const struct co_named *named = codec_sorted(table->items, table->count, &copy);
    co_buffer_add_byte(out, '{');
    for (size_t i = 0; i < table->count; i++) {
        if (i) co_buffer_add_byte(out, ',');
        add_text(out, named[i].key);
        co_buffer_add_byte(out, ':');
        co_encode_json(schema, named[i].value, out);
    }
    co_buffer_add_byte(out, '}');
    free(copy);
}

static void add_bytes(struct co_buffer *out, const struct co_bytes *bytes) {
    if (!bytes->data) {
        add_null(out);
        return;
    }
    co_buffer_add_byte(out, '"');
    co_buffer_add_base64(out, bytes->data, bytes->size);
    co_buffer_add_byte(out, '"');
}

static void add_duration(struct co_buffer *out, int64_t ns) {
    char text[32];
    co_duration_format(ns, text);
    co_buffer_add_byte(out, '"');
    co_buffer_add_text(out, text);
    co_buffer_add_byte(out, '"');
}

static void add_value(struct co_buffer *out, const struct co_field *field, const void *value) {
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        *(const bool *)value ? co_buffer_add(out, "true", 4) : co_buffer_add(out, "false", 5);
        break;
    case CO_KIND_I32:
        codec_add_i64(out, *(const int32_t *)value);
        break;
    case CO_KIND_I64:
        codec_add_i64(out, *(const int64_t *)value);
        break;
    case CO_KIND_U64:
        codec_add_u64(out, *(const uint64_t *)value);
        break;
    case CO_KIND_F64:
        codec_add_f64(out, *(const double *)value);
        break;
    case CO_KIND_STRING:
        add_text(out, *(const char *const *)value);
        break;
    case CO_KIND_BYTES:
        add_bytes(out, value);
        break;
    case CO_KIND_DURATION:
        add_duration(out, ((const struct co_duration *)value)->ns);
        break;
    case CO_KIND_SIZE:
        codec_add_u64(out, ((const struct co_size *)value)->bytes);
        break;
    case CO_KIND_STRINGS:
        add_strings(out, value);
        break;
    case CO_KIND_MAP:
        add_map(out, value);
        break;
    case CO_KIND_TREE:
        co_tree_write_json(out, *(const struct co_node *const *)value);
        break;
    case CO_KIND_TREES:
        add_trees(out, value);
        break;
    case CO_KIND_RECORD:
        co_encode_json(field->schema, value, out);
        break;
    case CO_KIND_POINTER:
        if (*(void *const *)value)
            co_encode_json(field->schema, *(void *const *)value, out);
        else
            add_null(out);
        break;
    case CO_KIND_RECORDS:
        co_encode_json_list(field->schema, *(const struct co_records *)value, out);
        break;
    case CO_KIND_TABLE:
        add_table(out, field->schema, value);
        break;
    }
}

static void add_key(struct co_buffer *out, const struct co_field *field, size_t skip) {
    if (field->key) {
        co_buffer_add(out, field->key + skip, field->key_size - skip);
        return;
    }
    co_buffer_add(out, &",\""[skip], 2 - skip); /* a field written without the macros */
    co_buffer_add_text(out, field->name);
    co_buffer_add(out, "\":", 2);
}

void co_encode_json(const struct co_schema *schema, const void *in, struct co_buffer *out) {
    size_t skip = 1; /* no comma before the first key */
    co_buffer_add_byte(out, '{');
    for (const struct co_field *field = schema->fields, *end = field + schema->count; field < end; field++) {
        const void *value = codec_value_const(field, in);
        if (field->flags & (CO_HIDDEN | CO_SECRET)) continue;
        if (field->flags & CO_OMIT_EMPTY && codec_is_empty(field, value)) continue;
        add_key(out, field, skip);
        add_value(out, field, value);
        skip = 0;
    }
    co_buffer_add_byte(out, '}');
}

void co_encode_json_list(const struct co_schema *schema, struct co_records list, struct co_buffer *out) {
    if (!list.items) {
        add_null(out);
        return;
    }
    co_buffer_add_byte(out, '[');
    for (size_t i = 0; i < list.count; i++) {
        if (i) co_buffer_add_byte(out, ',');
        co_encode_json(schema, (const char *)list.items + i * schema->size, out);
    }
    co_buffer_add_byte(out, ']');
}

/* --- ?pretty --- */

static void new_line(struct co_buffer *out, size_t depth) {
    char *at = co_buffer_room(out, 1 + depth * 4);
    *at = '\n';
    memset(at + 1, ' ', depth * 4);
    out->size += 1 + depth * 4;
}

static size_t string_size(const char *text, size_t size) {
    for (size_t i = 1; i < size; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            return i + 1;
    }
    return size;
}

void co_json_indent(struct co_bytes json, struct co_buffer *out) {
    const char *text = json.data;
    size_t depth = 0;
    bool is_open = false; /* behind { or [ : the line break waits until we know it is not empty */
    for (size_t i = 0; i < json.size; i++) {
        char c = text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        if (is_open && c != '}' && c != ']') new_line(out, depth);
        switch (c) {
        case '{':
        case '[':
            co_buffer_add_byte(out, (uint8_t)c);
            depth++;
            is_open = true;
            continue;
        case '}':
        case ']':
            if (depth) depth--;
            if (!is_open) new_line(out, depth);
            co_buffer_add_byte(out, (uint8_t)c);
            break;
        case ',':
            co_buffer_add_byte(out, ',');
            new_line(out, depth);
            break;
        case ':':
            co_buffer_add(out, ": ", 2);
            break;
        case '"': {
            size_t size = string_size(text + i, json.size - i);
            co_buffer_add(out, text + i, size);
            i += size - 1;
            break;
        }
        default:
            co_buffer_add_byte(out, (uint8_t)c);
        }
        is_open = false;
    }
}
