/* check_script against the suite of all checkers, and what is special about programs: how they end, what they write, what they
 * leave behind. */
#include "conformance/checker.h"

#include "core.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct co_module check_script_LTX_cohort_module;

static void turn(void *arg) {
    co_loop_turn(arg, 0);
    poll(NULL, 0, 1);
}

struct outcome {
    struct co_probe probe;
    enum co_health health;
    char output[8192];
    uint64_t took_ms;
};

static void ended(struct co_probe *probe, enum co_health health, struct co_bytes output) {
    struct outcome *outcome = (struct outcome *)probe;
    outcome->health = health;
    co_assert(output.size < sizeof outcome->output);
    if (output.size) memcpy(outcome->output, output.data, output.size);
    outcome->output[output.size] = '\0';
}

/* Runs a shell line as a check; stops it after `limit_ms`. */
static bool run(struct co_loop *loop, void *module, const char *line, uint64_t limit_ms, struct outcome *outcome) {
    const struct co_checker *checker = check_script_LTX_cohort_module.offers[0].table;
    struct co_checker_env env = {
        .loop = loop, .log = co_log_named("test"), .timeout_ns = CO_SECOND, .output_max = 100, .module = module};
    const char *args[] = {"sh", "-c", line};
    struct co_strings settings = {args, 3};
    void *state = co_calloc(1, checker->state_size);
    uint64_t start_ns = co_mono_ns();
    bool is_done;
    *outcome = (struct outcome){.probe = {.done = ended, .is_running = true}};
    co_assert(checker->open(&env, state, &settings, NULL) == CO_OK);
    checker->probe(state, &outcome->probe);
    while (outcome->probe.is_running && co_mono_ns() - start_ns < limit_ms * 1000000) turn(loop);
    is_done = !outcome->probe.is_running;
    outcome->took_ms = (co_mono_ns() - start_ns) / 1000000;
    if (!is_done) {
        outcome->probe.is_running = false;
        checker->cancel(state);
    }
    checker->close(state);
    free(state);
    for (int i = 0; i < 20; i++) turn(loop); /* what was killed is reaped */
    return is_done;
}

/* A dead one that nobody has reaped yet is not alive. */
static bool is_alive(int pid) {
    char path[64], state = 'X';
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (!file) return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 'X';
    fclose(file);
    return state != 'Z' && state != 'X';
}

static int failures;
#define EXPECT(condition)                                                                                              \
    ((condition) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition)))

static void programs(struct co_loop *loop) {
    void *module = co_calloc(1, check_script_LTX_cohort_module.state_size);
    struct outcome outcome;
    EXPECT(run(loop, module, "echo out; echo err >&2", 10000, &outcome) && outcome.health == CO_PASSING);
    EXPECT(!strcmp(outcome.output, "out\nerr\n"));
    EXPECT(run(loop, module, "echo warn; exit 1", 10000, &outcome) && outcome.health == CO_WARNING);
    EXPECT(run(loop, module, "exit 2", 10000, &outcome) && outcome.health == CO_CRITICAL && !*outcome.output);
    EXPECT(run(loop, module, "kill -9 $$", 10000, &outcome) && outcome.health == CO_CRITICAL);
    EXPECT(run(loop, module, "read line && exit 1; exit 0", 10000, &outcome) &&
           outcome.health == CO_PASSING); /* stdin is empty */
    EXPECT(run(loop, module, "head -c 6000 /dev/zero | tr '\\0' y; echo end", 10000, &outcome) &&
           outcome.health == CO_PASSING);
    EXPECT(!strncmp(outcome.output, "Captured 100 of 6004 bytes\n...\nyyy", 34) && strstr(outcome.output, "yend\n"));
    /* A child that keeps the pipe open holds up nothing, and does not survive. */
    EXPECT(run(loop, module, "sleep 1000 & echo $!", 10000, &outcome) && outcome.health == CO_PASSING &&
           outcome.took_ms < 5000);
    int left_behind = atoi(outcome.output);
    for (int i = 0; i < 2000 && is_alive(left_behind); i++) turn(loop);
    EXPECT(!is_alive(left_behind));
    /* Endless output: stopped in time, in bounded memory, with the loop turning. */
    EXPECT(!run(loop, module, "yes spam & yes more spam", 500, &outcome));
    EXPECT(outcome.took_ms < 1500);
    /* A hanging one with a hanging child: both are gone after the cancel. */
    EXPECT(!run(loop, module, "sleep 1001 & sleep 1002", 200, &outcome));
    check_script_LTX_cohort_module.fini(module);
    free(module);
}

int main(void) {
    struct co_loop *loop = co_loop_new();
    const struct co_checker_world world = {.module = &check_script_LTX_cohort_module,
                                           .loop = loop,
                                           .log = co_log_named("test"),
                                           .arg = loop,
                                           .turn = turn,
                                           .healthy = "{\"args\":[\"true\"]}",
                                           .unhealthy = "{\"args\":[\"/nonexistent\"]}",
                                           .silent = "{\"args\":[\"sleep\",\"1000\"]}",
                                           .refused = "{\"args\":[\"\"]}"};
    failures = co_conformance_checker(&world);
    programs(loop);
    co_loop_free(loop);
    return failures ? 1 : 0;
}
