/* The checks of the journal interface. Each case is a small story on an empty journal; `expect` reports and leaves the case.
 * The twin is a plain array: what the journal must hold. */
#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TWIN_MAX 8192u
#define REFUSED  UINT64_MAX

struct twin {
    uint64_t first, last; /* entries that must be there */
    uint64_t term[TWIN_MAX];
    uint32_t size[TWIN_MAX], salt[TWIN_MAX];
    uint8_t type[TWIN_MAX];
};

struct suite {
    const struct co_journal_world *world;
    const char *name;
    struct co_journal journal;
    bool is_open;
    struct twin *twin;
    struct co_arena arena; /* of what an append borrows; reset when nothing is under way */
    int under_way;
    uint64_t answers; /* counts `done` calls, to check their order */
    uint64_t random;
    char why[1400];
};

#define expect(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            snprintf(suite->why, sizeof suite->why, "journal.c:%d: expected %s", __LINE__, #condition);                \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

static uint64_t random_below(struct suite *suite, uint64_t bound) {
    suite->random ^= suite->random << 13;
    suite->random ^= suite->random >> 7;
    suite->random ^= suite->random << 17;
    return suite->random % bound;
}

/* --- entries whose bytes follow from few numbers --- */

static uint8_t byte_of(uint32_t salt, uint32_t at) {
    /* A third compresses well, a third not at all, a third is zeros. */
    if (salt % 3 == 0) return (uint8_t)(at / 64 + salt);
    if (salt % 3 == 1) return (uint8_t)((at * 2654435761u + salt) * 40503u >> 13);
    return 0;
}

static struct co_journal_entry make_entry(struct suite *suite, uint64_t index, uint64_t term, uint8_t type,
                                          uint32_t size, uint32_t salt) {
    uint8_t *bytes = co_arena_alloc(&suite->arena, size);
    for (uint32_t i = 0; i < size; i++) bytes[i] = byte_of(salt, i);
    struct twin *twin = suite->twin;
    uint64_t slot = index % TWIN_MAX;
    twin->term[slot] = term;
    twin->type[slot] = type;
    twin->size[slot] = size;
    twin->salt[slot] = salt;
    return (struct co_journal_entry){
        .index = index, .term = term, .type = type, .data = co_bytes(size ? bytes : NULL, size)};
}

struct waiter {
    struct suite *suite;
    uint64_t answered_as; /* position among all answers; 0: not yet */
    co_status status;
    bool is_inside; /* the call that armed it has not returned */
    bool came_inside;
};

static void on_done(void *arg, co_status status, const struct co_error *error) {
    struct waiter *waiter = arg;
    waiter->answered_as = ++waiter->suite->answers;
    waiter->status = status;
    waiter->came_inside = waiter->is_inside;
    waiter->suite->under_way--;
    (void)error;
}

static void append(struct suite *suite, const struct co_journal_entry *entries, size_t count, struct waiter *waiter) {
    *waiter = (struct waiter){.suite = suite, .is_inside = true};
    suite->under_way++;
    suite->twin->last = entries[count - 1].index;
    suite->journal.ops->append(suite->journal.self, entries, count, on_done, waiter);
    waiter->is_inside = false;
}

static bool settle(struct suite *suite) {
    for (int turns = 0; suite->under_way > 0 && turns < 100000; turns++) suite->world->turn(suite->world->arg);
    expect(suite->under_way == 0);
    co_arena_reset(&suite->arena);
    return true;
}

/* Appends `count` entries as one batch and waits. */
static bool append_many(struct suite *suite, uint64_t first, size_t count, uint64_t term, uint32_t size) {
    struct co_journal_entry *entries = co_arena_array(&suite->arena, struct co_journal_entry, count);
    for (size_t i = 0; i < count; i++)
        entries[i] = make_entry(suite, first + i, term, (uint8_t)(i % 3), size, (uint32_t)(first + i));
    if (suite->twin->last + 1 == suite->twin->first) suite->twin->first = first;
    struct waiter waiter;
    append(suite, entries, count, &waiter);
    if (!settle(suite)) return false;
    expect(waiter.status == CO_OK);
    expect(!waiter.came_inside);
    return true;
}

static bool check_entry(struct suite *suite, uint64_t index) {
    struct twin *twin = suite->twin;
    struct co_arena arena = CO_ARENA_INIT;
    struct co_journal_entry entry = {0};
    struct co_error error = {0};
    co_status status = suite->journal.ops->read(suite->journal.self, index, &arena, &entry, &error);
    uint64_t slot = index % TWIN_MAX;
    bool is_same = status == CO_OK && entry.index == index && entry.term == twin->term[slot] &&
                   entry.type == twin->type[slot] && entry.data.size == twin->size[slot];
    const uint8_t *bytes = entry.data.data;
    for (uint32_t i = 0; is_same && i < twin->size[slot]; i++) is_same = bytes[i] == byte_of(twin->salt[slot], i);
    co_arena_fini(&arena);
    if (!is_same)
        snprintf(suite->why, sizeof suite->why, "entry %" PRIu64 " reads wrong (%s: %s)", index, co_status_name(status),
                 status ? error.text : "other bytes");
    return is_same;
}

/* Bounds and every entry agree with the twin. Files may keep entries before twin->first. */
static bool check_all(struct suite *suite) {
    uint64_t first, last;
    suite->journal.ops->bounds(suite->journal.self, &first, &last);
    struct twin *twin = suite->twin;
    if (twin->last + 1 == twin->first) {
        /* A reopened empty journal need not remember where it was. */
        expect(last + 1 == first || last == twin->last);
        return true;
    }
    expect(first <= twin->first);
    expect(last == twin->last);
    for (uint64_t index = twin->first; index <= twin->last; index++)
        if (!check_entry(suite, index)) return false;
    return true;
}

static bool open_journal(struct suite *suite) {
    struct co_error error = {0};
    co_status status = suite->world->open(suite->world->arg, &suite->journal, &error);
    suite->is_open = status == CO_OK;
    if (status) snprintf(suite->why, sizeof suite->why, "open: %s: %s", co_status_name(status), error.text);
    return suite->is_open;
}

static void close_journal(struct suite *suite) {
    if (suite->is_open) suite->world->close(suite->world->arg);
    suite->is_open = false;
}

static bool reopen(struct suite *suite) {
    close_journal(suite);
    return open_journal(suite);
}

/* --- the cases --- */

static bool begins_empty(struct suite *suite) {
    uint64_t first, last;
    suite->journal.ops->bounds(suite->journal.self, &first, &last);
    expect(first == 1 && last == 0);
    struct co_journal_entry entry;
    struct co_arena arena = CO_ARENA_INIT;
    expect(suite->journal.ops->read(suite->journal.self, 1, &arena, &entry, NULL) != CO_OK);
    struct co_bytes meta;
    expect(suite->journal.ops->load_meta(suite->journal.self, &arena, &meta, NULL) == CO_OK && meta.size == 0);
    co_arena_fini(&arena);
    return true;
}

static bool keeps_what_was_appended(struct suite *suite) {
    if (!append_many(suite, 1, 1, 1, 0)) return false; /* no data at all */
    if (!append_many(suite, 2, 200, 1, 100)) return false;
    if (!append_many(suite, 202, 3, 7, 100000)) return false; /* large ones */
    if (!append_many(suite, 205, 1, UINT64_MAX, 1)) return false;
    struct co_journal_entry odd = make_entry(suite, 206, 8, 255, 17, 4); /* a type that nobody knows */
    struct waiter waiter;
    append(suite, &odd, 1, &waiter);
    if (!settle(suite)) return false;
    if (!check_all(suite)) return false;
    /* Backwards and at random as well. */
    for (uint64_t index = 206; index >= 1; index--)
        if (!check_entry(suite, index)) return false;
    for (int i = 0; i < 200; i++)
        if (!check_entry(suite, 1 + random_below(suite, 206))) return false;
    struct co_arena arena = CO_ARENA_INIT;
    struct co_journal_entry entry;
    expect(suite->journal.ops->read(suite->journal.self, 207, &arena, &entry, NULL) != CO_OK);
    co_arena_fini(&arena);
    return true;
}

static bool first_index_is_free(struct suite *suite) {
    if (!append_many(suite, 1000001, 10, 3, 50)) return false;
    uint64_t first, last;
    suite->journal.ops->bounds(suite->journal.self, &first, &last);
    expect(first == 1000001 && last == 1000010);
    return check_all(suite);
}

static bool answers_in_order(struct suite *suite) {
    static struct waiter waiters[64]; /* outlives a failed case */
    static struct co_journal_entry entries[64][3];
    uint64_t before = suite->answers;
    for (size_t i = 0; i < CO_COUNT(waiters); i++) {
        for (size_t k = 0; k < 3; k++)
            entries[i][k] = make_entry(suite, 1 + i * 3 + k, 2, 0, (uint32_t)(i * 37), (uint32_t)i);
        append(suite, entries[i], 3, &waiters[i]);
        uint64_t first, last;
        suite->journal.ops->bounds(suite->journal.self, &first, &last);
        expect(last == 3 + i * 3); /* what has been handed over */
    }
    if (!settle(suite)) return false;
    for (size_t i = 0; i < CO_COUNT(waiters); i++) {
        expect(waiters[i].status == CO_OK);
        expect(!waiters[i].came_inside);
        expect(waiters[i].answered_as == before + i + 1);
    }
    return check_all(suite);
}

struct chain {
    struct suite *suite;
    uint64_t next, last;
    struct co_journal_entry entry;
    co_status status;
};

static void chain_on(void *arg, co_status status, const struct co_error *error) {
    struct chain *chain = arg;
    struct suite *suite = chain->suite;
    (void)error;
    if (status) chain->status = status;
    suite->under_way--;
    if (status || chain->next > chain->last) return;
    chain->entry = make_entry(suite, chain->next, 1, 0, 60, (uint32_t)chain->next);
    suite->twin->last = chain->next++;
    suite->under_way++;
    suite->journal.ops->append(suite->journal.self, &chain->entry, 1, chain_on, chain);
}

static bool done_may_append(struct suite *suite) {
    static struct chain chain;
    chain = (struct chain){.suite = suite, .next = 1, .last = 50};
    suite->under_way++;
    chain_on(&chain, CO_OK, NULL);
    for (int turns = 0; suite->under_way > 0 && turns < 100000; turns++) suite->world->turn(suite->world->arg);
    expect(chain.status == CO_OK && chain.next == 51);
    return check_all(suite);
}

static bool truncates_back(struct suite *suite) {
    struct twin *twin = suite->twin;
    if (!append_many(suite, 1, 300, 1, 120)) return false;
    static const uint64_t kept[] = {300, 299, 200, 129, 128, 127, 65, 64, 63, 1, 0};
    for (size_t i = 0; i < CO_COUNT(kept); i++) {
        expect(suite->journal.ops->truncate_back(suite->journal.self, kept[i], NULL) == CO_OK);
        twin->last = kept[i];
        if (!check_all(suite)) return false;
        /* The log goes on there, with other entries. */
        if (!append_many(suite, kept[i] + 1, 2, 10 + i, 77)) return false;
        if (!check_all(suite)) return false;
        if (suite->world->is_persistent && (!reopen(suite) || !check_all(suite))) return false;
    }
    return true;
}

static bool truncates_front(struct suite *suite) {
    struct twin *twin = suite->twin;
    if (!append_many(suite, 1, 500, 1, 1000)) return false;
    static const uint64_t kept[] = {1, 2, 100, 101, 499, 500};
    for (size_t i = 0; i < CO_COUNT(kept); i++) {
        expect(suite->journal.ops->truncate_front(suite->journal.self, kept[i], NULL) == CO_OK);
        twin->first = kept[i];
        if (!check_all(suite)) return false;
        uint64_t first, last;
        suite->journal.ops->bounds(suite->journal.self, &first, &last);
        if (first > 1) {
            struct co_arena arena = CO_ARENA_INIT;
            struct co_journal_entry entry;
            expect(suite->journal.ops->read(suite->journal.self, first - 1, &arena, &entry, NULL) != CO_OK);
            co_arena_fini(&arena);
        }
        if (suite->world->is_persistent && (!reopen(suite) || !check_all(suite))) return false;
    }
    if (!append_many(suite, 501, 10, 2, 10)) return false;
    if (!check_all(suite)) return false;
    /* Past the end: everything goes, and the next index is free. */
    expect(suite->journal.ops->truncate_front(suite->journal.self, 2000, NULL) == CO_OK);
    uint64_t first, last;
    suite->journal.ops->bounds(suite->journal.self, &first, &last);
    expect(first == last + 1);
    twin->first = 3000;
    twin->last = 2999;
    if (!append_many(suite, 3000, 5, 3, 10)) return false;
    suite->journal.ops->bounds(suite->journal.self, &first, &last);
    expect(first == 3000 && last == 3004);
    if (suite->world->is_persistent && !reopen(suite)) return false;
    return check_all(suite);
}

static bool truncates_front_while_appending(struct suite *suite) {
    if (!append_many(suite, 1, 400, 1, 1000)) return false;
    static struct waiter waiter;
    static struct co_journal_entry entries[50];
    for (size_t i = 0; i < 50; i++) entries[i] = make_entry(suite, 401 + i, 1, 0, 1000, (uint32_t)i);
    append(suite, entries, 50, &waiter);
    expect(suite->journal.ops->truncate_front(suite->journal.self, 401, NULL) == CO_OK);
    suite->twin->first = 401;
    if (!settle(suite)) return false;
    expect(waiter.status == CO_OK);
    return check_all(suite);
}

static bool check_meta(struct suite *suite, struct co_bytes want) {
    struct co_arena arena = CO_ARENA_INIT;
    struct co_bytes got = {0};
    co_status status = suite->journal.ops->load_meta(suite->journal.self, &arena, &got, NULL);
    bool is_same = status == CO_OK && co_bytes_equal(got, want);
    co_arena_fini(&arena);
    expect(is_same);
    return true;
}

static bool saves_meta(struct suite *suite) {
    static uint8_t large[64 << 10];
    memset(large, 0xa5, sizeof large);
    struct co_bytes records[] = {co_bytes_text("term 1"), co_bytes(large, sizeof large), co_bytes_text("x"),
                                 co_bytes_text("")};
    static struct waiter waiters[4];
    for (size_t i = 0; i < CO_COUNT(records); i++) {
        waiters[i] = (struct waiter){.suite = suite, .is_inside = true};
        suite->under_way++;
        suite->journal.ops->save_meta(suite->journal.self, records[i], on_done, &waiters[i]);
        waiters[i].is_inside = false;
        if (!settle(suite)) return false;
        expect(waiters[i].status == CO_OK && !waiters[i].came_inside);
        if (!check_meta(suite, records[i])) return false;
        if (suite->world->is_persistent && (!reopen(suite) || !check_meta(suite, records[i]))) return false;
    }
    /* Several at once: the last one stays. */
    uint64_t before = suite->answers;
    for (size_t i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){.suite = suite};
        suite->under_way++;
        suite->journal.ops->save_meta(suite->journal.self, records[i], on_done, &waiters[i]);
    }
    if (!settle(suite)) return false;
    for (size_t i = 0; i < 3; i++) expect(waiters[i].answered_as == before + i + 1);
    return check_meta(suite, records[2]);
}

static bool survives_reopening(struct suite *suite) {
    if (!suite->world->is_persistent) return true;
    if (!reopen(suite)) return false; /* empty */
    for (uint64_t round = 0; round < 10; round++) {
        if (!append_many(suite, 1 + round * 130, 130, round + 1, (uint32_t)(round * 400))) return false;
        if (!reopen(suite) || !check_all(suite)) return false;
    }
    return true;
}

static bool random_step(struct suite *suite) {
    struct twin *twin = suite->twin;
    uint64_t count = twin->last + 1 - twin->first;
    switch (random_below(suite, 12)) {
    case 0:
        expect(suite->journal.ops->truncate_back(suite->journal.self, twin->last - random_below(suite, count + 1),
                                                 NULL) == CO_OK);
        {
            uint64_t first;
            suite->journal.ops->bounds(suite->journal.self, &first, &twin->last);
            expect(twin->last + 1 >= twin->first);
        }
        break;
    case 1:
        if (count < 2) break;
        twin->first += random_below(suite, count - 1);
        expect(suite->journal.ops->truncate_front(suite->journal.self, twin->first, NULL) == CO_OK);
        break;
    case 2:
        if (suite->world->is_persistent && !reopen(suite)) return false;
        break;
    case 3:
        for (int i = 0; i < 20 && count > 0; i++)
            if (!check_entry(suite, twin->first + random_below(suite, count))) return false;
        break;
    default:
        /* Keep room for twin->first, which the files may lag behind. */
        if (count > 2000) {
            twin->first = twin->last - 100;
            expect(suite->journal.ops->truncate_front(suite->journal.self, twin->first, NULL) == CO_OK);
        }
        if (count == 0) twin->first = twin->last + 1;
        return append_many(suite, twin->last + 1, 1 + random_below(suite, 100), 1 + random_below(suite, 9),
                           (uint32_t)random_below(suite, random_below(suite, 8) ? 300 : 20000));
    }
    return true;
}

static bool agrees_with_a_twin(struct suite *suite) {
    for (int step = 0; step < 400; step++) {
        if (!random_step(suite)) return false;
        if (step % 20 == 0 && !check_all(suite)) return false;
    }
    if (suite->world->is_persistent && !reopen(suite)) return false;
    return check_all(suite);
}

/* --- damage --- */

struct file {
    char path[4096];
    uint8_t *bytes;
    size_t size, used; /* used: behind the last byte that is not zero */
};

static bool newest_file(struct suite *suite, struct file *file) {
    const struct co_journal_world *world = suite->world;
    char newest[256] = "";
    DIR *dir = opendir(world->dir);
    expect(dir != NULL);
    size_t suffix = strlen(world->file_suffix);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length >= suffix && strcmp(entry->d_name + length - suffix, world->file_suffix) == 0 &&
            strcmp(entry->d_name, newest) > 0)
            snprintf(newest, sizeof newest, "%s", entry->d_name);
    }
    closedir(dir);
    expect(newest[0]);
    snprintf(file->path, sizeof file->path, "%s/%s", world->dir, newest);
    int fd = open(file->path, O_RDONLY);
    expect(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    file->bytes = co_malloc((size_t)size + 1);
    file->size = (size_t)size;
    bool is_read = pread(fd, file->bytes, file->size, 0) == (ssize_t)size;
    close(fd);
    expect(is_read);
    file->used = file->size;
    while (file->used > 0 && file->bytes[file->used - 1] == 0) file->used--;
    return true;
}

/* The first `size` bytes, then zeros up to `total`, as in room that was reserved. */
static bool put_file(struct suite *suite, const struct file *file, size_t size, size_t total) {
    int fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    expect(fd >= 0);
    bool is_written = pwrite(fd, file->bytes, size, 0) == (ssize_t)size && ftruncate(fd, (off_t)total) == 0;
    close(fd);
    expect(is_written);
    return true;
}

/* Opens what was damaged: either refused, or a prefix of the twin. `*last` is its end, REFUSED when refused. */
static bool opens_as_prefix_or_refuses(struct suite *suite, uint64_t *last) {
    struct co_error error = {0};
    *last = REFUSED;
    co_status status = suite->world->open(suite->world->arg, &suite->journal, &error);
    if (status) {
        expect(status == CO_CORRUPT || status == CO_UNSUPPORTED);
        expect(error.text[0]);
        return true;
    }
    suite->is_open = true;
    uint64_t first;
    suite->journal.ops->bounds(suite->journal.self, &first, last);
    expect(*last <= suite->twin->last);
    for (uint64_t index = suite->twin->first; index <= *last; index++)
        if (!check_entry(suite, index)) return false;
    close_journal(suite);
    return true;
}

/* The newest file loses its tail at every byte of the last records. */
static bool survives_every_cut(struct suite *suite) {
    if (!suite->world->dir) return true;
    if (!append_many(suite, 1, 3, 1, 40) || !append_many(suite, 4, 4, 1, 100) || !append_many(suite, 8, 1, 2, 0))
        return false;
    close_journal(suite);
    struct file file = {0};
    bool is_good = newest_file(suite, &file);
    uint64_t longest[2] = {0, 0}; /* zeros may happen to be what was cut: the two kinds compare only with themselves */
    for (size_t step = 0; is_good && step <= 2 * file.used + 1; step++) {
        size_t cut = step / 2, total = step % 2 ? file.size : cut; /* the rest is missing, or zeros */
        uint64_t last = REFUSED;
        is_good = put_file(suite, &file, cut, total) && opens_as_prefix_or_refuses(suite, &last);
        if (!is_good || last == REFUSED) continue;
        if (last < longest[step % 2]) {
            snprintf(suite->why, sizeof suite->why, "cut at byte %zu keeps fewer entries than a shorter file did", cut);
            is_good = false;
        }
        longest[step % 2] = last;
    }
    if (is_good && longest[0] + 1 < suite->twin->last) {
        snprintf(suite->why, sizeof suite->why, "the longest cut kept %" PRIu64 " of %" PRIu64 " entries", longest[0],
                 suite->twin->last);
        is_good = false;
    }
    free(file.bytes);
    return is_good;
}

/* Every bit of the newest file is wrong once. */
static bool survives_every_flip(struct suite *suite) {
    if (!suite->world->dir) return true;
    if (!append_many(suite, 1, 2, 1, 40) || !append_many(suite, 3, 2, 1, 30) || !append_many(suite, 5, 1, 2, 10))
        return false;
    close_journal(suite);
    struct file file = {0};
    bool is_good = newest_file(suite, &file);
    size_t span = file.used + 64 < file.size ? file.used + 64 : file.size;
    int refused = 0;
    for (size_t bit = 0; is_good && bit < span * 8; bit++) {
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        uint64_t last = REFUSED;
        is_good = put_file(suite, &file, span, file.size) && opens_as_prefix_or_refuses(suite, &last);
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* Damage inside what the last batch came after must not pass as an unfinished write: entries 1 to 4 were
         * acknowledged before entry 5 was written. */
        if (is_good && last < 4) {
            snprintf(suite->why, sizeof suite->why,
                     "bit %zu flipped: entries up to 4 were acknowledged, only %" PRIu64
                     " are left, and open did not refuse",
                     bit, last);
            is_good = false;
        }
        if (last == REFUSED) refused++;
    }
    if (is_good && refused == 0) {
        snprintf(suite->why, sizeof suite->why, "no flipped bit was ever refused");
        is_good = false;
    }
    free(file.bytes);
    return is_good;
}

/* After a cut the log goes on, and what was cut stays gone. */
static bool goes_on_after_a_cut(struct suite *suite) {
    if (!suite->world->dir) return true;
    if (!append_many(suite, 1, 20, 1, 100)) return false;
    for (int round = 0; round < 5; round++) {
        close_journal(suite);
        struct file file = {0};
        bool is_good = newest_file(suite, &file) && put_file(suite, &file, file.used - 30, file.size);
        free(file.bytes);
        if (!is_good || !open_journal(suite)) return false;
        uint64_t first, last;
        suite->journal.ops->bounds(suite->journal.self, &first, &last);
        expect(last + 1 == suite->twin->last);
        suite->twin->last = last;
        if (!check_all(suite)) return false;
        if (!append_many(suite, last + 1, 3, 9, 200)) return false;
        if (!reopen(suite) || !check_all(suite)) return false;
    }
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct suite *);
} cases[] = {
    {"begins empty", begins_empty},
    {"keeps what was appended", keeps_what_was_appended},
    {"first index is free", first_index_is_free},
    {"answers in order", answers_in_order},
    {"done may append", done_may_append},
    {"truncates back", truncates_back},
    {"truncates front", truncates_front},
    {"truncates front while appending", truncates_front_while_appending},
    {"saves meta", saves_meta},
    {"survives reopening", survives_reopening},
    {"agrees with a twin", agrees_with_a_twin},
    {"survives every cut", survives_every_cut},
    {"survives every flip", survives_every_flip},
    {"goes on after a cut", goes_on_after_a_cut},
};

int co_conformance_journal(const struct co_journal_world *world) {
    int failed = 0;
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct suite suite = {.world = world,
                              .name = cases[i].name,
                              .twin = co_calloc(1, sizeof *suite.twin),
                              .random = world->seed ? world->seed : 42};
        suite.twin->first = 1;
        world->wipe(world->arg);
        bool is_good = open_journal(&suite) && cases[i].run(&suite);
        if (!is_good) {
            fprintf(stderr, "journal conformance: %s: %s\n", suite.name, suite.why);
            failed++;
        } else {
            printf("journal conformance: %s: ok\n", suite.name);
        }
        for (int turns = 0; suite.under_way > 0 && turns < 1000; turns++) world->turn(world->arg);
        close_journal(&suite);
        co_arena_fini(&suite.arena);
        free(suite.twin);
    }
    world->wipe(world->arg);
    return failed;
}
