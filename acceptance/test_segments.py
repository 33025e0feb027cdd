"""Segments, events as they come in, and the catalogue, as a user meets them."""

import http.client
import json
import threading

import pytest

from sluice import Sluice, cli


@pytest.fixture
def shop(tmp_path):
    server = Sluice(tmp_path / "data").start()
    server.collect(
        {"identity": "ann", "event": "Visit", "timestamp": "2024-01-01"},
        {"identity": "ann", "event": "Buy", "timestamp": "2024-01-02", "properties": {"amount": 30}},
        {"type": "set", "identity": "ann", "properties": {"plan": "pro", "email": "ann@example.com"}},
        {"identity": "bob", "event": "Buy", "timestamp": "2024-01-03", "properties": {"amount": 5}},
        {"identity": "bob", "event": "Visit", "timestamp": "2024-01-04"})
    yield server
    server.stop()


def test_the_command_line_keeps_and_asks_segments(shop, tmp_path):
    tree = tmp_path / "tree.json"
    tree.write_text(json.dumps({"sequence": [{"event": "Visit"}, {"event": "Buy"}], "window": "7d"}))
    made = json.loads(shop.cli(
        "segment", "create", "In order", "--where", f"@{tree}", "--timezone", "Europe/Berlin", "--json").stdout)
    assert (made["version"], made["timezone"]) == (1, "Europe/Berlin")
    assert shop.cli("segment", "count", made["id"]).stdout == "1\n"
    people = json.loads(shop.cli("segment", "people", made["id"], "--json").stdout)
    assert [person["identities"] for person in people["data"]] == [["ann"]]
    assert "In order" in shop.cli("segment", "list").stdout
    assert json.loads(shop.cli("segment", "show", made["id"]).stdout)["segment"] == json.loads(tree.read_text())
    both = shop.cli(
        "segment", "create", "Rich", "--where",
        json.dumps({"all": [{"segment": made["id"]}, {"did": "Buy", "where": {"property": "amount", "gt": 10}}]}), "--json")
    rich = json.loads(both.stdout)["id"]
    check = shop.cli("segment", "check", rich, "ann").stdout
    assert check.startswith("in the segment") and "1 events" in check
    assert shop.cli("segment", "check", rich, "bob").stdout.startswith("not in the segment")
    out = tmp_path / "people.csv"
    shop.cli("export", "people", "--columns", "identities", "--where", json.dumps({"segment": rich}), "--out", out)
    assert out.read_text().split() == ["identities", '"[""ann""]"']
    shop.cli("segment", "delete", made["id"], code=1)
    shop.cli("segment", "delete", rich)
    shop.cli("segment", "delete", made["id"])
    shop.cli("segment", "count", made["id"], code=1)
    shop.cli("segment", "create", "Wrong", "--where", '{"did": 1}', code=64)


def test_segments_outlive_the_server_and_backups_have_them(shop, tmp_path):
    made = json.loads(shop.cli("segment", "create", "Buyers", "--where", '{"event": "Buy"}', "--json").stdout)
    backup = tmp_path / "backup"
    shop.cli("backup", backup)
    shop.stop()
    assert shop.cli("segment", "count", made["id"]).stdout == "2\n"
    restored = tmp_path / "restored"
    cli("restore", backup, "--data", restored)
    assert cli("segment", "count", made["id"], "--data", restored).stdout == "2\n"
    shop.start()


def test_an_erasure_takes_names_out_of_saved_conditions(shop):
    body = {"name": "Ann alone", "segment": {"any": [
        {"person": "email", "is": "ann@example.com"}, {"event": "Buy"}]}}
    shop.collect({"type": "alias", "identity": "ann", "other": "ann@example.com"})
    made = shop.request("POST", "/v1/segments", body).json
    shop.request("PUT", f"/v1/segments/{made['id']}", {"description": "asks for ann@example.com"})
    shop.cli("erase", "ann@example.com")
    for version in (1, 2):
        kept = shop.request("GET", f"/v1/segments/{made['id']}?version={version}").json
        assert kept["segment"]["any"][0] == {"person": "email", "is": "[erased]"}
    assert kept["description"] == "asks for [erased]"
    assert shop.request("GET", f"/v1/segments/{made['id']}/count").json["count"] == 1
    shop.stop()
    raw = b"".join(path.read_bytes() for path in shop.data.glob("control.sqlite*"))
    assert b"ann@example.com" not in raw
    shop.start()


def lines(shop, path, accept, count):
    """The first lines of a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=300)
    connection.request("GET", path, headers={"Authorization": f"Bearer {shop.secret_key}", "Accept": accept})
    response = connection.getresponse()
    assert response.status == 200
    for _ in range(count):
        yield response.readline().decode()
    connection.close()


def test_events_as_lines_and_live(shop):
    found = [json.loads(line) for line in lines(shop, "/v1/events", "application/x-ndjson", 4)]
    assert [event["seq"] for event in found] == [1, 2, 4, 5]
    stream = lines(shop, "/v1/events/live?verdict=rejected", "text/event-stream", 7)
    assert [next(stream) for _ in range(3)] == ["retry: 2000\n", ": watching\n", "\n"]
    shop.request("POST", "/v1/events", {"events": [{"identity": "x"}, {"identity": "x", "event": "Y"}]}, key="write")
    assert next(stream) == "event: rejected\n"
    next(stream)
    verdict = json.loads(next(stream).removeprefix("data: "))
    assert verdict["reason"] and verdict["verdict"] == "rejected"


def test_a_watcher_does_not_hold_up_the_end(shop):
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=300)
    connection.request("GET", "/v1/events/live", headers={"Authorization": f"Bearer {shop.secret_key}"})
    response = connection.getresponse()
    assert response.status == 200 and response.readline() == b"retry: 2000\n"
    rest = []
    reader = threading.Thread(target=lambda: rest.append(response.read()))
    reader.start()
    shop.stop()
    reader.join(300)
    assert not reader.is_alive() and rest
    shop.start()


def test_pages_keep_the_versions_of_the_first(shop):
    inner = shop.request("POST", "/v1/segments", {"name": "Inner", "segment": {"did": "Visit"}}).json["id"]
    outer = shop.request("POST", "/v1/segments", {"name": "Outer", "segment": {"segment": inner}}).json["id"]
    path = f"/v1/segments/{outer}/people?limit=1"
    first = shop.request("GET", path).json
    searched = shop.request("POST", "/v1/people/search", {"segment": outer, "limit": 1}).json
    assert shop.request("PUT", f"/v1/segments/{inner}", {"segment": {"did": "Nothing"}}).status == 200
    second = shop.request("GET", f"{path}&cursor={first['next_cursor']}")
    assert second.status == 200 and [person["identities"] for person in second.json["data"]] == [["bob"]], second.body
    more = shop.request("POST", "/v1/people/search", {"segment": outer, "limit": 1, "cursor": searched["next_cursor"]})
    assert more.status == 200 and [person["identities"] for person in more.json["data"]] == [["bob"]], more.body
    assert shop.request("GET", path).json["data"] == []


def test_a_version_that_is_not_there_is_named(shop):
    made = shop.request("POST", "/v1/segments", {"name": "One", "segment": {"did": "Visit"}}).json["id"]
    missing = shop.request("GET", f"/v1/segments/{made}?version=7")
    assert missing.status == 404 and "version 7" in missing.json["detail"], missing.body


def test_a_condition_asks_a_bounded_number_of_things(shop):
    def tree(count):
        return {"any": [{"did": f"Event {i}"} for i in range(count)] + [{"did": "Buy"}]}

    assert len(shop.request("POST", "/v1/people/search", {"segment": tree(99)}).json["data"]) == 2
    refused = shop.request("POST", "/v1/people/search", {"segment": tree(100)})
    assert refused.status == 400 and refused.json["code"] == "too_large", refused.body
    assert "at most 100" in refused.json["detail"], refused.body


def test_lines_do_not_take_a_cursor(shop):
    for cursor in ["e.1.2.3", "nonsense"]:
        answer = shop.request("GET", f"/v1/events?cursor={cursor}", headers={"Accept": "application/x-ndjson"})
        assert answer.status == 400 and "cursor" in answer.json["detail"], answer.body
