/* Log lines: fields as they were meant, whatever the values hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/core.h"

static char path[] = "/tmp/cohort-log-XXXXXX";

/* What was logged since the last call, without the time stamp. */
static const char *logged(void) {
    static char text[4096];
    FILE *file = fopen(path, "r");
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    assert_int_equal(truncate(path, 0), 0);
    const char *level = strchr(text, '[');
    return level && text[0] != '{' ? level : text;
}

static void log_to_file(bool json) {
    assert_int_equal(co_log_open(&(struct co_log_settings){.level = "info", .json = json, .file = path}, NULL), CO_OK);
}

static void test_text(void **state) {
    (void)state;
    log_to_file(false);
    struct co_log *log = co_log_named("agent.test");
    co_log_info(log, "started", "address=%s port=%d", "127.0.0.1", 80);
    assert_string_equal(logged(), "[INFO]  agent.test: started: address=127.0.0.1 port=80\n");
    co_log_warn(log, "nothing to add", "%s", "");
    assert_string_equal(logged(), "[WARN]  agent.test: nothing to add\n");
    co_log_debug(log, "not wanted", "a=%d", 1);
    assert_string_equal(logged(), "");
}

static void test_values_cannot_forge_fields(void **state) {
    (void)state;
    log_to_file(false);
    struct co_log *log = co_log_named("agent.test");
    co_log_info(log, "asked", "url=%s status=%d", "/a\x1f\nstatus=200 x=\"y\"", 404);
    assert_string_equal(logged(), "[INFO]  agent.test: asked: url=\"/a\\x1f\\nstatus=200 x=\\\"y\\\"\" status=404\n");
}

static void test_json(void **state) {
    (void)state;
    log_to_file(true);
    co_log_error(co_log_named("agent.test"), "failed \"here\"", "why=%s", "a b");
    const char *line = logged();
    assert_non_null(strstr(line, "{\"@level\":\"error\",\"@timestamp\":\""));
    assert_non_null(strstr(line, "\"@module\":\"agent.test\",\"@message\":\"failed \\\"here\\\"\",\"why\":\"a b\"}\n"));
}

static void test_level(void **state) {
    (void)state;
    struct co_error error;
    assert_int_equal(co_log_open(&(struct co_log_settings){.level = "loud"}, &error), CO_INVALID);
    assert_non_null(strstr(error.text, "loud"));
    assert_true(co_log_set_level("err"));
    assert_false(co_log_wants(NULL, CO_LOG_WARN));
    assert_true(co_log_set_level("INFO"));
}

int main(void) {
    close(mkstemp(path));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_values_cannot_forge_fields),
                                       cmocka_unit_test(test_json), cmocka_unit_test(test_level)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    co_log_close();
    unlink(path);
    return failures;
}
