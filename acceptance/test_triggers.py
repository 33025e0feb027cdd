"""Triggers, as those who are told meet them.

The numbers in names and docstrings are those of the list of acceptance tests (1 to 24): 1-5, 10-13, 16 and 18 are in
Tests/TriggersTests/AbsenceTests, 19 in WatchTests and test_trigger_states; 7, 14 and 15 in Tests/WebhooksTests/TriggerLedgerTests,
8 and 23 in StoreTests, 20-22 in SenderTests, 24 in Tests/ConnectorsTests/OutboundClientTests; 6 to 9, 14, 17 and 20 here, 1, 10, 12 and 13
once more; 21-23 once more in test_webhooks.
"""

import json
import os
import random
import threading
import time

import pytest

from receiver import Receiver
from sluice import ALLOWED, Sluice, until

SEEDS = int(os.environ.get("SLUICE_WEBHOOK_SEEDS", "3"))


def advance(server, length):
    answer = server.request("POST", "/v1/test/clock", {"advance": length})
    assert answer.status == 200, answer.body


def add(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, **settings})
    assert answer.status == 201, answer.body
    return answer.json


def trigger(server, when, then=(), status=201, **more):
    answer = server.request("POST", "/v1/triggers", {"name": "t", "when": when, "then": list(then), **more})
    assert answer.status == status, answer.body
    return answer.json


def health(server, made):
    return server.request("GET", f"/v1/triggers/{made['id']}/health").json


def settled(server):
    """All that was put into the outbox is done with; its deliveries. What fires is in it at once with all its messages."""
    def found():
        rows = server.request("GET", "/v1/deliveries?limit=1000").json["data"]
        return rows if all(row["status"] not in ("pending", "sending") for row in rows) else None

    return until(found)


def fired(receiver):
    return [request["json"]["data"] for request in list(receiver.requests) if request["json"]["type"] == "trigger.fired"]


def test_an_event_with_a_condition_fires_within_a_moment(shop, receiver):
    endpoint = add(shop, receiver.url)
    made = trigger(
        shop, {"event": "Purchased", "where": {"property": "amount", "gt": 100}}, [{"endpoint": endpoint["id"]}])
    assert made["enabled"] is True and made["version"] == 1
    receiver.secrets = [endpoint["secret"]]
    shop.collect(
        {"identity": "ann", "event": "Purchased", "properties": {"amount": 99}},
        {"identity": "ann", "event": "Purchased", "properties": {"amount": 101}})
    assert until(lambda: receiver.requests)
    message = receiver.requests[0]["json"]
    data = message["data"]
    assert message["type"] == "trigger.fired" and message["id"] == receiver.requests[0]["id"]
    assert set(data) == {"trigger", "instance_id", "person_id", "identity", "event", "fired_at", "late_by_s"}
    assert data["trigger"] == {"id": made["id"], "name": "t", "version": 1}
    shown = next(e for e in shop.request("GET", "/v1/events?limit=10").json["data"] if e["properties"]["amount"] == 101)
    assert data["event"] in (shown, {**shown, "person_id": None}) and data["identity"] == "ann"
    assert len(receiver.requests) == 1 and receiver.refused == []


def test_an_endpoint_gets_a_firing_once_however_it_is_reached(shop, receiver):
    endpoint = add(shop, receiver.url, events=["trigger.fired"])
    add(shop, receiver.url + "/other", events=["trigger.*"])
    trigger(shop, {"event": "A"}, [{"endpoint": endpoint["id"]}])
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: len(receiver.requests) >= 2)
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: len(receiver.requests) >= 4)
    assert len(settled(shop)) == 4
    assert sorted(r["path"] for r in receiver.requests) == ["/hook"] * 2 + ["/hook/other"] * 2
    assert len(set(receiver.ids())) == 2


def test_a_and_not_b(shop, receiver):
    endpoint = add(shop, receiver.url)
    made = trigger(
        shop, {"event": "Cart", "absent": {"event": "Paid", "within": "2s"}, "correlate": "properties.cart_id"},
        [{"endpoint": endpoint["id"]}])
    shop.collect(
        {"identity": "ann", "event": "Cart", "properties": {"cart_id": 1}},
        {"identity": "ann", "event": "Cart", "properties": {"cart_id": 2}},
        {"identity": "cookie", "event": "Cart", "properties": {"cart_id": 3}})
    shop.collect({"identity": "ann", "event": "Paid", "properties": {"cart_id": 1}})
    # The other person is this one, and has paid.
    shop.collect({"identity": "cookie-2", "event": "Paid", "properties": {"cart_id": 3}})
    shop.collect({"type": "alias", "identity": "cookie", "other": "cookie-2"})
    assert until(lambda: fired(receiver))
    data = fired(receiver)[0]
    assert data["event"]["properties"] == {"cart_id": 2} and data["person_id"]
    assert data["event"]["person_id"] == data["person_id"]
    # Of the others nothing is waited for any more.
    assert until(lambda: health(shop, made)["open"] == 0)
    assert health(shop, made)["counts"]["fired"] == 1 and len(settled(shop)) == 1


def test_kill_between_arming_and_the_deadline(shop, receiver):
    """6: it fires once after the restart, and says how late it is."""
    endpoint = add(shop, receiver.url)
    made = trigger(shop, {"event": "Cart", "absent": {"event": "Paid", "within": "1s"}}, [{"endpoint": endpoint["id"]}])
    shop.collect({"identity": "ann", "event": "Cart"}, {"identity": "bob", "event": "Cart"})
    shop.collect({"identity": "bob", "event": "Paid"})
    shop.kill()
    late = time.time() + 1.7
    assert until(lambda: time.time() > late)
    shop.start(*ALLOWED)
    assert until(lambda: fired(receiver))
    assert until(lambda: health(shop, made)["open"] == 0)
    settled(shop)
    assert [data["identity"] for data in fired(receiver)] == ["ann"]
    assert fired(receiver)[0]["late_by_s"] > 0.5


def test_kill_after_it_fired_and_before_it_is_sent(shop, receiver):
    """7: what fired is sent once, under the id that it had."""
    endpoint = add(shop, receiver.url)
    made = trigger(shop, {"event": "A"}, [{"endpoint": endpoint["id"]}])
    path = f"/v1/webhooks/endpoints/{endpoint['id']}"
    assert shop.request("PATCH", path, {"paused": True}).json["state"] == "paused"
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: health(shop, made)["counts"]["fired"] == 1)
    waiting = shop.request("GET", "/v1/deliveries").json["data"]
    assert [(row["status"], row["attempts"]) for row in waiting] == [("pending", 0)]
    shop.kill()
    shop.start(*ALLOWED)
    assert receiver.requests == []
    assert shop.request("PATCH", path, {"paused": False}).json["state"] == "active"
    assert until(lambda: receiver.requests)
    [done] = settled(shop)
    assert receiver.ids() == [waiting[0]["webhook_id"]] == [done["webhook_id"]] and done["attempts"] == 1
    assert health(shop, made)["counts"]["fired"] == 1


def test_kill_while_it_is_sent(shop, receiver):
    """8: what was on its way is sent again under the same id, as the second attempt, with a timestamp of its own."""
    endpoint = add(shop, receiver.url, retry=["1s"] * 5)
    receiver.secrets = [endpoint["secret"]]
    trigger(shop, {"event": "A"}, [{"endpoint": endpoint["id"]}])
    hang = threading.Event()
    receiver.answer = lambda request: hang.wait(60) and 204
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: receiver.requests)
    # The next attempt is in another second.
    assert until(lambda: time.time() >= int(receiver.requests[0]["headers"]["webhook-timestamp"]) + 1)
    shop.kill()
    receiver.answer = lambda request: 204
    hang.set()
    shop.start(*ALLOWED)
    assert until(lambda: len(receiver.requests) == 2)
    first, second = receiver.requests
    assert first["id"] == second["id"] and first["body"] == second["body"] and receiver.refused == []
    assert first["headers"]["webhook-timestamp"] != second["headers"]["webhook-timestamp"]
    assert until(lambda: shop.request("GET", f"/v1/deliveries?endpoint={endpoint['id']}&status=delivered").json["data"])
    row = shop.request("GET", f"/v1/deliveries?endpoint={endpoint['id']}").json["data"][0]
    assert row["attempts"] == 2


def test_the_same_event_twice_fires_once(shop, receiver):
    """9: by its id, in one call and in two, whatever it starts."""
    endpoint = add(shop, receiver.url)
    then = [{"endpoint": endpoint["id"]}]
    each = trigger(shop, {"event": "A"}, then)
    wait = trigger(shop, {"event": "A", "absent": {"event": "B", "within": "1s"}, "reentry": "each"}, then)
    count = trigger(shop, {"count": {"event": "A", "at_least": 2, "within": "1h"}}, then)
    same = {"id": "a-1", "identity": "ann", "event": "A"}
    shop.collect(same, same)
    shop.collect(same)
    assert until(lambda: len(fired(receiver)) == 2)
    assert shop.request("GET", f"/v1/triggers/{wait['id']}/health").json["counts"]["armed"] == 1
    # Who comes after is told after.
    shop.collect({"identity": "zoe", "event": "A"})
    assert until(lambda: len([d for d in fired(receiver) if d["identity"] == "zoe"]) == 2)
    of_ann = [d["trigger"]["id"] for d in fired(receiver) if d["identity"] == "ann"]
    assert sorted(of_ann) == sorted([each["id"], wait["id"]])
    assert shop.request("GET", f"/v1/triggers/{count['id']}/health").json["counts"]["fired"] == 0


def test_a_slow_receiver_keeps_no_other_waiting(shop, receiver):
    """20: the same firing to one that takes long and to one that does not."""
    slow, hang = Receiver(), threading.Event()
    slow.answer = lambda request: hang.wait(60) and 204
    ids = [add(shop, url)["id"] for url in (slow.url, receiver.url)]
    trigger(shop, {"event": "A"}, [{"endpoint": id} for id in ids])
    delays = []
    for n in range(40):
        began = time.monotonic()
        shop.collect({"identity": f"u{n}", "event": "A"})
        assert until(lambda: len(receiver.requests) > n, pause=0.002)
        delays.append(time.monotonic() - began)
    # The slow one has all that it may have at once, and has answered nothing.
    assert until(lambda: len(slow.requests) == 8)
    assert sorted(delays)[len(delays) // 2] < 5, "30 s would be the slow one's"
    hang.set()
    slow.close()


def test_what_cannot_be_is_refused_and_the_node_is_named(shop):
    answer = trigger(shop, {"event": "A", "absent": {"event": "B"}}, status=400)
    assert answer["path"] == "when.absent.within" and answer["code"] == "invalid_trigger"
    trigger(shop, {"event": "A"}, [{"endpoint": "ep_none"}], status=400)
    trigger(shop, {"event": "A"}, [{"slack": {}}], status=400)
    trigger(shop, {"event": "A"}, [{"http": {"url": "http://169.254.169.254/"}}], status=400)
    assert shop.request("GET", "/v1/triggers").json == {"data": [], "next_cursor": None}
    made = trigger(shop, {"event": "A"})
    assert shop.request("GET", f"/v1/triggers/{made['id']}").json == made
    assert shop.request("DELETE", f"/v1/triggers/{made['id']}").status == 204
    assert shop.request("GET", f"/v1/triggers/{made['id']}").status == 404


def test_actions_that_are_no_endpoint(shop, receiver):
    made = trigger(
        shop, {"event": "A"},
        [{"http": {"url": receiver.url + "/http", "headers": {"x-who": "{{data.identity}}", "authorization": "s3cret"},
                   "body": '{"who": {{data.identity}}}'}}])
    action = made["then"][0]
    assert action["http"]["headers"] == {"x-who": "[hidden]", "authorization": "[hidden]"}
    receiver.answer = lambda request: 503 if len(receiver.requests) == 1 else 204
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: len(receiver.requests) >= 2), "what fails is tried again"
    request = receiver.requests[0]
    assert request["json"] == {"who": "ann"} and request["headers"]["x-who"] == "ann"
    assert request["headers"]["authorization"] == "s3cret"
    assert until(lambda: shop.request("GET", f"/v1/deliveries?endpoint={action['deliveries']}&status=delivered").json["data"])
    # An action is no endpoint of anybody.
    assert shop.request("GET", f"/v1/webhooks/endpoints/{action['deliveries']}").status == 404
    assert shop.request("GET", "/v1/webhooks/endpoints").json["data"] == []


def test_persons_who_are_identified(shop, receiver):
    add(shop, receiver.url, events=["person.identified"])
    shop.collect({"identity": "cookie", "event": "A"})
    shop.collect({"type": "alias", "identity": "cookie", "other": "ann"})
    shop.collect({"type": "set", "identity": "ann", "properties": {"plan": "pro"}})
    shop.collect({"type": "set", "identity": "bob", "properties": {"plan": "pro"}})
    # Who they are is enough, without anything that is said of them.
    assert shop.request("POST", "/v1/identify", {"writeKey": shop.write_key, "userId": "zed"}, key=None).status == 200
    shop.collect({"type": "set", "identity": "zoe", "properties": {"plan": "pro"}})
    # Who comes last is told of last; the endpoint asks for no order.
    assert until(lambda: "zoe" in [r["json"]["data"]["identity"] for r in list(receiver.requests)])
    assert len(settled(shop)) == 4
    assert sorted((r["json"]["type"], r["json"]["data"]["identity"]) for r in receiver.requests) == [
        ("person.identified", who) for who in ("bob", "cookie", "zed", "zoe")]


CART = {"event": "Cart", "absent": {"event": "Paid", "within": "30m"}}


def test_hours_pass_at_once(clocked, receiver):
    """1, 10, 12 and 13: what is waited for, with a clock that is set ahead."""
    endpoint = add(clocked, receiver.url)
    made = trigger(clocked, CART, [{"endpoint": endpoint["id"]}])
    clocked.collect(*({"identity": who, "event": "Cart"} for who in ("ann", "bob", "cookie")))
    advance(clocked, "29m")
    clocked.collect({"identity": "bob", "event": "Paid"}, {"identity": "ann", "event": "Cart"})
    clocked.collect({"identity": "cookie-2", "event": "Paid"}, {"type": "alias", "identity": "cookie", "other": "cookie-2"})
    advance(clocked, "2m")
    clocked.collect({"identity": "eve", "event": "Cart"})
    assert until(lambda: clocked.request("GET", f"/v1/triggers/{made['id']}/health").json["counts"]["cancelled"] == 2)
    assert fired(receiver) == []
    advance(clocked, "28m")
    assert until(lambda: fired(receiver))
    assert [data["identity"] for data in fired(receiver)] == ["ann"]
    rows = clocked.data.parent / "rows.csv"
    rows.write_text("identity,event,timestamp\nold,Cart,2020-01-01\neve,Paid," + fired(receiver)[0]["fired_at"] + "\n")
    clocked.cli("import", rows, "--map", "identity=identity,event=event,timestamp=timestamp")
    advance(clocked, "3h")
    health = clocked.request("GET", f"/v1/triggers/{made['id']}/health").json
    assert health["open"] == 0 and health["counts"]["fired"] == 1 and health["counts"]["cancelled"] == 3
    # Why, and why not.
    def explain(who):
        return clocked.request("GET", f"/v1/triggers/{made['id']}/explain?identity={who}").json
    assert explain("ann")["why_not"] is None
    assert explain("ann")["firings"][0]["deliveries"][0]["status"] == "delivered"
    assert [i["state"] for i in explain("ann")["instances"]] == ["fired", "superseded"]
    assert "what was waited for came" in explain("cookie-2")["why_not"]
    assert explain("eve")["person_id"].startswith("p_")
    assert "nobody is known by" in explain("old-stranger")["why_not"] and explain("old-stranger")["person_id"] is None
    assert "has the name" in explain("eve")["why_not"] or explain("eve")["instances"]


def test_a_new_window_holds_for_what_is_waited_for(clocked, receiver):
    """14."""
    endpoint = add(clocked, receiver.url)
    made = trigger(clocked, CART, [{"endpoint": endpoint["id"]}])
    clocked.collect({"identity": "ann", "event": "Cart"})
    assert until(lambda: clocked.request("GET", f"/v1/triggers/{made['id']}/health").json["open"] == 1)
    shorter = {"event": "Cart", "absent": {"event": "Paid", "within": "10m"}}
    changed = clocked.request("PATCH", f"/v1/triggers/{made['id']}", {"when": shorter, "open": "migrate"}).json
    assert changed["version"] == 2
    advance(clocked, "11m")
    assert until(lambda: fired(receiver))
    assert fired(receiver)[0]["trigger"]["version"] == 2


def test_ten_thousand_timers(clocked, receiver):
    """17: due in one moment, all of them fire; how late the last one was."""
    made = trigger(clocked, CART)
    for start in range(0, 10_000, 1_000):
        clocked.collect(*({"identity": f"u{n}", "event": "Cart"} for n in range(start, start + 1_000)))
    path = f"/v1/triggers/{made['id']}/health"
    assert until(lambda: clocked.request("GET", path).json["open"] == 10_000)
    advance(clocked, "40m")
    assert until(lambda: clocked.request("GET", path).json["counts"]["fired"] == 10_000)
    assert clocked.request("GET", path).json["open"] == 0


def test_silence(clocked, receiver):
    endpoint = add(clocked, receiver.url)
    made = trigger(clocked, {"silence": {"event": "Beat", "for": "10m"}}, [{"endpoint": endpoint["id"]}])
    # One that is shorter says that the timers were looked at.
    shorter = trigger(clocked, {"silence": {"event": "Beat", "for": "8m"}})
    for times in (1, 2):
        clocked.collect({"identity": "ann", "event": "Beat"})
        advance(clocked, "9m")
        assert until(lambda: health(clocked, shorter)["counts"]["fired"] == times)
    assert fired(receiver) == [] and health(clocked, made)["counts"]["fired"] == 0
    advance(clocked, "2m")
    assert until(lambda: fired(receiver))
    # It is told once: nothing is waited for until something comes.
    assert health(clocked, made)["open"] == 0
    advance(clocked, "2h")
    assert health(clocked, made)["open"] == 0 and len(settled(clocked)) == 1
    assert [(data["event"], data["person_id"]) for data in fired(receiver)] == [(None, None)]


def test_a_dry_run_says_what_live_did(shop, receiver):
    endpoint = add(shop, receiver.url)
    when = {"event": "Cart", "absent": {"event": "Paid", "within": "1s"}}
    made = trigger(shop, when, [{"endpoint": endpoint["id"]}])
    dice = random.Random(5)
    for n in range(60):
        who = f"u{dice.randint(0, 20)}"
        shop.collect({"identity": who, "event": dice.choice(["Cart", "Cart", "Paid"])})
        if n % 20 == 10:
            shop.collect({"type": "alias", "identity": who, "other": f"u{dice.randint(0, 20)}"})
    # Who comes last is told of last.
    shop.collect({"identity": "last", "event": "Cart"})
    assert until(lambda: "last" in [data["identity"] for data in fired(receiver)])
    assert until(lambda: health(shop, made)["open"] == 0)
    answer = shop.request("POST", f"/v1/triggers/{made['id']}/dry-run", {"from": "-1h"})
    assert answer.status == 200, answer.body
    assert until(lambda: len(fired(receiver)) == answer.json["fires"]), (len(fired(receiver)), answer.json)
    assert answer.json["fires"] > 5
    assert {sample["instance_id"] for sample in answer.json["samples"]} <= {d["instance_id"] for d in fired(receiver)}


def test_a_property_changes(shop, receiver):
    endpoint = add(shop, receiver.url)
    # What was so before is no change when it is said again.
    shop.collect({"type": "set", "identity": "old", "properties": {"plan": "pro"}})
    trigger(shop, {"property": "plan", "to": "pro"}, [{"endpoint": endpoint["id"]}])
    shop.collect({"type": "set", "identity": "old", "properties": {"plan": "pro"}})
    shop.collect({"type": "set", "identity": "ann", "properties": {"plan": "free"}})
    shop.collect({"type": "set", "identity": "ann", "properties": {"plan": "pro"}})
    assert until(lambda: fired(receiver))
    assert [(d["identity"], d["change"]) for d in fired(receiver)] == [
        ("ann", {"property": "plan", "old": "free", "new": "pro"})]


def test_a_sample_and_the_command_line(shop, receiver):
    endpoint = add(shop, receiver.url)
    made = json.loads(shop.cli(
        "triggers", "add", "Big", "--when", '{"event": "A"}', "--endpoint", endpoint["id"], "--json").stdout)
    receiver.secrets = [endpoint["secret"]]
    shop.cli("triggers", "test", made["id"])
    assert receiver.requests[0]["json"]["test"] is True and receiver.refused == []
    assert made["id"] in shop.cli("triggers", "list").stdout
    shop.cli("triggers", "disable", made["id"], "--hold")
    shop.cli("triggers", "enable", made["id"])
    assert json.loads(shop.cli("triggers", "show", made["id"]).stdout)["health"]["state"] == "enabled"
    shop.cli("triggers", "change", made["id"], "--when", '{"event": "B"}')
    assert "ann: " in shop.cli("triggers", "explain", made["id"], "ann").stdout
    shop.cli("triggers", "dry-run", made["id"], "--from=-1h")
    shop.cli("triggers", "remove", made["id"])
    assert shop.request("GET", "/v1/triggers").json["data"] == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_crashes_double_no_firing(tmp_path, receiver, seed):
    """SIGKILL at random: every firing comes, each under one id, and what was answered in time fires nothing."""
    dice = random.Random(seed)
    shop = Sluice(tmp_path / "data").start(*ALLOWED)
    endpoint = add(shop, receiver.url, retry=["1s"] * 20)
    made = [
        trigger(shop, {"event": "Buy"}, [{"endpoint": endpoint["id"]}]),
        trigger(shop, {"event": "Cart", "absent": {"event": "Paid", "within": "3s"}}, [{"endpoint": endpoint["id"]}])]
    sent, expected = 0, set()
    for _ in range(4):
        for _ in range(dice.randint(1, 6)):
            batch = []
            for _ in range(dice.randint(1, 20)):
                who = f"u{sent}"
                sent += 1
                batch.append({"id": f"buy-{who}", "identity": who, "event": "Buy"})
                batch.append({"id": f"cart-{who}", "identity": who, "event": "Cart"})
                expected.add(("Buy", who))
                if dice.random() < 0.5:
                    batch.append({"id": f"paid-{who}", "identity": who, "event": "Paid"})
                else:
                    expected.add(("Cart", who))
            shop.collect(*batch)
        time.sleep(dice.random())
        shop.kill()
        shop.start(*ALLOWED)

    def seen():
        return {(data["event"]["event"], data["identity"]) for data in fired(receiver)}

    assert until(lambda: seen() >= expected)
    assert until(lambda: health(shop, made[1])["open"] == 0)
    assert sum(health(shop, one)["counts"]["fired"] for one in made) == len(expected)
    settled(shop)
    assert seen() == expected
    ids = {}
    for request in list(receiver.requests):
        data = request["json"]["data"]
        ids.setdefault((data["event"]["event"], data["identity"]), set()).add(request["id"])
    assert all(len(found) == 1 for found in ids.values())
    shop.stop()


def test_why_of_persons_and_what_they_have(shop, receiver):
    then = [{"endpoint": add(shop, receiver.url)["id"]}]
    shop.collect({"type": "set", "identity": "old", "properties": {"plan": "free"}}, {"identity": "before", "event": "Seen"})
    new, plan = trigger(shop, {"new_person": True}, then), trigger(shop, {"property": "plan", "to": "pro"}, then)
    shop.collect({"type": "set", "identity": "ann", "properties": {"plan": "team"}})
    assert until(lambda: fired(receiver))

    def explain(made, who):
        answer = shop.request("GET", f"/v1/triggers/{made['id']}/explain?identity={who}")
        assert answer.status == 200, answer.body
        return answer.json

    assert explain(new, "ann")["firings"] and explain(new, "ann")["why_not"] is None
    for made, who, said in [
        (new, "old", "known before"), (new, "before", "anonymous so far"), (new, "nobody", "nobody is known by"),
        (plan, "ann", '"to" is "pro"'), (plan, "old", "was not set"), (plan, "nobody", "nobody is known by"),
    ]:
        assert said in explain(made, who)["why_not"], (who, explain(made, who))
        assert (explain(made, who)["person_id"] is None) == (who == "nobody")
    shop.collect({"type": "set", "identity": "ann", "properties": {"plan": "pro"}})
    assert until(lambda: len(fired(receiver)) == 2)
    change = explain(plan, "ann")["firings"][0]["change"]
    assert (change["old"], change["new"]) == ("team", "pro")


def test_addresses_that_are_secrets_are_not_shown(shop):
    hook = "https://hooks.slack.com/services/T00000000/B00000000/aaaaaaaaaaaaaaaaaaaaaaaa"
    for action in ({"slack": {"url": hook}}, {"http": {"url": hook}}, {"http": {"url": "https://a.example/?token=hush"}}):
        made = trigger(shop, {"event": "A"}, [action])
        shown = json.dumps(made) + shop.request("GET", f"/v1/triggers/{made['id']}").body.decode()
        assert "aaaaaaaa" not in shown and "hush" not in shown and "[hidden]" in shown
    refused = shop.request("POST", "/v1/triggers", {
        "name": "t", "when": {"event": "A"}, "then": [{"http": {"url": "http://nowhere.invalid/x"}}]})
    assert refused.status == 400 and refused.json["path"] == "then[0].http"
