/* A copy-on-write B+tree of byte strings: one per table and version. Used by memory_store.c and its tests. */
#ifndef COHORT_MEMORY_TREE_H
#define COHORT_MEMORY_TREE_H

#include "cohort/base.h"

#define MEMORY_FAN       48 /* rows of a leaf, separators of a branch */
#define MEMORY_DEPTH_MAX 24

/* A row, or (without value) a separator in a branch: at least the first key of the child to its right. Immutable. */
struct memory_row {
    uint32_t value_size;
    uint16_t key_size;
    uint8_t bytes[]; /* key, value */
};

struct memory_node {
    uint64_t stamp; /* the write transaction that made it and may still change it */
    uint16_t count;
    uint16_t prefix;            /* all keys here begin with the same `prefix` bytes */
    uint16_t level;             /* 0: leaf */
    uint32_t hints[MEMORY_FAN]; /* the four bytes after the prefix, as a number: most searches look no further */
    struct memory_row *rows[MEMORY_FAN];
    struct memory_node *children[]; /* in branches MEMORY_FAN + 1, of which count + 1 are used */
};

struct memory_list {
    void **items;
    size_t count, room;
};

/* One write transaction's dealings with memory. */
struct memory_edit {
    uint64_t stamp;
    struct memory_list fresh;   /* made by it: freed when it aborts */
    struct memory_list retired; /* no longer reachable from its version: freed once no older snapshot is open */
    int64_t bytes;              /* growth */
};

static inline struct co_bytes memory_row_key(const struct memory_row *row) {
    return co_bytes(row->bytes, row->key_size);
}
static inline struct co_bytes memory_row_value(const struct memory_row *row) {
    return co_bytes(row->bytes + row->key_size, row->value_size);
}
int64_t memory_row_cost(size_t key_size, size_t value_size);

void memory_list_add(struct memory_list *, void *item);
/* For what belongs to a version without being a node or row. */
void *memory_edit_new(struct memory_edit *, size_t size);
void memory_edit_retire(struct memory_edit *, void *, size_t size);

/* An empty tree is NULL. */
const struct memory_row *memory_tree_get(const struct memory_node *root, struct co_bytes key);
void memory_tree_put(struct memory_edit *, struct memory_node **root, struct co_bytes key, struct co_bytes value);
bool memory_tree_del(struct memory_edit *, struct memory_node **root, struct co_bytes key);
void memory_tree_clear(struct memory_edit *, struct memory_node **root);

/* A place in a tree. */
struct memory_path {
    struct {
        const struct memory_node *node;
        size_t index;
    } steps[MEMORY_DEPTH_MAX];
    size_t depth; /* of the leaf */
};
/* NULL: the end. */
const struct memory_row *memory_path_seek(struct memory_path *, const struct memory_node *root, struct co_bytes key);
const struct memory_row *memory_path_next(struct memory_path *);

#endif
