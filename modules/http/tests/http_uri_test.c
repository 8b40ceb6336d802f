/* Request targets: what is decoded, what is refused, how query strings and paths with needless segments are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "http/uri.h"

static co_status parse(struct co_arena *arena, const char *text, struct http_uri *uri) {
    return http_uri_parse(co_arena_strdup(arena, text), strlen(text), uri);
}

static void paths_are_decoded(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"/v1/kv/a", "/v1/kv/a"},
        {"/v1/kv/sl%2Fash", "/v1/kv/sl/ash"},
        {"/v1/kv/pl+us", "/v1/kv/pl+us"},
        {"/v1/kv/%C3%BC", "/v1/kv/\xc3\xbc"},
        {"/v1/kv/bad%FFutf8", "/v1/kv/bad\xffutf8"},
        {"/v1/kv/per%25cent?x=%25", "/v1/kv/per%cent"},
        {"/v1/kv/q%3Fmark", "/v1/kv/q?mark"},
        {"/v1/status/leader#fragment", "/v1/status/leader"},
        {"http://host:80/v1/status/leader", "/v1/status/leader"},
        {"https://h/v1", "/v1"},
        {"*", "*"},
        {"/", "/"},
    };
    struct co_arena arena = CO_ARENA_INIT;
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct http_uri uri;
        assert_int_equal(parse(&arena, cases[i][0], &uri), CO_OK);
        assert_string_equal(uri.path, cases[i][1]);
        assert_int_equal(uri.path_size, strlen(cases[i][1]));
    }
    co_arena_fini(&arena);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"",          "v1/kv",           "/v1/%",       "/v1/%4", "/v1/%zz", "/a%00b",
                                        "/a%0ab",    "/a\x7f",          "/a%c2%85b",   "/a?%zz", "/a?b=%z", "/a?b=%00",
                                        "http://no", "ftp://host/path", "/a?b=1&c=%4", "**",     "http:/"};
    struct co_arena arena = CO_ARENA_INIT;
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct http_uri uri;
        if (parse(&arena, cases[i], &uri) == CO_OK) fail_msg("accepted \"%s\"", cases[i]);
        assert_null(uri.path);
    }
    co_arena_fini(&arena);
}

/* "key=value|key=value" of a query, decoded. */
static void walk(struct co_arena *arena, const char *query, struct co_buffer *out) {
    struct co_bytes rest = co_bytes_text(query);
    struct http_pair pair;
    out->size = 0;
    while (http_query_next(&rest, &pair))
        co_buffer_printf(out, "%s=%s|", http_query_value(pair.key, arena), http_query_value(pair.value, arena));
}

static void queries_are_walked(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"recurse", "recurse=|"},
        {"index=1&wait=5s", "index=1|wait=5s|"},
        {"index=1;wait=5s", "index=1|wait=5s|"},
        {"&&a=b&", "a=b|"},
        {"a=b=c", "a=b=c|"},
        {"tag=a+b&tag=c%2Bd", "tag=a b|tag=c+d|"},
        {"=x", "=x|"},
        {"n%61me=%26", "name=&|"},
    };
    struct co_arena arena = CO_ARENA_INIT;
    struct co_buffer out = {0};
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        walk(&arena, cases[i][0], &out);
        assert_string_equal(co_buffer_text(&out), cases[i][1]);
    }
    co_buffer_fini(&out);
    co_arena_fini(&arena);
}

static void keys_match_exactly(void **state) {
    (void)state;
    assert_true(http_query_key_is(co_bytes_text("stale"), "stale"));
    assert_true(http_query_key_is(co_bytes_text("st%61le"), "stale"));
    assert_true(http_query_key_is(co_bytes_text("node+meta"), "node meta"));
    assert_false(http_query_key_is(co_bytes_text("stal"), "stale"));
    assert_false(http_query_key_is(co_bytes_text("stale2"), "stale"));
    assert_false(http_query_key_is(co_bytes_text("Stale"), "stale"));
    assert_false(http_query_key_is(co_bytes_text("stale+"), "stale+"));
    assert_false(http_query_key_is(co_bytes_text(""), "stale"));
}

static void paths_are_cleaned(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"//v1/status/leader", "/v1/status/leader"},
        {"/v1//status/leader", "/v1/status/leader"},
        {"/v1/status/../status/leader", "/v1/status/leader"},
        {"/v1/kv/dot/./one", "/v1/kv/dot/one"},
        {"/v1/kv/../up", "/v1/up"},
        {"/../../etc", "/etc"},
        {"/..", "/"},
        {"/a/..", "/"},
        {"/a/./", "/a/"},
        {"//", "/"},
        {"/a b//\xc3\xbc?", "/a%20b/%C3%BC%3F"},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct co_buffer out = {0};
        size_t size = strlen(cases[i][0]);
        assert_false(http_path_is_clean(cases[i][0], size));
        http_path_clean(cases[i][0], size, &out);
        assert_string_equal(co_buffer_text(&out), cases[i][1]);
        co_buffer_fini(&out);
    }
    static const char *const clean[] = {"/", "/a", "/a/", "/a/.b", "/a/..b/c", "/a./b", "/v1/kv/x..", "/.x/"};
    for (size_t i = 0; i < CO_COUNT(clean); i++) assert_true(http_path_is_clean(clean[i], strlen(clean[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_decoded),  cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(queries_are_walked), cmocka_unit_test(keys_match_exactly),
        cmocka_unit_test(paths_are_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
