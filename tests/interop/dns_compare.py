"""Compares two DNS answers to the same question."""

import re
import time

from dns_wire import Malformed, Message


def compare(step, ours, theirs, our_ports, their_ports):
    """A list of (field, ours, theirs)."""
    if ours is None or theirs is None:
        return [] if ours is theirs else [("reply", "none" if ours is None else "some", "none" if theirs is None else "some")]
    out = []

    def check(field, a, b):
        if a != b:
            out.append((field, a, b))

    try:
        b = Message(theirs)
    except Malformed as e:
        raise SystemExit(f"{step.id}: cannot read the reference's answer: {e}\n{theirs.hex()}")
    try:
        a = Message(ours)
    except Malformed as e:
        return [("reply", f"malformed: {e}", b.rcode)]
    for field in ("ident", "rcode", "opcode", "flags", "question", "trailing"):
        check(field, getattr(a, field), getattr(b, field))
    check("edns", a.edns, b.edns)
    if step.limit is not None:
        # A rule about our answer alone: theirs obeys it by construction, and a fair comparison of sizes is impossible
        # when each picks other instances.
        check("size", f"{a.size} > {step.limit}" if a.size > step.limit else "fits", "fits")
    for section in ("answer", "authority", "additional"):
        x = sorted(_record(r, our_ports) for r in getattr(a, section))
        y = sorted(_record(r, their_ports) for r in getattr(b, section))
        if step.pick is None:
            only_ours, only_theirs = _minus(x, y), _minus(y, x)
            if only_ours or only_theirs:
                out.append((section, _text(only_ours), _text(only_theirs)))
        else:
            # Each agent shows a random part of the instances: only how many, give or take what longer names cost, and
            # what they look like once the numbers are out.
            if abs(len(x) - len(y)) > step.pick:
                out.append((f"{section}:count", len(x), len(y)))
            check(f"{section}:shape", _text(sorted({_shape(r) for r in x})), _text(sorted({_shape(r) for r in y})))
            if len(set(x)) != len(x) and len(set(y)) == len(y):
                out.append((f"{section}:duplicates", len(x) - len(set(x)), 0))
    return out


def _record(record, ports):
    name, rtype, rclass, ttl, data = record
    if rtype == "SOA":
        words = data.split()
        # The serial is the time of the answer.
        if abs(int(words[2]) - time.time()) < 60:
            words[2] = "{now}"
        data = " ".join(words)
    if rtype == "SRV":
        words = data.split()
        for role, port in ports.items():
            if words[2] == str(port):
                words[2] = f"{{{role}-port}}"
        data = " ".join(words)
    return f"{name} {ttl} {rclass} {rtype} {data}"


def _shape(text):
    return re.sub(r"\d+", "N", text)


def _minus(x, y):
    rest = list(y)
    out = []
    for item in x:
        if item in rest:
            rest.remove(item)
        else:
            out.append(item)
    return out


def _text(records):
    return "; ".join(records[:4]) + (f"; and {len(records) - 4} more" if len(records) > 4 else "") or "-"
