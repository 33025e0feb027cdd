"""Deliveries sent again together, called off, and shown as a command."""

import json
import shlex

import standardwebhooks

from sluice import until
from test_webhooks import add, deliveries


def test_many_are_sent_again_with_progress_and_called_off(shop, receiver):
    receiver.answer = lambda request: 404
    endpoint = add(shop, receiver.url, events=["*"], retry=[], final_client_errors=True, rate_limit={"count": 1, "per": "h", "burst": 6})
    for n in range(4):
        shop.collect({"identity": "u", "event": "A", "properties": {"n": n}})
    assert until(lambda: len(deliveries(shop, status="failed")) == 4)
    receiver.answer = lambda request: 200
    asked = {"endpoint": endpoint["id"], "status": "failed"}
    assert shop.request("POST", "/v1/deliveries/replay", {**asked, "preview": True}).json == {"would_replay": 4}
    assert shop.request("GET", "/v1/deliveries/replays").json["data"] == []
    begun = shop.request("POST", "/v1/deliveries/replay", asked)
    assert (begun.status, begun.json) == (202, {"replayed": 4})
    place = begun.headers["location"]
    # Two of them fit into what the endpoint takes in an hour.
    assert until(lambda: shop.request("GET", place).json["delivered"] == 2)
    shown = shop.request("GET", place).json
    assert (shown["status"], shown["total"], shown["pending"], shown["failed"]) == ("running", 4, 2, 0)
    assert shown["id"] in shop.cli("deliveries", "replays", "--endpoint", endpoint["id"]).stdout
    assert "2 messages not sent again" in shop.cli("deliveries", "cancel", shown["id"]).stdout
    over = json.loads(shop.cli("deliveries", "replays", shown["id"], "--json").stdout)
    assert (over["status"], over["delivered"], over["put_back"], over["pending"]) == ("cancelled", 2, 2, 0)
    states = [row["status"] for row in deliveries(shop, endpoint=endpoint["id"])]
    assert sorted(states) == ["aborted", "aborted", "delivered", "delivered"]
    assert shop.request("POST", f"{place}/cancel").status == 409
    assert shop.request("GET", "/v1/deliveries/replays/rpl_x1").status == 404
    assert shop.request("GET", "/v1/deliveries/replays?endpoint=ep_x").status == 400
    assert "to call it off" in shop.cli("deliveries", "replay", "--endpoint", endpoint["id"]).stdout


def test_a_delivery_is_a_command_with_a_signature_of_now(shop, receiver):
    endpoint = add(shop, receiver.url, events=["*"], headers={"authorization": "Bearer it's"})
    shop.collect({"identity": "ann", "event": "A", "properties": {"text": "it's $HOME `x` \\"}})
    assert until(lambda: deliveries(shop, status="delivered"))
    delivery = deliveries(shop)[0]
    text = shop.cli("deliveries", "curl", delivery["id"]).stdout
    words = shlex.split(text, comments=True)
    assert words[:4] == ["curl", "--globoff", "--request", "POST"] and words[4] == receiver.url
    headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "--header")
    body = words[words.index("--data-raw") + 1]
    assert headers["webhook-id"] == delivery["webhook_id"] and headers["authorization"] == "Bearer it's"
    assert body.encode() == receiver.requests[0]["body"]
    standardwebhooks.Webhook(endpoint["secret"]).verify(body, headers)
    assert len(receiver.requests) == 1, "nothing is sent by it"

    path = f"/v1/deliveries/{delivery['id']}/curl"
    for scopes, status in ((["webhooks:read", "events:read", "people:read"], 403), (["webhooks:write"], 403),
                           (["webhooks:write", "events:read", "people:read"], 200)):
        key = shop.request("POST", "/v1/keys", {"name": "k", "scopes": scopes}).json["key"]
        answer = shop.request("GET", path, key=key)
        assert answer.status == status, scopes
    assert b"'authorization: [hidden]'" in answer.body and b"Bearer" not in answer.body
    assert shop.request("GET", "/v1/deliveries/dlv_zzz/curl").status == 404
    entries = shop.request("GET", "/v1/audit?action=deliveries.curl").json["data"]
    assert [entry["status"] for entry in entries].count(200) == 2, entries
