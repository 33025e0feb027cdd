"""The vendors' own SDKs, unchanged: what they send is what the exports contain, and identities are tied."""

import datetime
import json

from sluice import PATIENCE, cli


def person_of(server, identity):
    return json.loads(server.cli("people", "find", identity, "--json").stdout)


def test_kissmetrics(server):
    from KISSmetrics.client import Client

    client = Client(server.write_key, trk_host=server.host, trk_scheme="http")
    replies = [
        client.record("anon-1", "Visited Site", {"Referrer": "https://example.com/?a=1&b=2"}, timestamp=1700000000),
        client.alias("anon-1", "ann@example.com"),
        client.record("ann@example.com", "Signed Up", {"Plan": "Pro", "Seats": "12"}, timestamp=1700000060),
        client.record("ann@example.com", "Signed Up", {"Plan": "Pro", "Seats": "12"}, timestamp=1700000060),
        client.set("ann@example.com", {"Name": "Ann Lee, \"the first\" ☃"}, timestamp=1700000100),
        client.record("bob", "Visited Site"),
    ]
    for reply in replies:
        assert reply.status == 200 and len(reply.data) == 43 and reply.data[:6] == b"GIF89a"

    events = server.export("events", "--order", "seq", "--columns", "identity,event,timestamp,properties,person_id")
    assert [(e["identity"], e["event"]) for e in events] == [
        ("anon-1", "Visited Site"), ("ann@example.com", "Signed Up"), ("bob", "Visited Site")]
    assert json.loads(events[0]["properties"]) == {"Referrer": "https://example.com/?a=1&b=2"}
    assert json.loads(events[1]["properties"]) == {"Plan": "Pro", "Seats": 12}
    assert events[0]["timestamp"] == "2023-11-14T22:13:20.000000Z"
    assert events[0]["person_id"] == events[1]["person_id"] != events[2]["person_id"]

    ann = person_of(server, "anon-1")
    assert sorted(ann["identities"]) == ["ann@example.com", "anon-1"]
    assert ann["properties"] == {
        "Referrer": "https://example.com/?a=1&b=2", "Plan": "Pro", "Seats": 12,
        "Name": "Ann Lee, \"the first\" ☃"}
    assert ann == person_of(server, "ann@example.com") and ann["events_total"] == 2


def check_segment(server, client, shared):
    """Sends the same story with either SDK; `shared` is what the SDK adds to each call."""
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    client.identify("u1", traits={"email": "ann@example.com", "plan": "Pro"}, anonymous_id="anon-1", timestamp=when)
    client.track("u1", "Order Completed", {"revenue": 99.95, "items": [1, 2], "naïve": "☃"}, timestamp=when)
    client.track(anonymous_id="anon-1", event="Viewed", properties={"nested": {"a": None, "b": "x,\"y\"\n"}},
                 timestamp=when)
    client.alias("old-1", "u1", timestamp=when)
    client.page("u1", name="Home", properties={"path": "/"}, timestamp=when)
    client.screen("u1", name="Main", timestamp=when)
    client.group("u1", "g1", traits={"name": "Initech"}, timestamp=when)
    for number in range(300):
        client.track(f"user-{number}", "Counted", {"number": number}, timestamp=when)
    client.flush()
    client.shutdown()

    events = server.export("events", "--order", "seq", "--columns", "event_id,identity,event,timestamp,properties")
    assert len({e["event_id"] for e in events}) == len(events) == 304
    assert {e["timestamp"] for e in events} == {"2026-01-02T03:04:05.000000Z"}
    named = {(e["identity"], e["event"]): json.loads(e["properties"]) for e in events}
    assert named["u1", "Order Completed"] == {"revenue": 99.95, "items": [1, 2], "naïve": "☃"}
    assert named["anon-1", "Viewed"] == {"nested": {"a": None, "b": "x,\"y\"\n"}}
    assert named["u1", "Viewed Home Page"]["path"] == "/"
    assert ("u1", "Viewed Main Screen") in named
    assert sorted(p["number"] for (_, e), p in named.items() if e == "Counted") == list(range(300))

    ann = person_of(server, "anon-1")
    assert sorted(ann["identities"]) == ["anon-1", "old-1", "u1"]
    assert ann["properties"] == {"email": "ann@example.com", "plan": "Pro", "Group - name": "Initech", **shared}
    assert person_of(server, "u1") == person_of(server, "old-1") == ann
    identified = server.export("people", "--identified", name="identified.csv")
    assert len(identified) == 1


def check_sdk(server, make, **options):
    """Checks an SDK as it is, but for how long it waits for an answer: its own 15 s can be too short on a busy machine."""
    errors = []
    client = make(server.write_key, host=server.url, on_error=lambda e, items: errors.append(e), max_retries=1,
                  timeout=PATIENCE, **options)
    check_segment(server, client, {"Group - id": "g1"})
    assert not errors


def test_segment(server):
    import segment.analytics.client as segment

    check_sdk(server, segment.Client)


def test_segment_with_gzip(server):
    import segment.analytics.client as segment

    check_sdk(server, segment.Client, gzip=True)


def test_rudder(server):
    import rudderstack.analytics.client as rudder

    check_sdk(server, rudder.Client)


def test_a_wrong_key_is_refused_but_for_kissmetrics(server):
    from KISSmetrics.client import Client

    assert Client("wk_wrong", trk_host=server.host, trk_scheme="http").record("x", "Lost").status == 200
    assert server.request("POST", "/v1/batch", {"batch": [], "writeKey": "wk_wrong"}, key=None).status == 401
    assert server.request("POST", "/v1/events", {"events": []}, key="wk_wrong").status == 401
    assert server.request("GET", "/v1/people?identity=x", key="write").status == 403
    assert server.export("events") == []
    cli("people", "find", "x", "--server", server.url, "--key", "sk_wrong", code=77)
