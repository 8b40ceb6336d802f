/* The bytes of URI paths and queries through the key/value slice: bound to requests, applied, read back. The input is a series of
 * calls, separated by 0x01; a call is a verb letter (G, P, D), the key and query, a newline, the body. The world asserts that each
 * gets exactly one answer, that refusals come before the first write, and that keys stay in their bounds. */
#include <stdlib.h>

#include "kv/kv.h"
#include "kv/tests/slice_world.h"

extern const struct co_module kv_LTX_cohort_module;
static const struct co_module *const modules[] = {&kv_LTX_cohort_module};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 8192) return 0;
    struct world *world = world_new(modules, 1);
    const uint8_t *end = data + size;
    for (unsigned calls = 0; data < end && calls < 32; calls++) {
        const uint8_t *stop = memchr(data, 1, (size_t)(end - data));
        if (!stop) stop = end;
        const uint8_t *line = data + 1 < stop ? memchr(data + 1, '\n', (size_t)(stop - data - 1)) : NULL;
        if (!line) line = stop;
        struct co_buffer request = {0};
        co_buffer_add_text(&request, *data == 'P' ? "PUT /v1/kv/" : *data == 'D' ? "DELETE /v1/kv/" : "GET /v1/kv/");
        if (line > data + 1) co_buffer_add(&request, data + 1, (size_t)(line - data - 1));
        struct co_bytes body = line < stop ? co_bytes(line + 1, (size_t)(stop - line - 1)) : co_bytes(NULL, 0);
        const char *answer = world_call_bytes(world, co_buffer_text(&request), body);
        co_assert(strncmp(answer, "200 ", 4) == 0 || strncmp(answer, "40", 2) == 0 || strncmp(answer, "413 ", 4) == 0 ||
                  strcmp(answer, "500 No path to datacenter") == 0 ||
                  strncmp(answer, "500 strconv.ParseUint: ", 23) == 0);
        co_buffer_fini(&request);
        data = stop < end ? stop + 1 : end;
    }
    world_free(world);
    return 0;
}
