/* The agent's own settings: the part of a Consul configuration that belongs to no single module.
 * Read-only for modules; the strings live until the agent ends. On reload only those marked (reload) change. */
#ifndef COHORT_AGENT_H
#define COHORT_AGENT_H

#include "schema.h"

struct co_ports {
    int32_t dns, http, https, grpc, serf_lan, serf_wan, server;
}; /* -1: off */
struct co_addresses {
    const char *dns, *http, *https, *grpc;
}; /* several, blank-separated; "" = client_addr */

struct co_telemetry {
    const char *metrics_prefix;
    bool disable_hostname;
    struct co_duration prometheus_retention_time;
};

struct co_limits {
    int64_t http_max_conns_per_client;
    int64_t kv_max_value_size;
    int64_t txn_max_req_len;
};

struct co_performance {
    int64_t raft_multiplier;
    struct co_duration leave_drain_time, rpc_hold_timeout;
};

struct co_agent_settings {
    const char *datacenter, *node_name, *node_id; /* node_id: a UUID, kept in data_dir/node-id */
    const char *data_dir;                         /* "" in dev mode */
    bool is_dev, is_server, bootstrap;
    int32_t bootstrap_expect;
    const char *bind_addr;      /* "0.0.0.0" */
    const char *advertise_addr; /* always filled: an address others can reach */
    const char *client_addr;    /* blank-separated */
    struct co_addresses addresses;
    struct co_ports ports;
    struct co_map node_meta; /* (reload) */
    struct co_map tagged_addresses;
    const char *log_level; /* (reload) */
    bool log_json;
    const char *log_file;
    bool enable_debug;
    const char *pid_file;
    bool leave_on_terminate, skip_leave_on_interrupt;
    bool has_leave_on_terminate;
    struct co_telemetry telemetry;
    struct co_limits limits;
    struct co_performance performance;
    struct co_duration default_query_time, max_query_time;
    int64_t raft_snapshot_threshold, raft_trailing_logs;
    struct co_duration raft_snapshot_interval;
};

#endif
