/* Reading a tree: get, and walking it in key order along a path from the root. */
#include "memory_node.h"

const struct memory_row *memory_tree_get(const struct memory_node *root, struct co_bytes key) {
    if (!root) return NULL;
    while (root->level) root = root->children[memory_node_child(root, key)];
    return memory_node_get(root, key);
}

static const struct memory_row *here(const struct memory_path *path) {
    return path->steps[path->depth].node->rows[path->steps[path->depth].index];
}

/* From past the end of a leaf to the first row of the next one. Leaves are never empty. */
static const struct memory_row *climb(struct memory_path *path) {
    size_t depth = path->depth;
    while (depth > 0) {
        depth--;
        if (path->steps[depth].index >= path->steps[depth].node->count) continue;
        path->steps[depth].index++;
        while (path->steps[depth].node->level) {
            const struct memory_node *child = path->steps[depth].node->children[path->steps[depth].index];
            depth++;
            path->steps[depth].node = child;
            path->steps[depth].index = 0;
        }
        return here(path);
    }
    return NULL;
}

const struct memory_row *memory_path_seek(struct memory_path *path, const struct memory_node *root,
                                          struct co_bytes key) {
    path->depth = 0;
    path->steps[0].node = root;
    if (!root) return NULL;
    for (; root->level; path->depth++) {
        size_t index = memory_node_child(root, key);
        path->steps[path->depth].node = root;
        path->steps[path->depth].index = index;
        root = root->children[index];
    }
    bool is_equal;
    size_t index = memory_node_find(root, key, &is_equal);
    path->steps[path->depth].node = root;
    path->steps[path->depth].index = index;
    return index < root->count ? here(path) : climb(path);
}

const struct memory_row *memory_path_next(struct memory_path *path) {
    const struct memory_node *leaf = path->steps[path->depth].node;
    if (!leaf) return NULL;
    if (path->steps[path->depth].index < leaf->count) path->steps[path->depth].index++;
    return path->steps[path->depth].index < leaf->count ? here(path) : climb(path);
}
