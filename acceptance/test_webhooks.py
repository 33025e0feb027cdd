"""Webhooks, as those who receive them meet them."""

import json
import os
import random
import socket
import ssl
import threading
import time

import pytest

from mail_server import certificate
from receiver import Receiver
from sluice import ALLOWED, ROOT, Sluice, cli, until

SEEDS = int(os.environ.get("SLUICE_WEBHOOK_SEEDS", "3"))


def add(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, **settings})
    assert answer.status == 201, answer.body
    return answer.json


def deliveries(server, **query):
    path = "/v1/deliveries?limit=1000&" + "&".join(f"{k}={v}" for k, v in query.items())
    return server.request("GET", path).json["data"]


def attempts(server, endpoint):
    return server.request("GET", f"/v1/webhooks/endpoints/{endpoint['id']}/attempts").json["data"]


def test_other_peoples_libraries_accept_every_message(shop, receiver):
    """23: through a rotation with its overlap, and when sent again."""
    shop.collect({"identity": "early", "event": "Purchased"})
    endpoint = add(shop, receiver.url, events=["*"])
    receiver.secrets = [endpoint["secret"]]
    shop.collect(*({"identity": f"u{n}", "event": "Purchased", "properties": {"n": n, "text": "ä.\n\"x\""}} for n in range(20)))
    assert until(lambda: len(receiver.requests) >= 20)
    path = f"/v1/webhooks/endpoints/{endpoint['id']}"
    rotated = shop.request("POST", f"{path}/rotate", {"overlap": "1h"}).json
    assert rotated["secret"] != endpoint["secret"] and rotated["secrets"] == 2
    receiver.secrets = [endpoint["secret"], rotated["secret"]]
    shop.collect({"identity": "later", "event": "Purchased"})
    assert until(lambda: len(receiver.requests) >= 21)
    last = shop.request("POST", f"{path}/rotate", {"overlap": "0s"}).json
    receiver.secrets = [last["secret"]]
    first = deliveries(shop, endpoint=endpoint["id"])[-1]
    assert until(lambda: not deliveries(shop, endpoint=endpoint["id"], status="sending"))
    assert shop.request("POST", f"/v1/deliveries/{first['id']}/replay").status == 202
    assert until(lambda: len(receiver.requests) >= 22)
    assert receiver.refused == []
    assert receiver.ids()[-1] == first["webhook_id"]
    assert len(set(receiver.ids())) == 21, "an event that was collected before must not come"
    # The event is the one that the API shows, person and all.
    shown = {event["seq"]: event for event in shop.request("GET", "/v1/events?limit=1000").json["data"]}
    for request in receiver.requests:
        message = request["json"]
        assert list(message) == ["type", "timestamp", "id", "data"]
        assert message["type"] == "event.recorded" and message["id"] == request["id"]
        # Whose an identity is that nobody has met before may not be known yet; nothing waits for it.
        person = message["data"]["person_id"]
        event = shown[message["data"]["seq"]]
        assert person in (None, event["person_id"])
        assert message["data"] == {**event, "person_id": person}
        assert message["timestamp"] == message["data"]["timestamp"]


def test_only_what_is_asked_for_comes(shop, receiver):
    add(shop, receiver.url + "/big", events=["Purchased"], where={"property": "amount", "gt": 100})
    add(shop, receiver.url + "/thin", events=["Signed Up"], payload="thin")
    add(shop, receiver.url + "/person", events=["Signed Up"], include=["properties", "identities"])
    shop.collect(
        {"type": "set", "identity": "ann", "properties": {"plan": "pro"}},
        {"type": "alias", "identity": "ann", "other": "cookie"})
    # The second time is a duplicate.
    for _ in range(2):
        shop.collect(
            {"id": "1", "identity": "ann", "event": "Purchased", "properties": {"amount": 99}},
            {"id": "2", "identity": "ann", "event": "Purchased", "properties": {"amount": 100.5}},
            {"id": "3", "identity": "ann", "event": "Viewed", "properties": {"amount": 500}},
            {"id": "4", "identity": "ann", "event": "Signed Up", "properties": {"secret": "x"}})
    assert until(lambda: len(receiver.requests) >= 3)
    by_path = {request["path"]: request["json"] for request in receiver.requests}
    assert by_path["/hook/big"]["data"]["properties"] == {"amount": 100.5}
    assert set(by_path["/hook/thin"]["data"]) == {"seq", "event_id", "person_id"}
    person = by_path["/hook/person"]["data"]["person"]
    assert person["properties"] == {"plan": "pro"} and set(person["identities"]) == {"ann", "cookie"}
    # One id for the event, however it is written.
    assert by_path["/hook/thin"]["id"] == by_path["/hook/person"]["id"]
    # An import is of the past.
    rows = shop.data.parent / "rows.csv"
    rows.write_text("identity,event,timestamp\nold,Signed Up,2020-01-01\n")
    shop.cli("import", rows, "--map", "identity=identity,event=event,timestamp=timestamp")
    shop.collect({"identity": "new", "event": "Signed Up"})
    assert until(lambda: len(receiver.requests) >= 5)
    assert len(receiver.requests) == 5 and not any(b"old" in request["body"] for request in receiver.requests)


def test_names_that_came_without_regard_to_case_are_those_that_are_stored(shop, receiver):
    """KISSmetrics' names map onto the form that was seen first."""
    add(shop, receiver.url, events=["Signed Up"], where={"property": "Plan", "is": "pro"})
    # Names of properties count as seen where they are set on somebody.
    seq = shop.collect(
        {"identity": "ann", "event": "Signed Up"},
        {"type": "set", "identity": "ann", "properties": {"Plan": "free"}})["watermark"]
    shop.request("GET", f"/v1/events?wait_seq={seq}")
    assert shop.request("GET", f"/e?_k={shop.write_key}&_p=bob&_n=signed+up&plan=pro", key=None).status == 200
    assert until(lambda: receiver.requests)
    data = receiver.requests[0]["json"]["data"]
    assert (data["event"], data["identity"]) == ("Signed Up", "bob") and data["properties"]["Plan"] == "pro"
    shown = shop.request("GET", "/v1/events?limit=10").json["data"]
    assert data["properties"] == next(event["properties"] for event in shown if event["identity"] == "bob")


def test_what_fails_is_tried_again_and_what_fails_for_good_is_kept(shop, receiver):
    receiver.answer = lambda request: 200 if request["number"] > 2 else (500, {}, b"not now")
    endpoint = add(shop, receiver.url, events=["*"], retry=["1s", "1s"])
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: len(receiver.requests) == 3)
    assert len(set(receiver.ids())) == 1
    stamps = [request["headers"]["webhook-timestamp"] for request in receiver.requests]
    assert len({request["body"] for request in receiver.requests}) == 1 and stamps == sorted(stamps)
    assert until(lambda: deliveries(shop, status="delivered"))
    log = attempts(shop, endpoint)
    assert [attempt["status"] for attempt in log] == [200, 500, 500] and log[1]["response_body"] == "not now"
    assert [attempt["error"] for attempt in log] == [None, "http_5xx", "http_5xx"]
    receiver.answer = lambda request: 503
    shop.collect({"identity": "ann", "event": "B"})
    # Why it is tried again is said while it waits.
    assert until(lambda: [row["reason"] for row in deliveries(shop, status="pending") if row["attempts"]] == [
        "the receiver answered 503"])
    assert until(lambda: deliveries(shop, status="exhausted"))
    receiver.answer = lambda request: 200
    again = shop.request("POST", "/v1/deliveries/replay", {"endpoint": endpoint["id"], "status": "exhausted"})
    assert (again.status, again.json) == (202, {"replayed": 1})
    assert until(lambda: len(deliveries(shop, status="delivered")) == 2)
    assert len(set(receiver.ids())) == 2


def test_410_disables_and_nothing_more_is_sent(shop, receiver):
    """21."""
    receiver.answer = lambda request: 410
    other = Receiver()
    endpoint = add(shop, receiver.url, events=["*"])
    add(shop, other.url, events=["endpoint.disabled"])
    shop.collect({"identity": "ann", "event": "A"})
    path = f"/v1/webhooks/endpoints/{endpoint['id']}"
    assert until(lambda: shop.request("GET", path).json["state"] == "disabled")
    assert "410" in shop.request("GET", path).json["reason"]
    shop.collect({"identity": "ann", "event": "B"})
    assert until(lambda: deliveries(shop, status="skipped"))
    assert until(lambda: other.requests)
    assert other.requests[0]["json"]["data"]["endpoint"]["id"] == endpoint["id"]
    assert len(receiver.requests) == 1
    receiver.answer = lambda request: 200
    assert shop.request("POST", f"{path}/enable").json["state"] == "active"
    assert until(lambda: len(receiver.requests) == 2)
    shop.request("POST", "/v1/deliveries/replay", {"endpoint": endpoint["id"], "status": "skipped"})
    assert until(lambda: len(receiver.requests) == 3)
    assert len(set(receiver.ids())) == 2
    other.close()


def test_retry_after_is_waited_for(shop, receiver):
    """22."""
    receiver.answer = lambda request: 200 if request["number"] > 1 else (429, {"Retry-After": "3"}, b"")
    add(shop, receiver.url, events=["*"], retry=["1s"])
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: len(receiver.requests) == 2)
    assert receiver.requests[1]["at"] - receiver.requests[0]["at"] >= 3


def test_nothing_goes_to_private_addresses_unless_the_operator_allows_it(tmp_path, receiver):
    server = Sluice(tmp_path / "data").start()
    port = receiver.port
    for url in [f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/", "https://10.0.0.1/", "https://[::1]/",
                f"https://2130706433:{port}/", f"https://0x7f000001:{port}/", f"https://127.1:{port}/",
                f"https://[::ffff:127.0.0.1]:{port}/", "https://169.254.169.254/latest/meta-data/",
                "http+unix://%2Frun%2Fdocker.sock/x", "https://user:pw@example.com/", "ftp://example.com/"]:
        answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, "events": ["*"]})
        assert answer.status == 400, url
        hook = server.request("POST", "/v1/hooks", {"target_url": url, "event": "*"})
        assert hook.status == 400, url
    # What a name means is found out when it is sent to, each time: logged, tried again, and never dialled.
    endpoint = add(server, f"https://localhost:{port}/", events=["*"], retry=["1s", "1h"])
    server.collect({"identity": "ann", "event": "A"})
    assert until(lambda: len(attempts(server, endpoint)) == 2)
    log = attempts(server, endpoint)
    assert {attempt["error"] for attempt in log} == {"blocked_address"} and {attempt["peer"] for attempt in log} == {None}
    assert receiver.requests == []
    server.stop()
    server.start(*ALLOWED)
    assert add(server, receiver.url, events=["*"])
    server.stop()


class Raw:
    """Takes connections and plays a script on each: bytes to send, seconds to wait, or None to reset."""

    def __init__(self, *script, tls=None):
        self.script, self.listener, self.count, self.tls = script, socket.create_server(("127.0.0.1", 0)), 0, tls
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.play, args=(connection,), daemon=True).start()

    def play(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            connection.recv(65536)
            for step in self.script:
                if step is None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                elif isinstance(step, bytes):
                    connection.sendall(step)
                else:
                    time.sleep(step)
        except OSError:
            pass
        connection.close()


def test_hostile_receivers_end_within_their_time_and_harm_nobody(shop, receiver, tmp_path):
    _, cert, key = certificate(tmp_path)
    strange = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    strange.load_cert_chain(cert, key)
    in_clear = Raw(b"HTTP/1.1 200 OK\r\n\r\n")
    in_clear.url = in_clear.url.replace("http", "https")
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
    hostile = {
        "slow body": (Raw(ok, *[b"x", 0.2] * 100), 200, None, "time"),
        "endless body": (Raw(ok, b"x" * 1_000_000), 200, None, "size"),
        "silence": (Raw(60), None, "header_timeout", None),
        "redirect": (Raw(b"HTTP/1.1 302 Found\r\nlocation: " + receiver.url.encode() + b"\r\ncontent-length: 0\r\n\r\n"), 302, "redirect", None),
        "headers": (Raw(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 65536 + b"\r\n\r\n"), None, "headers_too_large", None),
        "reset": (Raw(None), None, "reset", None),
        "interim answers": (Raw(*[b"HTTP/1.1 100 Continue\r\n\r\n", 0.2] * 100), None, "header_timeout", None),
        "certificate of a stranger": (Raw(b"HTTP/1.1 200 OK\r\n\r\n", tls=strange), None, "tls_cert", None),
        "no TLS": (in_clear, None, "tls", None),
        "broken": (Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", None), 200, None, "connection"),
    }
    endpoints = {name: add(shop, raw.url, events=["*"], timeout=2, retry=["1h"]) for name, (raw, *_) in hostile.items()}
    add(shop, receiver.url, events=["*"])
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: receiver.requests)
    for name, (raw, status, error, cut) in hostile.items():
        assert until(lambda: attempts(shop, endpoints[name])), name
        attempt = attempts(shop, endpoints[name])[0]
        assert (attempt["status"], attempt["error"], attempt["response_cut"]) == (status, error, cut), (name, attempt)
        assert attempt["timings_ms"]["total"] < 4_000, (name, attempt)
        assert len(attempt["response_body"] or "") <= 16 << 10 and raw.count == 1, name
    assert len(receiver.requests) == 1


def test_rest_hooks(shop, receiver):
    """As Zapier does it: subscribe, sample, receive, 410, unsubscribe."""
    assert len(shop.request("GET", "/v1/hooks/samples?event=Purchased").json) == 1
    made = shop.request("POST", "/v1/hooks", {"target_url": receiver.url, "event": "Purchased"})
    assert made.status == 201
    listed = shop.request("GET", "/v1/hooks").json["data"]
    assert [(hook["target_url"], hook["event"]) for hook in listed] == [(receiver.url, "Purchased")]
    shop.collect({"identity": "ann", "event": "Purchased"}, {"identity": "ann", "event": "Viewed"})
    assert until(lambda: receiver.requests)
    samples = shop.request("GET", "/v1/hooks/samples?event=Purchased").json
    # A message does not wait for long until it is known whose the identity is.
    [sample], got = samples, receiver.requests[0]["json"]
    assert got in (sample, {**sample, "data": {**sample["data"], "person_id": None}})
    receiver.answer = lambda request: 410
    shop.collect({"identity": "ann", "event": "Purchased"})
    assert until(lambda: not shop.request("GET", "/v1/hooks").json["data"])
    for _ in range(2):
        assert shop.request("DELETE", f"/v1/hooks/{made.json['id']}").status == 204


def test_an_erasure_reaches_messages(shop, receiver):
    receiver.answer = lambda request: (200, {}, b"thank you, " + request["json"]["data"]["identity"].encode())
    endpoint = add(shop, receiver.url, events=["*"], description="for ann@example.com")
    shop.collect({"identity": "ann@example.com", "event": "A"}, {"identity": "bob@example.com", "event": "A"})
    assert until(lambda: len(deliveries(shop, status="delivered")) == 2)
    receipt = json.loads(shop.cli("erase", "ann@example.com", "--json").stdout)
    copies = {copy["kind"]: copy for copy in receipt["copies"]}
    assert copies["outbox"]["rows"] == 1 and copies["outbox"]["verified"]
    shop.stop()
    left = b"".join((shop.data / ("delivery.sqlite" + end)).read_bytes()
                    for end in ("", "-wal") if (shop.data / ("delivery.sqlite" + end)).exists())
    assert b"ann@example.com" not in left and b"bob@example.com" in left
    shop.start(*ALLOWED)
    assert len(deliveries(shop, endpoint=endpoint["id"])) == 2


def test_commands_without_a_server_keep_the_outbox_and_send_nothing(tmp_path, receiver):
    """What comes in while no server runs is sent by the next one, once, and nobody waits for it: an erasure ends."""
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    add(server, receiver.url, events=["*"])
    server.collect({"identity": "ann@example.com", "event": "Purchased"})
    assert until(lambda: len(receiver.requests) == 1)
    server.stop()
    receipt = json.loads(cli("erase", "ann@example.com", "--json", "--data", server.data).stdout)
    assert receipt["status"] == "succeeded", receipt
    assert len(receiver.requests) == 1
    server.start(*ALLOWED)
    server.collect({"identity": "bob", "event": "Purchased"})
    assert until(lambda: len(receiver.requests) == 2)
    server.stop()


def test_one_that_begins_to_listen_gets_no_history_and_a_strange_date_ends_nobody(shop, receiver):
    quiet = add(shop, receiver.url, events=[])
    shop.collect({"identity": "early", "event": "Purchased"})
    assert shop.request("PATCH", f"/v1/webhooks/endpoints/{quiet['id']}", {"events": ["*"], "paused": "x"}).status == 400
    assert shop.request("PATCH", f"/v1/webhooks/endpoints/{quiet['id']}", {"events": ["*"]}).status == 200
    strange = {"Retry-After": "Sun, 06 Nov 9000000000000000000 08:49:37 GMT"}
    receiver.answer = lambda request: 200 if request["number"] > 1 else (500, strange, b"")
    shop.collect({"identity": "late", "event": "Purchased"})
    assert until(lambda: len(receiver.requests) == 2)
    assert {event["identity"] for event in receiver.events()} == {"late"}


def test_secrets_are_sealed_and_shown_once(shop, receiver):
    endpoint = add(shop, receiver.url, events=["*"], headers={"Authorization": "Bearer hush-hush"})
    for path in ["/v1/webhooks/endpoints", f"/v1/webhooks/endpoints/{endpoint['id']}", "/v1/audit"]:
        text = shop.request("GET", path).body.decode()
        assert endpoint["secret"] not in text and "hush-hush" not in text, path
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: receiver.requests)
    assert receiver.requests[0]["headers"]["Authorization"] == "Bearer hush-hush"
    shop.stop()
    for file in shop.data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert endpoint["secret"].encode() not in content and b"hush-hush" not in content, file
    assert (shop.data / "master.key").stat().st_mode & 0o777 == 0o600
    shop.start(*ALLOWED)


def test_keys_need_the_scope(shop, receiver):
    key = shop.request("POST", "/v1/keys", {"name": "hooks", "scopes": ["webhooks:read"]}).json["key"]
    assert shop.request("GET", "/v1/deliveries", key=key).status == 200
    assert shop.request("POST", "/v1/hooks", {"target_url": "https://example.com/", "event": "A"}, key=key).status == 403
    # A subscription dies with the key that made it.
    lost = shop.request("POST", "/v1/keys", {"name": "app", "scopes": ["webhooks:write"]}).json
    for key in (lost["key"], "secret"):
        hook = {"target_url": f"{receiver.url}/{key[:2]}", "event": "A"}
        assert shop.request("POST", "/v1/hooks", hook, key=key).status == 201
    assert shop.request("DELETE", f"/v1/keys/{lost['id']}").status == 204
    assert [hook["target_url"] for hook in shop.request("GET", "/v1/hooks").json["data"]] == [receiver.url + "/se"]
    other = shop.request("POST", "/v1/keys", {"name": "people", "scopes": ["people:read"]}).json["key"]
    assert shop.request("GET", "/v1/webhooks/endpoints", key=other).status == 403
    # What a trigger did is told to who may make triggers; what is told of the person with it to who may read people.
    then = [{"endpoint": add(shop, receiver.url)["id"]}]
    made = shop.request("POST", "/v1/triggers", {"name": "t", "when": {"property": "plan"}, "then": then}).json
    shop.collect({"type": "set", "identity": "ann", "properties": {"plan": "gold-7"}})
    path = f"/v1/triggers/{made['id']}/explain?identity=ann"
    assert until(lambda: shop.request("GET", path).json["firings"])
    for scopes, sees in ((["webhooks:write"], False), (["webhooks:write", "events:read", "people:read"], True)):
        key = shop.request("POST", "/v1/keys", {"name": "w", "scopes": scopes}).json["key"]
        answer = shop.request("GET", path, key=key)
        assert answer.status == 200 and (b"gold-7" in answer.body) is sees
        assert answer.json["person_id"].startswith("p_" if sees else "[hidden")
        stranger = shop.request("GET", path.replace("ann", "nobody"), key=key).json
        assert ("nobody is known" in stranger["why_not"]) is sees


def test_the_command_line(shop, receiver):
    made = json.loads(shop.cli("webhooks", "add", receiver.url, "--event", "Purchased", "--json").stdout)
    receiver.secrets = [made["secret"]]
    assert made["id"] in shop.cli("webhooks", "list").stdout
    assert "204" in shop.cli("webhooks", "test", made["id"]).stdout
    assert receiver.requests[0]["json"]["test"] is True
    shop.collect({"identity": "ann", "event": "Purchased"})
    assert until(lambda: len(receiver.requests) == 2)
    assert until(lambda: "delivered" in shop.cli("deliveries", "list", "--endpoint", made["id"]).stdout)
    assert "204" in shop.cli("webhooks", "attempts", made["id"]).stdout
    shop.cli("webhooks", "disable", made["id"])
    shop.cli("webhooks", "enable", made["id"])
    delivery = deliveries(shop)[0]
    found = shop.cli("deliveries", "list", "--message", delivery["webhook_id"], "--type", "event.recorded").stdout
    assert delivery["id"] in found and "delivered" in found
    assert delivery["id"] not in shop.cli("deliveries", "list", "--type", "trigger.fired").stdout
    shop.cli("deliveries", "replay", delivery["id"])
    assert until(lambda: len(receiver.requests) == 3)
    assert receiver.refused == []
    rotated = json.loads(shop.cli("webhooks", "rotate", made["id"], "--json").stdout)
    assert rotated["secret"] != made["secret"]
    changed = json.loads(shop.cli(
        "webhooks", "change", made["id"], "--name", "crm", "--all", "--thin", "--ordered", "--rate-limit", "100/m",
        "--concurrency", "2", "--retry", "5s,1m", "--timeout", "7", "--final-client-errors", "--body", '{"e": {{data}}}',
        "--header", "x-a: b", "--json").stdout)
    assert {name: changed[name] for name in ("name", "events", "payload", "order", "retry", "timeout", "body")} == {
        "name": "crm", "events": ["*"], "payload": "thin", "order": "person", "retry": ["5s", "1m"], "timeout": 7,
        "body": '{"e": {{data}}}'}
    assert changed["rate_limit"]["per"] == "m" and changed["concurrency"] == 2 and changed["final_client_errors"] is True
    shop.cli("webhooks", "change", made["id"], "--no-thin", "--no-ordered", "--paused")
    shown = shop.request("GET", f"/v1/webhooks/endpoints/{made['id']}").json
    assert (shown["payload"], shown["order"], shown["state"], shown["timeout"]) == ("full", "none", "paused", 7)
    # What was said is taken back by its flag's name.
    cleared = json.loads(shop.cli(
        "webhooks", "change", made["id"], "--json", *(word for name in ("rate-limit", "body", "timeout", "retry", "header", "name")
                                                     for word in ("--clear", name))).stdout)
    assert (cleared["rate_limit"], cleared["body"], cleared["timeout"], cleared["headers"], cleared["name"]) == (None, None, 15, {}, None)
    assert len(cleared["retry"]) > 2 and cleared["events"] == ["*"]
    assert "cleared or given" in shop.cli("webhooks", "change", made["id"], "--timeout", "3", "--clear", "timeout", code=64).stderr
    other = json.loads(shop.cli(
        "webhooks", "add", receiver.url, "--name", "ops", "--notify", made["id"], "--retry", '{"attempts": 3, "base": "1s"}',
        "--include", "segments", "--json").stdout)
    assert other["notify"] == [{"endpoint": made["id"]}] and other["retry"] == ["1s", "2s"] and other["name"] == "ops"
    assert "has the name" in shop.cli("webhooks", "add", receiver.url, "--name", "ops", code=1).stderr
    shop.cli("webhooks", "remove", made["id"])
    # Plain http goes to addresses that are allowed and to no other: what has none, or another one, is refused now and not at each attempt.
    for url in ("http://10.0.0.1/", "http://93.184.216.34/", "http://nowhere.invalid/"):
        refused = shop.cli("webhooks", "add", url, "--all", code=64)
        assert "--allow-private" in refused.stderr, url
    assert shop.request("POST", "/v1/hooks", {"target_url": "http://nowhere.invalid/", "event": "*"}).status == 400
    named = shop.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url.replace("127.0.0.1", "localhost"), "events": []})
    assert named.status == 201, named.body


def test_a_backup_has_the_outbox(shop, receiver, tmp_path):
    endpoint = add(shop, receiver.url, events=["*"])
    receiver.secrets = [endpoint["secret"]]
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: deliveries(shop, status="delivered"))
    shop.cli("backup", tmp_path / "backups")
    cli("restore", tmp_path / "backups", "--data", tmp_path / "again")
    again = Sluice.__new__(Sluice)
    again.data, again.keys, again.process, again.log = tmp_path / "again", shop.keys, None, tmp_path / "again.log"
    again.start(*ALLOWED)
    assert len(deliveries(again)) == 1
    again.collect({"identity": "ann", "event": "B"})
    assert until(lambda: len(receiver.requests) == 2)
    assert receiver.refused == []
    again.stop()


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_a_crash_loses_no_message_and_makes_none_twice(tmp_path, seed):
    """SIGKILL during ingest and delivery: each matching event comes at least once, always under one id."""
    dice = random.Random(seed)
    receiver = Receiver(lambda request: 500 if dice.random() < 0.05 else 200)
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    endpoint = add(server, receiver.url, events=["Wanted"], retry=["1s"] * 20)
    receiver.secrets = [endpoint["secret"]]
    acknowledged, number = set(), 0
    for _ in range(4):
        end = time.monotonic() + dice.uniform(0.3, 1.5)
        killer = threading.Timer(end - time.monotonic(), server.kill)
        killer.start()
        while True:
            batch = [{"id": f"e{number + i}", "identity": f"u{i % 7}", "event": "Wanted" if i % 2 else "Other"} for i in range(20)]
            number += 20
            try:
                server.collect(*batch)
            except OSError:
                break
            except Exception as error:
                if type(error).__module__ != "http.client":
                    raise
                break
            acknowledged |= {item["id"] for item in batch if item["event"] == "Wanted"}
        killer.join()
        server.process = None
        server.start(*ALLOWED)

    def seen():
        by_event = {}
        for request in list(receiver.requests):
            by_event.setdefault(request["json"]["data"]["event_id"], set()).add(request["id"])
        return by_event

    assert acknowledged, "the load was no load"
    assert until(lambda: acknowledged <= seen().keys()), f"seed {seed}: {sorted(acknowledged - seen().keys())[:5]} never came"
    assert all(len(ids) == 1 for ids in seen().values()), f"seed {seed}: an event has two ids"
    assert until(lambda: not deliveries(server, status="pending") and not deliveries(server, status="sending"))
    stored = {event["event_id"]: event["seq"] for event in server.export("events", "--columns", "seq,event_id,event")
              if event["event"] == "Wanted"}
    assert seen().keys() == stored.keys(), f"seed {seed}"
    assert receiver.refused == []
    server.stop()
    receiver.close()
