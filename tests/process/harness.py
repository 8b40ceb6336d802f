"""Real agents for the process tests: start, ask, kill. Waits are for conditions, with a deadline; nothing sleeps blindly."""
import contextlib, http.client, json, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time, unittest, urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILDS = [ROOT / "build" / name / "bin/cohort" for name in ("dev", "release")]
COHORT = os.environ.get("COHORT") or str(next((b for b in BUILDS if b.exists()), BUILDS[0]))
# Sanitizers make everything slower; deadlines are for hangs, not for speed.
PATIENCE = float(os.environ.get("COHORT_TEST_PATIENCE", "30"))


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def eventually(what, condition, seconds=PATIENCE):
    """Polls until condition() is true and returns its value; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened within {seconds} s: {what}")
        time.sleep(0.02)


class Agent:
    def __init__(self, directory, dev=False, config="", flags=(), name="n1", env=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.http, self.dns, self.server = free_ports(3)
        self.log_path = self.dir / "agent.log"
        self.config = self.dir / "agent.hcl"
        self.config.write_text(config)
        self.flags, self.dev, self.name, self.env = list(flags), dev, name, env
        self.process = None

    def command(self):
        mode = ["-dev"] if self.dev else ["-server", "-bootstrap-expect=1", f"-data-dir={self.dir}/data", "-bind=127.0.0.1"]
        return [COHORT, "agent", *mode, f"-node={self.name}", f"-http-port={self.http}", f"-dns-port={self.dns}",
                f"-server-port={self.server}", f"-config-file={self.config}", *self.flags]

    def spawn(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **(self.env or {})})
        return self

    def start(self):
        self.spawn()
        eventually("the agent has a leader", self.has_leader)
        # Until the leader has registered itself, its own changes could be taken for those of a test.
        eventually("the leader is in the catalog", lambda: self.get("/v1/health/service/consul?passing"))
        return self

    def has_leader(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.log()[-3000:]}")
        try:
            status, _, body = self.request("GET", "/v1/status/leader", timeout=5)
            return status == 200 and b":" in body
        except OSError:
            return False

    def fails_to_start(self):
        """Runs until it exits by itself; returns (exit code, output)."""
        done = subprocess.run(self.command(), capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **(self.env or {})})
        return done.returncode, done.stdout + done.stderr

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request("GET", path)
        assert status == 200, f"GET {path}: {status} {body[:300]!r}"
        return json.loads(body)

    def put(self, path, body=b""):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        status, _, answer = self.request("PUT", path, body)
        assert status == 200, f"PUT {path}: {status} {answer[:300]!r}"
        return answer

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def rss_kb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def kill(self, signum=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signum)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the agent did not end after signal {signum}:\n{self.log()[-3000:]}")
        return self.process.returncode if self.process else None

    def dig(self, name, kind="A", *options):
        done = subprocess.run(["dig", f"@127.0.0.1", "-p", str(self.dns), name, kind, "+tries=1", "+time=5", *options],
                              capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout


class Case(unittest.TestCase):
    """A folder of its own, and agents that are stopped at the end. An agent that ends by a sanitizer's report fails the test."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cohort-test-"))
        self.agents = []

    def tearDown(self):
        for agent in self.agents:
            with contextlib.suppress(AssertionError):
                agent.kill()
            for word in ("ERROR: AddressSanitizer", "runtime error:", "assertion failed", "WARNING: ThreadSanitizer", "ERROR: LeakSanitizer"):
                self.assertNotIn(word, agent.log(), f"in {agent.log_path}:\n{agent.log()[-4000:]}")
        shutil.rmtree(self.dir, ignore_errors=True)

    def agent(self, name="a", **options):
        agent = Agent(self.dir / name, **options)
        self.agents.append(agent)
        return agent

    def cohort(self, *arguments, stdin=None, env=None):
        """Runs the program to its end; returns (exit code, standard output, standard error)."""
        done = subprocess.run([COHORT, *arguments], capture_output=True, text=True, timeout=PATIENCE, input=stdin, env={**os.environ, **(env or {})})
        return done.returncode, done.stdout, done.stderr


def main():
    unittest.main(verbosity=2)
