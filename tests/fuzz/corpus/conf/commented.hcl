# Configuration of a Cohort agent: HCL, or JSON when the name ends in .json.
#
#     cohort validate agent.conf          lists every mistake at once
#     cohort agent -config-file agent.conf
#
# Keys are Consul's, so a Consul file works as it is; only the block `modules` at the end is Cohort's own. What is commented
# out shows the default. Several files and directories may be given: later scalars win, lists grow, flags win over files.
# Settings marked (reload) change with SIGHUP, all others with a restart.

# --- who and where ---

data_dir = "/var/lib/cohort"

# datacenter = "dc1"
# node_name  = ""                  # the host's name
# node_meta  { rack = "r1" }       # (reload) up to 64 pairs

# server     = false               # hold state and vote
# bootstrap  = false               # lead alone: for the first server

# --- addresses ---

# bind_addr      = "0.0.0.0"       # between agents; also templates: {{ GetInterfaceIP "eth0" }}
# advertise_addr = ""              # told to others: bind_addr, or this machine's private address
# client_addr    = "127.0.0.1"     # HTTP and DNS; several, separated by blanks

# ports {
#   http = 8500                    # -1 turns one off
#   dns  = 8600
# }

# addresses {
#   http = "127.0.0.1 unix:///run/cohort.sock"
# }

# --- running ---

# log_level = "INFO"               # (reload) trace, debug, info, warn, err
# log_json  = false
# log_file  = ""
# pid_file  = ""

# leave_on_terminate      = true   # on SIGTERM; servers: false
# skip_leave_on_interrupt = false  # on SIGINT; servers: true

# telemetry {
#   metrics_prefix            = "consul"
#   disable_hostname          = false
#   prometheus_retention_time = "0s"
# }

# limits {
#   http_max_conns_per_client = 200
#   kv_max_value_size         = 524288
#   txn_max_req_len           = 524288
# }

# --- services and checks of this node (reload) ---

# service {
#   name = "web"
#   port = 80
#   check { http = "http://127.0.0.1/health" interval = "10s" }
# }

# --- modules ---
#
# Without this block the standard set loads. `cohort modules` lists what there is; `cohort modules describe NAME` shows the
# settings of one. Every block may hold `enabled = false` and `path = "/where/it/is.so"`.

# modules {
#   storage   "lmdb" { map_size = "16GiB" }     # or "memory"
#   journal   "file" {}                         # or "memory"
#   consensus "solo" {}
#   checker   "redis" { path = "/usr/local/lib/cohort/check_redis.so" }
#   dns       { enabled = false }
#   standard  = false                           # load only what is named here
# }
