/* Trees: keys, building, strict JSON with places, writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cohort/tree.h"

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

static void keys_match_without_case_and_underscores(void **state) {
    assert_true(co_key_equal("ServiceID", "service_id"));
    assert_true(co_key_equal("serviceid", "Service_ID_"));
    assert_true(co_key_equal("", "_"));
    assert_false(co_key_equal("service", "service_id"));
    assert_false(co_key_equal("service-id", "service_id"));
    assert_false(co_key_equal("[", "{"));
    (void)state;
}

static void distance_counts_edits_and_swaps(void **state) {
    assert_int_equal(co_key_distance("map_size", "map_size"), 0);
    assert_int_equal(co_key_distance("map_sise", "map_size"), 1);
    assert_int_equal(co_key_distance("mpa_size", "map_size"), 1);
    assert_int_equal(co_key_distance("", "abc"), 3);
    assert_int_equal(co_key_distance("kitten", "sitting"), 3);
    char longest[200];
    memset(longest, 'x', 199);
    longest[199] = '\0';
    assert_int_equal(co_key_distance(longest, "x"), 99);
    (void)state;
}

static const char *json_of(const struct co_node *node) {
    struct co_buffer out = {0};
    co_tree_write_json(&out, node);
    const char *text = co_arena_text(&arena, out.data, out.size);
    co_buffer_fini(&out);
    return text;
}

static void trees_can_be_built(void **state) {
    struct co_node *object = co_tree_object(&arena), *list = co_arena_new(&arena, struct co_node);
    list->kind = CO_NODE_LIST;
    co_tree_append(&arena, list, co_tree_string(&arena, "x"));
    co_tree_append(&arena, list, co_tree_string(&arena, NULL));
    co_tree_add(&arena, object, "List", list);
    co_tree_add(&arena, object, "Na<me", co_tree_string(&arena, "v"));
    assert_string_equal(json_of(object), "{\"List\":[\"x\",\"\"],\"Na\\u003cme\":\"v\"}");
    assert_ptr_equal(co_tree_get(object, "list"), list);
    assert_null(co_tree_get(object, "other"));
    assert_null(co_tree_get(list, "list"));
    assert_null(co_tree_get(NULL, "list"));
    assert_string_equal(co_tree_text(object, "na<me", "-"), "v");
    assert_string_equal(co_tree_text(object, "list", "-"), "-");
    assert_string_equal(json_of(NULL), "null");
    (void)state;
}

static struct co_node *parse(const char *text) {
    struct co_node *node;
    struct co_error error = {0};
    if (co_tree_parse_json(&arena, "f", co_bytes_text(text), &node, &error)) fail_msg("%s: %s", text, error.text);
    return node;
}

static void json_reads_and_writes_the_same(void **state) {
    static const char *const same[] = {"null",
                                       "true",
                                       "[]",
                                       "{}",
                                       "-5",
                                       "1.5",
                                       "18446744073709551615",
                                       "\"\"",
                                       "\"a\\\"\\\\b\"",
                                       "[1,[2,[{\"a\":{}}]],null]",
                                       "{\"b\":1,\"a\":[false]}",
                                       "-9223372036854775808"};
    for (size_t i = 0; i < CO_COUNT(same); i++) assert_string_equal(json_of(parse(same[i])), same[i]);
    assert_string_equal(json_of(parse(" \n[ 1 , 2 ]\t")), "[1,2]");
    assert_string_equal(json_of(parse("\xef\xbb\xbf{}")), "{}");
    assert_string_equal(json_of(parse("\"\\u00e4\\uD83D\\uDE00\\/\\b\\f\\n\\r\\t\"")),
                        "\"\xc3\xa4\xf0\x9f\x98\x80/\\u0008\\u000c\\n\\r\\t\"");
    assert_string_equal(json_of(parse("[1e2, 1E+2, 1e-2, -0, 1.0]")), "[100,100,0.01,0,1]");
    assert_string_equal(json_of(parse("100000000000000000000")), "100000000000000000000");
    assert_string_equal(json_of(parse("{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"a\":5}")), "{\"b\":2,\"c\":4,\"a\":5}");
    (void)state;
}

static void nodes_know_their_places(void **state) {
    const struct co_node *root = parse("{\n  \"\xc3\xa4\": 1, \"b\":\n    [true]}");
    assert_int_equal(root->place.line, 1);
    assert_int_equal(root->place.column, 1);
    const struct co_entry *first = root->entries, *second = first->next;
    assert_int_equal(first->place.line, 2);
    assert_int_equal(first->place.column, 3);
    assert_int_equal(first->value->place.column, 8); /* characters, not bytes */
    assert_int_equal(second->place.column, 11);
    assert_int_equal(second->value->place.line, 3);
    assert_int_equal(second->value->items->value->place.column, 6);
    assert_string_equal(second->value->place.file, "f");
    (void)state;
}

static void broken_json_is_refused_with_its_place(void **state) {
    static const char *const cases[][2] = {
        {"", "f:1:1: expected a value, not the end of the file"},
        {"{\n\"a\" 1}", "f:2:5: expected \":\", not '1'"},
        {"{\"a\":1,}", "f:1:8: expected a key behind the comma; remove the comma"},
        {"{\"a\":1", "f:1:1: the object is not closed; add }"},
        {"{\"a\":1 \"b\":2}", "f:1:8: expected \",\" or \"}\", not '\"'"},
        {"{a:1}", "f:1:2: expected a key in quotes, not 'a'"},
        {"[1,2,]", "f:1:6: expected a value behind the comma; remove the comma"},
        {"[1\n2]", "f:2:1: expected \",\" or \"]\", not '2'"},
        {"[1", "f:1:1: the list is not closed; add ]"},
        {"[", "f:1:2: expected a value, not the end of the file"},
        {"[yes]", "f:1:2: expected a value, not 'y'"},
        {"[nope]", "f:1:2: expected a value; strings are written in quotes"},
        {"\"abc", "f:1:1: the string is not closed; add \""},
        {"\"a\nb\"", "f:1:1: the string is not closed; add \""},
        {"\"a\tb\"", "f:1:3: control characters in strings must be written as escapes"},
        {"\"a\\qb\"", "f:1:3: unknown escape; a backslash is written \\\\"},
        {"\"\\u00g0\"", "f:1:2: \\u wants four hexadecimal digits"},
        {"\"\\u0000\"", "f:1:2: strings must not contain \\u0000"},
        {"\"\\ud800x\"", "f:1:2: half of a surrogate pair; write both halves"},
        {"\"\\udc00\"", "f:1:2: half of a surrogate pair; write both halves"},
        {"01", "f:1:1: numbers must not start with 0"},
        {"-", "f:1:2: expected a digit, not the end of the file"},
        {"1.", "f:1:3: expected a digit, not the end of the file"},
        {"1e", "f:1:3: expected a digit, not the end of the file"},
        {"1e999", "f:1:1: the number is too large"},
        {"1 2", "f:1:3: expected the end of the file, not '2'"},
        {"{}\n\n  \xff", "f:3:3: invalid UTF-8 (byte 0xff); save the file as UTF-8"},
        {"[\"\xc3\"]", "f:1:3: invalid UTF-8 (byte 0xc3); save the file as UTF-8"},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct co_node *node;
        struct co_error error = {0};
        size_t size = strlen(cases[i][0]);
        char *exact = malloc(size ? size : 1); /* no NUL behind it */
        assert_non_null(exact);
        memcpy(exact, cases[i][0], size);
        assert_int_equal(co_tree_parse_json(&arena, "f", co_bytes(exact, size), &node, &error), CO_INVALID);
        assert_string_equal(error.text, cases[i][1]);
        assert_null(node);
        free(exact);
    }
    (void)state;
}

static void depth_and_size_are_bounded(void **state) {
    char deep[200];
    struct co_node *node;
    struct co_error error;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_int_equal(co_tree_parse_json(&arena, "f", co_bytes(deep + 36, 128), &node, &error), CO_OK);
    assert_int_equal(co_tree_parse_json(&arena, "f", co_bytes(deep + 35, 130), &node, &error), CO_INVALID);
    assert_string_equal(error.text, "f:1:65: nested more than 64 levels deep");
    assert_int_equal(co_tree_parse_json(&arena, "f", co_bytes(deep, (size_t)CO_TREE_TEXT_MAX + 1), &node, &error),
                     CO_TOO_LARGE);
    (void)state;
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)
    const struct CMUnitTest tests[] = {
        T(keys_match_without_case_and_underscores),
        T(distance_counts_edits_and_swaps),
        T(trees_can_be_built),
        T(json_reads_and_writes_the_same),
        T(nodes_know_their_places),
        T(broken_json_is_refused_with_its_place),
        T(depth_and_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
