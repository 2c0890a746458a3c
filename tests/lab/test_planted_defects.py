"""The simulator's teeth: each planted defect is found again by the seed that found it."""

import subprocess
import sys
from pathlib import Path

import pytest
from planted_defects import DEFECTS

_PLANTING = Path(__file__).with_name("planting.py")
_SEEDS = 200
FOUND = [number for number, defect in enumerate(DEFECTS) if defect.seed is not None]


def test_those_that_are_found_are_within_200_seeds():
    assert len(FOUND) >= 49
    assert all(DEFECTS[number].seed < _SEEDS for number in FOUND)
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("number", FOUND, ids=lambda number: DEFECTS[number].name)
def test_it_is_found(number):
    seed = str(DEFECTS[number].seed)
    done = subprocess.run(
        [sys.executable, _PLANTING, str(number), seed, seed],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(seed + " ")
