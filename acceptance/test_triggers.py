"""Triggers, as those who are told meet them."""

import json
import os
import random
import time

import pytest

from receiver import Receiver
from sluice import Sluice, until

ALLOWED = ("--allow-private", "127.0.0.0/8")
SEEDS = int(os.environ.get("SLUICE_WEBHOOK_SEEDS", "3"))


@pytest.fixture
def shop(tmp_path):
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    yield server
    server.stop()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def add(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, **settings})
    assert answer.status == 201, answer.body
    return answer.json


def trigger(server, when, then=(), status=201, **more):
    answer = server.request("POST", "/v1/triggers", {"name": "t", "when": when, "then": list(then), **more})
    assert answer.status == status, answer.body
    return answer.json


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
    time.sleep(0.3)
    assert sorted(r["path"] for r in receiver.requests) == ["/hook"] * 2 + ["/hook/other"] * 2
    assert len(set(receiver.ids())) == 2


def test_a_and_not_b(shop, receiver):
    endpoint = add(shop, receiver.url)
    trigger(
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
    time.sleep(1)
    assert len(fired(receiver)) == 1


def test_kill_between_arming_and_the_deadline(shop, receiver):
    """6: it fires once after the restart, and says how late it is."""
    endpoint = add(shop, receiver.url)
    trigger(shop, {"event": "Cart", "absent": {"event": "Paid", "within": "1s"}}, [{"endpoint": endpoint["id"]}])
    shop.collect({"identity": "ann", "event": "Cart"}, {"identity": "bob", "event": "Cart"})
    shop.collect({"identity": "bob", "event": "Paid"})
    shop.kill()
    time.sleep(2.5)
    shop.start(*ALLOWED)
    assert until(lambda: fired(receiver))
    time.sleep(0.5)
    assert [data["identity"] for data in fired(receiver)] == ["ann"]
    assert fired(receiver)[0]["late_by_s"] > 0.5


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
    assert until(lambda: len(receiver.requests) >= 2)
    time.sleep(0.3)
    assert [(r["json"]["type"], r["json"]["data"]["identity"]) for r in receiver.requests] == [
        ("person.identified", "cookie"), ("person.identified", "bob")]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_crashes_double_no_firing(tmp_path, receiver, seed):
    """SIGKILL at random: every firing comes, each under one id, and what was answered in time fires nothing."""
    dice = random.Random(seed)
    shop = Sluice(tmp_path / "data").start(*ALLOWED)
    endpoint = add(shop, receiver.url, retry=["1s"] * 20)
    trigger(shop, {"event": "Buy"}, [{"endpoint": endpoint["id"]}])
    trigger(shop, {"event": "Cart", "absent": {"event": "Paid", "within": "3s"}}, [{"endpoint": endpoint["id"]}])
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
    time.sleep(1)
    assert seen() == expected
    ids = {}
    for request in list(receiver.requests):
        data = request["json"]["data"]
        ids.setdefault((data["event"]["event"], data["identity"]), set()).add(request["id"])
    assert all(len(found) == 1 for found in ids.values())
    shop.stop()
