"""Reports: from an imported log to an answer, by API and on the command line, against plain loops over the same file."""

import csv
import io
import datetime
import gzip
import json

import pytest

from sluice import ROOT, Sluice, until

STEPS = ["catalog", "product_view", "cart", "purchase"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = Sluice(tmp_path_factory.mktemp("reports") / "data")
    folder.cli("import", ROOT / "Examples/shop.csv.gz", "--map", "identity=user_id,event=event,timestamp=timestamp")
    folder.start()
    yield folder
    folder.stop()


@pytest.fixture(scope="module")
def visits():
    """Each visitor's events, in the order of time and of the file."""
    found = {}
    with gzip.open(ROOT / "Examples/shop.csv.gz", "rt", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            at = datetime.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=datetime.timezone.utc)
            found.setdefault(row["user_id"], []).append((at, number, row["event"]))
    return {who: sorted(rows) for who, rows in found.items()}


def reached(rows, steps, window):
    """How many steps the person's best start reaches: the conditions are disjoint, so that equal times count."""
    best = 0
    for start in (at for at, _, event in rows if event == steps[0]):
        last, count = start, 1
        for step in steps[1:]:
            after = [at for at, _, event in rows if event == step and at >= last]
            if not after or after[0] - start > window:
                break
            last, count = after[0], count + 1
        best = max(best, count)
    return best


def ask(server, report, status=200):
    answer = server.request("POST", "/v1/reports/query", report)
    assert answer.status == status, answer.body
    return answer.json


def test_funnel(shop, visits):
    expected = [sum(reached(rows, STEPS, datetime.timedelta(days=7)) > step for rows in visits.values())
                for step in range(len(STEPS))]
    answer = ask(shop, {"type": "funnel", "steps": [{"event": name} for name in STEPS], "window": "7d"})
    assert [step["people"] for step in answer["steps"]] == expected
    printed = json.loads(shop.cli("report", "funnel", *STEPS, "--window", "7d", "--json").stdout)
    assert printed["steps"] == answer["steps"]
    table = shop.cli("report", "funnel", *STEPS, "--window", "7d").stdout
    assert "1 catalog" in table and "looked at in" in table


def test_metric_and_cohort(shop, visits):
    days = {}
    for who, rows in visits.items():
        for at, _, event in rows:
            if event == "cart":
                days.setdefault(at.date().isoformat(), set()).add(who)
    answer = ask(shop, {"type": "metric", "measure": {"event": "cart", "of": "people"}, "interval": "day"})
    points = {point["t"]: point["value"] for point in answer["series"][0]["points"]}
    assert {day: value for day, value in points.items() if value} == {day: len(who) for day, who in days.items()}
    assert answer["series"][0]["total"] == len(set().union(*days.values()))
    printed = json.loads(shop.cli("report", "metric", "cart", "--of", "people", "--interval", "day", "--json").stdout)
    assert printed["series"] == answer["series"]
    cohort = json.loads(shop.cli("report", "cohort", "--start", "catalog", "--return", "purchase", "--interval",
                                 "month", "--periods", "3", "--json").stdout)
    assert sum(row["people"] for row in cohort["rows"]) == sum(
        any(event == "catalog" for _, _, event in rows) for rows in visits.values())
    assert all(len(row["values"]) == 3 for row in cohort["rows"])


def test_people_of_a_cell(shop, visits):
    expected = sorted(who for who, rows in visits.items()
                      if reached(rows, STEPS, datetime.timedelta(days=7)) == 2)
    report = {"type": "funnel", "steps": [{"event": name} for name in STEPS], "window": "7d"}
    found, cursor = [], None
    while True:
        page = shop.request("POST", "/v1/reports/people", {
            "report": report, "cell": {"step": 3, "outcome": "dropped"}, "limit": 7, "cursor": cursor}).json
        found += [person["identities"][0] for person in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == expected


def test_saved(shop):
    made = shop.cli("report", "metric", "cart", "--interval", "month", "--save", "Carts").stdout.strip()
    assert made.startswith("rep_") and "Carts" in shop.cli("report", "list").stdout
    first = json.loads(shop.cli("report", "run", made, "--json").stdout)
    assert first["series"] == ask(shop, {"report_id": made})["series"]
    shop.cli("report", "delete", made)
    ask(shop, {"report_id": made}, status=404)


def test_wrong_usage(shop):
    assert "steps" in shop.cli("report", "funnel", "one", code=64).stderr
    assert "window" in shop.cli("report", "funnel", "a", "b", "--window", "soon", code=64).stderr


def test_a_saved_segment_in_a_report(shop, tmp_path):
    made = shop.request("POST", "/v1/segments", {"name": "Buyers", "segment": {"did": "purchase"}})
    assert made.status == 201, made.body
    buyers = made.json["id"]
    steps = [{"event": "catalog"}, {"event": "purchase"}]
    by_name = {"type": "funnel", "steps": steps, "window": "7d", "where": {"segment": buyers}}
    by_tree = {**by_name, "where": {"did": "purchase"}}
    people = [step["people"] for step in ask(shop, by_name)["steps"]]
    assert people == [step["people"] for step in ask(shop, by_tree)["steps"]] and people[0] > 0
    assert people[0] < ask(shop, {"type": "funnel", "steps": steps, "window": "7d"})["steps"][0]["people"]
    saved = shop.request("POST", "/v1/reports", {"name": "Funnel of buyers", "report": by_name})
    assert saved.status == 201, saved.body
    result = shop.request("GET", f"/v1/reports/{saved.json['id']}/result").json
    assert [step["people"] for step in result["steps"]] == people
    out = tmp_path / "funnel.csv"
    shop.cli("export", "report", "--report", saved.json["id"], "--out", out)
    with open(out, newline="") as file:
        assert [int(row["people"]) for row in csv.DictReader(file)] == people
    # What a report asks by may not go before it.
    assert shop.request("DELETE", f"/v1/segments/{buyers}").status == 409
    assert shop.request("DELETE", f"/v1/reports/{saved.json['id']}").status == 204
    assert shop.request("DELETE", f"/v1/segments/{buyers}").status == 204
    answer = ask(shop, by_name, status=400)
    assert answer["path"] == "report.where.segment" or "report.where.segment" in answer["detail"], answer


@pytest.fixture
def server(tmp_path):
    folder = Sluice(tmp_path / "data").start()
    yield folder
    folder.stop()


def test_values_are_one_however_they_were_written(server):
    for who, city, score in [("a", '"Z\\u00fcrich"', "1"), ("b", '"Zürich"', "1.0"), ("c", '"Z\\u00fcrich"', "1e0")]:
        body = (f'{{"events":[{{"identity":"{who}","event":"Seen","properties":{{"city":{city},"score":{score}}}}},'
                f'{{"type":"set","identity":"{who}","properties":{{"home":{city}}}}}]}}')
        assert server.request("POST", "/v1/events", body.encode(), key="write").json["rejected"] == []
    selectors = [({"event_property": "city"}, "Zürich"), ({"event_property": "score"}, 1), ({"person_property": "home"}, "Zürich")]
    for breakdown, key in selectors:
        report = {"type": "metric", "measure": {"event": "Seen", "of": "people"}, "breakdown": breakdown}
        assert [(one["key"], one["total"]) for one in ask(server, report)["series"]] == [(key, 3)]
        behind = server.request("POST", "/v1/reports/people", {"report": report, "cell": {"key": key}})
        assert len(behind.json["data"]) == 3, behind.body
    cohort = ask(server, {"type": "cohort", "start": {"event": "Seen"}, "return": {"event": "Seen"}, "interval": "day",
                          "breakdown": {"event_property": "city"}})
    assert [(row["cohort"], row["people"]) for row in cohort["rows"]] == [("Zürich", 3)]


def test_a_key_with_columns_exports_the_reports_that_it_asks(server):
    server.collect({"identity": "ann", "event": "Seen"})
    made = server.request("POST", "/v1/keys", {"name": "reports", "scopes": ["reports:read", "exports:read", "exports:write"],
                                               "columns": ["person_id", "event"]})
    assert made.status == 201, made.body
    report = {"type": "metric", "measure": {"event": "Seen"}}
    asked = {"dataset": "report", "report": report, "format": "csv"}
    assert server.request("POST", "/v1/exports", asked, key=made.json["key"]).status == 202
    # Whoever names a seq finds out when a row was stored.
    named = {**asked, "as_of_seq": 1}
    assert server.request("POST", "/v1/exports", named, key=made.json["key"]).status == 403


def test_names_with_a_zero_byte_are_refused(server):
    bodies = [("POST", "/v1/segments", {"name": "a\0b", "segment": {"did": "x"}}),
              ("POST", "/v1/reports", {"name": "a\0b", "report": {"type": "metric", "measure": {"event": "x"}}}),
              ("POST", "/v1/keys", {"name": "a\0b", "scopes": ["collect"]}),
              ("PUT", "/v1/catalogue/events/A%00b", {"owner": "x"})]
    for method, path, body in bodies:
        assert server.request(method, path, body).status == 400, path


def export(server, spec, tmp_path):
    made = server.request("POST", "/v1/exports", {"dataset": "report", "format": "csv", **spec})
    assert made.status == 202, made.body
    path = f"/v1/exports/{made.json['id']}"
    done = until(lambda: server.request("GET", path).json["status"] == "succeeded" or None)
    assert done, server.request("GET", path).body
    return list(csv.DictReader(io.StringIO(server.request("GET", f"{path}/file").body.decode())))


def test_exports_have_the_numbers_that_are_of_everything(server, tmp_path):
    server.collect(*[{"identity": who, "event": "Paid", "timestamp": f"2026-01-{day:02}", "properties": {"amount": amount, "plan": plan}}
                     for who, day, amount, plan in [("ann", 3, 10, "a"), ("bob", 4, 5, "b"), ("ann", 20, 7, "b")]])
    paid = {"event": "Paid", "of": "people"}
    days = {"from": "2026-01-01", "to": "2026-02-01"}
    metric = {"type": "metric", "measure": paid, "interval": "day", **days}
    rows = export(server, {"report": metric}, tmp_path)
    assert [row["value"] for row in rows if row["whole"] == "true"] == ["2"]
    assert len([row for row in rows if row["whole"] == "false"]) == 31
    revenue = {"type": "revenue", "measure": {"event": "Paid", "property": "amount"}, "interval": "month", **days}
    whole = [row for row in export(server, {"report": revenue}, tmp_path) if row["whole"] == "true"]
    assert [(row["total"], row["people"], row["per_person"]) for row in whole] == [("22", "2", "11")]
    funnel = {"type": "funnel", "steps": [{"event": "Paid"}, {"event": "Paid"}], "breakdown": {"event_property": "plan"}}
    rows = export(server, {"report": funnel}, tmp_path)
    assert [row["people"] for row in rows if row["whole"] == "true"] == ["2", "1"]
    # The people behind a number.
    rows = export(server, {"report": revenue, "cell": {"outcome": "gained"}}, tmp_path)
    assert [row["identities"] for row in rows] == ['["ann"]', '["bob"]']
    # What is no cell is said at once.
    refused = server.request("POST", "/v1/exports", {"dataset": "report", "report": metric, "cell": {"t": "then"}})
    assert refused.status == 400 and "cell.t" in refused.json["detail"], refused.body
    refused = server.request("POST", "/v1/exports", {"dataset": "people", "cell": {"t": "2026-01-01"}})
    assert refused.status == 400 and "cell" in refused.json["detail"], refused.body


def test_exports_of_reports_for_spreadsheets_and_in_parts(server, tmp_path):
    server.collect(*[{"identity": "ann", "event": "Paid", "timestamp": "2026-01-03", "properties": {"amount": amount, "plan": plan}}
                     for amount, plan in [(1.5, "=a"), (2.25, "b;c")]])
    report = {"type": "metric", "measure": {"event": "Paid", "of": "sum", "property": "amount"}, "breakdown": {"event_property": "plan"}}
    spec = {"dataset": "report", "report": report, "format": "csv"}
    made = server.request("POST", "/v1/exports", {**spec, "bom": True, "delimiter": ";", "decimal": ",", "formula_guard": True})
    path = f"/v1/exports/{made.json['id']}"
    assert until(lambda: server.request("GET", path).json["status"] == "succeeded" or None)
    body = server.request("GET", f"{path}/file").body
    assert body.startswith(b"\xef\xbb\xbfrange;key;other;whole;t;value\r\n"), body
    assert b"asked;'=a;false;true;;1,5\r\n" in body and b'asked;"b;c";false;true;;2,25\r\n' in body, body
    out = tmp_path / "parts.csv"
    spec_file = tmp_path / "report.json"
    spec_file.write_text(json.dumps(report))
    server.cli("export", "report", "--report", f"@{spec_file}", "--part-rows", "1", "--out", out)
    assert len(list(tmp_path.glob("parts*.csv"))) == 4, list(tmp_path.iterdir())


def test_an_answer_is_given_again_only_to_those_who_may_see_it(server):
    server.collect({"identity": "ann", "event": "Seen", "properties": {"plan": "pro"}})
    made = server.request("POST", "/v1/keys", {"name": "few", "scopes": ["reports:read", "reports:write"], "columns": ["event"]})
    body = {"name": "Plans", "report": {"type": "metric", "measure": {"event": "Seen"}, "breakdown": {"event_property": "plan"}}}
    once = {"Idempotency-Key": "one"}
    assert server.request("POST", "/v1/reports", body, headers=once).status == 201
    again = server.request("POST", "/v1/reports", body, headers=once)
    assert again.status == 201 and again.headers["Idempotency-Replayed"] == "true"
    other = server.request("POST", "/v1/reports", body, headers=once, key=made.json["key"])
    assert other.status == 403 and "properties.plan" in other.json["detail"], other.body
