"""Mail as an action: a real mail server takes it, or does not."""

import pytest

from mail_server import Mailbox
from sluice import Sluice, until


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "mail").write_text("open sesame\n")
    return tmp_path


def serve(folder, box):
    return Sluice(folder / "data").start(
        "--allow-private", "127.0.0.0/8", "--webhook-ca", box.root, "--secret-files", folder / "secrets")


def rule(sluice, **settings):
    answer = sluice.request(
        "POST", "/v1/triggers", {"name": "big", "when": {"event": "Purchased"}, "then": [{"email": settings}]})
    assert answer.status == 201, answer.body
    return answer.json


def action(made):
    return made["then"][0]["deliveries"]


def test_a_mail_arrives_by_tls_after_a_log_in(folder):
    box = Mailbox(folder)
    server = serve(folder, box)
    try:
        made = rule(
            server, server=f"127.0.0.1:{box.port}", username="sluice", password="secret://file/mail",
            **{"from": "Sluice Ü <sluice@x.example>", "to": "ann@y.example, Bob <bob@y.example>"},
            subject="Grüße: {{data.event.properties.note}}", text="{{data.identity}} bought.",
            html="<p>{{data.event.properties.note}}</p>")
        assert "open sesame" not in str(made) and made["then"][0]["email"]["password"] == "secret://file/mail"
        note = "ä\r\nBcc: evil@x.example <b>&"
        server.collect({"identity": "ann", "event": "Purchased", "properties": {"note": note}})
        assert until(lambda: box.mails), server.log.read_text()[-2000:]
        is_tls, sender, to, mail = box.mails[0]
        assert is_tls and sender == "sluice@x.example" and to == ["ann@y.example", "bob@y.example"]
        assert box.logins == [("sluice", "open sesame")]
        assert mail["subject"] == "Grüße: ä Bcc: evil@x.example <b>&" and mail["bcc"] is None
        assert mail["from"].addresses[0].display_name == "Sluice Ü"
        assert mail.get_body(("plain",)).get_content().strip() == "ann bought."
        assert "<p>ä\nBcc: evil@x.example &lt;b&gt;&amp;</p>" in mail.get_body(("html",)).get_content().replace("\r\n", "\n")
        delivery = until(lambda: server.request("GET", f"/v1/deliveries?endpoint={action(made)}&status=delivered").json["data"])[0]
        assert mail["message-id"] == f"<{delivery['webhook_id']}@x.example>"
        # A test says what came of it.
        tested = server.request("POST", f"/v1/triggers/{made['id']}/test").json["results"][0]
        assert tested["delivered"] is True and len(box.mails) == 2
    finally:
        server.stop()
        box.close()


def test_what_a_mail_server_refuses_is_not_tried_again_and_what_it_puts_off_is(folder):
    def refusal(address):
        return {"never@y.example": "550 5.1.1 no such user", "later@y.example": "451 4.7.1 try later"}.get(address)

    box = Mailbox(folder, refusal=refusal)
    server = serve(folder, box)
    try:
        place = {"server": f"127.0.0.1:{box.port}", "from": "s@x.example"}
        never = rule(server, **place, username="u", password="secret://file/mail", to="never@y.example")
        later = rule(server, **place, username="u", password="secret://file/mail", to="later@y.example")
        wrong = rule(server, **place, username="u", password="a-wrong-password", to="ann@y.example")
        server.collect({"identity": "ann", "event": "Purchased"})

        def settled(made, status):
            return until(lambda: [row for row in server.request("GET", f"/v1/deliveries?endpoint={action(made)}").json["data"]
                                  if row["status"] == status and row["attempts"]])

        def log(row):
            return server.request("GET", f"/v1/deliveries/{row['id']}").json["attempt_log"][0]

        row = settled(never, "aborted")[0]
        assert log(row)["error"] == "refused" and "no such user" in row["reason"]
        row = settled(later, "pending")[0]
        assert log(row)["error"] == "deferred" and row["next_attempt_at"]
        row = settled(wrong, "pending")[0]
        assert log(row)["error"] == "login" and "a-wrong-password" not in str(log(row))
        assert box.mails == [] and "a-wrong-password" not in server.log.read_text()
    finally:
        server.stop()
        box.close()


def test_nothing_goes_in_clear_or_to_a_stranger(folder):
    box = Mailbox(folder, tls=False)
    (folder / "other").mkdir()
    strange = Mailbox(folder / "other")
    server = serve(folder, box)
    try:
        # One that offers no TLS hears nothing but the greeting; one whose certificate is another's neither.
        for port in (box.port, strange.port):
            made = rule(server, server=f"127.0.0.1:{port}", **{"from": "s@x.example", "to": "a@y.example"})
            tested = server.request("POST", f"/v1/triggers/{made['id']}/test").json["results"][0]
            assert tested["delivered"] is False and tested["error"] in ("tls", "tls_cert"), tested
        assert box.mails == [] and strange.mails == []
        # Where the operator allows the address, and it is said in so many words, it does.
        made = rule(server, server=f"127.0.0.1:{box.port}", security="none", **{"from": "s@x.example", "to": "a@y.example"})
        assert server.request("POST", f"/v1/triggers/{made['id']}/test").json["results"][0]["delivered"] is True
        assert box.mails and box.mails[0][0] is False
    finally:
        server.stop()
        for one in (box, strange):
            one.close()
    server = Sluice(folder / "shut").start()
    try:
        for settings in ({"server": "127.0.0.1:25"}, {"server": "10.0.0.1"}, {"server": "mail.example.com", "security": "none"}):
            answer = server.request("POST", "/v1/triggers", {
                "name": "x", "when": {"event": "A"}, "then": [{"email": {**settings, "from": "s@x.example", "to": "a@y.example"}}]})
            assert answer.status in (400, 422) and b"allow-private" in answer.body, answer.body
        answer = server.request("POST", "/v1/triggers", {
            "name": "x", "when": {"event": "A"}, "then": [{"email": {"server": "mail.example.com", "from": "s", "to": "a@y.example"}}]})
        assert answer.status in (400, 422) and b'from' in answer.body
    finally:
        server.stop()
