"""Other tools open the files: whatever the values are, DuckDB, Python's csv and pyarrow read the same rows."""

import gzip
import json
import os
import stat
import threading

import duckdb
import pyarrow.parquet
import zstandard

from sluice import PATIENCE, cli, read_csv

VALUES = {
    "plain": "hello",
    "quotes": 'she said "no", twice: ""',
    "comma": "a,b,,c",
    "newlines": "one\ntwo\r\nthree\rfour",
    "nul": "before\x00after",
    "emoji": "👩‍👩‍👧 ☃ é e\u0301",
    "long": "x" * 32768,
    "long_quotes": '",\n' * 2000,
    "spaces": "  padded  ",
    "formula": "=1+2",
    "empty": "",
    "looks_null": "null",
    "backslash": "\\N \\n \\",
    "bom": "\ufeffbom",
    "separators": "a\u2028b\u0085c\td",
}
COLUMNS = ",".join(["identity", "event", *(f"properties.{name}" for name in VALUES)])
HEADER = COLUMNS.split(",")


def fill(server):
    reply = server.collect(*(
        {"id": f"e{number}", "identity": identity, "event": 'Odd "name", really', "properties": VALUES,
         "timestamp": f"2026-02-0{number + 1}T00:00:00.5Z"}
        for number, identity in enumerate(['ann "the" one', "bob,\nsecond", "carl"])))
    assert reply["accepted"] == 3 and reply["rejected"] == []
    return [['ann "the" one', 'Odd "name", really', *VALUES.values()],
            ["bob,\nsecond", 'Odd "name", really', *VALUES.values()],
            ["carl", 'Odd "name", really', *VALUES.values()]]


def duckdb_rows(path, **options):
    """The rows as DuckDB reads them; everything as text, an empty cell that was quoted as an empty text."""
    settings = "".join(f", {key}={value}" for key, value in options.items())
    return [list(row) for row in duckdb.sql(
        f"SELECT * FROM read_csv('{path}', header=true, all_varchar=true, quote='\"', escape='\"', delim=',', "
        f"max_line_size=16777216, nullstr='\\x01none', parallel=false{settings})").fetchall()]


def test_csv_is_read_alike(server, tmp_path):
    wanted = fill(server)
    for compression, name in [("none", "a.csv"), ("gzip", "a.csv.gz"), ("zstd", "a.csv.zst")]:
        path = tmp_path / name
        server.cli("export", "events", "--columns", COLUMNS, "--order", "seq", "--compress", compression, "--out", path)
        plain = tmp_path / f"plain-{compression}.csv"
        raw = path.read_bytes()
        if compression == "gzip":
            raw = gzip.decompress(raw)
        elif compression == "zstd":
            raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        plain.write_bytes(raw)
        rows = read_csv(plain)
        assert list(rows[0]) == HEADER
        assert [list(row.values()) for row in rows] == wanted
        assert duckdb_rows(plain) == wanted
        cli("verify", f"{path}.manifest.json")


def test_ndjson_keeps_everything(server, tmp_path):
    wanted = fill(server)
    path = tmp_path / "a.ndjson"
    server.cli("export", "events", "--columns", COLUMNS, "--order", "seq", "--out", path)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert [list(json.loads(line).values()) for line in lines] == wanted
    assert list(json.loads(lines[0])) == HEADER


def test_parquet_keeps_everything(server, tmp_path):
    wanted = fill(server)
    path = tmp_path / "a.parquet"
    server.cli("export", "events", "--columns", COLUMNS + ",timestamp", "--order", "seq", "--out", path)
    table = pyarrow.parquet.read_table(path)
    assert table.column_names == [*HEADER, "timestamp"]
    rows = [list(row.values()) for row in table.to_pylist()]
    assert [row[:-1] for row in rows] == wanted
    assert str(table.schema.field("timestamp").type) == "timestamp[us, tz=UTC]"
    assert rows[0][-1].isoformat() == "2026-02-01T00:00:00.500000+00:00"
    assert [list(r) for r in duckdb.sql(f"SELECT * EXCLUDE timestamp FROM '{path}'").fetchall()] == wanted


def test_values_keep_their_text(server, tmp_path):
    """Numbers are not rewritten on the way."""
    body = (b'{"events":[{"id":"n","identity":"a","event":"E","properties":'
            b'{"n":1.50,"big":12345678901234567890123,"e":1E5,"neg":-0.0,"t":true,"z":null,"o":{"a":[1,2.0]}}}]}')
    assert server.request("POST", "/v1/events", body, key="write").json["accepted"] == 1
    columns = "properties.n,properties.big,properties.e,properties.neg,properties.t,properties.z,properties.o,properties"
    (row,) = server.export("events", "--columns", columns)
    assert row["properties.n"] == "1.50"
    assert row["properties.big"] == "12345678901234567890123"
    assert row["properties.e"] == "1E5"
    assert row["properties.neg"] == "-0.0"
    assert row["properties.t"] == "true"
    assert row["properties.z"] == ""
    assert row["properties.o"] == '{"a":[1,2.0]}'
    assert '"n":1.50' in row["properties"] and '"e":1E5' in row["properties"]


def test_one_column_keeps_its_rows(server, tmp_path):
    """A missing value alone in its row is no empty line, which readers skip."""
    server.collect(*({"id": f"c{n}", "identity": "a", "event": "E", "timestamp": f"2026-02-0{n + 1}",
                      "properties": {} if n % 2 else {"x": n}} for n in range(4)))
    path = tmp_path / "one.csv"
    server.cli("export", "events", "--columns", "properties.x as x", "--order", "seq", "--out", path)
    assert path.read_bytes() == b'x\r\n0\r\n""\r\n2\r\n""\r\n'
    assert [row["x"] for row in read_csv(path)] == ["0", "", "2", ""]
    assert [row[0] for row in duckdb_rows(path)] == ["0", "", "2", ""]


def test_our_own_csv_comes_back(server, tmp_path):
    """An export of events is an import without a mapping, and adds nothing where the events are already."""
    fill(server)
    path = tmp_path / "events.csv"
    server.cli("export", "events", "--order", "seq", "--out", path)
    again = json.loads(server.cli("import", path, "--json").stdout)
    assert (again["rows"], again["duplicates"], again["accepted"]) == (3, 3, 0)


def test_parts_and_pipes(server, tmp_path):
    """Parts hold the same rows as one file; a pipe carries the same bytes; a remote download is the same files."""
    server.collect(*({"id": f"p{n}", "identity": f"i{n % 7}", "event": "E", "properties": {"n": n}} for n in range(1000)))
    whole = tmp_path / "whole.csv"
    server.cli("export", "events", "--order", "seq", "--out", whole)
    manifest = json.loads(server.cli(
        "export", "events", "--order", "seq", "--part-rows", "300", "--out", tmp_path / "cut.csv", "--json").stdout)
    assert [part["file"] for part in manifest["parts"]] == [f"cut.part-{n:05}.csv" for n in range(1, 5)]
    assert [part["rows"] for part in manifest["parts"]] == [300, 300, 300, 100]
    rows = [row for part in manifest["parts"] for row in read_csv(tmp_path / part["file"])]
    assert rows == read_csv(whole)
    cli("verify", tmp_path / "cut.csv.manifest.json")

    piped = server.cli("export", "events", "--order", "seq", "--out", "-")
    assert piped.stdout == whole.read_text()
    assert json.loads(piped.stderr)["rows"] == 1000

    for flags, name in [([], "far.csv"), (["--part-rows", "300"], "far-cut.csv")]:
        far = tmp_path / "far" / name
        far.parent.mkdir(exist_ok=True)
        cli("export", "events", "--order", "seq", *flags, "--out", far, "--server", server.url, "--key",
            server.secret_key)
        cli("verify", f"{far}.manifest.json")
    assert (tmp_path / "far" / "far.csv").read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in (tmp_path / "far").iterdir()) == sorted([
        "far.csv", "far.csv.manifest.json", "far-cut.csv.manifest.json",
        *(f"far-cut.part-{n:05}.csv" for n in range(1, 5))])


def test_out_goes_where_its_path_leads(server, tmp_path):
    """Pipes and devices are written through, links stay, folders are refused; none of them is replaced by a file."""
    fill(server)
    whole = server.cli("export", "events", "--out", "-").stdout
    piped = server.cli("export", "events", "--out", "/dev/stdout")
    assert piped.stdout == whole and json.loads(piped.stderr)["rows"] == 3

    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for flags in [[], ["--json"]]:
        read = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
        reader.start()
        done = server.cli("export", "events", *flags, "--out", pipe)
        reader.join(PATIENCE)
        assert [data.decode().replace("\r\n", "\n").replace("\r", "\n") for data in read] == [whole]
        assert json.loads(done.stdout if flags else done.stderr)["rows"] == 3
        assert (done.stderr if flags else done.stdout) == ""
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)
    server.cli("export", "events", "--out", pipe, "--part-rows", 2, code=64)
    assert "No space" in server.cli("export", "events", "--out", "/dev/full", code=1).stderr
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)

    (tmp_path / "real").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to("real/events.csv")
    real = tmp_path / "real" / "events.csv"
    for _ in range(2):
        server.cli("export", "events", "--out", link)
        assert link.is_symlink() and not real.is_symlink() and real.read_text() == whole
        cli("verify", f"{real}.manifest.json")
        real.write_text("old")

    to_folder = tmp_path / "to-folder"
    to_folder.symlink_to("real")
    for out in [tmp_path / "real", f"{tmp_path}/real/", to_folder, "."]:
        refused = server.cli("export", "events", "--out", out, code=64)
        assert "folder" in refused.stderr and str(out) in refused.stderr
    assert to_folder.is_symlink()


def test_verify_sees_a_changed_byte(server, tmp_path):
    fill(server)
    path = tmp_path / "a.csv"
    server.cli("export", "events", "--out", path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    failed = cli("verify", f"{path}.manifest.json", code=1)
    assert "a.csv" in failed.stderr
    path.unlink()
    cli("verify", f"{path}.manifest.json", code=1)
