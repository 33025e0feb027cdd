"""Files at other people's services, as real ones or as the fake that others use for them: S3 by moto, SFTP by OpenSSH."""

import json
import os
import random
import time

import duckdb
import pytest

import object_store
import sftp_server
import sluice
from test_pipelines import Flow

SEEDS = int(os.environ.get("SLUICE_PIPELINE_SEEDS", "2"))
ROWS = int(os.environ.get("SLUICE_PIPELINE_ROWS", "20000"))


@pytest.fixture(scope="module")
def store():
    made = object_store.ObjectStore()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = sftp_server.SFTPServer(tmp_path_factory.mktemp("ssh") / "server")
    yield made
    made.remove()


@pytest.fixture
def flow(folder, tmp_path, store, server):
    files = tmp_path / "files"
    files.mkdir()
    made = Flow(folder, files, BUCKET_KEY=store.access_key, BUCKET_SECRET=store.secret_key, WRONG="wrong",
                SSH_KEY=server.key(), STRANGER=server.key("stranger"))
    yield made.start()


def bucket(store, prefix, export="dataset: events", extra="", secret="BUCKET_SECRET", endpoint=None):
    return f"""
name: p
export: {{ {export} }}
load:
  destination: {{ type: s3, endpoint: "{endpoint or store.url}", bucket: {store.bucket}, prefix: {prefix}, region: us-east-1,
    access_key: secret://env/BUCKET_KEY, secret_key: secret://env/{secret}{extra} }}
on_failure: {{ retry: {{ attempts: 20, base: 1s, backoff: fixed }} }}
"""


def ssh(server, path, key="SSH_KEY", known=None, export="dataset: events"):
    return f"""
name: p
export: {{ {export} }}
load:
  destination: {{ type: sftp, host: "127.0.0.1:{server.port}", path: {path}, username: {server.user}, key: secret://env/{key},
    known_hosts: "{known or server.known()}" }}
on_failure: {{ retry: {{ attempts: 20, base: 1s, backoff: fixed }} }}
"""


def tiles(manifests):
    end = 0
    for manifest in sorted(manifests, key=lambda m: m["seq_from"]):
        assert manifest["seq_from"] == end, manifests
        end = manifest["seq_to"]


def test_a_bucket_has_windows_that_tile_and_is_read_back(flow, store):
    flow.collect(1500)
    flow.apply(bucket(store, "tiles", export="dataset: events, format: parquet"))
    assert flow.run()["rows"] == 1500
    flow.collect(40, start=1500, at="2019-01-01T00:00:00Z")
    run = flow.run()
    assert run["rows"] == 40 and run["destination"] == f"s3:127.0.0.1:{store.port}/lake/tiles/"
    assert "read back" in json.dumps(run["steps"])
    assert flow.run()["rows"] == 0
    names = store.keys("tiles/")
    assert len(names) == 4
    for name in names:
        if name.endswith(".parquet"):
            (flow.files / name.rsplit("/", 1)[1]).write_bytes(store.get(name))
    tiles([store.json(name) for name in names if name.endswith(".json")])
    assert duckdb.sql(f"SELECT count(*), count(DISTINCT seq) FROM '{flow.files}/*.parquet'").fetchone() == (1540, 1540)


def test_an_erasure_ends_where_files_had_none_of_their_rows(flow, store):
    flow.collect(14)
    flow.apply(bucket(store, "none", export="dataset: events, columns: [seq, identity, event], where: { event: Event 1 }"))
    assert flow.run()["rows"] == 2
    asked = flow.folder.request("POST", "/v1/privacy/erasures", {"identities": ["user-2"]}).json
    path = f"/v1/privacy/erasures/{asked['id']}"
    found = sluice.until(lambda: (now := flow.folder.request("GET", path).json)["status"] == "succeeded" and now)
    (copy,) = [copy for copy in found["copies"] if copy["kind"] == "destination"]
    assert copy["verified"] and copy["rows"] == 0, copy
    # One that had some is written anew, and its manifest stays there all the while.
    asked = flow.folder.request("POST", "/v1/privacy/erasures", {"identities": ["user-8"]}).json
    path = f"/v1/privacy/erasures/{asked['id']}"
    found = sluice.until(lambda: (now := flow.folder.request("GET", path).json)["status"] == "succeeded" and now)
    (copy,) = [copy for copy in found["copies"] if copy["kind"] == "destination"]
    assert copy["verified"] and copy["rows"] == 1, copy
    (name,) = [name for name in store.keys("none/") if name.endswith("manifest.json")]
    assert store.json(name)["rows"] == 1


def test_a_large_file_goes_in_parts(flow, store):
    flow.collect(15000, at="2024-05-05T00:00:00Z")
    columns = "[seq, identity, properties, properties as again, properties as more, properties as last]"
    flow.apply(bucket(store, "parts", export=f"dataset: events, format: ndjson, columns: {columns}", extra=", part_size: 5"))
    assert flow.run()["rows"] == 15000
    (name,) = [name for name in store.keys("parts/") if name.endswith(".ndjson")]
    head = store.client.head_object(Bucket=store.bucket, Key=name)
    assert head["ETag"].strip('"').endswith("-2") and head["ContentLength"] > 5 << 20
    rows = [json.loads(line)["seq"] for line in store.get(name).splitlines()]
    assert len(rows) == 15000 and len(set(rows)) == 15000
    assert not store.uploads()


def test_a_wrong_secret_is_refused_and_not_shown(flow, store):
    flow.collect(5)
    flow.apply(bucket(store, "wrong", secret="WRONG"))
    run = flow.run(code=1)
    assert run["status"] == "failed" and "SignatureDoesNotMatch" in run["reason"]
    assert not store.keys("wrong/")


def test_a_bucket_that_nobody_may_reach_is_not_reached(folder, tmp_path, store):
    folder.start()
    folder.collect({"identity": "a", "event": "b"})
    path = tmp_path / "p.yaml"
    path.write_text(bucket(store, "private").replace("attempts: 20", "attempts: 1"))
    folder.cli("pipeline", "apply", path)
    run = json.loads(folder.cli("pipeline", "run", "p", "--wait", "--json", code=1).stdout)
    assert run["status"] == "failed"
    assert not store.keys("private/")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_anywhere_files_equal_the_store(flow, store, server, seed):
    chance = random.Random(seed)
    is_bucket = seed % 2 == 0
    place = f"killed{seed}"
    columns = "columns: [seq, event_id, properties, properties as again]"
    flow.apply(bucket(store, place, export=f"dataset: events, {columns}", extra=", part_size: 5") if is_bucket
               else ssh(server, place, export=f"dataset: events, {columns}"))
    count = 0
    for _ in range(3):
        more = chance.randrange(2000, 12000)
        flow.collect(more, start=count)
        count += more
        flow.folder.request("POST", "/v1/pipelines/p/run", {})
        time.sleep(chance.uniform(0, 0.8))
        if not is_bucket and chance.random() < 0.5:
            server.stop()
            server.start()
        flow.folder.kill()
        flow.start()
    waiting = lambda: [run for status in ("queued", "running") for run in
                       flow.folder.request("GET", f"/v1/runs?status={status}").json["data"]]
    sluice.until(lambda: not waiting())
    flow.run()
    if is_bucket:
        read = {name.rsplit("/", 1)[1]: store.get(name) for name in store.keys(place + "/")}
        assert not store.uploads()
    else:
        read = {path.name: path.read_bytes() for path in (server.root / place).iterdir() if path.name[0] != "."}
    manifests = [json.loads(text) for name, text in read.items() if name.endswith(".json")]
    # A file without a manifest is not finished, and would be written again.
    assert all(name.endswith(".json") or name + ".manifest.json" in read for name in read)
    tiles(manifests)
    for name, text in read.items():
        if not name.endswith(".json"):
            (flow.files / name).write_bytes(text)
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT seq) FROM read_csv('{flow.files}/p-*.csv', header=true)").fetchone()
    assert found == (count, count)


def test_files_arrive_by_sftp_whole_and_the_server_is_known(flow, server):
    flow.collect(500)
    flow.apply(ssh(server, "in/events"))
    assert flow.run()["rows"] == 500
    flow.collect(20, start=500)
    assert flow.run()["rows"] == 20
    assert flow.run()["rows"] == 0
    folder = server.root / "in/events"
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 4 and not [name for name in names if "partial" in name]
    for manifest in folder.glob("*.manifest.json"):
        sluice.cli("verify", manifest)
    # Somebody cuts a file: it is seen when its window is loaded again.
    assert "read back" in json.dumps(flow.folder.request("GET", "/v1/runs").json)


def test_another_server_in_its_place_gets_nothing(flow, server):
    flow.collect(5)
    flow.apply(ssh(server, "stolen", known=server.known("other")).replace("attempts: 20", "attempts: 1"))
    run = flow.run(code=1)
    assert "known_hosts" in run["reason"] and not (server.root / "stolen").exists()
    flow.apply(ssh(server, "stolen", key="STRANGER"))
    run = flow.run(code=1)
    assert "log-in" in run["reason"] and "PRIVATE KEY" not in json.dumps(run)
    assert not (server.root / "stolen").exists()


def test_check_says_where_settings_are_wrong(tmp_path, store, server):
    path = tmp_path / "p.yaml"
    for text, wanted, line in [
        (bucket(store, "x").replace("bucket:", "buckt:"), 'did you mean "bucket"', 5),
        (bucket(store, "x").replace("secret://env/BUCKET_SECRET", "hunter2"), "is a secret", 6),
        (bucket(store, "x", extra=", part_size: 1"), "part_size", 6),
        (ssh(server, "x").replace("known_hosts:", "knownhosts:"), "there is no", 6),
        (ssh(server, "x", export="dataset: events, format: xls"), "format", 3),
    ]:
        path.write_text(text)
        done = sluice.cli("pipeline", "check", path, code=64)
        assert wanted in done.stderr and f":{line}:" in done.stderr, done.stderr
        assert "hunter2" not in done.stderr
    path.write_text(bucket(store, "x"))
    sluice.cli("pipeline", "check", path)


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_many_rows_take_little_memory(flow, store, server, kind):
    lines = flow.files / "many.ndjson"
    with open(lines, "w") as file:
        for i in range(ROWS):
            file.write(json.dumps({"identity": f"user-{i % 9973}", "event": f"Event {i % 7}", "id": f"m-{i}",
                                   "timestamp": 1700000000 + i, "properties": {"number": i, "text": "x" * 100}}) + "\n")
    flow.folder.cli("import", lines, "--format", "ndjson")
    flow.folder.stop()
    flow.start()
    status = lambda: int(next(line for line in open(f"/proc/{flow.folder.process.pid}/status") if "VmHWM" in line).split()[1])
    flow.apply(bucket(store, "many") if kind == "s3" else ssh(server, "many"))
    assert flow.run()["rows"] == ROWS
    assert status() < 600 << 10


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_a_file_that_the_store_cannot_make_again_is_brought_back_and_loses_their_rows(flow, store, server, kind):
    flow.collect(30)
    shape = ("dataset: events, columns: [seq, identity, event], format: ndjson, compression: gzip" if kind == "s3"
             else "dataset: events, columns: [seq, identity, event], format: parquet")
    if kind == "s3":
        text = bucket(store, "brought", export=shape)
    else:
        text = ssh(server, "brought", export=shape)
    flow.apply(text + 'enrich: [{ sql: "SELECT *, upper(event) AS loud FROM export" }]\n')
    assert flow.run()["rows"] == 30
    ending = ".ndjson.gz" if kind == "s3" else ".parquet"

    def rows():
        if kind == "s3":
            (name,) = [name for name in store.keys("brought/") if name.endswith(ending)]
            file = flow.files / "brought.ndjson.gz"
            file.write_bytes(store.get(name))
            return duckdb.sql(f"SELECT seq, identity, loud FROM read_json('{file}') ORDER BY seq").fetchall()
        (file,) = (server.root / "brought").glob("*" + ending)
        return duckdb.sql(f"SELECT seq, identity, loud FROM '{file}' ORDER BY seq").fetchall()

    before = rows()
    assert len(before) == 30 and before[3][2] == before[3][2].upper()
    asked = flow.folder.request("POST", "/v1/privacy/erasures", {"identities": ["user-8"]}).json
    path = f"/v1/privacy/erasures/{asked['id']}"
    found = sluice.until(lambda: (now := flow.folder.request("GET", path).json)["status"] == "succeeded" and now)
    (copy,) = [copy for copy in found["copies"] if copy["kind"] == "destination"]
    assert copy["verified"] and copy["rows"] == 1, copy
    assert rows() == [row for row in before if row[1] != "user-8"]


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_the_newest_manifest_says_that_something_newer_failed_to_come(flow, store, server, kind):
    text = bucket(store, "marked") if kind == "s3" else ssh(server, "marked")

    def stale():
        """Of each file, in the order of their windows."""
        if kind == "s3":
            manifests = [store.json(name) for name in store.keys("marked/") if name.endswith(".json")]
        else:
            manifests = [json.loads(path.read_text()) for path in (server.root / "marked").glob("*.json")]
        return [manifest["stale"] for manifest in sorted(manifests, key=lambda m: m["seq_to"])]

    flow.apply(text)
    for start in (0, 10):
        flow.collect(10, start=start)
        flow.run()
    assert stale() == [False, False]
    flow.collect(10, start=20)
    flow.apply(text + "validate: { columns: { event: { accepted: [Nothing] } } }\n")
    assert flow.run(code=1)["status"] == "failed"
    assert stale() == [False, True]
    flow.apply(text)
    assert flow.run()["rows"] == 10
    assert stale() == [False, False, False]
