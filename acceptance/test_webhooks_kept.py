"""What is kept of messages, what is shown of it, and what an erasure leaves."""

import json

from mail_server import Mailbox, certificate
from receiver import Receiver
from sluice import ALLOWED, Sluice, cli, until

ANN = "ann@example.com"


def add(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, "events": ["*"], **settings})
    assert answer.status == 201, answer.body
    return answer.json


def rule(server, when, *then, **settings):
    answer = server.request("POST", "/v1/triggers", {"name": "r", "when": when, "then": list(then), **settings})
    assert answer.status == 201, answer.body
    return answer.json


def rows(server, **query):
    return server.request("GET", "/v1/deliveries?limit=1000&" + "&".join(f"{k}={v}" for k, v in query.items())).json["data"]


def holding(folder, text):
    """The files in which a text is."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes())


def test_an_erasure_leaves_nothing_in_the_outbox_wherever_it_went(tmp_path, receiver):
    """Streams, bodies of one's own, firings of triggers that are gone, mail, and what each receiver said to it."""
    box = Mailbox(tmp_path, refusal=lambda address: f"550 5.1.1 nobody here wants {ANN}")

    def echo(request):
        who = ANN if ANN.encode() in request["body"] else "bob"
        return 302, {"location": f"https://x.example/{who}", "x-who": who}, f"who is {who}?".encode()

    receiver.answer = echo
    server = Sluice(tmp_path / "data").start(*ALLOWED, "--webhook-ca", box.root)
    try:
        own = add(server, receiver.url, body='{"who": {{data.identity}}, "all": {{data}}}', retry=["1h"])
        stream = add(server, receiver.url, mode="stream", retry=["1h"])
        mail = {"email": {"server": f"127.0.0.1:{box.port}", "from": "s@x.example", "to": "ops@y.example", "subject": "{{data.identity}}"}}
        rule(server, {"event": "Left"}, mail)
        gone = rule(server, {"event": "Left", "absent": {"event": "Back", "within": "1s"}}, {"endpoint": own["id"]})
        server.collect({"identity": ANN, "event": "Left", "properties": {"n": 1}}, {"identity": "bob", "event": "Other"})
        assert until(lambda: rows(server, status="aborted")), "the mail server refuses it for good"
        assert until(lambda: [row for row in rows(server, endpoint=own["id"]) if row["type"] == "trigger.fired" and row["attempts"]])
        stats = f"/v1/webhooks/endpoints/{stream['id']}/stats"
        assert until(lambda: ANN in ((server.request("GET", stats).json["stream"]["last_attempt"] or {}).get("detail") or ""))
        assert server.request("DELETE", f"/v1/triggers/{gone['id']}").status == 204
        # Paused, so that nothing is said of her again meanwhile.
        for made in (own, stream):
            server.request("PATCH", f"/v1/webhooks/endpoints/{made['id']}", {"paused": True})
        receipt = json.loads(server.cli("erase", ANN, "--json").stdout)
        assert receipt["status"] == "succeeded" and all(copy["verified"] for copy in receipt["copies"]), receipt
        for path in ("/v1/deliveries", f"/v1/webhooks/endpoints/{own['id']}", f"/v1/webhooks/endpoints/{own['id']}/attempts", stats):
            assert ANN not in server.request("GET", path).body.decode(), path
        assert {row["status"] for row in rows(server)} >= {"aborted"}, "that there were so many stays"
    finally:
        server.stop()
        box.close()
    left = [name for name in holding(tmp_path / "data", ANN) if "delivery.sqlite" in name]
    assert left == [] and any("delivery.sqlite" in name for name in holding(tmp_path / "data", "bob"))


def test_secrets_are_nowhere(tmp_path, receiver):
    """Passwords, tokens in addresses, header values and keys: in no answer, no log, and no file."""
    _, cert, key = certificate(tmp_path, name="sluice.example", client="client")
    pem = cert.read_text() + key.read_text()
    hidden = ["hush-header", "hush-slack", "hush-mail-password", "hush-user", key.read_text().splitlines()[1]]
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    closed = "http://127.0.0.1:9/services/hush-slack"
    mail = {"server": "127.0.0.1:9", "security": "none", "username": "hush-user", "password": "hush-mail-password", "from": "s@x.example", "to": "o@y.example"}
    try:
        made = add(server, "http://127.0.0.1:9/", retry=["1s"], headers={"authorization": "hush-header"}, client_certificate=pem,
                   notify=[{"slack": {"url": closed}}, {"email": mail}])
        trigger = rule(server, {"event": "A"}, {"slack": {"url": closed}}, {"email": mail}, {"http": {"url": "http://127.0.0.1:9/", "headers": {"x-key": "hush-header"}}})
        refused = server.request("POST", "/v1/triggers", {"name": "r", "when": {"event": "A"}, "then": [{"email": {**mail, "to": "no address"}}]})
        assert refused.status in (400, 422) and b"hush" not in refused.body
        server.collect({"identity": "ann", "event": "A"})
        assert until(lambda: len([row for row in rows(server) if row["attempts"]]) >= 4)
        assert until(lambda: rows(server, endpoint=made["id"], status="exhausted"))
        server.cli("webhooks", "rotate", made["id"])
        shown = [server.request("GET", path).body.decode() for path in (
            "/v1/webhooks/endpoints", f"/v1/webhooks/endpoints/{made['id']}", f"/v1/webhooks/endpoints/{made['id']}/attempts",
            "/v1/triggers", f"/v1/triggers/{trigger['id']}", "/v1/audit", "/metrics")]
        shown += [server.request("GET", f"/v1/deliveries/{row['id']}").body.decode() for row in rows(server)]
        shown += [json.dumps(made | {"secret": ""}), json.dumps(trigger), server.request("POST", f"/v1/triggers/{trigger['id']}/test").body.decode()]
    finally:
        server.stop()
    for word in hidden:
        assert not [text for text in shown if word in text], word
        assert word not in server.log.read_text() and holding(tmp_path / "data", word) == [], word


def test_no_action_reaches_a_private_address_at_any_attempt(tmp_path, receiver):
    """Names are allowed when they are written down; what they mean is judged each time before anything is dialled."""
    box = Mailbox(tmp_path)
    server = Sluice(tmp_path / "data").start("--webhook-ca", box.root)
    try:
        place = f"https://localhost:{receiver.port}/"
        made = rule(server, {"event": "A"}, {"slack": {"url": place}}, {"http": {"url": place}},
                    {"email": {"server": f"localhost:{box.port}", "from": "s@x.example", "to": "o@y.example"}})
        server.collect({"identity": "ann", "event": "A"})
        for action in made["then"]:
            def attempted():
                found = rows(server, endpoint=action["deliveries"])
                return server.request("GET", f"/v1/deliveries/{found[0]['id']}").json["attempt_log"] if found else []

            # The next attempt comes after five seconds by the standard schedule: one of each kind is judged again by hand.
            log = until(attempted)
            assert [(one["error"], one["peer"]) for one in log] == [("blocked_address", None)], action
            assert server.request("POST", f"/v1/deliveries/{rows(server, endpoint=action['deliveries'])[0]['id']}/replay").status == 202
            assert until(lambda: len(attempted()) == 2) and attempted()[1]["error"] == "blocked_address"
        assert receiver.requests == [] and box.mails == []
    finally:
        server.stop()
        box.close()


def test_a_test_comes_in_the_form_that_messages_have(tmp_path, receiver):
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    try:
        def tested(event=None, **settings):
            made = add(server, receiver.url, **settings)
            receiver.secrets = [made["secret"]]
            answer = server.request("POST", f"/v1/webhooks/endpoints/{made['id']}/test", {"event": event} if event else {})
            assert answer.json["delivered"] is True and answer.json["webhook_id"] == receiver.ids()[-1]
            return receiver.requests[-1]["json"]

        assert tested(body='{"what": {{data.event}}, "no": {{x}}}', events=["Purchased"]) == {"what": "Purchased", "no": None}
        assert set(tested(payload="thin")["data"]) == {"seq", "event_id", "person_id"}
        batch = tested(mode="stream")
        assert batch["type"] == "event.batch" and len(batch["data"]) == 1 and batch["test"] is True
        for kind in ("endpoint.failing", "endpoint.disabled", "endpoint.recovered", "message.exhausted", "trigger.fired"):
            message = tested(kind)
            assert message["type"] == kind and message["test"] is True and message["data"]
        assert receiver.refused == []
    finally:
        server.stop()


def test_bulk_replay_by_time_and_state_with_a_preview(tmp_path, receiver):
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    try:
        receiver.answer = lambda request: 404
        made = add(server, receiver.url, retry=[], final_client_errors=True)
        other = add(server, receiver.url, retry=[], final_client_errors=True)
        for n in range(3):
            server.collect({"identity": "u", "event": "A", "properties": {"n": n}})
        assert until(lambda: len(rows(server, status="failed")) == 6)
        middle = sorted(row["created_at"] for row in rows(server, endpoint=made["id"]))[1]
        receiver.answer = lambda request: 200
        wanted = {"endpoint": made["id"], "status": "failed", "from": middle}
        before = len(receiver.requests)
        assert server.request("POST", "/v1/deliveries/replay", {**wanted, "preview": True}).json == {"would_replay": 2}
        assert server.request("POST", "/v1/deliveries/replay", {**wanted, "to": middle}).json == {"replayed": 0}
        assert "2 messages would" in server.cli("deliveries", "replay", "--endpoint", made["id"], "--from", middle, "--preview").stdout
        assert len(receiver.requests) == before and len(rows(server, status="failed")) == 6
        ids = {row["webhook_id"] for row in rows(server, endpoint=made["id"]) if row["created_at"] >= middle}
        assert server.request("POST", "/v1/deliveries/replay", wanted).json == {"replayed": 2}
        assert until(lambda: len(rows(server, endpoint=made["id"], status="delivered")) == 2)
        assert set(receiver.ids()[before:]) == ids and len(rows(server, endpoint=other["id"], status="failed")) == 3
        assert {row["lane"] for row in rows(server, endpoint=made["id"], status="delivered")} == {"bulk"}
        for wrong in ({"preview": 1}, {"status": "x"}, {"from": "x"}, {"endpoint": "ep_x"}):
            assert server.request("POST", "/v1/deliveries/replay", {**wanted, **wrong}).status in (400, 404), wrong
        log = server.request("GET", f"/v1/webhooks/endpoints/{made['id']}/attempts").json["data"]
        assert {one["cause"] for one in log} == {"auto", "bulk"}
        stats = server.request("GET", f"/v1/webhooks/endpoints/{made['id']}/stats").json
        assert stats["deliveries"]["delivered"] == 2 and stats["sending"]["state"] == "active", stats
    finally:
        server.stop()


def test_many_dead_letters_are_told_of_once_and_segments_of_the_person_come_along(tmp_path, receiver):
    ops = Receiver()
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    try:
        answer = server.request("POST", "/v1/segments", {"name": "Buyers", "segment": {"did": "Purchased"}})
        assert answer.status == 201, answer.body
        told = add(server, ops.url, events=["message.exhausted"])
        made = add(server, receiver.url, include=["segments", "properties"], retry=[], final_client_errors=True)
        receiver.answer = lambda request: 404 if request["json"]["data"]["event"] == "Bad" else 200
        server.collect({"identity": "ann", "event": "Purchased"}, {"identity": "bob", "event": "Viewed"})
        assert until(lambda: len(receiver.requests) == 2)
        by = {event["identity"]: event["person"] for event in receiver.events()}
        assert [one["name"] for one in by["ann"]["segments"]] == ["Buyers"] and by["bob"]["segments"] == []
        server.collect(*({"identity": "bob", "event": "Bad"} for _ in range(20)))
        assert until(lambda: len(rows(server, endpoint=made["id"], status="failed")) == 20)
        assert until(lambda: ops.requests)
        data = ops.requests[0]["json"]["data"]
        assert data["endpoint"]["id"] == made["id"] and "404" in data["reason"]
        assert len(rows(server, endpoint=told["id"])) == 1, "one in ten minutes; all of them are listed"
    finally:
        server.stop()
        ops.close()


def test_a_stream_stands_where_it_stood_after_a_restart_and_a_restore(tmp_path, receiver):
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    try:
        made = add(server, receiver.url, mode="stream")
        receiver.secrets = [made["secret"]]
        seqs = lambda: [event["seq"] for request in receiver.requests for event in request["json"]["data"]]
        server.collect(*({"identity": "u", "event": "A", "properties": {"n": n}} for n in range(10)))
        assert until(lambda: len(seqs()) == 10)
        server.cli("backup", tmp_path / "backups")
        server.stop()
        server.start(*ALLOWED)
        server.collect({"identity": "u", "event": "B"})
        assert until(lambda: len(seqs()) == 11) and seqs() == list(range(1, 12))
        server.stop()
        cli("restore", tmp_path / "backups", "--data", tmp_path / "again")
        again = Sluice.__new__(Sluice)
        again.data, again.keys, again.process, again.log = tmp_path / "again", server.keys, None, tmp_path / "again.log"
        again.start(*ALLOWED)
        receiver.requests.clear()
        again.collect({"identity": "u", "event": "C"})
        assert until(lambda: receiver.requests) and [e["event"] for e in receiver.requests[0]["json"]["data"]] == ["C"]
        path = f"/v1/webhooks/endpoints/{made['id']}"
        for act, state in (("disable", "disabled"), ("enable", "active")):
            assert again.request("POST", f"{path}/{act}").json["state"] == state
            again.collect({"identity": "u", "event": act})
        assert until(lambda: [e["event"] for r in receiver.requests for e in r["json"]["data"]] == ["C", "disable", "enable"])
        assert again.request("DELETE", path).status == 204
        again.collect({"identity": "u", "event": "D"})
        assert again.request("GET", "/v1/events?limit=1").status == 200 and receiver.refused == []
        assert "D" not in [e["event"] for r in receiver.requests for e in r["json"]["data"]]
        again.stop()
    finally:
        server.stop()


def test_a_rate_is_kept_and_a_persons_messages_wait_for_each_other(tmp_path, receiver):
    slow = Receiver()
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    try:
        limited = add(server, slow.url, rate_limit={"count": 5, "per": "s", "burst": 1})
        assert limited["rate_limit"] == {"count": 5, "per": "s", "burst": 1}
        refused = set()

        def first_of_ann_fails(request):
            event = request["json"]["data"]
            if event["identity"] == "ann" and not refused:
                refused.add(event["seq"])
                return 500
            return 200

        receiver.answer = first_of_ann_fails
        add(server, receiver.url, order="person", retry=["1s"])
        server.collect(*({"identity": name, "event": "A"} for _ in range(4) for name in ("ann", "bob")))
        assert until(lambda: len(receiver.requests) == 9)
        came = [(event["identity"], event["seq"]) for event in receiver.events()]
        assert [seq for name, seq in came if name == "bob"] == [2, 4, 6, 8]
        assert [seq for name, seq in came if name == "ann"] == [1, 1, 3, 5, 7]
        assert came.index(("bob", 8)) < came.index(("ann", 3)), "nobody else waited for her"
        assert until(lambda: len(slow.requests) == 8)
        # Eight with one at once and five a second: seven waits of a fifth of a second.
        assert slow.requests[-1]["at"] - slow.requests[0]["at"] >= 1.3
        assert {row["attempts"] for row in rows(server, endpoint=limited["id"])} == {1}, "waiting is no attempt"
    finally:
        server.stop()
        slow.close()
