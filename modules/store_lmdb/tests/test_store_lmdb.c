/* What the conformance suite cannot see: when the files are trusted, set aside or refused, and what happens when space ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_lmdb/lmdb_store.h"

#define OTHER_BOOT "cohort-store-lmdb 1\nboot=00000000-1111-2222-3333-444444444444\nstate="

static char root[64], path[96];
static struct lmdb_store store;
static struct co_error error;

static co_status open_with(uint64_t map_size, const char *sync) {
    memset(&store, 0, sizeof store);
    memset(&error, 0, sizeof error);
    return lmdb_store_open(&store, path, &(struct lmdb_settings){{map_size}, sync}, NULL, &error);
}
static co_status open_store(void) {
    return open_with(64 << 20, "journal");
}

static const char *file(const char *name) {
    static char full[160];
    snprintf(full, sizeof full, "%s/%s", root, name);
    return full;
}
static bool exists(const char *name) {
    return access(file(name), F_OK) == 0;
}
static void file_write(const char *name, const char *text) {
    FILE *out = fopen(file(name), "wb");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}
static const char *file_read(const char *name) {
    static char text[512];
    FILE *in = fopen(file(name), "rb");
    if (!in) return "";
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    return text;
}

static void put(const char *key, const char *value) {
    struct co_txn *txn;
    assert_int_equal(lmdb_storage_ops.begin(&store, true, &txn, &error), CO_OK);
    assert_int_equal(co_put(txn, 16, co_bytes_text(key), co_bytes_text(value), &error), CO_OK);
    assert_int_equal(lmdb_storage_ops.commit(txn, &error), CO_OK);
}
static bool has(const char *key) {
    struct co_txn *txn;
    struct co_bytes value;
    assert_int_equal(lmdb_storage_ops.begin(&store, false, &txn, &error), CO_OK);
    co_status status = co_get(txn, 16, co_bytes_text(key), &value);
    lmdb_storage_ops.abort(txn);
    assert_true(status == CO_OK || status == CO_NOT_FOUND);
    return status == CO_OK;
}

/* Opens, writes the key and dies without closing. */
static void write_and_die(const char *sync, const char *key) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (open_with(64 << 20, sync)) _exit(1);
        struct co_txn *txn;
        if (lmdb_storage_ops.begin(&store, true, &txn, NULL)) _exit(2);
        if (co_put(txn, 16, co_bytes_text(key), co_bytes_text("x"), NULL)) _exit(3);
        _exit(lmdb_storage_ops.commit(txn, NULL) ? 4 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/cohort-lmdb-XXXXXX");
    if (!mkdtemp(root)) return 1;
    snprintf(path, sizeof path, "%s/state", root);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {
        "state",          "state.stale-1",  "state.stale-2",    "state.stale-3",   "state.stale-9",
        "state.stale-10", "state.stale-11", "state.stale-junk", "state-of-others",
    };
    static const char *const files[] = {"data.mdb", "lock.mdb", "mark", "mark.new"};
    for (size_t i = 0; i < CO_COUNT(names); i++) {
        for (size_t j = 0; j < CO_COUNT(files); j++) {
            char name[64];
            snprintf(name, sizeof name, "%s/%s", names[i], files[j]);
            unlink(file(name));
        }
        rmdir(file(names[i]));
    }
    return rmdir(root);
}

static void a_clean_close_is_trusted_after_any_boot(void **state) {
    (void)state;
    assert_int_equal(open_store(), CO_OK);
    assert_non_null(strstr(file_read("state/mark"), "state=open\n"));
    put("a", "1");
    lmdb_store_close(&store);
    assert_non_null(strstr(file_read("state/mark"), "state=clean\n"));
    file_write("state/mark", OTHER_BOOT "clean\n");
    assert_int_equal(open_store(), CO_OK);
    assert_true(has("a"));
    assert_false(exists("state.stale-1"));
    lmdb_store_close(&store);
}

static void a_killed_process_loses_nothing(void **state) {
    (void)state;
    write_and_die("journal", "a");
    write_and_die("journal", "b");
    assert_int_equal(open_store(), CO_OK);
    assert_true(has("a") && has("b"));
    assert_false(exists("state.stale-1"));
    lmdb_store_close(&store);
}

static void a_power_cut_sets_the_files_aside(void **state) {
    (void)state;
    write_and_die("journal", "a");
    file_write("state/mark", OTHER_BOOT "open\n");
    assert_int_equal(open_store(), CO_OK);
    assert_false(has("a"));
    assert_true(exists("state.stale-1/data.mdb"));
    put("b", "1");
    lmdb_store_close(&store);

    /* At most one is kept, and only ours are touched. */
    assert_int_equal(mkdir(file("state.stale-9"), 0700), 0);
    file_write("state.stale-9/data.mdb", "old");
    assert_int_equal(mkdir(file("state.stale-junk"), 0700), 0);
    assert_int_equal(mkdir(file("state-of-others"), 0700), 0);
    file_write("state/mark", OTHER_BOOT "open\n");
    assert_int_equal(open_store(), CO_OK);
    assert_false(has("b"));
    assert_true(exists("state.stale-10/data.mdb"));
    assert_false(exists("state.stale-1") || exists("state.stale-9"));
    assert_true(exists("state.stale-junk") && exists("state-of-others"));
    lmdb_store_close(&store);
}

static void sync_always_outlives_a_power_cut(void **state) {
    (void)state;
    write_and_die("journal", "a"); /* not synced yet: the next open does */
    write_and_die("always", "b");
    assert_non_null(strstr(file_read("state/mark"), "state=always\n"));
    write_and_die("always", "c");
    assert_non_null(strstr(file_read("state/mark"), "state=always\n"));
    file_write("state/mark", OTHER_BOOT "always\n");
    assert_int_equal(open_with(64 << 20, "always"), CO_OK);
    assert_true(has("a") && has("b") && has("c"));
    lmdb_store_close(&store);
}

static void damage_sets_the_files_aside(void **state) {
    (void)state;
    assert_int_equal(open_store(), CO_OK);
    put("a", "1");
    lmdb_store_close(&store);
    char junk[8200];
    memset(junk, 'j', sizeof junk);
    junk[sizeof junk - 1] = 0;
    file_write("state/data.mdb", junk);
    assert_int_equal(open_store(), CO_OK);
    assert_false(has("a"));
    assert_true(exists("state.stale-1/data.mdb"));
    lmdb_store_close(&store);
    file_write("state/mark", OTHER_BOOT "broken\n");
    assert_int_equal(open_store(), CO_OK);
    assert_true(exists("state.stale-2/data.mdb"));
    lmdb_store_close(&store);
}

static void damage_found_later_is_remembered(void **state) {
    (void)state;
    assert_int_equal(open_store(), CO_OK);
    assert_int_equal(lmdb_fail(&store, MDB_PAGE_NOTFOUND, "read the state", &error), CO_CORRUPT);
    assert_non_null(strstr(file_read("state/mark"), "state=broken\n"));
    lmdb_store_close(&store);
    assert_non_null(strstr(file_read("state/mark"), "state=broken\n"));
}

static void files_of_others_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *mark;
        co_status status;
        const char *says;
    } cases[] = {
        {NULL, CO_CORRUPT, "data.mdb that was not made by Cohort"},
        {"hello\n", CO_CORRUPT, "not written by Cohort"},
        {"", CO_CORRUPT, "not written by Cohort"},
        {"cohort-store-lmdb 2\nboot=x\nstate=open\n", CO_UNSUPPORTED, "its format is 2"},
        {"cohort-store-lmdb 1\nboot=x\nstate=odd\n", CO_CORRUPT, "no known state"},
        {"cohort-store-lmdb 1\nboot=1234567890123456789012345678901234567\nstate=open\n", CO_CORRUPT, "no boot id"},
    };
    assert_int_equal(mkdir(path, 0700), 0);
    file_write("state/data.mdb", "not yours");
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        if (cases[i].mark) file_write("state/mark", cases[i].mark);
        assert_int_equal(open_store(), cases[i].status);
        assert_non_null(strstr(error.text, cases[i].says));
        assert_non_null(strstr(error.text, path));
        assert_non_null(strstr(error.text, "move it away"));
        lmdb_store_close(&store);
        assert_string_equal(file_read("state/data.mdb"), "not yours");
        assert_string_equal(file_read("state/mark"), cases[i].mark ? cases[i].mark : "");
    }
}

static void a_second_process_is_refused(void **state) {
    (void)state;
    assert_int_equal(open_store(), CO_OK);
    struct lmdb_store second = {0};
    struct lmdb_settings settings = {{64 << 20}, "journal"};
    assert_int_equal(lmdb_store_open(&second, path, &settings, NULL, &error), CO_BUSY);
    assert_non_null(strstr(error.text, "in use by another process"));
    lmdb_store_close(&second);
    put("still", "fine");
    lmdb_store_close(&store);
}

static void bad_settings_are_explained(void **state) {
    (void)state;
    assert_int_equal(open_with(64 << 20, "sometimes"), CO_INVALID);
    assert_non_null(strstr(error.text, "\"sometimes\""));
    lmdb_store_close(&store);
    assert_int_equal(open_with(1000, "journal"), CO_INVALID);
    assert_non_null(strstr(error.text, "map_size"));
    lmdb_store_close(&store);
    assert_int_equal(open_store(), CO_OK);
    lmdb_store_close(&store);
    assert_int_equal(open_with(UINT64_C(1) << 62, "journal"), CO_FULL); /* no such address space */
    assert_non_null(strstr(error.text, "map_size"));
    lmdb_store_close(&store);
    assert_non_null(strstr(file_read("state/mark"), "state=clean\n"));
}

/* Commits rows until one is refused; returns the status, and how many went in. */
static co_status fill(size_t value_size, uint32_t *count) {
    char *value = co_malloc(value_size);
    co_random_bytes(value, value_size);
    co_status status = CO_OK;
    for (*count = 0; !status && *count < 100000; (*count)++) {
        struct co_txn *txn;
        status = lmdb_storage_ops.begin(&store, true, &txn, &error);
        if (status) break;
        status = co_put(txn, 16, co_bytes(count, sizeof *count), co_bytes(value, value_size), &error);
        if (status)
            lmdb_storage_ops.abort(txn);
        else
            status = lmdb_storage_ops.commit(txn, &error);
        if (status) break;
    }
    free(value);
    return status;
}

static void a_full_map_is_an_error_and_no_more(void **state) {
    (void)state;
    assert_int_equal(open_with(1 << 20, "journal"), CO_OK);
    uint32_t count;
    assert_int_equal(fill(3000, &count), CO_FULL);
    assert_non_null(strstr(error.text, "raise map_size"));
    assert_true(count > 100);
    struct co_txn *txn;
    for (int round = 0; round < 2; round++) { /* deleting makes room */
        assert_int_equal(lmdb_storage_ops.begin(&store, true, &txn, &error), CO_OK);
        if (!round)
            assert_int_equal(co_clear(txn, 16, &error), CO_OK);
        else
            assert_int_equal(co_put(txn, 16, co_bytes_text("k"), co_bytes_text("v"), &error), CO_OK);
        assert_int_equal(lmdb_storage_ops.commit(txn, &error), CO_OK);
    }
    assert_int_equal(fill(3000, &count), CO_FULL);
    assert_true(count > 100);
    lmdb_store_close(&store);
    assert_int_equal(open_with(8 << 20, "journal"), CO_OK); /* and so does the setting */
    put("more", "room");
    assert_true(has("more") && has("k"));
    lmdb_store_close(&store);
}

static void a_full_disk_is_an_error_and_no_more(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){1 << 20, before.rlim_max};
    assert_int_equal(open_store(), CO_OK);
    put("first", "1");
    uint32_t count;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    co_status status = fill(3000, &count);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, CO_FULL);
    assert_non_null(strstr(error.text, "free some space"));
    assert_true(count > 100 && has("first"));
    put("second", "2"); /* space is there again */
    lmdb_store_close(&store);
    assert_int_equal(open_store(), CO_OK);
    assert_true(has("first") && has("second"));
    lmdb_store_close(&store);
}

static void values_are_compressed_when_it_pays(void **state) {
    (void)state;
    static const struct {
        size_t size;
        bool is_random, is_packed;
    } cases[] = {
        {0, false, false},   {1, false, false},      {4095, false, false},   {4096, false, true},
        {4096, true, false}, {1 << 20, false, true}, {1 << 20, true, false},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        size_t size = cases[i].size;
        uint8_t *in = co_calloc(1, size + 1), *out = co_malloc(lmdb_value_bound(size));
        if (cases[i].is_random) co_random_bytes(in, size);
        size_t stored = lmdb_value_encode(co_bytes(in, size), out, lmdb_value_bound(size));
        assert_true(cases[i].is_packed ? stored < size / 2 : stored == size + 1);
        struct co_arena arena = CO_ARENA_INIT;
        struct co_bytes back;
        uint8_t *exact = co_malloc(stored);
        memcpy(exact, out, stored);
        assert_int_equal(lmdb_value_decode(co_bytes(exact, stored), &arena, &back), CO_OK);
        assert_true(co_bytes_equal(back, co_bytes(in, size)));
        assert_true((arena.total > 0) == cases[i].is_packed);
        if (cases[i].is_packed) {
            assert_int_equal(lmdb_value_decode(co_bytes(exact, stored - 1), &arena, &back), CO_CORRUPT);
            exact[4] = 0xff; /* an absurd size */
            assert_int_equal(lmdb_value_decode(co_bytes(exact, stored), &arena, &back), CO_CORRUPT);
        }
        co_arena_fini(&arena);
        free(exact);
        free(in);
        free(out);
    }
}

static void a_passing_cursor_needs_no_memory(void **state) {
    (void)state;
    assert_int_equal(open_store(), CO_OK);
    enum { ROWS = 50, SIZE = 100000 };
    char *value = co_calloc(1, SIZE);
    struct co_txn *txn;
    assert_int_equal(lmdb_storage_ops.begin(&store, true, &txn, &error), CO_OK);
    for (uint8_t i = 0; i < ROWS; i++)
        assert_int_equal(co_put(txn, 16, co_bytes(&i, 1), co_bytes(value, SIZE), &error), CO_OK);
    free(value);
    assert_int_equal(lmdb_storage_ops.commit(txn, &error), CO_OK);
    for (int is_passing = 1; is_passing >= 0; is_passing--) {
        assert_int_equal(lmdb_storage_ops.begin(&store, false, &txn, &error), CO_OK);
        struct co_cursor *cursor = co_cursor_open(txn, 16);
        struct co_bytes key, found;
        size_t count = 0;
        assert_false(cursor->is_passing);
        cursor->is_passing = is_passing;
        for (co_status status = co_cursor_seek(cursor, co_bytes(NULL, 0), &key, &found); status == CO_OK;
             status = co_cursor_next(cursor, &key, &found)) {
            assert_int_equal(found.size, SIZE);
            assert_int_equal(((const char *)found.data)[SIZE - 1], 0);
            count++;
        }
        assert_int_equal(count, ROWS);
        co_cursor_close(cursor);
        size_t piled = ((struct lmdb_txn *)txn)->arena.total;
        assert_true(is_passing ? piled == 0 : piled >= ROWS * SIZE);
        lmdb_storage_ops.abort(txn);
    }
    lmdb_store_close(&store);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORY(a_clean_close_is_trusted_after_any_boot),
        STORY(a_killed_process_loses_nothing),
        STORY(a_power_cut_sets_the_files_aside),
        STORY(sync_always_outlives_a_power_cut),
        STORY(damage_sets_the_files_aside),
        STORY(damage_found_later_is_remembered),
        STORY(files_of_others_are_refused),
        STORY(a_second_process_is_refused),
        STORY(bad_settings_are_explained),
        STORY(a_full_map_is_an_error_and_no_more),
        STORY(a_full_disk_is_an_error_and_no_more),
        STORY(a_passing_cursor_needs_no_memory),
        cmocka_unit_test(values_are_compressed_when_it_pays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
