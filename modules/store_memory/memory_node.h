/* Inside one node: searching, inserting, removing. For memory_tree.c and memory_walk.c only. */
#ifndef COHORT_MEMORY_NODE_H
#define COHORT_MEMORY_NODE_H

#include "memory_tree.h"

/* Up to four bytes of the key from `from` on, as a number that sorts like them. */
static inline uint32_t memory_hint(struct co_bytes key, size_t from) {
    const uint8_t *data = key.data;
    if (key.size >= from + 4) {
        data += from;
        return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    }
    uint32_t hint = 0;
    for (size_t i = 0; i < 4; i++) hint = hint << 8 | (from + i < key.size ? data[from + i] : 0);
    return hint;
}

static inline int memory_compare(struct co_bytes key, const struct memory_row *row) {
    size_t size = key.size < row->key_size ? key.size : row->key_size;
    int order = size ? memcmp(key.data, row->bytes, size) : 0;
    return order ? order : key.size < row->key_size ? -1 : key.size > row->key_size;
}

/* The first index whose key is >= `key`; `is_equal` tells whether it is the key. */
size_t memory_node_find(const struct memory_node *, struct co_bytes key, bool *is_equal);
/* The row of exactly this key, or NULL. Leaves only; touches one row where memory_node_find touches two. */
const struct memory_row *memory_node_get(const struct memory_node *, struct co_bytes key);
/* The child whose range holds `key`. */
static inline size_t memory_node_child(const struct memory_node *node, struct co_bytes key) {
    bool is_equal;
    size_t index = memory_node_find(node, key, &is_equal);
    return index + is_equal;
}

/* Rows only; the caller moves children. */
void memory_node_insert(struct memory_node *, size_t index, struct memory_row *);
void memory_node_remove(struct memory_node *, size_t index);
/* Computes prefix and hints anew. */
void memory_node_rehint(struct memory_node *);
size_t memory_common(struct co_bytes a, struct co_bytes b);

#endif
