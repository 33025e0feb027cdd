"""Triggers: how soon a firing of fifty is at a receiver, what they cost collection, and ten thousand timers that are due within one second."""

import datetime
import os
import statistics
import time

import webhooks
from collect import drain
from common import QUICK, SECONDS, Sluice, wrk

TIMERS = 2_000 if QUICK else 10_000
WAIT = 20
PAIRS = 2 if QUICK else 3


def add(server, when, *then):
    answer = server.request("POST", "/v1/triggers", {"name": "bench", "when": when, "then": list(then)})
    assert answer.status == 201, answer.body
    return answer.json["id"]


def target(server, receiver):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, "events": []})
    assert answer.status == 201, answer.body
    return {"endpoint": answer.json["id"]}


def rules(server, count=40):
    """Most look at each event and want few, some wait for what does not follow."""
    for n in range(count):
        add(server, {"event": "*", "where": {"property": "never", "is": n}})
    for n in range(5):
        add(server, {"event": f"Bought {n}", "absent": {"event": f"Paid {n}", "within": "30m"}})
        add(server, {"count": {"event": f"Failed {n}", "at_least": 3, "within": "1h"}})


def latency(folder, results):
    """Fifty, of which one fires by each event."""
    server, receiver = webhooks.start(folder, "triggers-latency"), webhooks.Receiver(folder, "triggers.txt")
    try:
        rules(server, 39)
        add(server, {"event": "Viewed"}, target(server, receiver))
        webhooks.steady(server, receiver, results, "triggers")
    finally:
        receiver.process.kill()
        server.stop()


def collection(folder, results):
    """The same load on two servers, one after the other and back, so that both have the same machine; neither stores what it got while
    the other is measured."""
    rates = {"without": [], "with": []}
    servers = {name: Sluice(folder / f"triggers-{name}").start("--benchmark") for name in rates}
    try:
        rules(servers["with"])
        for turn in range(PAIRS):
            for name in sorted(rates, reverse=turn % 2 == 0):
                server = servers[name]
                found = wrk(f"{server.url}/v1/events", "batch.lua", max(3, SECONDS // 6), KEY=server.write_key)
                rates[name].append(found["rate"])
                drain(server)
    finally:
        for server in servers.values():
            server.stop()
    with_, without = (statistics.median(rates[name]) for name in ("with", "without"))
    results.add("triggers: collection with 50 ÷ without, medians", with_ / without, least=0.8)


def timers(folder, results):
    server, receiver = webhooks.start(folder, "triggers-timers"), webhooks.Receiver(folder, "timers.txt")
    try:
        trigger = add(
            server, {"event": "Cart", "absent": {"event": "Paid", "within": f"{WAIT}s"}}, target(server, receiver))
        begin = time.time()

        def at(n):
            moment = datetime.datetime.fromtimestamp(begin + n / TIMERS, datetime.timezone.utc)
            return moment.isoformat()

        for first in range(0, TIMERS, 1_000):
            server.collect(*({"identity": f"u{n}", "event": "Cart", "timestamp": at(n)}
                             for n in range(first, first + 1_000)))
        path = f"/v1/triggers/{trigger}/health"
        time.sleep(max(0, begin + WAIT + 3 - time.time()))
        end = time.monotonic() + 60
        while (health := server.request("GET", path).json)["open"] and time.monotonic() < end:
            time.sleep(0.2)
        results.add("triggers: timers due within one second, of them fired", health["counts"]["fired"], least=TIMERS)
        receiver.wait(TIMERS)
        receiver.close()
        lags = receiver.lags()
        results.add("triggers: of them told, p99 of how late they fired", lags[int(len(lags) * 0.99)], "s", most=1)
        results.add("triggers: the latest", lags[-1], "s")
    finally:
        receiver.process.kill()
        server.stop()


def run(folder, results):
    parts = {part.__name__: part for part in (latency, collection, timers)}
    for name in os.environ.get("SLUICE_BENCH_PARTS", ",".join(parts)).split(","):
        parts[name](folder, results)
