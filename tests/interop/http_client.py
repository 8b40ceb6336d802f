"""Sends the steps of the HTTP scenarios."""

import http.client
import json
import re
import socket
import threading
import time

TIMEOUT = 12


class Answer:
    def __init__(self, status=None, headers=(), body=b"", problem=None, seconds=0.0, extra=None):
        self.status = status
        self.headers = {}
        for name, value in headers:
            # Names are compared without case, values joined as a proxy would.
            name = name.lower()
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self.body = body
        self.problem = problem
        self.seconds = seconds
        self.extra = extra or {}

    @property
    def text(self):
        return self.body.decode("utf-8", "backslashreplace")

    def json(self):
        """The parsed body with the order of the keys kept, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def request(port, method, path, body=None, headers=None):
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        # skip_accept_encoding: http.client would ask for identity, which a server may treat unlike no wish at all.
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        data = response.read()
        return Answer(response.status, response.getheaders(), data, seconds=time.monotonic() - started)
    except (OSError, http.client.HTTPException) as e:
        return Answer(problem=f"{type(e).__name__}: {e}", seconds=time.monotonic() - started)
    finally:
        connection.close()


def raw(port, data, silence=0.7):
    """Sends the bytes as they are and reads until the peer closes or says nothing more. Several answers (pipelining)
    give a list of statuses; headers and body are the first one's."""
    received = b""
    closed = False
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.settimeout(silence)
            try:
                s.sendall(data)
                while True:
                    chunk = s.recv(65536)
                    if not chunk:
                        closed = True
                        break
                    received += chunk
            except socket.timeout:
                pass
            except OSError:
                closed = True
    except OSError as e:
        return Answer(problem=f"{type(e).__name__}: {e}")
    statuses = re.findall(rb"HTTP/1\.[01] (\d\d\d)", received)
    head, _, rest = received.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    headers = [tuple(p.strip().decode("latin-1") for p in line.split(b":", 1)) for line in lines[1:] if b":" in line]
    length = int(dict((n.lower(), v) for n, v in headers).get("content-length", len(rest)))
    status = int(statuses[0]) if statuses else None
    return Answer(status, headers, rest[:length], problem=None if statuses else "no HTTP answer",
                  extra={"statuses": b" ".join(statuses).decode(), "connection": "closed" if closed else "open"})


def during(delay, actions):
    """Runs the actions while the caller's own request is blocked; returns the thread."""
    def run():
        time.sleep(delay)
        for action in actions:
            action()
    thread = threading.Thread(target=run)
    thread.start()
    return thread
