"""Files of exports and erasures: whoever is erased leaves them, and what is anybody else's is neither lost nor made again."""

import json
import shutil
import sqlite3

import duckdb
import pytest

from sluice import cli, until
from test_erasure import OTHER, WHO, VALUE, files_with, status_of


def erase(server, *identities, code=0):
    """Erases, and returns the receipts of exports by the export's id. The code is 1 if one of them is not verified."""
    done = json.loads(server.cli("erase", *identities, "--json", code=code).stdout)
    assert done["status"] == "succeeded", done
    receipts = {}
    for copy in done["copies"]:
        if copy["kind"] == "export":
            receipts.setdefault(copy["name"].split("/")[0].split(" ")[0], []).append(copy)
    return receipts


def run(server, **spec):
    made = server.request("POST", "/v1/exports", spec).json["id"]
    assert until(lambda: status_of(server, made)["status"] == "succeeded"), status_of(server, made)
    return made


def written(server, path, *flags, dataset="events"):
    """Writes an export to a path, and returns its id."""
    return json.loads(server.cli("export", dataset, "--out", path, "--json", *flags).stdout)["export_id"]


def file_of(server, export):
    return server.request("GET", f"/v1/exports/{export}/file")


def collect(server, identity, count=5, **properties):
    server.collect(*[{"identity": identity, "event": "Seen", "timestamp": f"2024-01-{n + 1:02}", "properties": properties}
                     for n in range(count)])


def test_short_identities_are_nobody_in_the_structure_of_exports(folder):
    folder.start()
    collect(folder, "others", count=20)
    out = folder.data.parent / "12" / "1.csv"
    out.parent.mkdir()
    before = folder.request("POST", "/v1/exports", {"dataset": "events", "order": "seq"}).json["id"]
    kept = [before, run(folder, dataset="people"), run(folder, dataset="events", seq_from=1, seq_to=12),
            run(folder, dataset="events", where={"property": "n", "gt": 12}), written(folder, out)]
    assert until(lambda: status_of(folder, before)["status"] == "succeeded")
    runs = [status_of(folder, export) for export in kept]
    bytes_of = [file_of(folder, export).body for export in kept]
    inode = out.stat().st_ino
    # Stored after all of them: none can hold anything of these.
    short = ["1", "12", "csv", "seq", "events", "storage", "identity", "none", "2024", "spec"]
    for identity in short:
        collect(folder, identity, count=1)
    assert erase(folder, *short) == {}
    assert [status_of(folder, export) for export in kept] == runs
    assert [file_of(folder, export).body for export in kept] == bytes_of
    assert out.stat().st_ino == inode
    cli("verify", f"{out}.manifest.json")
    # One that could hold them is made again, by the same specification.
    late = run(folder, dataset="events", order="seq")
    collect(folder, "1", count=1)
    last = run(folder, dataset="events", order="seq")
    assert erase(folder, "1").keys() == {last}
    assert until(lambda: status_of(folder, last)["status"] == "succeeded"), status_of(folder, last)
    assert file_of(folder, last).body == file_of(folder, late).body
    assert status_of(folder, last)["window"]["seq_to"] == 31
    # A condition that compares with one of them is about them.
    named = run(folder, dataset="events", where={"property": "plan", "in": ["free", "12"]})
    erase(folder, "12")
    assert file_of(folder, named).status == 410
    assert status_of(folder, named)["spec"]["where"]["in"] == ["free", "[erased]"]
    # A restart takes up nothing that it cannot read.
    folder.stop()
    folder.start()
    for export in [*kept, last]:
        assert status_of(folder, export)["status"] == "succeeded" and file_of(folder, export).status == 200
    folder.stop()


def test_layouts_in_the_servers_own_folder_are_made_again(folder):
    folder.start()
    collect(folder, "others")
    collect(folder, WHO, plan=VALUE)
    export = run(folder, dataset="events", format="kissmetrics")
    assert WHO.encode() in file_of(folder, export).body
    for identity in [WHO, "nobody-7"]:
        assert all(copy["verified"] for copy in erase(folder, identity).get(export, []))
        assert until(lambda: status_of(folder, export)["status"] == "succeeded"), status_of(folder, export)
        answer = file_of(folder, export)
        assert answer.status == 200 and b"others" in answer.body and WHO.encode() not in answer.body
    manifest = folder.request("GET", f"/v1/exports/{export}/manifest").json
    assert manifest["erasure_epoch"] == 1 and manifest["rows"] == 5
    folder.stop()
    assert files_with(WHO, VALUE, folder=folder.data) == []


def test_a_file_that_another_export_replaced_is_the_others(folder):
    folder.start()
    collect(folder, WHO, plan=VALUE)
    nightly = folder.data.parent / "nightly.csv"
    first = written(folder, nightly)
    collect(folder, "others")
    second = written(folder, nightly, "--seq-from", "5")
    manifest = (folder.data.parent / "nightly.csv.manifest.json").read_bytes()
    content = nightly.read_bytes()
    receipts = erase(folder, WHO)
    assert receipts.keys() == {first}
    assert all(copy["verified"] and "another export" in copy["how"] for copy in receipts[first]), receipts
    assert (folder.data.parent / "nightly.csv.manifest.json").read_bytes() == manifest
    assert nightly.read_bytes() == content
    cli("verify", f"{nightly}.manifest.json")
    # Nor is the first run again, over the second.
    assert [status_of(folder, export)["status"] for export in [first, second]] == ["succeeded"] * 2
    folder.stop()
    folder.start()
    assert nightly.read_bytes() == content
    folder.stop()


def test_files_that_were_moved_are_not_written_again(folder):
    folder.start()
    collect(folder, "others")
    collect(folder, WHO, plan=VALUE)
    aside = folder.data.parent / "aside"
    aside.mkdir()
    files = {name: written(folder, aside / f"{name}.csv") for name in ["moved", "removed", "kept", "alone"]}
    (folder.data.parent / "elsewhere").mkdir()
    for name in ["moved.csv", "moved.csv.manifest.json"]:
        (aside / name).rename(folder.data.parent / "elsewhere" / name)
    (aside / "removed.csv").unlink()
    # Somebody's own file now, as far as anybody can tell.
    (aside / "alone.csv.manifest.json").unlink()
    receipts = erase(folder, WHO, code=1)
    told = {name: (receipts[export][0]["verified"], receipts[export][0]["how"]) for name, export in files.items()}
    assert told["moved"][0] and told["removed"][0] and "nothing was touched" in told["removed"][1], told
    assert told["kept"] == (True, "file removed"), told
    assert told["alone"][0] is False and "nothing was touched" in told["alone"][1], told
    assert until(lambda: status_of(folder, files["kept"])["manifest"] is not None
                 and status_of(folder, files["kept"])["manifest"]["erasure_epoch"] == 1)
    cli("verify", f"{aside / 'kept.csv'}.manifest.json")
    assert WHO not in (aside / "kept.csv").read_text()
    # Also after retention, which comes every day.
    assert folder.request("PUT", "/v1/privacy/retention", {"rules": [{"older_than": "30d"}]}).status == 200
    started = folder.request("POST", "/v1/privacy/retention/runs").json["id"]
    done = until(lambda: (answer := folder.request("GET", f"/v1/privacy/retention/runs/{started}").json)["status"]
                 not in ("queued", "running") and answer)
    assert done["status"] == "succeeded", done
    assert until(lambda: status_of(folder, files["kept"])["status"] == "succeeded")
    for export in files.values():
        assert status_of(folder, export)["status"] == "succeeded"
    assert sorted(path.name for path in aside.iterdir()) == [
        "alone.csv", "kept.csv", "kept.csv.manifest.json", "removed.csv.manifest.json"]
    folder.stop()


def test_layouts_that_somebody_changed_end_no_erasure(folder):
    folder.start()
    collect(folder, "others")
    collect(folder, WHO, plan=VALUE)
    layouts = {}
    for name in ["consumed", "changed", "stateless", "gone", "whole"]:
        layouts[name] = written(folder, folder.data.parent / name, "--format", "kissmetrics")
    collect(folder, WHO, plan=VALUE)
    again = written(folder, folder.data.parent / "consumed", "--format", "kissmetrics")
    early = written(folder, folder.data.parent / "early.csv")
    (folder.data.parent / "consumed/revisions/1.json").unlink()
    with open(folder.data.parent / "changed/index.csv", "a", encoding="utf-8") as file:
        file.write("more\n")
    (folder.data.parent / "stateless/sluice-state.json").unlink()
    shutil.rmtree(folder.data.parent / "gone")
    receipts = erase(folder, WHO, code=1)
    assert receipts.keys() == {*layouts.values(), again, early}
    verified = {name: all(copy["verified"] for copy in receipts[export]) for name, export in layouts.items()}
    assert verified == {"consumed": True, "changed": False, "stateless": False, "gone": True, "whole": True}, receipts
    assert all("cannot be used" in receipts[layouts[name]][0]["how"] for name in ["changed", "stateless"]), receipts
    assert all(copy["verified"] for copy in receipts[again] + receipts[early])
    assert files_with(WHO, VALUE, folder=folder.data.parent / "consumed") == []
    assert files_with(WHO, VALUE, folder=folder.data.parent / "whole") == []
    cli("verify", f"{folder.data.parent / 'whole'}.manifest.json")
    cli("verify", f"{folder.data.parent / 'consumed'}.manifest.json")
    assert not (folder.data.parent / "gone").exists()
    assert until(lambda: status_of(folder, early)["status"] == "succeeded"), status_of(folder, early)
    assert WHO not in (folder.data.parent / "early.csv").read_text()
    folder.stop()


def test_what_a_run_that_was_cut_off_left_goes(folder):
    """SIGKILL leaves whole and half files without a manifest; the export is cancelled, failed or removed after that."""
    folder.start()
    collect(folder, "others")
    collect(folder, WHO, plan=VALUE)
    aside = folder.data.parent / "aside"
    aside.mkdir()
    ended = {"cancelled": run(folder, dataset="events"), "failed": run(folder, dataset="events"),
             "removed": run(folder, dataset="events"), "whole": run(folder, dataset="people", columns=["person_id"])}
    outside = written(folder, aside / "a.csv")
    folder.stop()
    exports = folder.data / "projects/default/exports"
    partial = aside / f".a.csv.{outside}.partial"
    (aside / "a.csv").rename(partial)
    (aside / "a.csv.manifest.json").unlink()
    with sqlite3.connect(folder.data / "control.sqlite") as control:
        for status in ["cancelled", "failed"]:
            control.execute("UPDATE export_runs SET status = ?, manifest = NULL WHERE id = ?", (status, ended[status]))
        control.execute("UPDATE export_runs SET status = 'cancelled', manifest = NULL WHERE id = ?", (outside,))
        control.execute("UPDATE export_runs SET removed_at = 1, manifest = NULL WHERE id = ?", (ended["removed"],))
    control.close()
    assert len(files_with(WHO, folder=exports)) == 3 and partial.exists()
    folder.start()
    receipts = erase(folder, OTHER)
    for export in [ended["cancelled"], ended["failed"], ended["removed"], outside]:
        assert all(copy["verified"] for copy in receipts[export]), receipts
    assert files_with(WHO, folder=exports) == [] and not partial.exists()
    assert sorted(path.name for path in exports.iterdir()) == [ended["whole"]]
    assert file_of(folder, ended["whole"]).status == 200
    folder.stop()


def retain(server, *rules):
    """Applies rules of retention, and waits for it."""
    assert server.request("PUT", "/v1/privacy/retention", {"rules": list(rules)}).status == 200
    started = server.request("POST", "/v1/privacy/retention/runs").json["id"]
    done = until(lambda: (answer := server.request("GET", f"/v1/privacy/retention/runs/{started}").json)["status"]
                 not in ("queued", "running") and answer)
    assert done["status"] == "succeeded", done


def joined(server):
    """Two who joined long ago and came back."""
    people = [WHO, "bob"]
    server.collect(*[{"identity": who, "event": "Joined", "timestamp": "2020-01-01"} for who in people])
    server.collect(*[{"identity": who, "event": "Seen", "id": f"seen-{who}"} for who in people])


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_exports_that_were_chosen_by_what_is_gone_keep_everybody_else(folder, form):
    folder.start()
    joined(folder)
    where = {"did": "Joined"}
    flags = ["--seq-from", "2", "--where", json.dumps(where), "--format", form]
    whole, told = (folder.data.parent / f"{name}.{form}" for name in ["whole", "told"])
    outside = written(folder, whole, *flags)
    untold = written(folder, told, *flags, "--columns", "event,timestamp")
    own = run(folder, dataset="events", seq_from=2, where=where, format=form, part_rows=1, compression="none")
    retain(folder, {"event": "Joined", "older_than": "30d"})
    assert status_of(folder, outside)["manifest"]["erasure_epoch"] == 0
    mode = whole.stat().st_mode
    receipts = erase(folder, WHO)
    assert receipts.keys() == {outside, untold, own}, receipts
    assert all(copy["verified"] for copies in receipts.values() for copy in copies)
    for export in [outside, own]:
        assert sum(copy["rows"] for copy in receipts[export]) == 1, receipts
        assert all("taken out of the file itself" in copy["how"] for copy in receipts[export]), receipts
        shown = status_of(folder, export)["manifest"]
        assert shown["rows"] == 1 and shown["erasure_epoch"] == 0 and len(shown["erasures"]) == 1, shown
    # Bob is there, whom the store would not find again.
    read = {"csv": "read_csv('{}')", "ndjson": "read_json('{}', format='newline_delimited')", "parquet": "read_parquet('{}')"}
    assert duckdb.sql(f"SELECT identity, event FROM {read[form].format(whole)}").fetchall() == [("bob", "Seen")]
    if form == "csv":
        assert whole.read_bytes().count(b"\r\n") == 2
    assert whole.stat().st_mode == mode
    cli("verify", f"{whole}.manifest.json")
    (manifest,) = (folder.data / "projects/default/exports" / own).glob("*.manifest.json")
    cli("verify", manifest)
    # Where no column tells, the file goes rather than to lose others' rows without a word.
    assert "not made again" in receipts[untold][0]["how"] and not told.exists()
    assert "erasure" in json.loads(told.with_name(told.name + ".manifest.json").read_text())
    assert status_of(folder, untold)["status"] == "succeeded"
    assert not [path for path in folder.data.parent.iterdir() if path.name.startswith(".")]
    # Whoever is erased later leaves it, too.
    receipts = erase(folder, "bob")
    assert status_of(folder, outside)["manifest"]["rows"] == 0 and len(receipts[outside]) == 1
    cli("verify", f"{whole}.manifest.json")
    folder.stop()


def test_what_retention_took_before_stores_said_so_is_known_after_a_start(folder):
    folder.start()
    joined(folder)
    retain(folder, {"event": "Joined", "older_than": "30d"})
    before = status_of(folder, run(folder, dataset="events"))["manifest"]["aged"]
    folder.stop()
    # As an earlier version left it.
    with duckdb.connect(str(folder.data / "projects/default/hot.duckdb")) as store:
        assert store.sql("DELETE FROM state WHERE key LIKE 'aged_%' RETURNING key").fetchall()
    folder.start()
    after = status_of(folder, run(folder, dataset="events"))["manifest"]["aged"]
    # When it ran is all that is known of what was too old.
    assert after["through"] == before["through"] == 2 and after["before"] > before["before"]
    folder.stop()
