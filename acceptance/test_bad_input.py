"""Seeded hostile input over HTTP: no crash, no 500, every refusal has a reason.

The same generators run in the rooms' own tests, in process and many times faster; here the whole server is in the way.
SLUICE_FUZZ_INPUTS is the number of inputs a parser there; a twentieth of it comes here.
"""

import gzip
import http.client
import json
import os
import random
import socket
import urllib.parse

from sluice import PATIENCE, until

INPUTS = max(2000, int(os.environ.get("SLUICE_FUZZ_INPUTS", "40000")) // 20)

ITEM = (b'{"id":"a-1","type":"track","identity":"ann@example.com","event":"Signed Up","timestamp":"2026-01-02T03:04:05Z",'
        b'"properties":{"plan":"pro","n":1.5e3,"deep":{"a":[1,null,true,"\\u00e9\\ud83d\\ude00"]}}}')
SEGMENT = (b'{"batch":[{"type":"identify","userId":"u1","anonymousId":"a1","traits":{"email":"x@y.z"},"messageId":"m1",'
           b'"timestamp":"2026-01-02T03:04:05.678Z"},{"type":"alias","previousId":"a1","userId":"u1","messageId":"m2"},'
           b'{"type":"page","name":"Home","userId":"u1","properties":{"path":"/"}}],"sentAt":"2026-01-02T03:04:06Z"}')
WHERE = b'{"all":[{"event":["A","B"]},{"not":{"property":"n","gt":10}},{"any":[{"person":"plan","is":"pro"}]}]}'
CSV = b'identity,timestamp,event,n\nann,2026-01-01,"A ""b"",\nc",1\nbob,1767225600.5,B,\n'
PIECES = [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'\x00', b'\xff', b'\xc3', b'\xed\xa0\x80', b'\\ud800', b'null',
          b'-', b'1e999', b'0x', b'\n', b'\r', b'%', b'%zz', b'&', b'=', b'\xe2\x80\xa8', b'"' * 100, b'[' * 200, b'9' * 400,
          b'\xf0\x9f\x98\x80', b"' OR 1=1 --", b'../../etc/passwd']


def mutate(rng, text):
    """A few random cuts, swaps and insertions."""
    data = bytearray(text)
    for _ in range(rng.choice([0, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            data[at:at] = rng.choice(PIECES)
        elif kind == 1 and data:
            del data[at:at + rng.choice([1, 2, 5, 50])]
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            data[at:at] = data[max(0, at - rng.randrange(1, 60)):at]
        elif kind == 4:
            other = rng.randrange(len(data) + 1)
            data[at:at + 3], data[other:other + 3] = data[other:other + 3], data[at:at + 3]
    return bytes(data)


class Fuzz:
    def __init__(self, server, seed):
        self.server, self.random = server, random.Random(seed)
        self.connection, self.inputs = None, 0

    def send(self, method, path, body=None, headers=None, key="write"):
        headers = dict(headers or {})
        if key:
            headers["Authorization"] = f"Bearer {self.server.write_key if key == 'write' else self.server.secret_key}"
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
            try:
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                content = answer.read()
                break
            except (ConnectionError, http.client.HTTPException):
                # The server may close a connection whose body it did not read; once more on a new one.
                self.connection.close()
                self.connection = None
                assert self.server.process.poll() is None, "the server is gone"
                if attempt == 2:
                    raise
        assert answer.status < 500, (method, path, body, content)
        if answer.status >= 400:
            problem = json.loads(content)
            assert problem["status"] == answer.status and problem["detail"], (path, body, content)
        return answer.status, content


def check_native(items, body, is_lines, status, content):
    """Each item that was sent has a verdict, and one that nobody harmed is taken."""
    if is_lines or all(item == ITEM for item in items):
        assert status == 200, (body, content)
    if status != 200:
        return
    reply = json.loads(content)
    refused = [r["index"] for r in reply["rejected"]]
    if is_lines:
        lines = body.split(b"\n")
        # Blank lines count in the index, but are no items.
        sent = sum(1 for line in lines if line.strip(b" \t\r"))
        assert not [n for n in refused if lines[n].rstrip(b"\r") == ITEM], (body, content)
    else:
        sent = len(json.loads(body, parse_int=str, parse_float=str)["events"])
        assert not refused or any(item != ITEM for item in items), (body, content)
    assert reply["accepted"] + reply["duplicates"] + len(refused) == sent, (body, content)


def test_native(server):
    fuzz = Fuzz(server, "native")
    while fuzz.inputs < INPUTS:
        items = [mutate(fuzz.random, ITEM) for _ in range(fuzz.random.choice([1, 3, 20, 60]))]
        fuzz.inputs += len(items)
        is_lines = fuzz.random.random() < 0.5
        if is_lines:
            body, headers = b"\n".join(items), {"Content-Type": "application/x-ndjson"}
        else:
            body, headers = b'{"events":[' + b",".join(items) + b"]}", {"Content-Type": "application/json"}
        sent = packed = body
        if fuzz.random.random() < 0.1:
            sent = packed = gzip.compress(body, mtime=0)
            if fuzz.random.random() < 0.5:
                sent = mutate(fuzz.random, packed)
            headers["Content-Encoding"] = "gzip"
        status, content = fuzz.send("POST", "/v1/events", sent, headers)
        assert status in (200, 400), (sent, content)
        if status == 200:
            assert all(r["reason"] for r in json.loads(content)["rejected"])
        if sent == packed:
            check_native(items, body, is_lines, status, content)
    assert server.request("GET", "/readyz", key=None).status == 200


def test_kissmetrics(server):
    fuzz = Fuzz(server, "kissmetrics")
    base = urllib.parse.urlencode({"_k": server.write_key, "_p": "ann", "_n": "Signed Up", "_t": "1700000000", "_d": "1",
                                   "plan": "pro é"}).encode()
    for _ in range(INPUTS // 20):
        query = mutate(fuzz.random, base).decode("latin-1").translate({c: "%20" for c in [*range(33), *range(127, 256)]})
        status, content = fuzz.send("GET", f"/{fuzz.random.choice('esa')}?{query}", key=None)
        assert status == 200 and len(content) == 43 or status in (400, 414), (status, query)


def test_segment(server):
    fuzz = Fuzz(server, "segment")
    for _ in range(INPUTS // 20):
        path = fuzz.random.choice(["batch", "batch", "track", "identify", "alias", "page", "screen", "group"])
        body = mutate(fuzz.random, SEGMENT)
        status, content = fuzz.send("POST", f"/v1/{path}", body)
        assert status in (200, 400), (path, body, content)
        assert status == 200 or body != SEGMENT, (path, content)


def test_imports(server):
    fuzz = Fuzz(server, "imports")
    for _ in range(INPUTS // 200):
        kind = fuzz.random.choice(["csv", "ndjson"])
        # In the CSV the header comes again as a row: rows are counted whatever they are.
        good, rows, query = (CSV * 5, 14, "&map=identity%3Didentity") if kind == "csv" else ((ITEM + b"\n") * 5, 5, "")
        body = mutate(fuzz.random, good)
        status, content = fuzz.send("POST", f"/v1/imports?format={kind}{query}", body, key="secret")
        assert status in (200, 400), (body, content)
        if status == 200:
            last = json.loads(content.strip().split(b"\n")[-1])
            assert last["done"] and "error" not in last and all(r["reason"] for r in last["rejects"]), (body, last)
            assert last["rows"] == last["accepted"] + last["duplicates"] + last["rejected"], (body, last)
        if body == good:
            assert status == 200 and last["rows"] == rows, (body, content)


def test_where_and_columns(server):
    server.collect({"identity": "ann", "event": "A", "properties": {"n": 1}})
    fuzz = Fuzz(server, "where")
    started = []
    for _ in range(INPUTS // 100):
        condition = mutate(fuzz.random, WHERE)
        body = b'{"dataset":"events","columns":["seq","properties.' + mutate(fuzz.random, b"n").replace(
            b'"', b"'") + b'"],"where":' + condition + b"}"
        status, content = fuzz.send("POST", "/v1/exports", body, {"Content-Type": "application/json"}, key="secret")
        # What is wrong with a condition is said at once: a run that was taken succeeds.
        assert status in (202, 400), (body, content)
        if status == 202:
            started.append((json.loads(content)["id"], body))
    assert started, "no condition was one"
    for run, body in started:
        def ended():
            answer = server.request("GET", f"/v1/exports/{run}").json
            return answer if answer["status"] not in ("queued", "running") else None
        answer = until(ended)
        assert answer, f"the export {run} does not end: {body}"
        assert answer["status"] == "succeeded", (body, answer)


def exchange(port, raw):
    """Sends bytes that are no request, and reads the first line of the answer; nothing if the server just closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        except TimeoutError:
            raise
        except OSError:
            # It has closed the connection already; it may have said why before.
            pass
        answer = b""
        try:
            while b"\r\n" not in answer and (piece := connection.recv(4096)):
                answer += piece
        except ConnectionError:
            pass
        return answer


def test_paths_and_heads(server):
    fuzz = Fuzz(server, "paths")
    for method, path, status in [
        ("GET", "/v1/nothing", 404), ("PUT", "/v1/events", 405), ("GET", "/v1/people/p_zzz", 404),
        ("GET", "/v1/exports/nothing", 404), ("GET", "/v1/exports?limit=0", 400), ("GET", "/v1/rejects?cursor=x", 400),
        ("GET", "/v1/people?identity=%00%ff", 404), ("POST", "/v1/aliases/99/undo", 404),
    ]:
        got, _ = fuzz.send(method, path, key="secret")
        assert got == status, (method, path, got)
    for raw in [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
                b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]:
        answer = exchange(server.port, raw)
        assert not answer or answer.split(b" ")[1] < b"500", answer
    assert server.request("GET", "/healthz", key=None).status == 200
