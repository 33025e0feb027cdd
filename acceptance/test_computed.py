"""Computed columns of people and the feed of changes, as a user meets them."""

import datetime
import json
import time

import pytest

from sluice import Sluice, cli, until

DAY = 86_400


@pytest.fixture
def shop(tmp_path):
    server = Sluice(tmp_path / "data").start()
    now = time.time()
    server.collect(
        {"identity": "ann", "event": "Visit", "timestamp": now - 20 * DAY},
        {"identity": "ann", "event": "Purchased", "timestamp": now - 2 * DAY, "properties": {"amount": 12.1}},
        {"identity": "ann", "event": "Purchased", "timestamp": now - DAY, "properties": {"amount": "0.2"}},
        {"identity": "bob", "event": "Visit", "timestamp": now - 100 * DAY},
        {"type": "set", "identity": "cy", "properties": {"plan": "pro"}})
    yield server
    server.stop()


def get(server, path, **keywords):
    answer = server.request("GET", path, **keywords)
    assert answer.status == 200, answer.body
    return answer.json


def computed(server, identity):
    return get(server, f"/v1/people?identity={identity}&include=computed")["computed"]


def visits(event="Visit"):
    return {"terms": {"n": {"measure": "count", "event": event}}, "value": {"term": "n"}}


def walk(server, query, limit, cursor=None):
    """All rows from a cursor on, page by page, and the cursor after them."""
    rows = []
    while True:
        page = get(server, f"/v1/changes?{query}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        rows += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return rows, cursor


def test_the_columns_that_are_there_from_the_start(shop, tmp_path):
    ann = computed(shop, "ann")
    assert ann["revenue_total"] == 12.3 and ann["lifecycle_stage"] == "active" and 10 < ann["engagement_score"] < 30
    assert computed(shop, "bob")["lifecycle_stage"] == "dormant"
    assert computed(shop, "cy") == {"engagement_score": 0, "lifecycle_stage": "none", "revenue_total": 0}
    rows = shop.export(
        "people", "--columns", "identities,engagement_score as score,lifecycle_stage,revenue_total",
        "--where", '{"column": "lifecycle_stage", "in": ["active", "dormant"]}')
    assert [row["revenue_total"] for row in rows] == ["12.3", "0"]
    assert rows[0]["score"] == str(ann["engagement_score"])
    out = tmp_path / "people.ndjson"
    shop.cli("export", "people", "--columns", "lifecycle_stage,revenue_total", "--format", "ndjson", "--out", out)
    assert json.loads(out.read_text().splitlines()[0]) == {"lifecycle_stage": "active", "revenue_total": 12.3}
    found = shop.request("POST", "/v1/people/search", {
        "segment": {"column": "revenue_total", "gt": 12}, "columns": ["person_id", "revenue_total"]}).json
    assert [row["revenue_total"] for row in found["data"]] == [12.3]
    assert "12.3" in shop.cli("columns", "explain", "revenue_total", "ann").stdout


def test_a_formula_is_edited_and_everything_follows(shop, tmp_path):
    shop.cli("columns", "set", "visits", "--formula", json.dumps(visits()))
    assert computed(shop, "ann")["visits"] == 1
    segment = json.loads(shop.cli(
        "segment", "create", "Visitors", "--where", '{"column": "visits", "gte": 1}', "--json").stdout)["id"]
    assert get(shop, f"/v1/segments/{segment}/count")["count"] == 2
    why = get(shop, f"/v1/segments/{segment}/people?identity=ann")["why"]
    assert why["holds"] and why["value"] == 1 and why["condition"] == {"column": "visits", "version": 1, "gte": 1}
    out = tmp_path / "before.csv"
    shop.cli("export", "people", "--columns", "identities,visits", "--out", out)
    before = out.read_bytes()
    spec = json.loads((tmp_path / "before.csv.manifest.json").read_text())["spec"]
    shop.cli("columns", "set", "visits", "--formula", json.dumps(visits("Purchased")))
    assert computed(shop, "ann")["visits"] == 2
    assert get(shop, f"/v1/segments/{segment}/count")["count"] == 1
    shop.collect({"identity": "ann", "event": "Purchased"})
    assert computed(shop, "ann")["visits"] == 3
    # What a manifest keeps gives the same bytes, whatever the column is by now.
    again = shop.request("POST", "/v1/exports", spec).json["id"]
    until(lambda: get(shop, f"/v1/exports/{again}")["status"] == "succeeded")
    assert shop.request("GET", f"/v1/exports/{again}/file").body == before
    assert [v["version"] for v in get(shop, "/v1/computed-columns/visits")["versions"]] == [1, 2]
    shop.cli("columns", "remove", "visits", code=1)
    shop.cli("segment", "delete", segment)
    shop.cli("columns", "remove", "visits")
    assert "visits" not in computed(shop, "ann")
    assert shop.request("POST", "/v1/people/search", {"segment": {"column": "visits", "gt": 1}}).status == 400
    # One that was there from the start goes back to what it was.
    shop.cli("columns", "set", "revenue_total", "--formula", json.dumps(visits()))
    assert computed(shop, "ann")["revenue_total"] == 1
    shop.cli("columns", "remove", "revenue_total")
    assert computed(shop, "ann")["revenue_total"] == 12.3


def test_a_value_says_how_it_came_about(shop):
    person = get(shop, "/v1/people?identity=ann")["id"]
    score = get(shop, f"/v1/people/{person}/computed/engagement_score")
    assert abs(sum(term["contribution"] for term in score["terms"]) - score["value"]) < 0.051
    assert [term["value"] for term in score["terms"]][1] == 3
    stage = get(shop, f"/v1/people/{person}/computed/lifecycle_stage")
    assert stage["value"] == "active" and stage["case"] == 3
    assert get(shop, f"/v1/people/{person}/computed")["computed"]["revenue_total"] == 12.3
    # As of a day before anything was paid, and of another seq.
    past = datetime.date.today() - datetime.timedelta(days=400)
    early = get(shop, f"/v1/people/{person}/computed?as_of={past}")["computed"]
    assert early["lifecycle_stage"] == "none" and early["revenue_total"] == 12.3
    assert get(shop, f"/v1/people/{person}/computed?as_of_seq=2")["computed"]["revenue_total"] == 12.1


def test_changes_of_people_at_any_page_size(shop):
    pages = [walk(shop, "dataset=people", limit) for limit in (1, 3, 100)]
    assert pages[0] == pages[1] == pages[2]
    rows, cursor = pages[0]
    assert [row["change"] for row in rows] == ["changed"] * 3
    assert walk(shop, "dataset=people", 100, cursor) == ([], cursor)
    assert walk(shop, "dataset=people", 100, "now") == ([], cursor)
    people = {row["person"]["identities"][0]: row["person_id"] for row in rows}
    shop.collect({"type": "alias", "identity": "ann", "other": "bob"}, {"type": "set", "identity": "cy", "properties": {"a": 1}})
    pages = [walk(shop, "dataset=people", limit, cursor) for limit in (1, 3, 100)]
    assert pages[0] == pages[1] == pages[2]
    rows, cursor = pages[0]
    merged = [row for row in rows if row["change"] == "merged"]
    assert [(row["person_id"], row["merged_into"]) for row in merged] == [(people["bob"], people["ann"])]
    changed = {row["person_id"]: row["person"] for row in rows if row["change"] == "changed"}
    assert set(changed) == {people["ann"], people["cy"]} and changed[people["cy"]]["properties"] == {"plan": "pro", "a": 1}
    # A merge that is undone brings the person back.
    alias = get(shop, "/v1/aliases")["data"][0]["seq"]
    assert shop.request("POST", f"/v1/aliases/{alias}/undo").status < 300
    rows, cursor = walk(shop, "dataset=people", 2, cursor)
    assert {row["person_id"] for row in rows if row["change"] == "changed"} == {people["ann"], people["bob"]}
    # Who was erased is named by nothing but the id.
    shop.cli("erase", "ann")
    rows, cursor = walk(shop, "dataset=people", 100, cursor)
    assert [row for row in rows if row["change"] == "erased"] == [
        {"change": "erased", "person_id": people["ann"], "change_seq": rows[0]["change_seq"]}]
    receipts = get(shop, "/v1/privacy/records")["data"][0]["detail"]["copies"]
    assert [r["rows"] for r in receipts if r["kind"] == "people_current"] == [1]
    shop.stop()
    raw = b"".join(path.read_bytes() for path in shop.data.rglob("hot.duckdb*") if path.is_file())
    assert b'"revenue_total":12.3' not in raw
    shop.start()
    assert walk(shop, "dataset=people", 100, cursor)[0] == []
    lines = shop.request("GET", "/v1/changes?dataset=people", headers={"Accept": "application/x-ndjson"})
    assert len(lines.body.splitlines()) == 3 and lines.headers["Sluice-Next-Cursor"] == cursor


def test_changes_of_events_and_bad_cursors(shop):
    pages = [walk(shop, "dataset=events", limit) for limit in (1, 3, 100)]
    assert [row["seq"] for row in pages[0][0]] == [1, 2, 3, 4] and pages[0][0] == pages[1][0] == pages[2][0]
    cursor = pages[2][1]
    shop.collect({"identity": "bob", "event": "Visit"})
    assert [row["seq"] for row in walk(shop, "dataset=events", 100, cursor)[0]] == [6]
    for query in ("dataset=nothing", "dataset=people&cursor=x", f"dataset=people&cursor={cursor}", "dataset=segment",
                  "dataset=events&cursor=E.77777", "dataset=people&cursor=P.77777", "dataset=people&limit=0"):
        assert shop.request("GET", f"/v1/changes?{query}").status == 400, query
    assert shop.request("GET", "/v1/changes?dataset=segment&segment=seg_none").status == 404


def test_who_enters_a_segment_and_who_leaves(shop):
    made = shop.request("POST", "/v1/segments", {
        "name": "Payers", "segment": {"any": [{"column": "revenue_total", "gt": 0}, {"event": "Trial"}]}}).json["id"]
    query = f"dataset=segment&segment={made}"
    rows, cursor = walk(shop, query, 1)
    assert [(row["change"], row["person"]["identities"]) for row in rows] == [("entered", ["ann"])]
    assert walk(shop, query, 100, cursor)[0] == []
    shop.collect(
        {"identity": "ann", "event": "Refunded", "properties": {"amount": -12.3}},
        {"identity": "bob", "event": "Trial"}, {"identity": "cy", "event": "Trial"})
    pages = [walk(shop, query, limit, cursor)[0] for limit in (1, 3, 100)]
    assert pages[0] == pages[1] == pages[2]
    assert [(row["change"], row["person"]["identities"][0]) for row in pages[0]] == [
        ("left", "ann"), ("entered", "bob"), ("entered", "cy")]
    _, cursor = walk(shop, query, 100, cursor)
    # By a change of the definition alone.
    shop.cli("columns", "set", "revenue_total", "--formula", json.dumps(visits()))
    rows, cursor = walk(shop, query, 100, cursor)
    assert [(row["change"], row["person"]["identities"][0]) for row in rows] == [("entered", "ann")]
    shop.collect({"type": "alias", "identity": "ann", "other": "cy"})
    rows, cursor = walk(shop, query, 100, cursor)
    assert [(row["change"], "merged_into" in row) for row in rows] == [("left", True)]
    shop.cli("erase", "bob")
    assert [row["change"] for row in walk(shop, query, 100, cursor)[0]] == ["erased"]


def test_the_day_changes_by_the_zone(shop):
    """The same moment is another day in another zone, and that alone changes what counts days."""
    shop.cli("columns", "set", "idle", "--formula",
             json.dumps({"terms": {"d": {"measure": "since_last"}}, "value": {"term": "d"}}))
    moment = time.time() - 12 * 3600
    shop.collect({"identity": "dan", "event": "Visit", "timestamp": moment})
    seen = {}
    _, cursor = walk(shop, "dataset=people", 100)
    for zone, offset in (("-11:00", -11), ("Pacific/Kiritimati", 14), ("UTC", 0)):
        shop.cli("settings", "--timezone", zone)
        rows, cursor = walk(shop, "dataset=people", 100, cursor)
        days = [int((t + offset * 3600) // DAY) for t in (moment, time.time())]
        seen[zone] = computed(shop, "dan")["idle"]
        assert seen[zone] == days[1] - days[0]
        for row in rows:
            assert row["person"]["computed"] == computed(shop, row["person"]["identities"][0])
    assert shop.request("PUT", "/v1/settings", {"timezone": "Nowhere"}).status == 400
    assert get(shop, "/v1/settings") == {"timezone": "UTC"}


def test_restarts_backups_and_compaction_keep_it(shop, tmp_path):
    before = walk(shop, "dataset=people", 100)
    shop.cli("columns", "set", "visits", "--formula", json.dumps(visits()))
    shop.cli("compact", "--wait")
    after = walk(shop, "dataset=people", 100)
    assert [row["person"]["computed"].get("visits") for row in after[0]] == [1, 1, 0] and before != after
    backup, restored = tmp_path / "backup", tmp_path / "restored"
    shop.cli("backup", backup)
    shop.stop()
    shop.start()
    assert walk(shop, "dataset=people", 100) == after
    shop.kill()
    shop.start()
    assert walk(shop, "dataset=people", 100) == after
    cli("restore", backup, "--data", restored)
    other = cli("export", "people", "--columns", "identities,visits", "--out", "-", "--data", restored)
    assert other.stdout.splitlines()[1:] == ['"[""ann""]",1', '"[""bob""]",1', '"[""cy""]",0']


def test_a_key_with_a_list_of_columns(shop):
    def key(*columns):
        answer = shop.request("POST", "/v1/keys", {
            "name": "k", "scopes": ["people:read", "exports:write", "segments:write", "events:read", "reports:read"],
            "columns": list(columns)})
        assert answer.status == 201, answer.body
        return answer.json["key"]

    some = key("person_id", "identities", "lifecycle_stage", "last_seen")
    people = ["person_id", "lifecycle_stage"]

    def refused(method, path, body=None, status=403, column="revenue_total"):
        answer = shop.request(method, path, body, key=some)
        assert answer.status == status, (path, answer.status, answer.body)
        if status == 403:
            assert answer.json["column"] == column, answer.body

    leaf = {"column": "revenue_total", "gt": 1}
    segment = shop.request("POST", "/v1/segments", {"name": "s", "segment": leaf}).json["id"]
    person = get(shop, "/v1/people?identity=ann")["id"]
    refused("POST", "/v1/people/search", {"segment": leaf, "columns": people})
    refused("POST", "/v1/people/search", {"segment": {"column": "lifecycle_stage", "is": "active"}, "columns": ["revenue_total"]})
    refused("POST", "/v1/people/search", {"segment": segment, "columns": people})
    refused("POST", "/v1/people/batch", {"identities": ["ann"], "columns": ["revenue_total"]})
    refused("POST", "/v1/segments", {"name": "t", "segment": leaf})
    refused("GET", f"/v1/segments/{segment}/count")
    refused("GET", f"/v1/changes?dataset=segment&segment={segment}&columns=person_id")
    refused("GET", "/v1/changes?dataset=people&columns=person_id,revenue_total")
    refused("POST", "/v1/exports", {"dataset": "people", "columns": ["person_id", "revenue_total"]})
    refused("POST", "/v1/exports", {"dataset": "people", "columns": ["person_id"], "where": leaf})
    refused("POST", "/v1/exports/estimate", {"dataset": "people", "columns": ["revenue_total"]})
    refused("GET", "/v1/computed-columns/revenue_total")
    # What a value is made of is events, which this key does not see.
    refused("GET", f"/v1/people/{person}/computed/lifecycle_stage", column="event")
    refused("PUT", "/v1/computed-columns/lifecycle_stage", {"formula": visits()}, column="event")
    # Nor can it slip in a formula of its own under a name that it reads.
    formula = {"version": 1, "day": "2026-01-01", "timezone": "UTC", **visits("Purchased")}
    refused("POST", "/v1/people/search", {
        "segment": {"column": "lifecycle_stage", "formula": formula, "is": 2}, "columns": people}, status=400)
    refused("POST", "/v1/exports", {
        "dataset": "people", "columns": people, "computed": {"lifecycle_stage": formula}}, status=400)
    report = {"type": "metric", "measure": {"event": "Visit"}, "from": "-9d", "to": "now", "interval": "day", "where": leaf}
    reads = key("event", "timestamp", "person_id")
    answer = shop.request("POST", "/v1/reports/query", report, key=reads)
    assert answer.status == 403 and answer.json["column"] == "revenue_total"
    asked = shop.request("POST", "/v1/people/search", {
        "segment": {"column": "lifecycle_stage", "is": "active"}, "columns": people}, key=some)
    assert asked.json["data"] == [{"person_id": person, "lifecycle_stage": "active"}]
    assert get(shop, f"/v1/people/{person}/computed", key=some)["computed"] == {"lifecycle_stage": "active"}
    assert [row["name"] for row in get(shop, "/v1/computed-columns", key=some)["data"]] == ["lifecycle_stage"]
    changes = get(shop, "/v1/changes?dataset=people&columns=person_id,lifecycle_stage", key=some)["data"]
    assert changes[0]["person"] == {"person_id": person, "lifecycle_stage": "active"}
    assert shop.request("POST", "/v1/keys", {"name": "k", "scopes": ["people:read"], "columns": ["engagment_score"]}).status == 400


def test_what_is_no_formula_says_where(shop):
    for formula, where in (
        ({}, "terms"), ({"terms": {"a": {"measure": "mean"}}, "value": {"term": "a"}}, "terms.a.measure"),
        ({"terms": {"a": {"measure": "sum"}}, "value": {"term": "a"}}, "property"),
        ({"terms": {"a": {"measure": "count", "within": "12h"}}, "value": {"term": "a"}}, "within"),
        ({"terms": {"a": {"measure": "count", "where": {"person": "x", "is": 1}}}, "value": {"term": "a"}}, "where"),
        ({"terms": {"a": {"measure": "count"}}, "value": {"term": "b"}}, "value.term"),
        ({"terms": {"a": {"measure": "count"}}, "value": {"weights": {"a": 1e9}}}, "weights"),
    ):
        answer = shop.request("PUT", "/v1/computed-columns/x", {"formula": formula})
        assert answer.status == 400 and where in answer.json["detail"], (formula, answer.body)
    assert shop.request("PUT", "/v1/computed-columns/person_id", {"formula": visits()}).status == 400
    assert shop.request("PUT", "/v1/computed-columns/x", {"formula": visits()}, headers={"If-Match": '"v3"'}).status == 412
