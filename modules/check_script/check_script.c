/* One probe: run the program, keep the end of what it writes, turn its exit code into a state (0 passing, 1 warning, else
 * critical). The probe ends when the process ends, even if something it left behind still holds the pipe; what is left of
 * the group is killed then. Output beyond the limit is read and dropped, and slowly when there is very much of it. */
#include "check_script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

co_status check_script_open(const struct co_checker_env *env, void *state, const void *settings,
                            struct co_error *error) {
    const struct check_script_settings *given = settings;
    struct check_script *check = state;
    if (given->args.count == 0 || !given->args.items[0][0])
        return co_fail(error, CO_INVALID, "args is empty: name the program to run as its first element");
    if (given->args.count > CHECK_SCRIPT_ARGS_MAX)
        return co_fail(error, CO_INVALID, "args has %zu elements; at most %d are allowed", given->args.count,
                       CHECK_SCRIPT_ARGS_MAX);
    check->env = *env;
    check->module = env->module;
    check->output_fd = -1;
    check->argv = co_calloc(given->args.count + 1, sizeof *check->argv);
    for (size_t i = 0; i < given->args.count; i++) check->argv[i] = co_strdup(given->args.items[i]);
    return CO_OK;
}

void check_script_close(void *state) {
    struct check_script *check = state;
    for (char **arg = check->argv; arg && *arg; arg++) free(*arg);
    free(check->argv);
}

static void keep(struct check_script *check, const char *data, size_t size) {
    uint64_t max = check->env.output_max;
    if (!check->kept) check->kept = co_malloc(max ? max : 1);
    if (size > max) {
        check->written += size - max;
        data += size - max;
        size = max;
    }
    while (size > 0) {
        uint64_t at = check->written % max, room = max - at, some = size < room ? size : room;
        memcpy(check->kept + at, data, some);
        check->written += some;
        data += some;
        size -= some;
    }
}

/* Reads what is there, up to one portion. */
static void drain(struct check_script *check) {
    char *data = co_malloc(CHECK_SCRIPT_READ_SIZE);
    ssize_t size = read(check->output_fd, data, CHECK_SCRIPT_READ_SIZE);
    if (size > 0) keep(check, data, (size_t)size);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) check->is_at_end = true;
    free(data);
}

static void rested(void *arg) {
    struct check_script *check = arg;
    co_io_watch(check->output_io, CO_IO_READ);
}

static void readable(void *arg, unsigned events) {
    struct check_script *check = arg;
    (void)events;
    drain(check);
    if (check->is_at_end) {
        co_io_watch(check->output_io, 0);
    } else if (check->written > CHECK_SCRIPT_FREE_BYTES) {
        /* The full pipe slows the writer down; nobody else is delayed by it. */
        co_io_watch(check->output_io, 0);
        co_timer_start(check->env.loop, &check->rest, CHECK_SCRIPT_REST_MS, rested, check);
    }
}

static void forget(struct check_script *check) {
    co_timer_stop(&check->rest);
    if (check->output_io) co_io_free(check->output_io);
    if (check->output_fd >= 0) close(check->output_fd);
    free(check->kept);
    check->output_io = NULL;
    check->output_fd = -1;
    check->kept = NULL;
    check->run = NULL;
    check->probe = NULL;
}

static void failed_to_start(struct check_script *check, int error) {
    struct co_probe *probe = check->probe;
    const char *name = check->argv[0];
    char reason[128];
    check->probe = NULL;
    snprintf(reason, sizeof reason, "%s", strerror(error));
    reason[0] = (char)tolower((unsigned char)reason[0]);
    if (error == ENOENT && !strchr(name, '/'))
        co_probe_donef(probe, CO_CRITICAL, "exec: \"%s\": executable file not found in $PATH", name);
    else
        co_probe_donef(probe, CO_CRITICAL, "fork/exec %s: %s", name, reason);
}

void check_script_probe(void *state, struct co_probe *probe) {
    struct check_script *check = state;
    int error;
    check->probe = probe;
    check->written = 0;
    check->is_at_end = false;
    error = script_run_start(check, (const char *const *)check->argv, &check->output_fd);
    if (error) {
        failed_to_start(check, error);
        return;
    }
    check->output_io = co_io_new(check->env.loop, check->output_fd, readable, check);
    co_io_watch(check->output_io, CO_IO_READ);
}

void check_script_exited(struct check_script *check) {
    if (!check->is_at_end) drain(check);
    if (!check->is_at_end) script_run_kill(check->run);
}

void check_script_reaped(struct check_script *check, int status) {
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    enum co_health health = code == 0 ? CO_PASSING : code == 1 ? CO_WARNING : CO_CRITICAL;
    struct co_probe *probe = check->probe;
    struct co_buffer output = {0};
    uint64_t max = check->env.output_max, kept = check->written < max ? check->written : max;
    if (check->written > max)
        co_buffer_printf(&output, "Captured %llu of %llu bytes\n...\n", (unsigned long long)max,
                         (unsigned long long)check->written);
    for (uint64_t i = check->written - kept; i < check->written;) {
        uint64_t at = i % max, room = max - at, some = check->written - i < room ? check->written - i : room;
        co_buffer_add(&output, check->kept + at, some);
        i += some;
    }
    forget(check);
    co_probe_done(probe, health, co_bytes(output.data, output.size));
    co_buffer_fini(&output);
}

void check_script_cancel(void *state) {
    struct check_script *check = state;
    check->run->owner = NULL;
    script_run_kill(check->run);
    forget(check);
}
