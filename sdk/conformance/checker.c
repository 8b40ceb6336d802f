/* The checks of checker.h: a probe ends once and in time, can be stopped at any moment, can be repeated; one that hangs
 * delays no other; nothing is left behind: no descriptor, no child process. What a probe finds out is the module's own test. */
#include "conformance/checker.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define DEADLINE_NS  (20 * CO_SECOND)
#define OUTPUT_MAX   4096
#define OUTPUT_SLACK 1024
#define REPEATS      20
#define CROWD        24
#define CANCEL_TURNS 12

struct suite {
    const struct co_checker_world *world;
    const struct co_checker *checker;
    void *module;
    int failures;
};

/* One state of the checker with its probe. */
struct patient {
    struct suite *suite;
    struct co_arena arena;
    void *settings, *state;
    struct co_probe probe;
    unsigned endings;
    enum co_health health;
    size_t output_size;
};

static void fail(struct suite *suite, const char *what) {
    fprintf(stderr, "checker \"%s\": FAILED: %s\n", suite->checker->type, what);
    suite->failures++;
}

static void expect(struct suite *suite, bool is_true, const char *what) {
    if (!is_true) fail(suite, what);
}

static void turn(struct suite *suite) {
    suite->world->turn(suite->world->arg);
}

static void ended(struct co_probe *probe, enum co_health health, struct co_bytes output) {
    struct patient *patient = (struct patient *)((char *)probe - offsetof(struct patient, probe));
    patient->endings++;
    patient->health = health;
    patient->output_size = output.size;
}

static co_status patient_open(struct suite *suite, struct patient *patient, const char *settings,
                              struct co_error *error) {
    struct co_checker_env env = {.loop = suite->world->loop,
                                 .log = suite->world->log,
                                 .timeout_ns = 10 * CO_SECOND,
                                 .interval_ns = 10 * CO_SECOND,
                                 .output_max = OUTPUT_MAX,
                                 .module = suite->module};
    co_status status;
    *patient = (struct patient){.suite = suite};
    patient->settings = co_arena_zalloc(&patient->arena, suite->checker->settings->size);
    co_schema_defaults(suite->checker->settings, patient->settings, &patient->arena);
    status =
        co_decode_json(suite->checker->settings, patient->settings, co_bytes_text(settings), &patient->arena, error);
    if (!status) {
        patient->state = co_calloc(1, suite->checker->state_size ? suite->checker->state_size : 1);
        status = suite->checker->open ? suite->checker->open(&env, patient->state, patient->settings, error) : CO_OK;
    }
    if (status) {
        free(patient->state);
        co_arena_fini(&patient->arena);
        patient->state = NULL;
    }
    return status;
}

static bool patient_new(struct suite *suite, struct patient *patient, const char *settings) {
    struct co_error error = {0};
    if (patient_open(suite, patient, settings, &error) == CO_OK) return true;
    fail(suite, "open refused settings that are good");
    fprintf(stderr, "    %s: %s\n", settings, error.text);
    return false;
}

static void start(struct patient *patient) {
    patient->probe = (struct co_probe){.done = ended, .is_running = true};
    patient->endings = 0;
    patient->suite->checker->probe(patient->state, &patient->probe);
}

static void cancel(struct patient *patient) {
    if (!patient->probe.is_running) return;
    patient->probe.is_running = false;
    patient->suite->checker->cancel(patient->state);
}

static void patient_close(struct patient *patient) {
    cancel(patient);
    if (patient->suite->checker->close) patient->suite->checker->close(patient->state);
    free(patient->state);
    co_arena_fini(&patient->arena);
}

/* Until the probe has ended. False when it does not in time. */
static bool await(struct patient *patient) {
    uint64_t until_ns = co_mono_ns() + DEADLINE_NS;
    while (patient->probe.is_running && co_mono_ns() < until_ns) turn(patient->suite);
    return !patient->probe.is_running;
}

static void settle(struct suite *suite) {
    for (int i = 0; i < 50; i++) turn(suite);
}

/* --- the checks --- */

static void check_descriptor(struct suite *suite) {
    const struct co_checker *checker = suite->checker;
    bool has_type_field = false;
    expect(suite, checker->type && *checker->type && checker->label && *checker->label, "type and label are given");
    co_schema_check(checker->settings);
    for (size_t i = 0; i < checker->settings->count; i++) {
        const struct co_field *field = &checker->settings->fields[i];
        bool is_it = co_key_equal(field->config ? field->config : field->name, checker->type);
        has_type_field |= is_it && field->flags & CO_REQUIRED;
    }
    expect(suite, has_type_field, "the settings have a required field that is named like the type");
    if (!checker->is_passive) expect(suite, checker->probe && checker->cancel, "probe and cancel are given");
}

static void check_outcome(struct suite *suite, const char *settings, bool is_healthy) {
    struct patient patient;
    if (!patient_new(suite, &patient, settings)) return;
    for (int i = 0; i < REPEATS; i++) {
        start(&patient);
        expect(suite, await(&patient), "the probe ends");
        expect(suite, patient.endings == 1, "the probe ends once");
        expect(suite, (patient.health == CO_PASSING) == is_healthy,
               is_healthy ? "a healthy target passes" : "an unhealthy target does not pass");
        expect(suite, patient.output_size <= OUTPUT_MAX + OUTPUT_SLACK, "the output keeps to its limit");
    }
    patient_close(&patient);
}

static void check_refused(struct suite *suite) {
    struct patient patient;
    struct co_error error = {0};
    if (patient_open(suite, &patient, suite->world->refused, &error)) {
        expect(suite, error.text[0] != '\0', "a refusal says why");
        return;
    }
    fail(suite, "settings that are wrong are refused");
    patient_close(&patient);
}

static void check_unused(struct suite *suite) {
    struct patient patient;
    for (int i = 0; i < 3; i++)
        if (patient_new(suite, &patient, suite->world->healthy)) patient_close(&patient);
}

/* Stopped at once, and after one turn, two turns, ...; the next probe works as if nothing had been. */
static void check_cancel(struct suite *suite, const char *settings) {
    struct patient patient;
    if (!patient_new(suite, &patient, settings)) return;
    for (int turns = 0; turns < CANCEL_TURNS; turns++) {
        unsigned endings;
        start(&patient);
        for (int i = 0; i < turns; i++) turn(suite);
        cancel(&patient);
        endings = patient.endings;
        for (int i = 0; i < 3; i++) turn(suite);
        expect(suite, patient.endings == endings, "a cancelled probe does not end any more");
    }
    patient_close(&patient);
    if (!patient_new(suite, &patient, suite->world->healthy)) return;
    start(&patient);
    expect(suite, await(&patient) && patient.health == CO_PASSING, "a probe after cancelled ones passes");
    patient_close(&patient);
}

static void check_silent(struct suite *suite) {
    struct patient patient;
    if (!patient_new(suite, &patient, suite->world->silent)) return;
    start(&patient);
    settle(suite);
    expect(suite, patient.probe.is_running, "the probe of a silent target goes on until it is stopped");
    patient_close(&patient); /* stops it */
    settle(suite);
    expect(suite, patient.endings == 0, "nothing comes after the close");
}

/* Silent targets delay no other probe. */
static void check_crowd(struct suite *suite) {
    struct patient silent[CROWD], healthy[CROWD];
    size_t silent_count = 0, healthy_count = 0;
    for (int i = 0; i < CROWD; i++) {
        if (suite->world->silent && patient_new(suite, &silent[silent_count], suite->world->silent))
            start(&silent[silent_count++]);
        if (patient_new(suite, &healthy[healthy_count], suite->world->healthy)) start(&healthy[healthy_count++]);
    }
    for (size_t i = 0; i < healthy_count; i++)
        expect(suite, await(&healthy[i]) && healthy[i].health == CO_PASSING && healthy[i].endings == 1,
               "a probe beside hanging ones passes");
    for (size_t i = 0; i < silent_count; i++) patient_close(&silent[i]);
    for (size_t i = 0; i < healthy_count; i++) patient_close(&healthy[i]);
}

static size_t descriptors(void) {
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) count++;
    if (dir) closedir(dir);
    return count;
}

static void run(struct suite *suite, const char *name, void (*check)(struct suite *)) {
    int before = suite->failures;
    check(suite);
    settle(suite);
    printf("checker \"%s\": %s %s\n", suite->checker->type, suite->failures == before ? "ok  " : "FAIL", name);
}

static void healthy(struct suite *suite) {
    check_outcome(suite, suite->world->healthy, true);
}
static void unhealthy(struct suite *suite) {
    check_outcome(suite, suite->world->unhealthy, false);
}
static void cancel_healthy(struct suite *suite) {
    check_cancel(suite, suite->world->healthy);
}
static void cancel_unhealthy(struct suite *suite) {
    check_cancel(suite, suite->world->unhealthy);
}
static void cancel_silent(struct suite *suite) {
    check_cancel(suite, suite->world->silent);
}

static void run_active(struct suite *suite) {
    const struct co_checker_world *world = suite->world;
    size_t before;
    run(suite, "opened and closed unused", check_unused);
    run(suite, "healthy target, repeated", healthy); /* also makes what is kept for good, such as a thread pool */
    before = descriptors();
    run(suite, "unhealthy target, repeated", unhealthy);
    if (world->refused) run(suite, "wrong settings", check_refused);
    run(suite, "cancel at every moment: healthy", cancel_healthy);
    run(suite, "cancel at every moment: unhealthy", cancel_unhealthy);
    if (world->silent) {
        run(suite, "silent target", check_silent);
        run(suite, "cancel at every moment: silent", cancel_silent);
    }
    run(suite, "many at once", check_crowd);
    /* What a target or a process still holds goes away soon. */
    for (int i = 0; i < 200 && descriptors() > before; i++) turn(suite);
    expect(suite, descriptors() <= before, "no descriptor is left open");
}

int co_conformance_checker(const struct co_checker_world *world) {
    struct suite suite = {.world = world};
    const struct co_offer *offer = world->module->offers;
    while (offer->kind != CO_OFFER_END && offer->kind != CO_OFFER_CHECKER) offer++;
    if (offer->kind == CO_OFFER_END) {
        fprintf(stderr, "the module offers no checker\n");
        return 1;
    }
    suite.checker = offer->table;
    suite.module = co_calloc(1, world->module->state_size ? world->module->state_size : 1);
    run(&suite, "descriptor", check_descriptor);
    if (!suite.checker->is_passive) run_active(&suite);
    if (world->module->fini) world->module->fini(suite.module);
    free(suite.module);
    for (int i = 0; i < 10; i++) turn(&suite);
    expect(&suite, waitpid(-1, NULL, WNOHANG) <= 0, "no child process is left");
    return suite.failures;
}
