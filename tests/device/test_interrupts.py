"""Hard timer interrupts on an RP2040 against rings and buckets: nothing lost, nothing twice.

200 interrupts for each test, 12,500 with --long: 100,000 in all.
"""

from pathlib import Path

import pytest

from sluice_tools.lab.runtimes import ProgramError, Rp2040

PROGRAM = (Path(__file__).resolve().parent / "interrupts.py").read_text()
TRIES = 20  # machine code leaves a race some microseconds only

pytestmark = [
    pytest.mark.skipif(Rp2040.why_not() is not None, reason=str(Rp2040.why_not())),
    pytest.mark.timeout(0),  # each run of the program ends by itself, or is ended
]


@pytest.fixture
def how_many(long):
    """How many of them for each test."""
    return 12_500 if long else 200


@pytest.fixture
def count(running, how_many):
    """count(call): the interrupts that the program's function returns."""
    seconds = 60 + how_many // 2  # the emulator takes 30 ms for one on an idle machine

    def run(call):
        checked = f"try:\n    print({call})\nfinally:\n    stop_all()"
        program = f"from sluice.guard import IrqGuard\n{PROGRAM}\n{checked}"
        return int(running(Rp2040).run(program, seconds)[0])

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
def test_nothing_is_lost(count, how_many, call):
    assert count(call % how_many) >= how_many


@pytest.mark.parametrize(
    ("call", "check"),
    [("queue_filled_by_three", "check_next"), ("bucket_shared_with_interrupts", "check_exact")],
)
def test_without_the_guard_the_check_finds_what_is_lost(count, how_many, call, check):
    with pytest.raises(ProgramError, match=f"(?s){check}.*AssertionError"):
        for _ in range(TRIES):
            count(f"{call}({how_many}, None)")
