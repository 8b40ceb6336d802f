#!/usr/bin/env python3
"""The walk: a service from a file in Consul's format is found over HTTP and DNS; it follows its health; reload and maintenance."""
import json, os, signal, socket, subprocess, threading, time
from harness import ROOT, Case, eventually, free_ports, main


class Walk(Case):
    def test_service_from_a_file(self):
        port = free_ports(1)[0]
        config = f"""
        service {{
          name = "web"
          port = {port}
          tags = ["v1"]
          meta {{ version = "1" }}
          check {{ name = "port open" tcp = "127.0.0.1:{port}" interval = "1s" timeout = "500ms" }}
        }}
        """
        agent = self.agent(config=config).start()
        eventually("web is in the catalog", lambda: agent.get("/v1/catalog/service/web"))
        self.assertEqual(agent.get("/v1/health/service/web?passing"), [])
        self.assertIn("NXDOMAIN", agent.dig("web.service.consul"))
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(100)
            found = eventually("web is passing", lambda: agent.get("/v1/health/service/web?passing"))
            self.assertEqual(found[0]["Service"]["Port"], port)
            self.assertIn("127.0.0.1", agent.dig("web.service.consul", "A", "+short"))
            self.assertIn(str(port), agent.dig("v1.web.service.consul", "SRV", "+short"))
            self.assertIn(str(port), agent.dig("_web._tcp.service.dc1.consul", "SRV", "+tcp", "+short"))
            self.assertIn("NXDOMAIN", agent.dig("v2.web.service.consul"))
        eventually("web is critical", lambda: not agent.get("/v1/health/service/web?passing"))
        self.assertIn("NXDOMAIN", agent.dig("web.service.consul"))

    def test_blocking_query_wakes_for_its_own_service_only(self):
        agent = self.agent(dev=True).start()
        agent.put("/v1/agent/service/register", {"Name": "a", "Port": 1})
        agent.put("/v1/agent/service/register", {"Name": "b", "Port": 2})
        eventually("both are in the catalog", lambda: agent.get("/v1/catalog/service/a") and agent.get("/v1/catalog/service/b"))
        index = agent.request("GET", "/v1/health/service/a")[1]["x-consul-index"]
        answers = []
        waiter = threading.Thread(target=lambda: answers.append(agent.request("GET", f"/v1/health/service/a?index={index}&wait=20s")))
        waiter.start()
        agent.put("/v1/agent/service/register", {"Name": "b", "Port": 3})
        eventually("b changed", lambda: agent.get("/v1/catalog/service/b")[0]["ServicePort"] == 3)
        self.assertEqual(answers, [], "woken by another service's change")
        agent.put("/v1/agent/service/register", {"Name": "a", "Port": 9})
        waiter.join(15)
        self.assertTrue(answers, "not woken by its own service's change")
        self.assertEqual(json.loads(answers[0][2])[0]["Service"]["Port"], 9)
        self.assertGreater(int(answers[0][1]["x-consul-index"]), int(index))

    def test_blocking_query_times_out(self):
        agent = self.agent(dev=True).start()
        agent.put("/v1/kv/a", b"1")
        index = agent.request("GET", "/v1/kv/a")[1]["x-consul-index"]
        began = time.monotonic()
        status, headers, _ = agent.request("GET", f"/v1/kv/a?index={index}&wait=1s")
        self.assertEqual((status, headers["x-consul-index"]), (200, index))
        self.assertGreaterEqual(time.monotonic() - began, 0.9)

    def test_reload(self):
        agent = self.agent(config='service { name = "one" port = 1 }\nlog_level = "info"\n').start()
        eventually("one is known", lambda: "one" in agent.get("/v1/agent/services"))
        agent.config.write_text('service { name = "two" port = 2 }\nlog_level = "debug"\n')
        agent.process.send_signal(signal.SIGHUP)
        eventually("two is known", lambda: "two" in agent.get("/v1/agent/services"))
        self.assertNotIn("one", agent.get("/v1/agent/services"))
        agent.config.write_text("service { name = ")
        status, _, body = agent.request("PUT", "/v1/agent/reload")
        self.assertEqual(status, 500)
        self.assertIn(b"agent.hcl:1:", body)
        self.assertIn("two", agent.get("/v1/agent/services"))

    def test_terminate_and_return(self):
        agent = self.agent().start()
        agent.put("/v1/kv/a", b"1")
        self.assertEqual(agent.kill(signal.SIGTERM), 0)
        agent.start()
        self.assertEqual(agent.request("GET", "/v1/kv/a?raw")[2], b"1")

    def test_storage_backends_are_swapped_by_configuration(self):
        agent = self.agent(config='modules {\n storage "memory" {}\n}\n').start()
        agent.put("/v1/kv/a", b"1")
        agent.kill()
        agent.start()  # memory forgets, the journal does not
        self.assertEqual(agent.request("GET", "/v1/kv/a?raw")[2], b"1")


class Quickstart(Case):
    def test_quickstart(self):
        http, dns = free_ports(2)
        build = os.path.dirname(os.path.dirname(os.environ["COHORT"])) if "COHORT" in os.environ else str(ROOT / "build/dev")
        done = subprocess.run([str(ROOT / "etc/quickstart"), "--check"], capture_output=True, text=True, timeout=240,
                              env={**os.environ, "HTTP_PORT": str(http), "DNS_PORT": str(dns), "COHORT_BUILD": build})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("web.service.consul.", done.stdout)
        self.assertIn("hello", done.stdout)


if __name__ == "__main__":
    main()
