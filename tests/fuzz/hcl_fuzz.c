/* HCL: whatever parses must come back the same from the JSON that is written for it. */
#include <stdio.h>
#include <stdlib.h>

#include "cohort/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct co_arena arena = CO_ARENA_INIT;
    struct co_buffer first = {0}, second = {0}, third = {0};
    struct co_node *node;
    struct co_error error;
    if (co_tree_parse_hcl(&arena, "fuzz", co_bytes(data, size), &node, &error) == CO_OK) {
        co_tree_write_json(&first, node);
        co_assert(co_tree_parse_json(&arena, "first", co_bytes(first.data, first.size), &node, &error) == CO_OK);
        co_tree_write_json(&second, node); /* without repeated keys */
        co_assert(co_tree_parse_body(&arena, co_bytes(second.data, second.size), &node, &error) == CO_OK);
        co_tree_write_json(&third, node);
        co_assert(co_bytes_equal(co_bytes(second.data, second.size), co_bytes(third.data, third.size)));
    } else {
        co_assert(strncmp(error.text, "fuzz:", 5) == 0);
    }
    co_buffer_fini(&first);
    co_buffer_fini(&second);
    co_buffer_fini(&third);
    co_arena_fini(&arena);
    return 0;
}
