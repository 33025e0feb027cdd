"""The command line: names, flags, JSON answers and exit codes."""

import json
import os
import signal
import stat
import subprocess
import zlib

import pytest

from sluice import PATIENCE, PROGRAM, cli, environment

SHOP = "user,when,what,note\nann,2026-01-01,Opened,\nbob,2026-01-02 10:00:00,Opened,hi\nann,2026-01-03T00:00:00Z,Bought,\"\"\n"
MAP = "identity=user,timestamp=when,event=what,properties=note"


def test_init_once(tmp_path):
    keys = json.loads(cli("init", "--data", tmp_path / "d", "--json").stdout)
    assert list(keys) == ["project", "write_key", "secret_key"]
    assert keys["project"] == "default"
    assert keys["write_key"].startswith("wk_") and len(keys["write_key"]) == 43
    before = sorted(p.name for p in (tmp_path / "d").iterdir())
    again = cli("init", "--data", tmp_path / "d", "--json", code=1)
    assert again.stdout == "" and "already" in again.stderr
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == before


@pytest.mark.parametrize("live", [False, True])
def test_import_find_history(folder, tmp_path, live):
    """The same answers with a running server and without one."""
    if live:
        folder.start()
    file = tmp_path / "shop.csv"
    file.write_text(SHOP)
    done = json.loads(folder.cli("import", file, "--map", MAP, "--json").stdout)
    assert {k: done[k] for k in ["rows", "accepted", "duplicates", "rejected"]} == {
        "rows": 3, "accepted": 3, "duplicates": 0, "rejected": 0}
    again = json.loads(folder.cli("import", file, "--map", MAP, "--json").stdout)
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    ann = json.loads(folder.cli("people", "find", "ann", "--json").stdout)
    assert ann["identities"] == ["ann"] and ann["events_total"] == 2 and ann["id"].startswith("p_")
    assert ann["first_seen"] == "2026-01-01T00:00:00.000000Z"
    history = json.loads(folder.cli("people", "history", "ann", "--json").stdout)["data"]
    assert [e["event"] for e in history] == ["Bought", "Opened"]
    assert history[0]["properties"] == {"note": ""} and history[1]["properties"] == {}
    one = json.loads(folder.cli("people", "history", "ann", "--limit", 1, "--json").stdout)["data"]
    assert one == history[:1]
    assert "nobody" in folder.cli("people", "find", "nobody", code=1).stderr
    if live:
        folder.stop()
    else:
        assert not (folder.data / "sluice.sock").exists()


def test_import_says_which_line_was_rejected(folder, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("user,when,what\nann,2026-01-01,Opened\n,2026-01-01,Opened\nbob,nonsense,Opened\n")
    done = folder.cli("import", file, "--map", "identity=user,timestamp=when,event=what", code=3)
    assert "1 added" in done.stdout and "2 rejected" in done.stdout
    assert f"{file}:3: " in done.stderr and f"{file}:4: " in done.stderr
    done = json.loads(folder.cli(
        "import", file, "--map", "identity=user,timestamp=when,event=what", "--json", code=3).stdout)
    assert (done["duplicates"], done["rejected"]) == (1, 2)
    assert [r["line"] for r in done["files"][0]["rejects"]] == [3, 4]
    assert all(r["reason"] for r in done["files"][0]["rejects"])


def test_import_reads_pipes_and_compressed_files(folder, tmp_path):
    gz = zlib.compressobj(wbits=31)
    packed = gz.compress(SHOP.encode()) + gz.flush()
    (tmp_path / "a.csv.gz").write_bytes(packed)
    folder.cli("import", tmp_path / "a.csv.gz", "--map", MAP)
    done = json.loads(folder.cli(
        "import", "-", "--format", "csv", "--map", MAP, "--json", stdin=SHOP).stdout)
    assert done["duplicates"] == 3
    lines = '{"id":"x1","identity":"zoe","event":"Opened","timestamp":"2026-01-05T00:00:00Z"}\n\n{"identity":"zoe"}\n'
    done = json.loads(folder.cli("import", "-", "--format", "ndjson", "--json", stdin=lines, code=3).stdout)
    assert (done["accepted"], done["rejected"]) == (1, 1)


def test_import_usage(folder, tmp_path):
    (tmp_path / "a.csv").write_text(SHOP)
    folder.cli("import", tmp_path / "missing.csv", code=1)
    folder.cli("import", tmp_path / "a.csv", "--format", "xml", code=64)
    folder.cli("import", "-", code=64)
    folder.cli("import", tmp_path / "a.csv", "--map", "identity=nosuch,event=what", code=64)
    folder.cli("import", tmp_path / "a.csv", "--map", "identity", code=64)


def test_usage_is_64():
    for arguments in [
        ["serve", "--nonsense"], ["nonsense"], ["init"], ["people", "find"], ["export", "cats", "--out", "-"],
        ["export", "events"], ["people", "find", "x"], ["status", "--server", "http://127.0.0.1:1", "--data", "d"],
        ["export", "events", "--out", "-", "--format", "xml", "--data", "d"],
        ["serve", "--data", "d", "--listen", "nowhere"],
    ]:
        failed = cli(*arguments, code=64)
        assert failed.stderr and not failed.stdout, arguments
    for arguments in [["--help"], ["import", "--help"], ["export", "--help"], ["help"], []]:
        assert "sluice" in cli(*arguments).stdout.lower()


def test_unreachable_and_refused(server):
    cli("status", "--server", "http://127.0.0.1:9", "--key", "x", code=69)
    cli("status", "--server", server.url, code=77)
    cli("status", "--server", server.url, "--key", "wrong", code=77)
    cli("status", "--server", server.url, "--key", server.write_key, code=77)
    cli("status", "--server", server.url, "--key", server.secret_key)


def test_environment_and_flags(server):
    there = {"SLUICE_SERVER": server.url, "SLUICE_KEY": server.secret_key}
    cli("status", env=there)
    cli("status", env={**there, "SLUICE_SERVER": "http://127.0.0.1:9"}, code=69)
    cli("status", "--server", server.url, env={**there, "SLUICE_SERVER": "http://127.0.0.1:9"})
    cli("status", "--key", "wrong", env=there, code=77)
    cli("status", "--data", server.data, env={**there, "SLUICE_SERVER": "http://127.0.0.1:9"})
    cli("status", env={"SLUICE_DATA": str(server.data)})


def test_projects(server):
    made = json.loads(server.cli("projects", "create", "shop", "--json").stdout)
    assert list(made) == ["project", "write_key", "secret_key"] and made["project"] == "shop"
    listed = json.loads(server.cli("projects", "list", "--json").stdout)["data"]
    assert [p["name"] for p in listed] == ["default", "shop"]
    server.cli("projects", "create", "shop", code=1)
    answer = server.request("POST", "/v1/events", {"events": [{"identity": "ann", "event": "Only here"}]},
                            key=made["write_key"])
    assert answer.json["accepted"] == 1
    assert json.loads(server.cli("people", "find", "ann", "--project", "shop", "--json").stdout)["events_total"] == 1
    server.cli("people", "find", "ann", code=1)
    cli("people", "find", "ann", "--server", server.url, "--key", made["secret_key"])
    cli("people", "find", "ann", "--server", server.url, "--key", server.secret_key, code=1)
    server.cli("people", "find", "ann", "--project", "nosuch", code=1)


def test_a_bad_condition_is_usage(server):
    bad = server.cli("export", "events", "--where", '{"all":[{"property":"x","gtt":1}]}', "--out", "-", code=64)
    assert "where.all[0]" in bad.stderr
    assert "--where" in server.cli("export", "events", "--where", "{", "--out", "-", code=64).stderr
    assert "columns" in server.cli("export", "events", "--columns", "nosuch", "--out", "-", code=64).stderr


def test_where_and_ranges(server, tmp_path):
    server.collect(*({"id": f"e{n}", "identity": f"i{n}", "event": "Bought" if n % 2 else "Seen",
                      "timestamp": f"2024-03-{n + 1:02}", "properties": {"amount": n}} for n in range(20)))
    rows = server.export("events", "--where", '{"all":[{"event":"Bought"},{"property":"amount","gte":11}]}',
                         "--columns", "properties.amount as amount", "--order", "seq")
    assert [r["amount"] for r in rows] == ["11", "13", "15", "17", "19"]
    condition = tmp_path / "where.json"
    condition.write_text('{"property":"amount","in":[3,4]}')
    assert len(server.export("events", "--where", f"@{condition}")) == 2
    rows = server.export("events", "--from", "2024-03-05", "--to", "2024-03-08", "--columns", "identity",
                         "--order", "timestamp")
    assert [r["identity"] for r in rows] == ["i4", "i5", "i6"]
    assert len(server.export("events", "--from", "-7d")) == 0
    manifest = json.loads(server.cli("export", "events", "--out", tmp_path / "m.csv", "--json").stdout)
    half = manifest["seq_to"] // 2
    first = server.export("events", "--seq-to", half, "--columns", "seq", "--order", "seq")
    second = server.export("events", "--seq-from", half, "--columns", "seq", "--order", "seq")
    assert [int(r["seq"]) for r in first + second] == list(range(1, 21))


def test_zones_by_name(server):
    """A time without a zone goes with an exact or relative one; a zone that is none is named."""
    server.collect({"identity": "a", "event": "E", "timestamp": "2024-03-10T12:00:00Z"})
    for until in ["2024-03-11T04:00:00Z", "-1d", "1710129600", "2024-03-11"]:
        assert len(server.export("events", "--from", "2024-03-10", "--to", until, "--timezone", "Europe/Paris")) == 1
    for times in [[], ["--from", "2024-03-10"], ["--from", "2024-03-10", "--to", "-1d"]]:
        bad = server.cli("export", "events", *times, "--timezone", "Mars/Base", "--out", "-", code=64)
        assert "Mars/Base" in bad.stderr and "9999" not in bad.stderr


def test_doctor_status_version(folder):
    health = json.loads(folder.cli("doctor", "--json").stdout)
    assert health["ok"] and {c["outcome"] for c in health["checks"]} <= {"ok", "warning"}
    assert {"library", "clock", "permissions", "disk", "sync", "journal of default"} <= {
        c["name"] for c in health["checks"]}
    folder.start()
    assert json.loads(folder.cli("doctor", "--json").stdout)["ok"]
    status = json.loads(folder.cli("status", "--json").stdout)
    assert status["projects"][0]["project"] == "default"
    folder.stop()
    assert json.loads(cli("doctor", "--data", "/nonexistent", "--json", code=1).stdout)["ok"] is False
    assert json.loads(cli("version", "--json").stdout)["duckdb"] == "v1.5.5"


def test_the_socket_is_private_and_the_folder_has_one_owner(server):
    assert stat.S_IMODE(os.stat(server.data / "sluice.sock").st_mode) == 0o600
    assert "lock" in cli("serve", "--data", server.data, "--listen", "127.0.0.1:0", code=1).stderr


def test_a_stale_socket_is_no_server(folder):
    folder.start()
    folder.kill()
    assert (folder.data / "sluice.sock").exists()
    folder.cli("status")


def fill_more_than_a_pipe_holds(server):
    server.collect(*({"id": f"b{n}", "identity": f"i{n}", "event": "E", "properties": {"t": "x" * 400}} for n in range(2000)))


@pytest.mark.parametrize("live", [False, True])
def test_ctrl_c_cancels_an_export(folder, live):
    folder.start()
    fill_more_than_a_pipe_holds(folder)
    if not live:
        folder.stop()
    run = subprocess.Popen([str(PROGRAM), "export", "events", "--out", "-", "--data", str(folder.data)],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert run.stdout.read(10)
    # The pipe is full and nobody reads on: only the signal can end it.
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1 and b"interrupted" in said
    if live:
        left = folder.request("GET", "/v1/exports").json["data"]
        assert [r for r in left if r["status"] not in ("succeeded", "cancelled")] == []
        folder.stop()


def test_a_reader_that_goes_away_ends_an_export(server):
    fill_more_than_a_pipe_holds(server)
    run = subprocess.Popen([str(PROGRAM), "export", "events", "--out", "-", "--data", str(server.data)],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert run.stdout.read(10)
    run.stdout.close()
    assert run.wait(PATIENCE) == 1
    assert b"closed it" in run.stderr.read()
    run.stderr.close()


def test_people_can_read_it(folder, tmp_path):
    """The human form says what the JSON says."""
    file = tmp_path / "a.csv"
    file.write_text(SHOP)
    folder.cli("import", file, "--map", MAP)
    found = folder.cli("people", "find", "ann").stdout
    assert "identities  ann\n" in found and "events      2\n" in found
    history = folder.cli("people", "history", "ann").stdout.splitlines()
    assert history[0].split() == ["TIMESTAMP", "IDENTITY", "EVENT", "PROPERTIES"]
    assert history[1].split() == ["2026-01-03T00:00:00.000000Z", "ann", "Bought", '{"note":""}']
    assert folder.keys["write_key"] in folder.cli("projects", "list").stdout
    assert "projects[0].project" in folder.cli("status").stdout


def test_nothing_is_drawn_in_a_pipe(folder, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(SHOP)
    done = folder.cli("import", file, "--map", MAP)
    assert done.stderr == "" and "\r" not in done.stdout
