/* One agent's life: configuration, modules in order, signals, reload, and the way back. The only code that unwinds.
 *
 *     load -> lock data_dir -> init all -> open the state -> start all -> run
 *     stop in reverse (each may take its time, up to a deadline) -> close the state -> fini in reverse
 *
 * A start that fails half-way takes the same way back: only what was started is stopped, only what was inited is finished. */
#include "agent_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

unsigned co_agent_stop_deadline_ms = 10000;

struct runtime {
    struct co_agent agent;
    struct co_ctx ctx; /* the core's own view, for metrics and hooks; module is NULL */
    const struct co_conf_input *input;
    struct co_conf *conf; /* the one we started with: slots, registry, settings */
    struct co_agent_settings settings;
    struct co_arena arena;   /* settings that changed by reload */
    struct co_conf *newest;  /* of the last reload */
    struct co_conf *retired; /* the one before: late callbacks may still read it */
    struct co_slot **slots;
    size_t count;
    struct co_datadir datadir;
    char node_id[37];
    bool has_pid_file;
    /* stopping */
    bool is_stopping, leaves;
    size_t stop_at;          /* slots below this are still to be stopped */
    struct co_slot *waiting; /* for its stopped() */
    struct co_timer deadline;
    struct co_defer stop_defer;
    struct co_defer begin_defer;
    struct co_defer running_defer;
    void (*running)(void *arg, struct co_ctx *);
    void *running_arg;
};

static struct runtime *runtime_of(struct co_ctx *ctx) {
    return ctx->agent->runtime;
}

/* --- stopping --- */

static void stop_next(void *arg);

static void stop_overdue(void *arg) {
    struct runtime *runtime = arg;
    co_log_error(runtime->agent.log, "module does not stop, going on without it", "module=%s ms=%u",
                 runtime->waiting->ctx.module->name, co_agent_stop_deadline_ms);
    runtime->waiting = NULL;
    stop_next(runtime);
}

static void stopped(void *arg) {
    struct co_slot *slot = arg;
    struct runtime *runtime = runtime_of(&slot->ctx);
    if (runtime->waiting != slot) return; /* after the deadline */
    runtime->waiting = NULL;
    co_timer_stop(&runtime->deadline);
    co_defer_start(runtime->agent.loop, &runtime->stop_defer, stop_next, runtime);
}

static void stop_next(void *arg) {
    struct runtime *runtime = arg;
    while (runtime->stop_at > 0) {
        struct co_slot *slot = runtime->slots[--runtime->stop_at];
        if (!slot->is_started) continue;
        slot->is_started = false;
        if (!slot->ctx.module->stop) continue;
        runtime->waiting = slot;
        co_timer_start(runtime->agent.loop, &runtime->deadline, co_agent_stop_deadline_ms, stop_overdue, runtime);
        slot->ctx.module->stop(slot->ctx.self, stopped, slot);
        return;
    }
    co_loop_stop(runtime->agent.loop);
}

static void begin_stop(void *arg) {
    struct runtime *runtime = arg;
    if (runtime->is_stopping) return;
    runtime->is_stopping = true;
    runtime->stop_at = runtime->count;
    stop_next(runtime);
}

void co_agent_stop(struct co_ctx *ctx, bool leave) {
    struct runtime *runtime = runtime_of(ctx);
    if (runtime->is_stopping || runtime->begin_defer.is_queued) return;
    runtime->leaves = leave;
    co_log_info(runtime->agent.log, leave ? "Gracefully shutting down agent..." : "Shutting down agent", "modules=%zu",
                runtime->count);
    co_defer_start(runtime->agent.loop, &runtime->begin_defer, begin_stop, runtime);
}

/* --- reload --- */

static void log_problems(struct runtime *runtime, const struct co_conf *conf, bool with_errors) {
    for (size_t i = 0; i < conf->problems.count; i++) {
        const struct co_conf_problem *problem = &conf->problems.items[i];
        if (!problem->is_warning && !with_errors) continue;
        struct co_buffer text = {0};
        co_conf_problem_write(problem, &text);
        if (problem->is_warning)
            co_log_warn(runtime->agent.log, co_buffer_text(&text), "%s", "");
        else
            co_log_error(runtime->agent.log, co_buffer_text(&text), "%s", "");
        co_buffer_fini(&text);
    }
}

static co_status first_problems(const struct co_conf *conf, struct co_error *error) {
    struct co_buffer text = {0};
    for (size_t i = 0; i < conf->problems.count && text.size < sizeof error->text; i++) {
        if (conf->problems.items[i].is_warning) continue;
        if (text.size) co_buffer_add_text(&text, "; ");
        co_conf_problem_write(&conf->problems.items[i], &text);
    }
    co_status status = co_fail(error, CO_INVALID, "%s", co_buffer_text(&text));
    co_buffer_fini(&text);
    return status;
}

static struct co_slot *slot_of(const struct co_conf *conf, const char *module) {
    for (size_t i = 0; i < conf->slot_count; i++)
        if (strcmp(conf->slots[i]->ctx.module->name, module) == 0) return conf->slots[i];
    return NULL;
}

static void warn_restart(struct runtime *runtime, const struct co_conf *next) {
    struct co_buffer keys = {0};
    co_conf_settings_diff(&runtime->settings, &next->settings, &keys);
    for (size_t i = 0; i < runtime->count; i++)
        if (!slot_of(next, runtime->slots[i]->ctx.module->name))
            co_buffer_printf(&keys, "%smodules.%s", keys.size ? ", " : "", runtime->slots[i]->ctx.module->name);
    for (size_t i = 0; i < next->slot_count; i++)
        if (!slot_of(runtime->conf, next->slots[i]->ctx.module->name))
            co_buffer_printf(&keys, "%smodules.%s", keys.size ? ", " : "", next->slots[i]->ctx.module->name);
    if (keys.size)
        co_log_warn(runtime->agent.log, "these changes need a restart and are ignored until then", "keys=%s",
                    co_buffer_text(&keys));
    co_buffer_fini(&keys);
}

static void take_settings(struct runtime *runtime, const struct co_agent_settings *next) {
    struct co_pair *items = co_arena_array(&runtime->arena, struct co_pair, next->node_meta.count + 1);
    for (size_t i = 0; i < next->node_meta.count; i++) {
        items[i].key = co_arena_strdup(&runtime->arena, next->node_meta.items[i].key);
        items[i].value = co_arena_strdup(&runtime->arena, next->node_meta.items[i].value);
    }
    runtime->settings.node_meta = (struct co_map){items, next->node_meta.count};
    if (strcmp(runtime->settings.log_level, next->log_level) == 0) return;
    runtime->settings.log_level = co_arena_strdup(&runtime->arena, next->log_level);
    co_log_set_level(next->log_level);
}

/* The slot's config now lives in `conf`. */
static void hand_over(struct co_slot *slot, const void *config, struct co_conf *conf) {
    struct co_conf *before = slot->conf;
    slot->config = config;
    slot->conf = conf;
    conf->users++;
    co_conf_free(before);
}

co_status co_agent_reload(struct co_ctx *ctx, struct co_error *error) {
    struct runtime *runtime = runtime_of(ctx);
    struct co_conf *next = NULL;
    if (runtime->is_stopping) return co_fail(error, CO_UNAVAILABLE, "the agent is stopping");
    co_log_info(runtime->agent.log, "Reloading configuration...", "%s", "");
    if (co_conf_load(runtime->input, &next)) {
        log_problems(runtime, next, true);
        co_status refused = first_problems(next, error);
        co_conf_free(next);
        return refused;
    }
    log_problems(runtime, next, false);
    warn_restart(runtime, next);
    /* From here on the configuration is good; what a module still refuses concerns that module alone. */
    co_conf_free(runtime->retired);
    runtime->retired = runtime->newest;
    runtime->newest = next;
    take_settings(runtime, &next->settings);
    co_status status = CO_OK;
    for (size_t i = 0; i < runtime->count; i++) {
        struct co_slot *slot = runtime->slots[i];
        const struct co_slot *fresh = slot_of(next, slot->ctx.module->name);
        if (!fresh || !slot->ctx.module->reload || !slot->is_started) continue;
        struct co_error reason = {0};
        if (slot->ctx.module->reload(slot->ctx.self, fresh->config, &reason) == CO_OK) {
            hand_over(slot, fresh->config, next);
            continue;
        }
        co_log_error(runtime->agent.log, "module keeps its old configuration", "module=%s error=%s",
                     slot->ctx.module->name, reason.text);
        if (!status)
            status = co_fail(error, CO_INVALID, "module %s keeps its old configuration: %s", slot->ctx.module->name,
                             reason.text);
    }
    return status;
}

/* --- signals --- */

static void exit_at_once(struct runtime *runtime, int signum) {
    co_log_error(runtime->agent.log, "second signal, exiting at once", "signal=%s", strsignal(signum));
    if (runtime->has_pid_file) unlink(runtime->settings.pid_file);
    _exit(1);
}

static void on_signal(void *arg, int signum) {
    struct runtime *runtime = arg;
    if (signum == SIGHUP) {
        co_log_info(runtime->agent.log, "Caught signal", "signal=%s", "hangup");
        struct co_error error = {0};
        if (co_agent_reload(&runtime->ctx, &error))
            co_log_error(runtime->agent.log, "reload failed", "error=%s", error.text);
        return;
    }
    if (signum == SIGUSR1) {
        struct co_buffer text = {0};
        co_metrics_write_json(&runtime->ctx, &text);
        fprintf(stderr, "%s\n", co_buffer_text(&text));
        co_buffer_fini(&text);
        return;
    }
    if (runtime->is_stopping || runtime->begin_defer.is_queued) exit_at_once(runtime, signum);
    co_log_info(runtime->agent.log, "Caught signal", "signal=%s", signum == SIGINT ? "interrupt" : "terminated");
    bool leave = signum == SIGINT ? !runtime->settings.skip_leave_on_interrupt : runtime->settings.leave_on_terminate;
    co_agent_stop(&runtime->ctx, leave);
}

/* --- starting --- */

static void print_problems(const struct co_conf *conf) {
    for (size_t i = 0; i < conf->problems.count; i++) {
        const struct co_conf_problem *problem = &conf->problems.items[i];
        struct co_buffer text = {0};
        co_conf_problem_write(problem, &text);
        fprintf(stderr, "%s%s%s\n", problem->place.file ? "" : "==> ", problem->is_warning ? "warning: " : "",
                co_buffer_text(&text));
        co_buffer_fini(&text);
    }
    if (conf->problems.errors > 1)
        fprintf(stderr, "==> %zu errors in the configuration; nothing was started\n", conf->problems.errors);
}

static void print_banner(const struct co_agent_settings *settings) {
    const char *revision = co_build_revision();
    printf("==> Starting Cohort agent...\n"
           "           Version: '%s'%s%s%s\n"
           "           Node ID: '%s'\n"
           "         Node name: '%s'\n"
           "        Datacenter: '%s'\n"
           "            Server: %s (Bootstrap: %s)\n"
           "       Client Addr: [%s] (HTTP: %d, HTTPS: %d, gRPC: %d, DNS: %d)\n"
           "      Cluster Addr: %s (LAN: %d, WAN: %d)\n"
           "\n==> Log data will now stream in as it occurs:\n\n",
           CO_VERSION, *revision ? " (Revision: '" : "", revision, *revision ? "')" : "", settings->node_id,
           settings->node_name, settings->datacenter, settings->is_server ? "true" : "false",
           settings->bootstrap ? "true" : "false", settings->client_addr, settings->ports.http, settings->ports.https,
           settings->ports.grpc, settings->ports.dns, settings->advertise_addr, settings->ports.serf_lan,
           settings->ports.serf_wan);
    fflush(stdout);
}

/* Each connection is a descriptor: use what the system allows. */
static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void take_interface(struct co_agent *agent, const struct co_slot *slot) {
    const struct co_offer *offer;
    if ((offer = co_module_offer(slot->ctx.module, CO_OFFER_STORAGE)))
        agent->storage = (struct co_storage){offer->table, slot->ctx.self};
    if ((offer = co_module_offer(slot->ctx.module, CO_OFFER_JOURNAL)))
        agent->journal = (struct co_journal){offer->table, slot->ctx.self};
    if ((offer = co_module_offer(slot->ctx.module, CO_OFFER_CONSENSUS)))
        agent->consensus = (struct co_consensus){offer->table, slot->ctx.self};
}

static co_status init_modules(struct runtime *runtime, struct co_error *error) {
    for (size_t i = 0; i < runtime->count; i++) {
        struct co_slot *slot = runtime->slots[i];
        const struct co_module *module = slot->ctx.module;
        slot->ctx.agent = &runtime->agent;
        char name[96];
        snprintf(name, sizeof name, "agent.%s", module->name);
        slot->ctx.log = co_log_named(name);
        slot->ctx.self = module->state_size ? co_calloc(1, module->state_size) : NULL;
        runtime->conf->users++; /* slot->conf holds on to it */
    }
    co_registry_attach(runtime->agent.registry);
    for (size_t i = 0; i < runtime->count; i++) {
        struct co_slot *slot = runtime->slots[i];
        slot->is_inited = true; /* fini accepts a half-made self */
        if (slot->ctx.module->init && slot->ctx.module->init(&slot->ctx, slot->ctx.self, slot->config, error)) {
            if (!error->text[0]) co_fail(error, CO_INTERNAL, "init failed");
            return co_fail_context(error, "module %s", slot->ctx.module->name);
        }
        take_interface(&runtime->agent, slot);
    }
    return CO_OK;
}

static co_status start_modules(struct runtime *runtime, struct co_error *error) {
    for (size_t i = 0; i < runtime->count; i++) {
        struct co_slot *slot = runtime->slots[i];
        if (slot->ctx.module->start && slot->ctx.module->start(slot->ctx.self, error)) {
            if (!error->text[0]) co_fail(error, CO_INTERNAL, "start failed");
            return co_fail_context(error, "module %s", slot->ctx.module->name);
        }
        slot->is_started = true;
        co_log_debug(runtime->agent.log, "started module", "module=%s", slot->ctx.module->name);
    }
    return CO_OK;
}

static co_status write_pid_file(struct runtime *runtime, struct co_error *error) {
    if (!*runtime->settings.pid_file) return CO_OK;
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    co_status status = co_file_replace(runtime->settings.pid_file, co_bytes(text, (size_t)size), 0644, error);
    if (status) return co_fail_context(error, "pid_file");
    runtime->has_pid_file = true;
    return CO_OK;
}

/* Everything before the first module: node id, data directory, log. */
static co_status prepare(struct runtime *runtime, struct co_error *error) {
    struct co_agent_settings *settings = &runtime->settings;
    co_status status = CO_OK;
    if (*settings->data_dir) {
        status = co_datadir_open(&runtime->datadir, settings->data_dir, error);
        if (!status) status = co_datadir_node_id(settings->data_dir, settings->node_id, runtime->node_id, error);
    } else if (*settings->node_id) {
        snprintf(runtime->node_id, sizeof runtime->node_id, "%s", settings->node_id);
    } else {
        co_uuid(runtime->node_id);
    }
    if (status) return status;
    settings->node_id = runtime->node_id;
    struct co_log_settings log = {settings->log_level, settings->log_json, settings->log_file};
    return co_log_open(&log, error);
}

/* Tells systemd (Type=notify), when it asked to be told. */
static void notify_ready(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path) return;
    size_t size = strlen(path);
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) < 0)
        co_log_warn(co_log_named("agent"), "cannot tell systemd that the agent is ready", "error=%s", strerror(errno));
    close(fd);
}

static void tell_running(void *arg) {
    struct runtime *runtime = arg;
    runtime->running(runtime->running_arg, &runtime->ctx);
}

static co_status bring_up(struct runtime *runtime, struct co_error *error) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct co_agent *agent = &runtime->agent;
    char host[256] = "";
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    agent->loop = co_loop_new();
    for (size_t i = 0; i < CO_COUNT(signals); i++) co_loop_on_signal(agent->loop, signals[i], on_signal, runtime);
    if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
    agent->metrics = co_metrics_new(agent->loop, runtime->settings.telemetry.metrics_prefix,
                                    runtime->settings.telemetry.disable_hostname ? NULL : host);
    co_status status = init_modules(runtime, error);
    if (!status && agent->storage.ops) status = co_state_open(agent, error);
    if (!status) status = start_modules(runtime, error);
    if (!status) status = write_pid_file(runtime, error);
    return status;
}

static void tear_down(struct runtime *runtime) {
    co_state_close(&runtime->agent);
    for (size_t i = runtime->count; i-- > 0;) {
        struct co_slot *slot = runtime->slots[i];
        if (slot->is_inited && slot->ctx.module->fini) slot->ctx.module->fini(slot->ctx.self);
        slot->is_inited = false;
        free(slot->ctx.self);
        slot->ctx.self = NULL;
    }
    if (runtime->has_pid_file) unlink(runtime->settings.pid_file);
    co_metrics_free(runtime->agent.metrics);
    if (runtime->agent.loop) co_loop_free(runtime->agent.loop);
}

/* The slots are in runtime->conf, whose memory they keep; let go of both together. */
static void release(struct runtime *runtime) {
    for (size_t i = 0; i < runtime->count; i++) {
        struct co_slot *slot = runtime->slots[i];
        if (!slot->ctx.agent) continue;
        struct co_conf *conf = slot->conf;
        slot->conf = NULL;
        co_conf_free(conf);
    }
    co_conf_free(runtime->retired);
    co_conf_free(runtime->newest);
    co_conf_free(runtime->conf);
    co_datadir_close(&runtime->datadir);
    co_arena_fini(&runtime->arena);
}

int co_agent_run_with(const struct co_conf_input *input, void (*running)(void *arg, struct co_ctx *), void *arg) {
    struct runtime runtime = {.input = input, .running = running, .running_arg = arg, .datadir = {-1}};
    struct co_error error = {0};
    int code = 1;
    runtime.agent.runtime = &runtime;
    runtime.agent.settings = &runtime.settings;
    if (co_conf_load(input, &runtime.conf)) {
        print_problems(runtime.conf);
        goto out;
    }
    runtime.settings = runtime.conf->settings;
    runtime.slots = runtime.conf->slots;
    runtime.count = runtime.conf->slot_count;
    runtime.agent.registry = runtime.conf->registry;
    runtime.agent.log = co_log_named("agent");
    runtime.ctx = (struct co_ctx){.agent = &runtime.agent, .log = runtime.agent.log};
    if (prepare(&runtime, &error)) {
        fprintf(stderr, "==> %s\n", error.text);
        goto out;
    }
    print_banner(&runtime.settings);
    log_problems(&runtime, runtime.conf, false);
    if (!runtime.settings.is_server)
        co_log_warn(runtime.agent.log, "this version cannot join servers yet: the agent keeps a state of its own", "%s",
                    "");
    if (bring_up(&runtime, &error)) {
        fprintf(stderr, "==> %s\n", error.text);
        co_defer_start(runtime.agent.loop, &runtime.begin_defer, begin_stop, &runtime);
    } else {
        code = 0;
        co_log_info(runtime.agent.log, "Cohort agent is running", "modules=%zu", runtime.count);
        notify_ready();
        if (running) co_defer_start(runtime.agent.loop, &runtime.running_defer, tell_running, &runtime);
    }
    co_loop_run(runtime.agent.loop);
    tear_down(&runtime);
    co_log_info(runtime.agent.log, "agent has stopped", "%s", "");
out:
    release(&runtime);
    co_log_close();
    return code;
}

int co_agent_run(const struct co_conf_input *input) {
    return co_agent_run_with(input, NULL, NULL);
}
