/* Records and JSON: golden bytes, Go's spelling, round trips of random structs, damaged input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "everything.h"

static struct co_arena arena;

static int arena_setup(void **state) {
    (void)state;
    co_arena_init(&arena);
    return 0;
}
static int arena_teardown(void **state) {
    (void)state;
    co_arena_fini(&arena);
    return 0;
}

static const char *json_of(const struct co_schema *schema, const void *object) {
    struct co_buffer out = {0};
    co_encode_json(schema, object, &out);
    const char *text = co_arena_text(&arena, out.data, out.size);
    co_buffer_fini(&out);
    return text;
}

static struct co_bytes record_of(const struct co_schema *schema, const void *object) {
    struct co_buffer out = {0};
    co_encode_record(schema, object, &out);
    struct co_bytes bytes = {co_arena_copy(&arena, out.size ? out.data : "", out.size), out.size};
    co_buffer_fini(&out);
    return bytes;
}

/* --- JSON pieces --- */

static void expect_escaped(const char *in, size_t size, const char *out) {
    struct co_buffer buffer = {0};
    co_buffer_add_json_string(&buffer, in, size);
    assert_string_equal(co_buffer_text(&buffer), out);
    co_buffer_fini(&buffer);
}

static void strings_escape_as_in_go(void **state) {
    expect_escaped("", 0, "\"\"");
    expect_escaped("plain \x7f", 7, "\"plain \x7f\"");
    expect_escaped("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    expect_escaped("\n\r\t\b\f\x01\x1f", 7, "\"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f\"");
    expect_escaped("<a>&'", 5, "\"\\u003ca\\u003e\\u0026'\"");
    expect_escaped("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 9, "\"\\u2028\\u2029\xe2\x80\xaa\"");
    expect_escaped("\xc3\xa4\xf0\x9f\x98\x80", 6, "\"\xc3\xa4\xf0\x9f\x98\x80\"");
    expect_escaped("a\xff"
                   "b\xc3",
                   4, "\"a\\ufffdb\\ufffd\"");
    expect_escaped("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate is no character */
    expect_escaped("\xc0\x80", 2, "\"\\ufffd\\ufffd\"");
    expect_escaped("a\0b", 3, "\"a\\u0000b\"");
    (void)state;
}

struct numbers {
    double value;
};
CO_SCHEMA(numbers_schema, struct numbers, "Numbers", CO_FIELD(1, struct numbers, value, "V", 0));

static void floats_print_as_in_go(void **state) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {100, "100"},
                 {0.1, "0.1"},
                 {-1.5, "-1.5"},
                 {123.456, "123.456"},
                 {0.000001, "0.000001"},
                 {0.0000001, "1e-7"},
                 {1.5e-10, "1.5e-10"},
                 {1e20, "100000000000000000000"},
                 {1e21, "1e+21"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {5e-324, "5e-324"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {9007199254740993.0, "9007199254740992"}};
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "{\"V\":%s}", cases[i].text);
        assert_string_equal(json_of(&numbers_schema, &(struct numbers){cases[i].value}), expected);
    }
    (void)state;
}

static void base64_goes_both_ways(void **state) {
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm-_", "Z=9v", "Zm=v"};
    char out[16];
    size_t size;
    for (size_t i = 0; i < CO_COUNT(pairs); i++) {
        struct co_buffer buffer = {0};
        co_buffer_add_base64(&buffer, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(co_buffer_text(&buffer), pairs[i][1]);
        co_buffer_fini(&buffer);
        assert_true(co_base64_decode(pairs[i][1], strlen(pairs[i][1]), out, &size));
        assert_int_equal(size, strlen(pairs[i][0]));
        assert_memory_equal(out, pairs[i][0], size);
    }
    for (size_t i = 0; i < CO_COUNT(bad); i++) assert_false(co_base64_decode(bad[i], strlen(bad[i]), out, &size));
    (void)state;
}

static void indent_is_marshal_indent(void **state) {
    struct co_buffer out = {0};
    co_json_indent(co_bytes_text("[{\"a\":1,\"b\":[],\"c\":{},\"d\":[true,null],\"e\":\"x,{\\\":[\"},[]]"), &out);
    assert_string_equal(co_buffer_text(&out), "[\n"
                                              "    {\n"
                                              "        \"a\": 1,\n"
                                              "        \"b\": [],\n"
                                              "        \"c\": {},\n"
                                              "        \"d\": [\n"
                                              "            true,\n"
                                              "            null\n"
                                              "        ],\n"
                                              "        \"e\": \"x,{\\\":[\"\n"
                                              "    },\n"
                                              "    []\n"
                                              "]");
    out.size = 0;
    co_json_indent(co_bytes_text("true"), &out);
    assert_string_equal(co_buffer_text(&out), "true");
    co_buffer_fini(&out);
    (void)state;
}

/* --- structs to JSON --- */

static void zero_values_print_as_in_go(void **state) {
    struct everything zero = {0};
    assert_string_equal(json_of(&everything_schema, &zero),
                        "{\"Flag\":false,\"Small\":0,\"Large\":0,\"Index\":0,\"Ratio\":0,\"Text\":\"\",\"Bytes\":null,"
                        "\"Wait\":\"0s\",\"Size\":0,\"Strings\":null,\"Map\":null,\"Tree\":null,\"Trees\":null,"
                        "\"Record\":{\"Name\":\"\",\"Tags\":null},\"Pointer\":null,\"Records\":null,\"Table\":null}");
    (void)state;
}

static struct everything sample(void) {
    static const char *tags[] = {"one", "<two>"}, *none[1];
    static struct co_pair pairs[] = {{"b", "2"}, {"a", "1"}, {"Z", NULL}};
    static struct part last = {.name = "last"}, parts[2];
    static struct co_named named[] = {{"y", &parts[1]}, {"x", &parts[0]}};
    parts[0] = (struct part){"p", 7, {none, 0}, NULL};
    parts[1] = (struct part){"q", 0, {tags, 1}, &last};
    struct co_node *tree = co_tree_object(&arena);
    co_tree_add(&arena, tree, "k", co_tree_string(&arena, "v"));
    const struct co_node **trees = co_arena_alloc(&arena, sizeof *trees);
    trees[0] = tree;
    return (struct everything){
        .flag = true,
        .small = -1,
        .large = INT64_MIN,
        .index = UINT64_MAX,
        .ratio = 0.5,
        .text = "hi",
        .bytes = {"\x01\x02", 2},
        .wait = {10 * CO_SECOND},
        .size = {4096},
        .strings = {tags, 2},
        .map = {pairs, 3},
        .tree = tree,
        .trees = {trees, 1},
        .record = parts[0],
        .pointer = &last,
        .records = {parts, 2},
        .table = {named, 2},
    };
}

static void every_kind_prints(void **state) {
    struct everything all = sample();
    assert_string_equal(
        json_of(&everything_schema, &all),
        "{\"Flag\":true,\"Small\":-1,\"Large\":-9223372036854775808,\"Index\":18446744073709551615,\"Ratio\":0.5,"
        "\"Text\":\"hi\",\"Bytes\":\"AQI=\",\"Wait\":\"10s\",\"Size\":4096,\"Strings\":[\"one\",\"\\u003ctwo\\u003e\"],"
        "\"Map\":{\"Z\":\"\",\"a\":\"1\",\"b\":\"2\"},\"Tree\":{\"k\":\"v\"},\"Trees\":[{\"k\":\"v\"}],"
        "\"Record\":{\"Name\":\"p\",\"Weight\":7,\"Tags\":[]},\"Pointer\":{\"Name\":\"last\",\"Tags\":null},"
        "\"Records\":[{\"Name\":\"p\",\"Weight\":7,\"Tags\":[]},{\"Name\":\"q\",\"Tags\":[\"one\"],"
        "\"Next\":{\"Name\":\"last\",\"Tags\":null}}],"
        "\"Table\":{\"x\":{\"Name\":\"p\",\"Weight\":7,\"Tags\":[]},\"y\":{\"Name\":\"q\",\"Tags\":[\"one\"],"
        "\"Next\":{\"Name\":\"last\",\"Tags\":null}}}}");
    (void)state;
}

struct hiding {
    const char *shown, *hidden, *secret;
    struct co_strings list;
};
CO_SCHEMA(hiding_schema, struct hiding, "Hiding", CO_FIELD(1, struct hiding, hidden, "Hidden", CO_HIDDEN),
          CO_FIELD(2, struct hiding, secret, "Secret", CO_SECRET),
          CO_FIELD(3, struct hiding, list, "List", CO_OMIT_EMPTY), CO_FIELD(4, struct hiding, shown, "Shown", 0));

static void hidden_and_secret_fields_stay_out_of_json_but_are_stored(void **state) {
    struct hiding in = {"a", "b", "c", {NULL, 0}}, out;
    assert_string_equal(json_of(&hiding_schema, &in), "{\"Shown\":\"a\"}");
    assert_int_equal(co_decode_record(&hiding_schema, &out, record_of(&hiding_schema, &in), &arena, NULL), CO_OK);
    assert_string_equal(out.hidden, "b");
    assert_string_equal(out.secret, "c");
    (void)state;
}

static void lists_of_structs_print(void **state) {
    struct co_buffer out = {0};
    struct part parts[] = {{.name = "a"}, {.name = "b"}};
    co_encode_json_list(&part_schema, (struct co_records){NULL, 0}, &out);
    co_encode_json_list(&part_schema, (struct co_records){parts, 0}, &out);
    co_encode_json_list(&part_schema, (struct co_records){parts, 2}, &out);
    assert_string_equal(co_buffer_text(&out), "null[][{\"Name\":\"a\",\"Tags\":null},{\"Name\":\"b\",\"Tags\":null}]");
    co_buffer_fini(&out);
    (void)state;
}

/* --- records --- */

static void expect_record(const struct co_schema *schema, const void *object, const char *bytes, size_t size) {
    struct co_bytes record = record_of(schema, object);
    assert_int_equal(record.size, size);
    assert_memory_equal(record.data, bytes, size);
}
#define EXPECT_RECORD(SCHEMA, OBJECT, BYTES) expect_record(SCHEMA, OBJECT, BYTES, sizeof(BYTES) - 1)

/* These bytes stand on disks: a change here is a change of the stored format. */
static void records_have_golden_bytes(void **state) {
    static const char *tags[] = {"x", ""};
    struct part inner = {.name = "i"};
    EXPECT_RECORD(&part_schema, &((struct part){0}), "");
    EXPECT_RECORD(&part_schema, &((struct part){"ab", -2, {tags, 2}, &inner}),
                  "\x0a\x03"
                  "ab\0"
                  "\x10\x03"
                  "\x1a\x05\x02x\0\x01\0"
                  "\x22\x04\x0a\x02i\0");
    EXPECT_RECORD(&part_schema, &((struct part){"", 300, {tags, 0}, &(struct part){0}}),
                  "\x10\xd8\x04\x1a\x00\x22\x00");

    struct co_pair pairs[] = {{"k", "v"}};
    struct part parts[] = {{.weight = 1}, {0}};
    struct co_named named[] = {{"n", &parts[0]}};
    struct everything all = {.flag = true,
                             .small = 1,
                             .large = -1,
                             .index = 128,
                             .ratio = 1,
                             .text = "t",
                             .bytes = {"b", 1},
                             .wait = {2},
                             .size = {3},
                             .map = {pairs, 1},
                             .record = {.weight = 2},
                             .records = {parts, 2},
                             .table = {named, 1}};
    EXPECT_RECORD(&everything_schema, &all,
                  "\x08\x01"
                  "\x10\x02"
                  "\x18\x01"
                  "\x20\x80\x01"
                  "\x29\0\0\0\0\0\0\xf0\x3f"
                  "\x32\x02t\0"
                  "\x3a\x01"
                  "b"
                  "\x40\x04"
                  "\x48\x03"
                  "\x5a\x06\x02k\0\x02v\0"
                  "\x72\x02\x10\x04"
                  "\xe2\x12\x04\x02\x10\x02\x00"
                  "\xea\x12\x06\x02n\0\x02\x10\x02");
    (void)state;
}

static void expect_corrupt(const char *bytes, size_t size) {
    struct everything out;
    struct co_error error = {0};
    unsigned char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    assert_int_equal(co_decode_record(&everything_schema, &out, co_bytes(exact, size), &arena, &error), CO_CORRUPT);
    assert_int_equal(strncmp(error.text, "record ", 7), 0);
    free(exact);
}
#define EXPECT_CORRUPT(BYTES) expect_corrupt(BYTES, sizeof(BYTES) - 1)

static void damaged_records_are_refused(void **state) {
    EXPECT_CORRUPT("\xf0\x01\x01");                                     /* unknown id 30 */
    EXPECT_CORRUPT("\x00\x01");                                         /* id 0 */
    EXPECT_CORRUPT("\x08");                                             /* value missing */
    EXPECT_CORRUPT("\x08\x02");                                         /* a bool of 2 */
    EXPECT_CORRUPT("\x08\x01\x08\x01");                                 /* twice */
    EXPECT_CORRUPT("\x08\x81\x00");                                     /* longer than needed */
    EXPECT_CORRUPT("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");     /* beyond 64 bits */
    EXPECT_CORRUPT("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"); /* 11 bytes */
    EXPECT_CORRUPT("\x20\x80");                                         /* unfinished */
    EXPECT_CORRUPT("\x10\x80\x80\x80\x80\x10");                         /* 2^31 in an int32 */
    EXPECT_CORRUPT("\x0a\x01");                                         /* wrong wire type */
    EXPECT_CORRUPT("\x29\0\0\0\0\0\0\xf0");                             /* 7 of 8 bytes */
    EXPECT_CORRUPT("\x32\x01t");                                        /* no NUL */
    EXPECT_CORRUPT("\x32\x03t\0\0");                                    /* inner NUL */
    EXPECT_CORRUPT("\x32\x00");                                         /* not even a NUL */
    EXPECT_CORRUPT("\x32\x05t\0");                                      /* longer than the input */
    EXPECT_CORRUPT("\x32\x02t\0\x01");                                  /* bytes behind the end */
    EXPECT_CORRUPT("\x52\x01\x01");                                     /* list element cut off */
    EXPECT_CORRUPT("\x5a\x03\x02k\0");                                  /* key without value */
    EXPECT_CORRUPT("\x62\x01{");                                        /* not JSON */
    EXPECT_CORRUPT("\x72\x01\x10");                                     /* damage inside */
    (void)state;
}

static void every_truncation_is_noticed_or_harmless(void **state) {
    struct everything all = sample(), out;
    struct co_bytes record = record_of(&everything_schema, &all);
    for (size_t size = 0; size < record.size; size++) {
        unsigned char *exact = malloc(size ? size : 1);
        assert_non_null(exact);
        memcpy(exact, record.data, size);
        if (co_decode_record(&everything_schema, &out, co_bytes(exact, size), &arena, NULL) == CO_OK)
            assert_true(record_of(&everything_schema, &out).size == size); /* cut between two fields */
        free(exact);
    }
    (void)state;
}

static void deep_recursion_is_refused(void **state) {
    struct part parts[100] = {{0}}, out;
    for (size_t i = 0; i + 1 < CO_COUNT(parts); i++) parts[i].next = &parts[i + 1];
    assert_int_equal(co_decode_record(&part_schema, &out, record_of(&part_schema, parts), &arena, NULL), CO_CORRUPT);
    assert_int_equal(co_decode_record(&part_schema, &out, record_of(&part_schema, &parts[40]), &arena, NULL), CO_OK);
    (void)state;
}

/* --- random structs --- */

static uint64_t seed;
static uint64_t draw(uint64_t bound) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % bound;
}

static const char *draw_text(void) {
    static const char *const pool[] = {"", "a", "web", "with \"quotes\"", "\xc3\xa4\xe2\x80\xa8<&>", "new\nline", NULL};
    if (draw(3)) return pool[draw(CO_COUNT(pool))];
    size_t size = draw(300);
    char *text = co_arena_alloc(&arena, size + 1);
    for (size_t i = 0; i < size; i++) text[i] = (char)(' ' + draw(94));
    text[size] = '\0';
    return text;
}

static uint64_t draw_number(void) {
    uint64_t number = draw(UINT64_C(1) << 31) << 33 ^ draw(UINT64_C(1) << 31);
    return number >> draw(64);
}

static struct co_node *draw_tree(unsigned depth) {
    struct co_node *node = co_arena_new(&arena, struct co_node);
    node->kind = (enum co_node_kind)draw(depth > 2 ? 4 : 6);
    node->boolean = draw(2);
    if (node->kind == CO_NODE_NUMBER && draw(2))
        node->is_integer = true, node->integer = (int64_t)draw_number();
    else
        node->number = (double)draw_number() / 3;
    if (node->kind == CO_NODE_STRING) {
        const char *text = draw_text();
        node->text = co_bytes_text(text ? text : "");
    }
    size_t count = draw(4);
    for (size_t i = 0; i < count && node->kind == CO_NODE_LIST; i++) co_tree_append(&arena, node, draw_tree(depth + 1));
    for (size_t i = 0; i < count && node->kind == CO_NODE_OBJECT; i++)
        co_tree_add(&arena, node, co_arena_printf(&arena, "k%zu", i), draw_tree(depth + 1));
    return node;
}

static void fill(const struct co_schema *schema, void *object, unsigned depth);

static void fill_value(const struct co_field *field, void *value, unsigned depth) {
    size_t count = draw(4);
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        *(bool *)value = draw(2);
        break;
    case CO_KIND_I32:
        *(int32_t *)value = (int32_t)draw_number();
        break;
    case CO_KIND_DURATION:
    case CO_KIND_I64:
        *(int64_t *)value = (int64_t)draw_number();
        break;
    case CO_KIND_SIZE:
    case CO_KIND_U64:
        *(uint64_t *)value = draw_number();
        break;
    case CO_KIND_F64:
        *(double *)value = (double)(int64_t)draw_number() / 7;
        break;
    case CO_KIND_STRING:
        *(const char **)value = draw_text();
        break;
    case CO_KIND_BYTES:
        *(struct co_bytes *)value =
            draw(3) ? co_bytes(co_arena_copy(&arena, "\xff\x00z", 3), count % 4) : co_bytes(NULL, 0);
        break;
    case CO_KIND_STRINGS: {
        struct co_strings *list = value;
        *list = (struct co_strings){co_arena_array(&arena, const char *, count + 1), count};
        for (size_t i = 0; i < count; i++) list->items[i] = draw_text();
        break;
    }
    case CO_KIND_MAP: {
        struct co_map *map = value;
        *map = (struct co_map){co_arena_array(&arena, struct co_pair, count + 1), count};
        for (size_t i = 0; i < count; i++)
            map->items[i] = (struct co_pair){co_arena_printf(&arena, "%zu", (i * 7 + 3) % 4), draw_text()};
        break;
    }
    case CO_KIND_TREE:
        *(const struct co_node **)value = draw(2) ? draw_tree(0) : NULL;
        break;
    case CO_KIND_TREES: {
        struct co_trees *trees = value;
        *trees = (struct co_trees){co_arena_array(&arena, const struct co_node *, count + 1), count};
        for (size_t i = 0; i < count; i++) trees->items[i] = draw_tree(1);
        break;
    }
    case CO_KIND_RECORD:
        fill(field->schema, value, depth + 1);
        break;
    case CO_KIND_POINTER:
        if (depth > 3 || draw(2)) break;
        *(void **)value = co_arena_zalloc(&arena, field->schema->size);
        fill(field->schema, *(void **)value, depth + 1);
        break;
    case CO_KIND_RECORDS: {
        struct co_records *list = value;
        *list = (struct co_records){co_arena_zalloc(&arena, (count + 1) * field->schema->size), count};
        for (size_t i = 0; i < count; i++)
            fill(field->schema, (char *)list->items + i * field->schema->size, depth + 1);
        break;
    }
    case CO_KIND_TABLE: {
        struct co_table_of *table = value;
        *table = (struct co_table_of){co_arena_array(&arena, struct co_named, count + 1), count};
        for (size_t i = 0; i < count; i++) {
            table->items[i] = (struct co_named){co_arena_printf(&arena, "%zu", (i * 7 + 2) % 4),
                                                co_arena_zalloc(&arena, field->schema->size)};
            fill(field->schema, table->items[i].value, depth + 1);
        }
        break;
    }
    }
}

static void fill(const struct co_schema *schema, void *object, unsigned depth) {
    for (size_t i = 0; i < schema->count; i++)
        if (draw(4)) fill_value(&schema->fields[i], (char *)object + schema->fields[i].offset, depth);
}

static void random_structs_survive_records_and_json(void **state) {
    for (unsigned round = 0; round < 500; round++) {
        struct everything in = {0}, stored, parsed;
        struct co_error error = {0};
        seed = round;
        fill(&everything_schema, &in, 0);
        const char *json = json_of(&everything_schema, &in);
        struct co_bytes record = record_of(&everything_schema, &in);
        if (co_decode_record(&everything_schema, &stored, record, &arena, &error))
            fail_msg("round %u: %s", round, error.text);
        assert_string_equal(json_of(&everything_schema, &stored), json);
        assert_true(co_bytes_equal(record_of(&everything_schema, &stored), record));
        /* TREES want objects, which the random ones need not be. */
        in.trees = (struct co_trees){NULL, 0};
        json = json_of(&everything_schema, &in);
        if (co_decode_json(&everything_schema, &parsed, co_bytes_text(json), &arena, &error))
            fail_msg("round %u: %s", round, error.text);
        assert_string_equal(json_of(&everything_schema, &parsed), json);
        co_arena_reset(&arena);
    }
    (void)state;
}

/* --- JSON to structs --- */

static co_status decode(const char *json, struct everything *out, struct co_error *error) {
    *error = (struct co_error){0};
    return co_decode_json(&everything_schema, out, co_bytes_text(json), &arena, error);
}

static void bodies_bind(void **state) {
    struct everything out;
    struct co_error error;
    assert_int_equal(decode("{\"flag\":true,\"SMALL\":-5,\"index\":18446744073709551615,\"Wait\":\"1m\",\"Size\":"
                            "\"1K\",\"Bytes\":\"AQI=\","
                            "\"Map\":{\"b\":\"1\",\"a\":\"2\"},\"Strings\":[],\"Text\":null,\"Unknown\":[1],\"Record\":"
                            "{\"Tags\":\"one\"},"
                            "\"Table\":{\"t\":{\"Name\":\"n\"}},\"Large\":1e3}",
                            &out, &error),
                     CO_OK);
    assert_true(out.flag);
    assert_int_equal(out.small, -5);
    assert_int_equal(out.large, 1000);
    assert_true(out.index == UINT64_MAX);
    assert_int_equal(out.wait.ns, 60 * CO_SECOND);
    assert_int_equal(out.size.bytes, 1024);
    assert_int_equal(out.bytes.size, 2);
    assert_string_equal(out.map.items[0].key, "a");
    assert_non_null(out.strings.items);
    assert_int_equal(out.strings.count, 0);
    assert_string_equal(out.text, "");
    assert_string_equal(out.record.tags.items[0], "one");
    assert_string_equal(((struct part *)out.table.items[0].value)->name, "n");
    assert_int_equal(decode("{\"Wait\":5000000000}", &out, &error), CO_OK);
    assert_int_equal(out.wait.ns, 5 * CO_SECOND);
    assert_int_equal(decode("null", &out, &error), CO_OK);
    assert_int_equal(decode("{\"Small\":1,\"Small\":2}", &out, &error), CO_OK);
    assert_int_equal(out.small, 2);
    (void)state;
}

static void bodies_are_typed(void **state) {
    static const char *const cases[][2] = {
        {"{\"Flag\":\"true\"}", "Flag must be true or false, not \"true\""},
        {"{\"Small\":\"1\"}", "Small must be a whole number, not \"1\""},
        {"{\"Small\":1.5}", "Small must be a whole number, not 1.5"},
        {"{\"Small\":2147483648}", "Small must be between -2147483648 and 2147483647"},
        {"{\"Index\":-1}", "Index must be between 0 and 18446744073709551615"},
        {"{\"Large\":9223372036854775808}", "Large must be between -9223372036854775808 and 9223372036854775807"},
        {"{\"Index\":18446744073709551616}", "Index must be between 0 and 18446744073709551615"},
        {"{\"Text\":5}", "Text must be a string, not 5"},
        {"{\"Bytes\":\"!\"}", "Bytes must be a base64 string, not \"!\""},
        {"{\"Wait\":\"10\"}", "Wait must be a duration such as \"10s\", not \"10\""},
        {"{\"Strings\":[\"a\",1]}", "Strings[1] must be a string, not 1"},
        {"{\"Strings\":\"a\"}", "Strings must be a list of strings, not \"a\""},
        {"{\"Map\":{\"k\":true}}", "Map.k must be a string, not true"},
        {"{\"Record\":[{}]}", "Record must be an object, not a list"},
        {"{\"Records\":[{\"Name\":\"x\"},{\"Weight\":{}}]}", "Records[1].Weight must be a whole number, not an object"},
        {"{\"Flag\":1,\"Small\":[]}", "Flag must be true or false, not 1; Small must be a whole number, not a list"},
        {"[]", "the document must be an object, not a list"},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct everything out;
        struct co_error error;
        assert_int_equal(decode(cases[i][0], &out, &error), CO_INVALID);
        assert_string_equal(error.text, cases[i][1]);
    }
    (void)state;
}

static void broken_bodies_are_refused(void **state) {
    static const char *const bad[] = {
        "", "{", "{\"a\":1,}", "{'a':1}", "[1 2]", "\"\\u0000\"", "{\"a\\u0000\":1}", "\"\xff\"", "nul", "{} {}", "01"};
    struct co_node *node;
    struct co_error error;
    for (size_t i = 0; i < CO_COUNT(bad); i++) {
        assert_int_equal(co_tree_parse_body(&arena, co_bytes_text(bad[i]), &node, &error), CO_INVALID);
        assert_int_equal(strncmp(error.text, "line ", 5), 0);
        assert_null(node);
    }
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_int_equal(co_tree_parse_body(&arena, co_bytes(deep, 200), &node, &error), CO_INVALID);
    assert_int_equal(co_tree_parse_body(&arena, co_bytes(deep + 36, 128), &node, &error), CO_OK);
    assert_int_equal(co_tree_parse_body(&arena, co_bytes(deep, (size_t)CO_TREE_TEXT_MAX + 1), &node, &error),
                     CO_TOO_LARGE);
    (void)state;
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)
    const struct CMUnitTest tests[] = {
        T(strings_escape_as_in_go),
        T(floats_print_as_in_go),
        T(base64_goes_both_ways),
        T(indent_is_marshal_indent),
        T(zero_values_print_as_in_go),
        T(every_kind_prints),
        T(hidden_and_secret_fields_stay_out_of_json_but_are_stored),
        T(lists_of_structs_print),
        T(records_have_golden_bytes),
        T(damaged_records_are_refused),
        T(every_truncation_is_noticed_or_harmless),
        T(deep_recursion_is_refused),
        T(random_structs_survive_records_and_json),
        T(bodies_bind),
        T(bodies_are_typed),
        T(broken_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
