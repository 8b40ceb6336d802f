/* One node's sorted keys. The hints sit side by side in the node, so a search usually touches a row only to confirm. */
#include "memory_node.h"

size_t memory_common(struct co_bytes a, struct co_bytes b) {
    const uint8_t *x = a.data, *y = b.data;
    size_t size = a.size < b.size ? a.size : b.size, i = 0;
    while (i < size && x[i] == y[i]) i++;
    return i;
}

/* The first index in [low, high) whose hint is >= `hint`. */
static inline size_t hint_find(const uint32_t *hints, size_t count, uint32_t hint) {
    const uint32_t *base = hints;
    while (count > 1) {
        size_t half = count / 2;
        base += base[half - 1] < hint ? half : 0;
        count -= half;
    }
    return (size_t)(base - hints) + (count == 1 && *base < hint);
}

/* Among the keys with this very hint, from `low` on: the first that is >= `key`. */
static size_t settle(const struct memory_node *node, size_t low, uint32_t hint, struct co_bytes key, bool *is_equal) {
    size_t high = low;
    *is_equal = false;
    while (high < node->count && node->hints[high] == hint) high++;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memory_compare(key, node->rows[middle]);
        if (order == 0) {
            *is_equal = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t memory_node_find(const struct memory_node *node, struct co_bytes key, bool *is_equal) {
    *is_equal = false;
    size_t prefix = node->prefix;
    if (node->count == 0) return 0;
    if (prefix) {
        size_t size = key.size < prefix ? key.size : prefix;
        int order = size ? memcmp(key.data, node->rows[0]->bytes, size) : 0;
        if (order < 0) return 0;
        if (order > 0) return node->count;
    }
    uint32_t hint = memory_hint(key, prefix); /* 0 when the key is shorter: it settles before all others */
    return settle(node, hint_find(node->hints, node->count, hint), hint, key, is_equal);
}

const struct memory_row *memory_node_get(const struct memory_node *node, struct co_bytes key) {
    /* A stored key has the prefix; one that lacks it fails the full comparison. */
    if (node->count == 0 || key.size < node->prefix) return NULL;
    uint32_t hint = memory_hint(key, node->prefix);
    size_t index = hint_find(node->hints, node->count, hint);
    if (index == node->count || node->hints[index] != hint) return NULL;
    if (index + 1 == node->count || node->hints[index + 1] != hint)
        return memory_compare(key, node->rows[index]) == 0 ? node->rows[index] : NULL;
    bool is_equal;
    index = settle(node, index, hint, key, &is_equal);
    return is_equal ? node->rows[index] : NULL;
}

void memory_node_rehint(struct memory_node *node) {
    node->prefix = 0;
    if (node->count == 0) return;
    node->prefix = (uint16_t)memory_common(memory_row_key(node->rows[0]), memory_row_key(node->rows[node->count - 1]));
    for (size_t i = 0; i < node->count; i++) node->hints[i] = memory_hint(memory_row_key(node->rows[i]), node->prefix);
}

void memory_node_insert(struct memory_node *node, size_t index, struct memory_row *row) {
    co_assert(node->count < MEMORY_FAN && index <= node->count);
    size_t after = node->count - index;
    memmove(node->rows + index + 1, node->rows + index, after * sizeof node->rows[0]);
    memmove(node->hints + index + 1, node->hints + index, after * sizeof node->hints[0]);
    node->rows[index] = row;
    node->count++;
    /* A key between two others has their common beginning; one at an end may not. */
    if (index == 0 || index + 1 == node->count) {
        struct memory_row *other = node->rows[index ? 0 : node->count - 1];
        if (node->count == 1 || memory_common(memory_row_key(row), memory_row_key(other)) < node->prefix) {
            memory_node_rehint(node);
            return;
        }
    }
    node->hints[index] = memory_hint(memory_row_key(row), node->prefix);
}

void memory_node_remove(struct memory_node *node, size_t index) {
    size_t after = node->count - index - 1;
    memmove(node->rows + index, node->rows + index + 1, after * sizeof node->rows[0]);
    memmove(node->hints + index, node->hints + index + 1, after * sizeof node->hints[0]);
    node->count--;
}
