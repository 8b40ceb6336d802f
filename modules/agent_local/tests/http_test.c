/* The routes, asked without a server: statuses, headers and bodies as Consul 1.8.7 gives them. */
#include "local_world.h"

extern const struct co_module agent_local_LTX_cohort_module;

static struct world world;
static struct co_agent core;
static struct co_ctx ctx;

/* --- an exchange --- */

struct exchange {
    struct co_http http;
    struct co_arena arena;
    const char *query; /* "a=1&b" */
    char headers[256]; /* "name: value\n" ... */
    int status;
    const char *type;
    char body[8192];
};

static const char *find_query(struct co_http *http, const char *name) {
    struct exchange *exchange = (struct exchange *)http;
    size_t size = strlen(name);
    for (const char *at = exchange->query; at && *at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL) {
        size_t length = strcspn(at, "&"), key = strcspn(at, "=&");
        if (key != size || strncmp(at, name, size)) continue;
        return at[key] == '=' ? co_arena_text(&exchange->arena, at + key + 1, length - key - 1) : "";
    }
    return NULL;
}

static void set_header(struct co_http *http, const char *name, const char *value) {
    struct exchange *exchange = (struct exchange *)http;
    size_t used = strlen(exchange->headers);
    snprintf(exchange->headers + used, sizeof exchange->headers - used, "%s: %s\n", name, value);
}

static void reply(struct co_http *http, int status, const char *type, struct co_bytes body) {
    struct exchange *exchange = (struct exchange *)http;
    assert_int_equal(exchange->status, 0); /* one answer */
    exchange->status = status;
    exchange->type = type;
    assert_true(body.size < sizeof exchange->body);
    if (body.size) memcpy(exchange->body, body.data, body.size);
    exchange->body[body.size] = '\0';
}

static const struct co_http_ops ops = {.query = find_query, .set_header = set_header, .reply = reply};
static struct exchange exchange;

static void ask(void (*handle)(void *, struct co_http *), const char *param, const char *query, const char *body) {
    co_arena_fini(&exchange.arena);
    exchange = (struct exchange){.query = query};
    exchange.http = (struct co_http){.ops = &ops,
                                     .ctx = &ctx,
                                     .self = &world.local,
                                     .arena = &exchange.arena,
                                     .body = co_bytes_text(body ? body : "")};
    exchange.http.params[0] = param;
    handle(&world.local, &exchange.http);
}

#define EXPECT(code, text) (assert_int_equal(exchange.status, code), assert_string_equal(exchange.body, text))
#define OK_EMPTY()         (EXPECT(200, ""), assert_null(exchange.type))

/* --- the core's part --- */

static void consensus_status(void *self, struct co_consensus_status *out) {
    (void)self;
    *out = (struct co_consensus_status){.is_leader = true,
                                        .has_leader = true,
                                        .leader_address = "127.0.0.1:8300",
                                        .state = "Leader",
                                        .term = 2,
                                        .voters = 1};
}
static void consensus_peers(void *self, struct co_arena *arena, const char ***out, size_t *count) {
    (void)self;
    *out = co_arena_array(arena, const char *, 1);
    (*out)[0] = "127.0.0.1:8300";
    *count = 1;
}
static const struct co_consensus_ops consensus_ops = {.status = consensus_status, .peers = consensus_peers};

static int setup(void **state) {
    (void)state;
    world_new(&world, "");
    core = (struct co_agent){.loop = world.local.loop, .settings = &world.agent, .consensus = {&consensus_ops, NULL}};
    ctx = (struct co_ctx){.agent = &core, .module = &agent_local_LTX_cohort_module, .self = &world.local};
    world.local.ctx = &ctx;
    return 0;
}
static int teardown(void **state) {
    (void)state;
    co_arena_fini(&exchange.arena);
    world_free(&world);
    return 0;
}

#define REGISTER(text) ask(local_http_service_register, NULL, "", text)

static void services_come_and_go(void **state) {
    (void)state;
    ask(local_http_services, NULL, "", NULL);
    EXPECT(200, "{}");
    REGISTER("{\"Name\": \"web\"}");
    OK_EMPTY();
    ask(local_http_services, NULL, "", NULL);
    EXPECT(200, "{\"web\":{\"ID\":\"web\",\"Service\":\"web\",\"Tags\":[],\"Meta\":{},\"Port\":0,\"Address\":\"\","
                "\"Weights\":{\"Passing\":1,\"Warning\":1},\"EnableTagOverride\":false}}");
    assert_string_equal(exchange.type, "application/json");
    ask(local_http_service_deregister, "web", "", NULL);
    OK_EMPTY();
    ask(local_http_service_deregister, "web", "", NULL); /* again is fine */
    OK_EMPTY();
    ask(local_http_service_deregister, "", "", NULL);
    EXPECT(500, "ServiceID missing");
    ask(local_http_service, "web", "", NULL);
    EXPECT(404, "unknown service ID: web");
    REGISTER("");
    EXPECT(400, "Request decode failed: EOF");
    REGISTER("{");
    EXPECT(400, "Request decode failed: unexpected EOF");
    ask(local_http_services, NULL, "filter=bad", NULL);
    assert_int_equal(exchange.status, 400);
}

static void a_service_can_be_watched_by_its_hash(void **state) {
    (void)state;
    char hash[64], query[100];
    REGISTER("{\"Name\": \"web\"}");
    ask(local_http_service, "web", "", NULL);
    assert_int_equal(exchange.status, 200);
    assert_int_equal(sscanf(exchange.headers, "X-Consul-Contenthash: %63s", hash), 1);
    assert_non_null(strstr(exchange.body, "\"EnableTagOverride\":false,\"ContentHash\":\""));
    ask(local_http_service, "web", "hash=other", NULL);
    assert_int_equal(exchange.status, 200);
    snprintf(query, sizeof query, "hash=%s&wait=10s", hash);
    ask(local_http_service, "web", query, NULL);
    assert_int_equal(exchange.status, 0); /* waits */
    add_service(&world, "{\"Name\": \"other\"}");
    assert_int_equal(exchange.status, 0); /* nothing about this one */
    add_service(&world, "{\"Name\": \"web\", \"Port\": 5}");
    assert_int_equal(exchange.status, 200);
    assert_non_null(strstr(exchange.body, "\"Port\":5"));
    assert_int_equal(sscanf(exchange.headers, "X-Consul-Contenthash: %63s", hash), 1);
    snprintf(query, sizeof query, "hash=%s&wait=20ms", hash);
    ask(local_http_service, "web", query, NULL);
    WAIT_FOR(&world, exchange.status == 200); /* the time is over */
    snprintf(query, sizeof query, "hash=%s&wait=10s", hash);
    ask(local_http_service, "web", query, NULL);
    local_service_remove(&world.local, local_service_find(&world.local, "web"));
    EXPECT(404, "unknown service ID: web");
    assert_null(world.local.waiters);
}

static void checks_are_reported_by_the_application(void **state) {
    (void)state;
    ask(local_http_check_register, NULL, "", "{\"Name\": \"ttl1\", \"TTL\": \"1h\"}");
    OK_EMPTY();
    ask(local_http_check_warn, "ttl1", "note=hm", NULL);
    OK_EMPTY();
    ask(local_http_checks, NULL, "", NULL);
    EXPECT(200, "{\"ttl1\":{\"Node\":\"n1\",\"CheckID\":\"ttl1\",\"Name\":\"ttl1\",\"Status\":\"warning\",\"Notes\":"
                "\"\",\"Output\":\"hm\",\"ServiceID\":\"\",\"ServiceName\":\"\",\"ServiceTags\":[],"
                "\"Type\":\"ttl\",\"Definition\":{},\"CreateIndex\":0,\"ModifyIndex\":0}}");
    ask(local_http_check_update, "ttl1", "", "{\"status\": \"passing\", \"output\": \"lower\"}");
    OK_EMPTY();
    ASSERT_STATUS(&world, "ttl1", "passing");
    ask(local_http_check_update, "ttl1", "", "{\"Status\": \"weird\"}");
    EXPECT(400, "Invalid check status: 'weird'");
    ask(local_http_check_update, "ttl1", "", "{}");
    EXPECT(400, "Invalid check status: ''");
    ask(local_http_check_pass, "nope", "", NULL);
    EXPECT(500, "CheckID \"nope\" does not have associated TTL");
    ask(local_http_check_register, NULL, "", "{\"Name\": \"x\", \"TTL\": \"5s\", \"ServiceID\": \"nope\"}");
    EXPECT(500, "ServiceID \"nope\" does not exist");
    ask(local_http_check_deregister, "ttl1", "", NULL);
    OK_EMPTY();
    ask(local_http_check_deregister, "", "", NULL);
    EXPECT(500, "CheckID missing");
    ask(local_http_checks, NULL, "", NULL);
    EXPECT(200, "{}");
}

static void health_is_told_by_the_status(void **state) {
    (void)state;
    REGISTER("{\"Name\": \"agg\", \"ID\": \"agg1\", \"Check\": {\"TTL\": \"60s\", \"Status\": \"passing\"}}");
    REGISTER("{\"Name\": \"agg\", \"ID\": \"agg2\", \"Check\": {\"TTL\": \"60s\", \"Status\": \"warning\"}}");
    ask(local_http_health_id, "agg1", "format=text", NULL);
    EXPECT(200, "passing");
    assert_string_equal(exchange.type, "text/plain");
    ask(local_http_health_name, "agg", "format=text", NULL);
    EXPECT(429, "warning");
    assert_string_equal(exchange.headers, "X-Consul-Reason: warning\n");
    ask(local_http_check_fail, "service:agg1", "", NULL);
    ask(local_http_health_name, "agg", "", NULL);
    assert_int_equal(exchange.status, 503);
    assert_non_null(strstr(exchange.body, "\"ServiceTags\":null,\"Type\":\"\",\"Definition\":{\"Interval\":\"0s\","));
    ask(local_http_health_id, "agg2", "", NULL);
    assert_int_equal(exchange.status, 429);
    add_check(&world, "{\"Name\": \"node\", \"TTL\": \"1h\"}"); /* critical, for every service of the node */
    ask(local_http_health_id, "agg2", "format=text", NULL);
    EXPECT(503, "critical");
    ask(local_http_health_id, "nope", "", NULL);
    EXPECT(404, "{\"AggregatedStatus\":\"critical\",\"Service\":null,\"Checks\":null}");
    assert_string_equal(exchange.headers, "X-Consul-Reason: ServiceId nope not found\n");
    ask(local_http_health_id, "nope", "format=text", NULL);
    EXPECT(404, "\"ServiceId nope not found\"");
    ask(local_http_health_name, "nope", "", NULL);
    EXPECT(404, "[]");
    ask(local_http_health_name, "nope", "format=text", NULL);
    EXPECT(404, "ServiceName nope Not Found");
    ask(local_http_health_id, "", "", NULL);
    EXPECT(500, "Bad request: Missing serviceID");
}

static void maintenance_takes_nodes_and_services_out(void **state) {
    (void)state;
    REGISTER("{\"Name\": \"web\"}");
    ask(local_http_maintenance, NULL, "", NULL);
    EXPECT(400, "Missing value for enable");
    ask(local_http_maintenance, NULL, "enable=abc", NULL);
    EXPECT(400, "Invalid value for enable: \"abc\"");
    ask(local_http_maintenance, NULL, "enable=true", NULL);
    OK_EMPTY();
    ask(local_http_maintenance, NULL, "enable=true&reason=later", NULL); /* changes nothing */
    OK_EMPTY();
    const struct local_check *check = local_check_find(&world.local, "_node_maintenance");
    assert_string_equal(
        check->def->notes,
        "Maintenance mode is enabled for this node, but no reason was provided. This is a default message.");
    ask(local_http_health_id, "web", "format=text", NULL);
    EXPECT(503, "maintenance");
    ask(local_http_maintenance, NULL, "enable=0", NULL);
    assert_null(local_check_find(&world.local, "_node_maintenance"));
    ask(local_http_service_maintenance, "nope", "enable=true", NULL);
    EXPECT(404, "No service registered with ID \"nope\"");
    ask(local_http_service_maintenance, "", "enable=true", NULL);
    EXPECT(400, "Missing service ID");
    ask(local_http_service_maintenance, "web", "enable=true&reason=r1", NULL);
    OK_EMPTY();
    check = local_check_find(&world.local, "_service_maintenance:web");
    assert_string_equal(check->def->notes, "r1");
    assert_string_equal(check->service_name, "web");
    ask(local_http_service_maintenance, "web", "enable=false", NULL);
    assert_int_equal(world.local.checks.count, 2); /* both gone, the catalog not told yet */
    assert_null(local_check_find(&world.local, "_service_maintenance:web"));
}

static void the_agent_knows_itself_and_its_leader(void **state) {
    (void)state;
    ask(local_http_members, NULL, "", NULL);
    assert_int_equal(exchange.status, 200);
    assert_non_null(
        strstr(exchange.body, "[{\"Name\":\"n1\",\"Addr\":\"127.0.0.1\",\"Port\":0,\"Tags\":{\"acls\":\"0\","));
    ask(local_http_members, NULL, "wan=1", NULL);
    assert_non_null(strstr(exchange.body, "[{\"Name\":\"n1.dc1\""));
    ask(local_http_members, NULL, "segment=x", NULL);
    EXPECT(500, "Network segments are not supported in this version of Consul");
    ask(local_http_status_leader, NULL, "", NULL);
    EXPECT(200, "\"127.0.0.1:8300\"");
    ask(local_http_status_leader, NULL, "dc=unknown", NULL);
    EXPECT(500, "No path to datacenter");
    ask(local_http_status_leader, NULL, "stale&consistent", NULL);
    EXPECT(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
    ask(local_http_status_peers, NULL, "", NULL);
    EXPECT(200, "[\"127.0.0.1:8300\"]");
    ask(local_http_metrics, NULL, "format=prometheus", NULL);
    EXPECT(415, "Prometheus is not enabled since its retention time is not positive");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(services_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(a_service_can_be_watched_by_its_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_are_reported_by_the_application, setup, teardown),
        cmocka_unit_test_setup_teardown(health_is_told_by_the_status, setup, teardown),
        cmocka_unit_test_setup_teardown(maintenance_takes_nodes_and_services_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_agent_knows_itself_and_its_leader, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
