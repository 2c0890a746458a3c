"""A board with a store, flashed, fed by the real command, and cut from its power meanwhile."""

import subprocess
import time
from functools import partial
from pathlib import Path

from flashed import SLUICE, flash_as

from sluice_tools.vboard import VirtualBoard

DEADLINE_S = 240
SINK = """
import os
taken = open("/taken", "a")
def room():
    return 1 if "there" in os.listdir("/") else 0
def write(record, n):
    taken.write(bytes(record[:n]).decode() + "\\n")
    taken.flush()
    return True
"""
flash = partial(flash_as, "virtual")


def wait_for(condition) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_outage_and_a_power_cut_cost_no_record_of_a_feed(
    vboard: VirtualBoard, tmp_path: Path
) -> None:
    (tmp_path / "away.py").write_text(SINK)
    done = flash(
        vboard, tmp_path, sink="module:away", slots=16, store=500, store_folder="/kept", rate=None
    )
    assert done.returncode == 0, done.stdout + done.stderr
    log = tmp_path / "log.csv"
    lines = [f"record {number:03d}" for number in range(200)]
    log.write_text("".join(["time,record\n", *(f"1,{line}\n" for line in lines)]))
    feed = [SLUICE, "feed", "--port", vboard.url, "--asap", "--record-key", "record", log]
    with subprocess.Popen(feed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as fed:
        kept = vboard.flash_dir / "kept"

        def stored() -> int:
            return sum(path.stat().st_size for path in kept.iterdir())

        wait_for(lambda: stored() > 180 * 18)
        vboard.reset()
        (vboard.flash_dir / "there").touch()
        said, _ = fed.communicate(timeout=DEADLINE_S)
    assert fed.returncode == 0, said
    taken = vboard.flash_dir / "taken"
    wait_for(lambda: set(lines) <= set(taken.read_text().split("\n")))
    found = taken.read_text().splitlines()
    assert list(dict.fromkeys(found)) == lines
    wait_for(lambda: stored() == 0)
