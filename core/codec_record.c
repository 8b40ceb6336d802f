/* Structs to their stored form (rows, replicated commands); codec_record_read.c reads it back.
 *
 * Per field varint(id << 3 | wire), then a varint, 8 bytes or length + bytes. Lists and maps are the concatenation of
 * their elements, each with its length. Equal structs give equal bytes: maps are written in key order. */
#include "codec.h"

#include <stdlib.h>

static void add_varint(struct co_buffer *out, uint64_t value) {
    char *at = co_buffer_room(out, 10), *begin = at;
    for (; value >= 0x80; value >>= 7) *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    out->size += (size_t)(at - begin);
}

static uint64_t zigzag(int64_t value) {
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static void add_sized(struct co_buffer *out, const void *data, size_t size) {
    add_varint(out, size);
    co_buffer_add(out, data, size);
}

static void add_text(struct co_buffer *out, const char *text) {
    if (!text) text = "";
    add_sized(out, text, strlen(text) + 1);
}

/* Reserves a length of one byte; size_close makes it longer where need be. */
static size_t size_open(struct co_buffer *out) {
    co_buffer_add_byte(out, 0);
    return out->size;
}

static void size_close(struct co_buffer *out, size_t begin) {
    size_t size = out->size - begin, more = 0;
    for (size_t left = size >> 7; left; left >>= 7) more++;
    if (more) {
        co_buffer_room(out, more);
        memmove(out->data + begin + more, out->data + begin, size);
    }
    out->size = begin - 1;
    add_varint(out, size);
    out->size += size;
}

static void add_tree(struct co_buffer *out, const struct co_node *tree) {
    size_t begin = size_open(out);
    co_tree_write_json(out, tree);
    size_close(out, begin);
}

static void add_struct(struct co_buffer *out, const struct co_schema *schema, const void *object) {
    size_t begin = size_open(out);
    co_encode_record(schema, object, out);
    size_close(out, begin);
}

static void add_map(struct co_buffer *out, const struct co_map *map) {
    void *copy;
    const struct co_pair *pairs = codec_sorted(map->items, map->count, &copy);
    for (size_t i = 0; i < map->count; i++) {
        add_text(out, pairs[i].key);
        add_text(out, pairs[i].value);
    }
    free(copy);
}

static void add_table(struct co_buffer *out, const struct co_schema *schema, const struct co_table_of *table) {
    void *copy;
    const struct co_named *named = codec_sorted(table->items, table->count, &copy);
    for (size_t i = 0; i < table->count; i++) {
        add_text(out, named[i].key);
        add_struct(out, schema, named[i].value);
    }
    free(copy);
}

/* nil differs from empty for bytes, lists and maps: only nil is left out. */
static bool is_absent(const struct co_field *field, const void *value) {
    switch (field->kind) {
    case CO_KIND_F64: {
        uint64_t bits;
        memcpy(&bits, value, 8);
        return bits == 0; /* -0.0 is written */
    }
    case CO_KIND_BYTES:
        return !((const struct co_bytes *)value)->data;
    case CO_KIND_STRINGS:
        return !((const struct co_strings *)value)->items;
    case CO_KIND_MAP:
        return !((const struct co_map *)value)->items;
    case CO_KIND_TREES:
        return !((const struct co_trees *)value)->items;
    case CO_KIND_RECORDS:
        return !((const struct co_records *)value)->items;
    case CO_KIND_TABLE:
        return !((const struct co_table_of *)value)->items;
    default:
        return codec_is_empty(field, value);
    }
}

static void add_key(struct co_buffer *out, const struct co_field *field, enum codec_wire wire) {
    add_varint(out, (uint64_t)field->id << 3 | wire);
}

static void add_whole(struct co_buffer *out, const struct co_field *field, uint64_t value) {
    add_key(out, field, CODEC_WIRE_VARINT);
    add_varint(out, value);
}

static void add_fixed8(struct co_buffer *out, const struct co_field *field, const double *value) {
    uint64_t bits;
    memcpy(&bits, value, sizeof bits);
    add_key(out, field, CODEC_WIRE_FIXED8);
    for (int i = 0; i < 8; i++) co_buffer_add_byte(out, (uint8_t)(bits >> 8 * i));
}

static void add_elements(struct co_buffer *out, const struct co_field *field, const void *value) {
    switch (field->kind) {
    case CO_KIND_STRINGS: {
        const struct co_strings *list = value;
        for (size_t i = 0; i < list->count; i++) add_text(out, list->items[i]);
        break;
    }
    case CO_KIND_MAP:
        add_map(out, value);
        break;
    case CO_KIND_TREES: {
        const struct co_trees *trees = value;
        for (size_t i = 0; i < trees->count; i++) add_tree(out, trees->items[i]);
        break;
    }
    case CO_KIND_RECORDS: {
        const struct co_records *list = value;
        for (size_t i = 0; i < list->count; i++)
            add_struct(out, field->schema, (const char *)list->items + i * field->schema->size);
        break;
    }
    case CO_KIND_TABLE:
        add_table(out, field->schema, value);
        break;
    }
}

static void add_field(struct co_buffer *out, const struct co_field *field, const void *value) {
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        add_whole(out, field, 1);
        return;
    case CO_KIND_I32:
        add_whole(out, field, zigzag(*(const int32_t *)value));
        return;
    case CO_KIND_I64:
        add_whole(out, field, zigzag(*(const int64_t *)value));
        return;
    case CO_KIND_DURATION:
        add_whole(out, field, zigzag(((const struct co_duration *)value)->ns));
        return;
    case CO_KIND_U64:
        add_whole(out, field, *(const uint64_t *)value);
        return;
    case CO_KIND_SIZE:
        add_whole(out, field, ((const struct co_size *)value)->bytes);
        return;
    case CO_KIND_F64:
        add_fixed8(out, field, value);
        return;
    default:
        break;
    }
    size_t before = out->size;
    add_key(out, field, CODEC_WIRE_BYTES);
    switch ((enum co_kind)field->kind) {
    case CO_KIND_STRING:
        add_text(out, *(const char *const *)value);
        break;
    case CO_KIND_BYTES:
        add_sized(out, ((const struct co_bytes *)value)->data, ((const struct co_bytes *)value)->size);
        break;
    case CO_KIND_TREE:
        add_tree(out, *(const struct co_node *const *)value);
        break;
    case CO_KIND_POINTER:
        add_struct(out, field->schema, *(void *const *)value);
        break;
    case CO_KIND_RECORD: {
        size_t begin = size_open(out);
        co_encode_record(field->schema, value, out);
        if (out->size == begin)
            out->size = before; /* all zero */
        else
            size_close(out, begin);
        break;
    }
    default: {
        size_t begin = size_open(out);
        add_elements(out, field, value);
        size_close(out, begin);
    }
    }
}

void co_encode_record(const struct co_schema *schema, const void *in, struct co_buffer *out) {
    for (const struct co_field *field = schema->fields, *end = field + schema->count; field < end; field++) {
        const void *value = codec_value_const(field, in);
        co_assert(field->id > 0);
        if (!is_absent(field, value)) add_field(out, field, value);
    }
}
