/* The stored form back to structs, without copying: strings and bytes point into the input.
 *
 * Damage and unknown fields are refused: half-understood records would let replicas drift apart. */
#include "codec.h"

/* Memory of one decoded list: an empty element is one byte in the input and a whole struct here. */
#define LIST_BYTES_MAX (256u << 20)

struct decoder {
    struct co_arena *arena;
    struct co_error *error;
};

struct input {
    const unsigned char *at, *end;
};

static co_status damaged(struct decoder *decoder, const struct co_schema *schema, const struct co_field *field,
                         const char *what) {
    return co_fail(decoder->error, CO_CORRUPT, "record %s%s%s: %s", schema->name, field ? "." : "",
                   field ? field->name : "", what);
}

/* Refuses what add_varint would not write: more than 10 bytes, bits beyond 64, zeros at the end. */
static bool take_varint(struct input *in, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && in->at < in->end; shift += 7) {
        unsigned char byte = *in->at++;
        if (shift == 63 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *out = value;
        return byte != 0 || shift == 0;
    }
    return false;
}

static bool take_sized(struct input *in, struct input *out) {
    uint64_t size;
    if (!take_varint(in, &size) || size > (size_t)(in->end - in->at)) return false;
    *out = (struct input){in->at, in->at + size};
    in->at += size;
    return true;
}

static size_t input_size(struct input in) {
    return (size_t)(in.end - in.at);
}

static bool as_text(struct input in, const char **out) {
    size_t size = input_size(in);
    if (size == 0 || memchr(in.at, 0, size) != in.end - 1) return false;
    *out = (const char *)in.at;
    return true;
}

static bool take_text(struct input *in, const char **out) {
    struct input text;
    return take_sized(in, &text) && as_text(text, out);
}

static bool as_tree(struct decoder *decoder, struct input in, const struct co_node **out) {
    struct co_node *tree;
    if (co_tree_parse_body(decoder->arena, co_bytes(in.at, input_size(in)), &tree, NULL)) return false;
    *out = tree;
    return true;
}

/* How many elements of `parts` sized pieces each. */
static bool count_elements(struct input in, size_t parts, size_t element_size, size_t *out) {
    size_t count = 0;
    struct input piece;
    for (; in.at < in.end; count++)
        if (!take_sized(&in, &piece)) return false;
    *out = count / parts;
    return count % parts == 0 && *out <= LIST_BYTES_MAX / element_size;
}

/* Never NULL, so that an empty list stays different from nil. */
static void *new_array(struct decoder *decoder, size_t count, size_t size) {
    return co_arena_zalloc(decoder->arena, count ? count * size : 1);
}

static void *new_struct(struct decoder *decoder, const struct co_schema *schema) {
    void *object = co_arena_zalloc(decoder->arena, schema->size);
    codec_clear(schema, object, true);
    return object;
}

/* `out` must be clear. */
static co_status decode_struct(struct decoder *, const struct co_schema *, void *out, struct input, unsigned depth);

static bool decode_strings(struct decoder *decoder, struct input in, struct co_strings *out) {
    if (!count_elements(in, 1, sizeof *out->items, &out->count)) return false;
    out->items = new_array(decoder, out->count, sizeof *out->items);
    for (size_t i = 0; i < out->count; i++)
        if (!take_text(&in, &out->items[i])) return false;
    return true;
}

static bool decode_map(struct decoder *decoder, struct input in, struct co_map *out) {
    if (!count_elements(in, 2, sizeof *out->items, &out->count)) return false;
    out->items = new_array(decoder, out->count, sizeof *out->items);
    for (size_t i = 0; i < out->count; i++)
        if (!take_text(&in, &out->items[i].key) || !take_text(&in, &out->items[i].value)) return false;
    return true;
}

static bool decode_trees(struct decoder *decoder, struct input in, struct co_trees *out) {
    struct input piece;
    if (!count_elements(in, 1, sizeof *out->items, &out->count)) return false;
    out->items = new_array(decoder, out->count, sizeof *out->items);
    for (size_t i = 0; i < out->count; i++)
        if (!take_sized(&in, &piece) || !as_tree(decoder, piece, &out->items[i])) return false;
    return true;
}

static co_status decode_list(struct decoder *decoder, const struct co_schema *schema, struct input in,
                             struct co_records *out, unsigned depth) {
    if (!count_elements(in, 1, schema->size, &out->count)) return damaged(decoder, schema, NULL, "malformed list");
    out->items = new_array(decoder, out->count, schema->size);
    for (size_t i = 0; i < out->count; i++) {
        struct input piece = {NULL, NULL};
        if (!take_sized(&in, &piece)) return damaged(decoder, schema, NULL, "malformed list");
        void *element = (char *)out->items + i * schema->size;
        codec_clear(schema, element, true);
        co_status status = decode_struct(decoder, schema, element, piece, depth);
        if (status) return status;
    }
    return CO_OK;
}

static co_status decode_table(struct decoder *decoder, const struct co_schema *schema, struct input in,
                              struct co_table_of *out, unsigned depth) {
    if (!count_elements(in, 2, schema->size + sizeof *out->items, &out->count))
        return damaged(decoder, schema, NULL, "malformed map");
    out->items = new_array(decoder, out->count, sizeof *out->items);
    for (size_t i = 0; i < out->count; i++) {
        struct input piece;
        if (!take_text(&in, &out->items[i].key) || !take_sized(&in, &piece))
            return damaged(decoder, schema, NULL, "malformed map");
        out->items[i].value = new_struct(decoder, schema);
        co_status status = decode_struct(decoder, schema, out->items[i].value, piece, depth);
        if (status) return status;
    }
    return CO_OK;
}

static bool decode_bytes(struct decoder *decoder, const struct co_field *field, void *value, struct input in) {
    switch (field->kind) {
    case CO_KIND_STRING:
        return as_text(in, value);
    case CO_KIND_BYTES:
        *(struct co_bytes *)value = co_bytes(in.at, input_size(in));
        return true;
    case CO_KIND_STRINGS:
        return decode_strings(decoder, in, value);
    case CO_KIND_MAP:
        return decode_map(decoder, in, value);
    case CO_KIND_TREE:
        return as_tree(decoder, in, value);
    case CO_KIND_TREES:
        return decode_trees(decoder, in, value);
    }
    return false;
}

static bool decode_whole(const struct co_field *field, void *value, uint64_t raw) {
    int64_t number = (int64_t)(raw >> 1 ^ (raw & 1 ? UINT64_MAX : 0));
    switch (field->kind) {
    case CO_KIND_BOOL:
        *(bool *)value = raw != 0;
        return raw <= 1;
    case CO_KIND_I32:
        *(int32_t *)value = (int32_t)number;
        return number >= INT32_MIN && number <= INT32_MAX;
    case CO_KIND_I64:
        *(int64_t *)value = number;
        return true;
    case CO_KIND_DURATION:
        ((struct co_duration *)value)->ns = number;
        return true;
    case CO_KIND_U64:
        *(uint64_t *)value = raw;
        return true;
    case CO_KIND_SIZE:
        ((struct co_size *)value)->bytes = raw;
        return true;
    }
    return false;
}

static bool take_fixed8(struct input *in, double *out) {
    uint64_t bits = 0;
    if (in->end - in->at < 8) return false;
    for (int i = 0; i < 8; i++) bits |= (uint64_t)*in->at++ << 8 * i;
    memcpy(out, &bits, sizeof bits);
    return true;
}

static enum codec_wire wire_of(const struct co_field *field) {
    switch (field->kind) {
    case CO_KIND_BOOL:
    case CO_KIND_I32:
    case CO_KIND_I64:
    case CO_KIND_U64:
    case CO_KIND_DURATION:
    case CO_KIND_SIZE:
        return CODEC_WIRE_VARINT;
    case CO_KIND_F64:
        return CODEC_WIRE_FIXED8;
    default:
        return CODEC_WIRE_BYTES;
    }
}

static co_status decode_field(struct decoder *decoder, const struct co_schema *schema, const struct co_field *field,
                              void *value, struct input *in, unsigned depth) {
    enum codec_wire wire = wire_of(field);
    if (wire == CODEC_WIRE_VARINT) {
        uint64_t raw;
        bool is_good = take_varint(in, &raw) && decode_whole(field, value, raw);
        return is_good ? CO_OK : damaged(decoder, schema, field, "malformed number");
    }
    if (wire == CODEC_WIRE_FIXED8)
        return take_fixed8(in, value) ? CO_OK : damaged(decoder, schema, field, "truncated number");
    struct input piece;
    if (!take_sized(in, &piece)) return damaged(decoder, schema, field, "truncated");
    switch (field->kind) {
    case CO_KIND_RECORD:
        return decode_struct(decoder, field->schema, value, piece, depth + 1);
    case CO_KIND_POINTER:
        *(void **)value = new_struct(decoder, field->schema);
        return decode_struct(decoder, field->schema, *(void **)value, piece, depth + 1);
    case CO_KIND_RECORDS:
        return decode_list(decoder, field->schema, piece, value, depth + 1);
    case CO_KIND_TABLE:
        return decode_table(decoder, field->schema, piece, value, depth + 1);
    }
    return decode_bytes(decoder, field, value, piece) ? CO_OK : damaged(decoder, schema, field, "malformed value");
}

/* The table's order is the usual order of the fields: the search starts behind the last one found. */
static const struct co_field *field_of(const struct co_schema *schema, uint64_t id, size_t *hint) {
    for (size_t i = 0; i < schema->count; i++) {
        size_t at = *hint + i < schema->count ? *hint + i : *hint + i - schema->count;
        if (schema->fields[at].id != id) continue;
        *hint = at + 1 < schema->count ? at + 1 : 0;
        return &schema->fields[at];
    }
    return NULL;
}

static co_status decode_struct(struct decoder *decoder, const struct co_schema *schema, void *out, struct input in,
                               unsigned depth) {
    uint64_t seen[CODEC_FIELDS_MAX / 64] = {0};
    size_t hint = 0;
    if (depth > CO_TREE_DEPTH_MAX) return damaged(decoder, schema, NULL, "nested too deeply");
    while (in.at < in.end) {
        uint64_t key;
        if (!take_varint(&in, &key)) return damaged(decoder, schema, NULL, "malformed field key");
        const struct co_field *field = key >> 3 ? field_of(schema, key >> 3, &hint) : NULL;
        if (!field)
            return co_fail(decoder->error, CO_CORRUPT,
                           "record %s: unknown field %llu; was it written by a newer version?", schema->name,
                           (unsigned long long)(key >> 3));
        if ((key & 7) != wire_of(field)) return damaged(decoder, schema, field, "wrong wire type");
        size_t index = (size_t)(field - schema->fields);
        if (seen[index / 64] >> index % 64 & 1) return damaged(decoder, schema, field, "stands twice");
        seen[index / 64] |= UINT64_C(1) << index % 64;
        co_status status = decode_field(decoder, schema, field, codec_value(field, out), &in, depth);
        if (status) return status;
    }
    return CO_OK;
}

co_status co_decode_record(const struct co_schema *schema, void *out, struct co_bytes in, struct co_arena *arena,
                           struct co_error *error) {
    struct decoder decoder = {arena, error};
    codec_clear(schema, out, false);
    const unsigned char *begin = in.size ? in.data : (const unsigned char *)"";
    return decode_struct(&decoder, schema, out, (struct input){begin, begin + in.size}, 1);
}
