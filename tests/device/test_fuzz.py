"""Mutated and random frames into the board's end of the link, on CPython and on MicroPython.

`make soak` gives it a million and a hundred thousand of them, CI some thousand.
"""

import gc
import sys

import fuzz
import pytest

SEEDS = (1, 2)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seed", SEEDS)
def test_on_cpython(seed, long, figure):
    count = 500_000 if long else 4000
    fuzz.run(1000, seed)
    gc.collect()
    blocks = sys.getallocatedblocks()
    _, taken, bad = fuzz.run(count, seed)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 50
    figure(f"fuzz, CPython, seed {seed}: {count:,} frames, {taken:,} records taken, {bad:,} bad")


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seed", SEEDS)
def test_on_micropython(seed, long, figure, run_on_board):
    count = 50_000 if long else 1500
    (line,) = run_on_board(f"import fuzz; print(*fuzz.run({count}, {seed}))", timeout_s=900)
    allocated, taken, bad = map(int, line.split())
    assert allocated == 0
    figure(
        f"fuzz, MicroPython, seed {seed}: {count:,} frames, {taken:,} records taken, {bad:,} bad,"
        f" {allocated} bytes allocated"
    )
