/* The key/value slice from request to page. The scripts are what Consul 1.8.7 answered to the same requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kv/kv.h"
#include "slice_world.h"

#include <stdio.h>
#include <stdlib.h>

extern const struct co_module kv_LTX_cohort_module;
static const struct co_module *const modules[] = {&kv_LTX_cohort_module};

struct line {
    const char *request, *body, *expected;
};

static void run(struct world *world, const struct line *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *got = world_call(world, lines[i].request, lines[i].body);
        if (strcmp(got, lines[i].expected) != 0)
            fail_msg("%s\n  got      %s\n  expected %s", lines[i].request, got, lines[i].expected);
    }
}

#define ENTRY(key, flags, value, create, modify)                                                                       \
    "{\"LockIndex\":0,\"Key\":\"" key "\",\"Flags\":" flags ",\"Value\":" value ",\"CreateIndex\":" create             \
    ",\"ModifyIndex\":" modify "}"

static void an_empty_store(void **state) {
    (void)state;
    struct world *world = world_new(modules, 1);
    static const struct line lines[] = {
        {"GET /v1/kv/", NULL, "400 Missing key name"},    {"GET /v1/kv/?recurse", NULL, "404 [1] "},
        {"GET /v1/kv/?keys", NULL, "200 [1] []"},         {"GET /v1/kv/nope", NULL, "404 [1] "},
        {"GET /v1/kv/nope?raw", NULL, "404 [1] "},        {"GET /v1/kv/nope?keys", NULL, "404 [1] "},
        {"DELETE /v1/kv/nope", NULL, "200 true"},         {"DELETE /v1/kv/nope?recurse", NULL, "200 true"},
        {"DELETE /v1/kv/", NULL, "400 Missing key name"}, {"DELETE /v1/kv/?recurse", NULL, "200 true"},
        {"PUT /v1/kv/", "x", "400 Missing key name"},
    };
    run(world, lines, CO_COUNT(lines));
    world_free(world);
}

static void put_and_get(void **state) {
    (void)state;
    struct world *world = world_new(modules, 1);
    world_set_index(world, 16);
    static const struct line lines[] = {
        {"PUT /v1/kv/a", "hello", "200 true"},
        {"GET /v1/kv/a", NULL, "200 [16] [" ENTRY("a", "0", "\"aGVsbG8=\"", "16", "16") "]"},
        {"GET /v1/kv/a?raw", NULL, "200 [16] hello"},
        {"GET /v1/kv/a?pretty", NULL,
         "200 [16] [\n    {\n        \"LockIndex\": 0,\n        \"Key\": \"a\",\n        \"Flags\": 0,\n        "
         "\"Value\": \"aGVsbG8=\",\n"
         "        \"CreateIndex\": 16,\n        \"ModifyIndex\": 16\n    }\n]\n"},
        {"GET /v1/kv/a?keys", NULL, "200 [16] [\"a\"]"},
        {"PUT /v1/kv/a", "hello", "200 true"}, /* 17: nothing changes */
        {"GET /v1/kv/a", NULL, "200 [16] [" ENTRY("a", "0", "\"aGVsbG8=\"", "16", "16") "]"},
        {"PUT /v1/kv/a", "other", "200 true"}, /* 18 */
        {"GET /v1/kv/a", NULL, "200 [18] [" ENTRY("a", "0", "\"b3RoZXI=\"", "16", "18") "]"},
        {"PUT /v1/kv/empty", NULL, "200 true"},
        {"GET /v1/kv/empty", NULL, "200 [19] [" ENTRY("empty", "0", "null", "19", "19") "]"},
        {"GET /v1/kv/empty?raw", NULL, "200 [19] "},
        {"PUT /v1/kv/empty2", "", "200 true"},
        {"GET /v1/kv/empty2", NULL, "200 [20] [" ENTRY("empty2", "0", "null", "20", "20") "]"},
        {"PUT /v1/kv/flags?flags=42", "x", "200 true"},
        {"GET /v1/kv/flags", NULL, "200 [21] [" ENTRY("flags", "42", "\"eA==\"", "21", "21") "]"},
        {"PUT /v1/kv/flags", "y", "200 true"},
        {"GET /v1/kv/flags", NULL, "200 [22] [" ENTRY("flags", "0", "\"eQ==\"", "21", "22") "]"},
        {"PUT /v1/kv/flags?flags=18446744073709551615", "x", "200 true"},
        {"GET /v1/kv/flags", NULL, "200 [23] [" ENTRY("flags", "18446744073709551615", "\"eA==\"", "21", "23") "]"},
        {"PUT /v1/kv/flags?flags=18446744073709551616", "x",
         "500 strconv.ParseUint: parsing \"18446744073709551616\": value out of range"},
        {"PUT /v1/kv/flags?flags=-1", "x", "500 strconv.ParseUint: parsing \"-1\": invalid syntax"},
        {"PUT /v1/kv/flags?flags=", "x", "500 strconv.ParseUint: parsing \"\": invalid syntax"},
        {"PUT /v1/kv/a?acquire=x", "x",
         "400 Sessions are not supported by this version yet: ?acquire and ?release cannot be used"},
        {"PUT /v1/kv/a?acquire=x&cas=1", "x", "400 Conflicting flags: acquire=x&cas=1"},
        {"PUT /v1/kv/a?dc=unknown", "x", "500 No path to datacenter"},
        {"GET /v1/kv/a?dc=dc1&raw", NULL, "200 [18] other"},
        {"GET /v1/kv/sl%2Fash", NULL, "404 [23] "},
        {"PUT /v1/kv/sl%2Fash", "x", "200 true"},
        {"GET /v1/kv/sl/?keys", NULL, "200 [24] [\"sl/ash\"]"},
        {"PUT /v1/kv/new%0Aline", "x", "400 Invalid key: byte 4 is a control character (0x0a)"},
    };
    run(world, lines, CO_COUNT(lines));
    world_free(world);
}

static void trees(void **state) {
    (void)state;
    struct world *world = world_new(modules, 1);
    world_set_index(world, 25);
    static const struct line lines[] = {
        {"PUT /v1/kv/foo/", "a", "200 true"},
        {"PUT /v1/kv/foo/bar", "a", "200 true"},
        {"PUT /v1/kv/foo/bar/baz", "a", "200 true"},
        {"PUT /v1/kv/foo/baz", "a", "200 true"},
        {"PUT /v1/kv/foo/zip/a", "a", "200 true"},
        {"PUT /v1/kv/foo/zip/b", "a", "200 true"},
        {"PUT /v1/kv/foobar", "a", "200 true"},
        {"PUT /v1/kv/zed/", "a", "200 true"},
        {"GET /v1/kv/foo/", NULL, "200 [25] [" ENTRY("foo/", "0", "\"YQ==\"", "25", "25") "]"},
        {"GET /v1/kv/foo", NULL, "404 [32] "},
        {"GET /v1/kv/foo/bar?recurse", NULL,
         "200 [27] [" ENTRY("foo/bar", "0", "\"YQ==\"", "26", "26") "," ENTRY("foo/bar/baz", "0", "\"YQ==\"", "27",
                                                                              "27") "]"},
        {"GET /v1/kv/foo?keys", NULL,
         "200 [31] [\"foo/\",\"foo/bar\",\"foo/bar/baz\",\"foo/baz\",\"foo/zip/a\",\"foo/zip/b\",\"foobar\"]"},
        {"GET /v1/kv/foo/?keys&separator=/", NULL,
         "200 [30] [\"foo/\",\"foo/bar\",\"foo/bar/\",\"foo/baz\",\"foo/zip/\"]"},
        {"GET /v1/kv/foo?keys&separator=/", NULL, "200 [31] [\"foo/\",\"foobar\"]"},
        {"GET /v1/kv/foo?keys&separator=zip", NULL,
         "200 [31] [\"foo/\",\"foo/bar\",\"foo/bar/baz\",\"foo/baz\",\"foo/zip\",\"foobar\"]"},
        {"GET /v1/kv/foo?keys&separator=ba", NULL,
         "200 [31] [\"foo/\",\"foo/ba\",\"foo/zip/a\",\"foo/zip/b\",\"fooba\"]"},
        {"GET /v1/kv/foo/zip?keys&separator=/", NULL, "200 [30] [\"foo/zip/\"]"},
        {"GET /v1/kv/?keys&separator=/", NULL, "200 [32] [\"foo/\",\"foobar\",\"zed/\"]"},
        {"GET /v1/kv/nope/?keys", NULL, "404 [32] "},
        {"DELETE /v1/kv/foo/bar", NULL, "200 true"}, /* 33 */
        {"GET /v1/kv/foo/bar", NULL, "404 [33] "},
        {"GET /v1/kv/foo/?keys", NULL, "200 [33] [\"foo/\",\"foo/bar/baz\",\"foo/baz\",\"foo/zip/a\",\"foo/zip/b\"]"},
        {"DELETE /v1/kv/foo/zip?recurse", NULL, "200 true"}, /* 34 */
        {"GET /v1/kv/foo/?keys", NULL, "200 [34] [\"foo/\",\"foo/bar/baz\",\"foo/baz\"]"},
        {"DELETE /v1/kv/foo/?recurse", NULL, "200 true"}, /* 35 */
        {"GET /v1/kv/foo?keys", NULL, "200 [35] [\"foobar\"]"},
        {"GET /v1/kv/foo/?recurse", NULL, "404 [35] "},
        {"DELETE /v1/kv/foo/?recurse&cas=1", NULL, "400 Conflicting flags: cas=1&recurse="},
        {"DELETE /v1/kv/?recurse", NULL, "200 true"}, /* 36 */
        {"GET /v1/kv/?keys", NULL, "200 [36] []"},
        {"PUT /v1/kv/z", "", "200 true"},
        {"GET /v1/kv/foo/?recurse", NULL, "404 [35] "}, /* the tombstone's, not the store's */
    };
    run(world, lines, CO_COUNT(lines));
    world_free(world);
}

static void check_and_set(void **state) {
    (void)state;
    struct world *world = world_new(modules, 1);
    world_set_index(world, 51);
    static const struct line lines[] = {
        {"PUT /v1/kv/cas?cas=0", "one", "200 true"},
        {"PUT /v1/kv/cas?cas=0", "two", "200 false"},
        {"PUT /v1/kv/cas?cas=1051", "no", "200 false"},
        {"PUT /v1/kv/cas?cas=51", "two", "200 true"}, /* 54 */
        {"GET /v1/kv/cas", NULL, "200 [54] [" ENTRY("cas", "0", "\"dHdv\"", "51", "54") "]"},
        {"PUT /v1/kv/cas?cas=51", "three", "200 false"},
        {"PUT /v1/kv/nokey?cas=5", "x", "200 false"},
        {"GET /v1/kv/nokey", NULL, "404 [54] "},
        {"PUT /v1/kv/cas?cas=abc", "x", "500 strconv.ParseUint: parsing \"abc\": invalid syntax"},
        {"PUT /v1/kv/cas?cas", "x", "500 strconv.ParseUint: parsing \"\": invalid syntax"},
        {"PUT /v1/kv/cas?cas=54&flags=7", "fl", "200 true"}, /* 57 */
        {"GET /v1/kv/cas", NULL, "200 [57] [" ENTRY("cas", "7", "\"Zmw=\"", "51", "57") "]"},
        {"DELETE /v1/kv/cas?cas=0", NULL, "200 false"},
        {"DELETE /v1/kv/cas?cas=1", NULL, "200 false"},
        {"DELETE /v1/kv/cas?cas=57", NULL, "200 true"}, /* 60 */
        {"GET /v1/kv/cas", NULL, "404 [60] "},
        {"DELETE /v1/kv/cas?cas=57", NULL, "200 true"},
        {"DELETE /v1/kv/nope?cas=5", NULL, "200 true"},
    };
    run(world, lines, CO_COUNT(lines));
    world_free(world);
}

static void bounds_are_named(void **state) {
    (void)state;
    struct world *world = world_new(modules, 1);
    char request[CO_STORAGE_KEY_MAX + 64];
    int head = snprintf(request, sizeof request, "PUT /v1/kv/");
    memset(request + head, 'k', CO_STORAGE_KEY_MAX + 1);
    request[head + CO_STORAGE_KEY_MAX + 1] = 0;
    assert_string_equal(world_call(world, request, "x"),
                        "400 Key is too long: 501 bytes, this version stores keys of at most 500");
    memcpy(request, "GET", 3);
    request[3] = ' ';
    memmove(request + 4, request + 4, 1);
    assert_string_equal(world_call(world, request, NULL), "404 [1] ");
    memcpy(request, "PUT", 3);
    request[head + CO_STORAGE_KEY_MAX] = 0;
    assert_string_equal(world_call(world, request, "x"), "200 true");
    char *big = calloc(1, 512 * 1024 + 1);
    assert_string_equal(world_call_bytes(world, "PUT /v1/kv/big", co_bytes(big, 512 * 1024)), "200 true");
    assert_string_equal(
        world_call_bytes(world, "PUT /v1/kv/big2", co_bytes(big, 512 * 1024 + 1)),
        "413 Request body(524289 bytes) too large, max size: 524288 bytes. See limits.kv_max_value_size.");
    free(big);
    world_free(world);
}

static void a_write_touches_what_it_changes(void **state) {
    (void)state;
    struct world *world = world_new(modules, 1);
    world_call(world, "PUT /v1/kv/a/1", "x");
    assert_true(world_touched_key(world, KV_ENTRIES, co_bytes_text("a/"), false));
    assert_false(world_touched_key(world, KV_ENTRIES, co_bytes_text("b"), false));
    world_call(world, "PUT /v1/kv/a/1", "x");
    assert_int_equal(world_touched(world), 0); /* the same again wakes nobody */
    world_call(world, "DELETE /v1/kv/a?recurse", NULL);
    assert_true(world_touched_key(world, KV_ENTRIES, co_bytes_text("a/1"), true));
    world_call(world, "DELETE /v1/kv/a?recurse", NULL);
    assert_int_equal(world_touched(world), 0);
    world_free(world);
}

static void deletions_are_forgotten_in_steps(void **state) {
    (void)state;
    struct world *world = world_new(modules, 1);
    enum { KEYS = KV_REAP_STEP + 10 };
    char request[64];
    for (int i = 0; i < KEYS; i++) {
        snprintf(request, sizeof request, "PUT /v1/kv/k%05d", i);
        world_call(world, request, "x");
        snprintf(request, sizeof request, "DELETE /v1/kv/k%05d", i);
        world_call(world, request, NULL);
    }
    assert_int_equal(world_rows(world, KV_TOMBSTONES), KEYS);
    struct kv_reap_request reap = {.index = 11, .from = ""}; /* the first deletion was entry 11 */
    struct kv_reap_reply reply;
    struct co_arena arena = CO_ARENA_INIT;
    struct co_apply apply = {.txn = world_txn(world), .arena = &arena, .index = 99999};
    assert_int_equal(kv_methods[KV_REAP].apply(&apply, &reap, &reply, NULL), CO_OK);
    assert_int_equal(world_rows(world, KV_TOMBSTONES), KEYS - 1);
    assert_string_equal(reply.next, "k01024");
    reap = (struct kv_reap_request){.index = 90000, .from = ""};
    assert_int_equal(kv_methods[KV_REAP].apply(&apply, &reap, &reply, NULL), CO_OK);
    assert_int_equal(world_rows(world, KV_TOMBSTONES), KEYS - 1 - KV_REAP_STEP);
    reap.from = reply.next;
    assert_int_equal(kv_methods[KV_REAP].apply(&apply, &reap, &reply, NULL), CO_OK);
    assert_int_equal(world_rows(world, KV_TOMBSTONES), 0);
    assert_string_equal(reply.next, "");
    co_arena_fini(&arena);
    world_free(world);
}

/* --- against a dumb twin: an array of all keys, and the index rules said as directly as possible --- */

struct twin_entry {
    bool exists;
    char key[16], value[8];
    uint64_t create, modify;
};
struct twin_grave {
    char key[16];
    uint64_t index;
};
struct twin {
    struct twin_entry entries[64];
    struct twin_grave graves[4096];
    size_t count, grave_count;
    uint64_t newest;
};

static struct twin_entry *twin_find(struct twin *twin, const char *key) {
    for (size_t i = 0; i < twin->count; i++) {
        if (strcmp(twin->entries[i].key, key) == 0) return &twin->entries[i];
    }
    struct twin_entry *entry = &twin->entries[twin->count++];
    *entry = (struct twin_entry){.exists = false};
    snprintf(entry->key, sizeof entry->key, "%s", key);
    return entry;
}

static void twin_bury(struct twin *twin, const char *key, uint64_t index) {
    snprintf(twin->graves[twin->grave_count].key, sizeof twin->graves[0].key, "%s", key);
    twin->graves[twin->grave_count++].index = index;
    twin->newest = index;
}

static bool twin_delete_tree(struct twin *twin, const char *prefix, uint64_t index) {
    bool any = false;
    for (size_t i = 0; i < twin->count; i++) {
        struct twin_entry *entry = &twin->entries[i];
        if (!entry->exists || strncmp(entry->key, prefix, strlen(prefix)) != 0) continue;
        entry->exists = false;
        any = true;
    }
    if (any && prefix[0]) twin_bury(twin, prefix, index);
    if (any) twin->newest = index;
    return any;
}

static uint64_t twin_prefix_index(struct twin *twin, const char *prefix) {
    uint64_t index = 0;
    for (size_t i = 0; i < twin->count; i++) {
        const struct twin_entry *entry = &twin->entries[i];
        if (entry->exists && strncmp(entry->key, prefix, strlen(prefix)) == 0 && entry->modify > index)
            index = entry->modify;
    }
    for (size_t i = 0; i < twin->grave_count; i++) {
        if (strncmp(twin->graves[i].key, prefix, strlen(prefix)) == 0 && twin->graves[i].index > index)
            index = twin->graves[i].index;
    }
    return prefix[0] && index ? index : twin->newest ? twin->newest : 1;
}

static int twin_order(const void *a, const void *b) {
    return strcmp(((const struct twin_entry *)a)->key, ((const struct twin_entry *)b)->key);
}

static void twin_check(struct twin *twin, struct world *world, const char *key) {
    char request[64];
    struct co_buffer expected = {0};
    struct twin_entry *entry = twin_find(twin, key);
    snprintf(request, sizeof request, "GET /v1/kv/%s?raw", key);
    if (entry->exists)
        co_buffer_printf(&expected, "200 [%llu] %s", (unsigned long long)entry->modify, entry->value);
    else
        co_buffer_printf(&expected, "404 [%llu] ", (unsigned long long)(twin->newest ? twin->newest : 1));
    assert_string_equal(world_call(world, request, NULL), co_buffer_text(&expected));

    char prefix[4] = {key[0], rand() % 2 ? key[1] : 0, 0};
    qsort(twin->entries, twin->count, sizeof twin->entries[0], twin_order);
    size_t found = 0;
    struct co_buffer keys = {0};
    for (size_t i = 0; i < twin->count; i++) {
        if (!twin->entries[i].exists || strncmp(twin->entries[i].key, prefix, strlen(prefix)) != 0) continue;
        co_buffer_printf(&keys, "%s\"%s\"", found++ ? "," : "", twin->entries[i].key);
    }
    snprintf(request, sizeof request, "GET /v1/kv/%s?keys", prefix);
    expected.size = 0;
    uint64_t index = twin_prefix_index(twin, prefix);
    if (found)
        co_buffer_printf(&expected, "200 [%llu] [%s]", (unsigned long long)index, co_buffer_text(&keys));
    else
        co_buffer_printf(&expected, "404 [%llu] ", (unsigned long long)index);
    assert_string_equal(world_call(world, request, NULL), co_buffer_text(&expected));
    co_buffer_fini(&keys);
    co_buffer_fini(&expected);
}

static void twin_step(struct twin *twin, struct world *world, uint64_t index) {
    char key[8], request[64], value[8];
    snprintf(key, sizeof key, "%c%c%c", 'a' + rand() % 3, "/b"[rand() % 2], 'a' + rand() % 3);
    snprintf(value, sizeof value, "%d", rand() % 3);
    struct twin_entry *entry = twin_find(twin, key);
    bool expected = true;
    int op = rand() % 8;
    uint64_t cas = rand() % 3 == 0 ? 0 : entry->exists && rand() % 2 ? entry->modify : index - 1;
    if (op < 3 || op == 3) {
        bool is_cas = op == 3;
        snprintf(request, sizeof request, is_cas ? "PUT /v1/kv/%s?cas=%llu" : "PUT /v1/kv/%s", key,
                 (unsigned long long)cas);
        expected = !is_cas || (cas == 0 ? !entry->exists : entry->exists && entry->modify == cas);
        if (expected && !(entry->exists && strcmp(entry->value, value) == 0)) {
            if (!entry->exists) entry->create = index;
            entry->exists = true;
            entry->modify = twin->newest = index;
            snprintf(entry->value, sizeof entry->value, "%s", value);
        }
    } else if (op < 6) {
        bool is_cas = op == 5;
        snprintf(request, sizeof request, is_cas ? "DELETE /v1/kv/%s?cas=%llu" : "DELETE /v1/kv/%s", key,
                 (unsigned long long)cas);
        expected = !is_cas || !entry->exists || entry->modify == cas;
        if (expected && entry->exists) {
            entry->exists = false;
            twin_bury(twin, key, index);
        }
    } else if (rand() % 4 == 0) {
        key[rand() % 3] = 0;
        snprintf(request, sizeof request, "DELETE /v1/kv/%s?recurse", key);
        twin_delete_tree(twin, key, index);
        key[0] = 'a', key[1] = '/', key[2] = 'a', key[3] = 0;
    } else {
        snprintf(request, sizeof request, "PUT /v1/kv/%s?flags=0", key);
        expected = true;
        value[0] = 0;
        if (!(entry->exists && entry->value[0] == 0)) {
            if (!entry->exists) entry->create = index;
            entry->exists = true;
            entry->modify = twin->newest = index;
            entry->value[0] = 0;
        }
    }
    assert_string_equal(world_call(world, request, value), expected ? "200 true" : "200 false");
    twin_check(twin, world, key);
}

static void it_behaves_like_a_dumb_twin(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 10; seed++) {
        srand(seed);
        struct world *world = world_new(modules, 1);
        struct twin *twin = calloc(1, sizeof *twin);
        for (uint64_t index = 10; index < 510; index++) {
            world_set_index(world, index);
            twin_step(twin, world, index);
        }
        free(twin);
        world_free(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store),
        cmocka_unit_test(put_and_get),
        cmocka_unit_test(trees),
        cmocka_unit_test(check_and_set),
        cmocka_unit_test(bounds_are_named),
        cmocka_unit_test(a_write_touches_what_it_changes),
        cmocka_unit_test(deletions_are_forgotten_in_steps),
        cmocka_unit_test(it_behaves_like_a_dumb_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
