/* kill -9 in the middle of writing, again and again: after each, every acknowledged batch is there, and no batch by half.
 * COHORT_KILLS sets how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_lmdb/lmdb_store.h"

/* Batch n: every one of FIXED rows of table 40 gets the value n, row n joins table 41, row n - WINDOW leaves it, and
 * a large value of table 42 is replaced. So the whole state follows from n. */
#define FIXED  20u
#define WINDOW 300u

static char path[64];

static co_status open_store(struct lmdb_store *store, struct co_error *error) {
    memset(store, 0, sizeof *store);
    return lmdb_store_open(store, path, &(struct lmdb_settings){{256 << 20}, "journal"}, NULL, error);
}

static struct co_bytes key_of(uint8_t out[4], uint32_t n) {
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(n >> (24 - 8 * i));
    return co_bytes(out, 4);
}

static void large_fill(uint32_t n, uint8_t *out, size_t *size) {
    *size = 1000 + n % 9000;
    for (size_t i = 0; i < *size; i++) out[i] = (uint8_t)(n % 3 ? n : n * i * i >> 7);
}

static co_status batch(struct lmdb_store *store, uint32_t n) {
    static uint8_t large[10000];
    struct co_txn *txn;
    uint8_t key[4];
    size_t size;
    co_status status = lmdb_storage_ops.begin(store, true, &txn, NULL);
    if (status) return status;
    for (uint32_t i = 0; !status && i < FIXED; i++)
        status = co_put(txn, 40, key_of(key, i * 7919), co_bytes(&n, sizeof n), NULL);
    if (!status) status = co_put(txn, 41, key_of(key, n), co_bytes(large, n % 200), NULL);
    if (!status && n > WINDOW) status = co_del(txn, 41, key_of(key, n - WINDOW), NULL);
    large_fill(n, large, &size);
    if (!status) status = co_put(txn, 42, co_bytes_text("large"), co_bytes(large, size), NULL);
    if (!status) return lmdb_storage_ops.commit(txn, NULL);
    lmdb_storage_ops.abort(txn);
    return status;
}

/* Checks the state and returns its n; 0 when empty. */
static uint32_t inspect(struct lmdb_store *store) {
    static uint8_t large[10000];
    struct co_txn *txn;
    uint8_t bytes[4];
    struct co_bytes key, value;
    uint32_t n = 0;
    size_t size;
    assert_int_equal(lmdb_storage_ops.begin(store, false, &txn, NULL), CO_OK);
    if (co_get(txn, 40, key_of(bytes, 0), &value) == CO_OK) memcpy(&n, value.data, sizeof n);
    for (uint32_t i = 0; n && i < FIXED; i++) {
        assert_int_equal(co_get(txn, 40, key_of(bytes, i * 7919), &value), CO_OK);
        assert_memory_equal(value.data, &n, sizeof n);
    }
    struct co_cursor *cursor = co_cursor_open(txn, 41);
    co_status status = co_cursor_seek(cursor, co_bytes(NULL, 0), &key, &value);
    for (uint32_t i = n > WINDOW ? n - WINDOW + 1 : 1; i <= n; i++) {
        assert_int_equal(status, CO_OK);
        assert_true(co_bytes_equal(key, key_of(bytes, i)));
        assert_int_equal(value.size, i % 200);
        status = co_cursor_next(cursor, &key, &value);
    }
    assert_int_equal(status, CO_NOT_FOUND);
    co_cursor_close(cursor);
    large_fill(n, large, &size);
    if (n) assert_int_equal(co_get(txn, 42, co_bytes_text("large"), &value), CO_OK);
    if (n) assert_true(co_bytes_equal(value, co_bytes(large, size)));
    lmdb_storage_ops.abort(txn);
    return n;
}

static CO_NORETURN void child_run(int acknowledge) {
    static struct lmdb_store store;
    if (open_store(&store, NULL)) _exit(1);
    for (uint32_t n = inspect(&store) + 1;; n++)
        if (batch(&store, n) || write(acknowledge, &n, sizeof n) != sizeof n) _exit(2);
}

static void no_batch_is_lost_or_torn(void **state) {
    (void)state;
    const char *wanted = getenv("COHORT_KILLS");
    unsigned kills = wanted ? (unsigned)strtoul(wanted, NULL, 10) : 200;
    uint32_t acknowledged = 0;
    for (unsigned i = 0; i < kills; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            child_run(ends[1]);
        }
        close(ends[1]);
        uint32_t n, patience = 1 + (uint32_t)co_random_below(80);
        while (patience-- && read(ends[0], &n, sizeof n) == sizeof n) acknowledged = n;
        for (volatile uint64_t spin = co_random_below(200000); spin; spin--) {
        } /* anywhere within a batch */
        kill(child, SIGKILL);
        while (read(ends[0], &n, sizeof n) == sizeof n) acknowledged = n;
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        if (i % 2) continue; /* let the next child open what this one left */
        static struct lmdb_store store;
        struct co_error error = {0};
        if (open_store(&store, &error)) fail_msg("%s", error.text);
        n = inspect(&store);
        assert_true(n == acknowledged || n == acknowledged + 1); /* committed, not yet acknowledged */
        acknowledged = n;
        lmdb_store_close(&store);
    }
    print_message("%u kills, %u batches\n", kills, acknowledged);
    assert_true(acknowledged >= kills);
}

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/cohort-kill-XXXXXX");
    return mkdtemp(path) ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    static const char *const files[] = {"data.mdb", "lock.mdb", "mark", "mark.new"};
    for (size_t i = 0; i < CO_COUNT(files); i++) {
        char name[96];
        snprintf(name, sizeof name, "%s/%s", path, files[i]);
        unlink(name);
    }
    return rmdir(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(no_batch_is_lost_or_torn, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
