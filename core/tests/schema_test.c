/* Field tables: defaults, the start-up check, configuration keys, durations and sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "everything.h"

struct settings {
    bool on;
    int32_t port;
    double ratio;
    const char *name, *none;
    struct co_duration wait;
    struct co_size size;
    struct co_strings tags;
    struct co_map meta;
    struct part inner;
    int runtime; /* no field */
};

CO_SCHEMA(settings_schema, struct settings, "Settings", CO_FIELD(0, struct settings, on, "On", 0, .fallback = "true"),
          CO_FIELD(0, struct settings, port, "Port", 0, .fallback = "-8500"),
          CO_FIELD(0, struct settings, ratio, "Ratio", 0, .fallback = "0.25"),
          CO_FIELD(0, struct settings, name, "Name", 0, .fallback = "dc1"),
          CO_FIELD(0, struct settings, none, "None", 0),
          CO_FIELD(0, struct settings, wait, "Wait", 0, .fallback = "1m30s"),
          CO_FIELD(0, struct settings, size, "Size", 0, .fallback = "4GiB"),
          CO_FIELD(0, struct settings, tags, "Tags", 0, .fallback = "[\"a\", \"b\"]"),
          CO_FIELD(0, struct settings, meta, "Meta", 0, .fallback = "{\"k\": \"v\"}"),
          CO_RECORD(0, struct settings, inner, "Inner", 0, &part_schema));

static void defaults_fill_every_field_and_nothing_else(void **state) {
    struct co_arena arena = CO_ARENA_INIT;
    struct settings settings;
    memset(&settings, 0x5a, sizeof settings);
    settings.runtime = 7;
    co_schema_defaults(&settings_schema, &settings, &arena);
    assert_true(settings.on);
    assert_int_equal(settings.port, -8500);
    assert_true(settings.ratio == 0.25);
    assert_string_equal(settings.name, "dc1");
    assert_string_equal(settings.none, "");
    assert_int_equal(settings.wait.ns, 90 * CO_SECOND);
    assert_int_equal(settings.size.bytes, UINT64_C(4) << 30);
    assert_int_equal(settings.tags.count, 2);
    assert_string_equal(settings.tags.items[1], "b");
    assert_string_equal(settings.meta.items[0].value, "v");
    assert_string_equal(settings.inner.name, "");
    assert_null(settings.inner.tags.items);
    assert_int_equal(settings.runtime, 7);
    co_arena_fini(&arena);
    (void)state;
}

static void config_keys_are_snake_case(void **state) {
    static const char *const cases[][2] = {
        {"MapSize", "map_size"},
        {"HTTPMaxConns", "http_max_conns"},
        {"ServiceID", "service_id"},
        {"EnableTagOverride", "enable_tag_override"},
        {"ID", "id"},
        {"TTL", "ttl"},
        {"DNSConfig", "dns_config"},
        {"KVMaxValueSize", "kv_max_value_size"},
        {"ServiceIDs", "service_ids"},
        {"DeregisterCriticalServiceAfter", "deregister_critical_service_after"},
        {"HTTP2Ping", "http2_ping"},
        {"TLSSkipVerify", "tls_skip_verify"},
    };
    char out[64];
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        co_config_key(&(struct co_field){.name = cases[i][0]}, out, sizeof out);
        assert_string_equal(out, cases[i][1]);
    }
    co_config_key(&(struct co_field){.name = "Some", .config = "other"}, out, sizeof out);
    assert_string_equal(out, "other");
    co_config_key(&(struct co_field){.name = "MapSize"}, out, 4);
    assert_string_equal(out, "map");
    (void)state;
}

static void good_tables_pass_the_check(void **state) {
    co_schema_check(&everything_schema);
    co_schema_check(&settings_schema);
    (void)state;
}

/* The check ends the process, so a child runs it. */
static bool check_aborts(const struct co_schema *schema) {
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        signal(SIGABRT, SIG_DFL);
        co_schema_check(schema);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#define EXPECT_ABORT(...)                                                                                              \
    do {                                                                                                               \
        const struct co_field fields[] = {__VA_ARGS__};                                                                \
        assert_true(check_aborts(&(struct co_schema){"Bad", sizeof(struct part), fields, CO_COUNT(fields)}));          \
    } while (0)

static void bad_tables_stop_the_program(void **state) {
    EXPECT_ABORT(CO_FIELD(1, struct part, name, "A", 0), CO_FIELD(1, struct part, weight, "B", 0));
    EXPECT_ABORT(CO_FIELD(1, struct part, name, "AB", 0), CO_FIELD(2, struct part, weight, "a_b", 0));
    EXPECT_ABORT(CO_FIELD(1, struct part, name, "A", 0), CO_FIELD(0, struct part, weight, "B", 0));
    EXPECT_ABORT(CO_FIELD(1, struct part, name, "A", 0), CO_FIELD(2, struct part, name, "B", 0));
    EXPECT_ABORT(CO_FIELD(1, struct part, weight, "A", 0, .fallback = "ten"));
    EXPECT_ABORT(CO_FIELD(1, struct part, tags, "A", 0, .fallback = "[1"));
    EXPECT_ABORT({.id = 1, .kind = CO_KIND_I64, .name = "A", .offset = sizeof(struct part)});
    EXPECT_ABORT({.id = 1, .kind = CO_KIND_I64, .name = "A", .offset = 4});
    EXPECT_ABORT({.id = 1, .kind = CO_KIND_RECORD, .name = "A"});
    EXPECT_ABORT({.id = 1, .kind = CO_KIND_BOOL, .name = "\"A"});
    EXPECT_ABORT({.id = 1, .kind = 99, .name = "A"});
    (void)state;
}

static void durations_read_as_in_go(void **state) {
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"10s", 10 * CO_SECOND},
        {"1m30s", 90 * CO_SECOND},
        {"250ms", 250 * CO_MILLISECOND},
        {"1.5h", 5400 * CO_SECOND},
        {"-2s", -2 * CO_SECOND},
        {"+5us", 5000},
        {"5\xc2\xb5s", 5000},
        {".5s", CO_SECOND / 2},
        {"1h15m30.918273645s", INT64_C(4530918273645)},
        {"9223372036854775807ns", INT64_MAX},
        {"-9223372036854775808ns", INT64_MIN},
    };
    static const char *const bad[] = {"",
                                      "10",
                                      "s",
                                      ".s",
                                      "1x",
                                      "10s ",
                                      " 10s",
                                      "1s-1s",
                                      "--1s",
                                      "-",
                                      "3000000h",
                                      "9223372036854775808ns",
                                      "99999999999999999999s",
                                      "1.s.",
                                      "1d"};
    int64_t ns;
    for (size_t i = 0; i < CO_COUNT(good); i++) {
        assert_true(co_duration_parse(good[i].text, &ns));
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < CO_COUNT(bad); i++)
        if (co_duration_parse(bad[i], &ns)) fail_msg("accepted %s", bad[i]);
    (void)state;
}

static void durations_print_as_in_go(void **state) {
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {1100, "1.1\xc2\xb5s"},
        {2200000, "2.2ms"},
        {10 * CO_SECOND, "10s"},
        {3300 * CO_MILLISECOND, "3.3s"},
        {90 * CO_SECOND, "1m30s"},
        {3600 * CO_SECOND, "1h0m0s"},
        {245 * CO_SECOND + CO_MILLISECOND, "4m5.001s"},
        {-1500 * CO_MILLISECOND, "-1.5s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        char out[32];
        int64_t back;
        co_duration_format(cases[i].ns, out);
        assert_string_equal(out, cases[i].text);
        assert_true(co_duration_parse(out, &back));
        assert_int_equal(back, cases[i].ns);
    }
    (void)state;
}

static void sizes_know_both_families(void **state) {
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"17", 17},
                {"512K", 512 * 1024},
                {"64MB", 64000000},
                {"4GiB", UINT64_C(4) << 30},
                {"1 TiB", UINT64_C(1) << 40},
                {"10B", 10},
                {"2kb", 2000},
                {"3k", 3072},
                {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {
        "", "K", "-1", "1.5G", "4GiX", "4Gi", "4GBB", "18446744073709551616", "18446744073709551615K", "1 ", "1 X"};
    uint64_t bytes;
    for (size_t i = 0; i < CO_COUNT(good); i++) {
        assert_true(co_size_parse(good[i].text, &bytes));
        assert_true(bytes == good[i].bytes);
    }
    for (size_t i = 0; i < CO_COUNT(bad); i++)
        if (co_size_parse(bad[i], &bytes)) fail_msg("accepted \"%s\"", bad[i]);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_every_field_and_nothing_else),
        cmocka_unit_test(config_keys_are_snake_case),
        cmocka_unit_test(good_tables_pass_the_check),
        cmocka_unit_test(bad_tables_stop_the_program),
        cmocka_unit_test(durations_read_as_in_go),
        cmocka_unit_test(durations_print_as_in_go),
        cmocka_unit_test(sizes_know_both_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
