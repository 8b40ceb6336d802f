"""Starts and stops the two agents of a run, on ports of their own, and keeps their logs."""

import http.client
import http.server
import os
import random
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
import time

NODE = "n1"
NODE_ID = "11111111-2222-3333-4444-555555555555"
PORT_NAMES = ("http", "dns", "server", "serf_lan", "serf_wan", "grpc")


class CannotStart(Exception):
    pass


def _is_free(port):
    """Both protocols are tried: gossip and DNS use UDP and TCP on the same number."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_ports(count):
    """A random block below the kernel's ephemeral range, so that parallel runs rarely meet and outgoing connections
    never do. All numbers have five digits: bodies then keep their length whichever agent wrote them."""
    for _ in range(200):
        base = random.randrange(12000, 31000, 10)
        ports = list(range(base, base + count))
        if all(_is_free(p) for p in ports):
            return ports
    raise CannotStart("no free block of ports")


class Agent:
    def __init__(self, label, command, directory):
        self.label = label
        self.command = command
        self.directory = directory
        self.process = None
        self.starts = 0
        self.ports = {}

    def start(self):
        self.starts += 1
        self.ports = dict(zip(PORT_NAMES, free_ports(len(PORT_NAMES))))
        self.log_path = os.path.join(self.directory, f"{self.label}-{self.starts}.log")
        arguments = shlex.split(self.command) + ["-dev", "-node", NODE, "-node-id", NODE_ID,
                                                 "-node-meta", "rack:r1", "-node-meta", "rfc1035-note:plain text",
                                                 "-enable-script-checks"]
        for name, port in self.ports.items():
            arguments += [f"-{name.replace('_', '-')}-port", str(port)]
        # A token or an address in the caller's environment would change what the agents answer.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CONSUL_")}
        with open(self.log_path, "wb") as log:
            try:
                self.process = subprocess.Popen(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
            except OSError as e:
                raise CannotStart(f"{self.label}: {e}")

    def wait_ready(self, seconds=30):
        """Ready means: there is a leader AND the agent's own node is in the catalog with its meta, which comes a moment
        later and would otherwise move indexes under the first scenarios."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise CannotStart(f"{self.label} ended with {self.process.returncode}\n{self.log_tail()}")
            if ":" in self._peek("/v1/status/leader") and "rack" in self._peek(f"/v1/catalog/node/{NODE}"):
                time.sleep(0.3)
                return
            time.sleep(0.1)
        raise CannotStart(f"{self.label}: no leader within {seconds} s\n{self.log_tail()}")

    def _peek(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def ended(self):
        """None while it runs, else how it ended, in words."""
        code = self.process.poll()
        if code is None:
            return None
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def log_tail(self, lines=15):
        with open(self.log_path, errors="replace") as log:
            return "".join("    | " + line for line in log.readlines()[-lines:])

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Target:
    """What the agents' HTTP and TCP checks talk to: GET /<status> answers with that status. One for both agents, so that
    the outputs of the checks name the same address."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(int(self.path.strip("/") or 200))
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"body\n")

            do_PUT = do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Pair:
    """Ours, theirs and the target of their checks; use it as a context."""

    def __init__(self, ours_command, theirs_command):
        self.directory = tempfile.mkdtemp(prefix="cohort-differential-")
        self.ours = Agent("ours", ours_command, self.directory)
        self.theirs = Agent("theirs", theirs_command, self.directory)
        self.target = Target()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        # One after the other up to the fork: the ports are probed, not reserved.
        for agent in (self.theirs, self.ours):
            agent.stop()
            agent.start()
            time.sleep(0.2)
        for agent in (self.theirs, self.ours):
            agent.wait_ready()

    def __exit__(self, *_):
        self.ours.stop()
        self.theirs.stop()
        self.target.stop()
