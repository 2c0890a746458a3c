"""Fixtures for pytest: whoever has Sluice installed has them, and pays for those that a test names.

pytest loads this module in each of its runs, also where nobody uses Sluice. So each fixture imports
what it needs by itself.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from host_sim import TickClock

    from .board import BoardUnderTest


@pytest.fixture
def tick_clock() -> "Iterator[TickClock]":
    """The board's clock, which only moves when the test moves it: `tick_clock.advance(ms)`.

    `time.ticks_ms`, `ticks_us` and `sleep_ms` follow it, and so do the timers of `machine`.
    """
    from host_sim import TickClock

    with TickClock() as clock:
        yield clock


@pytest.fixture
def strict_ticks() -> "Iterator[TickClock]":
    """`tick_clock` whose ticks raise OverflowError where arithmetic on them leaves -2^30 to
    2^30 - 1: there a board takes memory."""
    from host_sim import TickClock

    with TickClock(strict=True) as clock:
        yield clock


@pytest.fixture
def interrupts() -> Callable[..., None]:
    """interrupts(build, run, handler, check): an interrupt at every opcode of a program."""
    from .interrupts import at_every_opcode

    return at_every_opcode


@pytest.fixture
def virtual_board() -> "Iterator[BoardUnderTest]":
    """Real MicroPython on a serial line, with the library on it, for this test alone.

    The test is skipped where it cannot be had.
    """
    pytest.importorskip("fcntl", reason="no virtual board: it needs Unix")
    from ..vboard import why_no_micropython
    from .board import BoardUnderTest

    if reason := why_no_micropython():
        pytest.skip(f"no virtual board: {reason}")
    with BoardUnderTest() as board:
        yield board
