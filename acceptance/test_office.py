"""Rows where people look: in a mail with the file or a link to it, in a Slack channel, in a sheet of Google's."""

import csv
import json
import re
import time
import urllib.parse

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import mail_server
import office
import sluice
from test_pipelines import Flow


@pytest.fixture
def desk():
    made = office.Office()
    yield made
    made.close()


@pytest.fixture
def mailbox(tmp_path):
    made = mail_server.Mailbox(tmp_path, tls=False)
    yield made
    made.close()


@pytest.fixture
def flow(folder, tmp_path, desk):
    files = tmp_path / "files"
    files.mkdir()
    made = Flow(folder, files, HOOK=f"{desk.url}/services/T/B/x", TOKEN="xoxb-good", BAD_TOKEN="xoxb-bad",
                ACCOUNT=desk.credentials(), FORGED=desk.credentials(rsa.generate_private_key(65537, 2048)))
    start = folder.start
    folder.start = lambda *flags: start(*flags, "--public-url", "https://sluice.example.com/")
    yield made.start()


def pipeline(destination, export="dataset: events", attempts=1):
    return f"""
name: p
export: {{ {export} }}
load: {{ destination: {destination} }}
on_failure: {{ retry: {{ attempts: {attempts}, base: 1s, backoff: fixed }} }}
"""


def email(mailbox, more=""):
    return pipeline(
        f'{{ type: email, server: "127.0.0.1:{mailbox.port}", security: none, from: "Sluice <sluice@example.com>", '
        f'to: "ann@example.com, bob@example.com"{more} }}')


def test_a_mail_has_the_file(flow, mailbox):
    flow.collect(30)
    flow.apply(email(mailbox, ', subject: "{{pipeline}} has {{rows}} rows"'))
    assert flow.run()["status"] == "succeeded"
    ((_, sender, recipients, mail),) = mailbox.mails
    assert mail["subject"] == "p has 30 rows" and recipients == ["ann@example.com", "bob@example.com"]
    (attached,) = mail.iter_attachments()
    assert attached.get_filename().startswith("p-") and attached.get_content_type() == "text/csv"
    rows = list(csv.DictReader(attached.get_payload(decode=True).decode().splitlines(keepends=True)))
    assert len(rows) == 30 and {row["event_id"] for row in rows} == {f"e-{i}" for i in range(30)}
    assert "30 rows" in mail.get_body().get_content()
    # Nothing new, no mail.
    flow.run()
    assert len(mailbox.mails) == 1


def test_a_large_file_is_a_link_that_is_signed_and_expires(flow, mailbox):
    flow.collect(40)
    flow.apply(email(mailbox, ", attach_up_to: 0, link_days: 2"))
    flow.run()
    ((_, _, _, mail),) = mailbox.mails
    link = re.search(r"https://sluice.example.com(/v1/links/\S+)", mail.get_body().get_content())[1]
    path, query = link.split("?")
    said = dict(urllib.parse.parse_qsl(query))
    assert 0 < int(said["expires"]) - time.time() - 2 * 86400 + 60 < 120
    answer = flow.folder.request("GET", link, key=None)
    assert answer.status == 200 and answer.body.count(b"\n") >= 41 and "attachment" in answer.headers["content-disposition"]
    later = {**said, "expires": str(int(said["expires"]) + 1)}
    other = {**said, "signature": said["signature"][:-1] + ("0" if said["signature"][-1] != "0" else "1")}
    for wrong in (later, other, {**said, "signature": ""}, {"expires": said["expires"]}, {}):
        answer = flow.folder.request("GET", path + "?" + urllib.parse.urlencode(wrong), key=None)
        assert answer.status == 404, wrong
    assert flow.folder.request("GET", path[:-1] + "x?" + query, key=None).status == 404
    # It survives a restart: the key is the folder's.
    flow.folder.stop()
    flow.start()
    assert flow.folder.request("GET", link, key=None).status == 200


def test_a_mail_server_that_refuses_ends_the_run(flow, tmp_path):
    box = mail_server.Mailbox(tmp_path, tls=False, refusal=lambda who: "550 no such user" if "bob" in who else None)
    try:
        flow.collect(3)
        flow.apply(email(box))
        run = flow.run(code=1)
        assert "550" in run["reason"] and not box.mails
    finally:
        box.close()


def test_slack_is_told_once_and_what_is_collected_cannot_call(flow, desk):
    flow.folder.collect(*[{"identity": f"<!channel> {i}", "event": "a `b` & c", "id": f"s{i}"} for i in range(30)])
    hook = "{ type: slack, url: secret://env/HOOK, show: table, rows: 5 }"
    flow.apply(pipeline(hook, export="dataset: events, columns: [seq, identity, event]", attempts=5))
    desk.slack_answers = [503]
    run = flow.run()
    assert run["status"] == "succeeded" and run["destination"].startswith("slack:127.0.0.1/")
    (message,) = desk.messages
    assert "p: 30 rows of events" in message["text"] and "&lt;!channel&gt; 4" in message["text"]
    assert "… and 25 more" in message["text"] and "<!channel>" not in message["text"] and message["text"].count("```") == 2
    flow.run()
    assert len(desk.messages) == 1
    assert "/services/" not in json.dumps(flow.folder.request("GET", "/v1/runs").json)


def test_slack_refusals_are_said_though_the_answer_is_200(flow, desk):
    flow.collect(3)
    for token, channel, wanted in [("BAD_TOKEN", "C1", "invalid_auth"), ("TOKEN", "C9", "channel_not_found")]:
        flow.apply(pipeline(
            f'{{ type: slack, token: secret://env/{token}, channel: {channel}, api: "{desk.url}/api" }}'))
        assert wanted in flow.run(code=1)["reason"]
    flow.apply(pipeline(f'{{ type: slack, token: secret://env/TOKEN, channel: C1, api: "{desk.url}/api" }}'))
    flow.run()
    assert len(desk.messages) == 1 and desk.messages[0]["channel"] == "C1"


def sheet(desk, account="ACCOUNT", columns="[seq, event_id, event, properties.number as number]", attempts=9):
    return pipeline(
        f'{{ type: sheets, spreadsheet: S, sheet: "It\'s events", credentials: secret://env/{account}, '
        f'api: "{desk.url}", piece_rows: 20 }}', export=f"dataset: events, columns: {columns}", attempts=attempts)


def test_a_sheet_has_each_row_once_whatever_answer_is_lost(flow, desk):
    flow.collect(50)
    flow.apply(sheet(desk))
    # Made; a piece; one whose answer is lost; one that is refused for now; the rest.
    desk.sheet_answers = [200, 200, None, 503]
    run = flow.run()
    assert run["status"] == "succeeded", run
    header, *rows = desk.values("It's events")
    assert header == ["seq", "event_id", "event", "number"]
    assert [row[1] for row in rows] == [f"e-{i}" for i in range(50)]
    assert rows[7][3] == 7 and isinstance(rows[7][0], (int, float))
    ledger = desk.values("sluice_loads")[1:]
    assert sum(line[4] for line in ledger) == 50
    end = 0
    for line in ledger:
        assert line[2] == end
        end = line[3]
    flow.collect(5, start=50)
    assert flow.run()["rows"] == 5
    assert len(desk.values("It's events")) == 56 and desk.values("Notes") == [["mine"]]
    # One column more.
    flow.collect(2, start=55)
    flow.apply(sheet(desk, columns="[seq, event_id, event, properties.number as number, identity]"))
    flow.run()
    assert desk.values("It's events")[0][-1] == "identity" and desk.values("It's events")[-1][4].startswith("user-")


def test_rows_of_one_seq_are_in_one_piece(flow, desk):
    names = ["a", "b", "c", "d", "e", "f"]
    flow.folder.collect(*({"type": "set", "identity": f"user-{i}", "properties": {name: i for name in names}} for i in range(20)))
    flow.apply(pipeline(
        f'{{ type: sheets, spreadsheet: S, sheet: Changes, credentials: secret://env/ACCOUNT, api: "{desk.url}", piece_rows: 20 }}',
        export="dataset: property_changes, columns: [seq, identity, name, value]", attempts=9))
    # The second piece is refused for now: it goes on where the first one ended.
    desk.sheet_answers = [200, 200, 503, 503]
    assert flow.run()["status"] == "succeeded"
    rows = desk.values("Changes")[1:]
    assert sorted((row[1], row[2]) for row in rows) == sorted((f"user-{i}", name) for i in range(20) for name in names)
    assert sum(line[4] for line in desk.values("sluice_loads")[1:]) == 120


def test_a_sheet_that_is_replaced_has_what_is_now_and_forgets(flow, desk):
    people = pipeline(
        f'{{ type: sheets, spreadsheet: S, sheet: People, credentials: secret://env/ACCOUNT, api: "{desk.url}", piece_rows: 20 }}',
        export="dataset: people, columns: [identities, person.plan as plan, events_total], incremental: false", attempts=9)
    flow.collect(50)
    flow.folder.collect({"identity": "user-1", "type": "set", "properties": {"plan": "=1+1"}})
    flow.apply(people)
    # Made; gathered; a piece whose answer is lost; begun anew.
    desk.sheet_answers = [200, 200, None]
    assert flow.run()["rows"] == 50
    sheet_id = desk.find(title="People")["id"]
    header, *rows = desk.values("People")
    assert header == ["identities", "plan", "events_total"] and len(rows) == 50
    assert [row[1] for row in rows if "user-1" in json.loads(row[0])] == ["=1+1"]
    flow.collect(10, start=50)
    flow.folder.cli("erase", "user-49", "user-3", "--json")
    gone = sluice.until(lambda: len(desk.values("People")) == 49)
    assert gone and not any(who in row[0] for row in desk.values("People") for who in ('"user-49"', '"user-3"'))
    assert flow.run()["status"] == "succeeded"
    rows = desk.values("People")[1:]
    assert len(rows) == 48 and sum(row[2] for row in rows) == 57 and desk.find(title="People")["id"] == sheet_id
    assert [s["title"] for s in desk.sheets] == ["Notes", "sluice_loads", "People"] and desk.values("Notes") == [["mine"]]


def test_what_looks_like_a_formula_is_text_and_a_forged_key_is_refused(flow, desk):
    flow.folder.collect({"identity": "a", "event": '=HYPERLINK("http://x","y")', "id": "f"})
    flow.apply(sheet(desk, account="FORGED", attempts=1))
    run = flow.run(code=1)
    assert "invalid_grant" in run["reason"] and "PRIVATE" not in json.dumps(run)
    flow.apply(sheet(desk))
    flow.run()
    assert desk.values("It's events")[1][2] == '=HYPERLINK("http://x","y")'


def test_settings_are_checked_where_they_are_wrong(tmp_path, desk):
    path = tmp_path / "p.yaml"
    for text, wanted in [
        (pipeline("{ type: slack, url: https://hooks.slack.com/services/x }"), "is a secret"),
        (pipeline("{ type: slack, url: secret://env/HOOK, show: pie }"), "summary or table"),
        (pipeline("{ type: email, server: mail.example.com, from: a@b.c }"), '"to" is missing'),
        (sheet(desk).replace("piece_rows: 20", "piece_row: 20"), 'did you mean "piece_rows"'),
    ]:
        path.write_text(text)
        done = sluice.cli("pipeline", "check", path, code=64)
        assert wanted in done.stderr and ":4:" in done.stderr, done.stderr
