"""Requests to change the settings, and the heap of a real MicroPython."""

import subprocess
import sys

from conftest import HERE

# The virtual board collects only where a program ends: each word to it is one.
STEPS = (
    "requests(3001); gc.collect()",
    "before = gc.mem_alloc()",
    "requests(6001); gc.collect()",
    "print('kept', gc.mem_alloc() - before)",
)


def test_a_request_leaves_only_garbage_and_the_loop_none(library):
    command = [sys.executable, "-m", "mpremote", "connect", library.url, "run"]
    steps = [word for step in STEPS for word in ("exec", step)]
    done = subprocess.run(
        [*command, HERE / "changing.py", *steps],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    garbage = [int(line.split()[-1]) for line in lines if line.startswith("garbage ")]
    assert len(garbage) == 5
    assert 0 < max(garbage) < 8192
    assert lines[-2] == "loop 0"
    # A trial has a configuration more, and a name may be a few bytes longer; one block kept of
    # every twentieth request would be 2,400 bytes.
    assert abs(int(lines[-1].removeprefix("kept "))) < 1024
