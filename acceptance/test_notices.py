"""Who is told when a receiver fails, and what endpoints may ask for besides."""

import http.server
import json
import ssl
import subprocess
import threading

from mail_server import Mailbox, certificate
from receiver import Receiver
from sluice import PROGRAM, Sluice, environment, until


def add(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, "events": ["*"], **settings})
    assert answer.status == 201, answer.body
    return answer.json


class Chat:
    """Takes what Slack's incoming webhooks take: no signature, a text."""

    def __init__(self):
        self.texts = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.texts.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["text"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/T0/B0/hush"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_an_endpoint_a_channel_and_a_mailbox_are_told(tmp_path, receiver):
    box, chat, ops = Mailbox(tmp_path), Chat(), Receiver()
    server = Sluice(tmp_path / "data").start("--allow-private", "127.0.0.0/8", "--webhook-ca", box.root)
    try:
        told = add(server, ops.url, events=[])
        ops.secrets = [told["secret"]]
        made = add(
            server, receiver.url + "?token=hush", retry=["1s"], notify=[
                {"endpoint": told["id"]}, {"slack": {"url": chat.url}},
                {"email": {"server": f"127.0.0.1:{box.port}", "from": "sluice@x.example", "to": "ops@y.example"}}])
        assert [list(one)[0] for one in made["notify"]] == ["endpoint", "slack", "email"] and "hush" not in json.dumps(made["notify"])
        assert len(server.request("GET", "/v1/webhooks/endpoints").json["data"]) == 2, "who is told is no endpoint of its own"
        receiver.answer = lambda request: 500
        server.collect({"identity": "ann", "event": "A"})
        assert until(lambda: ops.requests and chat.texts and box.mails), server.log.read_text()[-2000:]
        message = ops.requests[0]["json"]
        assert message["type"] == "message.exhausted" and message["data"]["endpoint"]["id"] == made["id"]
        assert "hush" not in ops.requests[0]["body"].decode() and message["data"]["delivery"].startswith("dlv_")
        assert "message.exhausted" in chat.texts[0] and made["id"] in chat.texts[0]
        assert "message.exhausted" in box.mails[0][3]["subject"] and ops.refused == []
        receiver.answer = lambda request: 410
        server.collect({"identity": "ann", "event": "A"})
        assert until(lambda: len(ops.requests) == 2 and len(chat.texts) == 2 and len(box.mails) == 2)
        assert ops.requests[1]["json"]["type"] == "endpoint.disabled" and "410" in chat.texts[1]
        # With the endpoint go those who were told of it alone.
        path = f"/v1/webhooks/endpoints/{made['id']}"
        shown = server.request("PATCH", path, {"notify": []}).json
        assert shown["notify"] == []
        for wrong in ([{"endpoint": made["id"]}], [{"endpoint": "ep_none"}], [{"slack": {}}], [{"pigeon": {}}], "x"):
            assert server.request("PATCH", path, {"notify": wrong}).status in (400, 422), wrong
        assert server.request("DELETE", path).status == 204
    finally:
        server.stop()
        for one in (box, chat, ops):
            one.close()


def test_a_body_of_ones_own_and_what_is_computed(tmp_path, receiver):
    server = Sluice(tmp_path / "data").start("--allow-private", "127.0.0.0/8")
    try:
        made = add(
            server, receiver.url, include=["computed", "identities"],
            body='{"what": {{data.event}}, "who": {{data.person.identities}}, "id": {{id}}, "more": {{data.person.computed}}, "no": {{x.y}},'
                 ' "said": "Hello {{data.identity}}, \\"{{data.event}}\\" of {{data.person.identities}}{{x.y}}, {{data.properties.n}} times"}')
        receiver.secrets = [made["secret"]]
        server.collect({"identity": "ann", "event": 'A "b"', "properties": {"n": 2}})
        assert until(lambda: receiver.requests)
        message = receiver.requests[0]["json"]
        assert message["said"] == 'Hello ann, "A "b"" of ["ann"], 2 times'
        assert message["what"] == 'A "b"' and message["who"] == ["ann"] and message["no"] is None
        assert message["id"] == receiver.ids()[0] and "engagement_score" in message["more"], message
        assert receiver.refused == []
        for wrong in ('{"what": "{{data.event}}}', "{{data.event}", "plain", '{"a": {{}}}'):
            answer = server.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, "events": ["*"], "body": wrong})
            assert answer.status == 400 and b"body" in answer.body, (wrong, answer.body)
    finally:
        server.stop()


def test_a_receiver_may_ask_for_a_certificate(tmp_path):
    root, cert, key = certificate(tmp_path)
    client_root, client_cert, client_key = certificate(tmp_path, name="sluice.example", client="client")
    (tmp_path / "secrets").mkdir()
    pem = client_cert.read_text() + client_key.read_text()
    (tmp_path / "secrets" / "client.pem").write_text(pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(client_root))
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    strict = Receiver()
    strict.server.socket = context.wrap_socket(strict.server.socket, server_side=True)
    server = Sluice(tmp_path / "data").start(
        "--allow-private", "127.0.0.0/8", "--webhook-ca", root, "--secret-files", tmp_path / "secrets")
    try:
        url = f"https://127.0.0.1:{strict.port}/hook"
        without = add(server, url)
        by_file = add(server, url, client_certificate="secret://file/client.pem")
        inline = add(server, url, client_certificate=pem)
        assert inline["client_certificate"] is True and without["client_certificate"] is False
        assert "PRIVATE" not in json.dumps(server.request("GET", "/v1/webhooks/endpoints").json)

        def test(made):
            return server.request("POST", f"/v1/webhooks/endpoints/{made['id']}/test").json

        assert test(without)["delivered"] is False
        assert test(by_file)["delivered"] is True and test(inline)["delivered"] is True
        server.collect({"identity": "ann", "event": "A"})
        assert until(lambda: len(strict.requests) == 4)
        for wrong in ("x", "secret://file/none", "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n", 7):
            answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, "events": ["*"], "client_certificate": wrong})
            assert answer.status in (400, 422), answer.body
    finally:
        server.stop()
        strict.close()


def test_who_may_not_read_people_sees_no_messages(tmp_path, receiver):
    receiver.answer = lambda request: (500, {"x-a": "1"}, b"echo: ann")
    server = Sluice(tmp_path / "data").start("--allow-private", "127.0.0.0/8")
    try:
        made = add(server, receiver.url)
        server.collect({"identity": "ann", "event": "A"})
        row = until(lambda: [row for row in server.request("GET", "/v1/deliveries").json["data"] if row["attempts"]])[0]
        assert until(lambda: server.request("GET", f"/v1/deliveries/{row['id']}").json["attempt_log"])
        for scopes, sees in ((["webhooks:read"], False), (["webhooks:read", "events:read", "people:read"], True)):
            key = server.request("POST", "/v1/keys", {"name": "k", "scopes": scopes}).json["key"]
            shown = server.request("GET", f"/v1/deliveries/{row['id']}", key=key).body
            attempts = server.request("GET", f"/v1/webhooks/endpoints/{made['id']}/attempts", key=key).body
            assert (b"ann" in shown) == sees and (b"ann" in attempts) == sees
    finally:
        server.stop()


def test_what_is_collected_is_passed_on_to_a_program_that_is_being_written(tmp_path, receiver):
    server = Sluice(tmp_path / "data").start()
    try:
        command = subprocess.Popen(
            [str(PROGRAM), "listen", "--forward", receiver.url, "--event", "Purchased", "--limit", "2", "--json", "--data", str(server.data)],
            stdout=subprocess.PIPE, text=True, env=environment())
        receiver.secrets = [json.loads(command.stdout.readline())["secret"]]
        receiver.answer = lambda request: 200 if request["number"] == 1 else 500
        server.collect({"identity": "ann", "event": "Viewed"}, {"identity": "ann", "event": "Purchased", "properties": {"n": 1}},
                       {"identity": "bob", "event": "Purchased"})
        out, _ = command.communicate(timeout=60)
        assert command.returncode == 0
        assert [(row["event"], row["status"]) for row in map(json.loads, out.splitlines())] == [("Purchased", 200), ("Purchased", 500)]
        assert [event["identity"] for event in receiver.events()] == ["ann", "bob"] and receiver.refused == []
        assert receiver.events()[0]["properties"] == {"n": 1}
        # The same id as a webhook's of the same event.
        assert server.request("GET", "/v1/hooks/samples?event=Purchased&limit=2").json[-1]["id"] == receiver.ids()[0]
    finally:
        server.stop()
    done = subprocess.run([str(PROGRAM), "listen", "--forward", receiver.url, "--data", str(server.data)], capture_output=True, text=True,
                          env=environment(), timeout=60)
    assert done.returncode == 69 and "no server runs" in done.stderr
