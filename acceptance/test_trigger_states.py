"""Triggers on segments, computed columns and reports, which no single event tells."""

import json
import time


from sluice import ALLOWED, until


def endpoint(server, receiver, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, **settings})
    assert answer.status == 201, answer.body
    return answer.json["id"]


def trigger(server, when, target=None, status=201, **more):
    then = [{"endpoint": target}] if target else []
    answer = server.request("POST", "/v1/triggers", {"name": "t", "when": when, "then": then, **more})
    assert answer.status == status, answer.body
    return answer.json


def segment(server, tree):
    answer = server.request("POST", "/v1/segments", {"name": "S", "segment": tree})
    assert answer.status == 201, answer.body
    return answer.json["id"]


def health(server, made):
    return server.request("GET", f"/v1/triggers/{made['id']}/health").json


def ready(server, *all_made):
    """Whoever is beyond the bound already is known; what comes is news either way, but then there is nothing to wait for."""
    for made in all_made:
        assert until(lambda: health(server, made)["watch"]["ready"]), health(server, made)


def told(receiver):
    with receiver.lock:
        return [(r["json"]["type"], r["json"]["data"]) for r in receiver.requests]


def who(receiver, trigger_id):
    return [data["identity"] for _, data in told(receiver) if data["trigger"]["id"] == trigger_id]


PRO = {"person": "plan", "is": "pro"}


def plan(server, identity, value):
    server.collect({"type": "set", "identity": identity, "properties": {"plan": value}})


def test_segments_that_are_entered_and_left(shop, receiver):
    target, pro = endpoint(shop, receiver), segment(shop, PRO)
    plan(shop, "old", "pro")
    entered = trigger(shop, {"segment": pro, "on": "entered"}, target)
    left = trigger(shop, {"segment": pro, "on": "left"}, target)
    # At once: what is collected after the trigger was made is news, however soon it is looked at first.
    plan(shop, "ann", "pro")
    assert until(lambda: who(receiver, entered["id"]) == ["ann"])
    kind, data = told(receiver)[0]
    assert kind == "trigger.fired" and data["event"] is None and data["person_id"].startswith("p_")
    assert data["change"] == {"old": False, "new": True, "segment": pro, "on": "entered"}
    ready(shop, entered, left)
    # Who is merged into another is the same person, and has neither entered nor left.
    shop.collect({"identity": "first", "event": "A"})
    plan(shop, "cookie", "pro")
    assert until(lambda: who(receiver, entered["id"]) == ["ann", "cookie"])
    shop.collect({"type": "alias", "identity": "first", "other": "cookie"})
    shop.kill()
    shop.start(*ALLOWED)
    plan(shop, "old", "free")
    plan(shop, "first", "free")
    assert until(lambda: len(who(receiver, left["id"])) == 2)
    assert set(who(receiver, left["id"])) == {"old", "first"}
    assert who(receiver, entered["id"]) == ["ann", "cookie"]
    assert len({r["id"] for r in receiver.requests}) == 4
    explained = shop.request("GET", f"/v1/triggers/{entered['id']}/explain?identity=ann").json
    assert explained["watch"]["state"] == "beyond" and explained["why_not"] is None
    assert explained["firings"][0]["instance_id"] == explained["watch"]["instance_id"] == data["instance_id"]
    assert "has not left" in shop.request("GET", f"/v1/triggers/{left['id']}/explain?identity=ann").json["why_not"]
    assert shop.request("DELETE", f"/v1/segments/{pro}").json["code"] == "segment_in_use"


def test_a_rule_that_is_changed_or_enabled_again_takes_what_is_as_given(shop, receiver):
    target, pro = endpoint(shop, receiver), segment(shop, PRO)
    other = segment(shop, {"person": "plan", "is": "max"})
    made = trigger(shop, {"segment": pro}, target, enabled=False)
    plan(shop, "ann", "pro")
    plan(shop, "bob", "max")
    path = f"/v1/triggers/{made['id']}"
    assert shop.request("PATCH", path, {"enabled": True, "name": "both"}).json["state"] == "enabled"
    ready(shop, made)
    assert shop.request("PATCH", path, {"when": {"segment": other}}).json["version"] == 2
    assert until(lambda: health(shop, made)["watch"]["beyond"] == 1 and health(shop, made)["watch"]["ready"])
    # Another segment by the same id is another question, too.
    changed = {"segment": {"any": [{"person": "plan", "is": "max"}, {"person": "plan", "is": "pro"}]}}
    assert shop.request("PUT", f"/v1/segments/{other}", changed).status == 200
    assert until(lambda: health(shop, made)["watch"]["beyond"] == 2)
    plan(shop, "eve", "max")
    assert until(lambda: who(receiver, made["id"]))
    # Whoever comes after is told after: nobody else was in between.
    plan(shop, "zoe", "max")
    assert until(lambda: "zoe" in who(receiver, made["id"]))
    assert who(receiver, made["id"]) == ["eve", "zoe"]


def test_time_alone_makes_one_enter(clocked, receiver):
    target = endpoint(clocked, receiver)
    away = segment(clocked, {"not": {"did": "Visit", "within": "30d"}})
    clocked.collect({"identity": "ann", "event": "Visit"})
    made = trigger(clocked, {"segment": away}, target)
    ready(clocked, made)
    answer = clocked.request("POST", "/v1/test/clock", {"advance": "31d"})
    assert answer.status == 200
    assert until(lambda: who(receiver, made["id"]) == ["ann"])


def pay(server, identity, amount):
    server.collect({"identity": identity, "event": "Purchased", "properties": {"amount": amount}})


def test_a_column_that_crosses_a_bound(shop, receiver):
    """19: a value that hovers about the bound is told once; with `recover_at` and `recovered`, once more when it is back."""
    target = endpoint(shop, receiver)
    pay(shop, "ann", 60)
    pay(shop, "low", 10)
    made = trigger(
        shop, {"column": "revenue_total", "below": 50, "recover_at": 55, "recovered": True}, target)
    pay(shop, "ann", -10)
    began = time.monotonic()
    pay(shop, "ann", -0.1)
    assert until(lambda: told(receiver))
    took = time.monotonic() - began
    kind, data = told(receiver)[0]
    assert (kind, data["identity"]) == ("trigger.fired", "ann")
    assert data["change"] == {
        "old": data["change"]["old"], "new": 49.9, "column": "revenue_total", "below": 50, "recover_at": 55}
    assert data["change"]["old"] in (60, 50)
    # Each look is over before the next value comes.
    for amount in (0.1, 0.1, -0.2):
        seen = health(shop, made)["watch"]["seq"]
        pay(shop, "ann", amount)
        assert until(lambda: health(shop, made)["watch"]["seq"] > seen)
    # Whoever is new begins where they begin.
    pay(shop, "eve", 5)
    pay(shop, "ann", 10)
    assert until(lambda: len(told(receiver)) == 2)
    back, data_back = told(receiver)[1]
    assert back == "trigger.recovered" and data_back["instance_id"] == data["instance_id"]
    assert data_back["change"]["old"] == 49.9 or data_back["change"]["new"] == 59.9
    assert receiver.requests[0]["id"] != receiver.requests[1]["id"]
    explained = shop.request("GET", f"/v1/triggers/{made['id']}/explain?identity=low").json
    assert explained["watch"]["state"] == "beyond" and "looked at first" in explained["why_not"]
    cause = shop.request("GET", f"/v1/triggers/{made['id']}/explain?identity=ann").json["firings"][-1]
    assert cause["change"]["new"] == 49.9 and cause["preceded_by"]["event"] == "Purchased"
    shop.collect({"identity": "calm", "event": "Purchased", "properties": {"amount": 70}})
    calm = shop.request("GET", f"/v1/triggers/{made['id']}/explain?identity=calm").json["why_not"]
    assert "revenue_total is 70, which is not below 50" in calm
    nobody = shop.request("GET", f"/v1/triggers/{made['id']}/explain?identity=nobody").json
    assert "nobody is known by" in nobody["why_not"] and nobody["person_id"] is None
    counts = health(shop, made)["counts"]
    assert (counts["fired"], counts["recovered"]) == (1, 1)
    assert took < 30, "5 s on a machine with nothing else to do"


def test_a_loop_through_a_segment_comes_to_an_end(shop, receiver):
    """Whoever is told writes back what makes the person leave, or enter again: the third is the last."""
    target, pro = endpoint(shop, receiver), segment(shop, PRO)
    made = {on: trigger(shop, {"segment": pro, "on": on}, target) for on in ("entered", "left")}
    ready(shop, *made.values())

    def answer(request):
        data = request["json"]["data"]
        shop.collect({"type": "set", "identity": data["identity"], "properties": {
            "plan": "free" if data["change"]["new"] else "pro",
            "$trigger_depth": int(request["headers"]["webhook-trigger-depth"])}})
        return 204

    receiver.answer = answer
    plan(shop, "ann", "pro")
    assert until(lambda: sum(health(shop, one)["counts"]["looped"] for one in made.values()) == 1)
    # A look may come before what was written back is followed; then it is one more.
    assert 3 <= len(told(receiver)) <= 4
    assert [r["headers"]["webhook-trigger-depth"] for r in receiver.requests][:2] == ["1", "2"]


def test_what_must_still_be_so(clocked, receiver):
    """The person is looked at again when the wait comes due: properties, segments and columns, as they are then."""
    target, pro = endpoint(clocked, receiver), segment(clocked, PRO)
    cart = {"event": "Cart", "absent": {"event": "Paid", "within": "30m"}}
    rules = {
        "plan": trigger(clocked, {**cart, "still": {"not": {"segment": pro}}}, target),
        "spent": trigger(clocked, {**cart, "still": {"column": "revenue_total", "gte": 10}}, target)}
    for who in ("ann", "bob"):
        clocked.collect({"identity": who, "event": "Cart"})
    # Nothing of this is what is waited for.
    plan(clocked, "bob", "pro")
    pay(clocked, "ann", 20)
    assert clocked.request("POST", "/v1/test/clock", {"advance": "31m"}).status == 200
    assert until(lambda: all(health(clocked, one)["open"] == 0 for one in rules.values()))
    assert until(lambda: len(told(receiver)) == 2)
    assert who_of(receiver, rules) == {"plan": ["ann"], "spent": ["ann"]}
    why = clocked.request("GET", f"/v1/triggers/{rules['plan']['id']}/explain?identity=bob").json
    assert '"still" does not hold' in why["why_not"] and why["instances"][0]["state"] == "cancelled"
    # Whoever may not see people is not told what became of it, either.
    app = clocked.request("POST", "/v1/keys", {"name": "app", "scopes": ["webhooks:write"]}).json["key"]
    told_less = clocked.request("GET", f"/v1/triggers/{rules['plan']['id']}/explain?identity=bob", key=app).json
    assert told_less["why_not"].startswith("[hidden") and told_less["instances"][0]["ended_by"].startswith("[hidden")
    assert clocked.request("DELETE", f"/v1/segments/{pro}").json["code"] == "segment_in_use"
    for still, path in [({"person": "plan"}, "when.still"), ({"segment": "seg_none"}, "when.still")]:
        assert trigger(clocked, {**cart, "still": still}, status=400)["path"].startswith(path)


def who_of(receiver, rules):
    return {name: who(receiver, made["id"]) for name, made in rules.items()}


def test_for_so_long(clocked, receiver):
    target = endpoint(clocked, receiver)
    pay(clocked, "ann", 60)
    pay(clocked, "bob", 60)
    made = trigger(clocked, {"column": "revenue_total", "below": 50, "for": "10m"}, target)
    pay(clocked, "ann", -20)
    pay(clocked, "bob", -20)
    assert until(lambda: health(clocked, made)["watch"]["pending"] == 2)
    pay(clocked, "bob", 20)
    assert until(lambda: health(clocked, made)["watch"]["pending"] == 1)
    clocked.request("POST", "/v1/test/clock", {"advance": "11m"})
    assert until(lambda: told(receiver))
    assert who(receiver, made["id"]) == ["ann"] and told(receiver)[0][1]["late_by_s"] > 0


def test_a_reports_number(shop, receiver):
    target = endpoint(shop, receiver)
    report = {"type": "metric", "measure": {"event": "Failed"}, "from": "-1h"}
    saved = shop.request("POST", "/v1/reports", {"name": "Failures", "report": report}).json["id"]
    above = trigger(
        shop, {"report": {"report_id": saved}, "value": "series.0.total", "above": 2, "every": "1s",
               "recovered": True}, target)
    drop = trigger(
        shop, {"report": {**report, "from": "-30m"}, "value": "total", "drop_percent": 50, "every": "1s",
               "against": "1h", "min_base": 3}, target)
    shop.collect(*({"identity": f"u{n}", "event": "Failed", "timestamp": time.time() - 4000} for n in range(4)))
    shop.collect({"identity": "ann", "event": "Failed"})
    assert until(lambda: told(receiver))
    assert told(receiver)[0][1]["trigger"]["id"] == drop["id"]
    change = told(receiver)[0][1]["change"]
    assert (change["old"], change["new"], change["drop_percent"]) == (4, change["new"], 50) and change["new"] <= 1
    assert told(receiver)[0][1]["person_id"] is None
    shop.collect(*({"identity": "ann", "event": "Failed"} for _ in range(3)))
    assert until(lambda: who(receiver, above["id"]) == [None])
    assert until(lambda: health(shop, above)["watch"]["value"] == 4)
    # What goes wrong is seen in the trigger's health, and does not end it.
    assert shop.request("DELETE", f"/v1/reports/{saved}").status == 204
    assert until(lambda: health(shop, above)["watch"]["error"])
    assert saved in health(shop, above)["watch"]["error"]
    # The next look fails alike, and tells nobody anything.
    failed = health(shop, above)["watch"]["error_at"]
    assert until(lambda: health(shop, above)["watch"]["error_at"] != failed)
    assert len(told(receiver)) == 2


def test_what_is_not_there_is_refused(shop):
    metric = {"type": "metric", "measure": {"event": "A"}, "from": "-1d"}
    shop.collect({"identity": "ann", "event": "A", "properties": {"amount": 5, "plan": "pro"}})
    for when, path in [
        ({"segment": "seg_none"}, "when.segment"), ({"column": "nothing", "below": 1}, "when.column"),
        ({"column": "lifecycle_stage", "below": 1}, "when.below"),
        ({"report": metric, "value": "series.0.totl", "above": 1}, "when.value"),
        ({"event": "A", "where": {"all": [{"property": "amount", "gt": "abc"}]}}, "when.where.all[0].gt"),
        ({"event": "A", "absent": {"event": "B", "within": "1h", "where": {"property": "amount", "lt": "1"}}}, "when.absent.where.lt"),
    ]:
        refused = trigger(shop, when, status=422)
        assert refused["path"] == path and refused["code"] == "impossible_trigger", refused
    trigger(shop, {"event": "A", "where": {"property": "plan", "gt": "a"}})
    # What is in no row yet may come.
    divided = {**metric, "breakdown": {"event_property": "plan"}}
    cohort = {"type": "cohort", "start": {"event": "New"}, "return": {"event": "A"}, "from": "-7d"}
    for report, value in [(divided, "series.4.total"), (cohort, "rows.0.people"), (cohort, "rows.2.values.1")]:
        made = trigger(shop, {"report": report, "value": value, "above": 1, "every": "1s"})
        assert until(lambda: health(shop, made)["watch"]["ready"])
        assert health(shop, made)["watch"]["error"] is None and health(shop, made)["watch"]["value"] is None
    assert trigger(shop, {"report": metric, "value": "series.1.total", "above": 1}, status=422)["path"] == "when.value"
    for when, path in [
        ({"report": {"type": "metric", "measure": {"event": "A"}}, "drop_percent": 10}, "when.report.from"),
        ({"report": {"type": "metric", "measure": {"event": "A"}, "as_of": "2024-01-01"}, "above": 1}, "when.report.as_of"),
        ({"column": "engagement_score", "below": 40, "recover_at": 30}, "when.recover_at"),
    ]:
        assert trigger(shop, when, status=400)["path"] == path
    assert trigger(shop, {"report": {"type": "nothing"}, "above": 1}, status=400)["code"] == "invalid_report"


def test_an_erased_person_is_nowhere(shop, receiver):
    target, pro = endpoint(shop, receiver), segment(shop, PRO)
    name = "ann-7f3a@example.com"
    made = trigger(shop, {"segment": pro, "on": "left"}, target)
    entered = trigger(shop, {"segment": pro, "on": "entered"}, target)
    plan(shop, name, "pro")
    plan(shop, "bob", "pro")
    assert until(lambda: sorted(who(receiver, entered["id"])) == [name, "bob"])
    assert until(lambda: health(shop, made)["watch"]["beyond"] == 2)
    shop.cli("erase", name)
    assert until(lambda: health(shop, made)["watch"]["beyond"] == 1)
    plan(shop, "bob", "free")
    assert until(lambda: who(receiver, made["id"]))
    assert who(receiver, made["id"]) == ["bob"]
    shop.stop()
    raw = b"".join(path.read_bytes() for path in shop.data.glob("delivery.sqlite*"))
    assert name.encode() not in raw
    shop.start(*ALLOWED)


def test_a_dry_run_looks_at_the_past(clocked):
    def later(length):
        assert clocked.request("POST", "/v1/test/clock", {"advance": length}).status == 200

    pro = segment(clocked, PRO)
    clocked.collect({"identity": "somebody", "event": "A"})
    later("1h")
    plan(clocked, "old", "pro")
    later("1h")
    plan(clocked, "ann", "pro")
    later("10m")
    made = trigger(clocked, {"segment": pro})
    since = json.loads(clocked.cli("triggers", "dry-run", made["id"], "--from=-30m").stdout)
    assert since["looks"] > 10 and "not seen" in since["note"]
    # Who was in it at the first look has not entered.
    assert since["fires"] == 1 and [s["identity"] for s in since["samples"]] == ["ann"]
    whole = clocked.request("POST", f"/v1/triggers/{made['id']}/dry-run", {"from": "-90m"}).json
    assert whole["fires"] == 2 and [s["identity"] for s in whole["samples"]] == ["old", "ann"]
    refused = clocked.request("POST", f"/v1/triggers/{made['id']}/dry-run", {"when": {"new_person": True}})
    assert refused.status == 400 and refused.json["code"] == "not_an_event"
