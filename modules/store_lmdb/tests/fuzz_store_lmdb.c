/* What comes from the disk by other ways than LMDB's own pages: the mark, and the stored form of values. The first byte
 * chooses. */
#include "store_lmdb/lmdb_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct co_bytes rest = co_bytes(data + 1, size - 1);
    if (data[0] == 'm') {
        struct lmdb_mark mark;
        struct co_error error;
        if (lmdb_mark_parse(rest, &mark, &error) == CO_OK) co_assert(strlen(mark.boot) < sizeof mark.boot);
        return 0;
    }
    struct co_arena arena = CO_ARENA_INIT;
    struct co_bytes value;
    if (lmdb_value_decode(rest, &arena, &value) == CO_OK) {
        co_assert(value.size <= CO_STORAGE_VALUE_MAX || arena.total == 0);
        unsigned sum = 0; /* every byte is readable */
        for (size_t i = 0; i < value.size; i++) sum += ((const uint8_t *)value.data)[i];
        volatile unsigned sink = sum;
        (void)sink;
    }
    co_arena_fini(&arena);
    return 0;
}
