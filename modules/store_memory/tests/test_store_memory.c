/* What the conformance suite cannot see: the trees' inner order, that nothing lingers after the last reader, and what a row
 * costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "store_memory/memory_node.h"
#include "store_memory/memory_store.h"

/* Returns the rows below, after checking that each node's keys, prefix and hints agree and lie in [low, high). */
static size_t tree_check(const struct memory_node *node, size_t level, const struct memory_row *low,
                         const struct memory_row *high) {
    assert_int_equal(node->level, level);
    assert_true(level > 0 || node->count > 0);
    for (size_t i = 0; i < node->count; i++) {
        struct co_bytes key = memory_row_key(node->rows[i]);
        assert_true(co_bytes_starts(key, co_bytes(node->rows[0]->bytes, node->prefix)));
        assert_int_equal(node->hints[i], memory_hint(key, node->prefix));
        if (i) assert_true(memory_compare(key, node->rows[i - 1]) > 0);
        if (low) assert_true(memory_compare(key, low) >= 0);
        if (high) assert_true(memory_compare(key, high) < 0);
        bool is_equal;
        assert_int_equal(memory_node_find(node, key, &is_equal), i);
        assert_true(is_equal);
    }
    if (!level) return node->count;
    size_t rows = 0;
    for (size_t i = 0; i <= node->count; i++)
        rows += tree_check(node->children[i], level - 1, i ? node->rows[i - 1] : low,
                           i < node->count ? node->rows[i] : high);
    return rows;
}

static void edit_end(struct memory_edit *edit) {
    for (size_t i = 0; i < edit->retired.count; i++) free(edit->retired.items[i]);
    edit->fresh.count = edit->retired.count = 0;
    edit->stamp++;
}

static struct co_bytes key_of(char *out, size_t size, unsigned id) {
    int used = snprintf(out, size, "%s/%u",
                        id % 3   ? "common/path"
                        : id % 5 ? "c"
                                 : "common/path/and/more",
                        id * 2654435761u);
    return co_bytes(out, (size_t)used);
}

static void trees_keep_their_order(void **state) {
    (void)state;
    struct memory_edit edit = {.stamp = 1};
    struct memory_node *root = NULL;
    char text[64];
    enum { ROWS = 30000 };
    for (unsigned i = 0; i < ROWS; i++) {
        struct co_bytes key = key_of(text, sizeof text, i);
        memory_tree_put(&edit, &root, key, key);
        if (i % 7 == 0) edit_end(&edit);
        if (i % 997 == 0 || i < 200) assert_int_equal(tree_check(root, root->level, NULL, NULL), i + 1);
    }
    assert_true(root->level >= 2);
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned id = (i * 7919u + 13) % ROWS;
        assert_true(memory_tree_del(&edit, &root, key_of(text, sizeof text, id)));
        assert_false(memory_tree_del(&edit, &root, key_of(text, sizeof text, id)));
        if (i % 5 == 0) edit_end(&edit);
        if (root && (i % 997 == 0 || i > ROWS - 200))
            assert_int_equal(tree_check(root, root->level, NULL, NULL), ROWS - 1 - i);
    }
    assert_null(root);
    edit_end(&edit);
    assert_int_equal(edit.bytes, 0); /* what was made was retired */
    free(edit.fresh.items);
    free(edit.retired.items);
}

static void deleting_leaves_no_thin_tree(void **state) {
    (void)state;
    struct memory_edit edit = {.stamp = 1};
    struct memory_node *root = NULL;
    char text[64];
    for (unsigned i = 0; i < 20000; i++) memory_tree_put(&edit, &root, key_of(text, sizeof text, i), co_bytes(NULL, 0));
    int64_t full = edit.bytes;
    for (unsigned i = 0; i < 20000; i++)
        if (i % 16) memory_tree_del(&edit, &root, key_of(text, sizeof text, i));
    assert_int_equal(tree_check(root, root->level, NULL, NULL), 20000 / 16);
    assert_true(edit.bytes < full / 8);
    memory_tree_clear(&edit, &root);
    assert_int_equal(edit.bytes, 0);
    edit_end(&edit);
    free(edit.fresh.items);
    free(edit.retired.items);
}

static void rows_in_order_leave_full_leaves(void **state) {
    (void)state;
    struct memory_edit edit = {.stamp = 1};
    struct memory_node *root = NULL;
    char text[64];
    enum { ROWS = 10000 };
    for (unsigned i = 0; i < ROWS; i++) {
        int size = snprintf(text, sizeof text, "key-%08u", i);
        memory_tree_put(&edit, &root, co_bytes(text, (size_t)size), co_bytes(NULL, 0));
    }
    size_t leaves = 0;
    for (size_t i = 0; root->level == 2 && i <= root->count; i++) leaves += root->children[i]->count + 1u;
    assert_int_equal(leaves, (ROWS + MEMORY_FAN - 1) / MEMORY_FAN);
    memory_tree_clear(&edit, &root);
    edit_end(&edit);
    free(edit.fresh.items);
    free(edit.retired.items);
}

static struct co_txn *begin(struct memory_store *store, bool write) {
    struct co_txn *txn;
    assert_int_equal(memory_storage_ops.begin(store, write, &txn, NULL), CO_OK);
    return txn;
}

static void put(struct memory_store *store, const char *key, size_t value_size) {
    static char value[4096];
    struct co_txn *txn = begin(store, true);
    assert_int_equal(co_put(txn, 16, co_bytes_text(key), co_bytes(value, value_size), NULL), CO_OK);
    assert_int_equal(memory_storage_ops.commit(txn, NULL), CO_OK);
}

static void garbage_lives_as_long_as_its_readers(void **state) {
    (void)state;
    struct memory_store store = {0};
    memory_store_open(&store, &(struct memory_settings){0});
    put(&store, "a", 10);
    put(&store, "a", 20);
    assert_null(store.garbage); /* nobody reads */
    struct co_txn *old = begin(&store, false);
    put(&store, "a", 30);
    struct co_txn *young = begin(&store, false);
    put(&store, "a", 40);
    assert_non_null(store.garbage);
    memory_storage_ops.abort(young);
    assert_non_null(store.garbage); /* the older one still sees it */
    struct co_bytes value;
    assert_int_equal(co_get(old, 16, co_bytes_text("a"), &value), CO_OK);
    assert_int_equal(value.size, 20);
    young = begin(&store, false);
    memory_storage_ops.abort(old);
    assert_null(store.garbage); /* the younger one began after all of it */
    assert_int_equal(co_get(young, 16, co_bytes_text("a"), &value), CO_OK);
    assert_int_equal(value.size, 40);
    memory_storage_ops.abort(young);
    memory_store_close(&store);
}

static void size_max_is_kept(void **state) {
    (void)state;
    struct memory_store store = {0};
    memory_store_open(&store, &(struct memory_settings){.size_max = {1 << 20}});
    static char value[1000];
    struct co_error error = {0};
    uint32_t count = 0;
    for (co_status status = CO_OK; !status; count++) {
        struct co_txn *txn = begin(&store, true);
        status = co_put(txn, 16, co_bytes(&count, sizeof count), co_bytes(value, sizeof value), &error);
        if (status) {
            assert_int_equal(status, CO_FULL);
            memory_storage_ops.abort(txn);
        } else {
            assert_int_equal(memory_storage_ops.commit(txn, NULL), CO_OK);
        }
        assert_true(count < 1100);
    }
    assert_true(count > 900);
    assert_non_null(strstr(error.text, "size_max"));
    struct co_txn *txn = begin(&store, true); /* room again after a delete */
    uint32_t first = 0;
    assert_int_equal(co_del(txn, 16, co_bytes(&first, sizeof first), NULL), CO_OK);
    assert_int_equal(co_put(txn, 16, co_bytes(&count, sizeof count), co_bytes(value, 900), &error), CO_OK);
    assert_int_equal(memory_storage_ops.commit(txn, NULL), CO_OK);
    memory_store_close(&store);
}

static void strict_lends_copies(void **state) {
    (void)state;
    struct memory_store store = {0};
    memory_store_open(&store, &(struct memory_settings){.strict = true});
    put(&store, "a", 10);
    struct co_bytes first, second;
    struct co_txn *txn = begin(&store, true);
    assert_int_equal(co_get(txn, 16, co_bytes_text("a"), &first), CO_OK);
    assert_int_equal(co_get(txn, 16, co_bytes_text("a"), &second), CO_OK);
    assert_ptr_not_equal(first.data, second.data);
    assert_int_equal(store.loans.count, 2);
    assert_int_equal(co_put(txn, 17, co_bytes_text("b"), first, NULL), CO_OK);
    assert_int_equal(store.loans.count, 0);
    assert_int_equal(co_get(txn, 16, co_bytes_text("a"), &first), CO_OK);
    assert_int_equal(co_del(txn, 17, co_bytes_text("b"), NULL), CO_OK);
    assert_int_equal(store.loans.count, 0);
    assert_int_equal(co_get(txn, 16, co_bytes_text("a"), &first), CO_OK);
    assert_int_equal(co_clear(txn, 16, NULL), CO_OK);
    assert_int_equal(store.loans.count, 0);
    memory_storage_ops.abort(txn);
    txn = begin(&store, false); /* readers get the real bytes */
    assert_int_equal(co_get(txn, 16, co_bytes_text("a"), &first), CO_OK);
    assert_int_equal(store.loans.count, 0);
    memory_storage_ops.abort(txn);
    memory_store_close(&store);
}

/* 10,000 instances of a service: a 350-byte row and three index rows each, one commit per instance, in no order. */
static void an_instance_stays_small(void **state) {
    (void)state;
    struct memory_store store = {0};
    memory_store_open(&store, &(struct memory_settings){0});
    static char value[350];
    uint64_t payload = 0;
    enum { INSTANCES = 10000 };
    for (unsigned i = 0; i < INSTANCES; i++) {
        unsigned id = i * 7919u % INSTANCES;
        char keys[4][64];
        int sizes[4] = {
            snprintf(keys[0], sizeof keys[0], "node-%04u%cweb-%05u", id % 100, 0, id),
            snprintf(keys[1], sizeof keys[1], "web%cnode-%04u%cweb-%05u", 0, id % 100, 0, id),
            snprintf(keys[2], sizeof keys[2], "passing%cnode-%04u%cservice:web-%05u", 0, id % 100, 0, id),
            snprintf(keys[3], sizeof keys[3], "web%cnode-%04u%cservice:web-%05u", 0, id % 100, 0, id),
        };
        struct co_txn *txn = begin(&store, true);
        for (int j = 0; j < 4; j++) {
            struct co_bytes row = co_bytes(value, j ? 0 : sizeof value);
            co_table_id table = (co_table_id)(32 + j);
            assert_int_equal(co_put(txn, table, co_bytes(keys[j], (size_t)sizes[j]), row, NULL), CO_OK);
            payload += (uint64_t)sizes[j] + row.size;
        }
        assert_int_equal(memory_storage_ops.commit(txn, NULL), CO_OK);
    }
    uint64_t used = memory_storage_ops.bytes_used(&store);
    print_message("%u bytes per instance, %u beyond the data per row\n", (unsigned)(used / INSTANCES),
                  (unsigned)((used - payload) / (4 * INSTANCES)));
    assert_true(used / INSTANCES < 800);
    assert_true((used - payload) / (4 * INSTANCES) <= 48);
    memory_store_close(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_keep_their_order),
        cmocka_unit_test(deleting_leaves_no_thin_tree),
        cmocka_unit_test(rows_in_order_leave_full_leaves),
        cmocka_unit_test(garbage_lives_as_long_as_its_readers),
        cmocka_unit_test(size_max_is_kept),
        cmocka_unit_test(strict_lends_copies),
        cmocka_unit_test(an_instance_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
