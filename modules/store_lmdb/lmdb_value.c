/* The stored form of a value: one byte says raw or lz4; lz4 is followed by the size of the original (4 bytes, little-endian).
 * Only values of 4 KiB and more are worth the time, and only when it saves an eighth. Knows nothing of LMDB. */
#include <lz4.h>

#include "lmdb_store.h"

enum { FORM_RAW = 0, FORM_LZ4 = 1 };

size_t lmdb_value_bound(size_t size) {
    return LMDB_VALUE_HEADER_MAX + size;
}

size_t lmdb_value_encode(struct co_bytes value, uint8_t *out, size_t room) {
    co_assert(room >= lmdb_value_bound(value.size) && value.size <= CO_STORAGE_VALUE_MAX);
    if (value.size >= LMDB_COMPRESS_FROM) {
        int packed = LZ4_compress_default(value.data, (char *)out + LMDB_VALUE_HEADER_MAX, (int)value.size,
                                          (int)(value.size - value.size / 8));
        if (packed > 0) {
            out[0] = FORM_LZ4;
            for (int i = 0; i < 4; i++) out[1 + i] = (uint8_t)(value.size >> (8 * i));
            return LMDB_VALUE_HEADER_MAX + (size_t)packed;
        }
    }
    out[0] = FORM_RAW;
    if (value.size) memcpy(out + 1, value.data, value.size);
    return 1 + value.size;
}

co_status lmdb_value_decode(struct co_bytes stored, struct co_arena *arena, struct co_bytes *value) {
    const uint8_t *at = stored.data;
    if (stored.size == 0) return CO_CORRUPT;
    if (at[0] == FORM_RAW) {
        *value = co_bytes(at + 1, stored.size - 1);
        return CO_OK;
    }
    if (at[0] != FORM_LZ4 || stored.size <= LMDB_VALUE_HEADER_MAX) return CO_CORRUPT;
    size_t size = 0;
    for (int i = 0; i < 4; i++) size |= (size_t)at[1 + i] << (8 * i);
    size_t packed = stored.size - LMDB_VALUE_HEADER_MAX;
    /* lz4 packs at most 255 to 1: a damaged size must not make us allocate for nothing. */
    if (size < LMDB_COMPRESS_FROM || size > CO_STORAGE_VALUE_MAX || size / 255 > packed) return CO_CORRUPT;
    char *out = co_arena_alloc(arena, size);
    int got = LZ4_decompress_safe((const char *)at + LMDB_VALUE_HEADER_MAX, out, (int)packed, (int)size);
    if (got < 0 || (size_t)got != size) return CO_CORRUPT;
    *value = co_bytes(out, size);
    return CO_OK;
}
