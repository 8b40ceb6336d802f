/* The checks of storage.h, each a function that opens a fresh store and tells a short story. A check stops at its first
 * failure. Random operations are in storage_random.c. */
#include "storage_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

bool storage_failed(struct storage_world *w, const char *condition, const char *file, int line) {
    const char *name = strrchr(file, '/');
    printf("    %s:%d: expected %s\n", name ? name + 1 : file, line, condition);
    if (w->error.text[0]) printf("    last error: %s\n", w->error.text);
    return false;
}

static struct co_bytes text(const char *s) {
    return co_bytes_text(s);
}

static bool storage_close(struct storage_world *w) {
    if (w->is_open) w->subject->close(w->subject->arg, &w->store);
    w->is_open = false;
    return true;
}

bool storage_open(struct storage_world *w, bool fresh) {
    storage_close(w);
    memset(&w->store, 0, sizeof w->store);
    w->is_open = w->subject->open(w->subject->arg, fresh, &w->store, &w->error) == CO_OK;
    return w->is_open;
}

struct co_txn *storage_begin(struct storage_world *w, bool write) {
    struct co_txn *txn = NULL;
    co_status status = w->store.ops->begin(w->store.self, write, &txn, &w->error);
    if (status || !txn || txn->is_write != write || txn->touched) {
        printf("    begin(%s): %s: %s\n", write ? "write" : "read", co_status_name(status), w->error.text);
        exit(1);
    }
    return txn;
}
bool storage_commit(struct storage_world *w, struct co_txn *txn) {
    return txn->ops->commit(txn, &w->error) == CO_OK;
}
void storage_end(struct co_txn *txn) {
    txn->ops->abort(txn);
}
static bool put(struct storage_world *w, struct co_txn *txn, co_table_id table, const char *key, const char *value) {
    return co_put(txn, table, text(key), text(value), &w->error) == CO_OK;
}
static bool holds(struct co_txn *txn, co_table_id table, const char *key, const char *value) {
    struct co_bytes got = {0};
    co_status status = co_get(txn, table, text(key), &got);
    return value ? status == CO_OK && co_bytes_equal(got, text(value)) : status == CO_NOT_FOUND;
}
/* All of a table as "a=1 b=2", by seek from `from` and next. */
static const char *walk(struct co_txn *txn, co_table_id table, struct co_bytes from) {
    static char out[4096];
    size_t size = 0;
    struct co_bytes key = {0}, value = {0};
    struct co_cursor *cursor = co_cursor_open(txn, table);
    out[0] = 0;
    for (co_status status = co_cursor_seek(cursor, from, &key, &value);
         status != CO_NOT_FOUND && size < sizeof out - 600; status = co_cursor_next(cursor, &key, &value)) {
        if (status) {
            snprintf(out + size, sizeof out - size, "(%s)", co_status_name(status));
            break;
        }
        size += (size_t)snprintf(out + size, sizeof out - size, "%s%.*s=%.*s", size ? " " : "", (int)key.size,
                                 (const char *)key.data, (int)value.size, (const char *)value.data);
    }
    co_cursor_close(cursor);
    return out;
}
static bool walks(struct co_txn *txn, co_table_id table, const char *from, const char *expected) {
    const char *got = walk(txn, table, text(from));
    if (strcmp(got, expected) == 0) return true;
    printf("    walk from \"%s\": \"%s\" instead of \"%s\"\n", from, got, expected);
    return false;
}

/* --- one row --- */

static bool check_rows(struct storage_world *w) {
    struct co_txn *txn = storage_begin(w, true);
    EXPECT(holds(txn, 40, "a", NULL));
    EXPECT(co_del(txn, 40, text("a"), &w->error) == CO_NOT_FOUND);
    EXPECT(put(w, txn, 40, "a", "1"));
    EXPECT(holds(txn, 40, "a", "1"));
    EXPECT(put(w, txn, 40, "a", "longer than before"));
    EXPECT(holds(txn, 40, "a", "longer than before"));
    EXPECT(put(w, txn, 40, "b", ""));
    EXPECT(storage_commit(w, txn));

    txn = storage_begin(w, false);
    EXPECT(holds(txn, 40, "a", "longer than before"));
    EXPECT(holds(txn, 40, "b", ""));
    EXPECT(holds(txn, 40, "", NULL));
    EXPECT(holds(txn, 40, "ab", NULL));
    storage_end(txn);

    txn = storage_begin(w, true);
    EXPECT(co_del(txn, 40, text("a"), &w->error) == CO_OK);
    EXPECT(co_del(txn, 40, text("a"), &w->error) == CO_NOT_FOUND);
    EXPECT(holds(txn, 40, "a", NULL));
    EXPECT(put(w, txn, 40, "b", "2"));
    EXPECT(storage_commit(w, txn));

    txn = storage_begin(w, false);
    EXPECT(walks(txn, 40, "", "b=2"));
    EXPECT(storage_commit(w, txn)); /* of a read transaction: same as abort */
    return true;
}

static bool check_order(struct storage_world *w) {
    struct co_txn *txn = storage_begin(w, true);
    const char *keys[] = {"b", "a", "ab", "B", "aa", "\xff", "a\x01", "b/", "~"};
    for (size_t i = 0; i < CO_COUNT(keys); i++) EXPECT(put(w, txn, 40, keys[i], "-"));
    EXPECT(walks(txn, 40, "", "B=- a=- a\x01=- aa=- ab=- b=- b/=- ~=- \xff=-"));
    EXPECT(storage_commit(w, txn));
    txn = storage_begin(w, false);
    EXPECT(walks(txn, 40, "", "B=- a=- a\x01=- aa=- ab=- b=- b/=- ~=- \xff=-"));
    EXPECT(walks(txn, 40, "aa", "aa=- ab=- b=- b/=- ~=- \xff=-")); /* on a key */
    EXPECT(walks(txn, 40, "aaa", "ab=- b=- b/=- ~=- \xff=-"));     /* between two */
    EXPECT(walks(txn, 40, "C", "a=- a\x01=- aa=- ab=- b=- b/=- ~=- \xff=-"));
    EXPECT(walks(txn, 40, "\xff", "\xff=-"));
    EXPECT(walks(txn, 40, "\xff\x01", ""));
    storage_end(txn);
    return true;
}

static bool check_tables(struct storage_world *w) {
    struct co_txn *txn = storage_begin(w, true);
    static const co_table_id tables[] = {1, 2, 255, 256, 257, 511, 512, 1023};
    for (size_t i = 0; i < CO_COUNT(tables); i++) {
        char value[16];
        snprintf(value, sizeof value, "%u", tables[i]);
        EXPECT(put(w, txn, tables[i], "\xff\xff", value));
        EXPECT(put(w, txn, tables[i], "k", value));
    }
    EXPECT(storage_commit(w, txn));
    txn = storage_begin(w, true);
    EXPECT(walks(txn, 256, "", "k=256 \xff\xff=256"));
    EXPECT(walks(txn, 3, "", ""));
    EXPECT(walks(txn, 254, "", ""));
    EXPECT(walks(txn, 1000, "", ""));
    EXPECT(co_clear(txn, 256, &w->error) == CO_OK);
    EXPECT(co_clear(txn, 254, &w->error) == CO_OK);
    EXPECT(co_del(txn, 255, text("k"), &w->error) == CO_OK);
    EXPECT(walks(txn, 256, "", ""));
    EXPECT(walks(txn, 255, "", "\xff\xff=255"));
    EXPECT(walks(txn, 257, "", "k=257 \xff\xff=257"));
    EXPECT(storage_commit(w, txn));
    txn = storage_begin(w, false);
    EXPECT(walks(txn, 256, "", ""));
    EXPECT(walks(txn, 255, "", "\xff\xff=255"));
    EXPECT(walks(txn, 1023, "", "k=1023 \xff\xff=1023"));
    EXPECT(walks(txn, 1, "", "k=1 \xff\xff=1"));
    storage_end(txn);
    return true;
}

static bool check_cursor_ends(struct storage_world *w) {
    struct co_bytes key, value;
    struct co_txn *txn = storage_begin(w, false);
    struct co_cursor *cursor = co_cursor_open(txn, 40);
    EXPECT(co_cursor_seek(cursor, text(""), &key, &value) == CO_NOT_FOUND);
    EXPECT(co_cursor_next(cursor, &key, &value) == CO_NOT_FOUND);
    EXPECT(co_cursor_seek(cursor, text("x"), &key, &value) == CO_NOT_FOUND);
    co_cursor_close(cursor);
    storage_end(txn);

    for (int round = 0; round < 2; round++) { /* with no other table, and with neighbours */
        txn = storage_begin(w, true);
        if (round) EXPECT(put(w, txn, 39, "z", "0") && put(w, txn, 41, "a", "0"));
        EXPECT(put(w, txn, 40, "a", "1") && put(w, txn, 40, "b", "2"));
        EXPECT(storage_commit(w, txn));
        txn = storage_begin(w, round);
        cursor = co_cursor_open(txn, 40);
        EXPECT(co_cursor_seek(cursor, text("c"), &key, &value) == CO_NOT_FOUND);
        EXPECT(co_cursor_next(cursor, &key, &value) == CO_NOT_FOUND);
        co_cursor_close(cursor);
        storage_end(txn);
    }
    txn = storage_begin(w, false);
    cursor = co_cursor_open(txn, 40);
    EXPECT(co_cursor_seek(cursor, text("b"), &key, &value) == CO_OK && co_bytes_equal(key, text("b")));
    EXPECT(co_cursor_next(cursor, &key, &value) == CO_NOT_FOUND);
    EXPECT(co_cursor_next(cursor, &key, &value) == CO_NOT_FOUND); /* the end stays the end */
    EXPECT(co_cursor_seek(cursor, text("c"), &key, &value) == CO_NOT_FOUND);
    EXPECT(co_cursor_next(cursor, &key, &value) == CO_NOT_FOUND);
    EXPECT(co_cursor_seek(cursor, text(""), &key, &value) == CO_OK && co_bytes_equal(key, text("a"))); /* and back */
    EXPECT(co_cursor_next(cursor, &key, &value) == CO_OK && co_bytes_equal(value, text("2")));
    struct co_cursor *other = co_cursor_open(txn, 40); /* two at once are independent */
    EXPECT(co_cursor_seek(other, text("a"), &key, &value) == CO_OK);
    EXPECT(co_cursor_next(cursor, &key, &value) == CO_NOT_FOUND);
    EXPECT(co_cursor_next(other, &key, &value) == CO_OK && co_bytes_equal(key, text("b")));
    co_cursor_close(other);
    co_cursor_close(cursor);
    storage_end(txn);
    return true;
}

static bool check_cursor_beside_writes(struct storage_world *w) {
    struct co_txn *txn = storage_begin(w, true);
    char key[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "key-%06d", i);
        EXPECT(put(w, txn, 40, key, key + 4));
    }
    /* Copying one table to the next: the cursor's own table is not written. */
    struct co_bytes found, value;
    struct co_cursor *cursor = co_cursor_open(txn, 40);
    int count = 0;
    for (co_status status = co_cursor_seek(cursor, text(""), &found, &value); status == CO_OK;
         status = co_cursor_next(cursor, &found, &value), count++) {
        snprintf(key, sizeof key, "key-%06d", count);
        EXPECT(co_bytes_equal(found, text(key)));
        /* The bytes of a read are good until the end of the next write, which may be given them. */
        EXPECT(co_put(txn, count % 2 ? 39 : 41, found, value, &w->error) == CO_OK);
    }
    co_cursor_close(cursor);
    EXPECT(count == 2000);
    EXPECT(storage_commit(w, txn));
    txn = storage_begin(w, false);
    EXPECT(holds(txn, 39, "key-001999", "001999") && holds(txn, 41, "key-001998", "001998"));
    EXPECT(holds(txn, 39, "key-001998", NULL) && holds(txn, 41, "key-001999", NULL));
    storage_end(txn);
    return true;
}

static bool check_own_bytes(struct storage_world *w) {
    struct co_txn *txn = storage_begin(w, true);
    struct co_bytes value;
    char large[3000];
    memset(large, 'x', sizeof large);
    EXPECT(put(w, txn, 40, "a", "a value to be moved"));
    for (char name[] = "b"; name[0] < 'z'; name[0]++) EXPECT(put(w, txn, 40, name, "some bytes in between"));
    /* A row's own bytes written back, shorter, longer beside it, and elsewhere. */
    EXPECT(co_get(txn, 40, text("a"), &value) == CO_OK);
    EXPECT(co_put(txn, 40, text("a"), co_bytes((const char *)value.data + 2, value.size - 2), &w->error) == CO_OK);
    EXPECT(holds(txn, 40, "a", "value to be moved"));
    EXPECT(co_get(txn, 40, text("a"), &value) == CO_OK);
    EXPECT(co_put(txn, 40, text("A"), value, &w->error) == CO_OK);
    EXPECT(holds(txn, 40, "A", "value to be moved") && holds(txn, 40, "a", "value to be moved"));
    EXPECT(co_get(txn, 40, text("a"), &value) == CO_OK);
    EXPECT(co_put(txn, 40, value, value, &w->error) == CO_OK);
    EXPECT(holds(txn, 40, "value to be moved", "value to be moved"));
    EXPECT(co_put(txn, 40, text("large"), co_bytes(large, sizeof large), &w->error) == CO_OK);
    EXPECT(co_get(txn, 40, text("large"), &value) == CO_OK);
    EXPECT(co_put(txn, 40, text("c"), value, &w->error) == CO_OK);
    EXPECT(co_get(txn, 40, text("c"), &value) == CO_OK && co_bytes_equal(value, co_bytes(large, sizeof large)));
    EXPECT(storage_commit(w, txn));
    return true;
}

/* --- keys and values at their limits --- */

static bool check_binary_keys(struct storage_world *w) {
    uint8_t keys[6][CO_STORAGE_KEY_MAX];
    memset(keys, 0, sizeof keys);
    memset(keys[3], 0xff, sizeof keys[3]);
    keys[4][0] = 'a';
    keys[5][CO_STORAGE_KEY_MAX - 1] = 1;
    /* In order: one NUL, two NULs, 500 NULs, 499 NULs and a 1, "a" NUL, 500 times 0xff. */
    struct co_bytes sorted[] = {co_bytes(keys[0], 1),   co_bytes(keys[1], 2), co_bytes(keys[2], CO_STORAGE_KEY_MAX),
                                co_bytes(keys[5], 500), co_bytes(keys[4], 2), co_bytes(keys[3], CO_STORAGE_KEY_MAX)};
    static const size_t order[] = {3, 1, 5, 0, 4, 2};
    struct co_txn *txn = storage_begin(w, true);
    for (size_t i = 0; i < CO_COUNT(order); i++)
        EXPECT(co_put(txn, 40, sorted[order[i]], co_bytes(&order[i], sizeof order[i]), &w->error) == CO_OK);
    EXPECT(put(w, txn, 41, "a", "next table"));
    EXPECT(storage_commit(w, txn));

    txn = storage_begin(w, false);
    struct co_bytes key = {0}, value = {0};
    struct co_cursor *cursor = co_cursor_open(txn, 40);
    co_status status = co_cursor_seek(cursor, text(""), &key, &value);
    for (size_t i = 0; i < CO_COUNT(sorted); i++, status = co_cursor_next(cursor, &key, &value)) {
        EXPECT(status == CO_OK && co_bytes_equal(key, sorted[i]));
        EXPECT(value.size == sizeof i && memcmp(value.data, &i, sizeof i) == 0);
    }
    EXPECT(status == CO_NOT_FOUND);
    for (size_t i = 0; i < CO_COUNT(sorted); i++) {
        EXPECT(co_cursor_seek(cursor, sorted[i], &key, &value) == CO_OK && co_bytes_equal(key, sorted[i]));
        EXPECT(co_get(txn, 40, sorted[i], &value) == CO_OK && memcmp(value.data, &i, sizeof i) == 0);
    }
    EXPECT(co_get(txn, 40, co_bytes(keys[1], 3), &value) == CO_NOT_FOUND);
    /* Keys longer than any stored one may be asked for, not written. */
    uint8_t longer[CO_STORAGE_KEY_MAX + 40];
    memset(longer, 0, sizeof longer);
    EXPECT(co_get(txn, 40, co_bytes(longer, sizeof longer), &value) == CO_NOT_FOUND);
    EXPECT(co_cursor_seek(cursor, co_bytes(longer, sizeof longer), &key, &value) == CO_OK);
    EXPECT(co_bytes_equal(key, sorted[3]));
    memset(longer, 0xff, sizeof longer);
    EXPECT(co_cursor_seek(cursor, co_bytes(longer, sizeof longer), &key, &value) == CO_NOT_FOUND);
    co_cursor_close(cursor);
    storage_end(txn);
    return true;
}

static bool check_long_keys(struct storage_world *w) {
    /* Neighbours that differ in the last of 500 bytes only, enough of them for several levels of a tree. */
    uint8_t bytes[CO_STORAGE_KEY_MAX];
    struct co_txn *txn = storage_begin(w, true);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned n = i * 1861 % 3000;
        memset(bytes, 'k', sizeof bytes);
        bytes[sizeof bytes - 2] = (uint8_t)(n >> 8);
        bytes[sizeof bytes - 1] = (uint8_t)n;
        EXPECT(co_put(txn, 40, co_bytes(bytes, sizeof bytes), co_bytes(&n, sizeof n), &w->error) == CO_OK);
    }
    EXPECT(storage_commit(w, txn));
    txn = storage_begin(w, false);
    struct co_bytes key, value;
    struct co_cursor *cursor = co_cursor_open(txn, 40);
    unsigned count = 0;
    for (co_status status = co_cursor_seek(cursor, text("kk"), &key, &value); status == CO_OK;
         status = co_cursor_next(cursor, &key, &value), count++)
        EXPECT(value.size == sizeof count && memcmp(value.data, &count, sizeof count) == 0);
    EXPECT(count == 3000);
    co_cursor_close(cursor);
    storage_end(txn);
    return true;
}

static bool check_large_values(struct storage_world *w) {
    static const size_t sizes[] = {4095, 4096, 4097, 65535, 65536, 512 << 10, 1 << 20, 3 << 20};
    size_t most = sizes[CO_COUNT(sizes) - 1];
    uint8_t *even = co_malloc(most), *random = co_malloc(most);
    memset(even, 'e', most);
    co_random_bytes(random, most);
    bool is_good = false;
    struct co_txn *txn = storage_begin(w, true);
    for (size_t i = 0; i < CO_COUNT(sizes); i++)
        for (int j = 0; j < 2; j++) {
            char key[16];
            snprintf(key, sizeof key, "%c%zu", j ? 'e' : 'r', i);
            if (co_put(txn, 40, text(key), co_bytes(j ? even : random, sizes[i]), &w->error)) goto out;
        }
    if (!storage_commit(w, txn)) goto out;
    txn = storage_begin(w, false);
    struct co_bytes value[CO_COUNT(sizes)][2]; /* all at once: reads stay valid until the end */
    for (size_t i = 0; i < CO_COUNT(sizes); i++)
        for (int j = 0; j < 2; j++) {
            char key[16];
            snprintf(key, sizeof key, "%c%zu", j ? 'e' : 'r', i);
            if (co_get(txn, 40, text(key), &value[i][j])) goto out;
        }
    for (size_t i = 0; i < CO_COUNT(sizes); i++)
        for (int j = 0; j < 2; j++)
            if (!co_bytes_equal(value[i][j], co_bytes(j ? even : random, sizes[i]))) goto out;
    storage_end(txn);
    is_good = true;
out:
    free(even);
    free(random);
    EXPECT(is_good);
    txn = storage_begin(w, false); /* walked by a cursor whose bytes need not last */
    struct co_bytes key, found;
    struct co_cursor *cursor = co_cursor_open(txn, 40);
    EXPECT(!cursor->is_passing);
    cursor->is_passing = true;
    size_t seen = 0;
    for (co_status status = co_cursor_seek(cursor, text("e"), &key, &found); status == CO_OK && seen < CO_COUNT(sizes);
         status = co_cursor_next(cursor, &key, &found), seen++) {
        EXPECT(found.size == sizes[seen]);
        EXPECT(memcmp(found.data, "eeee", 4) == 0 && ((const char *)found.data)[found.size - 1] == 'e');
    }
    EXPECT(seen == CO_COUNT(sizes));
    co_cursor_close(cursor);
    storage_end(txn);
    txn = storage_begin(w, true); /* and they go away */
    EXPECT(co_del(txn, 40, text("r7"), &w->error) == CO_OK);
    EXPECT(put(w, txn, 40, "e7", "small now"));
    EXPECT(holds(txn, 40, "r7", NULL) && holds(txn, 40, "e7", "small now"));
    EXPECT(storage_commit(w, txn));
    return true;
}

/* --- transactions --- */

static bool check_abort(struct storage_world *w) {
    struct co_txn *txn = storage_begin(w, true);
    EXPECT(put(w, txn, 40, "a", "1") && put(w, txn, 41, "b", "2"));
    EXPECT(storage_commit(w, txn));
    char key[16];
    for (int round = 0; round < 3; round++) {
        txn = storage_begin(w, true);
        EXPECT(put(w, txn, 40, "a", "changed") && put(w, txn, 40, "new", "n"));
        EXPECT(co_clear(txn, 41, &w->error) == CO_OK);
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "%d", i);
            EXPECT(put(w, txn, 42, key, "x"));
        }
        for (int i = 0; i < 1000; i += 2) {
            snprintf(key, sizeof key, "%d", i);
            EXPECT(co_del(txn, 42, text(key), &w->error) == CO_OK);
        }
        storage_end(txn);
        txn = storage_begin(w, round == 1);
        EXPECT(walks(txn, 40, "", "a=1") && walks(txn, 41, "", "b=2") && walks(txn, 42, "", ""));
        storage_end(txn);
    }
    return true;
}

static bool check_snapshots(struct storage_world *w) {
    struct co_txn *writer = storage_begin(w, true);
    char key[16], value[16];
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "%03d", i);
        EXPECT(put(w, writer, 40, key, "old"));
    }
    EXPECT(storage_commit(w, writer));

    struct co_txn *before = storage_begin(w, false);
    struct co_bytes early;
    EXPECT(co_get(before, 40, text("007"), &early) == CO_OK);
    writer = storage_begin(w, true);
    EXPECT(put(w, writer, 40, "007", "new"));
    struct co_txn *during = storage_begin(w, false);
    EXPECT(holds(writer, 40, "007", "new")); /* sees itself */
    EXPECT(holds(before, 40, "007", "old") && holds(during, 40, "007", "old"));
    EXPECT(co_clear(writer, 40, &w->error) == CO_OK);
    EXPECT(holds(during, 40, "100", "old"));
    EXPECT(put(w, writer, 40, "007", "newer"));
    EXPECT(storage_commit(w, writer));
    struct co_txn *after = storage_begin(w, false);
    EXPECT(holds(before, 40, "007", "old") && holds(during, 40, "007", "old") && holds(after, 40, "007", "newer"));
    EXPECT(co_bytes_equal(early, text("old")));

    for (int i = 0; i < 1000; i++) { /* many later commits, which reuse whatever they can */
        writer = storage_begin(w, true);
        snprintf(key, sizeof key, "%03d", i % 500);
        snprintf(value, sizeof value, "%d", i);
        EXPECT(put(w, writer, 40, key, value));
        if (i % 3 == 0) EXPECT(put(w, writer, 41, value, key));
        EXPECT(storage_commit(w, writer));
    }
    EXPECT(co_bytes_equal(early, text("old")));
    struct co_bytes found, got;
    for (int round = 0; round < 2; round++) {
        struct co_cursor *cursor = co_cursor_open(round ? during : before, 40);
        int count = 0;
        for (co_status status = co_cursor_seek(cursor, text(""), &found, &got); status == CO_OK;
             status = co_cursor_next(cursor, &found, &got), count++)
            EXPECT(co_bytes_equal(got, text("old")));
        co_cursor_close(cursor);
        EXPECT(count == 500);
    }
    EXPECT(walks(after, 40, "", "007=newer") && walks(after, 41, "", ""));
    storage_end(during); /* not in the order of their begins */
    EXPECT(holds(before, 40, "499", "old"));
    storage_end(after);
    storage_end(before);
    struct co_txn *now = storage_begin(w, false);
    EXPECT(holds(now, 40, "499", "999"));
    storage_end(now);
    return true;
}

static bool check_many_readers(struct storage_world *w) {
    size_t count = w->subject->readers ? w->subject->readers : 100;
    struct co_txn **readers = co_calloc(count, sizeof readers[0]);
    bool is_good = true;
    char value[24];
    for (size_t i = 0; i < count; i++) {
        struct co_txn *writer = storage_begin(w, true);
        snprintf(value, sizeof value, "%zu", i);
        is_good =
            is_good && put(w, writer, 40, "k", value) && put(w, writer, 41, value, "x") && storage_commit(w, writer);
        readers[i] = storage_begin(w, false);
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = i % 2 ? i / 2 : count - 1 - i / 2; /* from both ends */
        snprintf(value, sizeof value, "%zu", at);
        is_good = is_good && holds(readers[at], 40, "k", value) && holds(readers[at], 41, value, "x");
        snprintf(value, sizeof value, "%zu", at + 1);
        is_good = is_good && holds(readers[at], 41, value, NULL);
        storage_end(readers[at]);
    }
    free(readers);
    EXPECT(is_good);
    return true;
}

static void note_touch(void *arg, co_table_id table, struct co_bytes key) {
    char *notes = arg;
    size_t size = strlen(notes);
    snprintf(notes + size, 100 - size, "%u:%.*s ", table, (int)key.size, (const char *)key.data);
}

static bool check_touched(struct storage_world *w) {
    char notes[100] = "";
    struct co_txn *txn = storage_begin(w, true);
    txn->touched = note_touch;
    txn->touched_arg = notes;
    EXPECT(put(w, txn, 40, "a", "1"));
    EXPECT(co_del(txn, 40, text("b"), &w->error) == CO_NOT_FOUND);
    EXPECT(co_clear(txn, 41, &w->error) == CO_OK);
    EXPECT(storage_commit(w, txn));
    EXPECT(strcmp(notes, "40:a 40:b 41: ") == 0);
    for (int i = 0; i < 3; i++) {
        txn = storage_begin(w, true); /* asserts that `touched` is not inherited */
        EXPECT(put(w, txn, 40, "c", "1"));
        storage_end(txn);
    }
    return true;
}

static bool check_bytes_used(struct storage_world *w) {
    uint64_t before = w->store.ops->bytes_used(w->store.self);
    char *value = co_calloc(1, 1000);
    struct co_txn *txn = storage_begin(w, true);
    bool is_good = true;
    for (uint32_t i = 0; i < 1000; i++)
        is_good = is_good && co_put(txn, 40, co_bytes(&i, sizeof i), co_bytes(value, 1000), &w->error) == CO_OK;
    free(value);
    EXPECT(is_good && storage_commit(w, txn));
    uint64_t after = w->store.ops->bytes_used(w->store.self);
    EXPECT(after >= before + 1000 * 1000 && after < before + 4 * 1000 * 1000);
    txn = storage_begin(w, true);
    EXPECT(co_clear(txn, 40, &w->error) == CO_OK);
    EXPECT(storage_commit(w, txn));
    EXPECT(w->store.ops->bytes_used(w->store.self) < before + 100 * 1000);
    return true;
}

static bool check_clear_large(struct storage_world *w) {
    for (int round = 0; round < 2; round++) {
        struct co_txn *txn = storage_begin(w, true);
        for (uint32_t i = 0; i < 20000; i++) {
            uint32_t key = i * 2654435761u;
            for (co_table_id table = 39; table <= 41; table++)
                if (table == 40 || i % 10 == 0)
                    EXPECT(co_put(txn, table, co_bytes(&key, sizeof key), co_bytes(&i, sizeof i), &w->error) == CO_OK);
        }
        if (round) EXPECT(storage_commit(w, txn)); /* cleared in the same transaction, and in a later one */
        if (round) txn = storage_begin(w, true);
        EXPECT(co_clear(txn, 40, &w->error) == CO_OK);
        EXPECT(walks(txn, 40, "", ""));
        EXPECT(put(w, txn, 40, "a", "again"));
        EXPECT(storage_commit(w, txn));
        txn = storage_begin(w, false);
        EXPECT(walks(txn, 40, "", "a=again"));
        for (co_table_id table = 39; table <= 41; table += 2) {
            struct co_bytes key, value;
            struct co_cursor *cursor = co_cursor_open(txn, table);
            int count = 0;
            for (co_status status = co_cursor_seek(cursor, text(""), &key, &value); status == CO_OK;
                 status = co_cursor_next(cursor, &key, &value))
                count++;
            co_cursor_close(cursor);
            EXPECT(count == 2000);
        }
        storage_end(txn);
    }
    return true;
}

static bool check_reopen(struct storage_world *w) {
    struct co_txn *txn = storage_begin(w, true);
    EXPECT(put(w, txn, 40, "a", "1") && put(w, txn, 1023, "z", "26"));
    EXPECT(storage_commit(w, txn));
    txn = storage_begin(w, true);
    EXPECT(put(w, txn, 40, "b", "never committed"));
    storage_end(txn);
    for (int round = 0; round < 3; round++) {
        EXPECT(storage_open(w, false));
        txn = storage_begin(w, false);
        EXPECT(walks(txn, 40, "", "a=1") && walks(txn, 1023, "", "z=26"));
        storage_end(txn);
    }
    txn = storage_begin(w, true);
    EXPECT(co_clear(txn, 40, &w->error) == CO_OK && put(w, txn, 40, "c", "3"));
    EXPECT(storage_commit(w, txn));
    EXPECT(storage_open(w, false));
    txn = storage_begin(w, false);
    EXPECT(walks(txn, 40, "", "c=3"));
    storage_end(txn);
    EXPECT(storage_open(w, true));
    txn = storage_begin(w, false);
    EXPECT(walks(txn, 40, "", "") && walks(txn, 1023, "", ""));
    storage_end(txn);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct storage_world *);
    bool is_for_persistent;
} checks[] = {
    {"rows: put, get, delete", check_rows, false},
    {"byte order and seeking", check_order, false},
    {"tables are separate", check_tables, false},
    {"cursors at the ends", check_cursor_ends, false},
    {"a cursor beside writes to other tables", check_cursor_beside_writes, false},
    {"a transaction's own bytes written back", check_own_bytes, false},
    {"binary keys, 1 to 500 bytes", check_binary_keys, false},
    {"500-byte keys in quantity", check_long_keys, false},
    {"large values", check_large_values, false},
    {"abort leaves nothing", check_abort, false},
    {"snapshots stay as they were", check_snapshots, false},
    {"many open readers", check_many_readers, false},
    {"touched is told of every write", check_touched, false},
    {"bytes_used follows the data", check_bytes_used, false},
    {"clearing a large table", check_clear_large, false},
    {"data is there after a reopen", check_reopen, true},
    {"growing and shrinking", storage_check_grow_and_shrink, false},
    {"random operations against a twin", storage_check_random, false},
};

int co_conformance_storage(const struct co_storage_conformance *subject) {
    struct storage_world world = {.subject = subject, .seed = subject->seed};
    const char *seed = getenv("COHORT_SEED");
    if (seed) world.seed = strtoull(seed, NULL, 10);
    while (world.seed == 0) co_random_bytes(&world.seed, sizeof world.seed);
    printf("storage \"%s\", COHORT_SEED=%" PRIu64 "\n", subject->name, world.seed);
    for (size_t i = 0; i < CO_COUNT(checks); i++) {
        if (checks[i].is_for_persistent && !subject->is_persistent) continue;
        memset(&world.error, 0, sizeof world.error);
        bool is_good = storage_open(&world, true);
        if (!is_good) printf("    cannot open: %s\n", world.error.text);
        is_good = is_good && checks[i].run(&world);
        printf("%s  %s\n", is_good ? "ok    " : "FAILED", checks[i].name);
        fflush(stdout);
        if (!is_good) {
            /* Its transactions are still open: the store cannot be closed properly any more. */
            printf("stopped at the first failure; %zu checks not run\n", CO_COUNT(checks) - i - 1);
            return (int)(CO_COUNT(checks) - i);
        }
        storage_close(&world);
    }
    return 0;
}
