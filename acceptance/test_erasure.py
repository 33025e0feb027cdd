"""Erasure: whoever is erased is in no file any more, whatever way they came in; everybody else is as before."""

import json
import random
import threading
import urllib.parse

import duckdb

from sluice import PATIENCE, cli, read_csv, until
from test_compaction import check_folder
from test_crash import FIRST, SEEDS, run_until_killed

WHO = "ana.kwzq@unlikely.example"
OTHER = "anon-7f3kwzq-unlikely"
VALUE = "Kwzq-Plan-Unlikely"
SECRETS = [WHO, urllib.parse.quote(WHO, safe=""), OTHER, VALUE]


def files_with(*texts, folder):
    """The files below a folder in which one of the texts is."""
    wanted = [text.encode() for text in texts]
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")
                  if path.is_file() and any(text in path.read_bytes() for text in wanted))


def crowd(server, count, seed=1):
    """Events of others, of whom some say nearly the same."""
    rng = random.Random(seed)
    for start in range(0, count, 200):
        server.collect(*[
            {"id": f"crowd-{seed}-{n}", "identity": f"user-{rng.randrange(50)}", "event": f"E{n % 5}",
             "timestamp": f"2024-0{rng.randrange(1, 9)}-{rng.randrange(1, 29):02}T00:00:00Z", "properties": {"n": n}} if n % 20 else
            {"id": f"crowd-{seed}-{n}", "type": "set", "identity": f"user-{n % 50}", "properties": {"plan": f"p{n}"}}
            for n in range(start, min(start + 200, count))])
    server.collect({"id": f"tie-{seed}", "type": "alias", "identity": f"user-{seed % 50}", "other": f"also-{seed}"})


def ana(server, compact=True):
    """One person, in every way that somebody can come in."""
    server.collect(*[{"id": f"ana-{n}", "identity": WHO, "event": "Bought", "timestamp": f"2024-0{n % 8 + 1}-03",
                      "properties": {"plan": VALUE, "n": n}} for n in range(30)],
                   {"type": "set", "identity": WHO, "properties": {"plan": VALUE, "city": "Kwzq"}},
                   {"type": "alias", "identity": WHO, "other": OTHER},
                   {"identity": OTHER, "event": "Seen", "properties": {"page": VALUE}})
    if compact:
        server.cli("compact", "--wait")
    query = urllib.parse.urlencode({"_k": server.write_key, "_p": WHO, "_n": "Called", "_t": 1712345678, "_d": 1, "plan": VALUE})
    assert server.request("GET", f"/e?{query}", key=None).status == 200
    bad = urllib.parse.urlencode({"_k": server.write_key, "_p": WHO, "_n": ""})
    server.request("GET", f"/e?{bad}", key=None)
    body = {"writeKey": server.write_key, "type": "identify", "userId": WHO, "anonymousId": OTHER, "messageId": "seg-1",
            "traits": {"plan": VALUE}}
    assert server.request("POST", "/v1/identify", body, key=None).status == 200
    # Refused, and kept with its reason.
    server.collect({"identity": WHO, "event": "", "properties": {"plan": VALUE}})
    server.collect({"identity": WHO, "event": "Late", "timestamp": "no time"})


def exported(server, name, *flags):
    rows = server.export(*flags, name=name)
    return [row for row in rows if row.get("identity", "") not in (WHO, OTHER)]


def status_of(server, run):
    return server.request("GET", f"/v1/exports/{run}").json


def test_whoever_is_erased_is_in_no_file(folder):
    folder.start("--hot-rows", "500")
    crowd(folder, 3000)
    ana(folder)
    crowd(folder, 700, seed=2)
    aside = folder.data.parent / "aside"
    aside.mkdir()
    kept = {}
    for dataset in ["events", "people", "identities", "property_changes", "aliases"]:
        asked = folder.request("POST", "/v1/exports", {"dataset": dataset, "format": "ndjson"},
                               headers={"Idempotency-Key": f"k-{dataset}"})
        kept[dataset] = asked.json["id"]
    early = folder.request("POST", "/v1/exports", {"dataset": "events", "seq_to": 2000}).json["id"]
    named = folder.request("POST", "/v1/exports", {"dataset": "events", "where": {"property": "email", "is": WHO}}).json
    for run in [*kept.values(), early, named["id"]]:
        assert until(lambda: status_of(folder, run)["status"] == "succeeded"), status_of(folder, run)
    folder.cli("export", "events", "--out", aside / "all.csv")
    folder.cli("export", "people", "--out", aside / "people.csv", "--columns", "person_id,identities,person.plan")
    folder.cli("export", "events", "--format", "kissmetrics", "--out", aside / "km")
    folder.collect({"identity": WHO, "event": "Later", "properties": {"plan": VALUE}},
                   {"identity": "user-3", "event": "Later"})
    folder.cli("export", "events", "--format", "kissmetrics", "--out", aside / "km")
    before = exported(folder, "before.csv", "events", "--order", "seq")
    early_bytes = folder.request("GET", f"/v1/exports/{early}/file").body
    for text in SECRETS:
        assert files_with(text, folder=folder.data), f"{text} is looked for in vain: the search shows nothing"
    (folder.data.parent / "before.csv").unlink()
    (folder.data.parent / "before.csv.manifest.json").unlink()

    backups = folder.data.parent / "backups"
    folder.cli("backup", backups)
    assert files_with(*SECRETS, folder=backups)

    done = json.loads(folder.cli("erase", WHO, "--json").stdout)
    assert done["status"] == "succeeded" and done["erasure_epoch"] == 1
    assert all(copy["verified"] is True for copy in done["copies"]), done["copies"]
    kinds = {copy["kind"]: 0 for copy in done["copies"]}
    for copy in done["copies"]:
        kinds[copy["kind"]] += copy["rows"]
    assert {"hot", "cold", "rejects", "journal", "duplicates", "export"} <= kinds.keys(), kinds
    assert all(kinds[kind] > 0 for kind in ["hot", "cold", "rejects", "duplicates", "export"]), kinds
    assert not any(text in json.dumps(done) for text in SECRETS), "the receipt names somebody"
    again = folder.request("GET", f"/v1/privacy/erasures/{done['id']}").json
    assert again["copies"] == done["copies"] and again["status"] == "succeeded"

    # Exports that had them are there again, without them; those that could not have had them are as they were.
    for dataset, run in kept.items():
        assert until(lambda: status_of(folder, run)["status"] == "succeeded"), dataset
        manifest = folder.request("GET", f"/v1/exports/{run}/manifest").json
        assert manifest["erasure_epoch"] == 1, dataset
        body = folder.request("GET", f"/v1/exports/{run}/file").body
        assert body and not any(text.encode() in body for text in SECRETS), dataset
    assert folder.request("GET", f"/v1/exports/{early}/file").body == early_bytes
    gone = folder.request("GET", f"/v1/exports/{named['id']}/file")
    assert gone.status == 410 and "erase" in gone.json["detail"], gone.json
    # A fresh backup has nothing of them, and the one from before has gone with it.
    folder.cli("backup", backups)
    assert files_with(*SECRETS, folder=folder.data.parent) == []
    # The layout goes on where it was.
    revisions = sorted(path.name for path in (aside / "km/revisions").iterdir())
    folder.collect({"identity": "user-4", "event": "Even later"})
    folder.cli("export", "events", "--format", "kissmetrics", "--out", aside / "km")
    cli("verify", aside / "km.manifest.json")
    assert len(list((aside / "km/revisions").iterdir())) == len(revisions) + 1
    before.append(folder.export("events", "--order", "seq", name="now.csv")[-1])
    assert (aside / "all.csv").exists() and "identity" in (aside / "all.csv").read_text()
    assert folder.request("GET", f"/v1/people?identity={urllib.parse.quote(WHO)}").status == 404
    assert exported(folder, "after.csv", "events", "--order", "seq") == before
    folder.stop()
    assert files_with(*SECRETS, folder=folder.data.parent) == []
    check_folder(folder)
    # And it stays so.
    folder.start()
    assert exported(folder, "after.csv", "events", "--order", "seq") == before
    # The same id comes in as new: the index of duplicates has forgotten it.
    assert folder.collect({"id": "ana-1", "identity": WHO, "event": "Back"})["accepted"] == 1
    assert folder.collect({"id": "crowd-1-5", "identity": "user-1", "event": "E0"})["duplicates"] == 1
    folder.stop()


def test_unknown_identities_and_bad_requests(folder):
    folder.start()
    done = json.loads(folder.cli("erase", "nobody-at-all", "--json").stdout)
    assert done["status"] == "succeeded" and all(copy["verified"] for copy in done["copies"])
    for body in [{}, {"identities": []}, {"identities": "a"}, {"identities": [""]}, {"identities": [1]}, [],
                 {"identities": ["a"], "other": 1}, {"identities": ["a"], "suppress": "yes"}]:
        answer = folder.request("POST", "/v1/privacy/erasures", body)
        assert answer.status == 400 and answer.json["detail"], body
    assert folder.request("POST", "/v1/privacy/erasures", {"identities": ["a"]}, key="write").status == 403
    assert folder.request("GET", "/v1/privacy/erasures/prv_none").status == 404
    assert [run["id"] for run in folder.request("GET", "/v1/privacy/erasures").json["data"]] == [done["id"]]


def test_texts_that_look_the_same_are_two_persons(folder):
    folder.start()
    composed, decomposed = "jos\u00e9@example.com", "jose\u0301@example.com"
    folder.collect({"identity": composed, "event": "One"}, {"identity": decomposed, "event": "Unlikely Kwzq"},
                   {"identity": "kept@example.com", "event": "Three"})
    folder.cli("erase", composed, decomposed, "--suppress")
    assert [row["event"] for row in folder.export("events")] == ["Three"]
    # A name that only they had says something of them, too.
    names = folder.request("GET", "/v1/events/names").json
    assert [name["name"] for name in names["data"]] == ["Three"]
    answer = folder.collect({"identity": decomposed, "event": "Again"})
    assert answer["accepted"] == 0, answer


def test_no_crash_during_an_erasure_leaves_anything(folder):
    rng = random.Random(5)
    for seed in range(FIRST, FIRST + SEEDS):
        folder.start("--hot-rows", "300")
        crowd(folder, 600, seed=1000 + seed)
        ana(folder, compact=False)
        if rng.random() < 0.5:
            folder.cli("compact", "--wait")
        before = exported(folder, "before.csv", "events", "--order", "seq")
        run = folder.request("POST", "/v1/privacy/erasures", {"identities": [OTHER]}).json["id"]
        threading.Event().wait(rng.choice([0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4]) * rng.random())
        folder.kill()
        folder.start("--hot-rows", "300")
        done = until(lambda: (answer := folder.request("GET", f"/v1/privacy/erasures/{run}").json)["status"] not in (
            "queued", "running") and answer)
        assert done and done["status"] == "succeeded", (seed, done)
        assert all(copy["verified"] for copy in done["copies"]), (seed, done)
        assert exported(folder, "after.csv", "events", "--order", "seq") == before, seed
        for name in ["before.csv", "after.csv"]:
            (folder.data.parent / name).unlink()
            (folder.data.parent / (name + ".manifest.json")).unlink()
        folder.stop()
        assert files_with(*SECRETS, folder=folder.data) == [], seed
        check_folder(folder)


def test_what_is_too_old_goes_and_all_else_stays(folder):
    folder.start("--hot-rows", "500")
    crowd(folder, 1500)
    folder.collect(*[{"identity": "user-1", "event": "Loud", "timestamp": "2024-06-01", "properties": {"v": VALUE}}
                     for _ in range(20)])
    folder.cli("compact", "--wait")
    run = folder.request("POST", "/v1/exports", {"dataset": "events"}).json["id"]
    assert until(lambda: status_of(folder, run)["status"] == "succeeded")
    before = folder.export("events", "--order", "seq", name="before.csv")
    (folder.data.parent / "before.csv").unlink()
    assert folder.request("POST", "/v1/privacy/retention/runs").status == 409
    for rules in [None, {}, [{"older_than": "x"}], [{"older_than": "1d", "event": ""}], [{"event": "a"}],
                  [{"older_than": "1d"}, {"older_than": "2d"}], [{"older_than": "0d"}], [{"older_than": "1d", "x": 1}]]:
        assert folder.request("PUT", "/v1/privacy/retention", {"rules": rules}).status == 400, rules
    rules = [{"older_than": f"{days_since('2024-03-15')}d"}, {"event": "Loud", "older_than": "1d"}]
    assert folder.request("PUT", "/v1/privacy/retention", {"rules": rules}).json["rules"][1]["event"] == "Loud"
    started = folder.request("POST", "/v1/privacy/retention/runs").json
    done = until(lambda: (answer := folder.request("GET", f"/v1/privacy/retention/runs/{started['id']}").json)["status"]
                 not in ("queued", "running") and answer)
    assert done["status"] == "succeeded" and all(copy["verified"] for copy in done["copies"]), done
    after = folder.export("events", "--order", "seq", name="after.csv")
    kept = [row for row in before if row["event"] != "Loud" and row["timestamp"] >= "2024-03-16"]
    assert after == kept and 0 < len(after) < len(before)
    assert until(lambda: status_of(folder, run)["status"] == "succeeded")
    manifest = folder.request("GET", f"/v1/exports/{run}/manifest").json
    assert manifest["erasure_epoch"] == 1 and manifest["rows"] == len(kept)
    assert files_with(VALUE, folder=folder.data.parent) == []
    folder.stop()
    check_folder(folder)


def days_since(day):
    """Whole days from the start of a day until now; a moment of the next day is not far enough to change that."""
    import datetime
    then = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.timezone.utc)
    return (datetime.datetime.now(datetime.timezone.utc) - then).days
