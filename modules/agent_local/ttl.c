/* Checks whose health the application reports itself. A report is good for the check's ttl; then silence counts as critical. */
#include "agent_local.h"

static void expired(void *arg) {
    struct local_check *check = arg;
    struct co_buffer text = {0};
    co_log_warn(check->owner->log, "check missed its TTL, is now critical", "check=%s", check->id);
    co_buffer_add_text(&text, "TTL expired");
    if (*check->output && strncmp(check->output, "TTL expired", 11)) {
        co_buffer_add_text(&text, " (last output before timeout follows): ");
        co_buffer_add_text(&text, check->output);
    }
    local_check_set(check, CO_CRITICAL, text.data, text.size);
    co_buffer_fini(&text);
}

static void restart(struct local_check *check, uint64_t after_ms) {
    struct co_loop *loop = check->owner->loop;
    check->ttl_due_ms = co_loop_now_ms(loop) + after_ms;
    co_timer_start(loop, &check->next, after_ms, expired, check);
}

void local_ttl_start(struct local_check *check) {
    restart(check, (uint64_t)(check->def->ttl_ns / CO_MILLISECOND) + 1);
}

co_status local_ttl_report(struct agent_local *self, const char *id, enum co_health health, const char *output,
                           size_t size, struct co_error *error) {
    struct local_check *check = local_check_find(self, id);
    struct co_buffer text = {0};
    if (!check || !check->def->kind || !check->def->kind->checker->is_passive)
        return co_fail(error, CO_INTERNAL, "CheckID \"%s\" does not have associated TTL", id);
    if (size > (uint64_t)check->def->output_max) {
        co_buffer_add(&text, output, (size_t)check->def->output_max);
        co_buffer_printf(&text, " ... (captured %lld of %zu bytes)", (long long)check->def->output_max, size);
        output = text.data;
        size = text.size;
    }
    local_ttl_start(check);
    local_check_set(check, health, output, size);
    local_persist_state(self, check);
    co_buffer_fini(&text);
    return CO_OK;
}
