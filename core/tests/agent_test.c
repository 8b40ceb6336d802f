/* An agent's life, seen through the trace that the fixture modules leave: order, unwinding, reload, the data directory. */
#include "core/agent_private.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
    char dir[64];
    struct co_arena arena;
    char text[4096];
    void (*running)(struct world *, struct co_ctx *);
};

static int set_up(void **state) {
    struct world *world = co_calloc(1, sizeof *world);
    snprintf(world->dir, sizeof world->dir, "/tmp/agent_test.XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    assert_int_equal(chdir(world->dir), 0);
    setenv("COHORT_MODULE_PATH", FIXTURE_DIR, 1);
    setenv("FIXTURE_TRACE", "trace", 1);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    co_arena_fini(&world->arena);
    assert_int_equal(chdir("/"), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", world->dir);
    assert_int_equal(system(command), 0);
    free(world);
    return 0;
}

static const char *slurp(struct world *world, const char *path) {
    world->text[0] = '\0';
    FILE *file = fopen(path, "r");
    if (!file) return "";
    size_t size = fread(world->text, 1, sizeof world->text - 1, file);
    world->text[size] = '\0';
    fclose(file);
    return world->text;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void on_running(void *arg, struct co_ctx *ctx) {
    struct world *world = arg;
    if (world->running)
        world->running(world, ctx);
    else
        co_agent_stop(ctx, false);
}

static int run(struct world *world, const char *const *args) {
    char *argv[32] = {(char *)(uintptr_t) "agent", (char *)(uintptr_t) "-log-file=log"};
    int argc = 2;
    for (; *args; args++) argv[argc++] = (char *)(uintptr_t)*args;
    struct co_conf_input input;
    assert_int_equal(co_flags_parse(&world->arena, argc, argv, &input, NULL), CO_OK);
    unlink("trace");
    return co_agent_run_with(&input, on_running, world);
}
#define RUN(world, ...) run(world, (const char *const[]){__VA_ARGS__, NULL})

#define BOTH "modules { standard = false fx_after {} fx_good { %s } }"

static const char *both(struct world *world, const char *settings) {
    return co_arena_printf(&world->arena, BOTH, settings);
}

static void modules_start_in_order_and_end_in_reverse(void **state) {
    struct world *world = *state;
    assert_int_equal(RUN(world, "-dev", "-hcl", both(world, "holds_stop = true")), 0);
    assert_string_equal(slurp(world, "trace"),
                        "fx_good init\nfx_after init\nfx_good start\nfx_after start\n"
                        "fx_after stop\nfx_good stop\nfx_good stopped\nfx_after fini\nfx_good fini\n");
}

static void a_failed_init_undoes_what_was_done(void **state) {
    struct world *world = *state;
    assert_int_equal(RUN(world, "-dev", "-hcl", both(world, "fail_at = \"init\"")), 1);
    assert_string_equal(slurp(world, "trace"), "fx_good init\nfx_good fini\n");
}

static void a_failed_start_undoes_what_was_done(void **state) {
    struct world *world = *state;
    assert_int_equal(RUN(world, "-dev", "-hcl", both(world, "fail_at = \"start\"")), 1);
    assert_string_equal(slurp(world, "trace"),
                        "fx_good init\nfx_after init\nfx_good start\nfx_after fini\nfx_good fini\n");
}

static void a_bad_configuration_starts_nothing(void **state) {
    struct world *world = *state;
    assert_int_equal(RUN(world, "-hcl", both(world, "nonsense = 1"), "-data-dir=data"), 1);
    assert_string_equal(slurp(world, "trace"), "");
    assert_int_not_equal(access("data", F_OK), 0);
}

static void reload_and_stop(struct world *world, struct co_ctx *ctx) {
    (void)world;
    struct co_error error = {0};
    write_file("a.hcl", "modules { standard = false fx_good { map_size = 3 } }\nlog_level = \"warn\"\nnode_meta { a = "
                        "\"new\" }\nnode_name = \"other\"\n");
    assert_int_equal(co_agent_reload(ctx, &error), CO_OK);
    assert_string_equal(co_ctx_agent(ctx)->node_name, "me");
    assert_string_equal(co_ctx_agent(ctx)->log_level, "warn");
    assert_string_equal(co_ctx_agent(ctx)->node_meta.items[0].value, "new");
    write_file("a.hcl", "modules { standard = false fx_good { map_size = 4 } }\nnonsense = 1\n");
    assert_int_equal(co_agent_reload(ctx, &error), CO_INVALID);
    assert_string_equal(error.text, "a.hcl:2:1: unknown key \"nonsense\"");
    assert_string_equal(co_ctx_agent(ctx)->node_meta.items[0].value, "new");
    write_file("a.hcl",
               "modules { standard = false fx_good { map_size = 5 fail_at = \"reload\" } }\nnode_name = \"me\"\n");
    assert_int_equal(co_agent_reload(ctx, &error), CO_INVALID);
    assert_string_equal(error.text, "module fx_good keeps its old configuration: told to fail");
    for (int i = 6; i < 9; i++) { /* old configurations are let go of */
        char text[128];
        snprintf(text, sizeof text, "modules { standard = false fx_good { map_size = %d } }\nnode_name = \"me\"\n", i);
        write_file("a.hcl", text);
        assert_int_equal(co_agent_reload(ctx, NULL), CO_OK);
    }
    co_agent_stop(ctx, false);
}

static void reload_changes_what_it_may(void **state) {
    struct world *world = *state;
    world->running = reload_and_stop;
    write_file(
        "a.hcl",
        "modules { standard = false fx_good { map_size = 2 } }\nnode_name = \"me\"\nnode_meta { a = \"old\" }\n");
    assert_int_equal(RUN(world, "-dev", "-config-file=a.hcl"), 0);
    assert_string_equal(
        slurp(world, "trace"),
        "fx_good init\nfx_good start\nfx_good reload 3\nfx_good reload 6\nfx_good reload 7\nfx_good reload 8\n"
        "fx_good stop\nfx_good stopped\nfx_good fini\n");
    assert_non_null(
        strstr(slurp(world, "log"), "these changes need a restart and are ignored until then: keys=node_name"));
}

static void signal_myself(struct world *world, struct co_ctx *ctx) {
    (void)world, (void)ctx;
    raise(SIGHUP);
    raise(SIGTERM);
}

static void signals_reload_and_stop(void **state) {
    struct world *world = *state;
    world->running = signal_myself;
    assert_int_equal(RUN(world, "-dev", "-hcl", both(world, "map_size = 1")), 0);
    const char *text = slurp(world, "trace");
    assert_non_null(strstr(text, "fx_good reload 1\n"));
    assert_non_null(strstr(text, "fx_good fini\n"));
}

static void a_module_that_does_not_stop_is_left_behind(void **state) {
    struct world *world = *state;
    co_agent_stop_deadline_ms = 5;
    assert_int_equal(RUN(world, "-dev", "-hcl", both(world, "never_stops = true")), 0);
    co_agent_stop_deadline_ms = 10000;
    assert_non_null(strstr(slurp(world, "trace"), "fx_good stop\nfx_after fini\nfx_good fini\n"));
    assert_non_null(strstr(slurp(world, "log"), "module does not stop, going on without it: module=fx_good"));
}

static void signal_twice(struct world *world, struct co_ctx *ctx) {
    (void)world, (void)ctx;
    raise(SIGINT);
    raise(SIGTERM);
}

static void a_second_signal_ends_it_at_once(void **state) {
    struct world *world = *state;
    world->running = signal_twice;
    const char *settings = both(world, "never_stops = true");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(RUN(world, "-dev", "-hcl", settings, "-pid-file=pid") == 0 ? 7 : 8);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_null(strstr(slurp(world, "trace"), "fini"));
    assert_int_not_equal(access("pid", F_OK), 0);
}

static void look_at_files(struct world *world, struct co_ctx *ctx) {
    char pid[32];
    snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    assert_string_equal(slurp(world, "agent.pid"), pid);
    assert_string_equal(slurp(world, "data/node-id"), co_ctx_agent(ctx)->node_id);
    struct co_datadir second;
    struct co_error error = {0};
    assert_int_equal(co_datadir_open(&second, "data", &error), CO_BUSY);
    assert_non_null(strstr(error.text, "data_dir data is in use by process "));
    struct co_buffer json = {0};
    co_ctx_write_config(ctx, &json);
    assert_non_null(strstr(co_buffer_text(&json), "\"Modules\":[\"fx_good\",\"fx_after\"]"));
    assert_non_null(strstr(co_buffer_text(&json), "\"DataDir\":\"data\""));
    co_buffer_fini(&json);
    co_agent_stop(ctx, false);
}

static void the_data_directory_keeps_the_node_id(void **state) {
    struct world *world = *state;
    world->running = look_at_files;
    assert_int_equal(RUN(world, "-data-dir=data", "-pid-file=agent.pid", "-bind=127.0.0.1", "-hcl", both(world, "")),
                     0);
    struct stat info;
    assert_int_equal(stat("data", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_not_equal(access("agent.pid", F_OK), 0);
    char id[64];
    snprintf(id, sizeof id, "%s", slurp(world, "data/node-id"));
    assert_int_equal(strlen(id), 36);
    assert_int_equal(RUN(world, "-data-dir=data", "-pid-file=agent.pid", "-bind=127.0.0.1", "-hcl", both(world, "")),
                     0);
    assert_string_equal(slurp(world, "data/node-id"), id);
}

static void foreign_data_directories_are_refused(void **state) {
    struct world *world = *state;
    struct co_datadir datadir;
    struct co_error error = {0};
    char id[37];
    assert_int_equal(mkdir("data", 0700), 0);
    write_file("data/cohort.json", "{\"layout\":7,\"version\":\"9.9\"}");
    assert_int_equal(co_datadir_open(&datadir, "data", &error), CO_UNSUPPORTED);
    assert_non_null(strstr(error.text, "has layout 7 (written by Cohort 9.9), this version reads layout 1"));
    write_file("data/cohort.json", "garbage");
    assert_int_equal(co_datadir_open(&datadir, "data", &error), CO_CORRUPT);
    write_file("file", "");
    assert_int_equal(co_datadir_open(&datadir, "file", &error), CO_INVALID);
    assert_int_equal(co_datadir_open(&datadir, "file/below", &error), CO_IO);
    write_file("data/node-id", "not a uuid");
    assert_int_equal(co_datadir_node_id("data", "", id, &error), CO_CORRUPT);
    assert_int_equal(co_datadir_node_id("data", "40E4A748-2192-161a-0510-9bf59fe950b5", id, &error), CO_OK);
    assert_string_equal(slurp(world, "data/node-id"), "40e4a748-2192-161a-0510-9bf59fe950b5");
    unlink("data/cohort.json");
    assert_int_equal(co_datadir_open(&datadir, "data/deep/er", &error), CO_OK);
    co_datadir_close(&datadir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(modules_start_in_order_and_end_in_reverse),
        TEST(a_failed_init_undoes_what_was_done),
        TEST(a_failed_start_undoes_what_was_done),
        TEST(a_bad_configuration_starts_nothing),
        TEST(reload_changes_what_it_may),
        TEST(signals_reload_and_stop),
        TEST(a_module_that_does_not_stop_is_left_behind),
        TEST(a_second_signal_ends_it_at_once),
        TEST(the_data_directory_keeps_the_node_id),
        TEST(foreign_data_directories_are_refused),
    };
    return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
