/* When checks are probed: the first probe after a random part of the interval, so that a restart does not ask everything at
 * once; the next one an interval after the last has ended, so that probes of one check never overlap; a time limit for each.
 * Also the way from a probe's result to the check's health: thresholds, output limits, what the catalog is told when. */
#include "agent_local.h"

#include <stdio.h>
#include <stdlib.h>

static void probe_due(void *arg);

static uint64_t to_ms(int64_t ns) {
    return ns <= 0 ? 0 : (uint64_t)((ns + CO_MILLISECOND - 1) / CO_MILLISECOND);
}

/* Length of the valid UTF-8 sequence at the beginning of `text`, 0 when there is none. */
static size_t sequence(const unsigned char *text, size_t size) {
    unsigned char first = text[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xC2 && first < 0xE0 ? 2
                    : first >= 0xE0 && first < 0xF0 ? 3
                    : first >= 0xF0 && first < 0xF5 ? 4
                                                    : 0;
    if (length == 0 || length > size) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80) return 0;
    if (length == 3 && ((first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] > 0x9F))) return 0;
    if (length == 4 && ((first == 0xF0 && text[1] < 0x90) || (first == 0xF4 && text[1] > 0x8F))) return 0;
    return length;
}

char *local_output_clean(const char *output, size_t size, size_t max) {
    struct co_buffer clean = {0};
    co_buffer_grow(&clean, 1);
    for (size_t i = 0; i < size;) {
        size_t length = sequence((const unsigned char *)output + i, size - i);
        bool is_nul = length == 1 && output[i] == '\0';
        const char *piece = length && !is_nul ? output + i : "\xEF\xBF\xBD";
        size_t piece_size = length && !is_nul ? length : 3;
        if (clean.size + piece_size > max) break;
        co_buffer_add(&clean, piece, piece_size);
        i += length ? length : 1;
    }
    co_buffer_add_byte(&clean, 0);
    return co_buffer_take(&clean);
}

static void output_due(void *arg) {
    struct local_check *check = arg;
    local_sync_changed(check->owner, &check->sync);
}

void local_check_set(struct local_check *check, enum co_health health, const char *output, size_t size) {
    struct agent_local *self = check->owner;
    int64_t interval_ns = self->now.check_update_interval.ns;
    char *text = local_output_clean(output, self->now.discard_check_output ? 0 : size,
                                    (size_t)check->def->output_max + LOCAL_OUTPUT_SLACK);
    bool is_same_health = health == check->health, is_same_output = !strcmp(text, check->output);
    if (health != CO_CRITICAL)
        check->critical_since_ms = 0;
    else if (!check->critical_since_ms)
        check->critical_since_ms = co_loop_now_ms(self->loop) + 1; /* 0 means: not critical */
    free(check->output);
    check->output = text;
    check->health = health;
    if (is_same_health && is_same_output) return;
    if (!is_same_health)
        co_log_info(self->log, "check status changed", "check=%s status=%s", check->id, co_health_text(health));
    if (is_same_health && interval_ns > 0) {
        /* Output alone may change with every probe; the catalog learns of it now and then. */
        uint64_t half_ms = to_ms(interval_ns) / 2;
        if (check->sync.is_in_sync && !co_timer_is_armed(&check->deferred))
            co_timer_start(self->loop, &check->deferred, half_ms + co_random_below(half_ms * 2 + 1), output_due, check);
        return;
    }
    co_timer_stop(&check->deferred);
    local_sync_changed(self, &check->sync);
}

/* Consul's counting: so many results of one kind in a row before the health follows; the very first one always counts. */
static void count_result(struct local_check *check, enum co_health health, struct co_bytes output) {
    const struct local_check_def *def = check->def;
    int64_t *same = health == CO_CRITICAL ? &check->failures : &check->successes;
    int64_t needed = health == CO_CRITICAL ? def->failures_before_critical : def->success_before_passing;
    *(health == CO_CRITICAL ? &check->successes : &check->failures) = 0;
    if (*same < needed) ++*same;
    if (*same >= needed) local_check_set(check, health, output.data ? output.data : "", output.size);
}

static void schedule(struct local_check *check) {
    co_timer_start(check->owner->loop, &check->next, to_ms(check->def->interval_ns), probe_due, check);
}

static void probe_done(struct co_probe *probe, enum co_health health, struct co_bytes output) {
    struct local_check *check = (struct local_check *)((char *)probe - offsetof(struct local_check, probe));
    co_timer_stop(&check->limit);
    schedule(check);
    count_result(check, health, output);
}

static void time_is_over(void *arg) {
    struct local_check *check = arg;
    char limit[32], text[80];
    if (!check->probe.is_running) return;
    check->probe.is_running = false;
    check->def->kind->checker->cancel(check->state);
    co_duration_format(check->def->timeout_ns, limit);
    snprintf(text, sizeof text, "Timed out (%s) running check", limit);
    schedule(check);
    count_result(check, CO_CRITICAL, co_bytes_text(text));
}

static void probe_due(void *arg) {
    struct local_check *check = arg;
    check->probe.done = probe_done;
    check->probe.is_running = true;
    co_timer_start(check->owner->loop, &check->limit, to_ms(check->def->timeout_ns), time_is_over, check);
    check->def->kind->checker->probe(check->state, &check->probe);
}

void local_check_start(struct local_check *check) {
    const struct local_checker *kind = check->def->kind;
    uint64_t interval_ms = to_ms(check->def->interval_ns);
    check->successes = check->def->success_before_passing;
    check->failures = check->def->failures_before_critical;
    if (!kind) return;
    if (kind->checker->is_passive)
        local_ttl_start(check);
    else
        co_timer_start(check->owner->loop, &check->next, co_random_below(interval_ms + 1), probe_due, check);
}

void local_check_stop(struct local_check *check) {
    const struct co_checker *checker = check->def && check->def->kind ? check->def->kind->checker : NULL;
    co_timer_stop(&check->next);
    co_timer_stop(&check->limit);
    co_timer_stop(&check->deferred);
    if (!checker) return;
    if (check->probe.is_running) {
        check->probe.is_running = false;
        checker->cancel(check->state);
    }
    if (check->state && checker->close) checker->close(check->state);
    free(check->state);
    check->state = NULL;
}
