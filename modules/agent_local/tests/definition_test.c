/* Definitions: what is taken, what is refused and in which words, from the API and from files. */
#include "local_world.h"

static struct world world;

static int setup(void **state) {
    (void)state;
    world_new(&world, "");
    return 0;
}
static int teardown(void **state) {
    (void)state;
    world_free(&world);
    return 0;
}

#define REFUSED_SERVICE(json_text, words)                                                                              \
    (assert_int_not_equal(add_service(&world, json_text), CO_OK), assert_string_equal(world.error.text, words))
#define REFUSED_CHECK(json_text, words)                                                                                \
    (assert_int_not_equal(add_check(&world, json_text), CO_OK), assert_string_equal(world.error.text, words))

static void both_spellings_mean_the_same(void **state) {
    (void)state;
    assert_int_equal(
        add_service(
            &world,
            "{\"id\":\"s\",\"name\":\"snake\",\"enable_tag_override\":true,\"tagged_addresses\":{\"wan\":{\"address\":"
            "\"1.2.3.4\",\"port\":9}},"
            "\"check\":{\"ttl\":\"30s\",\"deregister_critical_service_after\":\"90m\",\"status\":\"passing\"}}"),
        CO_OK);
    assert_int_equal(
        add_service(&world,
                    "{\"ID\":\"c\",\"Name\":\"camel\",\"EnableTagOverride\":true,\"TaggedAddresses\":{\"wan\":{"
                    "\"Address\":\"1.2.3.4\",\"Port\":9}},"
                    "\"Check\":{\"TTL\":\"30s\",\"DeregisterCriticalServiceAfter\":\"90m\",\"Status\":\"passing\"}}"),
        CO_OK);
    const struct local_service *a = local_service_find(&world.local, "s"), *b = local_service_find(&world.local, "c");
    struct catalog_service other = b->def->row;
    other.id = "s";
    other.service = "snake";
    assert_true(local_service_equal(&a->def->row, &other));
    ASSERT_STATUS(&world, "service:s", "passing");
    assert_int_equal(local_check_find(&world.local, "service:c")->def->deregister_after_ns, 5400 * CO_SECOND);
}

static void checks_of_a_service_get_ids_and_names(void **state) {
    (void)state;
    assert_int_equal(add_service(&world, "{\"Name\":\"multi\",\"Check\":{\"TTL\":\"15s\"},\"Checks\":[{\"TTL\":\"20s\","
                                         "\"Name\":\"second\"},{\"CheckID\":\"own\",\"TTL\":\"1s\"}]}"),
                     CO_OK);
    assert_string_equal(local_check_find(&world.local, "service:multi:1")->def->name, "Service 'multi' check");
    assert_string_equal(local_check_find(&world.local, "service:multi:2")->def->name, "second");
    assert_non_null(local_check_find(&world.local, "own"));
    assert_int_equal(world.local.checks.count, 3);
    ASSERT_STATUS(&world, "own", "critical");
}

static void numeric_addresses_are_tagged(void **state) {
    (void)state;
    assert_int_equal(add_service(&world, "{\"Name\":\"v4\",\"Address\":\"10.0.0.1\",\"Port\":80}"), CO_OK);
    assert_int_equal(add_service(&world, "{\"Name\":\"v6\",\"Address\":\"::1\"}"), CO_OK);
    assert_int_equal(add_service(&world, "{\"Name\":\"name\",\"Address\":\"db.local\"}"), CO_OK);
    struct co_table_of tagged = local_service_find(&world.local, "v4")->def->row.tagged_addresses;
    assert_int_equal(tagged.count, 2);
    assert_string_equal(tagged.items[0].key, "lan_ipv4");
    assert_int_equal(((struct catalog_service_address *)tagged.items[1].value)->port, 80);
    assert_string_equal(local_service_find(&world.local, "v6")->def->row.tagged_addresses.items[1].key, "wan_ipv6");
    assert_int_equal(local_service_find(&world.local, "name")->def->row.tagged_addresses.count, 0);
}

static void services_are_refused_in_consuls_words(void **state) {
    (void)state;
    REFUSED_SERVICE("{}", "Missing service name");
    REFUSED_SERVICE("null", "Missing service name");
    REFUSED_SERVICE("{\"Name\":1}",
                    "Request decode failed: json: cannot unmarshal number into Go struct field .Name of type string");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Port\":\"80\"}",
                    "Request decode failed: json: cannot unmarshal string into Go struct field .Port of type int");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Port\":1.5}",
                    "Request decode failed: json: cannot unmarshal number 1.5 into Go struct field .Port of type int");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Tags\":\"x\"}",
                    "Request decode failed: json: cannot unmarshal string into Go struct field .Tags of type []string");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Unknown\":1}", "Request decode failed: json: unknown field \"Unknown\"");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Weights\":{\"Passing\":0,\"Warning\":0}}",
                    "Invalid Weights: Passing must be greater than 0");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Address\":\"0.0.0.0\"}", "Invalid service address");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Meta\":{\"a b\":\"x\"}}",
                    "Invalid Service Meta: Couldn't load metadata pair ('a b', 'x'): Key contains invalid characters");
    REFUSED_SERVICE("{\"Name\":\"p\",\"Meta\":{\"consul-x\":\"x\"}}",
                    "Invalid Service Meta: Couldn't load metadata pair ('consul-x', 'x'): Key prefix 'consul-' is "
                    "reserved for internal use");
    assert_int_equal(world.local.services.count, 0);
}

static void checks_are_refused_in_consuls_words(void **state) {
    (void)state;
    REFUSED_CHECK("{}", "Missing check name");
    REFUSED_CHECK("{\"TTL\":\"10s\"}", "Missing check name");
    REFUSED_CHECK("{\"Name\":\"x\"}", "Invalid check: TTL must be > 0 for TTL checks");
    REFUSED_CHECK("{\"Name\":\"x\",\"TTL\":\"-5s\"}", "Invalid check: TTL must be > 0 for TTL checks");
    REFUSED_CHECK("{\"Name\":\"x\",\"TTL\":\"abc\"}", "Request decode failed: time: invalid duration \"abc\"");
    REFUSED_CHECK("{\"Name\":\"x\",\"TTL\":\"10\"}", "Request decode failed: time: missing unit in duration \"10\"");
    REFUSED_CHECK("{\"Name\":\"x\",\"Fake\":\"f\"}",
                  "Invalid check: Interval must be > 0 for Script, HTTP, or TCP checks");
    REFUSED_CHECK("{\"Name\":\"x\",\"Fake\":\"f\",\"TTL\":\"5s\",\"Interval\":\"5s\"}",
                  "Invalid check: Interval and TTL cannot both be specified");
    REFUSED_CHECK("{\"Name\":\"x\",\"TTL\":\"5s\",\"Status\":\"weird\"}", "Bad check status");
    REFUSED_CHECK("{\"Name\":\"x\",\"TTL\":\"5s\",\"OutputMaxSize\":-1}",
                  "Invalid check: MaxOutputMaxSize must be positive");
    REFUSED_CHECK("{\"Name\":\"x\",\"TTL\":\"5s\",\"ServiceID\":\"nope\"}", "ServiceID \"nope\" does not exist");
    REFUSED_CHECK("{\"Name\":\"x\",\"TTL\":\"5s\",\"Bogus\":1}",
                  "Request decode failed: json: unknown field \"Bogus\"");
    REFUSED_CHECK(
        "{\"Name\":\"x\",\"Args\":[\"true\"],\"Interval\":\"5s\"}",
        "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true");
    assert_int_equal(world.error.status, CO_INTERNAL);
    REFUSED_CHECK("{\"Name\":\"x\",\"Fake\":\"refuse\",\"Interval\":\"5s\"}", "Invalid check: fake says no");
    assert_int_equal(world.local.checks.count, 0);
}

/* Clients send empty values for what is not set; a ttl in nanoseconds is a number. */
static void empty_values_count_as_absent(void **state) {
    (void)state;
    assert_int_equal(add_check(&world, "{\"Name\":\"x\",\"TTL\":10000000000,\"Fake\":\"\",\"Args\":null,\"GRPC\":\"\","
                                       "\"Timeout\":0}"),
                     CO_OK);
    assert_int_equal(local_check_find(&world.local, "x")->def->ttl_ns, 10 * CO_SECOND);
}

static void limits_are_raised_as_consul_does(void **state) {
    (void)state;
    assert_int_equal(add_service(&world, "{\"Name\":\"web\"}"), CO_OK);
    assert_int_equal(add_check(&world, "{\"Name\":\"x\",\"Fake\":\"f\",\"Interval\":\"10ms\",\"ServiceID\":\"web\","
                                       "\"DeregisterCriticalServiceAfter\":\"1s\"}"),
                     CO_OK);
    const struct local_check_def *def = local_check_find(&world.local, "x")->def;
    assert_int_equal(def->interval_ns, 1 * CO_SECOND);
    assert_int_equal(def->timeout_ns, 10 * CO_SECOND);
    assert_int_equal(def->deregister_after_ns, 60 * CO_SECOND);
}

static void a_file_tells_every_mistake_with_its_place(void **state) {
    (void)state;
    co_status status =
        load_config(&world, "service {\n  name = \"web\"\n  prot = 80\n  check {\n    fake = \"x\"\n    intervall = "
                            "\"10s\"\n  }\n}\ncheck {\n  name = \"c\"\n  fake = \"x\"\n  ttl = \"5s\"\n}\n");
    assert_int_equal(status, CO_INVALID);
    assert_non_null(strstr(world.error.text, "agent.hcl:3:3: unknown key \"prot\"; did you mean \"port\"?"));
    assert_non_null(
        strstr(world.error.text, "agent.hcl:12:3: a check has one type, but this one holds both \"fake\" and \"ttl\""));
    assert_int_equal(world.local.services.count, 0);
    status = load_config(&world, "check {\n  name = \"c\"\n  fake = \"x\"\n  intervall = \"5s\"\n}\n");
    assert_int_equal(status, CO_INVALID);
    assert_string_equal(world.error.text, "agent.hcl:4:3: unknown key \"intervall\"; did you mean \"interval\"?");
    status = load_config(&world, "check {\n  name = \"c\"\n}\n");
    assert_non_null(strstr(world.error.text, "a check needs one key that names its type"));
    status = load_config(&world, "check {\n  name = \"c\"\n  args = [\"true\"]\n  interval = \"5s\"\n}\n");
    assert_non_null(strstr(world.error.text, "'enable_script_checks' or 'enable_local_script_checks' to true"));
    status = load_config(&world, "check {\n  name = \"c\"\n  grpc = \"127.0.0.1:1\"\n  interval = \"5s\"\n}\n");
    assert_non_null(strstr(world.error.text, "no loaded module offers \"grpc\" checks"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_spellings_mean_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_of_a_service_get_ids_and_names, setup, teardown),
        cmocka_unit_test_setup_teardown(numeric_addresses_are_tagged, setup, teardown),
        cmocka_unit_test_setup_teardown(services_are_refused_in_consuls_words, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_are_refused_in_consuls_words, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_values_count_as_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_are_raised_as_consul_does, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_tells_every_mistake_with_its_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
