/* Random operations against a dumb twin, a sorted array. The twin keeps of a value only the seed that it follows from, so
 * that a snapshot of the twin is a plain copy. */
#include "storage_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
    co_table_id table;
    struct co_bytes key; /* in the pool, for ever */
    uint64_t seed;       /* the value: `size` bytes that follow from it */
    size_t size;
};
struct twin {
    struct row *rows; /* sorted by table, key */
    size_t count, room;
};
struct pool {
    struct co_bytes *keys;
    size_t count;
};

static uint64_t draw(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
static size_t below(uint64_t *state, size_t bound) {
    return (size_t)(draw(state) % bound);
}

static void value_fill(uint64_t seed, uint8_t *out, size_t size) {
    uint64_t state = seed;
    for (size_t i = 0; i < size; i++) out[i] = seed % 2 ? (uint8_t)draw(&state) : (uint8_t)(seed >> (i % 8));
}

static int order(const struct row *row, co_table_id table, struct co_bytes key) {
    return row->table != table ? (row->table < table ? -1 : 1) : co_bytes_compare(row->key, key);
}

static size_t twin_find(const struct twin *twin, co_table_id table, struct co_bytes key, bool *is_equal) {
    size_t low = 0, high = twin->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (order(&twin->rows[middle], table, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *is_equal = low < twin->count && order(&twin->rows[low], table, key) == 0;
    return low;
}

static void twin_put(struct twin *twin, const struct row *row) {
    bool is_equal;
    size_t at = twin_find(twin, row->table, row->key, &is_equal);
    if (!is_equal) {
        if (twin->count == twin->room) {
            twin->room = twin->room ? 2 * twin->room : 64;
            twin->rows = co_realloc(twin->rows, twin->room * sizeof *row);
        }
        memmove(twin->rows + at + 1, twin->rows + at, (twin->count++ - at) * sizeof *row);
    }
    twin->rows[at] = *row;
}

static bool twin_del(struct twin *twin, co_table_id table, struct co_bytes key) {
    bool is_equal;
    size_t at = twin_find(twin, table, key, &is_equal);
    if (is_equal) memmove(twin->rows + at, twin->rows + at + 1, (--twin->count - at) * sizeof twin->rows[0]);
    return is_equal;
}

static void twin_clear(struct twin *twin, co_table_id table) {
    size_t kept = 0;
    for (size_t i = 0; i < twin->count; i++)
        if (twin->rows[i].table != table) twin->rows[kept++] = twin->rows[i];
    twin->count = kept;
}

static void twin_copy(struct twin *to, const struct twin *from) {
    free(to->rows);
    *to = (struct twin){co_malloc((from->count + 1) * sizeof from->rows[0]), from->count, from->count + 1};
    if (from->count) memcpy(to->rows, from->rows, from->count * sizeof from->rows[0]);
}

static bool row_matches(const struct row *row, struct co_bytes value, uint8_t *scratch) {
    if (row->size != value.size) return false;
    value_fill(row->seed, scratch, row->size);
    return co_bytes_equal(value, co_bytes(scratch, row->size));
}

#define TWIN_TABLES   3
#define TWIN_READERS  8
#define TWIN_VALUE    20000
#define TWIN_FIRST    30
#define TWIN_KEYS_MAX 1500

static struct pool pool_new(uint64_t *state) {
    struct pool pool = {co_calloc(TWIN_KEYS_MAX, sizeof(struct co_bytes)), 0};
    static const char alphabet[] = "ab\0\xff/";
    for (; pool.count < TWIN_KEYS_MAX; pool.count++) {
        uint8_t key[CO_STORAGE_KEY_MAX];
        size_t size = 0, shared = 0;
        /* Half of them continue or cut an earlier key: neighbours with long common beginnings. */
        if (pool.count && below(state, 2)) {
            struct co_bytes other = pool.keys[below(state, pool.count)];
            shared = size = below(state, other.size + 1);
            if (size) memcpy(key, other.data, size);
        }
        size_t most = below(state, 20) ? 6 : CO_STORAGE_KEY_MAX;
        size += 1 + below(state, most);
        if (size > sizeof key) size = sizeof key;
        if (shared > size) shared = size;
        for (size_t i = shared; i < size; i++) key[i] = (uint8_t)alphabet[below(state, sizeof alphabet - 1)];
        if (size == 0) key[size++] = 'a';
        uint8_t *copy = co_malloc(size);
        memcpy(copy, key, size);
        pool.keys[pool.count] = co_bytes(copy, size);
    }
    return pool;
}

static void pool_free(struct pool *pool) {
    for (size_t i = 0; i < pool->count; i++) free((void *)pool->keys[i].data);
    free(pool->keys);
}

/* Some gets and a walk of a stretch; `all`: every row. */
static bool twin_compare(struct storage_world *w, struct co_txn *txn, const struct twin *twin, const struct pool *pool,
                         uint64_t *state, bool all, uint8_t *scratch) {
    struct co_bytes key = {0}, value = {0};
    bool is_equal;
    for (int i = 0; i < 20; i++) {
        co_table_id table = (co_table_id)(TWIN_FIRST + below(state, TWIN_TABLES));
        struct co_bytes wanted = pool->keys[below(state, pool->count)];
        size_t at = twin_find(twin, table, wanted, &is_equal);
        co_status status = co_get(txn, table, wanted, &value);
        EXPECT(status == (is_equal ? CO_OK : CO_NOT_FOUND));
        if (is_equal) EXPECT(row_matches(&twin->rows[at], value, scratch));
    }
    for (size_t i = 0; i < (all ? TWIN_TABLES : 1); i++) {
        co_table_id table = (co_table_id)(TWIN_FIRST + (all ? i : below(state, TWIN_TABLES)));
        struct co_bytes from = all ? co_bytes(NULL, 0) : pool->keys[below(state, pool->count)];
        size_t left = all ? SIZE_MAX : below(state, 60);
        size_t at = twin_find(twin, table, from, &is_equal);
        struct co_cursor *cursor = co_cursor_open(txn, table);
        co_status status = co_cursor_seek(cursor, from, &key, &value);
        for (; at < twin->count && twin->rows[at].table == table && left; at++, left--) {
            EXPECT(status == CO_OK);
            EXPECT(co_bytes_equal(key, twin->rows[at].key) && row_matches(&twin->rows[at], value, scratch));
            status = co_cursor_next(cursor, &key, &value);
        }
        if (left) EXPECT(status == CO_NOT_FOUND);
        co_cursor_close(cursor);
    }
    return true;
}

/* Writes to any table but `spared`. */
static bool random_write(struct storage_world *w, struct co_txn *txn, struct twin *twin, const struct pool *pool,
                         uint64_t *state, co_table_id spared, uint8_t *scratch) {
    co_table_id table = (co_table_id)(TWIN_FIRST + below(state, TWIN_TABLES));
    if (table == spared) return true;
    struct row row = {table, pool->keys[below(state, pool->count)], draw(state), 0};
    switch (below(state, 8)) {
    case 0:
    case 1:
    case 2: {
        bool was_there = twin_del(twin, table, row.key);
        EXPECT(co_del(txn, table, row.key, &w->error) == (was_there ? CO_OK : CO_NOT_FOUND));
        return true;
    }
    default:
        row.size = below(state, 40) ? below(state, 64) : below(state, TWIN_VALUE);
        value_fill(row.seed, scratch, row.size);
        EXPECT(co_put(txn, table, row.key, co_bytes(scratch, row.size), &w->error) == CO_OK);
        twin_put(twin, &row);
        return true;
    }
}

struct twin_reader {
    struct co_txn *txn;
    struct twin twin;
};

/* A cursor walks one table while the others are written. */
static bool random_copy(struct storage_world *w, struct co_txn *txn, struct twin *twin, const struct pool *pool,
                        uint64_t *state, uint8_t *scratch) {
    co_table_id table = (co_table_id)(TWIN_FIRST + below(state, TWIN_TABLES));
    struct co_bytes from = pool->keys[below(state, pool->count)], key = {0}, value = {0};
    struct co_cursor *cursor = co_cursor_open(txn, table);
    co_status status = co_cursor_seek(cursor, from, &key, &value);
    bool is_equal;
    size_t at = twin_find(twin, table, from, &is_equal);
    for (size_t i = 0; i < 100; i++) {
        bool is_end = at == twin->count || twin->rows[at].table != table;
        EXPECT(status == (is_end ? CO_NOT_FOUND : CO_OK));
        if (is_end) break;
        EXPECT(co_bytes_equal(key, twin->rows[at].key) && row_matches(&twin->rows[at], value, scratch));
        struct co_bytes here = twin->rows[at].key;
        for (size_t writes = below(state, 5); writes > 0; writes--)
            EXPECT(random_write(w, txn, twin, pool, state, table, scratch));
        /* The key after this one is the first that is greater. */
        at = twin_find(twin, table, here, &is_equal) + 1;
        status = co_cursor_next(cursor, &key, &value);
    }
    co_cursor_close(cursor);
    return true;
}

static bool random_round(struct storage_world *w, struct twin *now, struct twin *next, const struct pool *pool,
                         struct twin_reader *readers, uint64_t *state, uint8_t *scratch) {
    struct twin_reader *reader = &readers[below(state, TWIN_READERS)];
    if (reader->txn) {
        EXPECT(twin_compare(w, reader->txn, &reader->twin, pool, state, below(state, 8) == 0, scratch));
        if (below(state, 3) == 0) {
            storage_end(reader->txn);
            reader->txn = NULL;
        }
    } else {
        reader->txn = storage_begin(w, false);
        twin_copy(&reader->twin, now);
    }
    struct co_txn *txn = storage_begin(w, true);
    twin_copy(next, now);
    size_t writes = below(state, 4) ? below(state, 8) : below(state, 600);
    for (size_t i = 0; i < writes; i++) {
        EXPECT(random_write(w, txn, next, pool, state, 0, scratch));
        if (i % 50 == 0) EXPECT(twin_compare(w, txn, next, pool, state, false, scratch));
    }
    if (below(state, 3) == 0) EXPECT(random_copy(w, txn, next, pool, state, scratch));
    if (below(state, 25) == 0) {
        co_table_id table = (co_table_id)(TWIN_FIRST + below(state, TWIN_TABLES));
        EXPECT(co_clear(txn, table, &w->error) == CO_OK);
        twin_clear(next, table);
    }
    if (below(state, 5) == 0) {
        storage_end(txn);
        return true;
    }
    EXPECT(storage_commit(w, txn));
    twin_copy(now, next);
    return true;
}

bool storage_check_random(struct storage_world *w) {
    uint64_t state = w->seed;
    uint8_t *scratch = co_malloc(TWIN_VALUE);
    struct pool pool = pool_new(&state);
    struct twin now = {0}, next = {0};
    struct twin_reader readers[TWIN_READERS];
    memset(readers, 0, sizeof readers);
    size_t rounds = w->subject->rounds ? w->subject->rounds : 400;
    bool is_good = true;
    for (size_t i = 0; is_good && i < rounds; i++) {
        is_good = random_round(w, &now, &next, &pool, readers, &state, scratch);
        if (!is_good) printf("    in round %zu of seed %" PRIu64 "\n", i, w->seed);
        if (is_good && w->subject->is_persistent && below(&state, 40) == 0) {
            for (size_t j = 0; j < TWIN_READERS; j++) {
                if (readers[j].txn) storage_end(readers[j].txn);
                readers[j].txn = NULL;
            }
            is_good = storage_open(w, false);
        }
    }
    if (is_good) {
        struct co_txn *txn = storage_begin(w, false);
        is_good = twin_compare(w, txn, &now, &pool, &state, true, scratch);
        storage_end(txn);
    }
    for (size_t j = 0; j < TWIN_READERS; j++) {
        if (is_good && readers[j].txn) {
            is_good = twin_compare(w, readers[j].txn, &readers[j].twin, &pool, &state, true, scratch);
            storage_end(readers[j].txn);
        }
        free(readers[j].twin.rows);
    }
    free(now.rows);
    free(next.rows);
    free(scratch);
    pool_free(&pool);
    return is_good;
}

/* Grows a table to many rows and shrinks it to nothing in random order, so that trees gain and lose levels. */
bool storage_check_grow_and_shrink(struct storage_world *w) {
    enum { ROWS = 20000, BATCH = 500 };
    uint64_t state = w->seed;
    uint32_t *ids = co_malloc(ROWS * sizeof ids[0]);
    bool is_good = true;
    for (uint32_t i = 0; i < ROWS; i++) ids[i] = i;
    for (int phase = 0; is_good && phase < 2; phase++) {
        for (uint32_t i = ROWS - 1; i > 0; i--) {
            size_t j = below(&state, i + 1);
            uint32_t swap = ids[i];
            ids[i] = ids[j];
            ids[j] = swap;
        }
        for (uint32_t at = 0; is_good && at < ROWS; at += BATCH) {
            struct co_txn *txn = storage_begin(w, true);
            for (uint32_t i = at; is_good && i < at + BATCH; i++) {
                char key[32];
                int size = snprintf(key, sizeof key, "service-%05u/node-%u", ids[i], ids[i] % 7);
                struct co_bytes bytes = co_bytes(key, (size_t)size);
                is_good =
                    (phase ? co_del(txn, 40, bytes, &w->error) : co_put(txn, 40, bytes, bytes, &w->error)) == CO_OK;
            }
            is_good = is_good && storage_commit(w, txn);
            if (!is_good) break;
            txn = storage_begin(w, false);
            size_t count = 0;
            struct co_bytes key, value;
            struct co_cursor *cursor = co_cursor_open(txn, 40);
            for (co_status status = co_cursor_seek(cursor, co_bytes_text("service-"), &key, &value); status == CO_OK;
                 status = co_cursor_next(cursor, &key, &value))
                count++;
            co_cursor_close(cursor);
            storage_end(txn);
            is_good = count == (phase ? ROWS - at - BATCH : at + BATCH);
        }
    }
    free(ids);
    EXPECT(is_good);
    return true;
}
