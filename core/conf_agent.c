/* The agent's own settings: their table and the rules that no single key can state.
 *
 * Names are those of Consul's RuntimeConfig, keys those of its configuration. Changing what a rule says here changes which
 * Consul files start an agent: compare with the real one. */
#include "conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define S struct co_agent_settings

CO_SCHEMA(
    ports_schema, struct co_ports, "Ports",
    CO_FIELD(0, struct co_ports, dns, "DNS", 0, .fallback = "8600", .doc = "Port of the DNS server; -1 turns it off."),
    CO_FIELD(0, struct co_ports, http, "HTTP", 0, .fallback = "8500", .doc = "Port of the HTTP API; -1 turns it off."),
    CO_FIELD(0, struct co_ports, https, "HTTPS", 0, .fallback = "-1", .doc = "Port of the HTTPS API; off unless set."),
    CO_FIELD(0, struct co_ports, grpc, "GRPC", 0, .config = "grpc", .fallback = "-1",
             .doc = "Port of the gRPC API; off unless set."),
    CO_FIELD(0, struct co_ports, serf_lan, "SerfLAN", 0, .config = "serf_lan", .fallback = "8301",
             .doc = "Port of LAN gossip."),
    CO_FIELD(0, struct co_ports, serf_wan, "SerfWAN", 0, .config = "serf_wan", .fallback = "8302",
             .doc = "Port of WAN gossip."),
    CO_FIELD(0, struct co_ports, server, "Server", 0, .fallback = "8300", .doc = "Port of the servers' RPC."));

CO_SCHEMA(addresses_schema, struct co_addresses, "Addresses",
          CO_FIELD(0, struct co_addresses, dns, "DNS", 0, .doc = "Addresses of the DNS server, separated by blanks."),
          CO_FIELD(0, struct co_addresses, http, "HTTP", 0, .doc = "Addresses of the HTTP API, or unix:// and a path."),
          CO_FIELD(0, struct co_addresses, https, "HTTPS", 0, .doc = "Addresses of the HTTPS API."),
          CO_FIELD(0, struct co_addresses, grpc, "GRPC", 0, .config = "grpc", .doc = "Addresses of the gRPC API."));

CO_SCHEMA(telemetry_schema, struct co_telemetry, "Telemetry",
          CO_FIELD(0, struct co_telemetry, metrics_prefix, "MetricsPrefix", 0, .fallback = "consul",
                   .doc = "First part of every metric's name."),
          CO_FIELD(0, struct co_telemetry, disable_hostname, "DisableHostname", 0,
                   .doc = "Leaves the host name out of gauges."),
          CO_FIELD(0, struct co_telemetry, prometheus_retention_time, "PrometheusRetentionTime", 0,
                   .doc = "How long Prometheus metrics are kept; 0 turns the format off."));

CO_SCHEMA(limits_schema, struct co_limits, "Limits",
          CO_FIELD(0, struct co_limits, http_max_conns_per_client, "HTTPMaxConnsPerClient", 0, .fallback = "200",
                   .doc = "HTTP connections that one client address may hold."),
          CO_FIELD(0, struct co_limits, kv_max_value_size, "KVMaxValueSize", 0, .config = "kv_max_value_size",
                   .fallback = "524288", .doc = "Bytes of the largest value in the key/value store."),
          CO_FIELD(0, struct co_limits, txn_max_req_len, "TxnMaxReqLen", 0, .fallback = "524288",
                   .doc = "Bytes of the largest transaction."));

CO_SCHEMA(performance_schema, struct co_performance, "Performance",
          CO_FIELD(0, struct co_performance, raft_multiplier, "RaftMultiplier", 0, .fallback = "5",
                   .doc = "Scales Raft's timeouts, 1 to 10."),
          CO_FIELD(0, struct co_performance, leave_drain_time, "LeaveDrainTime", 0, .fallback = "5s",
                   .doc = "How long a leaving server still answers."),
          CO_FIELD(0, struct co_performance, rpc_hold_timeout, "RPCHoldTimeout", 0, .fallback = "7s",
                   .doc = "How long a request is retried while there is no leader."));

CO_SCHEMA(
    co_agent_settings_schema, S, "Agent",
    CO_FIELD(0, S, datacenter, "Datacenter", 0, .fallback = "dc1", .doc = "Name of the datacenter: a-z, 0-9, - and _."),
    CO_FIELD(0, S, node_name, "NodeName", 0, .doc = "Name of this node; the host's name unless set."),
    CO_FIELD(0, S, node_id, "NodeID", 0, .doc = "A UUID; made once and kept in data_dir unless set."),
    CO_FIELD(0, S, data_dir, "DataDir", 0, .doc = "Directory for everything that outlives the agent."),
    CO_FIELD(0, S, is_server, "ServerMode", 0, .config = "server", .doc = "Hold state and vote."),
    CO_FIELD(0, S, bootstrap, "Bootstrap", 0, .doc = "Lead alone; for the first server of a datacenter."),
    CO_FIELD(0, S, bootstrap_expect, "BootstrapExpect", 0,
             .doc = "How many servers to wait for before the first election."),
    CO_FIELD(0, S, bind_addr, "BindAddr", 0, .fallback = "0.0.0.0", .doc = "Address for traffic between agents."),
    CO_FIELD(0, S, advertise_addr, "AdvertiseAddrLAN", 0, .config = "advertise_addr",
             .doc = "Address told to others; bind_addr unless set."),
    CO_FIELD(0, S, client_addr, "ClientAddr", 0, .fallback = "127.0.0.1",
             .doc = "Addresses for HTTP and DNS, separated by blanks."),
    CO_RECORD(0, S, addresses, "Addresses", 0, &addresses_schema), CO_RECORD(0, S, ports, "Ports", 0, &ports_schema),
    CO_FIELD(0, S, node_meta, "NodeMeta", CO_ONE_OR_MANY, .doc = "Up to 64 pairs of text about this node (reload)."),
    CO_FIELD(0, S, tagged_addresses, "TaggedAddresses", CO_ONE_OR_MANY,
             .doc = "Further addresses of this node by tag."),
    CO_FIELD(0, S, log_level, "LogLevel", 0, .fallback = "INFO", .doc = "trace, debug, info, warn or err (reload)."),
    CO_FIELD(0, S, log_json, "LogJSON", 0, .config = "log_json", .doc = "Log lines are JSON objects."),
    CO_FIELD(0, S, log_file, "LogFile", 0, .doc = "File to append the log to."),
    CO_FIELD(0, S, enable_debug, "EnableDebug", 0, .doc = "Opens the endpoints for debugging."),
    CO_FIELD(0, S, pid_file, "PidFile", 0, .doc = "File that holds the process id while the agent runs."),
    CO_FIELD(0, S, leave_on_terminate, "LeaveOnTerm", 0, .config = "leave_on_terminate",
             .doc = "Leave the cluster on SIGTERM; true on clients unless set."),
    CO_FIELD(0, S, skip_leave_on_interrupt, "SkipLeaveOnInt", 0, .config = "skip_leave_on_interrupt",
             .doc = "Do not leave the cluster on SIGINT; true on servers unless set."),
    CO_RECORD(0, S, telemetry, "Telemetry", 0, &telemetry_schema), CO_RECORD(0, S, limits, "Limits", 0, &limits_schema),
    CO_RECORD(0, S, performance, "Performance", 0, &performance_schema),
    CO_FIELD(0, S, default_query_time, "DefaultQueryTime", 0, .fallback = "300s",
             .doc = "How long a blocking query waits that names no time."),
    CO_FIELD(0, S, max_query_time, "MaxQueryTime", 0, .fallback = "600s",
             .doc = "The longest wait that a blocking query may ask for."),
    CO_FIELD(0, S, raft_snapshot_threshold, "RaftSnapshotThreshold", 0, .fallback = "16384",
             .doc = "Entries between two snapshots."),
    CO_FIELD(0, S, raft_trailing_logs, "RaftTrailingLogs", 0, .fallback = "10000",
             .doc = "Entries kept behind a snapshot."),
    CO_FIELD(0, S, raft_snapshot_interval, "RaftSnapshotInterval", 0, .fallback = "30s",
             .doc = "How often the threshold is looked at."));

const char co_conf_dev_defaults[] = "server = true\n"
                                    "bind_addr = \"127.0.0.1\"\n"
                                    "log_level = \"DEBUG\"\n"
                                    "enable_debug = true\n"
                                    "skip_leave_on_interrupt = true\n"
                                    "performance { raft_multiplier = 1 }\n";

/* --- rules --- */

struct checking {
    struct co_conf *conf;
    struct co_agent_settings *settings;
};

/* Where the key got its value: the last place that names it. */
static struct co_place place_in(const struct co_node *object, const char *path) {
    struct co_place place = {NULL, 0, 0};
    const char *dot = strchr(path, '.');
    char key[64];
    snprintf(key, sizeof key, "%.*s", dot ? (int)(dot - path) : (int)strlen(path), path);
    for (struct co_entry *entry = object->kind == CO_NODE_OBJECT ? object->entries : NULL; entry; entry = entry->next) {
        if (!co_key_equal(entry->key, key)) continue;
        struct co_place below = dot ? place_in(entry->value, dot + 1) : entry->place;
        if (!dot || below.file) place = below;
    }
    return place;
}

static void fault(struct checking *checking, const char *key, const char *format, ...) CO_PRINTF(3, 4);
static void fault(struct checking *checking, const char *key, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    co_conf_error(&checking->conf->problems, place_in(checking->conf->root, key), "%s", text);
}

static const char *expand(struct checking *checking, const char *key, const char *text) {
    struct co_error error = {0};
    const char *expanded = co_address_expand(&checking->conf->arena, text, &error);
    if (!expanded) fault(checking, key, "%s: %s", key, error.text);
    return expanded;
}

static const char *one_address(struct checking *checking, const char *key, const char *text) {
    const char *expanded = expand(checking, key, text);
    if (!expanded || !*expanded) return expanded;
    if (!co_address_is_ip(expanded)) fault(checking, key, "%s: \"%s\" is not an IP address", key, expanded);
    return expanded;
}

static const char *address_list(struct checking *checking, const char *key, const char *text, bool sockets) {
    const char *expanded = expand(checking, key, text);
    if (!expanded) return text;
    char *copy = co_arena_strdup(&checking->conf->arena, expanded), *save = NULL;
    for (char *one = strtok_r(copy, " \t\n", &save); one; one = strtok_r(NULL, " \t\n", &save)) {
        bool is_socket = strncmp(one, "unix://", 7) == 0;
        if (is_socket && !sockets)
            fault(checking, key, "%s: %s cannot listen on a unix socket", key, key);
        else if (!is_socket && !co_address_is_ip(one))
            fault(checking, key, "%s: \"%s\" is not an IP address", key, one);
    }
    return expanded;
}

static void check_names(struct checking *checking) {
    struct co_agent_settings *settings = checking->settings;
    struct co_arena *arena = &checking->conf->arena;
    char *datacenter = co_arena_strdup(arena, settings->datacenter);
    bool is_plain = true;
    for (char *at = datacenter; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
        is_plain = is_plain && ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '-' || *at == '_');
    }
    settings->datacenter = datacenter;
    if (!*datacenter)
        fault(checking, "datacenter", "datacenter cannot be empty");
    else if (!is_plain)
        fault(checking, "datacenter", "datacenter cannot be \"%s\". Please use only [a-z0-9-_]", datacenter);
    else if (strlen(datacenter) > 64)
        fault(checking, "datacenter", "datacenter cannot be longer than 64 characters");

    if (!*settings->node_name) {
        char host[256] = "";
        if (gethostname(host, sizeof host - 1) != 0 || !*host)
            fault(checking, "node_name", "node_name cannot be empty");
        settings->node_name = co_arena_strdup(arena, host);
    }
    size_t size = strlen(settings->node_name);
    bool is_dns = size <= 63;
    for (const char *at = settings->node_name; *at; at++)
        is_dns = is_dns && (isalnum((unsigned char)*at) || *at == '-');
    struct co_place place = place_in(checking->conf->root, "node_name");
    if (size > 128)
        fault(checking, "node_name", "node_name cannot be longer than 128 characters");
    else if (!is_dns)
        co_conf_warn(&checking->conf->problems, place,
                     "Node name \"%s\" will not be discoverable via DNS due to %s. Valid characters include all "
                     "alpha-numerics and dashes.",
                     settings->node_name,
                     size > 63 ? "it being too long. Valid lengths are between 1 and 63 bytes" : "invalid characters");

    if (!*settings->node_id) return;
    char *id = co_arena_strdup(arena, settings->node_id);
    bool is_uuid = strlen(id) == 36;
    for (size_t i = 0; is_uuid && i < 36; i++) {
        id[i] = (char)tolower((unsigned char)id[i]);
        is_uuid = i == 8 || i == 13 || i == 18 || i == 23 ? id[i] == '-' : isxdigit((unsigned char)id[i]) != 0;
    }
    settings->node_id = id;
    if (!is_uuid)
        fault(checking, "node_id", "node_id \"%s\" is not a UUID such as adf4238a-882b-9ddc-4a9d-5b6758e4159e",
              settings->node_id);
}

static void check_role(struct checking *checking, const struct co_conf_input *input) {
    struct co_agent_settings *settings = checking->settings;
    settings->is_dev = input->is_dev;
    if (settings->is_dev)
        settings->data_dir = "";
    else if (!*settings->data_dir)
        fault(checking, "data_dir", "data_dir cannot be empty");
    int expect = settings->bootstrap_expect;
    if (expect < 0)
        fault(checking, "bootstrap_expect", "bootstrap_expect cannot be %d. Must be greater than or equal to zero",
              expect);
    if (expect > 0 && settings->is_dev)
        fault(checking, "bootstrap_expect", "'bootstrap_expect > 0' not allowed in dev mode");
    if (expect > 0 && !settings->is_server)
        fault(checking, "bootstrap_expect", "'bootstrap_expect > 0' requires 'server = true'");
    if (expect > 0 && settings->bootstrap)
        fault(checking, "bootstrap", "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive");
    if (settings->bootstrap && !settings->is_server)
        fault(checking, "bootstrap", "'bootstrap = true' requires 'server = true'");
    struct co_place place = place_in(checking->conf->root, "bootstrap_expect");
    bool is_allowed = settings->is_server && !settings->is_dev && !settings->bootstrap;
    if (expect == 1 && is_allowed) { /* as Consul: one server to wait for is bootstrap mode */
        settings->bootstrap = true;
        settings->bootstrap_expect = 0;
        co_conf_warn(&checking->conf->problems, place,
                     "BootstrapExpect is set to 1; this is the same as Bootstrap mode.");
    } else if (expect > 1 && is_allowed) {
        co_conf_warn(&checking->conf->problems, place,
                     "bootstrap_expect > 0: expecting %d servers, but this version cannot join others yet", expect);
    }
    settings->has_leave_on_terminate = place_in(checking->conf->root, "leave_on_terminate").file != NULL;
    if (!settings->has_leave_on_terminate) settings->leave_on_terminate = !settings->is_server;
    if (!place_in(checking->conf->root, "skip_leave_on_interrupt").file)
        settings->skip_leave_on_interrupt = settings->is_server;
    if (settings->performance.raft_multiplier < 1 || settings->performance.raft_multiplier > 10)
        fault(checking, "performance.raft_multiplier",
              "performance.raft_multiplier cannot be %lld. Must be between 1 and 10",
              (long long)settings->performance.raft_multiplier);
}

static void check_addresses(struct checking *checking) {
    struct co_agent_settings *settings = checking->settings;
    struct co_arena *arena = &checking->conf->arena;
    size_t before = checking->conf->problems.errors;
    const char *bind = one_address(checking, "bind_addr", settings->bind_addr);
    if (bind) settings->bind_addr = bind;
    if (!*settings->bind_addr) fault(checking, "bind_addr", "bind_addr cannot be empty");
    const char *advertise = one_address(checking, "advertise_addr", settings->advertise_addr);
    if (advertise && co_address_is_any(advertise))
        fault(checking, "advertise_addr", "Advertise address cannot be 0.0.0.0, :: or [::]");
    settings->client_addr = address_list(checking, "client_addr", settings->client_addr, false);
    settings->addresses.dns = address_list(checking, "addresses.dns", settings->addresses.dns, false);
    settings->addresses.http = address_list(checking, "addresses.http", settings->addresses.http, true);
    settings->addresses.https = address_list(checking, "addresses.https", settings->addresses.https, true);
    settings->addresses.grpc = address_list(checking, "addresses.grpc", settings->addresses.grpc, true);
    if (checking->conf->problems.errors != before) return;
    struct co_error error = {0};
    if (!*advertise && !co_address_is_any(settings->bind_addr))
        advertise = settings->bind_addr;
    else if (!*advertise && co_address_guess(arena, strchr(settings->bind_addr, ':') != NULL, &advertise, &error))
        fault(checking, "bind_addr", "%s", error.text);
    settings->advertise_addr = advertise;
}

static void check_ports(struct checking *checking) {
    const struct co_ports *ports = &checking->settings->ports;
    const struct co_addresses *addresses = &checking->settings->addresses;
    const char *client = checking->settings->client_addr;
    const struct {
        const char *key, *label, *address;
        int32_t port;
    } all[] = {
        {"ports.dns", "DNS", *addresses->dns ? addresses->dns : client, ports->dns},
        {"ports.http", "HTTP", *addresses->http ? addresses->http : client, ports->http},
        {"ports.https", "HTTPS", *addresses->https ? addresses->https : client, ports->https},
        {"ports.grpc", "gRPC", *addresses->grpc ? addresses->grpc : client, ports->grpc},
        {"ports.server", "RPC", checking->settings->bind_addr, ports->server},
        {"ports.serf_lan", "Serf LAN", checking->settings->bind_addr, ports->serf_lan},
        {"ports.serf_wan", "Serf WAN", checking->settings->bind_addr, ports->serf_wan},
    };
    for (size_t i = 0; i < CO_COUNT(all); i++) {
        if (all[i].port < -1 || all[i].port > 65535)
            fault(checking, all[i].key, "%s: invalid port: %d", all[i].key, all[i].port);
        for (size_t j = 0; j < i; j++)
            if (all[i].port > 0 && all[i].port == all[j].port && strcmp(all[i].address, all[j].address) == 0)
                fault(checking, all[i].key, "%s address %s:%d already configured for %s", all[i].label, all[i].address,
                      all[i].port, all[j].label);
    }
}

static void check_meta(struct checking *checking) {
    const struct co_map *meta = &checking->settings->node_meta;
    if (meta->count > 64) fault(checking, "node_meta", "node_meta has %zu pairs, at most 64 are allowed", meta->count);
    for (size_t i = 0; i < meta->count; i++) {
        const char *key = meta->items[i].key;
        bool is_plain = *key != '\0';
        for (const char *at = key; *at; at++)
            is_plain = is_plain && (isalnum((unsigned char)*at) || *at == '-' || *at == '_');
        if (!is_plain)
            fault(checking, "node_meta",
                  "node_meta: key \"%s\" must not be empty and holds only letters, digits, - and _", key);
        else if (strlen(key) > 128)
            fault(checking, "node_meta", "node_meta: key \"%.32s...\" is longer than 128 characters", key);
        else if (strncmp(key, "consul-", 7) == 0)
            fault(checking, "node_meta", "node_meta: key \"%s\" is reserved: it starts with \"consul-\"", key);
        if (strlen(meta->items[i].value) > 512)
            fault(checking, "node_meta", "node_meta: the value of \"%s\" is longer than 512 characters", key);
    }
}

static void fill_tagged_addresses(struct checking *checking) {
    struct co_agent_settings *settings = checking->settings;
    bool ipv6 = strchr(settings->advertise_addr, ':') != NULL;
    const struct co_pair own[] = {
        {"lan", settings->advertise_addr},
        {ipv6 ? "lan_ipv6" : "lan_ipv4", settings->advertise_addr},
        {"wan", settings->advertise_addr},
        {ipv6 ? "wan_ipv6" : "wan_ipv4", settings->advertise_addr},
    };
    const struct co_map given = settings->tagged_addresses;
    struct co_pair *items = co_arena_array(&checking->conf->arena, struct co_pair, given.count + CO_COUNT(own));
    size_t count = given.count;
    for (size_t i = 0; i < given.count; i++) items[i] = given.items[i];
    for (size_t i = 0; i < CO_COUNT(own); i++) {
        bool is_given = false;
        for (size_t g = 0; g < given.count; g++) is_given = is_given || strcmp(given.items[g].key, own[i].key) == 0;
        if (!is_given) items[count++] = own[i];
    }
    settings->tagged_addresses = (struct co_map){items, count};
}

void co_conf_settings(struct co_conf *conf, const struct co_conf_input *input) {
    struct checking checking = {conf, &conf->settings};
    struct co_conf_problems *problems = &conf->problems;
    co_schema_defaults(&co_agent_settings_schema, &conf->settings, &conf->arena);
    size_t before = problems->errors;
    co_bind(&co_agent_settings_schema, &conf->settings, conf->root, CO_UNKNOWN_IGNORE, "", &conf->arena,
            co_conf_problem_add, problems);
    if (problems->errors != before) return; /* the rules would only repeat it */
    check_names(&checking);
    check_role(&checking, input);
    check_addresses(&checking);
    check_ports(&checking);
    check_meta(&checking);
    enum co_log_level level;
    if (!co_log_level_parse(conf->settings.log_level, &level))
        fault(&checking, "log_level", "Invalid log level: %s. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]",
              conf->settings.log_level);
    if (conf->settings.default_query_time.ns <= 0 || conf->settings.max_query_time.ns <= 0)
        fault(&checking, conf->settings.max_query_time.ns <= 0 ? "max_query_time" : "default_query_time",
              "query times must be greater than zero");
    if (problems->errors == before) fill_tagged_addresses(&checking);
}

void co_conf_settings_diff(const struct co_agent_settings *old, const struct co_agent_settings *new,
                           struct co_buffer *out) {
    for (size_t i = 0; i < co_agent_settings_schema.count; i++) {
        const struct co_field *field = &co_agent_settings_schema.fields[i];
        if (strcmp(field->name, "NodeMeta") == 0 || strcmp(field->name, "LogLevel") == 0 ||
            strcmp(field->name, "NodeID") == 0)
            continue;
        struct co_schema single = {"Setting", co_agent_settings_schema.size, field, 1};
        struct co_buffer before = {0}, after = {0};
        co_encode_json(&single, old, &before);
        co_encode_json(&single, new, &after);
        if (!co_bytes_equal(co_bytes(before.data, before.size), co_bytes(after.data, after.size))) {
            char key[64];
            co_config_key(field, key, sizeof key);
            co_buffer_printf(out, "%s%s", out->size ? ", " : "", key);
        }
        co_buffer_fini(&before);
        co_buffer_fini(&after);
    }
}
