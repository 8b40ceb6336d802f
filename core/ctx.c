/* What a module may ask of the core through its struct co_ctx. Thin: everything is looked up in the agent or the registry. */
#include "agent_private.h"

#include "cohort/checker.h"

#include <stdio.h>

#ifndef COHORT_REVISION
#define COHORT_REVISION ""
#endif

struct co_loop *co_ctx_loop(struct co_ctx *ctx) {
    return ctx->agent->loop;
}
struct co_log *co_ctx_log(struct co_ctx *ctx) {
    return ctx->log;
}
const struct co_agent_settings *co_ctx_agent(struct co_ctx *ctx) {
    return ctx->agent->settings;
}

/* Asking for what `needs` does not name works only by luck of the order: refuse it always. */
static void assert_needed(const struct co_ctx *ctx, const char *interface) {
    bool is_named = false;
    for (const char *const *need = ctx->module ? ctx->module->needs : NULL; need && *need; need++)
        is_named = is_named || strcmp(*need, interface) == 0;
    if (is_named || !ctx->module) return;
    fprintf(stderr, "module %s uses the interface \"%s\" without naming it in .needs\n", ctx->module->name, interface);
    co_assert(is_named);
}

const struct co_storage *co_ctx_storage(struct co_ctx *ctx) {
    assert_needed(ctx, "storage");
    return &ctx->agent->storage;
}

const struct co_journal *co_ctx_journal(struct co_ctx *ctx) {
    assert_needed(ctx, "journal");
    return &ctx->agent->journal;
}

const struct co_consensus *co_ctx_consensus(struct co_ctx *ctx) {
    assert_needed(ctx, "consensus");
    return &ctx->agent->consensus;
}

const struct co_checker *co_ctx_checker(struct co_ctx *ctx, const char *type, void **module_self) {
    return co_registry_checker(ctx->agent->registry, type, module_self);
}

void co_ctx_offers(struct co_ctx *ctx, enum co_offer_kind kind,
                   void (*visit)(void *arg, const struct co_module *, void *self, const struct co_offer *), void *arg) {
    struct co_slot *const *slots;
    size_t count = co_registry_slots(ctx->agent->registry, &slots);
    for (size_t i = 0; i < count; i++)
        for (const struct co_offer *offer = slots[i]->ctx.module->offers; offer->kind != CO_OFFER_END; offer++)
            if (offer->kind == kind) visit(arg, slots[i]->ctx.module, slots[i]->ctx.self, offer);
}

const struct co_method *co_method_find(struct co_ctx *ctx, const char *name) {
    const struct co_method_ref *ref = co_registry_find_method(ctx->agent->registry, name);
    return ref ? ref->method : NULL;
}

const char *co_build_revision(void) {
    return COHORT_REVISION;
}

/* --- the configuration as /v1/agent/self shows it, under the names that Consul's DebugConfig has --- */

struct shown_logging {
    const char *file, *level;
    bool json;
};
struct shown {
    const char *advertise, *bind, *client, *data_dir, *datacenter, *node_id, *node_name, *pid_file, *revision, *version;
    bool bootstrap, is_dev, debug, leave_on_terminate, is_server, skip_leave;
    int32_t bootstrap_expect, dns, grpc, http, https, serf_lan, serf_wan, server;
    struct co_strings client_addrs, modules;
    struct co_duration default_query_time, max_query_time, drain, hold, snapshot_interval;
    int64_t max_conns, kv_max, txn_max, threshold, trailing;
    struct shown_logging logging;
    struct co_map meta, tagged;
    struct co_telemetry telemetry;
};

CO_SCHEMA(shown_logging_schema, struct shown_logging, "Logging",
          CO_FIELD(0, struct shown_logging, file, "LogFilePath", 0),
          CO_FIELD(0, struct shown_logging, json, "LogJSON", 0),
          CO_FIELD(0, struct shown_logging, level, "LogLevel", 0));

CO_SCHEMA(shown_telemetry_schema, struct co_telemetry, "Telemetry",
          CO_FIELD(0, struct co_telemetry, disable_hostname, "DisableHostname", 0),
          CO_FIELD(0, struct co_telemetry, metrics_prefix, "MetricsPrefix", 0),
          CO_FIELD(0, struct co_telemetry, prometheus_retention_time, "PrometheusRetentionTime", 0));

#define SHOWN(member, name) CO_FIELD(0, struct shown, member, name, 0)
CO_SCHEMA(shown_schema, struct shown, "DebugConfig", SHOWN(advertise, "AdvertiseAddrLAN"), SHOWN(bind, "BindAddr"),
          SHOWN(bootstrap, "Bootstrap"), SHOWN(bootstrap_expect, "BootstrapExpect"), SHOWN(client_addrs, "ClientAddrs"),
          SHOWN(dns, "DNSPort"), SHOWN(data_dir, "DataDir"), SHOWN(datacenter, "Datacenter"),
          SHOWN(default_query_time, "DefaultQueryTime"), SHOWN(is_dev, "DevMode"), SHOWN(debug, "EnableDebug"),
          SHOWN(grpc, "GRPCPort"), SHOWN(max_conns, "HTTPMaxConnsPerClient"), SHOWN(http, "HTTPPort"),
          SHOWN(https, "HTTPSPort"), SHOWN(kv_max, "KVMaxValueSize"), SHOWN(drain, "LeaveDrainTime"),
          SHOWN(leave_on_terminate, "LeaveOnTerm"),
          CO_RECORD(0, struct shown, logging, "Logging", 0, &shown_logging_schema),
          SHOWN(max_query_time, "MaxQueryTime"), SHOWN(modules, "Modules"), SHOWN(node_id, "NodeID"),
          SHOWN(meta, "NodeMeta"), SHOWN(node_name, "NodeName"), SHOWN(pid_file, "PidFile"),
          SHOWN(hold, "RPCHoldTimeout"), SHOWN(snapshot_interval, "RaftSnapshotInterval"),
          SHOWN(threshold, "RaftSnapshotThreshold"), SHOWN(trailing, "RaftTrailingLogs"), SHOWN(revision, "Revision"),
          SHOWN(serf_lan, "SerfPortLAN"), SHOWN(serf_wan, "SerfPortWAN"), SHOWN(is_server, "ServerMode"),
          SHOWN(server, "ServerPort"), SHOWN(skip_leave, "SkipLeaveOnInt"), SHOWN(tagged, "TaggedAddresses"),
          CO_RECORD(0, struct shown, telemetry, "Telemetry", 0, &shown_telemetry_schema),
          SHOWN(txn_max, "TxnMaxReqLen"), SHOWN(version, "Version"));

static struct co_strings split(struct co_arena *arena, const char *text) {
    char *copy = co_arena_strdup(arena, text), *save = NULL;
    const char **items = co_arena_array(arena, const char *, strlen(text) / 2 + 2);
    size_t count = 0;
    for (char *one = strtok_r(copy, " \t\n", &save); one; one = strtok_r(NULL, " \t\n", &save)) items[count++] = one;
    return (struct co_strings){items, count};
}

void co_ctx_write_config(struct co_ctx *ctx, struct co_buffer *out) {
    const struct co_agent_settings *s = ctx->agent->settings;
    struct co_arena arena = CO_ARENA_INIT;
    struct co_slot *const *slots;
    size_t count = co_registry_slots(ctx->agent->registry, &slots);
    const char **modules = co_arena_array(&arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) modules[i] = slots[i]->ctx.module->name;
    struct shown shown = {
        .advertise = s->advertise_addr,
        .bind = s->bind_addr,
        .data_dir = s->data_dir,
        .datacenter = s->datacenter,
        .node_id = s->node_id,
        .node_name = s->node_name,
        .pid_file = s->pid_file,
        .revision = co_build_revision(),
        .version = CO_VERSION,
        .bootstrap = s->bootstrap,
        .is_dev = s->is_dev,
        .debug = s->enable_debug,
        .leave_on_terminate = s->leave_on_terminate,
        .is_server = s->is_server,
        .skip_leave = s->skip_leave_on_interrupt,
        .bootstrap_expect = s->bootstrap_expect,
        .dns = s->ports.dns,
        .grpc = s->ports.grpc,
        .http = s->ports.http,
        .https = s->ports.https,
        .serf_lan = s->ports.serf_lan,
        .serf_wan = s->ports.serf_wan,
        .server = s->ports.server,
        .client_addrs = split(&arena, s->client_addr),
        .modules = {modules, count},
        .default_query_time = s->default_query_time,
        .max_query_time = s->max_query_time,
        .drain = s->performance.leave_drain_time,
        .hold = s->performance.rpc_hold_timeout,
        .snapshot_interval = s->raft_snapshot_interval,
        .max_conns = s->limits.http_max_conns_per_client,
        .kv_max = s->limits.kv_max_value_size,
        .txn_max = s->limits.txn_max_req_len,
        .threshold = s->raft_snapshot_threshold,
        .trailing = s->raft_trailing_logs,
        .logging = {s->log_file, s->log_level, s->log_json},
        .meta = s->node_meta,
        .tagged = s->tagged_addresses,
        .telemetry = s->telemetry,
    };
    co_encode_json(&shown_schema, &shown, out);
    co_arena_fini(&arena);
}
