#!/usr/bin/env python3
"""Asks a real Consul and Cohort the same things and shows where the answers differ. See README.md.

Exit status: 0 no unlisted difference, 1 differences (or ours did not start, or died), 77 no reference to compare with.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import agents
import dns_compare
import dns_wire
import http_client
import http_compare
import scenarios_dns  # noqa: F401 (fills the tables)
import scenarios_http  # noqa: F401
import steps
from known import Known

SKIP = 77


def reference():
    """The path of the reference's program; leaves with 77 when it cannot be had."""
    script = os.path.normpath(os.path.join(HERE, "..", "..", "..", "shared", "bin", "reference-peer"))
    if not os.access(script, os.X_OK):
        print(f"SKIP: no reference peer ({script} is not there)")
        sys.exit(SKIP)
    done = subprocess.run([script, "consul"], capture_output=True, text=True)
    if done.returncode:
        print(f"SKIP: no reference peer ({script} failed: {done.stderr.strip().splitlines()[-1:] or done.returncode})")
        sys.exit(SKIP)
    return done.stdout.strip().splitlines()[-1]


class Run:
    def __init__(self, pair, known, verbose):
        self.pair = pair
        self.known = known
        self.verbose = verbose
        self.pool = ThreadPoolExecutor(2)
        self.passed = self.failed = self.listed = self.silent = 0
        self.renew()

    def renew(self):
        """After the agents (re)started."""
        self.sides = []
        for agent in (self.pair.ours, self.pair.theirs):
            answer = http_client.request(agent.ports["http"], "GET", "/v1/agent/self")
            version = steps.extract(answer, "$.Config.Version")
            self.sides.append(http_compare.Side(agent.ports, version))
        self.values = [{**{k: v for k, v in a.ports.items()}, "target": self.pair.target.port}
                       for a in (self.pair.ours, self.pair.theirs)]

    def both(self, function):
        """function(agent, values) for ours and theirs at once: half the time, and the same moment for both."""
        pairs = zip((self.pair.ours, self.pair.theirs), self.values)
        return [f.result() for f in [self.pool.submit(function, a, v) for a, v in pairs]]

    def group(self, group):
        if self.pair.theirs.ended():
            raise agents.CannotStart(f"again: the reference ended with {self.pair.theirs.ended()}\n{self.pair.theirs.log_tail()}")
        if self.pair.ours.ended():
            # A fresh pair, so that one crash does not hide what the other groups would show.
            self.pair.start()
            self.renew()
        self.both(reset)
        for side in self.sides:
            side.history.clear()
        for step in group.setup:
            self.both(lambda agent, values: send(agent, step, values))
        for step in group.steps:
            if isinstance(step, steps.DnsStep):
                self.dns(step)
            else:
                self.http(step)
            if self.silent >= 5:
                # Hung: every further step would cost its whole timeout.
                print(f"HUNG ours left {self.silent} requests in a row unanswered; it is stopped")
                self.silent = 0
                self.pair.ours.stop()
            died = self.pair.ours.ended()
            if died:
                self.failed += 1
                print(f"DIED ours ended with {died} at {step.id}; the rest of the group is left out\n{self.pair.ours.log_tail()}")
                return

    def http(self, step):
        answers = self.both(lambda agent, values: send(agent, step, values))
        for values, answer in zip(self.values, answers):
            for name, where in step.save.items():
                values[name] = steps.extract(answer, where)
        if step.quiet:
            return
        paths = [steps.fill(step.path, v) for v in self.values]
        # Movement of the index is kept by the unfilled path, which is the same text on both sides.
        found = http_compare.compare(step, step.path, *answers, *self.sides)
        self.report(step, f"{step.method} {paths[1]}", found,
                    lambda: [f"{a.status or a.problem} {dict(sorted(a.headers.items()))}\n{a.text[:3000]}" for a in answers])

    def dns(self, step):
        message = step.bytes or dns_wire.query(step.name, step.qtype, **step.options)
        answers = self.both(lambda agent, _: dns_wire.exchange(agent.ports["dns"], message, step.tcp,
                                                               timeout=1 if step.bytes else 3))
        found = dns_compare.compare(step, *answers, self.pair.ours.ports, self.pair.theirs.ports)
        self.report(step, step.id.split("/", 1)[1], found, lambda: [(a or b"").hex() for a in answers])

    def report(self, step, request, found, raw):
        self.known.ran(step.id)
        self.silent = self.silent + 1 if found and found[0][0] in ("answer", "reply") else 0
        new = [f for f in found if not self.known.covers(step.id, f[0])]
        self.listed += len(found) - len(new)
        if not new:
            self.passed += 1
            return
        self.failed += 1
        if self.verbose:
            print(f"DIFF {step.id}  [{request}]")
            for name, a, b in new:
                print(f"    {name}\n        ours:   {a}\n        theirs: {b}")
            if self.verbose > 1:
                for label, text in zip(("ours", "theirs"), raw()):
                    print(f"    --- {label}\n{text}")
        else:
            shown = "; ".join(f"{name}: ours {short(a)} theirs {short(b)}" for name, a, b in new[:4])
            more = f"; and {len(new) - 4} more" if len(new) > 4 else ""
            print(f"DIFF {step.id}  {shown}{more}")
        sys.stdout.flush()


def short(value):
    text = "absent" if value is None else str(value).replace("\n", "\\n")
    return text if len(text) <= 90 else text[:90] + "…"


def send(agent, step, values):
    port = agent.ports["http"]
    if step.bytes:
        return http_client.raw(port, step.bytes)
    body = steps.encode(step.body, values)
    path = steps.fill(step.path, values)
    headers = {k: steps.fill(v, values) for k, v in step.headers.items()}
    if step.pause:
        time.sleep(step.pause)
    thread = None
    if step.during:
        # 0.3 s: the blocked request is surely waiting by then, and 0.3 is well below three quarters of any ?wait= here.
        thread = http_client.during(0.3, [lambda s=s: send(agent, s, values) for s in step.during])
    deadline = time.monotonic() + 6
    while True:
        answer = http_client.request(port, step.method, path, body, headers)
        wanted = step.until.removeprefix("!")
        if not wanted or (wanted in answer.text) != step.until.startswith("!") or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if thread:
        thread.join()
    return answer


def reset(agent, _):
    """Removes whatever a group left behind, over the public API. Best effort: what ours cannot remove shows up as
    differences of the group concerned."""
    port = agent.ports["http"]

    def ask(method, path, body=None):
        return http_client.request(port, method, path, body and json.dumps(body).encode()).json()

    def every(path, kind):
        """The elements of a list or the keys of an object; nothing when ours answers something else."""
        value = ask("GET", path)
        return list(value) if isinstance(value, kind) else []

    ask("PUT", "/v1/agent/maintenance?enable=false")
    for session in every("/v1/session/list", list):
        ask("PUT", f"/v1/session/destroy/{session.get('ID')}")
    for service in every("/v1/agent/services", dict):
        ask("PUT", f"/v1/agent/service/deregister/{quote(service, safe='')}")
    for check in every("/v1/agent/checks", dict):
        ask("PUT", f"/v1/agent/check/deregister/{quote(check, safe='')}")
    for node in every("/v1/catalog/nodes", list):
        if node.get("Node") != agents.NODE:
            ask("PUT", "/v1/catalog/deregister", {"Node": node.get("Node")})
    ask("DELETE", "/v1/kv/?recurse")
    # The removal of an agent's service reaches the catalog a moment later.
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        if len(every("/v1/catalog/services", dict)) <= 1 and len(every(f"/v1/health/node/{agents.NODE}", list)) <= 1:
            break
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description="Differential test against a real Consul (see README.md).")
    parser.add_argument("--cohort", help="the program under test")
    parser.add_argument("--ours-command", help="instead of --cohort: the words before the flags, e.g. 'consul agent'")
    parser.add_argument("--only", choices=("http", "dns"))
    parser.add_argument("--group", action="append", help="only groups with this name (repeatable, `*` matches anything)")
    parser.add_argument("--list", action="store_true", help="print the ids of the scenarios and stop")
    parser.add_argument("--known", default=os.path.join(HERE, "differences.txt"), help="the list of known differences")
    parser.add_argument("--strict", action="store_true", help="stale entries of that list fail the run too")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="all differences of a scenario; -vv the raw answers too")
    options = parser.parse_args()

    groups = (steps.GROUPS_HTTP if options.only != "dns" else []) + (steps.GROUPS_DNS if options.only != "http" else [])
    if options.group:
        patterns = [steps._pattern(g) for g in options.group]
        groups = [g for g in groups if any(p.fullmatch(g.name) for p in patterns)]
    if options.list:
        for g in groups:
            for s in g.steps:
                if not getattr(s, "quiet", False):
                    print(s.id)
        return 0
    if not options.cohort and not options.ours_command:
        parser.error("--cohort or --ours-command is needed")
    theirs = reference() + " agent"
    ours = options.ours_command or f"{agents.shlex.quote(os.path.abspath(options.cohort))} agent"
    known = Known(options.known)
    try:
        with agents.Pair(ours, theirs) as pair:
            run = Run(pair, known, options.verbose)
            for g in groups:
                run.group(g)
            directory = pair.directory
    except agents.CannotStart as e:
        print(f"cannot start {e}")
        return 1
    stale = known.stale()
    for e in stale:
        print(f"STALE {options.known}:{e['line']}: no longer differs: {e['text']}")
    logs = f"; logs in {directory}" if run.failed else ""
    if not run.failed:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{run.passed} passed, {run.failed} failed, {run.listed} known differences, {len(stale)} stale{logs}")
    return 1 if run.failed or (options.strict and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
