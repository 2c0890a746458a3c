"""Channels, select and token lines on CPython's asyncio and on MicroPython's."""

import asyncio_suite
import pytest

from host_sim import TickClock, aio


@pytest.mark.parametrize("scenario", asyncio_suite.SCENARIOS, ids=lambda each: each.__name__)
def test_on_cpython(scenario):
    with TickClock() as clock:
        aio.run(scenario(), clock)


def test_on_a_board(run_on_board):
    lines = run_on_board("asyncio_suite.py")
    assert lines == [f"ok {scenario.__name__}" for scenario in asyncio_suite.SCENARIOS]


def test_interrupts_wake_a_task_on_a_board(run_on_board):
    assert run_on_board("asyncio_interrupt.py") == ["received 200 of 200 refused 0"]
