#!/bin/sh
# Installs this build into a temporary prefix, builds the SDK's template and the Redis checker outside the tree against it, runs an
# agent with the checker and a real redis-server, and kills Redis: the service must turn critical.
#
#   package.sh BUILD_DIR      needs redis-server (Debian); without it the Redis part is skipped, and says so
set -eu
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
redis_pid="" agent_pid=""
cleanup() {
    [ -z "$agent_pid" ] || kill "$agent_pid" 2>/dev/null || true
    [ -z "$redis_pid" ] || kill -9 "$redis_pid" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAIL: $*" >&2; [ ! -f "$work/agent.log" ] || tail -20 "$work/agent.log" >&2; exit 1; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

cmake --install "$build" --prefix "$work/prefix" >/dev/null
flags=${COHORT_TEST_CFLAGS:-}
for example in template examples/check_redis; do
    name=$(basename "$example")
    cp -r "$work/prefix/share/cohort/sdk/$example" "$work/$name"
    cmake -S "$work/$name" -B "$work/$name/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_FLAGS="$flags" >/dev/null
    cmake --build "$work/$name/build" >/dev/null
done
[ "$(wc -l <"$root/sdk/examples/check_redis/check_redis.c")" -lt 80 ] || fail "the Redis checker has 80 lines or more"
cohort=$work/prefix/bin/cohort
COHORT_MODULE_PATH=$work/template/build "$cohort" modules describe check_template | grep -q template || fail "modules describe check_template"
echo "ok: the template and the Redis checker build against the installed package"

command -v redis-server >/dev/null || { echo "SKIP: no redis-server here (Debian package redis-server)"; exit 0; }
redis_port=$(free_port) http_port=$(free_port) dns_port=$(free_port)
redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --daemonize no >/dev/null 2>&1 &
redis_pid=$!
tries=0
until redis-cli -p "$redis_port" ping 2>/dev/null | grep -q PONG; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "redis-server did not start"
    sleep 0.1
done
LD_LIBRARY_PATH=$work/prefix/lib "$work/check_redis/build/check_redis_conformance" "$redis_port" >"$work/conformance.log" ||
    fail "the Redis checker does not conform: $(cat "$work/conformance.log")"
echo "ok: the Redis checker passes the conformance suite, built outside the tree"
cat >"$work/agent.hcl" <<EOF
modules {
  checker "redis" { path = "$work/check_redis/build/check_redis.so" }
}
service {
  name = "cache"
  port = $redis_port
  check { name = "redis answers" redis = "127.0.0.1:$redis_port" interval = "1s" timeout = "500ms" }
}
EOF
"$cohort" agent -dev -config-file "$work/agent.hcl" -http-port "$http_port" -dns-port "$dns_port" >"$work/agent.log" 2>&1 &
agent_pid=$!

# Waits until the check of the service has the status, at most 20 s.
await() {
    tries=0
    until curl -fs "http://127.0.0.1:$http_port/v1/health/checks/cache" 2>/dev/null | grep -q "\"Status\": *\"$1\""; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "the check never became $1: $(curl -s "http://127.0.0.1:$http_port/v1/health/checks/cache")"
        kill -0 "$agent_pid" 2>/dev/null || fail "the agent ended"
        sleep 0.1
    done
}
await passing
echo "ok: the service is passing while Redis answers"
kill -9 "$redis_pid"
await critical
echo "ok: the service is critical after Redis was killed"
dig +noall +comments @127.0.0.1 -p "$dns_port" cache.service.consul 2>/dev/null | grep -q NXDOMAIN || fail "DNS still answers for a dead service"
echo "ok: DNS no longer answers for it"
