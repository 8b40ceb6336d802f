/* The router: which pattern serves which path, what its parameters hold, which patterns are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "http/router.h"

static void nobody(void *self, struct co_http *http) {
    (void)self;
    (void)http;
}

static const struct co_route routes[] = {
    {.verbs = CO_GET, .pattern = "/", .handle = nobody},
    {.verbs = CO_GET | CO_PUT | CO_DELETE, .pattern = "/v1/kv/*", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/agent/service/:id", .handle = nobody},
    {.verbs = CO_PUT, .pattern = "/v1/agent/service/register", .handle = nobody},
    {.verbs = CO_PUT, .pattern = "/v1/agent/service/deregister/:id", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/query", .handle = nobody},
    {.verbs = CO_POST, .pattern = "/v1/query", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/query/:id", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/query/:id/execute", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/a/:b/c/:d/*", .handle = nobody},
    {.verbs = CO_GET, .pattern = "/v1/status/leader", .handle = nobody},
};

static int make(void **state) {
    struct http_router *router = calloc(1, sizeof *router);
    for (size_t i = 0; i < CO_COUNT(routes); i++)
        assert_int_equal(http_router_add(router, &routes[i], NULL, NULL), CO_OK);
    *state = router;
    return 0;
}

static int drop(void **state) {
    http_router_fini(*state);
    free(*state);
    return 0;
}

static void paths_find_their_pattern(void **state) {
    static const struct {
        const char *path, *pattern, *tail;
    } cases[] = {
        {"/", "/", NULL},
        {"/v1/kv/a", "/v1/kv/*", "a"},
        {"/v1/kv/", "/v1/kv/*", ""},
        {"/v1/kv/a/b/", "/v1/kv/*", "a/b/"},
        {"/v1/kv", NULL, NULL},
        {"/v1/kvx", NULL, NULL},
        {"/v1/agent/service/register", "/v1/agent/service/register", NULL},
        {"/v1/agent/service/register/x", "/v1/agent/service/:id", "register/x"},
        {"/v1/agent/service/web", "/v1/agent/service/:id", "web"},
        {"/v1/agent/service/", "/v1/agent/service/:id", ""},
        {"/v1/agent/service/deregister/a/b", "/v1/agent/service/deregister/:id", "a/b"},
        {"/v1/query", "/v1/query", NULL},
        {"/v1/query/7", "/v1/query/:id", "7"},
        {"/v1/query/7/execute", "/v1/query/:id/execute", NULL},
        {"/v1/query/7/other", "/v1/query/:id", "7/other"},
        {"/v1/status/leader", "/v1/status/leader", NULL},
        {"/v1/status/leader/", NULL, NULL},
        {"/v1/status", NULL, NULL},
        {"/v1", NULL, NULL},
        {"/V1/status/leader", NULL, NULL},
        {"", NULL, NULL},
        {"*", NULL, NULL},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct http_match match;
        bool is_found = http_router_match(*state, cases[i].path, strlen(cases[i].path), &match);
        if (is_found != (cases[i].pattern != NULL)) fail_msg("%s", cases[i].path);
        if (!is_found) continue;
        assert_string_equal(match.leaf->pattern, cases[i].pattern);
        assert_int_equal(match.has_tail, cases[i].tail != NULL);
        if (cases[i].tail) assert_string_equal(cases[i].path + match.tail, cases[i].tail);
    }
}

static void parameters_come_in_order(void **state) {
    const char *path = "/v1/a/first/c/second/the/rest";
    struct http_match match;
    assert_true(http_router_match(*state, path, strlen(path), &match));
    assert_int_equal(match.param_count, 2);
    assert_true(co_bytes_equal(match.params[0], co_bytes_text("first")));
    assert_true(co_bytes_equal(match.params[1], co_bytes_text("second")));
    assert_string_equal(path + match.tail, "the/rest");
    path = "/v1/a//c/second/rest"; /* an empty segment is no parameter */
    assert_false(http_router_match(*state, path, strlen(path), &match));
}

static void verbs_gather_on_one_leaf(void **state) {
    struct http_match match;
    assert_true(http_router_match(*state, "/v1/query", 9, &match));
    assert_string_equal(match.leaf->allow, "OPTIONS,GET,POST");
    assert_non_null(match.leaf->targets[http_verb_slot(CO_HEAD)].route);
    assert_null(match.leaf->targets[http_verb_slot(CO_DELETE)].route);
    assert_true(http_router_match(*state, "/v1/kv/x", 8, &match));
    assert_string_equal(match.leaf->allow, "OPTIONS,GET,PUT,DELETE");
}

static void bad_patterns_are_refused(void **state) {
    static const char *const bad[] = {
        "", "v1", "/v1/*/x", "/:", "/a/:/b", "/:a/:b/:c/:d/:e", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
    for (size_t i = 0; i < CO_COUNT(bad); i++) {
        struct co_route route = {.verbs = CO_GET, .pattern = bad[i], .handle = nobody};
        struct co_error error = {0};
        if (http_router_add(*state, &route, NULL, &error) != CO_INVALID) fail_msg("accepted %s", bad[i]);
    }
    struct co_error error = {0};
    struct co_route twice = {.verbs = CO_PUT, .pattern = "/v1/kv/*", .handle = nobody};
    assert_int_equal(http_router_add(*state, &twice, NULL, &error), CO_EXISTS);
    assert_string_equal(error.text, "PUT /v1/kv/* is served by two routes");
}

static void metrics_are_named_as_consul_does(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"/v1/kv/*", "http.GET.v1.kv._"},
                                           {"/v1/status/leader", "http.GET.v1.status.leader"},
                                           {"/v1/health/service/:service", "http.GET.v1.health.service._"},
                                           {"/", "http.GET._"}};
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct co_buffer name = {0};
        http_metric_name(&name, "GET", cases[i][0]);
        assert_string_equal(co_buffer_text(&name), cases[i][1]);
        co_buffer_fini(&name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_find_their_pattern, make, drop),
        cmocka_unit_test_setup_teardown(parameters_come_in_order, make, drop),
        cmocka_unit_test_setup_teardown(verbs_gather_on_one_leaf, make, drop),
        cmocka_unit_test_setup_teardown(bad_patterns_are_refused, make, drop),
        cmocka_unit_test(metrics_are_named_as_consul_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
