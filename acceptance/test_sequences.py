"""Sequences of events on the log of a shop are what plain loops find in it."""

import csv
import datetime
import gzip
from collections import defaultdict

import pytest

from sluice import ROOT
from triggering import trigger

LOG = ROOT / "Examples/shop.csv.gz"
FROM, TO = "2024-03-01", "2024-07-01"
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


@pytest.fixture
def imported(folder):
    folder.cli("import", LOG, "--map", "identity=user_id,event=event,timestamp=timestamp")
    folder.start()
    yield folder
    folder.stop()


def everybody():
    """What each person did in the time, by (time, place in the file)."""
    people = defaultdict(list)
    with gzip.open(LOG, "rt", newline="") as file:
        for place, row in enumerate(csv.DictReader(file)):
            if FROM <= row["timestamp"][:10] < TO:
                at = datetime.datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00"))
                people[row["user_id"]].append((at, place, row["event"]))
    return people


def completed(people, steps, absent=None):
    """How many events are the last of a chain of these steps, each within its time after the one before."""
    count = 0
    for did in people.values():
        ends = [event for event in did if event[2] == steps[0][0]]
        for name, within in steps[1:]:
            ends = [event for event in did if event[2] == name and any(
                before[:2] < event[:2] and event[0] < before[0] + within for before in ends)]
        if absent:
            name, within = absent
            ends = [event for event in ends if not any(
                other[2] == name and event[:2] < other[:2] and other[0] < event[0] + within for other in did)]
        count += len(ends)
    return count


@pytest.mark.parametrize("steps, absent", [
    ([("product_view", None), ("add_to_cart", DAY)], None),
    ([("product_view", None), ("add_to_cart", DAY)], ("purchase", 2 * HOUR)),
    ([("search", None), ("product_view", HOUR), ("purchase", 3 * HOUR)], None),
    ([("catalog", None), ("search", HOUR), ("product_view", HOUR), ("add_to_cart", HOUR), ("purchase", DAY)], None),
])
def test_what_a_dry_run_finds(imported, steps, absent):
    def seconds(length):
        return f"{int(length.total_seconds())}s"

    when = {"sequence": [{"event": name, **({"within": seconds(within)} if within else {})} for name, within in steps]}
    if absent:
        when |= {"absent": {"event": absent[0], "within": seconds(absent[1])}, "reentry": "each"}
    made = trigger(imported, when)
    answer = imported.request("POST", f"/v1/triggers/{made['id']}/dry-run", {"from": FROM, "to": TO})
    assert answer.status == 200, answer.body
    expected = completed(everybody(), steps, absent)
    assert expected > 20 and answer.json["fires"] == expected
