#!/usr/bin/env python3
"""Checks, without any agent, that the comparison sees what it has to see and forgives what it has to forgive."""

import os
import struct
import sys
import tempfile

sys.dont_write_bytecode = True

import dns_compare
import dns_wire
import http_compare
import scenarios_dns  # noqa: F401
import scenarios_http  # noqa: F401
import steps
from http_client import Answer
from known import Known

HEADERS = [("Content-Type", "application/json"), ("X-Consul-Index", "20"), ("Date", "x")]


def http(body_a, body_b, headers_a=HEADERS, headers_b=HEADERS, step=None, status_b=200):
    sides = [http_compare.Side({"http": port}, version) for port, version in ((20001, "1.8.7"), (20002, "0.1"))]
    step = step or steps.get("/x")
    found = http_compare.compare(step, "/x", Answer(200, headers_a, body_a.encode()), Answer(status_b, headers_b, body_b.encode()), *sides)
    return [f[0] for f in found]


def expect(name, got, wanted):
    if got != wanted:
        print(f"FAIL {name}: got {got}, wanted {wanted}")
        expect.failed = True


expect.failed = False


def index(n):
    return [h for h in HEADERS if h[0] != "X-Consul-Index"] + [("X-Consul-Index", str(n))]


expect("equal", http('{"a": 1}', '{"a": 1}'), [])
expect("status", http("{}", "{}", status_b=404), ["status"])
expect("ports", http('{"p": 20001, "q": "x:20001"}', '{"p": 20002, "q": "x:20002"}'), [])
expect("port inside a number", http('{"p": 120001}', '{"p": 120002}'), ["body:$.p"])
expect("version", http('{"v": "1.8.7:"}', '{"v": "0.1:"}'), [])
expect("uuids", http('["00000000-0000-0000-0000-000000000001"]', '["00000000-0000-0000-0000-000000000002"]'), [])
expect("uuids that should agree", http('["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"]',
                                       '["00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000003"]'), ["body:$[1]"])
expect("null and empty", http('{"a": null}', '{"a": []}'), ["body:$.a"])
expect("true and 1", http('{"a": true}', '{"a": 1}'), ["body:$.a"])
expect("absent key", http('{"a": 1}', '{"a": 1, "b": 2}'), ["body:$.b"])
expect("extra key", http('{"a": 1, "b": 2}', '{"a": 1}'), ["body:$.b"])
expect("order of keys", http('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'), ["body:${order}"])
expect("length", http("[1]", "[1, 2]"), ["body:$.length"])
expect("indentation", http('{"a": 1}', '{\n    "a": 1\n}\n'), ["body:text"])
expect("escapes", http('["<"]', '["\\u003c"]'), ["body:text"])
expect("indexes", http('[{"CreateIndex": 10, "ModifyIndex": 20}]', '[{"CreateIndex": 300, "ModifyIndex": 400}]', headers_b=index(400)), [])
expect("create is modify", http('[{"CreateIndex": 20, "ModifyIndex": 20}]', '[{"CreateIndex": 19, "ModifyIndex": 20}]'),
       ["header:x-consul-index", "body:$[0].ModifyIndex"])
expect("header older than body", http('[{"CreateIndex": 20, "ModifyIndex": 20}]', '[{"CreateIndex": 30, "ModifyIndex": 30}]'),
       ["body:$[0].CreateIndex", "body:$[0].ModifyIndex"])
expect("untouched table", http("[]", "[]", headers_a=index(1)), ["header:x-consul-index"])
expect("no index", http("[]", "[]", headers_a=HEADERS[:1] + HEADERS[2:]), ["header:x-consul-index"])
expect("header", http("[]", "[]", headers_a=HEADERS + [("X-Consul-New", "1")]), ["header:x-consul-new"])
expect("no answer", [f[0] for f in http_compare.compare(steps.get("/x"), "/x", Answer(problem="gone"), Answer(200), None, None)], ["answer"])
expect("unordered", http("[1, 2]", "[2, 1]", step=steps.get("/x", unordered=["$"])), [])
expect("shape", http('[{"a": 1}]', '[{"a": 2}, {"a": 3}]', step=steps.get("/x", body_mode="shape")), [])
expect("shape of a key", http('[{"a": 1}]', '[{"a": "x"}]', step=steps.get("/x", body_mode="shape")), ["body:$[0].a"])
expect("ignored", http('{"a": {"b": 1}}', '{"a": {"b": 2}}', step=steps.get("/x", ignore=["$.a*"])), [])
expect("text", http("ab", "abc"), ["body"])

side = http_compare.Side({"http": 20001}, "")
expect("movement", [side.movement("/a?index=1&wait=2", 5), side.movement("/a", 5), side.movement("/a", 6), side.movement("/a", 4)],
       ["-", "same", "up", "down"])


def dns(a, b, **o):
    step = steps.DnsStep("x", id="x", **o)
    return [f[0] for f in dns_compare.compare(step, a, b, {"server": 20001}, {"server": 20002})]


def message(*records, flags=0x8500, name="a.consul"):
    out = struct.pack("!6H", 7, flags, 1, len(records), 0, 0) + dns_wire.encode_name(name) + struct.pack("!2H", 1, 1)
    for rtype, ttl, data in records:
        out += b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, ttl, len(data)) + data
    return out


ONE, TWO = (1, 0, b"\x0a\0\0\1"), (1, 0, b"\x0a\0\0\2")
SRV = [(33, 0, struct.pack("!3H", 1, 1, p) + b"\xc0\x0c") for p in (20001, 20002)]
expect("dns equal", dns(message(ONE), message(ONE)), [])
expect("dns order", dns(message(ONE, TWO), message(TWO, ONE)), [])
expect("dns twice", dns(message(ONE, ONE), message(ONE)), ["answer"])
expect("dns ttl", dns(message(ONE), message((1, 5, ONE[2]))), ["answer"])
expect("dns case", dns(message(ONE, name="A.consul"), message(ONE)), ["question", "answer"])
expect("dns flags", dns(message(ONE, flags=0x8700), message(ONE)), ["flags"])
expect("dns rcode", dns(message(flags=0x8503), message()), ["rcode"])
expect("dns ports", dns(message(SRV[0]), message(SRV[1])), [])
expect("dns none", dns(None, message()), ["reply"])
expect("dns cut", dns(message(ONE)[:-1], message(ONE)), ["reply"])
expect("dns loop", dns(message()[:12] + b"\xc0\x0c\0\1\0\1", message()), ["reply"])
expect("dns pick", dns(message(ONE), message(TWO), pick=1), [])
expect("dns pick count", dns(message(), message(ONE, TWO), pick=1), ["answer:count", "answer:shape"])
expect("dns limit", dns(message(ONE), message(ONE), limit=20), ["size"])

with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    file.write("# c\nkv/GET:*  body:$[0].*  reason\nkv/x  *  stale one\nother/y  status  not run\n")
    file.flush()
    known = Known(file.name)
    for scenario in ("kv/GET:/v1", "kv/x"):
        known.ran(scenario)
    expect("known", [known.covers("kv/GET:/v1", "body:$[0].Key"), known.covers("kv/GET:/v1", "status")], [True, False])
    expect("stale", [e["text"].split()[0] for e in known.stale()], ["kv/x"])

ids = [s.id for g in steps.GROUPS_HTTP + steps.GROUPS_DNS for s in g.steps]
expect("ids are unique", (len(ids), len(ids) > 1000), (len(set(ids)), True))
expect("ids are one word", [i for i in ids if len(i.split()) != 1], [])
print(os.path.basename(__file__) + (" failed" if expect.failed else " passed"))
sys.exit(expect.failed)
