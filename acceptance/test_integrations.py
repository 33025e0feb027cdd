"""The definitions for other platforms, driven as the platforms drive them."""

import json
import subprocess

import pytest

from receiver import Receiver
from sluice import ROOT, Sluice, until


@pytest.fixture
def shop(tmp_path):
    server = Sluice(tmp_path / "data").start("--allow-private", "127.0.0.0/8")
    yield server
    server.stop()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def zapier(path, auth=None, **bundle):
    """What a part of the Zapier app gives; without node this fails, it is not left out."""
    done = subprocess.run(
        ["node", str(ROOT / "acceptance/zapier_runner.js"), str(ROOT / "integrations/zapier")],
        input=json.dumps({"path": path.split("/"), "bundle": {"authData": auth, "inputData": {}, **bundle}}),
        capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_zapier(shop, receiver):
    auth = {"server_url": shop.url + "/", "api_key": shop.secret_key}
    fields = [field["key"] for field in zapier("authentication/fields")["result"]]
    assert set(fields) == set(auth)
    assert "error" not in zapier("authentication/test", auth)
    wrong = zapier("authentication/test", {**auth, "api_key": "sk_wrong"})
    assert wrong["status"] == 401 and "API key" in wrong["error"]

    hook = "triggers/event_recorded/operation/"
    sample = zapier(hook + "sample")["result"]
    asked = {"inputData": {"event": "Signed Up"}}
    made_up = zapier(hook + "performList", auth, **asked)["result"]
    assert set(sample) == set(made_up[0]) and set(sample["data"]) == set(made_up[0]["data"])
    subscribed = zapier(hook + "performSubscribe", auth, targetUrl=receiver.url, **asked)["result"]
    receiver.secrets = [subscribed["secret"]]

    new = {"identity": "ann", "event": "Signed Up", "properties": {"plan": "pro"}, "id": "one"}
    record = "creates/record_event/operation/perform"
    assert zapier(record, auth, inputData=new)["result"]["accepted"] == 1
    assert zapier(record, auth, inputData=new)["result"]["duplicates"] == 1
    assert "refused" in zapier(record, auth, inputData={**new, "id": "two", "event": ""})["error"]
    assert until(lambda: receiver.requests)
    [got] = zapier(hook + "perform", auth, cleanedRequest=receiver.requests[0]["json"])["result"]
    assert set(sample) == set(got) and set(sample["data"]) == set(got["data"])
    assert got["data"]["identity"] == "ann" and receiver.refused == []
    [listed] = zapier(hook + "performList", auth, **asked)["result"]
    assert listed["id"] == got["id"], "a poll and a delivery are one to Zapier"

    set_it = {"identity": "ann", "properties": {"plan": "free"}}
    assert "error" not in zapier("creates/set_properties/operation/perform", auth, inputData=set_it)
    tie = {"identity": "ann", "other": "cookie"}
    assert "error" not in zapier("creates/add_alias/operation/perform", auth, inputData=tie)
    find = "searches/find_person/operation/"
    [person] = zapier(find + "perform", auth, inputData={"identity": "cookie"})["result"]
    assert person["properties"]["plan"] == "free" and set(zapier(find + "sample")["result"]) <= set(person)
    assert zapier(find + "perform", auth, inputData={"identity": "nobody"})["result"] == []
    poll = "triggers/person_changed/operation/"
    changes = until(lambda: zapier(poll + "perform", auth)["result"])
    assert set(zapier(poll + "sample")["result"]) <= set(changes[0])
    assert len({change["id"] for change in changes}) == len(changes)

    receiver.answer = lambda request: 410
    shop.collect({"identity": "bob", "event": "Signed Up"})
    assert until(lambda: not shop.request("GET", "/v1/hooks").json["data"]), "gone after a 410"
    again = zapier(hook + "performSubscribe", auth, targetUrl=receiver.url, **asked)["result"]
    for _ in range(2):
        assert "error" not in zapier(hook + "performUnsubscribe", auth, subscribeData=again)
    assert shop.request("GET", "/v1/hooks").json["data"] == []
