"""The DNS scenarios. The catalog of a group is written over HTTP first (its setup)."""

import struct

from dns_wire import encode_name, query
from steps import DnsStep, ask, dns_group, put, quiet

CATALOG = "/v1/catalog/register"


def at(node, address, service=None, **more):
    return quiet(put(CATALOG, {"Node": node, "Address": address, **({"Service": service} if service else {}), **more}))


def critical(check, service=""):
    return {"CheckID": check, "ServiceID": service, "Status": "critical"}


WEB = [
    at("foo", "10.0.0.1", {"Service": "web", "ID": "web1", "Tags": ["v1", "Master"], "Port": 80, "Weights": {"Passing": 5, "Warning": 2}},
       NodeMeta={"key": "value", "rfc1035-x": "v=spf1", "novalue": ""}),
    at("bar", "10.0.0.2", {"Service": "web", "ID": "web2", "Tags": ["v2"], "Port": 81, "Address": "10.9.9.9"}, TaggedAddresses={"wan": "198.18.0.2"}),
]

dns_group("dns-zone",
          ask("consul", "SOA", "NS", "A", "AAAA", "ANY", "MX", "TXT", "SRV"),
          [ask(n, "A", "SOA", "NS", "SRV") for n in ("nope.consul", "service.consul", "node.consul", "dc1.consul", "ns.consul", "x.y.z.consul",
                                                     "addr.consul", "query.consul", "foo.query.consul", "foo.connect.consul")],
          ask("consul.service.consul", "A", "AAAA", "SRV", "ANY"), ask("consul.service.dc1.consul", "A", "SRV"), ask("CONSUL", "SOA", "A"))

dns_group("dns-outside", [ask(n, "A", "SOA") for n in ("example.com", "com", ".", "consulx", "xconsul", "web.service.consul.example.com")],
          ask("example.com", "A", options={"rd": False}), ask("example.com", "A", options={"edns": 4096}), ask("example.com", "A", tcp=True))

dns_group("dns-service",
          [ask(n, "A", "AAAA", "SRV", "ANY", "TXT", "MX", "SOA", "NS", "CNAME", "PTR") for n in ("web.service.consul", "nope.service.consul")],
          [ask(n, "A", "AAAA", "SRV") for n in (
              "web.service.dc1.consul", "web.service.dc2.consul", "WEB.SERVICE.CONSUL", "WeB.service.DC1.consul", "v1.web.service.consul",
              "V1.web.service.consul", "master.web.service.consul", "nope.web.service.consul", "_web._tcp.service.consul", "_web._v1.service.consul",
              "_web._udp.service.consul", "_web._nope.service.consul", "_web._tcp.service.dc1.consul", "_web._tcp.consul", "_nope._tcp.service.consul",
              "a.b.web.service.consul", "web.virtual.consul", "web.connect.consul", "web.ingress.consul")],
          ask("web.service.consul", "A", "SRV", tcp=True), setup=WEB)

dns_group("dns-service-kinds",
          [ask(n + ".service.consul", "A", "AAAA", "SRV", "ANY") for n in (
              "hostsvc", "cn", "six", "six4", "dualta", "crit", "mixed", "ncrit", "dup", "samep", "dot.ted", "under_s", "noport", "upsvc", "UpSvc",
              "tagup.upsvc")],
          setup=[
              at("baz", "10.0.0.3", {"Service": "hostsvc", "Port": 82, "Address": "svc.example.com"}),
              at("cnamenode", "node.example.com", {"Service": "cn", "Port": 83}),
              at("v6", "2001:db8::1", {"Service": "six", "Port": 84}),
              at("v6b", "10.0.0.6", {"Service": "six4", "Port": 84, "Address": "2001:db8::2"}),
              at("dualta", "10.0.0.7", {"Service": "dualta", "Port": 84, "TaggedAddresses": {
                  "lan_ipv4": {"Address": "10.7.7.7", "Port": 1}, "lan_ipv6": {"Address": "2001:db8::7", "Port": 2}}},
                 TaggedAddresses={"lan_ipv4": "10.0.0.7", "lan_ipv6": "2001:db8::77"}),
              at("c1", "10.0.1.1", {"Service": "crit", "Port": 85}, Check=critical("c", "crit")),
              at("w1", "10.0.1.2", {"Service": "mixed", "ID": "m1", "Port": 86, "Weights": {"Passing": 7, "Warning": 3}},
                 Check={"CheckID": "m1", "ServiceID": "m1", "Status": "warning"}),
              at("w2", "10.0.1.3", {"Service": "mixed", "ID": "m2", "Port": 87}, Check=critical("m2", "m2")),
              at("w3", "10.0.1.4", {"Service": "mixed", "ID": "m3", "Port": 88}, Check={"CheckID": "m3", "ServiceID": "m3", "Status": "passing"}),
              at("nodecrit", "10.0.1.5", {"Service": "ncrit", "Port": 89}, Check=critical("n")),
              at("two", "10.0.1.6", {"Service": "dup", "ID": "d1", "Port": 1}), at("two", "10.0.1.6", {"Service": "dup", "ID": "d2", "Port": 2}),
              at("same", "10.0.1.7", {"Service": "samep", "ID": "s1", "Port": 1}), at("same", "10.0.1.7", {"Service": "samep", "ID": "s2", "Port": 1}),
              at("dots", "10.0.1.8", {"Service": "dot.ted", "Port": 5}), at("under_score", "10.0.1.10", {"Service": "under_s", "Port": 6}),
              at("noport", "10.0.1.11", {"Service": "noport"}), at("UPPER", "10.0.1.12", {"Service": "UpSvc", "Port": 7, "Tags": ["TagUp"]}),
          ])

dns_group("dns-node",
          [ask(n, "A", "AAAA", "TXT", "ANY", "SRV", "MX", "SOA", "NS", "CNAME") for n in ("foo.node.consul", "nope.node.consul")],
          [ask(n, "A", "AAAA", "TXT", "ANY") for n in ("foo.node.dc1.consul", "foo.node.dc2.consul", "FOO.node.consul", "n1.node.consul", "v6.node.consul",
                                                      "cnamenode.node.consul", "dot.node.node.consul", "nodecrit.node.consul", "bar.node.consul")],
          setup=WEB + [at("v6", "2001:db8::1"), at("cnamenode", "node.example.com"), at("dot.node", "10.0.1.9"),
                       at("nodecrit", "10.0.1.5", Check=critical("n"))])

dns_group("dns-addr", [ask(n, "A", "AAAA", "SRV") for n in (
    "0a000001.addr.consul", "0A000001.addr.dc1.consul", "0a000001.addr.dc2.consul", "0a0000.addr.consul", "zz000001.addr.consul",
    "20010db8000000000000000000000001.addr.consul", "20010db80000000000000000000001.addr.consul", "x.0a000001.addr.consul")])

dns_group("dns-reverse", [ask(n, "PTR") for n in (
    "1.0.0.10.in-addr.arpa", "9.9.9.10.in-addr.arpa", "99.0.0.10.in-addr.arpa", "1.0.0.127.in-addr.arpa", "1.0.0.10.IN-ADDR.ARPA", "0.0.10.in-addr.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")],
    ask("1.0.0.10.in-addr.arpa", "A"), setup=WEB + [at("v6", "2001:db8::1")])

SIZES = [({}, False, 512), ({"edns": 512}, False, 512), ({"edns": 1232}, False, 1232), ({"edns": 4096}, False, 4096), ({}, True, 65535),
         ({"edns": 4096}, True, 65535)]

# Instances of the same name length, so that answers differ in size as little as shuffling and compression let them.
dns_group("dns-many",
          [ask(f"{s}.service.consul", t, options=o, tcp=tcp, limit=None if t == "ANY" else limit, pick=8)
           for s in ("five", "many", "huge") for t in ("A", "SRV", "ANY") for o, tcp, limit in SIZES],
          setup=[at(f"five{i}", f"10.0.2.{i}", {"Service": "five", "Port": 100 + i}) for i in range(5)] +
                [at(f"many{i:02}", f"10.0.3.{i}", {"Service": "many", "Port": 1000 + i}) for i in range(40)] +
                [at(f"huge{i:03}", f"10.1.{i // 250}.{i % 250}", {"Service": "huge", "Port": 1000 + i}) for i in range(300)])

dns_group("dns-edns",
          [[ask("web.service.consul", "A", options=o), ask("nope.service.consul", "A", options=o)] for o in (
              {"edns": 1232}, {"edns": 100}, {"edns": 65535}, {"edns": 1232, "do": True}, {"edns": 1232, "edns_version": 1},
              {"edns": 1232, "options": bytes.fromhex("0008000700011800" "0a0000")}, {"edns": 1232, "options": bytes.fromhex("fde90002aabb")},
              {"edns": 1232, "options": bytes.fromhex("000a00080102030405060708")}, {"edns": 1232, "cd": True, "ad": True}, {"rd": False},
              {"cd": True}, {"ad": True})],
          ask("web.service.consul", "A", options={"edns": 1232}, tcp=True), setup=WEB)

W = "web.service.consul"
LOOP = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0)


def packet(label, data):
    return [DnsStep("", bytes=data, label=label), DnsStep("", bytes=data, label=label, tcp=True)]


dns_group("dns-odd",
          ask(W, "A", options={"qclass": 3}), ask(W, "A", options={"qclass": 255}), ask("version.bind", "TXT", options={"qclass": 3}),
          ask("consul", "AXFR"), ask("consul", "AXFR", tcp=True), ask(W, "TYPE65"),
          [ask(W, "A", options={"opcode": o}) for o in (1, 2, 4, 5, 15)],
          packet("two-questions", struct.pack("!6H", 1, 0x0100, 2, 0, 0, 0) + 2 * (encode_name(W) + struct.pack("!2H", 1, 1))),
          packet("no-question", struct.pack("!6H", 1, 0x0100, 0, 0, 0, 0)),
          packet("qdcount-2", struct.pack("!6H", 1, 0x0100, 2, 0, 0, 0) + encode_name(W) + struct.pack("!2H", 1, 1)),
          packet("response-bit", struct.pack("!6H", 1, 0x8100, 1, 0, 0, 0) + encode_name(W) + struct.pack("!2H", 1, 1)),
          packet("truncated-bit", struct.pack("!6H", 1, 0x0300, 1, 0, 0, 0) + encode_name(W) + struct.pack("!2H", 1, 1)),
          packet("cut-short", query(W, "A")[:20]), packet("two-bytes", b"\x12\x34"), packet("header-only-counts", struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0)),
          packet("pointer-loop", LOOP + b"\xc0\x0c" + struct.pack("!2H", 1, 1)),
          packet("bad-label-type", LOOP + b"\x40aaaa\0" + struct.pack("!2H", 1, 1)),
          packet("label-63", query("a" * 63 + ".service.consul", "A")), packet("name-too-long", query(".".join(["a" * 60] * 4) + ".service.consul", "A")),
          packet("trailing-garbage", query(W, "A") + b"trailing"),
          packet("nul-in-label", LOOP + b"\x03w\x00b\x07service\x06consul\0" + struct.pack("!2H", 1, 1)),
          packet("dot-in-label", LOOP + b"\x05w.e b\x07service\x06consul\0" + struct.pack("!2H", 1, 1)),
          setup=WEB)
