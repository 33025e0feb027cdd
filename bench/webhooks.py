"""Webhooks: how soon after an event was accepted its first byte is at a receiver, and how many messages a second go out."""

import http.client
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

from collect import drain
from common import QUICK, ROOT, SECONDS, SHORT_SECONDS, Sluice, wrk

RATE = 500
MESSAGES = 3_000 if QUICK else 20_000
TURNS = 3 if QUICK else 9


class Receiver:
    """The receiver, as a process of its own."""

    def __init__(self, folder, name):
        self.out = folder / name
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "bench/load/receiver.py"), str(self.out)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"

    def count(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self, count, most=300):
        end = time.monotonic() + most
        while self.count() < count and time.monotonic() < end:
            time.sleep(0.05)

    def close(self):
        """What came: (event id, webhook-id, seconds)."""
        self.process.stdin.close()
        self.process.wait(60)
        self.rows = [line.split() for line in self.out.read_text().splitlines()]
        return [(event, message, float(at)) for event, message, at, _ in self.rows]

    def lags(self):
        """How late triggers said that they were, in seconds, ascending; after `close`."""
        return sorted(float(late) for *_, late in self.rows if late != "-")


def endpoint(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, "events": ["*"], **settings})
    assert answer.status == 201, answer.body
    return answer.json


def start(folder, name):
    return Sluice(folder / name).start("--allow-private", "127.0.0.0/8")


def latency(folder, results):
    """Single events at a steady rate, of people who are known and now and then of somebody new."""
    server, receiver = start(folder, "hooks-latency"), Receiver(folder, "latency.txt")
    try:
        endpoint(server, receiver.url)
        for n in range(50):
            # Rules that look at each event and want none.
            endpoint(server, receiver.url, where={"property": "never", "is": n})
        steady(server, receiver, results, "webhooks")
    finally:
        receiver.process.kill()
        server.stop()


def steady(server, receiver, results, name):
    """Events one by one; each is to reach the receiver once."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    try:
        headers = {"Authorization": f"Bearer {server.write_key}", "Content-Type": "application/json"}
        accepted, total = {}, RATE * SHORT_SECONDS
        began = time.time()
        for n in range(total):
            due = began + n / RATE
            if (pause := due - time.time()) > 0:
                time.sleep(pause)
            item = {"id": f"e{n}", "identity": f"u{n % 1000}", "event": "Viewed", "properties": {"n": n, "page": "/shop"}}
            connection.request("POST", "/v1/events", json.dumps({"events": [item]}), headers)
            connection.getresponse().read()
            accepted[f"e{n}"] = time.time()
        rate = total / (time.time() - began)
        receiver.wait(total)
        rows = receiver.close()
        delays = sorted(max(0, at - accepted[event]) * 1000 for event, _, at in rows)
        whole = len({event for event, *_ in rows}) == total
        results.add(f"{name}: events collected for it", rate, "events/s")
        results.add(f"{name}: accepted → first byte, p50", statistics.median(delays) if whole else math.inf, "ms", most=20)
        results.add(f"{name}: accepted → first byte, p99", delays[int(len(delays) * 0.99)] if whole else math.inf, "ms", most=250)
    finally:
        connection.close()


class Hanging:
    """Takes connections and never answers."""

    def __init__(self):
        self.listener, self.taken = socket.create_server(("127.0.0.1", 0), backlog=256), []
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            self.taken.append(self.listener.accept())


def isolation(folder, results):
    """How much later a fast receiver gets what 20 others that hang are sent, too. By turns alone and beside them, so that both have the
    same machine; each p99 is the median of the turns'."""
    count = 500
    server, receiver = start(folder, "hooks-isolation"), Receiver(folder, "isolation.txt")
    try:
        endpoint(server, receiver.url)
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        headers = {"Authorization": f"Bearer {server.write_key}", "Content-Type": "application/json"}
        accepted, hanging = {}, Hanging()

        def send(name, count=count):
            for n in range(count):
                item = {"id": f"{name}-{n}", "identity": "u", "event": "Viewed"}
                connection.request("POST", "/v1/events", json.dumps({"events": [item]}), headers)
                connection.getresponse().read()
                accepted[f"{name}-{n}"] = time.time()
                time.sleep(0.01)

        send("settle_warm")
        for turn in range(TURNS):
            send(f"alone_{turn}")
            made = [endpoint(server, hanging.url)["id"] for _ in range(20)]
            # Until all that may be under way to them is.
            send(f"settle_{turn}", 60)
            send(f"beside_{turn}")
            for one in made:
                server.request("DELETE", f"/v1/webhooks/endpoints/{one}")
            # What was written of them is removed; the disk gets a moment.
            time.sleep(1)
        receiver.wait(len(accepted))
        delays = {}
        for event, _, at in receiver.close():
            delays.setdefault(event.split("-")[0], []).append(max(0, at - accepted[event]) * 1000)

        def figure(name, part):
            turns = [sorted(delays.get(f"{name}_{turn}", [])) for turn in range(TURNS)]
            return statistics.median(
                one[int(count * part)] if len(one) == count else math.inf for one in turns)

        for part, word in ((0.5, "p50"), (0.99, "p99")):
            results.add(f"webhooks: a fast receiver's {word} alone", figure("alone", part), "ms")
            results.add(f"webhooks: its {word} beside 20 that hang", figure("beside", part), "ms")
        results.add(
            "webhooks: its p99 beside 20 that hang ÷ alone", figure("beside", 0.99) / figure("alone", 0.99), most=1.2)
    finally:
        receiver.process.kill()
        server.stop()


def bare_loop(folder):
    """As many messages by as many connections, with nothing written down."""
    receiver = Receiver(folder, "bare.txt")
    try:
        done = subprocess.run(
            [str(ROOT / ".build/release/bare-sender"), receiver.url, str(MESSAGES), "8"], capture_output=True, text=True, check=True)
        return float(done.stdout)
    finally:
        receiver.close()


def collection(folder, results):
    """The same load on two servers, one after the other and back, so that both have the same machine; neither stores what it got while
    the other is measured."""
    rates = {}
    servers = {name: start(folder, f"hooks-{name}") for name in ("without", "with")}
    nobody = socket.create_server(("127.0.0.1", 0))
    try:
        for n in range(50):
            endpoint(servers["with"], f"http://127.0.0.1:{nobody.getsockname()[1]}/", where={"property": "never", "is": n})
        for name in ("without", "with", "with", "without"):
            server = servers[name]
            found = wrk(f"{server.url}/v1/events", "batch.lua", max(3, SECONDS // 4), KEY=server.write_key)
            rates.setdefault(name, []).append(found["rate"])
            drain(server)
    finally:
        nobody.close()
        for server in servers.values():
            server.stop()
    results.add("webhooks: collection with 50 endpoints ÷ without", sum(rates["with"]) / sum(rates["without"]), least=0.8)


def stream(folder, results):
    """Everything in order to one receiver, from the beginning."""
    server, receiver = start(folder, "hooks-stream"), Receiver(folder, "stream.txt")
    try:
        for first in range(0, MESSAGES, 1000):
            server.collect(*({"id": f"t{n}", "identity": f"u{n % 1000}", "event": "Viewed", "properties": {"n": n}}
                             for n in range(first, min(first + 1000, MESSAGES))))
        answer = server.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, "events": ["*"], "mode": "stream"})
        path = f"/v1/webhooks/endpoints/{answer.json['id']}"
        began = time.monotonic()
        server.request("POST", f"{path}/seek", {"seq": 0})
        while server.request("GET", f"{path}/stats").json["stream"]["lag_items"] and time.monotonic() - began < 300:
            time.sleep(0.02)
        results.add("webhooks: events by a stream of batches of 100", MESSAGES / (time.monotonic() - began), "/s")
    finally:
        receiver.process.kill()
        server.stop()


def throughput(folder, results):
    """A store full of messages for one endpoint, sent as fast as they go."""
    server, receiver = start(folder, "hooks-throughput"), Receiver(folder, "throughput.txt")
    try:
        endpoint(server, receiver.url)
        for first in range(0, MESSAGES, 1000):
            server.collect(*({"id": f"t{n}", "identity": f"u{n % 1000}", "event": "Viewed", "properties": {"n": n}}
                             for n in range(first, min(first + 1000, MESSAGES))))
        receiver.wait(MESSAGES)
        rows = receiver.close()
        times = sorted(at for *_, at in rows)
        whole = len({event for event, *_ in rows}) == MESSAGES
        rate = len(rows) / (times[-1] - times[0]) if whole else 0
        results.add("webhooks: messages to one endpoint", rate, "/s", least=1500)
        bare = bare_loop(folder)
        results.add("webhooks: a bare async-http-client loop", bare, "/s")
        results.add("webhooks: messages ÷ the bare loop", rate / bare, least=0.5)
        results.add("webhooks: messages that came twice", len(rows) - len({message for _, message, _ in rows}), most=0)
    finally:
        receiver.process.kill()
        server.stop()


def run(folder, results):
    parts = {part.__name__: part for part in (latency, isolation, throughput, collection, stream)}
    for name in os.environ.get("SLUICE_BENCH_PARTS", ",".join(parts)).split(","):
        parts[name](folder, results)
