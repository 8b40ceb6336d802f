/* A small world for tests of agent_local: an agent without core, with TTL checks and a check type "fake" that does what the
 * test says, and a catalog that is a table of what was written. Include once per test program. */
#ifndef LOCAL_WORLD_H
#define LOCAL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent_local/agent_local.h"
#include "core.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct co_module check_ttl_LTX_cohort_module;

/* --- a check type under the test's control --- */

struct fake_settings {
    const char *fake;
};
CO_SCHEMA(fake_schema, struct fake_settings, "FakeCheck",
          CO_FIELD(0, struct fake_settings, fake, "Fake", CO_REQUIRED, .config = "fake"));

static struct co_probe *fake_probe; /* under way */
static int fake_probes, fake_cancels, fake_opens, fake_closes;

static co_status fake_open(const struct co_checker_env *env, void *state, const void *settings,
                           struct co_error *error) {
    (void)env;
    (void)state;
    if (!strcmp(((const struct fake_settings *)settings)->fake, "refuse"))
        return co_fail(error, CO_INVALID, "fake says no");
    fake_opens++;
    return CO_OK;
}
static void fake_start(void *state, struct co_probe *probe) {
    (void)state;
    fake_probes++;
    fake_probe = probe;
}
static void fake_cancel(void *state) {
    (void)state;
    fake_cancels++;
    fake_probe = NULL;
}
static void fake_close(void *state) {
    (void)state;
    fake_closes++;
}
static const struct co_checker fake_checker = {.type = "fake",
                                               .label = "fake",
                                               .settings = &fake_schema,
                                               .state_size = 1,
                                               .open = fake_open,
                                               .probe = fake_start,
                                               .cancel = fake_cancel,
                                               .close = fake_close};
struct script_settings {
    struct co_strings args;
};
CO_SCHEMA(script_schema, struct script_settings, "ScriptCheck",
          CO_FIELD(0, struct script_settings, args, "Args", CO_REQUIRED, .config = "args"));
static const struct co_checker script_checker = {.type = "args",
                                                 .label = "script",
                                                 .settings = &script_schema,
                                                 .state_size = 1,
                                                 .probe = fake_start,
                                                 .cancel = fake_cancel};

/* --- the agent --- */

struct world {
    struct agent_local local;
    struct co_agent_settings agent;
    struct co_arena arena; /* of parsed texts */
    struct co_error error;
};

static void world_new(struct world *world, const char *data_dir) {
    struct agent_local *self = &world->local;
    *world = (struct world){.agent = {.datacenter = "dc1",
                                      .node_name = "n1",
                                      .node_id = "11111111-2222-3333-4444-555555555555",
                                      .advertise_addr = "127.0.0.1",
                                      .data_dir = data_dir,
                                      .is_server = true}};
    self->loop = co_loop_new();
    self->log = co_log_named("test");
    self->agent = &world->agent;
    self->now.check_output_max_size = 4096;
    self->now.check_update_interval.ns = 300 * CO_SECOND;
    self->checkers[0].checker = check_ttl_LTX_cohort_module.offers[0].table;
    self->checkers[1].checker = &fake_checker;
    self->checkers[2].checker = &script_checker;
    self->checker_count = 3;
    fake_probes = fake_cancels = fake_opens = fake_closes = 0;
    fake_probe = NULL;
}

static void world_free(struct world *world) {
    struct agent_local *self = &world->local;
    for (size_t i = 0; i < self->checks.count; i++) local_check_stop(self->checks.items[i]);
    co_timer_stop(&self->full_sync);
    co_timer_stop(&self->retry_sync);
    co_timer_stop(&self->reap);
    co_defer_stop(self->loop, &self->pump_sync);
    local_state_fini(self);
    co_loop_free(self->loop);
    co_arena_fini(&world->arena);
    assert_int_equal(fake_opens, fake_closes);
}

static inline void turn(struct world *world) {
    co_loop_turn(world->local.loop, 0);
    poll(NULL, 0, 1);
}

/* Turns the loop until the condition holds; fails after ten seconds. */
#define WAIT_FOR(world, condition)                                                                                     \
    do {                                                                                                               \
        uint64_t until = co_mono_ns() + 10 * (uint64_t)CO_SECOND;                                                      \
        while (!(condition) && co_mono_ns() < until) turn(world);                                                      \
        assert_true(condition);                                                                                        \
    } while (0)

static inline const struct co_node *json(struct world *world, const char *text) {
    struct co_node *node = NULL;
    assert_int_equal(co_tree_parse_body(&world->arena, co_bytes_text(text), &node, &world->error), CO_OK);
    return node;
}

static inline co_status add_service(struct world *world, const char *text) {
    struct local_report report = {.error = &world->error};
    world->error = (struct co_error){0};
    struct local_service_def *def = local_service_parse(&world->local, json(world, text), true, &report);
    return def ? local_service_add(&world->local, def, false, &world->error) : world->error.status;
}

static inline co_status add_check(struct world *world, const char *text) {
    struct local_report report = {.error = &world->error};
    world->error = (struct co_error){0};
    struct local_check_def *def = local_check_parse(&world->local, json(world, text), true, NULL, 0, &report);
    return def ? local_check_add(&world->local, def, &world->error) : world->error.status;
}

/* Loads a whole configuration in HCL. */
static inline co_status load_config(struct world *world, const char *text) {
    struct co_node *node = NULL;
    struct local_settings settings = {0};
    world->error = (struct co_error){0};
    assert_int_equal(co_tree_parse_hcl(&world->arena, "agent.hcl", co_bytes_text(co_arena_strdup(&world->arena, text)),
                                       &node, &world->error),
                     CO_OK);
    co_schema_defaults(&local_settings_schema, &settings, &world->arena);
    assert_int_equal(co_bind(&local_settings_schema, &settings, node, CO_UNKNOWN_IGNORE, "", &world->arena, NULL, NULL),
                     CO_OK);
    return local_config_load(&world->local, &settings, &world->error);
}

#define ASSERT_STATUS(world, id, text)                                                                                 \
    assert_string_equal(co_health_text(local_check_find(&(world)->local, id)->health), text)

#endif
