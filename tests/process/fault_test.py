#!/usr/bin/env python3
"""Damaged files, busy ports, hostile input: a clear error or ignored, bounded memory, nobody else delayed."""
import json, os, pathlib, random, shutil, signal, socket, subprocess, threading, time
from harness import Case, eventually, free_ports, main


def segments(agent):
    return sorted((agent.dir / "data" / "journal").glob("*.seg*"))


class DataDir(Case):
    def test_torn_tail_is_cut_off(self):
        agent = self.agent().start()
        for i in range(50):
            agent.put(f"/v1/kv/k{i}", b"v" * 100)
        agent.kill()
        # The state store has everything already: take it away, so that the journal must tell.
        subprocess.run(["rm", "-rf", str(agent.dir / "data" / "state")], check=True)
        last = segments(agent)[-1]
        data = last.read_bytes()
        end = len(data.rstrip(b"\0"))
        last.write_bytes(data[: end - 20])
        agent.start()
        keys = agent.get("/v1/kv/?keys")
        self.assertGreaterEqual(len(keys), 48)
        self.assertIn("k0", keys)
        self.assertIn(last.name, agent.log(), "the log does not name the file that was cut")
        agent.put("/v1/kv/after", b"x")

    def test_corrupt_middle_is_refused(self):
        agent = self.agent().start()
        for i in range(50):
            agent.put(f"/v1/kv/k{i}", b"v" * 100)
        agent.kill()
        subprocess.run(["rm", "-rf", str(agent.dir / "data" / "state")], check=True)
        first = segments(agent)[0]
        data = bytearray(first.read_bytes())
        end = len(bytes(data).rstrip(b"\0"))
        data[end // 2] ^= 0xFF
        first.write_bytes(data)
        code, output = agent.fails_to_start()
        self.assertNotEqual(code, 0)
        self.assertIn(first.name, output)
        self.assertRegex(output, r"offset")

    def test_data_dir_is_locked(self):
        agent = self.agent().start()
        second = self.agent("b")
        second.flags.append(f"-data-dir={agent.dir}/data")
        code, output = second.fails_to_start()
        self.assertNotEqual(code, 0)
        self.assertIn(str(agent.process.pid), output, "the message does not name the process that holds the lock")

    def test_data_dir_of_another_version(self):
        agent = self.agent().start()
        agent.kill(signal.SIGTERM)
        stamps = [p for p in (agent.dir / "data").iterdir() if p.is_file() and "version" in p.read_text(errors="ignore").lower()]
        self.assertTrue(stamps, f"no version stamp in {list((agent.dir / 'data').iterdir())}")
        import re
        stamps[0].write_text(re.sub(r"\d+", "999", stamps[0].read_text(), count=1))
        code, output = agent.fails_to_start()
        self.assertNotEqual(code, 0)
        self.assertIn("999", output)

    def test_unwritable_data_dir(self):
        agent = self.agent()
        blocked = agent.dir / "file"
        blocked.write_text("not a folder")
        agent.flags.append(f"-data-dir={blocked}/data")
        code, output = agent.fails_to_start()
        self.assertNotEqual(code, 0)
        self.assertIn(str(blocked), output)

    def test_restart_keeps_registrations(self):
        agent = self.agent().start()
        agent.put("/v1/agent/service/register", {"Name": "db", "Port": 5432, "Check": {"TTL": "1h", "Status": "passing"}})
        eventually("db is in the catalog", lambda: agent.get("/v1/health/service/db?passing"))
        agent.kill()
        agent.start()
        self.assertIn("db", agent.get("/v1/agent/services"))
        eventually("db still is passing", lambda: agent.get("/v1/health/service/db?passing"))


class DiskFull(Case):
    def test_a_full_disk_is_named_and_reads_go_on(self):
        place = self.dir / "small"
        place.mkdir()
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=70m", "tmpfs", str(place)], capture_output=True).returncode:
            self.skipTest("needs a small file system of its own: cannot mount a tmpfs here")
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(place)])  # the last one added runs first
        agent = self.agent(flags=[f"-data-dir={place}/data"]).start()
        for i in range(400):
            status, _, body = agent.request("PUT", f"/v1/kv/k{i}", os.urandom(400_000))
            if status != 200:
                break
        self.assertEqual(status, 500)
        self.assertIn(b"o space left", body)
        self.assertEqual(len(agent.request("GET", "/v1/kv/k0?raw&stale")[2]), 400_000)
        self.assertIn("leadership lost", agent.log())
        agent.kill()


class Listening(Case):
    def test_busy_port(self):
        agent = self.agent(dev=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", agent.http))
            s.listen()
            code, output = agent.fails_to_start()
        self.assertNotEqual(code, 0)
        self.assertIn(str(agent.http), output)
        self.assertRegex(output.lower(), "in use")

    def test_busy_dns_port(self):
        agent = self.agent(dev=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", agent.dns))
            code, output = agent.fails_to_start()
        self.assertNotEqual(code, 0)
        self.assertIn(str(agent.dns), output)


class Hostile(Case):
    def raw(self, agent, data, wait=2.0):
        with socket.create_connection(("127.0.0.1", agent.http), 5) as s:
            s.settimeout(wait)
            answer = b""
            try:
                s.sendall(data)
                while chunk := s.recv(65536):
                    answer += chunk
            except OSError:
                pass
            return answer

    def test_malformed_http(self):
        agent = self.agent(dev=True).start()
        for data in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff\xfe" * 500 + b"\r\n\r\n",
                     b"GET /v1/kv/%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1/kv/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                     b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", b"PUT /v1/kv/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            self.raw(agent, data, 0.5)
            self.assertEqual(agent.request("GET", "/v1/status/leader")[0], 200)

    def test_oversized(self):
        agent = self.agent(dev=True).start()
        before = agent.rss_kb()
        status, _, body = agent.request("PUT", "/v1/kv/big", b"x" * (2 << 20))
        self.assertEqual(status, 413, body[:200])
        status, _, body = agent.request("PUT", "/v1/kv/" + "k" * 2000, b"x")
        self.assertIn(status, (400, 413, 414), body[:200])
        self.assertTrue(body, "no reason given")
        status, _, body = agent.request("PUT", "/v1/catalog/register", b'{"Node":"' + b"n" * 600_000 + b'","Address":"1.2.3.4"}')
        self.assertIn(status, (400, 413), body[:200])
        status, _, body = agent.request("PUT", "/v1/catalog/register", b'{"Node":"n","Address":"1.2.3.4","NodeMeta":' + b"[" * 100_000)
        self.assertEqual(status, 400, body[:200])
        status, _, body = agent.request("PUT", "/v1/agent/service/register", b'{"a":' * 50_000)
        self.assertEqual(status, 400, body[:200])
        self.assertLess(agent.rss_kb() - before, 64 << 10)
        self.assertEqual(agent.request("GET", "/v1/status/leader")[0], 200)

    def test_slow_clients_delay_nobody(self):
        agent = self.agent(dev=True).start()
        slow = []
        for _ in range(50):
            s = socket.create_connection(("127.0.0.1", agent.http))
            s.sendall(b"PUT /v1/kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
            slow.append(s)
        began = time.monotonic()
        for i in range(20):
            agent.put(f"/v1/kv/fast{i}", b"1")
        self.assertLess(time.monotonic() - began, 10)
        for s in slow:
            s.close()

    def test_dns_garbage(self):
        agent = self.agent(dev=True).start()
        rng = random.Random(7)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _ in range(3000):
                s.sendto(rng.randbytes(rng.randrange(0, 600)), ("127.0.0.1", agent.dns))
            question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
            for tail in (b"\xc0\x0c\x00\x01\x00\x01", b"\x3f" * 300, b"\x05hello", b"\xff" * 50, b"\xc0\xff\x00\x01\x00\x01"):
                s.sendto(question + tail, ("127.0.0.1", agent.dns))
        for data in (b"\0\0", b"\xff\xff" + b"x" * 10, b"\0\x05abc"):
            with socket.create_connection(("127.0.0.1", agent.dns)) as s:
                s.sendall(data)
        self.assertIn("NOERROR", agent.dig("n1.node.consul"))

    def test_deep_configuration(self):
        path = self.dir / "deep.hcl"
        path.write_text("a {" * 100_000)
        code, out, err = self.cohort("validate", str(path))
        self.assertNotEqual(code, 0)
        path = self.dir / "deep.json"
        path.write_text('{"a":' * 100_000)
        code, out, err = self.cohort("validate", str(path))
        self.assertNotEqual(code, 0)
        self.assertIn("deep.json:1:", out + err)


class Scripts(Case):
    CONFIG = """
enable_local_script_checks = true
service { name = "hangs"  check { name = "h" args = ["/bin/sh", "-c", "sleep 1000 & sleep 1000"] interval = "1s" timeout = "1s" } }
service { name = "spews"  check { name = "s" args = ["/bin/sh", "-c", "yes"] interval = "1s" timeout = "1s" } }
service { name = "good"   check { name = "g" args = ["/bin/true"] interval = "1s" } }
"""

    def test_hanging_and_spewing_scripts(self):
        agent = self.agent(dev=True, config=self.CONFIG).start()
        eventually("the good one passes", lambda: agent.get("/v1/health/service/good?passing"))
        for name in ("hangs", "spews"):
            eventually(f"{name} timed out", lambda: any("imed out" in c["Output"] for c in agent.get("/v1/agent/checks").values() if c["ServiceName"] == name))
        before = agent.rss_kb()
        began = time.monotonic()
        for i in range(50):
            agent.put(f"/v1/kv/a{i}", b"1")
        self.assertLess(time.monotonic() - began, 10)
        self.assertLess(agent.rss_kb() - before, 32 << 10)
        outputs = [c["Output"] for c in agent.get("/v1/agent/checks").values()]
        self.assertTrue(all(len(o) < 10_000 for o in outputs))
        pid = agent.process.pid
        agent.kill(signal.SIGTERM)
        # Whatever a script left behind died with its process group.
        left = subprocess.run(["pgrep", "-f", "^sleep 1000"], capture_output=True, text=True).stdout.split()
        mine = [p for p in left if pathlib.Path(f"/proc/{p}/stat").exists() and str(pid) in pathlib.Path(f"/proc/{p}/stat").read_text().split()]
        self.assertEqual(mine, [])


if __name__ == "__main__":
    main()
