"""The HTTP scenarios. One group per subject; see steps.py for what the words mean."""

from steps import delete, get, gets, head, http_group, options, other, post, put, quiet, raw

REGISTER = "/v1/agent/service/register"
CHECK = "/v1/agent/check/register"
CATALOG = "/v1/catalog/register"
LEAVE = "/v1/catalog/deregister"
NO_SUCH_SESSION = "11111111-2222-3333-4444-555555555556"


def node(name, address="10.0.0.1", **more):
    return {"Node": name, "Address": address, **more}


# What an agent says about itself -------------------------------------------------------------------------------------

# The running configuration is a dump of Go structures, and members carry the versions of Go libraries' protocols: there the
# keys count. Gossip statistics (Stats, Coord) differ by run.
http_group("agent-self",
           get("/v1/agent/self", ignore=["$.DebugConfig*", "$.Stats*", "$.Coord*", "$.Config.Revision"]),
           get("/v1/agent/self", name="coordinate-shape", body_mode="shape", ignore=["$.DebugConfig*", "$.Stats*"]),
           get("/v1/agent/members"),
           get("/v1/agent/members?wan=1"),
           get("/v1/agent/members?segment=x"),
           get("/v1/agent/metrics", body_mode="shape", ignore=["$.Gauges*", "$.Points*", "$.Counters*", "$.Samples*"]),
           get("/v1/agent/metrics?format=prometheus"),
           get("/v1/agent/self/"), get("/v1/agent"), get("/v1/agent/"),
           put("/v1/agent/self"), head("/v1/agent/self"), options("/v1/agent/self"),
           put("/v1/agent/force-leave/nosuch"), put("/v1/agent/force-leave/"),
           get("/v1/agent/reload"), put("/v1/agent/reload"),
           get("/v1/agent/monitor?loglevel=bogus"),
           options("/v1/agent/join/127.0.0.1"), options("/v1/agent/leave"), options("/v1/agent/metrics"))

http_group("agent-empty",
           gets("/v1/agent/services", "/v1/agent/checks", "/v1/agent/service/nope", "/v1/agent/service/",
                "/v1/agent/health/service/id/nope", "/v1/agent/health/service/id/nope?format=text",
                "/v1/agent/health/service/name/nope", "/v1/agent/health/service/name/nope?format=text",
                "/v1/agent/health/service/id/", "/v1/agent/health/service/name/",
                "/v1/agent/services?filter=Service+==+web", "/v1/agent/services?filter=bad", "/v1/agent/checks?filter=bad",
                "/v1/agent/services/", "/v1/agent/checks/"),
           put("/v1/agent/services"), put("/v1/agent/checks"), options("/v1/agent/services"), options("/v1/agent/checks"))

# Services of the agent -----------------------------------------------------------------------------------------------

FULL = {"ID": "web1", "Name": "web", "Tags": ["a", "b"], "Port": 8080, "Address": "10.0.0.1", "Meta": {"k": "v"},
        "EnableTagOverride": True, "Weights": {"Passing": 10, "Warning": 2},
        "TaggedAddresses": {"lan": {"Address": "10.0.0.1", "Port": 8080}, "wan": {"Address": "198.18.0.1", "Port": 80}}}
SNAKE = {"id": "snake", "name": "snake-svc", "tags": ["x"], "port": 81, "address": "127.0.0.2", "enable_tag_override": True,
         "tagged_addresses": {"wan": {"address": "1.2.3.4", "port": 9}}, "meta": {"a": "b"},
         "weights": {"passing": 3, "warning": 1},
         "check": {"ttl": "30m", "deregister_critical_service_after": "90m", "name": "nm", "notes": "nt", "status": "passing"}}

http_group("service-register",
           put(REGISTER, {"Name": "web"}, "minimal"),
           gets("/v1/agent/services", "/v1/agent/service/web", "/v1/agent/service/web?pretty", "/v1/agent/checks"),
           get("/v1/catalog/service/web", until='"web"', loose_index=True),
           gets("/v1/health/service/web", "/v1/agent/health/service/id/web", "/v1/agent/health/service/id/web?format=text",
                "/v1/agent/health/service/name/web", "/v1/agent/health/service/name/web?format=text"),
           put(REGISTER, FULL, "full"),
           get("/v1/agent/service/web1"),
           get("/v1/catalog/service/web", name="catalog-of-full", until="web1", loose_index=True),
           put(REGISTER, SNAKE, "snake-case"),
           get("/v1/agent/service/snake"),
           get("/v1/agent/checks", name="checks-of-snake"),
           get("/v1/health/checks/snake-svc", until="nm", loose_index=True),
           put(REGISTER, {"NAME": "upper", "PORT": 82}, "upper-case"),
           get("/v1/agent/service/upper"),
           put(REGISTER, {"Name": "utf", "ID": "ü/1"}, "utf8-id"),
           get("/v1/agent/service/%C3%BC%2F1"),
           put(REGISTER, {"Name": "nulls", "Tags": None, "Meta": None, "Check": None, "Checks": None}, "nulls"),
           get("/v1/agent/service/nulls"),
           put(REGISTER, '{"Name":"trail"} garbage', "garbage-after"),
           get("/v1/agent/services", name="all"))

http_group("service-register-refused", [
    put(REGISTER, body, name) for name, body in [
        ("empty-object", {}), ("id-only", {"ID": "x"}), ("empty-name", {"Name": ""}), ("cut", "{"), ("empty", ""), ("none", None),
        ("null", "null"), ("name-is-number", {"Name": 1}), ("port-is-string", {"Name": "p", "Port": "80"}),
        ("port-is-fraction", {"Name": "p", "Port": 1.5}), ("unknown-field", {"Name": "p", "Unknown": 1}),
        ("tags-is-string", {"Name": "p", "Tags": "x"}), ("not-json", "Name=web"),
        ("weight-negative", {"Name": "p", "Weights": {"Passing": -1, "Warning": 1}}),
        ("weight-zero", {"Name": "p", "Weights": {"Passing": 0, "Warning": 0}}),
        ("address-any", {"Name": "p", "Address": "0.0.0.0"}), ("address-any6", {"Name": "p", "Address": "::"}),
        ("meta-key", {"Name": "p", "Meta": {"a b": "x"}}), ("meta-reserved", {"Name": "p", "Meta": {"consul-x": "x"}}),
        ("meta-long", {"Name": "p", "Meta": {"k": "v" * 513}}),
        ("check-without-kind", {"Name": "p", "Check": {"Name": "c"}}), ("check-bad-ttl", {"Name": "p", "Check": {"TTL": "10"}}),
        ("check-bad-status", {"Name": "p", "Check": {"TTL": "10s", "Status": "weird"}}),
        ("check-interval-and-ttl", {"Name": "p", "Check": {"TTL": "10s", "Interval": "1s"}}),
    ]],
    get("/v1/agent/services", name="nothing-registered"))

http_group("service-register-accepted", [
    put(REGISTER, body, name) for name, body in [
        ("port-negative", {"Name": "p1", "Port": -1}), ("port-large", {"Name": "p2", "Port": 70000}),
        ("kind-unknown", {"Name": "k", "Kind": "weird"}), ("name-odd", {"Name": "odd name_x."}),
        ("tag-odd", {"Name": "t", "Tags": ["bad tag"]}),
        ("tagged-address-any", {"Name": "ta", "TaggedAddresses": {"wan": {"Address": "0.0.0.0"}}}),
        ("hostname", {"Name": "h", "Address": "svc.example.com"}), ("ipv6", {"Name": "v6", "Address": "2001:db8::1", "Port": 6}),
    ]],
    get("/v1/agent/services", name="all"),
    get("/v1/agent/service/v6"), get("/v1/agent/service/h"))

http_group("service-verbs",
           post(REGISTER, {"Name": "x"}), get(REGISTER), delete(REGISTER), head(REGISTER), options(REGISTER),
           put(REGISTER + "/", {"Name": "x"}),
           put("/v1/agent/service/deregister/"), put("/v1/agent/service/deregister"), get("/v1/agent/service/deregister/web"),
           put("/v1/agent/service/deregister/nope"), options("/v1/agent/service/deregister/web"),
           options("/v1/agent/service/web"), put("/v1/agent/service/web"), put("/v1/agent/health/service/id/web"))

# The reference lists the checks of agent/health in the order of a Go map.
http_group("service-checks",
           put(REGISTER, {"Name": "multi", "Port": 90, "Tags": ["t"], "Check": {"TTL": "15m"},
                          "Checks": [{"TTL": "20m", "Name": "second"}, {"CheckID": "own", "TTL": "30m", "Notes": "n"},
                                     {"TTL": "40m", "Status": "warning"}]}, "register"),
           get("/v1/agent/checks", name="initial"),
           get("/v1/health/checks/multi", until="service:multi:4", loose_index=True),
           get("/v1/health/service/multi", loose_index=True), get("/v1/health/service/multi?passing", loose_index=True),
           get("/v1/agent/health/service/id/multi", unordered=["$.Checks"]), get("/v1/agent/health/service/id/multi?format=text"),
           put("/v1/agent/check/pass/service:multi:1"), put("/v1/agent/check/pass/service:multi:2?note=ok"),
           put("/v1/agent/check/pass/own"),
           get("/v1/agent/health/service/id/multi?format=text", name="now-warning"),
           get("/v1/agent/health/service/name/multi?format=text", name="now-warning-by-name"),
           put("/v1/agent/check/pass/service:multi:4"),
           get("/v1/agent/health/service/id/multi", name="now-passing", unordered=["$.Checks"]),
           put(REGISTER, {"Name": "multi", "Port": 91}, "again-without-checks"),
           get("/v1/agent/checks", name="kept"),
           put(REGISTER + "?replace-existing-checks=true", {"Name": "multi", "Port": 91, "Check": {"TTL": "10m"}}, "replace"),
           get("/v1/agent/checks", name="replaced"),
           put("/v1/agent/service/deregister/multi"),
           get("/v1/agent/checks", name="gone"),
           get("/v1/health/service/multi", name="gone-from-catalog", until="!multi", loose_index=True))

http_group("service-aggregate",
           quiet(put(REGISTER, {"Name": "agg", "ID": "agg1", "Check": {"TTL": "60m", "Status": "passing"}})),
           quiet(put(REGISTER, {"Name": "agg", "ID": "agg2", "Check": {"TTL": "60m", "Status": "warning"}})),
           get("/v1/agent/health/service/name/agg", unordered=["$"]), get("/v1/agent/health/service/name/agg?format=text"),
           gets("/v1/agent/health/service/id/agg1", "/v1/agent/health/service/id/agg2",
                "/v1/agent/health/service/id/agg2?format=text"),
           put("/v1/agent/check/fail/service:agg1?note=oh"),
           get("/v1/agent/health/service/name/agg?format=text", name="critical"),
           get("/v1/agent/health/service/id/agg1", name="critical-by-id"),
           get("/v1/health/service/agg?passing", until="!agg1", loose_index=True),
           get("/v1/health/service/agg?passing=false", loose_index=True))

http_group("service-hash",
           quiet(put(REGISTER, {"Name": "hashed", "Port": 1})),
           get("/v1/agent/service/hashed", save={"hash": "$.ContentHash"}),
           get("/v1/agent/service/hashed?hash=${hash}&wait=1s", wait=1),
           get("/v1/agent/service/hashed?hash=other&wait=1s", wait=1),
           get("/v1/agent/service/hashed?hash=${hash}&wait=4s", name="changed", wait=4, body_mode="none",
               during=[put(REGISTER, {"Name": "hashed", "Port": 2})]))

# Checks of the agent -------------------------------------------------------------------------------------------------

http_group("check-ttl",
           put(CHECK, {"Name": "ttl1", "TTL": "2s", "Notes": "n"}, "register"),
           get("/v1/agent/checks", name="initial"),
           put("/v1/agent/check/pass/ttl1"), get("/v1/agent/checks", name="passed"),
           put("/v1/agent/check/warn/ttl1?note=hm"), get("/v1/agent/checks", name="warned"),
           put("/v1/agent/check/fail/ttl1?note=bad%20thing"), get("/v1/agent/checks", name="failed"),
           put("/v1/agent/check/update/ttl1", {"Status": "passing", "Output": "from update"}, "update"),
           get("/v1/agent/checks", name="updated"),
           put("/v1/agent/check/update/ttl1", {"Status": "weird"}, "update-weird"),
           put("/v1/agent/check/update/ttl1", {}, "update-empty-object"),
           put("/v1/agent/check/update/ttl1", "{", "update-cut"),
           put("/v1/agent/check/update/ttl1", None, "update-none"),
           put("/v1/agent/check/update/ttl1", {"Status": "warning", "Output": "x" * 5000}, "update-large"),
           get("/v1/agent/checks", name="large-output"),
           put("/v1/agent/check/update/ttl1", {"status": "passing", "output": "lower"}, "update-lower-case"),
           get("/v1/health/node/n1", name="catalog", until="lower", loose_index=True),
           get("/v1/agent/checks", name="expired", until="expired"),
           get("/v1/health/node/n1", name="expired-in-catalog", until="expired", loose_index=True),
           put("/v1/agent/check/deregister/ttl1"), put("/v1/agent/check/deregister/ttl1", name="deregister-again"),
           get("/v1/agent/checks", name="gone"))

http_group("check-verbs",
           [put(f"/v1/agent/check/{v}/nope") for v in ("pass", "warn", "fail")],
           put("/v1/agent/check/update/nope", {"Status": "passing"}),
           get("/v1/agent/check/pass/x"), post("/v1/agent/check/pass/x"), options("/v1/agent/check/pass/x"),
           put("/v1/agent/check/pass/"), put("/v1/agent/check/pass"), put("/v1/agent/check/deregister/"),
           get("/v1/agent/check/deregister/x"), get(CHECK), post(CHECK, {"Name": "x"}), options(CHECK),
           options("/v1/agent/check/update/x"))

http_group("check-register-refused", [
    put(CHECK, body, name) for name, body in [
        ("empty-object", {}), ("name-only", {"Name": "x"}), ("empty-name", {"Name": ""}), ("ttl-only", {"TTL": "10s"}),
        ("ttl-word", {"Name": "x", "TTL": "abc"}), ("ttl-no-unit", {"Name": "x", "TTL": "10"}),
        ("ttl-negative", {"Name": "x", "TTL": "-5s"}), ("ttl-zero", {"Name": "x", "TTL": "0s"}),
        ("http-no-interval", {"Name": "x", "HTTP": "http://127.0.0.1:1"}), ("tcp-no-interval", {"Name": "x", "TCP": "127.0.0.1:1"}),
        ("args-no-interval", {"Name": "x", "Args": ["true"]}),
        ("interval-word", {"Name": "x", "HTTP": "http://127.0.0.1:1", "Interval": "abc"}),
        ("ttl-and-interval", {"Name": "x", "TTL": "5s", "Interval": "5s"}),
        ("service-unknown", {"Name": "x", "TTL": "5s", "ServiceID": "nope"}),
        ("status-weird", {"Name": "x", "TTL": "5s", "Status": "weird"}), ("script", {"Name": "x", "Script": "true", "Interval": "5s"}),
        ("output-size", {"Name": "x", "TTL": "5s", "OutputMaxSize": -1}), ("unknown-field", {"Name": "x", "TTL": "5s", "Bogus": 1}),
        ("check-id", {"CheckID": "c", "Name": "x", "TTL": "5s"}), ("snake-check-id", {"check_id": "c", "name": "x", "ttl": "5s"}),
        ("deregister-word", {"Name": "x", "TTL": "5s", "DeregisterCriticalServiceAfter": "abc"}),
        ("cut", "{"), ("empty", ""), ("none", None),
    ]],
    get("/v1/agent/checks", name="nothing-registered"))

http_group("check-kinds",
           quiet(put(REGISTER, {"Name": "svc", "Port": 1, "Tags": ["t1"]})),
           put(CHECK, {"ID": "id1", "Name": "named", "TTL": "50m", "Status": "warning", "Notes": "n"}, "id"),
           put(CHECK, {"Name": "ttl-number", "TTL": 3600000000000}, "ttl-number"),
           put(CHECK, {"Name": "of-service", "ServiceID": "svc", "TTL": "50m", "DeregisterCriticalServiceAfter": "70m"}, "of-service"),
           get("/v1/agent/checks", name="ttl-checks"),
           get("/v1/health/checks/svc", until="of-service", loose_index=True),
           [put(CHECK, {"Name": name, "Interval": "1s", "Timeout": "1s", **how}, name) for name, how in [
               ("http-200", {"HTTP": "http://127.0.0.1:${target}/200"}), ("http-204", {"HTTP": "http://127.0.0.1:${target}/204", "Method": "PUT"}),
               ("http-429", {"HTTP": "http://127.0.0.1:${target}/429"}), ("http-404", {"HTTP": "http://127.0.0.1:${target}/404"}),
               ("http-refused", {"HTTP": "http://127.0.0.1:1/"}), ("tcp-open", {"TCP": "127.0.0.1:${target}"}),
               ("tcp-refused", {"TCP": "127.0.0.1:1"}), ("script-0", {"Args": ["sh", "-c", "echo out; echo err >&2"]}),
               ("script-1", {"Args": ["sh", "-c", "echo warn; exit 1"]}), ("script-2", {"Args": ["sh", "-c", "echo crit; exit 2"]}),
               ("script-large", {"Args": ["sh", "-c", "head -c 6000 /dev/zero | tr '\\0' y"]}),
               ("script-missing", {"Args": ["/nonexistent"]}), ("script-silent", {"Args": ["true"], "Status": "warning"}),
           ]],
           get("/v1/agent/checks", name="results", pause=2.5),
           get("/v1/health/node/n1", name="results-in-catalog", pause=0.5, loose_index=True, body_mode="full", ignore=["$*.CreateIndex", "$*.ModifyIndex"]),
           # The timeout of a script is its own thing: not the second it may have started in.
           put(CHECK, {"Name": "script-slow", "Interval": "1s", "Timeout": "300ms", "Args": ["sleep", "3"]}, "script-slow"),
           get("/v1/agent/checks?filter=CheckID==%22script-slow%22", name="script-slow-result", until="imed out"))

# Maintenance ---------------------------------------------------------------------------------------------------------

MAINT = "/v1/agent/maintenance"
SERVICE_MAINT = "/v1/agent/service/maintenance/"
http_group("maintenance-node",
           quiet(put(REGISTER, {"Name": "web"})),
           put(MAINT), put(MAINT + "?enable=abc"), put(MAINT + "?enable="),
           put(MAINT + "?enable=true"), get("/v1/agent/checks", name="on"),
           put(MAINT + "?enable=true&reason=why%20not"), get("/v1/agent/checks", name="on-again-keeps-reason"),
           get("/v1/health/node/n1", until="_node_maintenance", loose_index=True),
           gets("/v1/health/service/web?passing", "/v1/health/state/critical", loose_index=True),
           gets("/v1/agent/health/service/id/web", "/v1/agent/health/service/id/web?format=text",
                "/v1/agent/health/service/name/web", "/v1/agent/health/service/name/web?format=text"),
           put(MAINT + "?enable=false"), put(MAINT + "?enable=false", name="off-again"), get("/v1/agent/checks", name="off"),
           put(MAINT + "?enable=1&reason=with+reason"), get("/v1/agent/checks", name="on-with-reason"), put(MAINT + "?enable=0"),
           get(MAINT + "?enable=true"), put(MAINT + "/?enable=true"), options(MAINT))

http_group("maintenance-service",
           quiet(put(REGISTER, {"Name": "web"})),
           put(SERVICE_MAINT + "web"), put(SERVICE_MAINT + "web?enable=zz"), put(SERVICE_MAINT + "?enable=true"),
           put(SERVICE_MAINT + "nope?enable=true"), put(SERVICE_MAINT + "web?enable=true&reason=r1"),
           get("/v1/agent/checks", name="on"), get("/v1/health/checks/web", until="maintenance", loose_index=True),
           gets("/v1/agent/health/service/id/web", "/v1/agent/health/service/id/web?format=text", "/v1/agent/health/service/name/web"),
           put(SERVICE_MAINT + "web?enable=false"), get("/v1/agent/checks", name="off"),
           put(SERVICE_MAINT + "web?enable=true"), get("/v1/agent/checks", name="on-without-reason"),
           get(SERVICE_MAINT + "web?enable=true"), options(SERVICE_MAINT + "web"))

# Catalog -------------------------------------------------------------------------------------------------------------

EXTERNAL = node("ext1", "192.168.10.10", ID="40e4a748-2192-161a-0510-9bf59fe950b5",
                TaggedAddresses={"lan": "192.168.10.10", "wan": "10.0.10.10"}, NodeMeta={"external-node": "true", "rack": "r2"},
                Service={"ID": "redis1", "Service": "redis", "Tags": ["primary", "v1"], "Address": "127.0.0.1",
                         "TaggedAddresses": {"lan": {"address": "127.0.0.1", "port": 8000}, "wan": {"address": "198.18.0.1", "port": 80}},
                         "Meta": {"redis_version": "4.0"}, "Port": 8000},
                Check={"Node": "ext1", "CheckID": "service:redis1", "Name": "Redis health check", "Notes": "Script based",
                       "Status": "passing", "ServiceID": "redis1",
                       "Definition": {"TCP": "localhost:8888", "Interval": "5s", "Timeout": "1s",
                                      "DeregisterCriticalServiceAfter": "30s"}})

http_group("catalog-fresh",
           gets("/v1/catalog/datacenters", "/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/consul",
                "/v1/catalog/node/n1", "/v1/catalog/node-services/n1", "/v1/catalog/node/N1", loose_index=True))

http_group("catalog-empty",
           gets("/v1/catalog/service/nope", "/v1/catalog/node/nope", "/v1/catalog/node-services/nope", "/v1/catalog/service/",
                "/v1/catalog/service", "/v1/catalog/node/", "/v1/catalog/node", "/v1/catalog/node-services/", "/v1/catalog/nodes/",
                "/v1/catalog/services/", "/v1/catalog", "/v1/catalog/", "/v1/catalog/nope", "/v1/catalog/datacenters/",
                "/v1/catalog/nodes?node-meta=rack:zz", "/v1/catalog/services?node-meta=rack:zz",
                "/v1/catalog/service/consul?node-meta=rack:zz", "/v1/catalog/nodes?node-meta=bad",
                "/v1/catalog/nodes?node-meta=rack:r1&node-meta=x:y", "/v1/catalog/services?node-meta=rack:r1"))

http_group("catalog-parameters",
           gets(*[f"/v1/catalog/{q}" for q in (
               "nodes?dc=unknown", "services?dc=unknown", "nodes?dc=dc1", "nodes?dc=DC1", "service/consul?dc=unknown",
               "nodes?stale", "nodes?consistent", "nodes?stale&consistent", "nodes?stale=false", "nodes?cached", "nodes?max_stale=5s",
               "service/consul?cached&consistent", "nodes?near=nope", "nodes?near=_agent", "nodes?filter=Node==n1",
               "nodes?filter=Node!=n1", "nodes?filter=bad", "nodes?filter=Foo==n1", "service/consul?filter=ServicePort==1",
               "nodes?token=zzz", "nodes?unknown=1&x", "nodes?pretty", "nodes?pretty=false", "datacenters?pretty")]),
           get("/v1/catalog/service/consul?cached", name="cached-first"),
           get("/v1/catalog/service/consul?cached", name="cached-second"),
           get("/v1/catalog/service/consul?cached", name="cached-header", headers={"Cache-Control": "max-age=abc"}),
           get("/v1/catalog/nodes", name="token-header", headers={"X-Consul-Token": "zzz"}),
           get("/v1/catalog/nodes", name="bearer", headers={"Authorization": "Bearer zzz"}))

http_group("catalog-register",
           put(CATALOG, node("ext1", "192.168.10.10"), "node"),
           gets("/v1/catalog/nodes", "/v1/catalog/node/ext1", "/v1/catalog/node-services/ext1", "/v1/health/node/ext1"),
           put(CATALOG, EXTERNAL, "full"),
           gets("/v1/catalog/node/ext1?full", "/v1/catalog/node-services/ext1?full", "/v1/catalog/service/redis",
                "/v1/health/node/ext1?full", "/v1/health/checks/redis", "/v1/health/service/redis"),
           get("/v1/catalog/services", unordered=["$.redis"]),
           put(CATALOG, EXTERNAL, "full-again"),
           # `index-move` of these says that an identical registration moves nothing.
           gets("/v1/catalog/node/ext1?full", "/v1/catalog/service/redis", "/v1/health/checks/redis"),
           put(CATALOG, node("ext1", "192.168.10.11"), "address-changed-rest-absent"),
           gets("/v1/catalog/node/ext1?full", "/v1/catalog/service/redis", "/v1/catalog/nodes"),
           put(CATALOG, node("EXT1", "192.168.10.12"), "other-case"),
           gets("/v1/catalog/nodes"),
           put(CATALOG, node("renamed", "192.168.10.13", ID="40e4a748-2192-161a-0510-9bf59fe950b5"), "renamed-by-id"),
           gets("/v1/catalog/nodes"),
           put(CATALOG, node("skip", "1.1.1.4", SkipNodeUpdate=True, Service={"Service": "s3"}), "skip-node-update-new"),
           get("/v1/catalog/node/skip"),
           put(CATALOG, {"node": "lower", "address": "1.1.1.5", "service": {"service": "lower", "port": 3}}, "lower-case-fields"),
           get("/v1/catalog/service/lower"), get("/v1/catalog/service/LOWER"), get("/v1/catalog/node/LOWER"),
           put(CATALOG + "?dc=unknown", node("dcq"), "dc-in-query"),
           put(CATALOG, node("dcb", Datacenter="dc1"), "dc-in-body"),
           put(CATALOG, node("nochk", Check={"CheckID": "c1", "Status": "weird"}), "check-weird-status"),
           put(CATALOG, node("nochk", Checks=[{"CheckID": "c4", "Name": "four"}, {"CheckID": "c5", "Status": "warning"}]), "checks"),
           get("/v1/health/node/nochk"),
           put(CATALOG, node("nochk", Check={"Name": "by-name-only"}), "check-name-only"),
           get("/v1/health/node/nochk", name="checks-of-name-only"),
           put(CATALOG, node("w", Service={"Service": "w0", "Weights": {"Passing": 0, "Warning": 0}}), "weights-zero"),
           get("/v1/catalog/service/w0"))

http_group("catalog-register-refused", [
    put(CATALOG, body, name) for name, body in [
        ("empty-object", {}), ("no-address", {"Node": "x"}), ("no-node", {"Address": "1.1.1.1"}), ("bad-id", node("x", ID="short")),
        ("service-id-only", node("x", Service={"ID": "only-id"})), ("check-service-unknown", node("x", Check={"CheckID": "c2", "ServiceID": "nope"})),
        ("check-other-node", node("x", Check={"Node": "other", "CheckID": "c3"})), ("dc-unknown", node("x", Datacenter="unknown")),
        ("snake-case", node("x", Service={"Service": "l", "tagged_addresses": {}})), ("unknown-field", node("x", Bogus=True)),
        ("definition-duration", node("x", Check={"CheckID": "d", "Definition": {"Interval": "nonsense"}})),
        ("cut", "{"), ("none", None), ("array", "[]"), ("null", "null")]],
    get(CATALOG), post(CATALOG, {"Node": "x"}), put(CATALOG + "/", {"Node": "x"}), options(CATALOG), options(LEAVE), get(LEAVE), delete(LEAVE))

http_group("catalog-tags",
           quiet(put(CATALOG, EXTERNAL)),
           quiet(put(CATALOG, node("ext2", "10.0.0.2", Service={"ID": "redis2", "Service": "redis", "Tags": ["v1", "replica"], "Port": 8001}))),
           [get(f"/v1/catalog/service/redis?{q}") for q in (
               "tag=v1", "tag=primary", "tag=PRIMARY", "tag=v1&tag=primary", "tag=primary&tag=replica", "tag=none", "tag=",
               "tag=v1&node-meta=rack:r2", "filter=ServiceTags+contains+replica", "filter=ServiceMeta.redis_version==%224.0%22")],
           get("/v1/catalog/services", unordered=["$.redis"]),
           get("/v1/catalog/services?node-meta=rack:r2", unordered=["$.redis"]))

http_group("catalog-deregister",
           quiet(put(CATALOG, EXTERNAL)),
           quiet(put(CATALOG, node("ext1", "192.168.10.10", Service={"ID": "redis2", "Service": "redis", "Port": 8001}))),
           [[put(LEAVE, body, name), get("/v1/catalog/service/redis"), get("/v1/health/node/ext1")] for name, body in [
               ("empty-object", {}), ("no-node", {"ServiceID": "x"}), ("node-unknown", {"Node": "nope"}),
               ("service-unknown", {"Node": "ext1", "ServiceID": "nope"}), ("check-unknown", {"Node": "ext1", "CheckID": "nope"}),
               ("dc-unknown", {"Node": "ext1", "Datacenter": "unknown"}), ("check", {"Node": "ext1", "CheckID": "service:redis1"}),
               ("service", {"Node": "ext1", "ServiceID": "redis1"}), ("lower-case", {"node": "ext1", "serviceid": "redis2"}),
               ("node", {"Node": "ext1"}), ("cut", "{"), ("none", None)]],
           gets("/v1/catalog/nodes", "/v1/catalog/node/ext1", "/v1/catalog/service/never"))

http_group("catalog-verbs", [
    [options(p), put(p), head(p), delete(p)] for p in (
        "/v1/catalog/datacenters", "/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/consul",
        "/v1/catalog/node/n1", "/v1/catalog/node-services/n1")])

# Health --------------------------------------------------------------------------------------------------------------


def instance(i, status, tags, meta=None, node_status=None, **service):
    checks = [{"CheckID": f"c{i}", "Name": f"api {i}", "ServiceID": f"api{i}", "Status": status, "Output": "o"}]
    if node_status:
        checks.append({"CheckID": "nodechk", "Name": "node check", "Status": node_status})
    body = node(f"h{i}", f"10.1.0.{i}", Service={"ID": f"api{i}", "Service": "api", "Tags": tags, "Port": 9000 + i, **service}, Checks=checks)
    return quiet(put(CATALOG, {**body, "NodeMeta": meta} if meta else body))


MIXED = [instance(1, "passing", ["a", "v1"], {"rack": "A"}), instance(2, "warning", ["b", "v1"], {"rack": "B"}),
         instance(3, "critical", ["c"], {"rack": "B", "env": "p"}), instance(4, "passing", ["a"], None, "critical"),
         instance(5, "passing", [], None, "passing", Meta={"m": "1"}, Address="svc.example.com"),
         quiet(put(CATALOG, node("h6", "10.1.0.6", Service={"Service": "api", "ID": "api6", "Port": 9006})))]

http_group("health-fresh", gets(
    "/v1/health/node/n1", "/v1/health/checks/consul", "/v1/health/service/consul", "/v1/health/service/consul?passing",
    "/v1/health/state/any", "/v1/health/state/passing", "/v1/health/state/warning", "/v1/health/state/critical"))

http_group("health-empty", gets(
    *[f"/v1/health/{q}" for q in (
        "node/nope", "checks/nope", "service/nope", "service/nope?passing", "service/nope?passing=zzz", "state/bogus", "state/PASSING",
        "state/", "state", "node/", "node", "checks/", "checks", "service/", "service", "bogus", "connect/nope", "ingress/nope", "connect/",
        "state/any?dc=unknown", "service/consul?dc=unknown", "service/consul?passing=maybe", "service/consul?index=abc",
        "service/consul?index=1&wait=abc", "service/consul?stale&consistent", "service/consul?stale", "service/consul?consistent",
        "service/consul?filter=bad", "state/any?near=_agent")], "/v1/health", "/v1/health/"))

http_group("health-mixed", MIXED,
           [get("/v1/health/service/api" + q) for q in (
               "", "?passing", "?passing=1", "?passing=false", "?tag=a", "?tag=v1&tag=a", "?tag=A", "?tag=zz", "?tag=", "?tag=a&passing",
               "?node-meta=rack:B", "?node-meta=rack:B&node-meta=env:p", "?node-meta=rack:zz", "?filter=Node.Meta.rack==A",
               "?filter=Service.Tags+contains+v1", "?filter=Checks.Status==critical", "?near=h3", "?pretty")],
           [get("/v1/health/checks/api" + q) for q in ("", "?node-meta=rack:B", "?filter=Status==passing", "?filter=Status!=passing")],
           [get("/v1/health/state/" + q) for q in ("any", "passing", "warning", "critical", "any?node-meta=rack:B", "any?filter=CheckID==nodechk")],
           gets("/v1/health/node/h4", "/v1/health/node/H4", "/v1/health/node/h6", "/v1/health/node/h4?filter=CheckID==c4",
                "/v1/catalog/node/h4", "/v1/catalog/service/api"),
           put(CATALOG, node("h1", "10.1.0.1", Check={"CheckID": "nostatus", "Name": "x"}), "check-without-status"),
           get("/v1/health/node/h1"),
           put(CATALOG, node("h1", "10.1.0.1", Check={"CheckID": "nostatus", "Name": "x", "Status": "passing", "Output": "o"}), "check-passes"),
           gets("/v1/health/node/h1", "/v1/health/service/api", "/v1/health/service/nope"),
           put(CATALOG, node("h1", "10.1.0.1", Check={"CheckID": "nostatus", "Name": "x", "Status": "passing", "Output": "o"}), "check-same-again"),
           gets("/v1/health/node/h1", "/v1/health/service/api", "/v1/health/state/any"),
           put(LEAVE, {"Node": "h1", "ServiceID": "api1"}, "leave-service"),
           gets("/v1/health/node/h1", "/v1/health/checks/api", "/v1/health/service/api", "/v1/health/service/nope"),
           [quiet(put(LEAVE, {"Node": f"h{i}"})) for i in range(2, 7)],
           gets("/v1/health/service/api", "/v1/health/checks/api", "/v1/health/node/h4", "/v1/health/service/nope"))

http_group("health-verbs", [
    [options(p), put(p), head(p)] for p in ("/v1/health/node/n1", "/v1/health/checks/consul", "/v1/health/service/consul", "/v1/health/state/any")])

# Key-value -----------------------------------------------------------------------------------------------------------

KV = "/v1/kv/"
http_group("kv-empty",
           gets(KV, KV + "?recurse", KV + "?keys", KV + "nope", KV + "nope?raw", KV + "nope?recurse", KV + "nope?keys", "/v1/kv", "/v1/kv?recurse"),
           delete(KV + "nope"), delete(KV + "nope?recurse"), delete(KV), delete(KV + "?recurse"), put(KV, "x"))

http_group("kv-basic",
           put(KV + "a", "hello"), gets(KV + "a", KV + "a?raw", KV + "a?pretty", KV + "a?recurse", KV + "a?keys"),
           put(KV + "a", "hello", "same-again"), get(KV + "a"), put(KV + "a", "other", "changed"), get(KV + "a"),
           put(KV + "empty"), get(KV + "empty"), get(KV + "empty?raw"),
           put(KV + "bin", bytes(range(256))), get(KV + "bin"), get(KV + "bin?raw", body_mode="none"),
           post(KV + "a", "x"), other("PATCH", KV + "a", body="x"), head(KV + "a"), head(KV + "?recurse"), options(KV + "a"), options(KV),
           other("TRACE", KV + "a"), delete(KV + "a"), get(KV + "a"), delete(KV + "a"), get(KV + "a"))

http_group("kv-flags",
           put(KV + "f?flags=42", "x"), get(KV + "f"), put(KV + "f", "y"), get(KV + "f"), put(KV + "f?flags=18446744073709551615", "x"), get(KV + "f"),
           [put(KV + "f?flags=" + v, "x") for v in ("18446744073709551616", "-1", "abc", "")], get(KV + "f"))

http_group("kv-tree",
           [quiet(put(KV + k, "v-" + k)) for k in ("foo/", "foo/bar", "foo/bar/baz", "foo/baz", "foo/zip/a", "foo/zip/b", "foobar", "zed/")],
           put(KV + "foo//dbl", "x"),
           [get(KV + q) for q in (
               "foo?recurse", "foo/?recurse", "foo/", "foo", "foo?keys", "foo/?keys", "foo/?keys&separator=/", "foo?keys&separator=/",
               "foo?keys&separator=", "foo?keys&separator=zip", "foo?keys&separator=ba", "?keys", "?keys&separator=/", "?recurse", "?keys&separator=o",
               "foo/zip?keys&separator=/", "foo/?keys&recurse", "foo/?recurse&raw", "foo/?raw", "foo/bar/?recurse", "foo/bar/", "nope/?keys",
               "nope/?recurse", "nope/?keys&separator=/", "foo/?recurse=false", "foo/?keys=false")],
           delete(KV + "foo/bar"), gets(KV + "foo/bar", KV + "foo/?keys", KV + "foo/baz", KV + "other"),
           delete(KV + "foo/zip?recurse"), get(KV + "foo/?keys"), delete(KV + "foo/?recurse"), gets(KV + "foo?keys", KV + "foo/?recurse"),
           delete(KV + "foo?recurse=false"), get(KV + "foo?keys"), delete(KV + "?recurse"), get(KV + "?keys"))

http_group("kv-names",
           [[put(KV + k, "x"), get(KV + k)] for k in (
               "sp%20ace", "pl+us", "per%25cent", "sl%2Fash", "%C3%BC%C3%B1%C3%AE", "q%3Fmark", "h%23ash", "/lead", "trail/", "dot/../dotdot",
               "dot/./one", "%2e%2e/up", "new%0Aline", "nul%00byte", "bad%FFutf8", "a:b", "a;b", "a&b", "tab%09", "%22quote%22", "%3Chtml%3E",
               "back%5Cslash", "key=value", "bad%zz", "k" * 600)],
           gets(KV + "?keys", KV + "sl/?keys", KV + "sl%2F?recurse", KV + "?recurse"))

http_group("kv-cas",
           put(KV + "c?cas=0", "one"), put(KV + "c?cas=0", "two"), get(KV + "c", save={"i": "$[0].ModifyIndex"}),
           put(KV + "c?cas=${i+1000}", "no"), put(KV + "c?cas=${i}", "two", "right"), get(KV + "c"), put(KV + "c?cas=${i}", "three", "outdated"),
           put(KV + "nokey?cas=5", "x"), get(KV + "nokey"), [put(KV + "c?" + q, "x") for q in ("cas=abc", "cas=-1", "cas=", "cas", "cas=0&flags=3")],
           get(KV + "c", save={"i": "$[0].ModifyIndex"}), put(KV + "c?cas=${i}&flags=7", "fl"), get(KV + "c", save={"i": "$[0].ModifyIndex"}),
           delete(KV + "c?cas=0"), delete(KV + "c?cas=1"), delete(KV + "c?cas=abc"), get(KV + "c"), delete(KV + "c?cas=${i}"), get(KV + "c"),
           delete(KV + "c?cas=${i}", name="delete-missing"), delete(KV + "nope?cas=5"), delete(KV + "nope?cas=0"), delete(KV + "foo/?recurse&cas=1"),
           put(KV + "c?cas=1&acquire=x", "x"), put(KV + "c?acquire=a&release=b", "x"))

http_group("kv-lock",
           put(KV + "l?acquire=", "x"), put(KV + "l?acquire=bogus", "x"), put(KV + "l?acquire=" + NO_SUCH_SESSION, "x"),
           put(KV + "l?release=bogus", "x"), put(KV + "l?release=" + NO_SUCH_SESSION, "x"), get(KV + "l"),
           put("/v1/session/create", {"Name": "s1", "LockDelay": "5s"}, "session-1", save={"s1": "$.ID"}),
           put("/v1/session/create", None, "session-2", save={"s2": "$.ID"}),
           put(KV + "l?acquire=${s1}", "held"), get(KV + "l"), put(KV + "l?acquire=${s1}", "again"), get(KV + "l"),
           put(KV + "l?acquire=${s2}", "no"), put(KV + "l?release=${s2}", "no"),
           put(KV + "l?release=${s1}", "released"), get(KV + "l"), put(KV + "l?acquire=${s2}", "second"), get(KV + "l"),
           get("/v1/session/info/${s2}"), get("/v1/session/list", unordered=["$"]), get("/v1/session/node/n1", unordered=["$"]),
           get("/v1/session/node/nope"), get("/v1/session/info/nope"), get("/v1/session/info/" + NO_SUCH_SESSION),
           put("/v1/session/renew/${s1}"), put("/v1/session/destroy/${s2}"), get(KV + "l"), put(KV + "l?acquire=${s1}", "within the lock delay"),
           put("/v1/session/destroy/${s2}", name="destroy-again"), put("/v1/session/destroy/nope"), put("/v1/session/renew/${s2}"),
           get("/v1/session/info/${s2}", name="info-destroyed"))

http_group("kv-limits",
           put(KV + "big", b"x" * (512 * 1024), "largest"), get(KV + "big?raw", body_mode="none"), put(KV + "big2", b"x" * (512 * 1024 + 1), "too-large"),
           get(KV + "big2"))

http_group("kv-parameters",
           quiet(put(KV + "a", "1")),
           [get(KV + "a?" + q) for q in ("stale", "consistent", "stale&consistent", "dc=unknown", "dc=dc1", "cached", "index=abc", "wait=abc",
                                         "index=1&wait=10", "token=x")],
           get(KV + "nope?stale"), put(KV + "a?dc=unknown", "x"), delete(KV + "a?dc=unknown"))

http_group("txn",
           put("/v1/txn", "[]"), put("/v1/txn", ""), put("/v1/txn", "{"), get("/v1/txn"),
           put("/v1/txn", [{"KV": {"Verb": "set", "Key": "t", "Value": "dA=="}}, {"KV": {"Verb": "get", "Key": "t"}}], "set-get"),
           put("/v1/txn", [{"KV": {"Verb": "get", "Key": "nope"}}], "get-missing"), put("/v1/txn", [{"KV": {"Verb": "bogus", "Key": "t"}}], "verb"),
           put("/v1/txn", [{"KV": {"Verb": "set", "Key": "u", "Value": "dQ=="}}, {"KV": {"Verb": "check-not-exists", "Key": "t"}}], "rolled-back"),
           get(KV + "u"))

# Status, paths, verbs, parameters -------------------------------------------------------------------------------------

http_group("status",
           gets("/v1/status/leader", "/v1/status/peers", "/v1/status/leader?pretty", "/v1/status/leader/", "/v1/status", "/v1/status/",
                "/v1/status/bogus", "/v1/status/leader?dc=unknown", "/v1/status/leader?dc=dc1", "/v1/status/leader?stale&consistent"),
           put("/v1/status/leader"), options("/v1/status/leader"), head("/v1/status/leader"), delete("/v1/status/peers"), options("/v1/status/peers"))

http_group("paths",
           gets("/", "/v1", "/v1/", "/v2/kv/a", "/v1/bogus", "/v1/bogus/", "/bogus", "//v1/status/leader", "/v1//status/leader",
                "/v1/status/../status/leader", "/V1/status/leader", "/v1/Status/Leader", "/ui", "/v1/agent/self?%zz", "/v1/status/%6ceader",
                "/v1/namespaces", "/v1/operator/license", "/v1/acl/tokens", "/v1/acl/token/self", "/v1/acl/replication", "/v1/event/list"),
           put("/"), put("/bogus"), options("/"), options("/v1/bogus"), put("/v1/acl/bootstrap"), put("/v1/event/fire/"))

http_group("verbs",
           [[other(v, "/v1/catalog/nodes"), other(v, REGISTER)] for v in ("POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW", "TRACE", "get")])

http_group("parameters",
           [get("/v1/catalog/nodes?" + q) for q in (
               "index=0", "index=", "index=abc", "index=-1", "index=1.5", "index=18446744073709551616", "index=1&wait=abc", "index=1&wait=",
               "index=1&wait=10", "index=1&wait=-1s", "index=1&wait=1h", "index=1&wait=1d", "wait=1s", "index=1&wait=1.5s", "index=1&wait=1h2m3s",
               "%zz", "a=%zz", "index=1;wait=1s", "INDEX=abc", "stale&stale")])

http_group("encoding",
           quiet(put(KV + "gz", "z" * 3000)), quiet(put(KV + "small", "z")),
           get(KV + "gz", name="gzip", headers={"Accept-Encoding": "gzip"}, body_mode="none"),
           get(KV + "small?raw", name="gzip-small-raw", headers={"Accept-Encoding": "gzip"}, body_mode="none"),
           get(KV + "small", name="identity", headers={"Accept-Encoding": "identity"}),
           get(KV + "small", name="gzip-refused", headers={"Accept-Encoding": "gzip;q=0"}),
           get("/v1/catalog/nodes", name="accept-text", headers={"Accept": "text/plain"}),
           put(REGISTER, "Name=web", "form", headers={"Content-Type": "application/x-www-form-urlencoded"}))

H = b"Host: x\r\n"
http_group("framing",
           raw("keep-alive", b"GET /v1/status/leader HTTP/1.1\r\n" + H + b"\r\n"),
           raw("pipelined", b"GET /v1/status/leader HTTP/1.1\r\n" + H + b"\r\nGET /v1/bogus HTTP/1.1\r\n" + H + b"\r\n"),
           raw("no-host", b"GET /v1/status/leader HTTP/1.1\r\n\r\n"),
           raw("http-1.0", b"GET /v1/status/leader HTTP/1.0\r\n\r\n"),
           raw("http-1.0-keep-alive", b"GET /v1/status/leader HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
           raw("close", b"GET /v1/status/leader HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n"),
           raw("http-2.0", b"GET /v1/status/leader HTTP/2.0\r\n" + H + b"\r\n"),
           raw("garbage", b"garbage\r\n\r\n"), raw("http-0.9", b"GET /v1/status/leader\r\n\r\n"),
           raw("chunked", b"PUT /v1/kv/ch HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
           get(KV + "ch", name="chunked-arrived"),
           raw("chunked-then-next", b"PUT /v1/kv/ch HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
               b"GET /v1/kv/ch?raw HTTP/1.1\r\n" + H + b"\r\n"),
           raw("expect", b"PUT /v1/kv/ex HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"),
           raw("content-length-word", b"PUT /v1/kv/cl HTTP/1.1\r\n" + H + b"Content-Length: abc\r\n\r\nabc"),
           raw("content-length-negative", b"PUT /v1/kv/cl HTTP/1.1\r\n" + H + b"Content-Length: -1\r\n\r\nabc"),
           raw("content-length-twice", b"PUT /v1/kv/cl HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
           raw("absolute-form", b"GET http://x/v1/status/leader HTTP/1.1\r\n" + H + b"\r\n"),
           raw("no-slash", b"GET v1/status/leader HTTP/1.1\r\n" + H + b"\r\n"), raw("space", b"GET /v1/kv/a b HTTP/1.1\r\n" + H + b"\r\n"),
           raw("bare-lf", b"GET /v1/status/leader HTTP/1.1\nHost: x\n\n"), raw("bad-escape", b"GET /v1/kv/%zz HTTP/1.1\r\n" + H + b"\r\n"),
           raw("bad-header", b"GET /v1/kv/ch HTTP/1.1\r\n" + H + b"Bad Header: x\r\n\r\n"),
           raw("huge-header", b"GET /v1/status/leader HTTP/1.1\r\n" + H + b"X: " + b"a" * 1100000 + b"\r\n\r\n"),
           raw("empty-line-first", b"\r\nGET /v1/status/leader HTTP/1.1\r\n" + H + b"\r\n"))

# Blocking queries ----------------------------------------------------------------------------------------------------


def block(name, path, *actions, **o):
    """Takes the current index of the path and blocks on it while the actions happen."""
    q = "&" if "?" in path else "?"
    return [quiet(get(path, name=f"{name}-index", save={"i": "header:X-Consul-Index"})),
            get(f"{path}{q}index=${{i}}&wait=1200ms", name=name, wait=1.2, during=list(actions), **o)]


http_group("blocking-basic",
           block("nodes-timeout", "/v1/catalog/nodes"),
           get("/v1/catalog/nodes?index=999999999&wait=1s", wait=1), get("/v1/catalog/nodes?index=1&wait=1s", wait=1),
           get("/v1/catalog/nodes?index=0&wait=1s", wait=1), block("stale", "/v1/catalog/nodes?stale"), block("consistent", "/v1/catalog/nodes?consistent"),
           head("/v1/catalog/nodes?index=999999999&wait=1s", wait=1), get("/v1/catalog/datacenters?index=5&wait=1s", wait=1),
           get("/v1/agent/services?index=5&wait=1s", wait=1), get("/v1/status/leader?index=5&wait=1s", wait=1), block("missing-key-timeout", KV + "nope"))

http_group("blocking-kv",
           block("missing-created", KV + "a", put(KV + "a", "1")), block("changed", KV + "a", put(KV + "a", "2")),
           block("same-value", KV + "a", put(KV + "a", "2")), block("other-key", KV + "a", put(KV + "b", "2")),
           block("longer-key", KV + "a", put(KV + "ab", "2")), block("prefix-created", KV + "a?recurse", put(KV + "abc", "2")),
           block("prefix-deleted", KV + "a?recurse", delete(KV + "abc")), block("keys-value-changed", KV + "a?keys", put(KV + "ab", "3")),
           block("keys-other", KV + "a?keys", put(KV + "zz", "3")), block("empty-prefix-other", KV + "zzz?recurse", put(KV + "b", "5")),
           block("empty-prefix-filled", KV + "zzz?recurse", put(KV + "zzz/1", "5")), block("prefix-emptied", KV + "zzz?recurse", delete(KV + "zzz?recurse")),
           block("deleted", KV + "a", delete(KV + "a")), block("missing-deleted", KV + "a", delete(KV + "a")),
           block("everything", KV + "?recurse", put(KV + "q", "1")), block("raw", KV + "a?raw", put(KV + "a", "raw")),
           [put(KV + "p/1", "x"), put(KV + "p/2", "x"), put(KV + "other", "x")],
           gets(KV + "p/1", KV + "p/?recurse", KV + "p/?keys", KV + "no", KV + "no/?recurse", KV + "no/?keys", KV + "?recurse"), delete(KV + "p/2"),
           gets(KV + "p/1", KV + "p/2", KV + "p/?recurse", KV + "p/?keys", KV + "no"), delete(KV + "p/?recurse"),
           gets(KV + "p/1", KV + "p/?recurse", KV + "p/?keys", KV + "no", KV + "no/?recurse"))

S = "/v1/health/service/web"


def web(**more):
    return put(CATALOG, node("b1", "10.5.0.1", Service={"Service": "web", **more}))


def web_check(status, **more):
    return put(CATALOG, node("b1", "10.5.0.1", Check={"CheckID": "k", "Name": "k", "Status": status, **more}))


# Over catalog/register and not the agent: a write is then one write, at a known moment.
http_group("blocking-catalog",
           block("appears", S, web(Port=80)), block("port", S, web(Port=81)), block("identical", S, web(Port=81)),
           block("other-service", S, put(CATALOG, node("b1", "10.5.0.1", Service={"Service": "other"}))), block("kv-write", S, put(KV + "k", "1")),
           block("catalog-service", "/v1/catalog/service/web", web(Port=82)),
           block("missing-other-appears", "/v1/catalog/service/nope", put(CATALOG, node("b1", "10.5.0.1", Service={"Service": "other2"}))),
           block("services-port", "/v1/catalog/services", web(Port=83)), block("services-tag", "/v1/catalog/services", web(Port=83, Tags=["t"])),
           block("nodes-service", "/v1/catalog/nodes", web(Port=84)), block("nodes-node", "/v1/catalog/nodes", put(CATALOG, node("b2", "10.5.0.2"))),
           block("node-service", "/v1/catalog/node/b1", web(Port=85)), block("health-node", "/v1/health/node/b1", web_check("critical")),
           block("state", "/v1/health/state/critical", web_check("passing")), block("node-check", S, web_check("critical")),
           block("passing", S + "?passing", web_check("passing")), block("checks", "/v1/health/checks/web", web_check("warning", CheckID="sc", ServiceID="web")),
           block("tag", S + "?tag=t", web(Port=85, Tags=["u"])), block("gone", S, put(LEAVE, {"Node": "b1", "ServiceID": "web"})),
           gets(S, "/v1/health/service/nope", "/v1/catalog/service/nope"),
           block("missing-after-extinction", "/v1/catalog/service/nope", put(CATALOG, node("b1", "10.5.0.1", Service={"Service": "other3"}))),
           block("returns", S, web(Port=86)), block("node-gone", S, put(LEAVE, {"Node": "b1"})))
