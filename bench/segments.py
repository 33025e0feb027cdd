"""Questions about everybody over HTTP: segments counted, listed and asked of one person; look-ups of many; lists of events."""

import statistics
import time

from common import EVENTS, PEOPLE, Sluice, measured
from export import python

# The end of the generated events' time, so that windows have something in them.
END = 1_774_225_600


def run(folder, results):
    server = Sluice(folder / "segments")
    rows = folder / "segments.csv"
    for what, count, kind in [("events", (EVENTS, PEOPLE), "event=event"), ("people", (PEOPLE,), "type:set")]:
        measured(python("data.py", what, rows, *count))
        server.cli("import", rows, "--map", f"identity=identity,timestamp=timestamp,{kind},id=id", timeout=7200)
        rows.unlink()
    server.cli("compact", "--wait", timeout=3600)
    server.start()
    try:
        ask(server, results)
    finally:
        server.stop()


def median(server, count, method, path, body=None):
    """The median time of a request; `body` and `path` may be made anew for each, so that none is answered from before."""
    times = []
    for turn in range(count):
        start = time.perf_counter()
        answer = server.request(
            method, path(turn) if callable(path) else path, body(turn) if callable(body) else body)
        times.append(time.perf_counter() - start)
        assert answer.status in (200, 201), answer.body[:1000]
    return statistics.median(times), answer


def ask(server, results):
    three = {"all": [{"did": "Purchased", "at_least": 3, "within": "60d"}, {"person": "plan", "is": "pro"},
                     {"did_not": "Searched", "within": "14d"}]}
    order = {"sequence": [{"event": "Viewed Page"}, {"event": "Added to Cart"}, {"event": "Purchased"}], "window": "7d"}
    valued = {"did": "Purchased", "at_least": 2, "where": {"property": "amount", "gt": 100}}
    for name, tree, most in [("three conditions", three, 1), ("three events in order within a week", order, None),
                             ("a property of events", valued, None)]:
        made = server.request("POST", "/v1/segments", {"name": name, "segment": {"all": [tree, {"did_not": "No such"}]}})
        path = f"/v1/segments/{made.json['id']}"
        took, answer = median(server, 5, "GET", lambda turn: f"{path}/count?as_of={END + turn}&as_of_seq={EVENTS + PEOPLE - turn}")
        results.add(f"segment of {name}, counted ({answer.json['count']:,} people)", took, "s", most=most)
        took, _ = median(server, 5, "GET", f"{path}/people?as_of={END}&limit=100&as_of_seq={EVENTS + PEOPLE}")
        results.add(f"segment of {name}, another page of 100", took * 1000, "ms")
        took, _ = median(server, 20, "GET", lambda turn: f"{path}/people?as_of={END}&identity=user-{turn}@example.com")
        results.add(f"segment of {name}, one person and why", took * 1000, "ms")
    took, _ = median(
        server, 5, "POST", "/v1/people/batch",
        lambda turn: {"identities": [f"user-{turn * 1000 + i}@example.com" for i in range(1000)]})
    results.add("1,000 identities looked up at once", took * 1000, "ms")
    took, _ = median(server, 5, "GET", "/v1/events?limit=100")
    results.add("the newest 100 events", took * 1000, "ms")
    took, _ = median(server, 1, "GET", "/v1/catalogue/properties")
    results.add("the catalogue, first time", took, "s")
    took, _ = median(server, 5, "GET", "/v1/catalogue/properties")
    results.add("the catalogue, again", took * 1000, "ms")
    start = time.perf_counter()
    answer = server.request(
        "GET", f"/v1/events?limit={min(EVENTS, 1_000_000)}", headers={"Accept": "application/x-ndjson"}, timeout=3600)
    count = answer.body.count(b"\n")
    results.add("events as a stream of lines", count / (time.perf_counter() - start), "events/s")
