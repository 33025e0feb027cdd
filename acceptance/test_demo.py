"""`make demo`'s script: ends by itself, leaves files that others can read."""

import json
import os
import stat
import subprocess

from sluice import COMMAND_PATIENCE, ROOT, environment, read_csv


def demo(place):
    return subprocess.run([str(ROOT / "scripts/demo")], capture_output=True, text=True, timeout=COMMAND_PATIENCE,
                          env={**environment(), "SLUICE_DEMO": str(place)}, stdin=subprocess.DEVNULL)


def test_demo(tmp_path):
    place = tmp_path / "demo"
    done = demo(place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Try next" in done.stdout and str(place) in done.stdout
    rows = read_csv(place / "cdnow-events.csv")
    assert len(rows) == 69659 and len({r["identity"] for r in rows}) == 23570
    keys = place / "keys.json"
    assert stat.S_IMODE(os.stat(keys).st_mode) == 0o600 and json.loads(keys.read_text())["secret_key"]
    again = demo(place)
    assert again.returncode != 0 and "there already" in again.stderr
