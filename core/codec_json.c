/* JSON's pieces: strings as Go's encoding/json writes them, base64, and request bodies read by jansson.
 *
 * jansson is seen by this file only. Its values are turned into our tree at once, so that one binder serves
 * configuration files and bodies. */
#include "codec.h"
#include "tree_scan.h"

#include <jansson.h>

/* --- strings --- */

static const char hex[] = "0123456789abcdef";

/* 1: plain; 2: starts a multi-byte sequence; 0: must be escaped. */
static const uint8_t plain[256] = {
    [0x20] = 1,          [0x21] = 1,          ['"'] = 0,           [0x23 ... 0x25] = 1, ['&'] = 0,
    [0x27 ... 0x3b] = 1, ['<'] = 0,           ['='] = 1,           ['>'] = 0,           [0x3f ... 0x5b] = 1,
    ['\\'] = 0,          [0x5d ... 0x7f] = 1, [0x80 ... 0xff] = 2,
};

static void escape_add(struct co_buffer *out, unsigned char c) {
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t size = 2;
    switch (c) {
    case '"':
    case '\\':
        text[1] = (char)c;
        break;
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    default:
        size = 6;
    }
    co_buffer_add(out, text, size);
}

/* Are these eight bytes all plain ASCII? Each line but the first makes a zero byte of what must be escaped and
 * subtracts: only a zero byte (or one behind a hit) then has its highest bit set. */
static inline bool is_plain_word(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t hits = word | (word - ones * 0x20);
    hits |= ((word | ones * 0x04) ^ ones * '&') - ones; /* " and & differ in this bit */
    hits |= ((word | ones * 0x02) ^ ones * '>') - ones; /* < and > likewise */
    hits |= (word ^ ones * '\\') - ones;
    return !(hits & ones * 0x80);
}

/* Length of the multi-byte sequence that may be copied, or 0. */
static size_t plain_sequence(const unsigned char *at, size_t left) {
    size_t length = codec_utf8(at, left);
    bool is_separator = length == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] & 0xfe) == 0xa8; /* U+2028/9 */
    return is_separator ? 0 : length;
}

/* Copies what goes out as it is; the caller has made room. Returns how far it came. */
static size_t plain_copy(char *out, const unsigned char *text, size_t size) {
    size_t i = 0;
    for (;;) {
        for (uint64_t word; size - i >= 8; i += 8) {
            memcpy(&word, text + i, 8);
            if (!is_plain_word(word)) break;
            memcpy(out + i, &word, 8);
        }
        for (; i < size && plain[text[i]] == 1; i++) out[i] = (char)text[i];
        size_t length = i < size && plain[text[i]] == 2 ? plain_sequence(text + i, size - i) : 0;
        if (length == 0) return i;
        memcpy(out + i, text + i, length);
        i += length;
    }
}

void co_buffer_add_json_string(struct co_buffer *out, const char *text, size_t size) {
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    char *to = co_buffer_room(out, size + 2);
    *to = '"';
    out->size++;
    for (;;) {
        to = co_buffer_room(out, (size_t)(end - at) + 1);
        size_t run = plain_copy(to, at, (size_t)(end - at));
        out->size += run;
        at += run;
        if (at == end) break;
        if (*at < 0x80) {
            escape_add(out, *at++);
        } else if (codec_utf8(at, (size_t)(end - at)) == 3) {
            co_buffer_add(out, at[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
            at += 3;
        } else {
            co_buffer_add(out, "\\ufffd", 6);
            at++;
        }
    }
    co_buffer_add_byte(out, '"');
}

/* --- base64 --- */

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void co_buffer_add_base64(struct co_buffer *out, const void *data, size_t size) {
    const unsigned char *in = data;
    char *at = co_buffer_room(out, (size + 2) / 3 * 4);
    char *begin = at;
    for (; size >= 3; in += 3, size -= 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *at++ = digits64[bits >> 18];
        *at++ = digits64[bits >> 12 & 63];
        *at++ = digits64[bits >> 6 & 63];
        *at++ = digits64[bits & 63];
    }
    if (size) {
        uint32_t bits = (uint32_t)in[0] << 16 | (size > 1 ? (uint32_t)in[1] << 8 : 0);
        *at++ = digits64[bits >> 18];
        *at++ = digits64[bits >> 12 & 63];
        *at++ = size > 1 ? digits64[bits >> 6 & 63] : '=';
        *at++ = '=';
    }
    out->size += (size_t)(at - begin);
}

static int value64(unsigned char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool co_base64_decode(const char *text, size_t size, void *out, size_t *out_size) {
    unsigned char *to = out;
    *out_size = 0;
    if (size % 4) return false;
    for (size_t i = 0; i < size; i += 4) {
        bool is_last = i + 4 == size;
        size_t padding = !is_last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = j >= 4 - padding ? 0 : value64((unsigned char)text[i + j]);
            if (value < 0) return false;
            bits = bits << 6 | (uint32_t)value;
        }
        for (size_t j = 0; j < 3 - padding; j++) to[(*out_size)++] = (unsigned char)(bits >> (16 - 8 * j));
    }
    return true;
}

/* --- request bodies --- */

struct reader {
    struct co_arena *arena;
    struct co_error *error;
    size_t nodes;
};

static co_status read_value(struct reader *, json_t *, unsigned depth, struct co_node **out);

static co_status read_object(struct reader *reader, json_t *json, unsigned depth, struct co_node *node) {
    struct co_entry **end = &node->entries;
    const char *key;
    json_t *value;
    node->kind = CO_NODE_OBJECT;
    json_object_foreach(json, key, value) {
        struct co_entry *entry = co_arena_new(reader->arena, struct co_entry);
        entry->key = co_arena_strdup(reader->arena, key);
        co_status status = read_value(reader, value, depth + 1, &entry->value);
        if (status) return status;
        *end = entry;
        end = &entry->next;
        node->count++;
    }
    return CO_OK;
}

static co_status read_list(struct reader *reader, json_t *json, unsigned depth, struct co_node *node) {
    struct co_item **end = &node->items;
    node->kind = CO_NODE_LIST;
    node->count = json_array_size(json);
    for (size_t i = 0; i < node->count; i++) {
        struct co_item *item = co_arena_new(reader->arena, struct co_item);
        co_status status = read_value(reader, json_array_get(json, i), depth + 1, &item->value);
        if (status) return status;
        *end = item;
        end = &item->next;
    }
    return CO_OK;
}

static co_status read_value(struct reader *reader, json_t *json, unsigned depth, struct co_node **out) {
    if (depth > CO_TREE_DEPTH_MAX)
        return co_fail(reader->error, CO_INVALID, "nested more than %d levels deep", CO_TREE_DEPTH_MAX);
    if (reader->nodes++ >= TREE_NODES_MAX)
        return co_fail(reader->error, CO_TOO_LARGE, "more than %d values", TREE_NODES_MAX);
    struct co_node *node = *out = co_arena_new(reader->arena, struct co_node);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return read_object(reader, json, depth, node);
    case JSON_ARRAY:
        return read_list(reader, json, depth, node);
    case JSON_STRING:
        node->kind = CO_NODE_STRING;
        node->text.size = json_string_length(json);
        node->text.data = co_arena_text(reader->arena, json_string_value(json), node->text.size);
        break;
    case JSON_INTEGER:
        node->kind = CO_NODE_NUMBER;
        node->is_integer = true;
        node->integer = json_integer_value(json);
        node->number = (double)node->integer;
        break;
    case JSON_REAL:
        node->kind = CO_NODE_NUMBER;
        node->number = json_real_value(json);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = CO_NODE_BOOL;
        node->boolean = json_is_true(json);
        break;
    case JSON_NULL:
        break;
    }
    return CO_OK;
}

co_status co_tree_parse_body(struct co_arena *arena, struct co_bytes text, struct co_node **out,
                             struct co_error *error) {
    *out = NULL;
    if (text.size > CO_TREE_TEXT_MAX)
        return co_fail(error, CO_TOO_LARGE, "JSON of more than %u bytes", CO_TREE_TEXT_MAX);
    json_error_t problem;
    json_t *json = json_loadb(text.size ? text.data : "", text.size, JSON_DECODE_ANY, &problem);
    if (!json && json_error_code(&problem) == json_error_numeric_overflow)
        return co_tree_parse_json(arena, NULL, text, out, error); /* keeps the digits of integers beyond int64 */
    if (!json) return co_fail(error, CO_INVALID, "line %d, column %d: %s", problem.line, problem.column, problem.text);
    struct reader reader = {.arena = arena, .error = error};
    co_status status = read_value(&reader, json, 1, out);
    if (status) *out = NULL;
    json_decref(json);
    return status;
}
