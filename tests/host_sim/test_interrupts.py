"""Interrupts at every opcode, also on later CPythons, which tell of opcodes in other ways."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import dis
from host_sim.interrupts import Interrupt, interleavings

def run(world):
    world.append(1)

places = []
for core in interleavings((Interrupt(list.clear),), lambda code: code is run.__code__):
    core.run(run, [])
    places += core.interrupted_main
opcodes = [each for each in dis.get_instructions(run) if each.opname != "RESUME"]
assert [place.offset for place in places] == [each.offset for each in opcodes]
assert {str(place).partition(" ")[0] for place in places} == {"<string>:6"}
print(len(places) > 3)
"""


@pytest.mark.parametrize("python", [sys.executable, "python3.12", "python3.13", "python3.14"])
def test_one_comes_before_each_opcode(python: str) -> None:
    found = shutil.which(python)
    if not found or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"no {python} on this machine")
    done = subprocess.run(
        [found, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
