"""DNS messages by hand: just enough to ask what the scenarios ask, and to read any answer without trusting it."""

import ipaddress
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41,
         "TYPE65": 65, "IXFR": 251, "AXFR": 252, "ANY": 255}
NAMES = {v: k for k, v in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
FLAGS = (("qr", 0x8000), ("aa", 0x0400), ("tc", 0x0200), ("rd", 0x0100), ("ra", 0x0080), ("z", 0x0040), ("ad", 0x0020),
         ("cd", 0x0010))


class Malformed(Exception):
    pass


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def query(name, qtype, *, ident=0x1234, rd=True, cd=False, ad=False, edns=None, do=False, edns_version=0, options=b"",
          qclass=1, opcode=0):
    flags = opcode << 11 | (0x0100 if rd else 0) | (0x0010 if cd else 0) | (0x0020 if ad else 0)
    message = struct.pack("!6H", ident, flags, 1, 0, 0, 1 if edns else 0)
    message += encode_name(name) + struct.pack("!2H", TYPES[qtype], qclass)
    if edns:
        message += b"\0" + struct.pack("!HHBBHH", TYPES["OPT"], edns, 0, edns_version, 0x8000 if do else 0, len(options))
        message += options
    return message


def exchange(port, message, tcp=False, timeout=3):
    """The answer's bytes, or None when there was none (dropped, or the connection closed)."""
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    try:
        with socket.socket(socket.AF_INET, kind) as s:
            s.settimeout(timeout)
            s.connect(("127.0.0.1", port))
            if not tcp:
                s.send(message)
                return s.recv(65535)
            s.sendall(struct.pack("!H", len(message)) + message)
            size = struct.unpack("!H", _exactly(s, 2))[0]
            return _exactly(s, size)
    except (OSError, Malformed):
        return None


def _exactly(s, size):
    data = b""
    while len(data) < size:
        chunk = s.recv(size - len(data))
        if not chunk:
            raise Malformed("closed early")
        data += chunk
    return data


class Message:
    """rcode, opcode, flags; question, answer, authority, additional as lists of records; edns or None."""

    def __init__(self, data):
        self.size = len(data)
        if len(data) < 12:
            raise Malformed(f"{len(data)} bytes")
        self.data = data
        self.ident, flags, qd, an, ns, ar = struct.unpack_from("!6H", data)
        self.rcode = RCODES.get(flags & 15, str(flags & 15))
        self.opcode = flags >> 11 & 15
        self.flags = " ".join(n for n, bit in FLAGS if flags & bit)
        self.edns = None
        at = 12
        self.question = []
        for _ in range(qd):
            name, at = self._name(at)
            qtype, qclass = self._unpack("!2H", at)
            at += 4
            self.question.append((name, NAMES.get(qtype, str(qtype)), qclass))
        sections = []
        for count in (an, ns, ar):
            records = []
            for _ in range(count):
                record, at = self._record(at)
                if record:
                    records.append(record)
            sections.append(records)
        self.answer, self.authority, self.additional = sections
        self.trailing = len(data) - at

    def _unpack(self, form, at):
        try:
            return struct.unpack_from(form, self.data, at)
        except struct.error:
            raise Malformed(f"cut short at {at}")

    def _name(self, at):
        labels, end, hops = [], None, 0
        while True:
            length = self._unpack("!B", at)[0]
            if length & 0xC0 == 0xC0:
                target = self._unpack("!H", at)[0] & 0x3FFF
                end = at + 2 if end is None else end
                hops += 1
                if hops > 100:
                    raise Malformed("pointer loop")
                at = target
            elif length & 0xC0:
                raise Malformed("bad label type")
            elif length == 0:
                return ".".join(labels) + ".", at + 1 if end is None else end
            else:
                labels.append(self.data[at + 1:at + 1 + length].decode("latin-1").replace(".", "\\."))
                at += 1 + length

    def _record(self, at):
        """((name, type, class, ttl, data as text), next); OPT goes to self.edns instead."""
        name, at = self._name(at)
        rtype, rclass, ttl, length = self._unpack("!HHIH", at)
        at += 10
        end = at + length
        if end > len(self.data):
            raise Malformed("record data beyond the end")
        if rtype == TYPES["OPT"]:
            self.edns = {"size": rclass, "version": ttl >> 16 & 255, "flags": ttl & 0xFFFF, "extended-rcode": ttl >> 24,
                         "options": self.data[at:end].hex()}
            return None, end
        return (name, NAMES.get(rtype, str(rtype)), rclass, ttl, self._rdata(rtype, at, end)), end

    def _rdata(self, rtype, at, end):
        raw = self.data[at:end]
        if rtype in (TYPES["A"], TYPES["AAAA"]):
            try:
                return str(ipaddress.ip_address(raw))
            except ValueError:
                return raw.hex()
        if rtype in (TYPES["NS"], TYPES["CNAME"], TYPES["PTR"]):
            return self._name(at)[0]
        if rtype == TYPES["SRV"]:
            return "%d %d %d " % self._unpack("!3H", at) + self._name(at + 6)[0]
        if rtype == TYPES["SOA"]:
            mname, at = self._name(at)
            rname, at = self._name(at)
            return f"{mname} {rname} " + " ".join(map(str, self._unpack("!5I", at)))
        if rtype == TYPES["TXT"]:
            parts = []
            while at < end:
                size = self._unpack("!B", at)[0]
                parts.append(repr(self.data[at + 1:at + 1 + size].decode("utf-8", "backslashreplace")))
                at += 1 + size
            return " ".join(parts)
        return raw.hex()
