"""The definitions for other platforms, driven as the platforms drive them."""

import base64
import json
import re
import subprocess
from urllib.parse import urlencode

import pytest

from sluice import ROOT, Sluice, until


@pytest.fixture
def shop(tmp_path):
    server = Sluice(tmp_path / "data").start("--allow-private", "127.0.0.0/8")
    yield server
    server.stop()


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


class Make:
    """Runs the definitions as Make does: a mustache alone keeps its type, in a text it becomes text."""

    def __init__(self, shop):
        self.shop = shop

    @staticmethod
    def file(name):
        return json.loads((ROOT / f"integrations/make/{name}.imljson").read_text())

    def fill(self, value, scope):
        if isinstance(value, dict):
            return {name: self.fill(inner, scope) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner, scope) for inner in value]
        if not isinstance(value, str):
            return value
        if whole := re.fullmatch(r"{{([^}]*)}}", value):
            return self.evaluate(whole[1], scope)
        return re.sub(r"{{([^}]*)}}", lambda found: str(self.evaluate(found[1], scope)), value)

    def evaluate(self, text, scope):
        if call := re.fullmatch(r"toCollection\(([\w.]+), '(\w+)', '(\w+)'\)", text):
            return {row[call[2]]: row[call[3]] for row in self.evaluate(call[1], scope) or []}
        for name in text.split("."):
            scope = (scope or {}).get(name)
        return scope

    def run(self, name, base="base", **scope):
        asked, shared = self.file(name), self.file(base) if base else {}
        url = self.fill(shared.get("baseUrl", "") + asked["url"], scope)
        assert url.startswith(self.shop.url)
        path = url[len(self.shop.url):] + ("?" + urlencode(self.fill(asked["qs"], scope)) if "qs" in asked else "")
        headers = self.fill({**shared.get("headers", {}), **asked.get("headers", {})}, scope)
        body = self.fill(asked["body"], scope) if "body" in asked else None
        got = self.shop.request(asked.get("method", "GET"), path, body, key=None, headers=headers)
        scope.update(statusCode=got.status, body=got.json if got.body else None)
        told = {**shared.get("response", {}), **asked.get("response", {})}
        if got.status >= 400:
            return {"error": self.fill(told["error"]["message"], scope)}
        return {name: self.fill(told[name], scope) for name in ("data", "output") if name in told}


def test_make(shop, receiver):
    make, auth = Make(shop), {"server_url": shop.url, "api_key": shop.secret_key}
    assert {field["name"] for field in make.file("connections/parameters")} == set(auth)
    assert "error" not in make.run("connections/api", base=None, parameters=auth)
    assert "[401]" in make.run("connections/api", base=None, parameters={**auth, "api_key": "sk_wrong"})["error"]
    hook = {"url": receiver.url}
    hook |= make.run("webhooks/attach", connection=auth, webhook=hook, parameters={"event": "Signed Up"})["data"]
    told = {"identity": "ann", "event": "Signed Up", "properties": [{"name": "plan", "value": "pro"}]}
    assert {field["name"] for field in make.file("modules/record_event/expect")} == set(told)
    assert make.run("modules/record_event/api", connection=auth, parameters=told)["output"]["accepted"] == 1
    assert until(lambda: receiver.requests)
    got = make.fill(make.file("webhooks/api")["output"], {"body": receiver.requests[0]["json"]})
    sample, interface = make.file("modules/watch_events/samples"), make.file("modules/watch_events/interface")
    assert set(got) == set(sample) == {field["name"] for field in interface}
    spec = next(field["spec"] for field in interface if "spec" in field)
    assert set(got["data"]) == set(sample["data"]) == {field["name"] for field in spec}
    person = make.run("modules/find_person/api", connection=auth, parameters={"identity": "ann"})["output"]
    assert person["identities"] == ["ann"]
    assert "[404]" in make.run("modules/find_person/api", connection=auth, parameters={"identity": "x"})["error"]
    receiver.answer = lambda request: 410
    shop.collect({"identity": "bob", "event": "Signed Up"})
    assert until(lambda: not shop.request("GET", "/v1/hooks").json["data"])
    for _ in range(2):
        assert "error" not in make.run("webhooks/detach", connection=auth, webhook=hook)


def tray(operation, name, auth, input=None, request=None):
    done = subprocess.run(
        ["node", str(ROOT / "acceptance/tray_runner.js"), str(ROOT / "integrations/tray"), operation, name],
        input=json.dumps({"auth": auth, "input": input, "request": request}), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_tray(shop, receiver):
    connector = json.loads((ROOT / "integrations/tray/connector.json").read_text())
    assert connector["isTrigger"] is True and connector["service"]["name"] == "sluice"
    for folder in (ROOT / "integrations/tray/src").iterdir():
        if folder.is_dir():
            assert json.loads((folder / "operation.json").read_text())["name"] == folder.name
    auth = {"server": shop.url, "key": shop.secret_key}
    wanted = {"event": "Signed Up", "where": '{"property": "plan", "is": "pro"}', "public_url": receiver.url}
    refused = tray("event", "webhookCreateHandler", {**auth, "key": "sk_wrong"}, wanted)
    assert refused["ok"] is False and refused["status"] == 401
    subscription = tray("event", "webhookCreateHandler", auth, wanted)["value"]
    receiver.secrets = [subscription["secret"]]

    item = {"identity": "ann", "event": "Signed Up", "properties": {"plan": "pro"}, "id": "one"}
    assert tray("collect_event", "collectEventHandler", auth, item)["value"]["accepted"] == 1
    assert tray("collect_event", "collectEventHandler", auth, item)["value"]["duplicates"] == 1
    shop.collect({"identity": "bob", "event": "Signed Up", "properties": {"plan": "free"}})
    assert until(lambda: receiver.requests)
    body = base64.b64encode(receiver.requests[0]["body"]).decode()
    started = tray("event", "webhookRequestHandler", auth, wanted, {"body": body, "hasLargeBody": False})
    assert started["value"]["response"]["status"] == 200 and started["value"]["output"]["data"]["identity"] == "ann"
    skipped = tray("event", "webhookRequestHandler", auth, wanted, {"body": "", "hasLargeBody": True})
    assert skipped["error"]["skip"] is True and skipped["error"]["response"]["status"] == 200
    assert receiver.refused == [] and len(receiver.requests) == 1
    person = tray("find_person", "findPersonHandler", auth, {"identity": "ann"})["value"]
    assert person["identities"] == ["ann"] and person["events_total"] == 1

    # Unsubscribed by its address, twice.
    for _ in range(2):
        assert tray("event", "webhookDestroyHandler", auth, wanted)["ok"] is True
        assert shop.request("GET", "/v1/hooks").json["data"] == []
    tray("event", "webhookCreateHandler", auth, wanted)
    receiver.answer = lambda request: 410
    shop.collect({"identity": "eve", "event": "Signed Up", "properties": {"plan": "pro"}})
    assert until(lambda: not shop.request("GET", "/v1/hooks").json["data"]), "gone after a 410"
