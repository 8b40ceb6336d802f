/* Records: whatever decodes must encode to a record that decodes and encodes to the same bytes again. */
#include <stdio.h>
#include <stdlib.h>

#include "core/tests/everything.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct co_arena arena = CO_ARENA_INIT;
    struct co_buffer first = {0}, second = {0}, json = {0};
    struct everything value;
    struct co_error error = {0};
    if (co_decode_record(&everything_schema, &value, co_bytes(data, size), &arena, &error) == CO_OK) {
        co_encode_record(&everything_schema, &value, &first);
        co_encode_json(&everything_schema, &value, &json);
        co_assert(co_decode_record(&everything_schema, &value, co_bytes(first.data, first.size), &arena, &error) ==
                  CO_OK);
        co_encode_record(&everything_schema, &value, &second);
        co_assert(co_bytes_equal(co_bytes(first.data, first.size), co_bytes(second.data, second.size)));
    } else {
        co_assert(error.status == CO_CORRUPT);
    }
    co_buffer_fini(&first);
    co_buffer_fini(&second);
    co_buffer_fini(&json);
    co_arena_fini(&arena);
    return 0;
}
