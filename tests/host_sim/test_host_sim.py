"""The host twin: ticks, strict integers and timers behave as a board's."""

import time

import machine
import pytest
from freezegun import freeze_time

from host_sim import StrictInt, TickClock

WRAP = 1 << 30


def test_ticks_start_anywhere_and_wrap():
    clock = TickClock(start=WRAP - 1)
    assert clock.ticks() == WRAP - 1
    clock.advance(1)
    assert clock.ticks() == 0
    clock.set(5)
    assert clock.ticks() == 5


@pytest.mark.parametrize("t", [-1, WRAP])
def test_a_tick_outside_the_period_is_refused(t):
    with pytest.raises(ValueError, match="from 0 to 1073741823"):
        TickClock(start=t)


def test_time_does_not_go_back_by_advance():
    with pytest.raises(ValueError, match="0 or more"):
        TickClock().advance(-1)


def test_inside_with_the_clock_is_the_boards():
    with TickClock(start=WRAP - 2) as clock:
        assert (time.ticks_ms(), time.ticks_us()) == (WRAP - 2, (WRAP - 2) * 1000 % WRAP)
        time.sleep_ms(3)
        assert time.ticks_ms() == clock.ticks() == 1
        time.sleep_us(1500)
        assert time.ticks_ms() == 2
        with TickClock(start=77):
            assert time.ticks_ms() == 77
        assert time.ticks_ms() == 2


def test_without_it_ticks_follow_the_host_and_so_freezegun():
    with freeze_time("2026-11-23") as frozen:
        start = time.ticks_ms()
        frozen.tick(2.5)
        assert time.ticks_diff(time.ticks_ms(), start) == 2500


@pytest.mark.parametrize(
    ("end", "start", "distance"),
    [
        (5, 3, 2),
        (3, 5, -2),
        (0, WRAP - 1, 1),
        (1 << 29, 0, -(1 << 29)),
        ((1 << 29) - 1, 0, (1 << 29) - 1),
    ],
)
def test_ticks_diff_is_the_boards(end, start, distance):
    assert time.ticks_diff(end, start) == distance
    strict = time.ticks_diff(StrictInt(end), StrictInt(start))
    assert strict == distance and isinstance(strict, StrictInt)


def test_ticks_add_wraps_and_refuses_half_a_period():
    assert time.ticks_add(WRAP - 1, 2) == 1
    assert time.ticks_add(0, -1) == WRAP - 1
    for delta in (1 << 29, -(1 << 29)):
        with pytest.raises(OverflowError):
            time.ticks_add(0, delta)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x + 1,
        lambda x: 1 + x,
        lambda x: -2 - x,
        lambda x: x * 2,
        lambda x: x << 1,
        lambda x: (x << 1) & 0xFF,
        lambda x: x / 2,
        lambda x: 2 / x,
        lambda x: abs(-x - 1),
        lambda x: sum([x, 1]),
    ],
)
def test_strict_integers_raise_where_a_board_would_allocate(operation):
    with pytest.raises(OverflowError):
        operation(StrictInt(WRAP - 1))


def test_strict_integers_stay_strict_within_the_range():
    value = (StrictInt(WRAP - 1) - 5) // 2 + 3 ^ 1
    assert isinstance(value, StrictInt)
    assert isinstance(-value % 7, StrictInt)
    assert (StrictInt(3) == 3) and StrictInt(3) < 4


def test_timers_fire_at_their_ticks_while_the_clock_advances():
    with TickClock() as clock:
        fired = []
        periodic = machine.Timer(period=10, callback=lambda _: fired.append(("p", clock.ticks())))
        machine.Timer(
            mode=machine.Timer.ONE_SHOT,
            period=15,
            callback=lambda _: fired.append(("o", clock.ticks())),
        )
        clock.advance(30)
        periodic.deinit()
        clock.advance(30)
    assert fired == [("p", 10), ("o", 15), ("p", 20), ("p", 30)]


def test_timers_fire_on_the_hosts_clock_while_the_program_idles():
    fired = []
    timer = machine.Timer(period=1, callback=fired.append)
    while len(fired) < 3:
        machine.idle()
    timer.deinit()
    assert fired[:3] == [timer] * 3


def test_a_timer_without_a_period_is_refused():
    with pytest.raises(ValueError, match="period"):
        machine.Timer(callback=print)
