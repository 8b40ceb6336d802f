#!/usr/bin/env python3
"""Measures Cohort beside the reference Consul, in one run, and prints the ratios.

    tests/bench/bench.py [--cohort build/release/bin/cohort] [--rounds 3] [--only NAME ...] [--seconds 5] [--json FILE]

Needs wrk and dnsperf (Debian). The reference comes from ../shared/bin/reference-peer; without it only Cohort is measured, and the
ratios are missing. Both run in turn on the same machine with the same load; the medians of the rounds are compared.
"""
import argparse, json, os, pathlib, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def free_ports(count):
    held = []
    for _ in range(count):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def reference():
    script = ROOT.parent / "shared" / "bin" / "reference-peer"
    if not script.exists():
        return None
    done = subprocess.run([str(script), "consul"], capture_output=True, text=True)
    return done.stdout.strip() or None


class Agent:
    """One agent process: dev, or a single durable server."""

    def __init__(self, name, program, dev=True):
        self.name, self.http, self.dns = name, *free_ports(2)
        lan, wan, server, grpc = free_ports(4)
        self.dir = tempfile.mkdtemp(prefix=f"bench-{name}-", dir=os.environ.get("BENCH_DIR"))
        mode = ["-dev"] if dev else ["-server", "-bootstrap-expect=1", f"-data-dir={self.dir}/data", "-bind=127.0.0.1"]
        config = pathlib.Path(self.dir, "agent.json")
        # One load generator is one client: Consul's and our limit of connections per client must not be what is measured.
        config.write_text(json.dumps({"limits": {"http_max_conns_per_client": 1000}}))
        self.log = open(f"{self.dir}/log", "w")
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [program, "agent", *mode, "-node=bench", f"-http-port={self.http}", f"-dns-port={self.dns}", f"-serf-lan-port={lan}",
             f"-serf-wan-port={wan}", f"-server-port={server}", f"-grpc-port={grpc}", "-log-level=warn", f"-config-file={config}"],
            stdout=self.log, stderr=subprocess.STDOUT)
        self.http_seconds = self.leader_seconds = None

    def url(self, path):
        return f"http://127.0.0.1:{self.http}{path}"

    def wait(self):
        """Polls until HTTP answers and until there is a leader; both times since exec."""
        deadline = time.perf_counter() + 30
        while time.perf_counter() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.http), 1) as s:
                    s.sendall(b"GET /v1/status/leader HTTP/1.0\r\n\r\n")
                    answer = b""
                    while chunk := s.recv(65536):
                        answer += chunk
            except OSError:
                time.sleep(0.0005)
                continue
            if self.http_seconds is None:
                self.http_seconds = time.perf_counter() - self.started
            if b'\r\n\r\n"127' in answer:
                self.leader_seconds = time.perf_counter() - self.started
                return self
            time.sleep(0.0005)
        raise SystemExit(f"{self.name} did not come up; see {self.log.name}")

    def put(self, path, body):
        request = urllib.request.Request(self.url(path), data=body, method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def rss_kb(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def schedstat_seconds(self):
        """CPU time in nanosecond resolution, over all threads."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass
        return total / 1e9

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def wrk(url, seconds, connections, script=None, threads=1):
    command = ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--latency", url]
    if script:
        command += ["-s", str(HERE / script)]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    result = {}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("Requests/sec"):
            result["rate"] = float(words[1])
        elif words and words[0] == "99%":
            unit = {"us": 1e-3, "ms": 1, "s": 1e3}
            number = words[1].rstrip("usm")
            result["p99_ms"] = float(number) * unit[words[1][len(number):]]
        elif "Non-2xx" in line:
            raise SystemExit(f"{url}: {line.strip()}\n{text}")
    return result


def dnsperf(agent, question, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".q") as file:
        file.write(question + "\n")
        file.flush()
        text = subprocess.run(["dnsperf", "-s", "127.0.0.1", "-p", str(agent.dns), "-d", file.name, "-l", str(seconds), "-c", "8", "-Q", "1000000", "-q", "200"],
                              capture_output=True, text=True).stdout
    result = {}
    for line in text.splitlines():
        if "Queries per second" in line:
            result["rate"] = float(line.split()[-1])
        elif "Response codes" in line and "NOERROR" not in line:
            raise SystemExit(f"dnsperf {question}: {line}")
        elif "Queries lost" in line:
            result["lost"] = int(line.split()[2])
    return result


def register(agent, count, service, prefix="n"):
    """Registers `count` instances of one service, each on a node of its own."""
    for i in range(count):
        body = {"Node": f"{prefix}{i}", "Address": f"10.1.{i // 250}.{i % 250 + 1}",
                "Service": {"ID": f"{service}-{i}", "Service": service, "Port": 8000 + i, "Tags": ["v1"]},
                "Check": {"CheckID": f"{service}-{i}", "Name": "up", "Status": "passing", "ServiceID": f"{service}-{i}"}}
        agent.put("/v1/catalog/register", json.dumps(body).encode())


# --- the benchmarks: each takes a function that starts an agent, and returns {figure: value} ---

def bench_start(start, options):
    agent = start(dev=True).wait()
    try:
        return {"start: to HTTP (ms)": agent.http_seconds * 1e3, "start: to a leader (ms)": agent.leader_seconds * 1e3}
    finally:
        agent.stop()


def bench_idle(start, options):
    agent = start(dev=True).wait()
    try:
        time.sleep(5)
        before = agent.schedstat_seconds()
        time.sleep(options.idle)
        cpu = (agent.schedstat_seconds() - before) / options.idle
        return {"idle dev agent: resident (MB)": agent.rss_kb() / 1024, "idle dev agent: CPU (% of a core)": cpu * 100}
    finally:
        agent.stop()


def bench_kv_get(start, options):
    agent = start(dev=False).wait()
    try:
        agent.put("/v1/kv/bench/key", b"x" * 128)
        result = wrk(agent.url("/v1/kv/bench/key"), options.seconds, 32)
        return {"KV GET, 32 connections (1/s)": result["rate"], "KV GET p99 (ms)": result["p99_ms"]}
    finally:
        agent.stop()


def bench_kv_put(start, options):
    agent = start(dev=False).wait()
    try:
        result = wrk(agent.url("/v1/kv/bench/"), options.seconds, 64, "put.lua")
        return {"KV PUT 128 B, fsync, 64 connections (1/s)": result["rate"], "KV PUT p99 (ms)": result["p99_ms"]}
    finally:
        agent.stop()


def bench_dns(start, options):
    agent = start(dev=False).wait()
    try:
        register(agent, 5, "web")
        return {"DNS A, 5 instances (1/s)": dnsperf(agent, "web.service.consul A", options.seconds)["rate"],
                "DNS SRV, 5 instances (1/s)": dnsperf(agent, "web.service.consul SRV", options.seconds)["rate"]}
    finally:
        agent.stop()


def bench_register(start, options):
    agent = start(dev=True).wait()
    try:
        before = agent.rss_kb()
        count = 10000
        began = time.perf_counter()
        subprocess.run([str(HERE / "register.py"), str(agent.http), str(count), "32"], check=True)
        seconds = time.perf_counter() - began
        time.sleep(1)
        return {"10,000 instances registered, dev (1/s)": count / seconds,
                "memory per instance (KB)": (agent.rss_kb() - before) / count}
    finally:
        agent.stop()


def bench_register_wrk(start, options):
    agent = start(dev=False).wait()
    try:
        result = wrk(agent.url("/v1/catalog/register"), options.seconds, 32, "register.lua")
        return {"catalog register, fsync, 32 connections (1/s)": result["rate"], "catalog register p99 (ms)": result["p99_ms"]}
    finally:
        agent.stop()


def bench_health(start, options):
    agent = start(dev=False).wait()
    try:
        register(agent, 100, "big", "h")
        result = wrk(agent.url("/v1/health/service/big"), options.seconds, 32)
        return {"health/service of 100 instances (1/s)": result["rate"], "health/service p99 (ms)": result["p99_ms"]}
    finally:
        agent.stop()


BENCHMARKS = {"start": bench_start, "idle": bench_idle, "kv-get": bench_kv_get, "kv-put": bench_kv_put, "dns": bench_dns,
              "register": bench_register, "register-wrk": bench_register_wrk, "health": bench_health}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohort", default=str(ROOT / "build/release/bin/cohort"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--idle", type=int, default=20, help="seconds over which idle CPU is measured")
    parser.add_argument("--only", nargs="*", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--json", help="write all figures to this file")
    options = parser.parse_args()
    for tool in ("wrk", "dnsperf"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: apt-get install {tool}")
    programs = {"cohort": options.cohort}
    peer = reference()
    if peer:
        programs["consul"] = peer
    else:
        print("no reference peer here: Cohort alone")

    figures = {}
    for name in options.only:
        for number in range(options.rounds):
            for who, program in programs.items():
                print(f"\r{name}: round {number + 1} of {options.rounds}, {who}          ", end="", file=sys.stderr, flush=True)
                result = BENCHMARKS[name](lambda dev, w=who, p=program: Agent(w, p, dev), options)
                for figure, value in result.items():
                    figures.setdefault(figure, {}).setdefault(who, []).append(value)
    print(file=sys.stderr)
    print(f"{'':46} {'Cohort':>10} {'Consul':>10} {'ratio':>8}")
    for figure, values in figures.items():
        ours = statistics.median(values["cohort"])
        theirs = statistics.median(values["consul"]) if "consul" in values else None
        ratio = f"{ours / theirs:8.3g}" if theirs else "       -"
        print(f"{figure:46} {ours:10,.4g} {theirs if theirs is None else format(theirs, '10,.4g')} {ratio}" if ours < 1000 else
              f"{figure:46} {ours:10,.0f} {'' if theirs is None else format(theirs, '10,.0f')} {ratio}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))


main()
