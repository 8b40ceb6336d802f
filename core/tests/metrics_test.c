/* What /v1/agent/metrics shows: names as go-metrics makes them, the host's name in gauges only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/core.h"

static void test_names(void **state) {
    (void)state;
    struct co_agent agent = {.loop = co_loop_new()};
    struct co_ctx ctx = {.agent = &agent};
    agent.metrics = co_metrics_new(agent.loop, "consul", "host-1");
    struct co_metric *gauge = co_metric(&ctx, CO_METRIC_GAUGE, "runtime.bytes", NULL);
    struct co_metric *counter = co_metric(&ctx, CO_METRIC_COUNTER, "raft.apply", "node=n1");
    struct co_metric *sample = co_metric(&ctx, CO_METRIC_SAMPLE, "http.GET", NULL);
    assert_ptr_equal(counter, co_metric(&ctx, CO_METRIC_COUNTER, "raft.apply", "node=n1"));
    co_metric_set(gauge, 7);
    co_metric_add(counter, 2);
    co_metric_sample(sample, 1.5);

    struct co_buffer out = {0};
    co_metrics_write_json(&ctx, &out);
    assert_non_null(
        strstr(co_buffer_text(&out), "{\"Name\":\"consul.host-1.runtime.bytes\",\"Value\":7,\"Labels\":{}}"));
    co_buffer_fini(&out);
    co_metrics_write_prometheus(&ctx, &out);
    const char *text = co_buffer_text(&out);
    assert_non_null(strstr(text, "\nconsul_host_1_runtime_bytes 7\n"));
    assert_non_null(strstr(text, "\nconsul_raft_apply{node=\"n1\"} 2\n"));
    assert_non_null(strstr(text, "\nconsul_http_GET_sum 1.5\nconsul_http_GET_count 1\n"));
    co_buffer_fini(&out);
    co_metrics_free(agent.metrics);
    co_loop_free(agent.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
