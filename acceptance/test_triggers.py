"""Triggers, as those who are told meet them: what fires at once, what it says, and why it did not. What waits is in test_trigger_waits.

The numbers in names and docstrings are those of the list of acceptance tests (1 to 24): 1-5, 10-13, 16 and 18 are in
Tests/TriggersTests/AbsenceTests, 19 in WatchTests and test_trigger_states; 7, 14 and 15 in Tests/WebhooksTests/TriggerLedgerTests,
8 and 23 in StoreTests, 20-22 in SenderTests, 24 in Tests/ConnectorsTests/OutboundClientTests; 9 and 20 here, 6 to 8, 14 and 17 in
test_trigger_waits, 1, 10, 12 and 13 there once more; 21-23 once more in test_webhooks.
"""

import json
import random
import threading
import time

from receiver import Receiver
from sluice import until
from triggering import add, fired, health, settled, trigger


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


def test_a_sequence_of_events_fires_because_of_its_last(shop, receiver):
    endpoint = add(shop, receiver.url)
    when = {"sequence": [{"event": "Signed up"}, {"event": "Invited", "within": "7d"},
                         {"event": "Paid", "where": {"property": "amount", "gt": 10}, "within": "14d"}]}
    made = trigger(shop, when, [{"endpoint": endpoint["id"]}])
    shop.collect({"identity": "ann", "event": "Signed up"})
    shop.collect({"identity": "ann", "event": "Paid", "properties": {"amount": 20}},
                 {"identity": "ann", "event": "Invited"},
                 {"identity": "ann", "event": "Paid", "properties": {"amount": 5}})
    shop.collect({"identity": "ann", "event": "Paid", "properties": {"amount": 30}},
                 {"identity": "bob", "event": "Paid", "properties": {"amount": 30}})
    assert until(lambda: health(shop, made)["counts"]["fired"] == 1)
    settled(shop)
    assert [data["event"]["properties"] for data in fired(receiver)] == [{"amount": 30}]
    why = shop.request("GET", f"/v1/triggers/{made['id']}/explain?identity=bob").json
    assert "the steps before it" in str(why)
    trigger(shop, {"sequence": when["sequence"][:1]}, status=400)


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
