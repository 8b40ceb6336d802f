#!/usr/bin/env python3
"""The commands as scripts use them: output, exit codes, mistakes; also under the name `consul`."""
import json, os, pathlib, subprocess
from harness import COHORT, Case, eventually, main


class Cli(Case):
    def setUp(self):
        super().setUp()
        self.one = self.agent(dev=True).start()
        self.address = f"127.0.0.1:{self.one.http}"

    def run_cli(self, *arguments, stdin=None):
        return self.cohort(*arguments, stdin=stdin, env={"CONSUL_HTTP_ADDR": self.address})

    def ok(self, *arguments, stdin=None):
        code, out, err = self.run_cli(*arguments, stdin=stdin)
        self.assertEqual(code, 0, f"{arguments}: {out}{err}")
        return out

    def fails(self, code, *arguments):
        got, out, err = self.run_cli(*arguments)
        self.assertEqual(got, code, f"{arguments}: {out}{err}")
        return err

    def test_kv(self):
        self.assertEqual(self.ok("kv", "put", "a/b", "one"), "Success! Data written to: a/b\n")
        self.assertEqual(self.ok("kv", "get", "a/b"), "one\n")
        self.assertEqual(self.ok("kv", "put", "a/in", "-", stdin="from stdin"), "Success! Data written to: a/in\n")
        self.assertEqual(self.ok("kv", "get", "a/in"), "from stdin\n")
        self.ok("kv", "put", "-base64", "-flags=42", "a/c", "aGk=")
        detailed = self.ok("kv", "get", "-detailed", "a/c")
        self.assertRegex(detailed, r"Flags            42\nKey              a/c\n(?s:.)*Value            hi\n")
        self.assertEqual(self.ok("kv", "get", "-keys"), "a/\n")
        self.assertEqual(self.ok("kv", "get", "-recurse", "a/"), "a/b:one\na/c:hi\na/in:from stdin\n")
        exported = self.ok("kv", "export", "a/")
        self.assertEqual([e["key"] for e in json.loads(exported)], ["a/b", "a/c", "a/in"])
        self.ok("kv", "delete", "-recurse", "a/")
        self.assertIn("No key exists at: a/b", self.fails(1, "kv", "get", "a/b"))
        self.assertEqual(self.ok("kv", "import", "-", stdin=exported).count("Imported: "), 3)
        self.assertEqual(self.ok("kv", "get", "a/c"), "hi\n")
        index = json.loads(self.ok("kv", "get", "-format=json", "a/c"))[0]["ModifyIndex"]
        self.assertIn("CAS failed", self.fails(1, "kv", "put", "-cas", "-modify-index=1", "a/c", "x"))
        self.ok("kv", "put", "-cas", f"-modify-index={index}", "a/c", "x")
        self.ok("kv", "put", "-cas", "-modify-index=0", "new", "x")
        self.assertIn("base 64", self.fails(1, "kv", "put", "-base64", "bad", "!!"))
        self.fails(1, "kv", "get", "bad")
        for wrong in (("kv",), ("kv", "bogus"), ("kv", "get"), ("kv", "put"), ("kv", "get", "a", "b"), ("kv", "put", "-flags=x", "a", "b")):
            self.assertTrue(self.fails(1, *wrong))

    def test_services_and_catalog(self):
        self.ok("services", "register", "-name=web", "-id=web1", "-port=80", "-tag=a", "-tag=b", "-meta=k=v")
        eventually("web is in the catalog", lambda: "web" in self.ok("catalog", "services"))
        self.assertEqual(self.ok("catalog", "services", "-tags"), "consul      \nweb         a,b\n")
        self.assertEqual(self.ok("catalog", "datacenters"), "dc1\n")
        lines = self.ok("catalog", "nodes", "-service=web").splitlines()
        self.assertEqual(lines[0].split(), ["Node", "ID", "Address", "DC"])
        self.assertEqual(lines[1].split()[0], "n1")
        file = self.dir / "svc.hcl"
        file.write_text('service { name = "f1" port = 1 }\nservice { name = "f2" check { ttl = "1m" } }')
        self.assertEqual(self.ok("services", "register", str(file)), "Registered service: f1\nRegistered service: f2\n")
        self.assertEqual(self.ok("services", "deregister", str(file)), "Deregistered service: f1\nDeregistered service: f2\n")
        file.write_text("service { name = ")
        self.assertIn("svc.hcl:1:", self.fails(1, "services", "register", str(file)))
        self.ok("maint", "-enable", "-service=web1", "-reason=why")
        self.assertIn("Reason: why", self.ok("maint"))
        self.ok("maint", "-disable", "-service=web1")
        self.assertIn("Only one of", self.fails(1, "maint", "-enable", "-disable"))
        self.ok("services", "deregister", "-id=web1")

    def test_agent_commands(self):
        lines = self.ok("members").splitlines()
        self.assertEqual(lines[0].split(), ["Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Segment"])
        self.assertEqual(lines[1].split()[0], "n1")
        self.assertEqual(lines[1].split()[2:4], ["alive", "server"])
        self.fails(2, "members", "-status=failed")
        self.assertEqual(json.loads(self.ok("members", "-format=json"))[0]["Name"], "n1")
        self.assertRegex(self.ok("info"), r"raft:\n(\t.*\n)*\tstate = Leader")
        self.assertIn("reload triggered", self.ok("reload"))
        self.assertIn("did you mean -keys", self.fails(1, "kv", "get", "-keyz"))
        self.assertEqual(self.ok("leave"), "Graceful leave complete\n")
        self.assertEqual(self.one.process.wait(20), 0)
        self.assertIn("is an agent running there?", self.fails(1, "members"))

    def test_program(self):
        code, out, err = self.cohort()
        self.assertEqual(code, 127)
        for word in ("agent", "kv", "members", "modules", "validate"):
            self.assertRegex(out + err, rf"\n +{word} ")
        code, out, err = self.cohort("memebrs")
        self.assertEqual(code, 127)
        self.assertIn("members", out + err)
        code, out, err = self.cohort("version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^Cohort v\d+\.\d+\.\d+\n")
        self.assertIn("Version", json.dumps(json.loads(self.cohort("version", "-format=json")[1])))
        code, out, err = self.cohort("modules")
        self.assertEqual(code, 0)
        self.assertIn("store_lmdb", out)
        described = json.loads(self.cohort("modules", "describe", "-format=json", "store_lmdb")[1])
        self.assertIn("map_size", [s["Key"] for s in described["Settings"]])
        self.assertIn("map_size", self.cohort("modules", "describe", "store_lmdb")[1])
        code, out, err = self.cohort("modules", "describe", "store_lmbd")
        self.assertEqual(code, 1)
        self.assertIn('"store_lmdb"', out + err)
        code, out, err = self.cohort("agent", "-dev", "-htpp-port=1")
        self.assertEqual(code, 1)
        self.assertIn("-http-port", out + err)

    def test_under_the_name_consul(self):
        link = self.dir / "consul"
        link.symlink_to(COHORT)
        done = subprocess.run([str(link), "kv", "put", "via", "consul"], capture_output=True, text=True,
                              env={**os.environ, "CONSUL_HTTP_ADDR": self.address})
        self.assertEqual((done.returncode, done.stdout), (0, "Success! Data written to: via\n"), done.stderr)


if __name__ == "__main__":
    main()
