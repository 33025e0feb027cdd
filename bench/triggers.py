"""Triggers: what fifty of them cost collection, and ten thousand timers that are due within one second."""

import datetime
import time

from common import QUICK, SECONDS, Sluice, wrk

TIMERS = 2_000 if QUICK else 10_000
WAIT = 20


def add(server, when):
    answer = server.request("POST", "/v1/triggers", {"name": "bench", "when": when, "then": []})
    assert answer.status == 201, answer.body
    return answer.json["id"]


def rules(server):
    """Fifty: most look at each event and want few, some wait for what does not follow."""
    for n in range(40):
        add(server, {"event": "*", "where": {"property": "never", "is": n}})
    for n in range(5):
        add(server, {"event": f"Bought {n}", "absent": {"event": f"Paid {n}", "within": "30m"}})
        add(server, {"count": {"event": f"Failed {n}", "at_least": 3, "within": "1h"}})


def collection(folder, results):
    """The same load on two servers, one after the other and back, so that both have the same machine."""
    rates = {}
    servers = {name: Sluice(folder / f"triggers-{name}").start("--benchmark") for name in ("without", "with")}
    try:
        rules(servers["with"])
        for name in ("without", "with", "with", "without"):
            server = servers[name]
            found = wrk(f"{server.url}/v1/events", "batch.lua", max(3, SECONDS // 4), KEY=server.write_key)
            rates.setdefault(name, []).append(found["rate"])
    finally:
        for server in servers.values():
            server.stop()
    results.add("triggers: collection with 50 ÷ without", sum(rates["with"]) / sum(rates["without"]), least=0.8)


def timers(folder, results):
    server = Sluice(folder / "triggers-timers").start()
    try:
        trigger = add(server, {"event": "Cart", "absent": {"event": "Paid", "within": f"{WAIT}s"}})
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
        counts = health["counts"]
        results.add("triggers: timers due within one second, of them fired", counts["fired"], least=TIMERS)
        results.add("triggers: of them more than a second late", counts["late"] / TIMERS, most=0.01)
    finally:
        server.stop()


def run(folder, results):
    collection(folder, results)
    timers(folder, results)
