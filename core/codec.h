/* What the codecs share: how to reach a field's value, key order of maps, UTF-8, numbers as text. */
#ifndef COHORT_CORE_CODEC_H
#define COHORT_CORE_CODEC_H

#include "cohort/schema.h"

#define CODEC_FIELDS_MAX 256 /* fields of one struct */

static inline void *codec_value(const struct co_field *field, void *object) {
    return (char *)object + field->offset;
}
static inline const void *codec_value_const(const struct co_field *field, const void *object) {
    return (const char *)object + field->offset;
}
/* Bytes that a value of this kind takes inside its struct. */
size_t codec_value_size(const struct co_field *);
/* Zero, "", no items: what Go's omitempty leaves out (so never a RECORD). */
bool codec_is_empty(const struct co_field *, const void *value);
/* Zero and, for strings, "". RECORD recurses. `is_zeroed`: the memory is all zero already. */
void codec_clear(const struct co_schema *, void *object, bool is_zeroed);

/* Elements of co_map and co_table_of (two pointers, the key first) in key order: `items` itself when it is sorted,
 * else a sorted copy, which the caller frees through `copy`. */
const void *codec_sorted(const void *items, size_t count, void **copy);

struct codec_item {
    const char *key;
    void *value;
    size_t order;
};
/* Sorts by key and keeps the last of equal keys; returns how many remain. */
size_t codec_sort_unique(struct codec_item *items, size_t count);

/* Length of the UTF-8 sequence at `at` (1-4), or 0 when it is not valid. */
static inline size_t codec_utf8(const unsigned char *at, size_t left) {
    if (left == 0) return 0;
    unsigned char c = at[0];
    if (c < 0x80) return 1;
    if (c < 0xc2 || c > 0xf4) return 0;
    size_t size = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (left < size) return 0;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    return size;
}
/* Writes a code point as UTF-8 (at most 4 bytes); returns the length. */
size_t codec_utf8_put(char *out, uint32_t code);

/* How a field's value is framed in a record. */
enum codec_wire { CODEC_WIRE_VARINT, CODEC_WIRE_FIXED8, CODEC_WIRE_BYTES };

void codec_add_u64(struct co_buffer *, uint64_t);
void codec_add_i64(struct co_buffer *, int64_t);
void codec_add_f64(struct co_buffer *, double); /* as Go's encoding/json */

/* Binds one value as co_bind does, converting weakly. `problem` may be NULL: then only the status tells. */
co_status codec_bind_value(const struct co_field *, void *value, const struct co_node *, struct co_arena *);

#endif
