"""Hard timer interrupts on an RP2040 against rings and buckets: nothing lost, nothing twice.

SLUICE_INTERRUPTS is the number of interrupts for each test, 100 or more; 12,500: 100,000 in all.
"""

import os
from pathlib import Path

import pytest

from sluice_tools.lab.runtimes import ProgramError, Rp2040

PROGRAM = (Path(__file__).resolve().parent / "interrupts.py").read_text()
COUNT = int(os.environ.get("SLUICE_INTERRUPTS", "200"))
TRIES = 20  # machine code leaves a race some microseconds only
SECONDS = 60 + COUNT // 2  # the emulator takes 30 ms for one on an idle machine

pytestmark = [
    pytest.mark.skipif(Rp2040.why_not() is not None, reason=str(Rp2040.why_not())),
    pytest.mark.timeout(TRIES * SECONDS),
]


@pytest.fixture
def count(running):
    """count(call): the interrupts that the program's function returns."""

    def run(call):
        checked = f"try:\n    print({call})\nfinally:\n    stop_all()"
        program = f"from sluice.guard import IrqGuard\n{PROGRAM}\n{checked}"
        return int(running(Rp2040).run(program, SECONDS)[0])

    return run


@pytest.mark.parametrize(
    "call",
    [
        "queue_filled_by_interrupts(%d)",
        "queue_emptied_by_interrupts(%d)",
        "overwriting_queue_filled_by_interrupts(%d)",
        "records_filled_by_interrupts(%d)",
        "overwriting_records_filled_by_interrupts(%d)",
        "queue_filled_by_three(%d, IrqGuard())",
        "bucket_emptied_by_interrupts(%d)",
        "bucket_shared_with_interrupts(%d, IrqGuard())",
    ],
)
def test_nothing_is_lost(count, call):
    assert count(call % COUNT) >= COUNT


@pytest.mark.parametrize(
    ("call", "check"),
    [("queue_filled_by_three", "check_next"), ("bucket_shared_with_interrupts", "check_exact")],
)
def test_without_the_guard_the_check_finds_what_is_lost(count, call, check):
    with pytest.raises(ProgramError, match=f"(?s){check}.*AssertionError"):
        for _ in range(TRIES):
            count(f"{call}({COUNT}, None)")
