"""Readers of the KISSmetrics layout that assume what the known importers assume, so that what breaks them breaks a test.

`by_probing` goes as km-db does: it knows no index, probes numbers upward with a look-ahead, goes on in a file by byte offset,
and cuts every value as a text. `by_index` goes as km2pg does: it walks index.csv by line number and remembers only that.
"""

import csv
import datetime
import io
import json

HEADER = "filename,min_timestamp,max_timestamp,min_utc_date,max_utc_date"
STATUS = "total_revisions,exported_revisions,max_exported_revision_timestamp,max_exported_revision_utc_date"


def parse(line):
    """One line, read as strictly as an importer in a typed language does."""
    assert "\n" not in line and "\\x" not in line
    pairs = json.loads(line, object_pairs_hook=lambda pairs: pairs, parse_constant=lambda text: 1 / 0)
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), f"a key twice: {line}"
    row = dict(pairs)
    assert type(row["_t"]) is int and type(row["_p"]) is str and 1 <= len(row["_p"]) <= 255
    assert not ("_n" in row and "_p2" in row)
    for key, value in row.items():
        assert len(key) <= 255
        if key == "_t":
            continue
        assert type(value) is str, f"{key} is no text, which km-db cuts: {line}"
        value[0:255].encode("utf-8")
        if not key.startswith("_"):
            assert key == key.lower() and "," not in key and ":" not in key
    if "_n" in row:
        assert row["_n"] == row["_n"].lower() and len(row["_n"]) <= 255
    return row


class ByProbing:
    """Remembers the highest revision and how far it read it."""

    LOOK_AHEAD = 10

    def __init__(self):
        self.revision = 0
        self.offset = 0
        self.seen = {}
        self.rows = []

    def run(self, folder):
        start = max(self.revision, 1)
        present = [n for n in range(start, start + self.LOOK_AHEAD + 1) if (folder / f"revisions/{n}.json").exists()]
        while present:
            for number in present:
                data = (folder / f"revisions/{number}.json").read_bytes()
                offset = self.offset if number == self.revision else 0
                assert data[:offset] == self.seen.get(number, b"")[:offset], f"revision {number} was changed"
                for line in data[offset:].decode("utf-8").splitlines(keepends=True):
                    assert line.endswith("\n"), "a line without an end"
                    self.rows.append(parse(line[:-1]))
                self.seen[number] = data
                self.revision, self.offset = number, len(data)
            next_one = self.revision + 1
            present = [n for n in range(next_one, next_one + self.LOOK_AHEAD)
                       if (folder / f"revisions/{n}.json").exists()]
        # Nothing lies behind a gap.
        assert len(list((folder / "revisions").iterdir())) == self.revision
        return self


class ByIndex:
    """Remembers how many lines of the index it has read."""

    def __init__(self):
        self.lines = 0
        self.head = ""
        self.rows = []

    def run(self, folder):
        text = (folder / "index.csv").read_text(encoding="utf-8")
        assert text.startswith(self.head), "what was in the index was changed"
        assert text.endswith("\n") and "\r" not in text
        lines = text.splitlines()
        assert lines[0] == HEADER
        for number, line in enumerate(lines[1:], start=1):
            if number <= self.lines:
                continue
            name, low, high, low_date, high_date = line.split(",")
            assert name == f"revisions/{number}.json"
            rows = [parse(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
            assert rows, f"{name} is empty"
            times = [row["_t"] for row in rows]
            assert (int(low), int(high)) == (min(times), max(times))
            assert (low_date, high_date) == (minute(min(times)), minute(max(times)))
            self.rows += rows
        self.lines, self.head = len(lines) - 1, text
        status = list(csv.reader(io.StringIO((folder / "status.csv").read_text())))
        assert status[0] == STATUS.split(",") and len(status) == 2
        assert status[1][:2] == [str(self.lines)] * 2
        if self.lines:
            assert status[1][2:] == lines[-1].split(",")[2::2]
        return self


def minute(second):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (epoch + datetime.timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M GMT")


def people(rows):
    """Who is who, and what is known of them: aliases as a union-find, properties by time and then by order."""
    parent = {}

    def root(name):
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    for row in rows:
        first = root(row["_p"])
        if "_p2" in row:
            parent[root(row["_p2"])] = first
    groups = {}
    for name in parent:
        groups.setdefault(root(name), set()).add(name)
    properties = {}
    for row in sorted(rows, key=lambda row: row["_t"]):
        of_person = properties.setdefault(root(row["_p"]), {})
        of_person.update({key: value for key, value in row.items() if not key.startswith("_")})
    return {frozenset(names): properties.get(name, {}) for name, names in groups.items()}
