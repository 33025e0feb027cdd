"""CSV for spreadsheets: Python's csv and DuckDB, told how a file is written, read the same rows; and what an export will
come to is known before it runs."""

import csv
import datetime
import json
import os
import subprocess
import threading

import duckdb
import pytest

from sluice import PATIENCE, PROGRAM, cli, environment

TEXTS = ["=1+2", "+49 30 1", "-5", "@SUM(A1)", "\ttab", "\rreturn", "a;b", "a,b", "a|b", 'say "x"', "two\nlines", "Grüße ☃", "plain"]
NUMBERS = [-5, -0.25, 1234567.5, 3, 1e-7, 12]
COLUMNS = "identity,event,timestamp,properties.text as text,properties.n as n,properties.n::double as d,properties"


def fill(server):
    """Events an hour apart around the night in which Berlin's clocks go forward."""
    start = datetime.datetime(2026, 3, 28, 20, tzinfo=datetime.timezone.utc)
    events = [{"id": f"e{i}", "identity": f"=user{i % 4}", "event": "Bought; really", "properties": {
        "text": text, "n": NUMBERS[i % len(NUMBERS)]},
        "timestamp": (start + datetime.timedelta(hours=i)).isoformat()} for i, text in enumerate(TEXTS)]
    reply = server.collect(*events)
    assert reply["accepted"] == len(TEXTS) and reply["rejected"] == []
    return events


def read(path, delimiter=",", encoding="utf-8"):
    with open(path, newline="", encoding=encoding) as file:
        return list(csv.DictReader(file, delimiter=delimiter, strict=True))


def guarded(text):
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def test_everything_a_spreadsheet_wants(server, tmp_path):
    events = fill(server)
    path = tmp_path / "sheet.csv"
    server.cli("export", "events", "--columns", COLUMNS, "--order", "seq", "--bom", "--delimiter", ";", "--decimal", ",",
               "--timezone", "Europe/Berlin", "--formula-guard", "--out", path)
    cli("verify", f"{path}.manifest.json")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfidentity;event;")
    rows = read(path, ";", "utf-8-sig")
    assert [row["text"] for row in rows] == [guarded(text) for text in TEXTS]
    assert [row["identity"] for row in rows] == ["'" + event["identity"] for event in events]
    assert {row["event"] for row in rows} == {"Bought; really"}
    assert [float(row["n"].replace(",", ".")) for row in rows] == [event["properties"]["n"] for event in events]
    assert all("." not in row["n"] + row["d"] for row in rows)
    assert [json.loads(row["properties"]) for row in rows] == [event["properties"] for event in events]
    times = [datetime.datetime.fromisoformat(row["timestamp"]) for row in rows]
    assert times == [datetime.datetime.fromisoformat(event["timestamp"]) for event in events]
    assert [row["timestamp"] for row in rows[4:6]] == [
        "2026-03-29T01:00:00.000000+01:00", "2026-03-29T03:00:00.000000+02:00"]
    found = duckdb.sql(
        f"SELECT d, n, epoch(timestamp), text FROM read_csv('{path}', header=true, delim=';', quote='\"', escape='\"', "
        "decimal_separator=',', parallel=false, columns={'identity':'VARCHAR','event':'VARCHAR',"
        "'timestamp':'TIMESTAMPTZ','text':'VARCHAR','n':'DOUBLE','d':'DOUBLE','properties':'VARCHAR'})").fetchall()
    wanted = [(float(e["properties"]["n"]), float(e["properties"]["n"]), time.timestamp(), guarded(e["properties"]["text"]))
              for e, time in zip(events, times)]
    assert found == wanted


@pytest.mark.parametrize("name, delimiter", [(";", ";"), ("tab", "\t"), ("|", "|"), (",", ",")])
@pytest.mark.parametrize("flags", [[], ["--bom"], ["--decimal", ","]])
def test_other_tools_read_every_delimiter(server, tmp_path, name, delimiter, flags):
    fill(server)
    plain, path = tmp_path / "plain.csv", tmp_path / "sheet.csv"
    columns = COLUMNS.replace("properties.n as n,properties.n::double as d,", "")
    numbers = ",properties.n as n"
    server.cli("export", "events", "--columns", columns + numbers, "--order", "seq", "--out", plain)
    server.cli("export", "events", "--columns", columns + numbers, "--order", "seq", "--delimiter", name, *flags, "--out", path)
    wanted = read(plain)
    if "--decimal" in flags:
        wanted = [{**row, "n": row["n"].replace(".", ",")} for row in wanted]
    assert read(path, delimiter, "utf-8-sig") == wanted
    found = duckdb.sql(
        f"SELECT * FROM read_csv('{path}', header=true, all_varchar=true, delim='{delimiter}', quote='\"', escape='\"', "
        "parallel=false)")
    assert found.columns == list(wanted[0])
    assert [list(row) for row in found.fetchall()] == [list(row.values()) for row in wanted]


def test_each_flag_alone(server, tmp_path):
    fill(server)

    def bytes_of(*flags):
        path = tmp_path / "one.csv"
        server.cli("export", "events", "--columns", COLUMNS, "--order", "seq", *flags, "--out", path)
        return path.read_bytes()

    plain = bytes_of()
    assert bytes_of("--bom") == b"\xef\xbb\xbf" + plain
    assert bytes_of("--delimiter", ",", "--decimal", ".") == plain
    assert bytes_of("--timezone", "UTC") == plain
    local = bytes_of("--timezone", "America/New_York")
    assert b"2026-03-28T16:00:00.000000-04:00" in local and b"2026-03-28T20:00:00.000000Z" not in local
    # The zone of a date that is read is not that of the file, unless it is for a spreadsheet.
    ranged = ["--from", "2026-03-28", "--timezone", "America/New_York"]
    assert bytes_of(*ranged) == plain
    assert bytes_of(*ranged, "--bom") == b"\xef\xbb\xbf" + local
    assert b'"1234567,5"' in bytes_of("--decimal", ",")
    guarded = bytes_of("--formula-guard").decode()
    assert guarded.count("'=user") == len(TEXTS) and ",-5," in guarded and "'-5" in guarded


def test_a_marked_file_comes_back(server, tmp_path):
    fill(server)
    path = tmp_path / "marked.csv"
    server.cli("export", "events", "--order", "seq", "--bom", "--timezone", "Asia/Kathmandu", "--out", path)
    again = json.loads(server.cli("import", path, "--json").stdout)
    assert (again["rows"], again["duplicates"]) == (len(TEXTS), len(TEXTS))


def test_the_manifest_repeats_it(server, tmp_path):
    fill(server)
    path = tmp_path / "a.csv"
    manifest = json.loads(server.cli(
        "export", "events", "--delimiter", "tab", "--decimal", ",", "--timezone", "Europe/Berlin", "--formula-guard", "--bom",
        "--from", "2026-03-01", "--out", path, "--json").stdout)
    spec = manifest["spec"]
    assert {name: spec[name] for name in ["bom", "delimiter", "decimal", "timezone", "formula_guard"]} == {
        "bom": True, "delimiter": "tab", "decimal": ",", "timezone": "Europe/Berlin", "formula_guard": True}
    server.collect({"id": "later", "identity": "x", "event": "E", "timestamp": "2026-03-29T00:00:00Z"})
    run = server.request("POST", "/v1/exports", spec).json
    shown = {"status": "queued"}
    while shown["status"] in ("queued", "running"):
        shown = server.request("GET", f"/v1/exports/{run['id']}").json
    assert shown["manifest"]["sha256"] == manifest["sha256"]
    assert server.request("GET", f"/v1/exports/{run['id']}/file").body == path.read_bytes()


@pytest.mark.parametrize("flags, words", [
    (["--delimiter", '"'], "delimiter"), (["--delimiter", "5"], "delimiter"), (["--delimiter", "\n"], "delimiter"),
    (["--delimiter", "-"], "delimiter"), (["--delimiter", ";;"], "delimiter"), (["--delimiter", ""], "delimiter"),
    (["--decimal", ";"], "decimal"), (["--bom", "--format", "ndjson"], "CSV files only"),
    (["--formula-guard", "--format", "parquet"], "CSV files only"), (["--timezone", "Mars/Base", "--bom"], "Mars/Base"),
])
def test_wrong_wishes_are_named(server, tmp_path, flags, words):
    for more in [["--out", tmp_path / "x.csv"], ["--estimate"]]:
        refused = server.cli("export", "events", *flags, *more, code=64)
        assert words in refused.stderr and not refused.stdout
    assert not (tmp_path / "x.csv").exists()


def many(server):
    server.collect(*({"id": f"m{n}", "identity": f"user{n % 50}", "event": "Bought" if n % 5 else "Seen",
                      "properties": {"n": n, "text": "x" * (n % 30)}} for n in range(2000)))


def test_an_estimate_writes_nothing(server, tmp_path):
    many(server)
    for flags in [[], ["--where", '{"property":"n","gte":1500}'], ["--delimiter", ";", "--bom", "--format", "csv"],
                  ["--columns", "identity,properties.*"]]:
        told = json.loads(server.cli("export", "events", *flags, "--estimate", "--json").stdout)
        path = tmp_path / "real.csv"
        manifest = json.loads(server.cli("export", "events", *flags, "--out", path, "--json").stdout)
        assert (told["rows"], told["bytes"], told["exact"]) == (manifest["rows"], manifest["bytes"], True), flags
        assert 0 < told["seconds"] < 60
        path.unlink()
    # The name says the format; nothing is made under it.
    for name in ["e.parquet", "e.ndjson.gz"]:
        before = json.loads(server.cli("export", "people", "--out", tmp_path / name, "--estimate", "--json").stdout)
        assert before["rows"] == 50 and not (tmp_path / name).exists()
        real = json.loads(server.cli("export", "people", "--out", tmp_path / name, "--json").stdout)
        assert abs(before["bytes"] - real["bytes"]) <= 0.1 * real["bytes"]
    text = server.cli("export", "events", "--estimate")
    assert text.stdout.startswith("2,000 rows, about ") and text.stdout.count("\n") == 1 and text.stderr == ""
    assert len(server.request("GET", "/v1/exports").json["data"]) == 6


def test_an_estimate_without_a_server(folder):
    told = json.loads(folder.cli("export", "events", "--estimate", "--json").stdout)
    assert (told["rows"], told["exact"]) == (0, True)


def on_terminal(*arguments):
    """Runs a command with standard error on a terminal; what a person saw there."""
    ours, theirs = os.openpty()
    seen = []

    def watch():
        try:
            while data := os.read(ours, 65536):
                seen.append(data)
        except OSError:
            # A terminal ends so when nobody holds its other side.
            pass

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], stdout=subprocess.PIPE, stderr=theirs, env=environment(),
                          timeout=PATIENCE)
    os.close(theirs)
    watcher.join(PATIENCE)
    os.close(ours)
    return done, b"".join(seen).decode()


def test_a_person_sees_the_estimate_and_a_pipe_does_not(server, tmp_path):
    many(server)
    done, seen = on_terminal("export", "events", "--data", server.data, "--out", tmp_path / "a.csv")
    assert done.returncode == 0 and "to write: 2,000 rows, about " in seen
    quiet = server.cli("export", "events", "--out", tmp_path / "b.csv")
    assert quiet.stderr == ""
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
