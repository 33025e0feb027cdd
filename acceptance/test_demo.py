"""`make demo`'s script: ends by itself, leaves files that others can read."""

import subprocess

from sluice import ROOT, environment, read_csv


def test_demo(tmp_path):
    place = tmp_path / "demo"
    done = subprocess.run([str(ROOT / "scripts/demo")], capture_output=True, text=True, timeout=300,
                          env={**environment(), "SLUICE_DEMO": str(place)}, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Try next" in done.stdout and str(place) in done.stdout
    rows = read_csv(place / "cdnow-events.csv")
    assert len(rows) == 69659 and len({r["identity"] for r in rows}) == 23570
    again = subprocess.run([str(ROOT / "scripts/demo")], capture_output=True, text=True, timeout=300,
                           env={**environment(), "SLUICE_DEMO": str(place)}, stdin=subprocess.DEVNULL)
    assert again.returncode != 0 and "there already" in again.stderr
