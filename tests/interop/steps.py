"""What a scenario is made of. The tables are in scenarios_http.py and scenarios_dns.py."""

import json
import re
from dataclasses import dataclass, field

GROUPS_HTTP = []
GROUPS_DNS = []


@dataclass
class HttpStep:
    """One request to both agents.

    In paths, headers and bodies ${name} stands for a value saved by an earlier step or for one of http, dns, server (the
    agent's own ports) and target (the port its checks can talk to); ${name+1} adds.
    """
    method: str
    path: str
    body: object = None                          # bytes, str, or anything else as JSON
    name: str = ""                               # the id is group/name; METHOD:path when empty
    headers: dict = field(default_factory=dict)
    save: dict = field(default_factory=dict)     # {"name": "$[0].ModifyIndex" or "header:X-Consul-Index"}
    until: str = ""                              # ask again until the body contains this; "!x": until it does not
    during: list = field(default_factory=list)   # steps done while this request is blocked
    wait: float = 0.0                            # seconds of its ?wait=; both must be woken, or both time out
    pause: float = 0.0                           # seconds to wait before the request
    body_mode: str = "full"                      # full, shape (keys and types only), none
    ignore: list = field(default_factory=list)   # body paths not compared ("$.DebugConfig*")
    unordered: list = field(default_factory=list)  # body paths of lists whose order means nothing
    loose_index: bool = False                    # how the index moves between answers depends on timing
    quiet: bool = False                          # preparation: sent, not compared
    bytes: bytes = b""                           # a raw request instead of method and path
    id: str = ""


@dataclass
class DnsStep:
    """One question to both agents."""
    name: str
    qtype: str = "A"
    tcp: bool = False
    options: dict = field(default_factory=dict)  # of dns_wire.query
    limit: int = None                            # no answer of ours may be longer
    pick: int = None                             # a random part is answered: tolerate that many more or fewer records
    bytes: bytes = b""                           # a hand-made packet instead
    label: str = ""
    id: str = ""


@dataclass
class Group:
    """Steps that belong together, done in order. Everything registered is removed between groups, so that a group may be
    run alone and a failure does not spread."""
    name: str
    steps: list
    setup: list = field(default_factory=list)    # HttpStep, for DNS groups


def _pattern(text):
    return re.compile(".*".join(re.escape(part) for part in text.split("*")))


def _step(method):
    def make(path, body=None, name="", **options):
        for key in ("ignore", "unordered"):
            options[key] = [_pattern(p) for p in options.get(key, [])]
        return HttpStep(method, path, body, name, **options)
    return make


get, put, delete, post, head, options = (_step(m) for m in ("GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS"))


def other(method, path, **o):
    return _step(method)(path, **o)


def gets(*paths, **o):
    return [get(p, **o) for p in paths]


def raw(name, data):
    return HttpStep("RAW", "-", name=name, bytes=data)


def quiet(step):
    step.quiet = True
    return step


def http_group(name, *steps):
    GROUPS_HTTP.append(_named(Group(name, _flat(steps))))


def dns_group(name, *steps, setup=()):
    GROUPS_DNS.append(_named(Group(name, _flat(steps), _flat(setup))))


def ask(name, *qtypes, **o):
    return [DnsStep(name, t, **o) for t in qtypes or ("A",)]


def _flat(steps):
    out = []
    for s in steps:
        out += _flat(s) if isinstance(s, (list, tuple)) else [s]
    return out


def _named(group):
    used = {}
    for s in group.steps:
        if isinstance(s, DnsStep):
            text = s.label or f"{s.qtype}:{s.name}"
            text += "/tcp" if s.tcp else ""
            text += "".join(f"/{k}={v.hex() if isinstance(v, bytes) else v}" for k, v in s.options.items())
        else:
            text = s.name or f"{s.method}:{s.path}"
        # The id is one word in differences.txt.
        text = re.sub(r"\s", "_", text)
        used[text] = used.get(text, 0) + 1
        s.id = f"{group.name}/{text}" + (f"#{used[text]}" if used[text] > 1 else "")
    return group


def fill(text, values):
    """Replaces ${name} and ${name+1}. An unknown name stays: the request then fails visibly on that side only."""
    def one(m):
        value = values.get(m[1])
        if value is None:
            return m[0]
        return str(int(value) + int(m[2])) if m[2] else str(value)
    return re.sub(r"\$\{(\w+)(?:\+(\d+))?\}", one, text)


def encode(body, values):
    if body is None or isinstance(body, bytes):
        return body
    return fill(body if isinstance(body, str) else json.dumps(body), values).encode()


def extract(answer, where):
    if where.startswith("header:"):
        return answer.headers.get(where[7:].lower())
    value = answer.json()
    for key in re.findall(r"\.(\w+)|\[(\d+)\]", where):
        try:
            value = value[key[0] or int(key[1])]
        except (KeyError, IndexError, TypeError):
            return None
    return value
