#!/usr/bin/env python3
"""Configuration as a user meets it: a stock Consul file, typing errors, missing and broken modules."""
import json, pathlib, shutil
from harness import COHORT, Case, eventually, main

STOCK = """
datacenter = "east-1"
node_name  = "stock"
server = true
bootstrap_expect = 1
client_addr = "127.0.0.1"
bind_addr = "127.0.0.1"
log_level = "INFO"
enable_syslog = false
leave_on_terminate = false
skip_leave_on_interrupt = true
rejoin_after_leave = true
retry_join = ["127.0.0.1"]
retry_interval = "30s"
encrypt_verify_incoming = true
node_meta { rack = "r1" }
ports { grpc = 8502  https = -1  serf_lan = 8301  serf_wan = 8302 }
dns_config { allow_stale = true  max_stale = "87600h"  node_ttl = "0s"  service_ttl { "*" = "5s" }  only_passing = false  enable_truncate = true  udp_answer_limit = 3 }
recursors = ["127.0.0.53"]
performance { raft_multiplier = 1  leave_drain_time = "5s"  rpc_hold_timeout = "7s" }
telemetry { disable_hostname = true  prometheus_retention_time = "60s" }
limits { http_max_conns_per_client = 200  kv_max_value_size = 524288 }
connect { enabled = true }
acl { enabled = false  default_policy = "allow" }
ui = true
services = [
  { name = "web", port = 80, tags = ["a"], checks = [ { name = "alive", ttl = "1m", status = "passing" } ] },
  { name = "db", port = 5432 }
]
"""


class Config(Case):
    def test_a_stock_file_starts_the_agent(self):
        agent = self.agent(config=STOCK).start()
        own = agent.get("/v1/agent/self")
        self.assertEqual((own["Config"]["Datacenter"], own["Config"]["NodeName"]), ("east-1", "n1"))
        eventually("its services are registered", lambda: set(agent.get("/v1/catalog/services")) >= {"web", "db", "consul"})
        for key in ("connect", "retry_join", "recursors"):
            warnings = [line for line in agent.log().splitlines() if "WARN" in line and f'"{key}"' in line.replace("\\", "")]
            self.assertEqual(len(warnings), 1, f"{key}: {warnings}")

    def test_all_errors_at_once_with_places(self):
        agent = self.agent(dev=True, config='datacentre = "x"\nports { htpt = 1 }\nserver = "maybe"\nmodules { storage "lmdb" { map_sise = 1 } }\n')
        code, output = agent.fails_to_start()
        self.assertEqual(code, 1)
        for text in ("agent.hcl:1:1", '"datacenter"', "agent.hcl:2:", "agent.hcl:3:", 'did you mean "map_size"', "agent.hcl:4:"):
            self.assertIn(text, output)

    def test_order_of_files(self):
        folder = self.dir / "conf.d"
        folder.mkdir()
        (folder / "20.json").write_text('{"node_meta": {"b": "2"}, "datacenter": "second"}')
        (folder / "10.hcl").write_text('datacenter = "first"\nservice { name = "s1" port = 1 }')
        (folder / "ignored.txt").write_text("not a configuration")
        last = self.dir / "last.hcl"
        last.write_text('service { name = "s2" port = 2 }')
        agent = self.agent(dev=True, flags=[f"-config-dir={folder}", f"-config-file={last}"]).start()
        self.assertEqual(agent.get("/v1/agent/self")["Config"]["Datacenter"], "second")
        eventually("services of all files", lambda: set(agent.get("/v1/agent/services")) == {"s1", "s2"})

    def test_validate(self):
        good, bad = self.dir / "good.hcl", self.dir / "bad.json"
        good.write_text(STOCK + f'data_dir = "{self.dir}/data"\n')
        bad.write_text('{"service": {"name": "x", "port": "eighty"}}')
        code, out, err = self.cohort("validate", str(good))
        self.assertEqual((code, "Configuration is valid!" in out), (0, True), out + err)
        code, out, err = self.cohort("validate", str(bad))
        self.assertEqual(code, 1)
        self.assertIn("bad.json:1:", out + err)
        code, out, err = self.cohort("validate", str(self.dir / "nowhere.hcl"))
        self.assertEqual(code, 1)
        self.assertIn("nowhere.hcl", out + err)

    def test_missing_and_broken_modules(self):
        cases = {
            'checker "redsi" {}': "redsi",
            f'checker "x" {{ path = "{self.dir}/nowhere.so" }}': "nowhere.so",
        }
        broken = self.dir / "check_text.so"
        broken.write_text("this is text")
        cases[f'checker "text" {{ path = "{broken}" }}'] = "check_text.so cannot be loaded"
        short = self.dir / "check_short.so"
        short.write_bytes((pathlib.Path(COHORT).parent.parent / "modules" / "check_tcp.so").read_bytes()[:3000])
        cases[f'checker "short" {{ path = "{short}" }}'] = "check_short.so"
        other = self.dir / "check_other.so"
        shutil.copy(pathlib.Path(COHORT).parent.parent / "modules" / "check_tcp.so", other)
        cases[f'checker "other" {{ path = "{other}" }}'] = "check_other"
        for block, expected in cases.items():
            with self.subTest(block):
                code, output = self.agent(f"m{abs(hash(block))}", dev=True, config=f"modules {{ {block} }}\n").fails_to_start()
                self.assertEqual(code, 1)
                self.assertIn(expected, output)
                if "text.so" in block or "short" in block:
                    self.assertNotIn("file not found", output)

    def test_checker_settings_are_checked(self):
        agent = self.agent(dev=True, config='service { name = "a" check { tcp = "x:1" intervall = "1s" } }\n')
        code, output = agent.fails_to_start()
        self.assertEqual(code, 1)
        self.assertIn("agent.hcl:1:", output)
        self.assertIn('did you mean "interval"', output)


if __name__ == "__main__":
    main()
