/* The flags of `cohort agent`: one table maps each to a configuration key, so that a flag is checked, bound and warned about
 * exactly like the same key in a file. Go's flag syntax: -flag, --flag, -flag=value, -flag value; bools take no separate value. */
#include "agent_private.h"

#include "loader.h"

#include <stdio.h>

enum flag_kind { BOOL, VALUE, LIST, PAIR, FILE_, DIR_, HCL, FORMAT, DEV, HELP, REFUSED };

struct flag {
    const char *name, *key; /* key: where it goes in the configuration, "ports.http" */
    enum flag_kind kind;
    const char *doc;
};

static const struct flag flags[] = {
    {"advertise", "advertise_addr", VALUE, "Address told to other agents."},
    {"advertise-wan", "advertise_addr_wan", VALUE, "Address told to other datacenters."},
    {"allow-write-http-from", "http_config.allow_write_http_from", LIST, "Networks whose HTTP writes are accepted."},
    {"alt-domain", "alt_domain", VALUE, "A second domain for DNS."},
    {"auto-reload-config", "auto_reload_config", BOOL, "Reload when configuration files change."},
    {"bind", "bind_addr", VALUE, "Address for traffic between agents."},
    {"bootstrap", "bootstrap", BOOL, "Lead alone; for the first server."},
    {"bootstrap-expect", "bootstrap_expect", VALUE, "How many servers to wait for."},
    {"check_output_max_size", "check_output_max_size", VALUE, "Bytes kept of a check's output."},
    {"client", "client_addr", VALUE, "Addresses for HTTP and DNS."},
    {"config-dir", NULL, DIR_, "Directory with .hcl and .json files. May be repeated."},
    {"config-file", NULL, FILE_, "Configuration file. May be repeated."},
    {"config-format", NULL, FORMAT, "Format of all configuration files: hcl or json."},
    {"data-dir", "data_dir", VALUE, "Directory for everything that outlives the agent."},
    {"datacenter", "datacenter", VALUE, "Name of the datacenter."},
    {"default-query-time", "default_query_time", VALUE, "How long a blocking query waits that names no time."},
    {"dev", NULL, DEV, "A server in memory for development: nothing is kept."},
    {"disable-host-node-id", "disable_host_node_id", BOOL, "Do not derive the node id from the machine."},
    {"disable-keyring-file", "disable_keyring_file", BOOL, "Do not keep the keyring in a file."},
    {"dns-port", "ports.dns", VALUE, "Port of the DNS server."},
    {"domain", "domain", VALUE, "Domain that DNS answers for."},
    {"enable-local-script-checks", "enable_local_script_checks", BOOL, "Allow script checks from configuration files."},
    {"enable-script-checks", "enable_script_checks", BOOL, "Allow script checks from everywhere."},
    {"encrypt", "encrypt", VALUE, "Key of the gossip encryption."},
    {"grpc-port", "ports.grpc", VALUE, "Port of the gRPC API."},
    {"grpc-tls-port", "ports.grpc_tls", VALUE, "Port of the gRPC API over TLS."},
    {"h", NULL, HELP, NULL},
    {"hcl", NULL, HCL, "A piece of configuration. May be repeated."},
    {"help", NULL, HELP, NULL},
    {"http-port", "ports.http", VALUE, "Port of the HTTP API."},
    {"https-port", "ports.https", VALUE, "Port of the HTTPS API."},
    {"join", "start_join", LIST, "Address of an agent to join. May be repeated."},
    {"join-wan", "start_join_wan", LIST, "Address of a server of another datacenter to join."},
    {"log-file", "log_file", VALUE, "File to append the log to."},
    {"log-json", "log_json", BOOL, "Log lines are JSON objects."},
    {"log-level", "log_level", VALUE, "trace, debug, info, warn or err."},
    {"log-rotate-bytes", "log_rotate_bytes", VALUE, "Bytes after which the log file is rotated."},
    {"log-rotate-duration", "log_rotate_duration", VALUE, "Time after which the log file is rotated."},
    {"log-rotate-max-files", "log_rotate_max_files", VALUE, "How many old log files are kept."},
    {"max-query-time", "max_query_time", VALUE, "The longest wait a blocking query may ask for."},
    {"node", "node_name", VALUE, "Name of this node."},
    {"node-id", "node_id", VALUE, "UUID of this node."},
    {"node-meta", "node_meta", PAIR, "A key:value pair about this node. May be repeated."},
    {"non-voting-server", "non_voting_server", REFUSED, NULL},
    {"pid-file", "pid_file", VALUE, "File that holds the process id."},
    {"primary-gateway", "primary_gateways", LIST, "Mesh gateway of the primary datacenter."},
    {"protocol", "protocol", VALUE, "Gossip protocol version."},
    {"raft-protocol", "raft_protocol", VALUE, "Raft protocol version."},
    {"read-replica", "read_replica", REFUSED, NULL},
    {"recursor", "recursors", LIST, "DNS server for other domains. May be repeated."},
    {"rejoin", "rejoin_after_leave", BOOL, "Join again after having left."},
    {"retry-interval", "retry_interval", VALUE, "Time between attempts to join."},
    {"retry-interval-wan", "retry_interval_wan", VALUE, "Time between attempts to join another datacenter."},
    {"retry-join", "retry_join", LIST, "Address of an agent to join until it works. May be repeated."},
    {"retry-join-wan", "retry_join_wan", LIST, "The same for other datacenters."},
    {"retry-max", "retry_max", VALUE, "How many attempts to join; 0 is for ever."},
    {"retry-max-wan", "retry_max_wan", VALUE, "The same for other datacenters."},
    {"segment", "segment", REFUSED, NULL},
    {"serf-lan-allowed-cidrs", "serf_lan_allowed_cidrs", LIST, "Networks whose agents may join."},
    {"serf-lan-bind", "serf_lan", VALUE, "Address of LAN gossip."},
    {"serf-lan-port", "ports.serf_lan", VALUE, "Port of LAN gossip."},
    {"serf-wan-allowed-cidrs", "serf_wan_allowed_cidrs", LIST, "Networks whose servers may join."},
    {"serf-wan-bind", "serf_wan", VALUE, "Address of WAN gossip."},
    {"serf-wan-port", "ports.serf_wan", VALUE, "Port of WAN gossip."},
    {"server", "server", BOOL, "Hold state and vote."},
    {"server-port", "ports.server", VALUE, "Port of the servers' RPC."},
    {"syslog", "enable_syslog", BOOL, "Log to syslog too."},
    {"ui", "ui", BOOL, "Serve the web page."},
    {"ui-content-path", "ui_content_path", VALUE, "Path of the web page."},
    {"ui-dir", "ui_dir", VALUE, "Directory of the web page."},
};

struct parsing {
    struct co_arena *arena;
    struct co_conf_input *out;
    struct co_error *error;
    size_t fragments;
    struct co_conf_source *texts; /* fragments come after files */
    size_t text_count;
};

static const struct flag *find_flag(const char *name) {
    for (size_t i = 0; i < CO_COUNT(flags); i++)
        if (strcmp(flags[i].name, name) == 0) return &flags[i];
    return NULL;
}

static co_status unknown_flag(struct parsing *parsing, const char *name) {
    const char *names[CO_COUNT(flags)];
    for (size_t i = 0; i < CO_COUNT(flags); i++) names[i] = flags[i].name;
    const char *near = co_nearest(name, (struct co_strings){names, CO_COUNT(flags)});
    return co_fail(parsing->error, CO_INVALID, "flag provided but not defined: -%s%s%s%s", name,
                   near ? "; did you mean -" : "", near ? near : "", near ? "?" : "");
}

/* The object at the dotted path's last but one part; made when missing. A new entry each time: later ones overwrite or append. */
static void set_key(struct parsing *parsing, const struct flag *flag, struct co_node *value) {
    struct co_place place = {co_arena_printf(parsing->arena, "flag -%s", flag->name), 0, 0};
    value->place = place;
    const char *dot = strchr(flag->key, '.');
    const char *key = flag->key;
    if (dot) {
        struct co_node *block = co_tree_object(parsing->arena);
        block->place = place;
        block->from_block = true;
        co_tree_add(parsing->arena, block, dot + 1, value)->place = place;
        key = co_arena_text(parsing->arena, flag->key, (size_t)(dot - flag->key));
        value = block;
    }
    co_tree_add(parsing->arena, parsing->out->flags, key, value)->place = place;
}

static void add_source(struct parsing *parsing, enum co_conf_source_kind kind, const char *text) {
    struct co_conf_source **list = kind == CO_CONF_TEXT ? &parsing->texts : &parsing->out->sources;
    size_t *count = kind == CO_CONF_TEXT ? &parsing->text_count : &parsing->out->count;
    struct co_conf_source *grown = co_arena_array(parsing->arena, struct co_conf_source, *count + 1);
    for (size_t i = 0; i < *count; i++) grown[i] = (*list)[i];
    grown[*count] = (struct co_conf_source){kind, text, NULL};
    if (kind == CO_CONF_TEXT)
        grown[*count].label = *count ? co_arena_printf(parsing->arena, "-hcl#%zu", *count + 1) : "-hcl";
    *list = grown;
    ++*count;
}

static co_status take_bool(struct parsing *parsing, const struct flag *flag, const char *value, bool *out) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"}, *const no[] = {"0",     "f",     "F",
                                                                                             "false", "FALSE", "False"};
    *out = true;
    if (!value) return CO_OK;
    for (size_t i = 0; i < CO_COUNT(yes); i++) {
        if (strcmp(value, yes[i]) == 0) return CO_OK;
        if (strcmp(value, no[i]) == 0) return *out = false, CO_OK;
    }
    return co_fail(parsing->error, CO_INVALID, "invalid boolean value \"%s\" for -%s: use true or false", value,
                   flag->name);
}

static co_status take_pair(struct parsing *parsing, const struct flag *flag, const char *value) {
    const char *colon = strchr(value, ':');
    struct co_node *map = co_tree_object(parsing->arena);
    const char *key = colon ? co_arena_text(parsing->arena, value, (size_t)(colon - value)) : value;
    struct co_node *text = co_tree_string(parsing->arena, colon ? colon + 1 : "");
    text->place.file = "flag";
    co_tree_add(parsing->arena, map, key, text)->place.file = "flag";
    set_key(parsing, flag, map);
    return CO_OK;
}

static co_status take(struct parsing *parsing, const struct flag *flag, const char *value) {
    bool is_on = false;
    co_status status;
    switch (flag->kind) {
    case HELP:
        return CO_CANCELLED;
    case REFUSED:
        return co_fail(parsing->error, CO_UNSUPPORTED,
                       "-%s belongs to Consul's Enterprise edition and is not supported; remove it", flag->name);
    case DEV:
        return take_bool(parsing, flag, value, &parsing->out->is_dev);
    case BOOL:
        if ((status = take_bool(parsing, flag, value, &is_on))) return status;
        set_key(parsing, flag, co_tree_string(parsing->arena, is_on ? "true" : "false"));
        return CO_OK;
    case VALUE:
        set_key(parsing, flag, co_tree_string(parsing->arena, value));
        return CO_OK;
    case LIST: {
        struct co_node *list = co_arena_new(parsing->arena, struct co_node),
                       *item = co_tree_string(parsing->arena, value);
        list->kind = CO_NODE_LIST;
        item->place.file = "flag";
        co_tree_append(parsing->arena, list, item);
        set_key(parsing, flag, list);
        return CO_OK;
    }
    case PAIR:
        return take_pair(parsing, flag, value);
    case FILE_:
        add_source(parsing, CO_CONF_FILE, value);
        return CO_OK;
    case DIR_:
        add_source(parsing, CO_CONF_DIR, value);
        return CO_OK;
    case HCL:
        add_source(parsing, CO_CONF_TEXT, value);
        return CO_OK;
    case FORMAT:
        if (strcmp(value, "hcl") != 0 && strcmp(value, "json") != 0)
            return co_fail(parsing->error, CO_INVALID, "-config-format must be either 'hcl' or 'json'");
        parsing->out->format = value;
        return CO_OK;
    }
    return CO_OK;
}

static bool needs_value(const struct flag *flag) {
    return flag->kind != BOOL && flag->kind != DEV && flag->kind != HELP && flag->kind != REFUSED;
}

co_status co_flags_parse(struct co_arena *arena, int argc, char **argv, struct co_conf_input *out,
                         struct co_error *error) {
    struct parsing parsing = {.arena = arena, .out = out, .error = error};
    *out = (struct co_conf_input){.flags = co_tree_object(arena)};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0')
            return co_fail(error, CO_INVALID, "Unexpected extra arguments: [%s]", word);
        if (strcmp(word, "--") == 0) {
            if (i + 1 < argc) return co_fail(error, CO_INVALID, "Unexpected extra arguments: [%s]", argv[i + 1]);
            break;
        }
        word += word[1] == '-' ? 2 : 1;
        const char *equals = strchr(word, '=');
        const char *name = equals ? co_arena_text(arena, word, (size_t)(equals - word)) : word;
        const char *value = equals ? equals + 1 : NULL;
        const struct flag *flag = find_flag(name);
        if (!flag) return unknown_flag(&parsing, name);
        if (needs_value(flag) && !value) {
            if (++i == argc) return co_fail(error, CO_INVALID, "flag needs an argument: -%s", name);
            value = argv[i];
        }
        co_status status = take(&parsing, flag, value);
        if (status) return status;
    }
    struct co_conf_source *all = co_arena_array(arena, struct co_conf_source, out->count + parsing.text_count + 1);
    for (size_t i = 0; i < out->count; i++) all[i] = out->sources[i];
    for (size_t i = 0; i < parsing.text_count; i++) all[out->count + i] = parsing.texts[i];
    out->sources = all;
    out->count += parsing.text_count;
    return CO_OK;
}

void co_flags_help(struct co_buffer *out) {
    co_buffer_add_text(out,
                       "Usage: cohort agent [options]\n\n"
                       "  Starts an agent and runs until it is told to stop. A configuration file written for\n"
                       "  Consul works unchanged; what this version does not support yet is listed as a warning.\n\n"
                       "      cohort agent -dev                              try it: everything in memory\n"
                       "      cohort agent -config-dir /etc/cohort.d         run it\n\n"
                       "Options\n\n");
    for (size_t i = 0; i < CO_COUNT(flags); i++) {
        const struct flag *flag = &flags[i];
        if (!flag->doc) continue;
        co_buffer_printf(out, "  -%s%s\n      %s\n", flag->name, needs_value(flag) ? "=<value>" : "", flag->doc);
    }
}
