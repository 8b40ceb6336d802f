/* Changing a tree: put, del, clear. Each write transaction copies a node at most once (its stamp) and never touches what
 * an older version can reach; what falls out of its version is retired, not freed. Knows nothing of transactions. */
#include <stdlib.h>

#include "memory_node.h"

#define UNDERFULL   (MEMORY_FAN / 4)
#define MERGED_MAX  (MEMORY_FAN * 3 / 4) /* leaves room, so that the next put does not split again */
#define MALLOC_COST 16                   /* header and rounding, about */

void memory_list_add(struct memory_list *list, void *item) {
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 64;
        list->items = co_realloc(list->items, list->room * sizeof list->items[0]);
    }
    list->items[list->count++] = item;
}

void *memory_edit_new(struct memory_edit *edit, size_t size) {
    void *item = co_malloc(size);
    memory_list_add(&edit->fresh, item);
    edit->bytes += (int64_t)(size + MALLOC_COST);
    return item;
}

void memory_edit_retire(struct memory_edit *edit, void *item, size_t size) {
    memory_list_add(&edit->retired, item);
    edit->bytes -= (int64_t)(size + MALLOC_COST);
}

static size_t row_size(size_t key_size, size_t value_size) {
    return offsetof(struct memory_row, bytes) + key_size + value_size;
}

int64_t memory_row_cost(size_t key_size, size_t value_size) {
    return (int64_t)(row_size(key_size, value_size) + MALLOC_COST);
}

static struct memory_row *row_new(struct memory_edit *edit, struct co_bytes key, struct co_bytes value) {
    struct memory_row *row = memory_edit_new(edit, row_size(key.size, value.size));
    row->value_size = (uint32_t)value.size;
    row->key_size = (uint16_t)key.size;
    if (key.size) memcpy(row->bytes, key.data, key.size);
    if (value.size) memcpy(row->bytes + key.size, value.data, value.size);
    return row;
}

static void row_retire(struct memory_edit *edit, struct memory_row *row) {
    memory_edit_retire(edit, row, row_size(row->key_size, row->value_size));
}

static size_t node_size(size_t level) {
    return sizeof(struct memory_node) + (level ? (MEMORY_FAN + 1) * sizeof(struct memory_node *) : 0);
}

static struct memory_node *node_new(struct memory_edit *edit, size_t level) {
    struct memory_node *node = memory_edit_new(edit, node_size(level));
    node->stamp = edit->stamp;
    node->count = node->prefix = 0;
    node->level = (uint16_t)level;
    if (level) node->children[0] = NULL;
    return node;
}

static void node_retire(struct memory_edit *edit, struct memory_node *node) {
    memory_edit_retire(edit, node, node_size(node->level));
}

/* Makes the node at `slot` one that this transaction may change. */
static struct memory_node *own(struct memory_edit *edit, struct memory_node **slot) {
    struct memory_node *old = *slot;
    if (old->stamp == edit->stamp) return old;
    struct memory_node *node = memory_edit_new(edit, node_size(old->level));
    memcpy(node, old, node_size(old->level));
    node->stamp = edit->stamp;
    node_retire(edit, old);
    return *slot = node;
}

static void branch_insert(struct memory_node *branch, size_t index, struct memory_row *separator,
                          struct memory_node *right) {
    memmove(branch->children + index + 2, branch->children + index + 1,
            (branch->count - index) * sizeof branch->children[0]);
    branch->children[index + 1] = right;
    memory_node_insert(branch, index, separator);
}

static struct memory_node *root_grow(struct memory_edit *edit, struct memory_node **root) {
    struct memory_node *branch = node_new(edit, (size_t)(*root)->level + 1);
    co_assert(branch->level < MEMORY_DEPTH_MAX);
    branch->children[0] = *root;
    return *root = branch;
}

/* Splits the full, owned branch below parent's `index`. Its middle separator moves up. */
static void branch_split(struct memory_edit *edit, struct memory_node *parent, size_t index) {
    struct memory_node *left = parent->children[index], *right = node_new(edit, left->level);
    size_t middle = left->count / 2u, moved = left->count - middle - 1u;
    memcpy(right->rows, left->rows + middle + 1, moved * sizeof right->rows[0]);
    memcpy(right->children, left->children + middle + 1, (moved + 1) * sizeof right->children[0]);
    right->count = (uint16_t)moved;
    struct memory_row *separator = left->rows[middle];
    left->count = (uint16_t)middle;
    memory_node_rehint(left);
    memory_node_rehint(right);
    branch_insert(parent, index, separator, right);
}

/* Splits the full, owned leaf below parent's `index` and puts `row` at its `at`. */
static void leaf_split(struct memory_edit *edit, struct memory_node *parent, size_t index, size_t at, bool is_last,
                       struct memory_row *row) {
    struct memory_node *left = parent->children[index], *right = node_new(edit, 0);
    /* Rows that come in order leave full leaves behind. */
    size_t middle = is_last && at == left->count ? left->count : left->count / 2u, moved = left->count - middle;
    memcpy(right->rows, left->rows + middle, moved * sizeof right->rows[0]);
    right->count = (uint16_t)moved;
    left->count = (uint16_t)middle;
    memory_node_rehint(left);
    memory_node_rehint(right);
    if (at > middle || moved == 0)
        memory_node_insert(right, at - middle, row);
    else
        memory_node_insert(left, at, row);

    struct co_bytes low = memory_row_key(left->rows[left->count - 1]), high = memory_row_key(right->rows[0]);
    struct co_bytes shortest = co_bytes(high.data, memory_common(low, high) + 1);
    branch_insert(parent, index, row_new(edit, shortest, co_bytes(NULL, 0)), right);
}

void memory_tree_put(struct memory_edit *edit, struct memory_node **root, struct co_bytes key, struct co_bytes value) {
    /* First of all: `value` may lie in a row that this put replaces. */
    struct memory_row *row = row_new(edit, key, value);
    if (!*root) *root = node_new(edit, 0);
    struct memory_node *node = own(edit, root), *parent = NULL;
    size_t index = 0;
    bool is_last = true;
    while (node->level) {
        if (node->count == MEMORY_FAN) {
            /* On the way down, so that a split below finds room above. */
            if (!parent) {
                parent = root_grow(edit, root);
                index = 0;
            }
            branch_split(edit, parent, index);
            node = parent;
        }
        index = memory_node_child(node, key);
        is_last = is_last && index == node->count;
        parent = node;
        node = own(edit, &parent->children[index]);
    }
    bool is_equal;
    size_t at = memory_node_find(node, key, &is_equal);
    if (is_equal) {
        row_retire(edit, node->rows[at]);
        node->rows[at] = row;
    } else if (node->count < MEMORY_FAN) {
        memory_node_insert(node, at, row);
    } else {
        if (!parent) {
            parent = root_grow(edit, root);
            index = 0;
        }
        leaf_split(edit, parent, index, at, is_last, row);
    }
}

static void branch_drop_child(struct memory_edit *edit, struct memory_node *branch, size_t index) {
    node_retire(edit, branch->children[index]);
    if (branch->count == 0) {
        branch->children[0] = NULL;
        return;
    }
    size_t separator = index ? index - 1 : 0;
    row_retire(edit, branch->rows[separator]);
    memmove(branch->children + index, branch->children + index + 1,
            (branch->count - index) * sizeof branch->children[0]);
    memory_node_remove(branch, separator);
}

/* Moves the right child of separator `index` into the left one when both fit. */
static bool merge(struct memory_edit *edit, struct memory_node *parent, size_t index) {
    struct memory_node *left = parent->children[index], *right = parent->children[index + 1];
    bool is_branch = left->level > 0;
    if (left->count + right->count + is_branch > (is_branch ? MEMORY_FAN : MERGED_MAX)) return false;
    left = own(edit, &parent->children[index]);
    struct memory_row *separator = parent->rows[index];
    if (is_branch) {
        memcpy(left->children + left->count + 1, right->children, (right->count + 1u) * sizeof left->children[0]);
        left->rows[left->count++] = row_new(edit, memory_row_key(separator), co_bytes(NULL, 0));
    }
    memcpy(left->rows + left->count, right->rows, right->count * sizeof left->rows[0]);
    left->count = (uint16_t)(left->count + right->count);
    memory_node_rehint(left);
    branch_drop_child(edit, parent, index + 1);
    return true;
}

static bool is_empty(const struct memory_node *node) {
    return node->count == 0 && (node->level == 0 || !node->children[0]);
}

bool memory_tree_del(struct memory_edit *edit, struct memory_node **root, struct co_bytes key) {
    if (!memory_tree_get(*root, key)) return false;
    struct {
        struct memory_node *node;
        size_t index;
    } path[MEMORY_DEPTH_MAX];
    size_t depth = 0;
    struct memory_node *node = own(edit, root);
    for (; node->level; depth++) {
        path[depth].node = node;
        path[depth].index = memory_node_child(node, key);
        node = own(edit, &node->children[path[depth].index]);
    }
    bool is_equal;
    size_t at = memory_node_find(node, key, &is_equal);
    co_assert(is_equal);
    row_retire(edit, node->rows[at]);
    memory_node_remove(node, at);

    while (depth-- > 0 && node->count < UNDERFULL) {
        struct memory_node *parent = path[depth].node;
        size_t index = path[depth].index;
        if (is_empty(node))
            branch_drop_child(edit, parent, index);
        else if (!(index < parent->count && merge(edit, parent, index)) &&
                 !(index > 0 && merge(edit, parent, index - 1)))
            break;
        node = parent;
    }
    while (*root && (*root)->count == 0) {
        struct memory_node *old = *root;
        *root = old->level ? old->children[0] : NULL;
        node_retire(edit, old);
    }
    return true;
}

static void retire_all(struct memory_edit *edit, struct memory_node *node) {
    for (size_t i = 0; i < node->count; i++) row_retire(edit, node->rows[i]);
    for (size_t i = 0; node->level && i <= node->count; i++) retire_all(edit, node->children[i]);
    node_retire(edit, node);
}

void memory_tree_clear(struct memory_edit *edit, struct memory_node **root) {
    if (*root) retire_all(edit, *root);
    *root = NULL;
}
