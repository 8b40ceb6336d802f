/* Request bodies: whatever binds must encode to JSON that binds and encodes to the same again. */
#include <stdio.h>
#include <stdlib.h>

#include "core/tests/everything.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct co_arena arena = CO_ARENA_INIT;
    struct co_buffer first = {0}, second = {0}, pretty = {0};
    struct everything value;
    struct co_error error = {0};
    if (co_decode_json(&everything_schema, &value, co_bytes(data, size), &arena, &error) == CO_OK) {
        co_encode_json(&everything_schema, &value, &first);
        co_assert(co_decode_json(&everything_schema, &value, co_bytes(first.data, first.size), &arena, &error) ==
                  CO_OK);
        co_encode_json(&everything_schema, &value, &second);
        co_assert(co_bytes_equal(co_bytes(first.data, first.size), co_bytes(second.data, second.size)));
        co_json_indent(co_bytes(first.data, first.size), &pretty);
        co_assert(co_decode_json(&everything_schema, &value, co_bytes(pretty.data, pretty.size), &arena, &error) ==
                  CO_OK);
    } else {
        co_assert(error.status != CO_OK && error.text[0]);
    }
    pretty.size = 0;
    co_json_indent(co_bytes(data, size), &pretty); /* must not trust its input */
    co_buffer_fini(&first);
    co_buffer_fini(&second);
    co_buffer_fini(&pretty);
    co_arena_fini(&arena);
    return 0;
}
