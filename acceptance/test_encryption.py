"""Encrypted files: Debian's age opens what Sluice writes, Sluice opens what Debian's age writes, and nobody else does."""

import gzip
import hashlib
import json
import pathlib
import subprocess

import duckdb
import pyarrow.parquet
import pytest
import zstandard

import sluice
from sluice import PATIENCE, cli, until

CHUNK = 64 << 10
# Around the borders of age's chunks.
SIZES = [0, 60, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 100]


class Key:
    def __init__(self, folder, name):
        self.file = folder / f"{name}.key"
        subprocess.run(["age-keygen", "-o", self.file], check=True, capture_output=True)
        self.recipient = subprocess.run(
            ["age-keygen", "-y", self.file], check=True, capture_output=True, text=True).stdout.strip()
        self.secret = self.file.read_text().split("\n")[2]
        assert self.secret.startswith("AGE-SECRET-KEY-1")

    def open(self, path):
        """What `age -d` writes."""
        done = subprocess.run(["age", "-d", "-i", self.file, path], capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def keys(tmp_path):
    return [Key(tmp_path, name) for name in ("ann", "bob", "eve")]


def flags(*keys):
    return [part for key in keys for part in ("--encrypt", key.recipient)]


def collect(server, count=300):
    server.collect(*(
        {"id": f"e{n}", "identity": f"person-{n % 9}", "event": "Purchased", "properties": {"n": n, "t": "words " * 40},
         "timestamp": f"2026-02-03T00:{n // 60 % 60:02}:{n % 60:02}Z"} for n in range(count)))


def manifest_of(path):
    return json.loads(pathlib.Path(f"{path}.manifest.json").read_text())


def unpack(raw, compression):
    if compression == "gzip":
        return gzip.decompress(raw)
    return zstandard.ZstdDecompressor().decompressobj().decompress(raw) if compression == "zstd" else raw


@pytest.mark.parametrize("compression, ending", [("none", ""), ("gzip", ".gz"), ("zstd", ".zst")])
@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_age_opens_rows(server, keys, tmp_path, format, compression, ending):
    collect(server)
    plain = tmp_path / f"plain.{format}"
    server.cli("export", "events", "--order", "seq", "--out", plain)
    # What is inside follows from the name, with or without age's ending.
    path = tmp_path / f"sealed.{format}{ending}.age"
    server.cli("export", "events", "--order", "seq", "--out", path, *flags(*keys[:2]))
    for key in keys[:2]:
        assert unpack(key.open(path), compression) == plain.read_bytes()
    assert subprocess.run(["age", "-d", "-i", keys[2].file, path], capture_output=True).returncode != 0
    made = manifest_of(path)
    assert made["encryption"] == {"scheme": "age", "recipients": [key.recipient for key in keys[:2]]}
    assert made["spec"]["encrypt"] == [key.recipient for key in keys[:2]]
    assert made["spec"]["compression"] == compression
    assert made["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert made["parts"][0]["plaintext_bytes"] == len(keys[0].open(path))
    check = json.loads(cli("verify", f"{path}.manifest.json", "--identity", keys[1].file, "--json").stdout)
    assert check["opened"] and check["plaintext_sha256"] == hashlib.sha256(keys[0].open(path)).hexdigest()
    # Nobody else finds a word in it.
    assert b"Purchased" not in path.read_bytes()


def test_age_opens_parquet(server, keys, tmp_path):
    collect(server)
    path = tmp_path / "events.parquet.age"
    server.cli(
        "export", "events", "--order", "seq", "--columns", "seq,identity,properties.n::bigint as n", "--out", path,
        *flags(keys[0]), "--identity", keys[0].file)
    opened = tmp_path / "events.parquet"
    opened.write_bytes(keys[0].open(path))
    table = pyarrow.parquet.read_table(opened)
    assert table.num_rows == 300 and table.column("n").to_pylist() == list(range(300))
    assert duckdb.sql(f"SELECT count(*), sum(n) FROM '{opened}'").fetchall() == [(300, 300 * 299 // 2)]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_parts(server, keys, tmp_path, format):
    collect(server)
    path = tmp_path / f"events.{format}.age"
    server.cli("export", "events", "--part-rows", 120, "--out", path, *flags(keys[0]), "--identity", keys[0].file)
    made = manifest_of(path)
    assert [part["file"] for part in made["parts"]] == [f"events.part-0000{n}.{format}.age" for n in (1, 2, 3)]
    assert [part["rows"] for part in made["parts"]] == [120, 120, 60]
    for part in made["parts"]:
        assert len(keys[0].open(tmp_path / part["file"])) == part["plaintext_bytes"]
    # Each part has a key of its own: one cannot stand for another.
    first, second = (tmp_path / part["file"] for part in made["parts"][:2])
    assert first.read_bytes()[:200] != second.read_bytes()[:200]


def sized(server, size):
    """Collects events whose NDJSON is of exactly that size; their name."""
    name = f"Size {size}"
    overhead = len('{"properties.x":""}\n')
    lengths = []
    left = size
    while left > 0:
        line = left if left <= 30_000 else min(20_000, left - 100)
        lengths.append(line - overhead)
        left -= line
    if lengths:
        server.collect(*(
            {"id": f"{name}-{n}", "identity": "ann", "event": name, "properties": {"x": "y" * length}}
            for n, length in enumerate(lengths)))
    return name


@pytest.mark.parametrize("size", SIZES)
def test_every_length_both_ways(server, keys, tmp_path, size):
    name = sized(server, size)
    path = tmp_path / "x.ndjson.age"
    what = ["export", "events", "--columns", "properties.x", "--where", json.dumps({"event": name})]
    server.cli(*what, "--out", path, *flags(*keys), "--identity", keys[2].file)
    plain = tmp_path / "x.ndjson"
    server.cli(*what, "--out", plain)
    assert plain.stat().st_size == size
    for key in keys:
        assert key.open(path) == plain.read_bytes()
    # The other way: what Debian's age encrypts, for three, is opened and counted here.
    sealed = subprocess.run(
        ["age", *(part for key in keys for part in ("-r", key.recipient))], input=plain.read_bytes(),
        capture_output=True, check=True).stdout
    place(path, sealed)
    for key in keys:
        check = json.loads(cli("verify", f"{path}.manifest.json", "--identity", key.file, "--json").stdout)
        assert check["plaintext_bytes"] == size
        assert check["plaintext_sha256"] == hashlib.sha256(plain.read_bytes()).hexdigest()
    # Both make files of the same length.
    assert len(sealed) == manifest_of(path)["bytes"]


def place(path, data):
    """Puts other bytes into an export's only file, and makes the manifest fit them."""
    path.write_bytes(data)
    made = manifest_of(path)
    digest = hashlib.sha256(data).hexdigest()
    made["parts"][0].update(bytes=len(data), sha256=digest)
    made.update(bytes=len(data), sha256=digest)
    pathlib.Path(f"{path}.manifest.json").write_text(json.dumps(made))


def test_what_was_changed_is_found(server, keys, tmp_path):
    sized_name = sized(server, 3 * CHUNK)
    path = tmp_path / "x.ndjson.age"
    server.cli(
        "export", "events", "--columns", "properties.x", "--where", json.dumps({"event": sized_name}), "--out", path,
        *flags(keys[0]))
    whole = path.read_bytes()
    manifest = f"{path}.manifest.json"
    flipped = bytearray(whole)
    flipped[-70_000] ^= 4
    path.write_bytes(flipped)
    assert "SHA-256" in cli("verify", manifest, code=1).stderr
    for data, reason in [
        (bytes(flipped), "was changed"), (whole[:-(CHUNK + 16)], "which is not its last"), (whole[:-5], "cut off"),
        (whole + b"\n", "follows the last chunk"), (b"hello\n", "no file of age's"),
    ]:
        place(path, data)
        # From outside, whoever changed both is not found.
        cli("verify", manifest)
        assert reason in cli("verify", manifest, "--identity", keys[0].file, code=1).stderr
        assert subprocess.run(["age", "-d", "-i", keys[0].file, path], capture_output=True).returncode != 0
    place(path, whole)
    cli("verify", manifest, "--identity", keys[0].file)
    assert "none of the identities" in cli("verify", manifest, "--identity", keys[1].file, code=1).stderr


def test_pipes_and_other_machines(server, keys, tmp_path):
    collect(server)
    plain = tmp_path / "plain.csv"
    server.cli("export", "events", "--order", "seq", "--out", plain)
    done = server.cli("export", "events", "--order", "seq", "--out", "-", *flags(keys[0]), text=False)
    piped = tmp_path / "piped.age"
    piped.write_bytes(done.stdout)
    assert keys[0].open(piped) == plain.read_bytes()
    assert json.loads(done.stderr)["encryption"]["recipients"] == [keys[0].recipient]
    path = tmp_path / "far.csv.age"
    for extra, names in [([], ["far.csv.age"]), (["--part-rows", "200"], ["far.part-00001.csv.age", "far.part-00002.csv.age"])]:
        cli("export", "events", "--order", "seq", "--out", path, *flags(keys[0]), "--identity", keys[0].file, *extra,
            "--server", server.url, "--key", server.secret_key)
        assert [part["file"] for part in manifest_of(path)["parts"]] == names
        cli("verify", f"{path}.manifest.json", "--identity", keys[0].file)


def test_the_api(server, keys):
    collect(server, 5)
    asked = server.request("POST", "/v1/exports", {"dataset": "events", "encrypt": [keys[0].recipient]})
    assert asked.status == 202
    at = f"/v1/exports/{asked.json['id']}"
    assert until(lambda: server.request("GET", at).json["status"] == "succeeded")
    file = server.request("GET", f"{at}/file")
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert 'filename="events.csv.age"' in file.headers["Content-Disposition"]
    assert file.body.startswith(b"age-encryption.org/v1\n")
    mistyped = keys[0].recipient[:-1] + ("q" if keys[0].recipient[-1] != "q" else "p")
    for wrong in [[], "age1", ["age1x"], [mistyped], [7]]:
        refused = server.request("POST", "/v1/exports", {"dataset": "events", "encrypt": wrong})
        assert refused.status == 400 and "encrypt" in refused.json["detail"], refused.body


def test_usage(server, keys, tmp_path):
    collect(server, 5)
    path = tmp_path / "a.csv.age"
    wrong = keys[0].recipient[:-1] + ("q" if keys[0].recipient[-1] != "q" else "p")
    broken = tmp_path / "broken.key"
    broken.write_text(f"# a comment\n{keys[0].secret[:-1]}{'Q' if keys[0].secret[-1] != 'Q' else 'P'}\n")
    for arguments, reason in [
        (["--encrypt", wrong], "the checksum does not match"), (["--encrypt", keys[0].secret], "secret identity"),
        ([], "nobody is named"), (["--identity", keys[0].file], "nobody is named"),
        ([*flags(keys[0]), "--identity", keys[1].file], "opens nothing"),
        ([*flags(keys[0]), "--identity", broken], "line 2: the checksum does not match"),
    ]:
        done = server.cli("export", "events", "--out", path, *arguments, code=64)
        assert reason in done.stderr
        assert keys[0].secret[20:40] not in done.stderr
        assert not path.exists()
    assert "there are none" in server.cli(
        "export", "events", "--out", "-", *flags(keys[0]), "--identity", keys[0].file, code=64).stderr
    server.cli("export", "events", "--out", tmp_path / "b.csv")
    assert "not encrypted" in cli(
        "verify", tmp_path / "b.csv.manifest.json", "--identity", keys[0].file, code=1).stderr
    # The identities stayed in their processes.
    server.cli("export", "events", "--out", path, *flags(keys[0]), "--identity", keys[0].file)
    for file in [server.log, *(file for file in server.data.rglob("*") if file.is_file())]:
        data = file.read_bytes()
        for key in keys:
            assert key.secret[20:40].encode() not in data and key.secret[20:40].lower().encode() not in data


def test_nothing_readable_lies_on_the_disk(folder, keys, tmp_path):
    """While an encrypted Parquet file is written, and after a crash in the middle."""
    rows = tmp_path / "rows.ndjson"
    with open(rows, "w") as file:
        for number in range(200_000):
            file.write(json.dumps({
                "id": f"r{number}", "identity": f"u{number % 5000}", "event": "E", "timestamp": 1_770_000_000 + number,
                "properties": {"t": hashlib.sha256(b"%d" % number).hexdigest()}}) + "\n")
    out = tmp_path / "out"
    out.mkdir()
    folder.start()
    folder.cli("import", rows, "--format", "ndjson")
    command = ["export", "events", "--out", out / "events.parquet.age", "--data", folder.data, *flags(keys[0])]

    def partial():
        """The size of what is being written, which must be of age's making."""
        sizes = [0]
        for file in out.iterdir():
            head = file.read_bytes()[:22]
            assert head == b"" or b"age-encryption.org/v1\n".startswith(head[:22]) or file.suffix == ".json", file
            sizes.append(file.stat().st_size)
        return max(sizes)

    running = subprocess.Popen(
        [str(sluice.PROGRAM), *map(str, command)], env=sluice.environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    assert until(lambda: partial() > 100_000, pause=0.001)
    folder.kill()
    running.communicate(timeout=PATIENCE)
    partial()
    # The next start makes it whole.
    folder.start()
    assert until(lambda: (out / "events.parquet.age.manifest.json").exists())
    assert [file.name for file in sorted(out.iterdir())] == ["events.parquet.age", "events.parquet.age.manifest.json"]
    assert manifest_of(out / "events.parquet.age")["rows"] == 200_000
    cli("verify", out / "events.parquet.age.manifest.json", "--identity", keys[0].file)
    folder.stop()
