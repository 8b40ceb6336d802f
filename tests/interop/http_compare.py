"""Compares two HTTP answers to the same request, after taking out what must differ between two agents.

What must differ: ports, UUIDs made by the agent, the version, content hashes, raft indexes. None of these is thrown away;
each is replaced by something comparable (its role, the order of its first appearance, its rank), so that relations such as
`CreateIndex == ModifyIndex` or `the header's index is the newest in the body` still have to hold.
"""

import json
import re

from agents import NODE, NODE_ID

INDEX_KEYS = {"CreateIndex", "ModifyIndex", "Index"}
HASH_KEYS = {"ContentHash", "Hash"}
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")

# Every X- header is compared; of the others only those a client can act on. Content-Length and Transfer-Encoding are a
# framing choice and the body itself is compared; Server and Keep-Alive are nobody's business.
PLAIN_HEADERS = ("content-type", "content-encoding", "allow", "vary", "location", "connection",
                 "content-security-policy", "www-authenticate", "retry-after")
PRESENCE_HEADERS = ("date", "age")


class Side:
    """What is to be replaced in one agent's answers. Lives as long as the agent, since an identifier given out by one
    answer comes back in later ones."""

    def __init__(self, ports, version):
        self.roles = {str(port): f"{{{name}-port}}" for name, port in ports.items()}
        self.version = version
        self.seen = {}
        self.history = {}
        # Five-digit ports only match as whole words, so that they cannot hit digits inside a hash or a time.
        self.pattern = re.compile(r"\b(" + "|".join(self.roles) + r")\b")

    def name(self, kind, value):
        known = self.seen.setdefault(kind, {})
        return f"{{{kind}-{known.setdefault(value, len(known) + 1)}}}"

    def string(self, text, given=""):
        """`given` is the request: a UUID the client chose itself is not the agent's to vary."""
        text = self.pattern.sub(lambda m: self.roles[m[0]], text)
        text = UUID.sub(lambda m: m[0] if m[0] == NODE_ID or m[0] in given else self.name("uuid", m[0]), text)
        if self.version:
            text = re.sub(r"(?<![\d.])" + re.escape(self.version) + r"(?![\d.])", "{version}", text)
        return text

    def movement(self, path, index):
        """How the index moved since the last answer to the same question, within one group of scenarios."""
        path = re.sub(r"[?&](index|wait)=[^&]*", "", path)
        before = self.history.get(path)
        self.history[path] = index
        if before is None or index is None:
            return "-"
        return "same" if index == before else "up" if index > before else "down"


def compare(step, path, ours, theirs, our_side, their_side):
    """A list of (field, ours, theirs)."""
    if ours.problem or theirs.problem:
        if ours.problem and theirs.problem:
            return []
        return [("answer", ours.problem or f"status {ours.status}", theirs.problem or f"status {theirs.status}")]
    out = []

    def check(field, a, b):
        if a != b:
            out.append((field, a, b))

    check("status", ours.status, theirs.status)
    for field in ours.extra:
        check(field, ours.extra[field], theirs.extra[field])
    if step.wait:
        # Three quarters: far enough from both being woken at once and the jitter of the timeout, which is added.
        check("woken", ours.seconds < step.wait * 0.75, theirs.seconds < step.wait * 0.75)

    our_json, their_json = ours.json(), theirs.json()
    our_rank, their_rank = _ranks(our_json, ours), _ranks(their_json, theirs)
    _headers(step, path, ours, theirs, our_side, their_side, our_rank, their_rank, check)
    if step.body_mode == "none":
        return out
    if ours.status != theirs.status and (our_json is None) != (their_json is None):
        # The text of an error against a document: one line says it better than a diff.
        check("body", _short(ours.text), _short(theirs.text))
        return out
    if our_json is None or their_json is None:
        check("body", our_side.string(ours.text, path), their_side.string(theirs.text, path))
        return out

    a = _normal(our_json, our_side, our_rank, path)
    b = _normal(their_json, their_side, their_rank, path)
    before = len(out)
    _diff("$", a, b, step, out)
    if len(out) == before and step.body_mode == "full" and not step.ignore and not step.unordered:
        # Same content; now the spelling: indentation, escapes, the newline at the end.
        check("body:text", _spelling(ours, our_side, path), _spelling(theirs, their_side, path))
    return out


def _headers(step, path, ours, theirs, our_side, their_side, our_rank, their_rank, check):
    names = [n for n in sorted(set(ours.headers) | set(theirs.headers)) if n in PLAIN_HEADERS or n.startswith("x-")]
    for name in names:
        a, b = ours.headers.get(name), theirs.headers.get(name)
        if name == "x-consul-index":
            a, b = _rank(a, our_rank), _rank(b, their_rank)
        elif name == "x-consul-contenthash":
            a, b = a and our_side.name("hash", a), b and their_side.name("hash", b)
        else:
            a, b = a and our_side.string(a, path), b and their_side.string(b, path)
        check(f"header:{name}", a, b)
    for name in PRESENCE_HEADERS:
        check(f"header:{name}", name in ours.headers, name in theirs.headers)
    if step.method == "GET" and not step.loose_index:
        check("index-move", our_side.movement(path, _number(ours)), their_side.movement(path, _number(theirs)))


def _number(answer):
    value = answer.headers.get("x-consul-index", "")
    return int(value) if value.isdigit() else None


def _is_boot_record(d):
    """The agent's own node, the `consul` service and serfHealth are written by the start of the agent; in how many raft
    entries it does so is its own affair, so their indexes take no part."""
    if d.get("ServiceID", d.get("ID")) == "consul" or d.get("CheckID") == "serfHealth":
        return True
    return d.get("Node") == NODE and "TaggedAddresses" in d and "ServiceID" not in d


def _ranks(document, answer):
    """Index -> rank among the indexes of this answer (header included). 0 and 1 stay what they are: 0 is `none` and 1 is
    what an untouched table answers."""
    found = set()

    def walk(value):
        if isinstance(value, dict):
            boot = _is_boot_record(value)
            for k, v in value.items():
                if k in INDEX_KEYS and type(v) is int:
                    if not boot:
                        found.add(v)
                else:
                    walk(v)
        elif isinstance(value, list):
            for v in value:
                walk(v)

    walk(document)
    number = _number(answer)
    if number is not None:
        found.add(number)
    return {v: f"#{i}" for i, v in enumerate(sorted(v for v in found if v > 1), 1)} | {0: "0", 1: "1"}


def _rank(text, ranks):
    return ranks[int(text)] if text is not None and text.isdigit() else text


def _normal(value, side, ranks, given):
    if isinstance(value, dict):
        boot = _is_boot_record(value)
        result = {}
        for k, v in value.items():
            if k in INDEX_KEYS and type(v) is int:
                result[k] = "{boot}" if boot else ranks[v]
            elif k in HASH_KEYS and isinstance(v, str) and v:
                result[k] = side.name("hash", v)
            else:
                result[side.string(k, given)] = _normal(v, side, ranks, given)
        return result
    if isinstance(value, list):
        return [_normal(v, side, ranks, given) for v in value]
    if isinstance(value, str):
        return side.string(value, given)
    if type(value) is int and str(value) in side.roles:
        return side.roles[str(value)]
    return value


def _diff(path, a, b, step, out):
    if any(p.fullmatch(path) for p in step.ignore):
        return
    if _kind(a) != _kind(b):
        out.append((f"body:{path}", _short(a), _short(b)))
    elif isinstance(a, dict):
        for key in list(b) + [k for k in a if k not in b]:
            if key not in a or key not in b:
                if not any(p.fullmatch(f"{path}.{key}") for p in step.ignore):
                    out.append((f"body:{path}.{key}", _short(a[key]) if key in a else "absent",
                                _short(b[key]) if key in b else "absent"))
            else:
                _diff(f"{path}.{key}", a[key], b[key], step, out)
        ours, theirs = [k for k in a if k in b], [k for k in b if k in a]
        if ours != theirs:
            # People do read these by eye and by grep; Go writes struct fields in a fixed order and maps sorted.
            out.append((f"body:{path}{{order}}", ",".join(ours), ",".join(theirs)))
    elif isinstance(a, list):
        if any(p.fullmatch(path) for p in step.unordered):
            a, b = (sorted(x, key=lambda v: json.dumps(v, sort_keys=True)) for x in (a, b))
        if step.body_mode == "shape":
            # Only what an element looks like, not how many there are.
            a, b = a[:1], b[:1]
        if len(a) != len(b):
            out.append((f"body:{path}.length", f"{len(a)} {_short(a)}", f"{len(b)} {_short(b)}"))
        else:
            for i, (x, y) in enumerate(zip(a, b)):
                _diff(f"{path}[{i}]", x, y, step, out)
    elif step.body_mode != "shape" and a != b:
        out.append((f"body:{path}", _short(a), _short(b)))


def _kind(value):
    # bool before int: JSON's true is not 1. int and float are both numbers.
    for kind in (bool, (int, float), str, list, dict):
        if isinstance(value, kind):
            return kind
    return None


def _spelling(answer, side, path):
    text = re.sub(r'("(?:%s)": ?)\d+' % "|".join(INDEX_KEYS), r"\1N", answer.text)
    text = re.sub(r'("(?:%s)": ?")[^"]+' % "|".join(HASH_KEYS), r"\1H", text)
    return side.string(text, path)


def _short(value, limit=160):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[:limit] + "…"
