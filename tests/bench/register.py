#!/usr/bin/env python3
"""Registers COUNT service instances over CONNECTIONS kept-alive connections as fast as the agent takes them.

    register.py HTTP_PORT COUNT CONNECTIONS

One non-blocking loop: every connection has one request outstanding; the next is sent when its answer came.
"""
import json, selectors, socket, sys

port, count, connections = map(int, sys.argv[1:4])


def request(i):
    body = json.dumps({"Node": f"node-{i % 1000}", "Address": f"10.0.{i % 1000 // 250}.{i % 250 + 1}",
                       "Service": {"ID": f"svc-{i}", "Service": f"service-{i % 100}", "Port": 1000 + i % 60000, "Tags": ["v1", "bench"]},
                       "Check": {"CheckID": f"chk-{i}", "Name": "alive", "Status": "passing", "ServiceID": f"svc-{i}"}})
    return f"PUT /v1/catalog/register HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


requests = [request(i) for i in range(count)]
selector = selectors.DefaultSelector()
at = done = 0
for _ in range(min(connections, count)):
    s = socket.create_connection(("127.0.0.1", port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(s, selectors.EVENT_READ)
    s.sendall(requests[at])
    at += 1
while done < count:
    for key, _ in selector.select():
        answer = key.fileobj.recv(65536)
        if not answer.startswith(b"HTTP/1.1 200"):
            sys.exit(f"register failed: {answer[:300]!r}")
        done += 1
        if at < count:
            key.fileobj.sendall(requests[at])
            at += 1
