"""The plugin in a user's pytest: what it costs, how it is left out, why a test is skipped."""

import sys

import pytest

from sluice_tools.errors import UserError
from sluice_tools.vboard import board

pytest_plugins = ("pytester",)

UNTOUCHED = """
import asyncio, sys, time

def test_nothing_was_loaded_or_changed():
    ours = {"host_sim", "machine", "micropython", "sluice", "click", "mpremote", "serial"}
    assert not ours & set(sys.modules)
    assert {name for name in sys.modules if name.startswith("sluice_tools")} <= {
        "sluice_tools", "sluice_tools.testing", "sluice_tools.testing.plugin"
    }
    assert not [path for path in sys.path if path.endswith("firmware")]
    assert not hasattr(time, "ticks_ms") and not hasattr(asyncio, "sleep_ms")
"""
ALL = """
def test_all(tick_clock, strict_ticks, interrupts, virtual_board):
    pass
"""
BOARD = """
def test_board(virtual_board):
    pass
"""


def test_it_costs_a_run_that_names_no_fixture_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(UNTOUCHED)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_its_fixtures_are_there_without_a_word_and_left_out_by_one(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(ALL)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    without = pytester.runpytest_subprocess("-p", "no:sluice")
    without.assert_outcomes(errors=1)
    without.stdout.fnmatch_lines(["*fixture 'tick_clock' not found"])


def test_the_clocks_are_the_programs_and_the_test_ends_them(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import host_sim, time
        from machine import Timer
        from sluice import TokenBucket

        def test_plain(tick_clock):
            bucket, fired = TokenBucket(rate=5, burst=2), []
            Timer(period=150, callback=lambda timer: fired.append(time.ticks_ms()))
            assert [bucket.try_acquire() for _ in range(3)] == [True, True, False]
            assert time.ticks_diff(time.ticks_ms(), 0) == 0
            tick_clock.advance(100)
            time.sleep_ms(100)
            assert (time.ticks_us(), bucket.try_acquire(), fired) == (200_000, True, [150])

        def test_strict(strict_ticks):
            strict_ticks.set((1 << 30) - 1)
            assert time.ticks_add(time.ticks_ms(), 1) == 0
            try:
                time.ticks_ms() + 1
            except OverflowError:
                return
            assert False

        def test_the_hosts_again():
            assert type(host_sim.clock.in_force()) is host_sim.clock.HostClock
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=3)


def skipped(pytester: pytest.Pytester) -> str:
    pytester.makepyfile(BOARD)
    result = pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(skipped=1)
    (line,) = [line for line in result.outlines if line.startswith("SKIPPED")]
    return line.partition("no virtual board: ")[2]


def test_without_its_micropython_a_test_is_skipped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MICROPYTHON", pytester.path / "micropython")
    assert skipped(pytester) == (
        "micropython is not installed; `sluice vboard --install` fetches it, once"
    )


def test_without_node_a_test_is_skipped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise UserError("node is not installed: pip install it")

    monkeypatch.setattr(board, "find_node", none)
    assert skipped(pytester) == "node is not installed: pip install it"


def test_without_unix_a_test_is_skipped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert skipped(pytester) == "it needs Unix"
