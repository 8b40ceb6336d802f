data_dir = "/var/lib/cohort"
datacenter = "dc1"
node_name  = ""                  # the host's name
node_meta  { rack = "r1" }       # (reload) up to 64 pairs
server     = false               # hold state and vote
bind_addr      = "0.0.0.0"       # between agents; also templates: {{ GetInterfaceIP "eth0" }}
ports {
  http = 8500                    # -1 turns one off
  dns  = 8600
}
  http = "127.0.0.1 unix:///run/cohort.sock"
}
log_level = "INFO"               # (reload) trace, debug, info, warn, err
log_json  = false
log_file  = ""
telemetry {
  metrics_prefix            = "consul"
  disable_hostname          = false
  prometheus_retention_time = "0s"
}
limits {
  http_max_conns_per_client = 200
  kv_max_value_size         = 524288
  txn_max_req_len           = 524288
}
service {
  name = "web"
  port = 80
  check { http = "http://127.0.0.1/health" interval = "10s" }
}
modules {
  storage   "lmdb" { map_size = "16GiB" }     # or "memory"
  journal   "file" {}                         # or "memory"
  consensus "solo" {}
  checker   "redis" { path = "/usr/local/lib/cohort/check_redis.so" }
  dns       { enabled = false }
  standard  = false                           # load only what is named here
}
