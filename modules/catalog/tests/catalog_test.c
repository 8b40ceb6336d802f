/* The catalog and health slices from request to page. Shapes and index rules are what Consul 1.8.7 answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "catalog/catalog_slice.h"
#include "health/health.h"
#include "kv/tests/slice_world.h"

#include <stdio.h>
#include <stdlib.h>

extern const struct co_module catalog_LTX_cohort_module, health_LTX_cohort_module;
static const struct co_module *const modules[] = {&catalog_LTX_cohort_module, &health_LTX_cohort_module};

struct line {
    const char *request, *body, *expected;
};

static void run(struct world *world, const struct line *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *got = world_call(world, lines[i].request, lines[i].body);
        if (strcmp(got, lines[i].expected) != 0) {
            fail_msg("%s %s\n  got      %s\n  expected %s", lines[i].request, lines[i].body ? lines[i].body : "", got,
                     lines[i].expected);
        }
    }
}

#define NODE(id, name, address, tagged, meta_name, meta)                                                               \
    "\"ID\":\"" id "\",\"Node\":\"" name "\",\"Address\":\"" address                                                   \
    "\",\"Datacenter\":\"dc1\",\"TaggedAddresses\":" tagged ",\"" meta_name "\":" meta
#define INDEXES(create, modify) ",\"CreateIndex\":" create ",\"ModifyIndex\":" modify "}"
#define PLAIN_NODE(name, address, create, modify)                                                                      \
    "{" NODE("", name, address, "null", "Meta", "null") INDEXES(create, modify)
#define SERVICE(id, name, tags, address, meta, port)                                                                   \
    "{\"ID\":\"" id "\",\"Service\":\"" name "\",\"Tags\":" tags ",\"Address\":\"" address "\",\"Meta\":" meta         \
    ",\"Port\":" port ",\"Weights\":{\"Passing\":1,\"Warning\":1},\"EnableTagOverride\":false,\"Proxy\":{"             \
    "\"MeshGateway\":{},\"Expose\":{}},\"Connect\":{}"
#define CHECK(node, id, name, status, output, service_id, service, tags)                                               \
    "{\"Node\":\"" node "\",\"CheckID\":\"" id "\",\"Name\":\"" name "\",\"Status\":\"" status                         \
    "\",\"Notes\":\"\",\"Output\":\"" output "\",\"ServiceID\":\"" service_id "\",\"ServiceName\":\"" service          \
    "\",\"ServiceTags\":" tags ",\"Type\":\"\",\"Definition\":{}"

static void answers_have_consuls_shape(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    world_set_index(world, 13);
    static const struct line lines[] = {
        {"GET /v1/catalog/datacenters", NULL, "200 [\"dc1\"]"},
        {"GET /v1/catalog/service/nope", NULL, "200 [1] []"},
        {"GET /v1/catalog/node/nope", NULL, "200 [1] null"},
        {"GET /v1/catalog/node-services/nope", NULL, "200 [1] {\"Node\":null,\"Services\":null}"},
        {"GET /v1/catalog/services", NULL, "200 [1] {}"},
        {"GET /v1/catalog/service/", NULL, "400 Missing service name"},
        {"GET /v1/catalog/node/", NULL, "400 Missing node name"},
        {"GET /v1/catalog/nodes?dc=unknown", NULL, "500 No path to datacenter"},
        {"PUT /v1/catalog/register", "{\"Node\": \"ext1\", \"Address\": \"192.168.10.10\"}", "200 true"}, /* 13 */
        {"GET /v1/catalog/nodes", NULL, "200 [13] [" PLAIN_NODE("ext1", "192.168.10.10", "13", "13") "]"},
        {"GET /v1/catalog/node/ext1", NULL,
         "200 [13] {\"Node\":" PLAIN_NODE("ext1", "192.168.10.10", "13", "13") ",\"Services\":{}}"},
        {"GET /v1/catalog/node-services/ext1", NULL,
         "200 [13] {\"Node\":" PLAIN_NODE("ext1", "192.168.10.10", "13", "13") ",\"Services\":null}"},
        {"GET /v1/health/node/ext1", NULL, "200 [1] []"},
        {"PUT /v1/catalog/register",
         "{\"Node\": \"ext1\", \"Address\": \"192.168.10.10\", \"ID\": \"40e4a748-2192-161a-0510-9bf59fe950b5\", "
         "\"TaggedAddresses\": "
         "{\"wan\": \"10.0.10.10\", \"lan\": \"192.168.10.10\"}, \"NodeMeta\": {\"external-node\": \"true\"}, "
         "\"Service\": {\"ID\": \"redis1\", "
         "\"Service\": \"redis\", \"Tags\": [\"primary\", \"v1\"], \"Address\": \"127.0.0.1\", \"TaggedAddresses\": "
         "{\"wan\": {\"address\": "
         "\"198.18.0.1\", \"port\": 80}, \"lan\": {\"address\": \"127.0.0.1\", \"port\": 8000}}, \"Meta\": "
         "{\"redis_version\": \"4.0\"}, \"Port\": "
         "8000}, \"Check\": {\"Node\": \"ext1\", \"CheckID\": \"service:redis1\", \"Name\": \"Redis health check\", "
         "\"Notes\": \"n\", \"Status\": "
         "\"passing\", \"ServiceID\": \"redis1\", \"Definition\": {\"TCP\": \"localhost:8888\", "
         "\"Interval\": \"5s\", "
         "\"Timeout\": \"1s\", \"DeregisterCriticalServiceAfter\": \"30s\"}}}",
         "200 true"}, /* 14 */
        {"GET /v1/catalog/service/redis", NULL,
         "200 [14] [{" NODE(
             "40e4a748-2192-161a-0510-9bf59fe950b5", "ext1", "192.168.10.10",
             "{\"lan\":\"192.168.10.10\",\"wan\":\"10.0.10.10\"}", "NodeMeta",
             "{\"external-node\":\"true\"}") ",\"ServiceKind\":\"\",\"ServiceID\":\"redis1\",\"ServiceName\":\"redis\","
                                             "\"ServiceTags\":[\"primary\",\"v1\"],\"ServiceAddress\":\"127.0.0.1\","
                                             "\"ServiceTaggedAddresses\":{\"lan\":{\"Address\":\"127.0.0.1\","
                                             "\"Port\":8000},\"wan\":{\"Address\":\"198.18.0.1\",\"Port\":80}},"
                                             "\"ServiceWeights\":{\"Passing\":1,\"Warning\":1},\"ServiceMeta\":"
                                             "{\"redis_version\":\"4.0\"},\"ServicePort\":8000,"
                                             "\"ServiceEnableTagOverride\":false,\"ServiceProxy\":{\"MeshGateway\":{},"
                                             "\"Expose\":{}},"
                                             "\"ServiceConnect\":{}" INDEXES("14", "14") "]"},
        {"GET /v1/health/service/redis", NULL,
         "200 [14] [{\"Node\":{" NODE("40e4a748-2192-161a-0510-9bf59fe950b5", "ext1", "192.168.10.10",
                                      "{\"lan\":\"192.168.10.10\",\"wan\":\"10.0.10.10\"}", "Meta",
                                      "{\"external-node\":\"true\"}")
             INDEXES("13", "14") ",\"Service\":{\"ID\":\"redis1\",\"Service\":\"redis\",\"Tags\":[\"primary\",\"v1\"],"
                                 "\"Address\":\"127.0.0.1\",\"TaggedAddresses\":{\"lan\":"
                                 "{\"Address\":\"127.0.0.1\",\"Port\":8000},\"wan\":{\"Address\":\"198.18.0.1\","
                                 "\"Port\":80}},\"Meta\":{\"redis_version\":\"4.0\"},\"Port\":8000,"
                                 "\"Weights\":{\"Passing\":1,\"Warning\":1},\"EnableTagOverride\":false,\"Proxy\":{"
                                 "\"MeshGateway\":{},\"Expose\":{}},\"Connect\":{}" INDEXES(
                                     "14",
                                     "14") ",\"Checks\":[{\"Node\":\"ext1\",\"CheckID\":\"service:redis1\",\"Name\":"
                                           "\"Redis health check\",\"Status\":\"passing\",\"Notes\":\"n\","
                                           "\"Output\":\"\",\"ServiceID\":\"redis1\",\"ServiceName\":\"redis\","
                                           "\"ServiceTags\":[\"primary\",\"v1\"],\"Type\":\"tcp\",\"Definition\":"
                                           "{\"Interval\":\"5s\",\"Timeout\":\"1s\",\"DeregisterCriticalServiceAfter\":"
                                           "\"30s\",\"TCP\":\"localhost:8888\"}" INDEXES("14", "14") "]}]"},
        {"GET /v1/catalog/services", NULL, "200 [14] {\"redis\":[\"primary\",\"v1\"]}"},
        {"GET /v1/catalog/service/REDIS?tag=V1&tag=none", NULL, "200 [14] []"},
        {"GET /v1/catalog/services?node-meta=rack:zz", NULL, "200 [14] {}"},
        {"GET /v1/catalog/nodes?node-meta=bad", NULL, "200 [14] []"},
        {"GET /v1/catalog/nodes?filter=Node==n1", NULL,
         "400 ?filter is not supported by this version yet; use ?tag, ?node-meta or ?passing"},
    };
    run(world, lines, CO_COUNT(lines));
    world_free(world);
}

static void bad_registrations_are_refused(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    static const struct line lines[] = {
        {"PUT /v1/catalog/register", "{}", "500 Must provide node"},
        {"PUT /v1/catalog/register", "null", "500 Must provide node"},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\"}", "500 Must provide address if SkipNodeUpdate is not set"},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\", \"Address\": \"1\", \"ID\": \"short\"}",
         "500 Bad node ID: uuid string is wrong length"},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\", \"Address\": \"1\", \"Service\": {\"ID\": \"only-id\"}}",
         "500 Must provide service name with ID"},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\", \"Address\": \"1\", \"Service\": {}}",
         "500 Must provide service name"},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\", \"Address\": \"1\", \"Check\": {}}",
         "500 Must provide a check ID or name"},
        {"PUT /v1/catalog/register",
         "{\"Node\": \"x\", \"Address\": \"1\", \"Check\": {\"CheckID\": \"c2\", \"ServiceID\": \"nope\"}}",
         "500 failed inserting check: Missing service registration on node \"x\""},
        {"PUT /v1/catalog/register",
         "{\"Node\": \"x\", \"Address\": \"1\", \"Check\": {\"Node\": \"other\", \"CheckID\": \"c3\"}}",
         "500 check node \"other\" does not match node \"x\""},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\", \"Address\": \"1\", \"Datacenter\": \"unknown\"}",
         "500 No path to datacenter"},
        {"PUT /v1/catalog/deregister", "{}", "500 Must provide node"},
        {"PUT /v1/catalog/deregister", "{\"Node\": \"nope\"}", "200 true"},
        {"PUT /v1/catalog/deregister", "{\"Node\": \"nope\", \"ServiceID\": \"x\"}", "200 true"},
        {"PUT /v1/catalog/deregister", "{\"Node\": \"nope\", \"CheckID\": \"x\"}", "200 true"},
        {"PUT /v1/catalog/register", "{", "400 Request decode failed: unexpected EOF"},
        {"PUT /v1/catalog/register", "", "400 Request decode failed: EOF"},
        {"PUT /v1/catalog/register", "[]",
         "400 Request decode failed: json: cannot unmarshal array into Go value of type structs.RegisterRequest"},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\", \"Address\": \"1\", \"Bogus\": 1}",
         "400 Request decode failed: json: unknown field \"Bogus\""},
        {"PUT /v1/catalog/register",
         "{\"Node\": \"x\", \"Address\": \"1\", \"Service\": {\"Service\": \"s\", \"tagged_addresses\": {}}}",
         "400 Request decode failed: json: unknown field \"tagged_addresses\""},
        {"PUT /v1/catalog/register", "{\"Node\": \"x\", \"Address\": \"1\", \"Checks\": [{\"check_id\": \"c\"}]}",
         "400 Request decode failed: json: unknown field \"check_id\""},
        {"PUT /v1/catalog/register",
         "{\"Node\": \"x\", \"Address\": \"1\", \"Check\": {\"CheckID\": \"d\", \"Definition\": {\"Interval\": "
         "\"nonsense\"}}}",
         "400 Request decode failed: time: invalid duration \"nonsense\""},
        {"PUT /v1/catalog/deregister", "{\"service_id\": \"x\"}",
         "400 Request decode failed: json: unknown field \"service_id\""},
        {"GET /v1/catalog/nodes", NULL, "200 [1] []"},
        {"PUT /v1/catalog/register?dc=unknown", "{\"node\": \"x\", \"ADDRESS\": \"1\"}",
         "200 true"}, /* as Consul: ignored */
    };
    run(world, lines, CO_COUNT(lines));
    char body[600];
    snprintf(body, sizeof body, "{\"Node\": \"%0161d\", \"Address\": \"1\"}", 0);
    assert_string_equal(world_call(world, "PUT /v1/catalog/register", body),
                        "500 Node name is too long: 161 bytes, at most 160 are allowed");
    world_free(world);
}

static const char *put(struct world *world, const char *body) {
    return world_call(world, "PUT /v1/catalog/register", body);
}
static const char *gone(struct world *world, const char *body) {
    return world_call(world, "PUT /v1/catalog/deregister", body);
}

static uint64_t index_of(struct world *world, const char *request) {
    const char *answer = world_call(world, request, NULL), *at = strchr(answer, '[');
    assert_memory_equal(answer, "200 [", 5);
    return strtoull(at + 1, NULL, 10);
}

/* Every index that a request shows, in one line. */
static const char *indexes(struct world *world) {
    static char line[256];
    static const char *const requests[] = {
        "/v1/catalog/nodes",       "/v1/catalog/services",     "/v1/catalog/service/a",
        "/v1/catalog/service/b",   "/v1/catalog/service/nope", "/v1/health/service/a",
        "/v1/health/service/nope", "/v1/health/node/n",        "/v1/health/state/any"};
    size_t size = 0;
    for (size_t i = 0; i < CO_COUNT(requests); i++) {
        char request[64];
        snprintf(request, sizeof request, "GET %s", requests[i]);
        size += (size_t)snprintf(line + size, sizeof line - size, "%s%llu", i ? " " : "",
                                 (unsigned long long)index_of(world, request));
    }
    return line;
}

static void indexes_move_as_consuls(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    /*                                        nodes services service/a /b /nope health/a /nope node state */
    put(world, "{\"Node\":\"n\",\"Address\":\"1\"}"); /* 10 */
    assert_string_equal(indexes(world), "10 1 10 10 10 10 10 1 1");
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"Service\":\"a\"}}"); /* 11 */
    assert_string_equal(indexes(world), "10 11 11 11 11 11 11 1 1");
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"Service\":\"b\"}}"); /* 12 */
    assert_string_equal(indexes(world), "10 12 11 12 12 11 12 1 1");
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"Service\":\"b\"}}"); /* 13: the same again */
    assert_int_equal(world_touched(world), 0);
    assert_string_equal(indexes(world), "10 12 11 12 12 11 12 1 1");
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Check\":{\"CheckID\":\"c\",\"ServiceID\":\"a\",\"Status\":"
               "\"passing\"}}"); /* 14 */
    assert_string_equal(indexes(world), "10 12 14 12 12 14 14 14 14");
    put(world,
        "{\"Node\":\"n\",\"Address\":\"1\",\"Check\":{\"CheckID\":\"n\",\"Status\":\"passing\"}}"); /* 15: of the node */
    assert_string_equal(indexes(world), "10 12 15 15 12 15 15 15 15");
    put(world, "{\"Node\":\"n\",\"Address\":\"2\"}"); /* 16: its services show the node */
    assert_string_equal(indexes(world), "16 12 16 16 16 16 16 15 15");
    put(world, "{\"Node\":\"m\",\"Address\":\"2\"}"); /* 17: another node */
    assert_string_equal(indexes(world), "17 12 16 16 17 16 17 15 15");
    gone(world, "{\"Node\":\"n\",\"ServiceID\":\"b\"}"); /* 18: the last b; checks' index moves along */
    assert_string_equal(indexes(world), "17 18 16 18 18 16 18 18 18");
    put(world, "{\"Node\":\"m\",\"Address\":\"2\",\"Service\":{\"Service\":\"a\"}}"); /* 19 */
    assert_string_equal(indexes(world), "17 19 19 18 18 19 18 18 18");
    gone(world, "{\"Node\":\"n\"}"); /* 20: one a remains */
    assert_string_equal(indexes(world), "20 20 20 18 18 20 18 20 20");
    assert_int_equal(world_rows(world, CATALOG_CHECKS), 0);
    assert_int_equal(world_rows(world, CATALOG_CHECK_STATES), 0);
    assert_int_equal(world_rows(world, CATALOG_SERVICE_CHECKS), 0);
    gone(world, "{\"Node\":\"m\",\"CheckID\":\"nope\"}"); /* 21 */
    assert_int_equal(world_touched(world), 0);
    world_free(world);
}

/* A question about a service watches "service.<name>" alone: is that set by all that its answer shows, and by nothing else? */
static bool wakes(struct world *world, const char *service) {
    char name[64];
    snprintf(name, sizeof name, "service.%s", service);
    return world_touched_key(world, CO_TABLE_INDEX, co_bytes_text(name), true);
}

static void a_service_wakes_for_its_own_changes_only(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"Service\":\"A\"}}");
    assert_true(wakes(world, "a"));
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"Service\":\"b\"}}");
    assert_true(!wakes(world, "a") && wakes(world, "b"));
    put(world, "{\"Node\":\"m\",\"Address\":\"1\",\"Service\":{\"Service\":\"c\"}}");
    assert_false(wakes(world, "a"));
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"Service\":\"a\",\"Port\":5}}");
    assert_true(wakes(world, "a") && !wakes(world, "b"));
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Check\":{\"CheckID\":\"c\",\"ServiceID\":\"a\"}}");
    assert_true(wakes(world, "a") && !wakes(world, "b"));
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Check\":{\"CheckID\":\"c\",\"ServiceID\":\"a\",\"Output\":\"o\"}}");
    assert_true(wakes(world, "a") && !wakes(world, "b"));
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Check\":{\"CheckID\":\"n\"}}");
    assert_true(wakes(world, "a") && wakes(world, "b") && !wakes(world, "c"));
    put(world, "{\"Node\":\"n\",\"Address\":\"2\"}");
    assert_true(wakes(world, "a") && wakes(world, "b") && !wakes(world, "c"));
    gone(world, "{\"Node\":\"n\",\"CheckID\":\"n\"}");
    assert_true(wakes(world, "a") && wakes(world, "b") && !wakes(world, "c"));
    gone(world, "{\"Node\":\"n\",\"CheckID\":\"c\"}");
    assert_true(wakes(world, "a") && !wakes(world, "b"));
    gone(world, "{\"Node\":\"n\",\"ServiceID\":\"b\"}");
    assert_true(!wakes(world, "a") && wakes(world, "b"));
    gone(world, "{\"Node\":\"n\"}");
    assert_true(wakes(world, "a") && !wakes(world, "c"));
    world_free(world);
}

static void health_filters_by_state_tag_and_meta(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    world_set_index(world, 13);
    put(world,
        "{\"Node\":\"h1\",\"Address\":\"10.1.0.1\",\"Service\":{\"ID\":\"api1\",\"Service\":\"api\",\"Tags\":[\"a\","
        "\"v1\"],\"Port\":9001},\"Checks\":"
        "[{\"CheckID\":\"c1\",\"Name\":\"api 1\",\"ServiceID\":\"api1\",\"Status\":\"passing\",\"Output\":\"o\"}]}");
    put(world, "{\"Node\":\"h2\",\"Address\":\"10.1.0.2\",\"Service\":{\"ID\":\"api2\",\"Service\":\"api\",\"Tags\":["
               "\"b\",\"v1\"],\"Port\":9002},\"Checks\":"
               "[{\"CheckID\":\"c2\",\"Name\":\"api "
               "2\",\"ServiceID\":\"api2\",\"Status\":\"warning\",\"Output\":\"o\"}],\"NodeMeta\":{\"rack\":\"B\"}}");
    put(world, "{\"Node\":\"h4\",\"Address\":\"10.1.0.4\",\"Service\":{\"ID\":\"api4\",\"Service\":\"api\",\"Tags\":["
               "\"a\"],\"Port\":9004},\"Checks\":"
               "[{\"CheckID\":\"c4\",\"Name\":\"api "
               "4\",\"ServiceID\":\"api4\",\"Status\":\"passing\"},{\"CheckID\":\"nodechk\",\"Name\":\"node check\","
               "\"Status\":\"critical\"}]}");
#define H1                                                                                                             \
    "{\"Node\":" PLAIN_NODE("h1", "10.1.0.1", "13", "13") ",\"Service\":" SERVICE(                                     \
        "api1", "api", "[\"a\",\"v1\"]", "", "null", "9001") INDEXES("13", "13") ",\"Checks\":[" C1 "]}"
#define C1 CHECK("h1", "c1", "api 1", "passing", "o", "api1", "api", "[\"a\",\"v1\"]") INDEXES("13", "13")
#define C2 CHECK("h2", "c2", "api 2", "warning", "o", "api2", "api", "[\"b\",\"v1\"]") INDEXES("14", "14")
#define C4 CHECK("h4", "c4", "api 4", "passing", "", "api4", "api", "[\"a\"]") INDEXES("15", "15")
#define CN CHECK("h4", "nodechk", "node check", "critical", "", "", "", "[]") INDEXES("15", "15")
#define H4                                                                                                             \
    "{\"Node\":" PLAIN_NODE("h4", "10.1.0.4", "15", "15") ",\"Service\":" SERVICE(                                     \
        "api4", "api", "[\"a\"]", "", "null", "9004") INDEXES("15", "15") ",\"Checks\":[" CN "," C4 "]}"
    static const struct line lines[] = {
        {"GET /v1/health/service/api?passing", NULL, "200 [15] [" H1 "]"},
        {"GET /v1/health/service/api?passing=1", NULL, "200 [15] [" H1 "]"},
        {"GET /v1/health/service/api?tag=a", NULL, "200 [15] [" H1 "," H4 "]"},
        {"GET /v1/health/service/api?tag=v1&tag=A&passing=0", NULL, "200 [15] [" H1 "]"},
        {"GET /v1/health/service/api?passing=maybe", NULL, "400 Invalid value for ?passing"},
        {"GET /v1/health/service/api?tag=", NULL, "200 [15] []"},
        {"GET /v1/health/checks/api", NULL, "200 [15] [" C1 "," C2 "," C4 "]"},
        {"GET /v1/health/checks/api?node-meta=rack:B", NULL, "200 [15] [" C2 "]"},
        {"GET /v1/health/checks/nope", NULL, "200 [15] []"},
        {"GET /v1/health/checks/", NULL, "400 Missing service name"},
        {"GET /v1/health/node/H4", NULL, "200 [15] [" C4 "," CN "]"},
        {"GET /v1/health/node/h", NULL, "200 [15] []"},
        {"GET /v1/health/state/any", NULL, "200 [15] [" C1 "," C2 "," C4 "," CN "]"},
        {"GET /v1/health/state/any?node-meta=rack:B", NULL, "200 [15] [" C2 "]"},
        {"GET /v1/health/state/passing", NULL, "200 [15] [" C1 "," C4 "]"},
        {"GET /v1/health/state/PASSING", NULL, "200 [15] []"},
        {"GET /v1/health/state/critical", NULL, "200 [15] [" CN "]"},
        {"GET /v1/health/state/", NULL, "400 Missing check state"},
    };
    run(world, lines, CO_COUNT(lines));
    /* A check that changes its state leaves the list of the old one. */
    put(world, "{\"Node\":\"h2\",\"Address\":\"10.1.0.2\",\"NodeMeta\":{\"rack\":\"B\"},\"Check\":{\"CheckID\":\"c2\","
               "\"Name\":\"api 2\",\"ServiceID\":"
               "\"api2\",\"Status\":\"passing\"}}");
    assert_string_equal(world_call(world, "GET /v1/health/state/warning", NULL), "200 [16] []");
    assert_int_equal(world_rows(world, CATALOG_CHECK_STATES), 4);
    world_free(world);
}

static void nodes_keep_their_ids(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    static const char a[] = "{\"Node\":\"one\",\"Address\":\"1\",\"ID\":\"aaaaaaaa-0000-0000-0000-000000000000\","
                            "\"Service\":{\"Service\":\"s\"}}";
    static const char b[] = "{\"Node\":\"two\",\"Address\":\"2\",\"ID\":\"bbbbbbbb-0000-0000-0000-000000000000\"}";
    assert_string_equal(put(world, a), "200 true"); /* 10 */
    assert_string_equal(put(world, b), "200 true"); /* 11 */
    /* The name of another living node. */
    assert_string_equal(
        put(world, "{\"Node\":\"ONE\",\"Address\":\"3\",\"ID\":\"cccccccc-0000-0000-0000-000000000000\"}"),
        "500 Node name ONE is reserved by node aaaaaaaa-0000-0000-0000-000000000000 with name one (1)"); /* 12 */
    assert_string_equal(
        put(world, "{\"Node\":\"one\",\"Address\":\"2\",\"ID\":\"bbbbbbbb-0000-0000-0000-000000000000\"}"),
        "500 Node name one is reserved by node aaaaaaaa-0000-0000-0000-000000000000 with name one (1)"); /* 13 */
    /* A new name for the same node: services of the old name go. */
    assert_string_equal(
        put(world, "{\"Node\":\"uno\",\"Address\":\"1\",\"ID\":\"aaaaaaaa-0000-0000-0000-000000000000\"}"),
        "200 true"); /* 14 */
    assert_string_equal(world_call(world, "GET /v1/catalog/node/one", NULL), "200 [14] null");
    assert_string_equal(world_call(world, "GET /v1/catalog/services", NULL), "200 [14] {}");
    assert_string_equal(world_call(world, "GET /v1/catalog/node/uno", NULL),
                        "200 [14] {\"Node\":{" NODE("aaaaaaaa-0000-0000-0000-000000000000", "uno", "1", "null", "Meta",
                                                    "null") INDEXES("10", "14") ",\"Services\":{}}");
    /* Found by its id, and by a beginning of it. */
    assert_string_equal(world_call(world, "GET /v1/catalog/node-services/AAAA", NULL),
                        "200 [14] {\"Node\":{" NODE("aaaaaaaa-0000-0000-0000-000000000000", "uno", "1", "null", "Meta",
                                                    "null") INDEXES("10", "14") ",\"Services\":null}");
    /* The agent of the old holder is known to have failed: its name may be taken. */
    put(world, "{\"Node\":\"two\",\"SkipNodeUpdate\":true,\"Check\":{\"CheckID\":\"serfHealth\",\"Status\":"
               "\"critical\"}}"); /* 15 */
    assert_string_equal(
        put(world, "{\"Node\":\"two\",\"Address\":\"9\",\"ID\":\"dddddddd-0000-0000-0000-000000000000\"}"),
        "200 true"); /* 16 */
    assert_int_equal(world_rows(world, CATALOG_NODES), 2);
    assert_int_equal(world_rows(world, CATALOG_NODE_IDS), 2);
    world_free(world);
}

static void a_service_may_change_its_name(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"ID\":\"i\",\"Service\":\"old\"},\"Check\":{"
               "\"CheckID\":\"c\",\"ServiceID\":\"i\"}}");                                           /* 10 */
    put(world, "{\"Node\":\"n\",\"Address\":\"1\",\"Service\":{\"ID\":\"i\",\"Service\":\"new\"}}"); /* 11 */
    assert_true(wakes(world, "old") && wakes(world, "new"));
    assert_string_equal(world_call(world, "GET /v1/health/service/old", NULL), "200 [11] []");
    assert_string_equal(world_call(world, "GET /v1/health/checks/new", NULL),
                        "200 [11] [" CHECK("n", "c", "", "critical", "", "i", "new", "[]") INDEXES("10", "11") "]");
    assert_string_equal(world_call(world, "GET /v1/catalog/services", NULL), "200 [11] {\"new\":[]}");
    gone(world, "{\"Node\":\"n\"}");
    for (co_table_id table = CATALOG_NODES; table <= CATALOG_NODE_IDS; table++)
        assert_int_equal(world_rows(world, table), 0);
    world_free(world);
}

/* After any history, everything that is derived agrees with the rows: no orphan and nothing missing. */
static void index_rows_agree_with_rows(void **state) {
    (void)state;
    static const char *const statuses[] = {"passing", "warning", "critical"};
    for (unsigned seed = 1; seed <= 10; seed++) {
        srand(seed);
        struct world *world = world_new(modules, CO_COUNT(modules));
        for (int i = 0; i < 200; i++) {
            char body[512];
            int node = rand() % 3, id = rand() % 3;
            switch (rand() % 7) {
            case 0:
                snprintf(body, sizeof body,
                         "{\"Node\":\"n%d\",\"Address\":\"%d\",\"ID\":\"%08d-0000-0000-0000-000000000000\"}", node,
                         rand() % 2, rand() % 3);
                break;
            case 1:
            case 2:
                snprintf(body, sizeof body,
                         "{\"Node\":\"n%d\",\"Address\":\"1\",\"SkipNodeUpdate\":true,\"Service\":{\"ID\":\"i%d\","
                         "\"Service\":\"s%d\",\"Port\":%d}}",
                         node, id, rand() % 2, rand() % 2);
                break;
            case 3:
                snprintf(body, sizeof body,
                         "{\"Node\":\"n%d\",\"Address\":\"1\",\"SkipNodeUpdate\":true,\"Check\":{\"CheckID\":\"c%d\","
                         "\"Status\":\"%s\"}}",
                         node, id, statuses[rand() % 3]);
                break;
            case 4:
                snprintf(body, sizeof body,
                         "{\"Node\":\"n%d\",\"Address\":\"1\",\"SkipNodeUpdate\":true,\"Check\":{\"CheckID\":\"c%d\","
                         "\"ServiceID\":\"i%d\",\"Status\":\"%s\"}}",
                         node, id, rand() % 3, statuses[rand() % 3]);
                break;
            case 5:
                snprintf(body, sizeof body, "{\"Node\":\"n%d\",\"%s\":\"%c%d\"}", node,
                         rand() % 2 ? "ServiceID" : "CheckID", rand() % 2 ? 'i' : 'c', id);
                break;
            default:
                snprintf(body, sizeof body, rand() % 4 ? "{\"Node\":\"\"}" : "{\"Node\":\"n%d\"}", node);
                break;
            }
            if (strstr(body, "Address"))
                put(world, body);
            else
                gone(world, body);
            assert_int_equal(world_rows(world, CATALOG_SERVICE_NAMES), world_rows(world, CATALOG_SERVICES));
            assert_int_equal(world_rows(world, CATALOG_CHECK_STATES), world_rows(world, CATALOG_CHECKS));
            assert_int_equal(world_rows(world, CATALOG_SERVICE_CHECKS), world_rows(world, CATALOG_CHECKS));
            assert_true(world_rows(world, CATALOG_NODE_IDS) <= world_rows(world, CATALOG_NODES));
            /* These read every row through the index tables and fail on an orphan. */
            assert_memory_equal(world_call(world, "GET /v1/health/service/s0", NULL), "200 ", 4);
            assert_memory_equal(world_call(world, "GET /v1/health/service/s1", NULL), "200 ", 4);
            assert_memory_equal(world_call(world, "GET /v1/health/checks/s0", NULL), "200 ", 4);
            assert_memory_equal(world_call(world, "GET /v1/health/state/critical", NULL), "200 ", 4);
            assert_memory_equal(world_call(world, "GET /v1/catalog/services", NULL), "200 ", 4);
        }
        world_free(world);
    }
}

/* --- DNS --- */

static struct co_endpoints resolve(struct world *world, const char *const *labels, size_t count, bool is_rfc2782,
                                   bool only_passing, struct co_arena *arena, co_status *status) {
    struct co_zone_ask ask = {
        .labels = labels, .count = count, .datacenter = "dc1", .is_rfc2782 = is_rfc2782, .only_passing = only_passing};
    const struct co_method *method = NULL;
    void *request = NULL;
    struct co_endpoints out = {NULL, 0};
    *status = health_zone_question(NULL, &ask, arena, &method, &request);
    if (*status) return out;
    uint64_t index;
    void *reply = co_arena_zalloc(arena, method->reply->size);
    assert_int_equal(world_query(world, method, request, reply, arena, &index), CO_OK);
    *status = health_zone_answer(NULL, &ask, reply, arena, &out);
    return out;
}

static void dns_names_lead_to_healthy_instances(void **state) {
    (void)state;
    struct world *world = world_new(modules, CO_COUNT(modules));
    put(world, "{\"Node\":\"a\",\"Address\":\"10.0.0.1\",\"Service\":{\"Service\":\"db\",\"Tags\":[\"v1.2\"],\"Port\":"
               "1,\"Weights\":{\"Passing\":7,\"Warning\":3}}}");
    put(world, "{\"Node\":\"b\",\"Address\":\"10.0.0.2\",\"Service\":{\"Service\":\"db\",\"Tags\":[\"Main\"],\"Port\":"
               "2,\"Weights\":{\"Passing\":7,\"Warning\":3}},"
               "\"Check\":{\"CheckID\":\"c\",\"ServiceID\":\"db\",\"Status\":\"warning\"}}");
    put(world, "{\"Node\":\"c\",\"Address\":\"10.0.0.3\",\"Service\":{\"Service\":\"db\",\"Port\":3},\"Check\":{"
               "\"CheckID\":\"c\",\"Status\":\"critical\"}}");
    struct co_arena arena = CO_ARENA_INIT;
    co_status status;
    static const char *const db[] = {"db"}, *const main_db[] = {"main", "db"}, *const dotted[] = {"v1", "2", "db"},
                             *const none[] = {"nope"}, *const rfc[] = {"_db", "_tcp"},
                             *const rfc_tag[] = {"_db", "_main"}, *const rfc_bad[] = {"_db"};
    struct co_endpoints found = resolve(world, db, 1, false, false, &arena, &status);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.items[0].node_address, "10.0.0.1");
    assert_int_equal(found.items[0].weight, 7);
    assert_int_equal(found.items[1].weight, 3); /* it warns */
    assert_int_equal(resolve(world, db, 1, false, true, &arena, &status).count, 1);
    assert_int_equal(resolve(world, main_db, 2, false, false, &arena, &status).items[0].port, 2);
    assert_int_equal(resolve(world, dotted, 3, false, false, &arena, &status).items[0].port, 1);
    assert_int_equal(resolve(world, rfc, 2, true, false, &arena, &status).count, 2);
    assert_int_equal(resolve(world, rfc_tag, 2, true, false, &arena, &status).count, 1);
    resolve(world, none, 1, false, false, &arena, &status);
    assert_int_equal(status, CO_NOT_FOUND);
    resolve(world, rfc_bad, 1, true, false, &arena, &status);
    assert_int_equal(status, CO_NOT_FOUND);
    co_arena_fini(&arena);
    world_free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_consuls_shape),
        cmocka_unit_test(bad_registrations_are_refused),
        cmocka_unit_test(indexes_move_as_consuls),
        cmocka_unit_test(a_service_wakes_for_its_own_changes_only),
        cmocka_unit_test(health_filters_by_state_tag_and_meta),
        cmocka_unit_test(nodes_keep_their_ids),
        cmocka_unit_test(a_service_may_change_its_name),
        cmocka_unit_test(index_rows_agree_with_rows),
        cmocka_unit_test(dns_names_lead_to_healthy_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
