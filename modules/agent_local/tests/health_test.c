/* Health over time: probes that never overlap, limits, thresholds, reports, reaping, reload, maintenance. */
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

/* A check of type fake that is due soon, without the second that Consul asks for at least. */
static struct local_check *fast_check(const char *more) {
    struct local_report report = {.error = &world.error};
    char text[256];
    snprintf(text, sizeof text, "{\"Name\":\"f\",\"Fake\":\"x\",\"Interval\":\"1s\"%s}", more);
    struct local_check_def *def = local_check_parse(&world.local, json(&world, text), true, NULL, 0, &report);
    assert_non_null(def);
    def->interval_ns = 2 * CO_MILLISECOND;
    assert_int_equal(local_check_add(&world.local, def, &world.error), CO_OK);
    return local_check_find(&world.local, "f");
}

static void end_probe(enum co_health health, const char *output) {
    WAIT_FOR(&world, fake_probe);
    struct co_probe *probe = fake_probe;
    fake_probe = NULL;
    co_probe_done(probe, health, co_bytes_text(output));
}

static void probes_follow_each_other_and_never_overlap(void **state) {
    (void)state;
    struct local_check *check = fast_check("");
    end_probe(CO_PASSING, "fine");
    ASSERT_STATUS(&world, "f", "passing");
    assert_string_equal(check->output, "fine");
    WAIT_FOR(&world, fake_probes == 2);
    for (int i = 0; i < 20; i++) turn(&world); /* ten intervals go by: the second probe is still under way */
    assert_int_equal(fake_probes, 2);
    end_probe(CO_WARNING, "hm");
    ASSERT_STATUS(&world, "f", "warning");
}

static void a_probe_that_hangs_is_stopped(void **state) {
    (void)state;
    struct local_check *check = fast_check(",\"Timeout\":\"30ms\",\"Status\":\"passing\"");
    WAIT_FOR(&world, fake_cancels == 1);
    ASSERT_STATUS(&world, "f", "critical");
    assert_string_equal(check->output, "Timed out (30ms) running check");
    end_probe(CO_PASSING, "back");
    ASSERT_STATUS(&world, "f", "passing");
}

static void thresholds_count_results_in_a_row(void **state) {
    (void)state;
    fast_check(",\"FailuresBeforeCritical\":3,\"SuccessBeforePassing\":2");
    end_probe(CO_PASSING, ""); /* the first one counts at once */
    ASSERT_STATUS(&world, "f", "passing");
    end_probe(CO_CRITICAL, "");
    end_probe(CO_CRITICAL, "");
    ASSERT_STATUS(&world, "f", "passing");
    end_probe(CO_CRITICAL, "");
    ASSERT_STATUS(&world, "f", "critical");
    end_probe(CO_PASSING, "");
    end_probe(CO_CRITICAL, "");
    end_probe(CO_PASSING, "");
    ASSERT_STATUS(&world, "f", "critical");
    end_probe(CO_PASSING, "");
    ASSERT_STATUS(&world, "f", "passing");
}

static void removing_a_check_stops_its_probe(void **state) {
    (void)state;
    struct local_check *check = fast_check("");
    WAIT_FOR(&world, fake_probe);
    local_check_remove(&world.local, check);
    assert_int_equal(fake_cancels, 1);
    assert_int_equal(fake_closes, 1);
    assert_null(local_check_find(&world.local, "f"));
}

static void output_is_valid_text_of_limited_size(void **state) {
    (void)state;
    struct {
        const char *in;
        size_t size, max;
        const char *out;
    } cases[] = {
        {"plain", 5, 100, "plain"},
        {"cut here", 8, 3, "cut"},
        {"\xC3\xBC", 2, 1, ""},
        {"a\xFF"
         "b",
         3, 100,
         "a\xEF\xBF\xBD"
         "b"},
        {"nul\0x", 5, 100, "nul\xEF\xBF\xBDx"},
        {"\xE2\x82", 2, 100, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xED\xA0\x80", 3, 3, "\xEF\xBF\xBD"},
        {"\xF0\x9F\x90\x9F", 4, 4, "\xF0\x9F\x90\x9F"},
        {"", 0, 10, ""},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        char *clean = local_output_clean(cases[i].in, cases[i].size, cases[i].max);
        assert_string_equal(clean, cases[i].out);
        free(clean);
    }
}

static void a_silent_application_is_critical(void **state) {
    (void)state;
    assert_int_equal(add_check(&world, "{\"Name\":\"t\",\"TTL\":\"40ms\"}"), CO_OK);
    assert_int_equal(local_ttl_report(&world.local, "t", CO_PASSING, "well", 4, &world.error), CO_OK);
    ASSERT_STATUS(&world, "t", "passing");
    WAIT_FOR(&world, local_check_find(&world.local, "t")->health == CO_CRITICAL);
    assert_string_equal(local_check_find(&world.local, "t")->output,
                        "TTL expired (last output before timeout follows): well");
    assert_int_equal(local_ttl_report(&world.local, "nope", CO_PASSING, "", 0, &world.error), CO_INTERNAL);
    assert_string_equal(world.error.text, "CheckID \"nope\" does not have associated TTL");
}

static void long_reports_are_cut(void **state) {
    (void)state;
    char *text = co_malloc(5000);
    memset(text, 'x', 5000);
    assert_int_equal(add_check(&world, "{\"Name\":\"t\",\"TTL\":\"10s\"}"), CO_OK);
    local_ttl_report(&world.local, "t", CO_PASSING, text, 5000, &world.error);
    const char *output = local_check_find(&world.local, "t")->output;
    assert_int_equal(strspn(output, "x"), 4096);
    assert_string_equal(output + 4096, " ... (captured 4096 of 5000 bytes)");
    free(text);
}

static void registering_again_keeps_the_health(void **state) {
    (void)state;
    add_check(&world, "{\"Name\":\"t\",\"TTL\":\"10s\"}");
    local_ttl_report(&world.local, "t", CO_WARNING, "hm", 2, &world.error);
    assert_int_equal(add_check(&world, "{\"Name\":\"t\",\"TTL\":\"20s\",\"Notes\":\"new\"}"), CO_OK);
    ASSERT_STATUS(&world, "t", "warning");
    assert_string_equal(local_check_find(&world.local, "t")->output, "hm");
    assert_string_equal(local_check_find(&world.local, "t")->def->notes, "new");
}

static void long_critical_services_are_removed(void **state) {
    (void)state;
    add_service(&world, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"1h\",\"DeregisterCriticalServiceAfter\":\"1s\"}}");
    add_service(&world, "{\"Name\":\"other\",\"Check\":{\"TTL\":\"1h\",\"DeregisterCriticalServiceAfter\":\"1s\"}}");
    struct local_check *check = local_check_find(&world.local, "service:web");
    assert_int_equal(check->critical_since_ms, 0); /* critical from the start is not the same as reported critical */
    local_ttl_report(&world.local, "service:web", CO_CRITICAL, "", 0, &world.error);
    assert_int_not_equal(check->critical_since_ms, 0);
    local_ttl_report(&world.local, "service:web", CO_PASSING, "", 0, &world.error);
    assert_int_equal(check->critical_since_ms, 0);
    local_ttl_report(&world.local, "service:web", CO_CRITICAL, "", 0, &world.error);
    check->def->deregister_after_ns = 5 * CO_MILLISECOND;
    local_reaper_start(&world.local);
    for (int i = 0; i < 20; i++) turn(&world);
    world.local.reap.fire(world.local.reap.arg); /* half a minute later */
    assert_null(local_service_find(&world.local, "web"));
    assert_null(local_check_find(&world.local, "service:web"));
    assert_non_null(local_service_find(&world.local, "other"));
}

static void replacing_checks_removes_the_others(void **state) {
    (void)state;
    struct local_report report = {.error = &world.error};
    add_service(
        &world,
        "{\"Name\":\"web\",\"Checks\":[{\"CheckID\":\"a\",\"TTL\":\"1s\"},{\"CheckID\":\"b\",\"TTL\":\"1s\"}]}");
    add_service(&world, "{\"Name\":\"web\",\"Port\":1}");
    assert_non_null(local_check_find(&world.local, "a")); /* not without the question */
    local_service_add(&world.local,
                      local_service_parse(
                          &world.local, json(&world, "{\"Name\":\"web\",\"Check\":{\"CheckID\":\"b\",\"TTL\":\"1s\"}}"),
                          true, &report),
                      true, &world.error);
    assert_null(local_check_find(&world.local, "a"));
    assert_non_null(local_check_find(&world.local, "b"));
}

/* "a" stays as it is, "b" changes, "c" goes, "d" comes, and what the API brought is nobody's business. */
static void a_reload_changes_only_what_changed(void **state) {
    (void)state;
    assert_int_equal(
        load_config(&world, "service { name = \"a\" check { ttl = \"1h\" } }\nservice { name = \"b\" port = 1 check { "
                            "ttl = \"1h\" } }\nservice { name = \"c\" }\ncheck { name = \"n\" ttl = \"1h\" }"),
        CO_OK);
    add_service(&world, "{\"Name\":\"api\",\"Check\":{\"TTL\":\"1h\"}}");
    add_check(&world, "{\"Name\":\"on-a\",\"ServiceID\":\"a\",\"TTL\":\"1h\"}");
    local_ttl_report(&world.local, "service:a", CO_PASSING, "a", 1, NULL);
    local_ttl_report(&world.local, "service:b", CO_PASSING, "b", 1, NULL);
    local_ttl_report(&world.local, "n", CO_PASSING, "n", 1, NULL);
    const void *a = local_service_find(&world.local, "a")->def;
    uint64_t due_ms = local_check_find(&world.local, "service:a")->ttl_due_ms;
    assert_int_equal(
        load_config(&world, "service { name = \"a\" check { ttl = \"1h\" } }\nservice { name = \"b\" port = 2 check { "
                            "ttl = \"1h\" } }\nservice { name = \"d\" }\ncheck { name = \"n\" ttl = \"1h\" }"),
        CO_OK);
    assert_ptr_equal(local_service_find(&world.local, "a")->def, a);
    assert_int_equal(local_check_find(&world.local, "service:a")->ttl_due_ms, due_ms);
    assert_int_equal(local_service_find(&world.local, "b")->def->row.port, 2);
    ASSERT_STATUS(&world, "service:b", "passing");
    ASSERT_STATUS(&world, "n", "passing");
    assert_null(local_service_find(&world.local, "c"));
    assert_non_null(local_service_find(&world.local, "d"));
    assert_non_null(local_service_find(&world.local, "api"));
    assert_non_null(local_check_find(&world.local, "service:api"));
    assert_non_null(local_check_find(&world.local, "on-a"));
    /* A file with a mistake changes nothing. */
    assert_int_equal(load_config(&world, "service { name = \"e\" }\nservice { nam = \"x\" }"), CO_INVALID);
    assert_null(local_service_find(&world.local, "e"));
    assert_non_null(local_service_find(&world.local, "d"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(probes_follow_each_other_and_never_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(a_probe_that_hangs_is_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(thresholds_count_results_in_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(removing_a_check_stops_its_probe, setup, teardown),
        cmocka_unit_test_setup_teardown(output_is_valid_text_of_limited_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_application_is_critical, setup, teardown),
        cmocka_unit_test_setup_teardown(long_reports_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(registering_again_keeps_the_health, setup, teardown),
        cmocka_unit_test_setup_teardown(long_critical_services_are_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(replacing_checks_removes_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_changes_only_what_changed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
