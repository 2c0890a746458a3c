"""Waiting with a deadline: never beyond it, never less than what was asked for."""

import time

import machine
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import TickClock
from sluice import OVERWRITE, RingQueue, TokenBucket
from sluice.deadline import Deadline

START = (1 << 30) - 50


@pytest.fixture
def clock():
    with TickClock(START) as clock:
        yield clock


def passed(clock):
    return (clock.ticks() - START) % (1 << 30)


@pytest.fixture(autouse=True, scope="module")
def looking_takes_time():
    """Or spinning on a mocked clock would never end."""
    look = Deadline.left_ms

    def left_ms(self):
        time.sleep_us(100)
        return look(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Deadline, "left_ms", left_ms)
        yield


def test_acquire_waits_exactly_as_long_as_it_must(clock):
    bucket = TokenBucket(10, 5, 1000)
    assert bucket.acquire(5, 0)
    assert bucket.acquire(2, 200)
    assert passed(clock) == 200
    assert bucket.acquire()
    assert passed(clock) == 300


def test_acquire_that_cannot_be_in_time_loses_no_time_and_no_token(clock):
    bucket = TokenBucket(10, 5, 1000)
    bucket.try_acquire(5)
    assert not bucket.acquire(1, 99)
    assert not bucket.acquire(6)
    bucket.set_rate(0)
    assert not bucket.acquire(1)
    assert passed(clock) <= 1
    assert bucket.tokens() == 0


def test_acquire_on_microseconds(clock):
    bucket = TokenBucket(1000, 1, ticks=time.ticks_us)
    assert bucket.acquire() and bucket.acquire() and bucket.acquire()
    assert passed(clock) == 2


def test_get_takes_what_an_interrupt_puts(clock):
    queue = RingQueue(2)
    machine.Timer(mode=machine.Timer.ONE_SHOT, period=37, callback=lambda _: queue.try_put("item"))
    assert queue.get(100) == "item"
    assert 37 <= passed(clock) <= 39


def test_put_finds_the_room_that_an_interrupt_makes(clock):
    queue = RingQueue(1)
    queue.try_put("old")
    machine.Timer(mode=machine.Timer.ONE_SHOT, period=37, callback=lambda _: queue.try_get())
    assert queue.put("new", 100)
    assert 37 <= passed(clock) <= 39
    assert (queue.try_get(), queue.rejected) == ("new", 0)


@pytest.mark.parametrize("timeout_ms", [0, 1, 5, 10, 11, 250])
def test_deadlines_are_kept(clock, timeout_ms):
    queue = RingQueue(1)
    assert queue.get(timeout_ms, "none") == "none"
    assert passed(clock) - timeout_ms in (0, 1)
    queue.try_put("full")
    before = passed(clock)
    assert not queue.put("item", timeout_ms)
    assert passed(clock) - before - timeout_ms in (0, 1)
    assert queue.rejected == 1


def test_an_overwriting_queue_never_waits(clock):
    queue = RingQueue(1, None, OVERWRITE)
    assert queue.put("a", 50) and queue.put("b", 50)
    assert passed(clock) == 0


def test_far_deadlines_are_refused():
    with pytest.raises(ValueError, match="timeout_ms must be at most 536870911"):
        Deadline(1 << 29)


def test_a_deadline_once_passed_stays_passed(clock):
    deadline = Deadline(10)
    clock.advance(10)
    assert not deadline.pause()
    clock.advance(1 << 29)
    assert not deadline.pause()


@settings(max_examples=200, derandomize=True)
@given(st.integers(0, 3000), st.integers(1, 3000))
def test_acquire_succeeds_in_time_or_not_at_all(timeout_ms, interval_ms):
    with TickClock(START) as clock:
        bucket = TokenBucket(1, 1, interval_ms)
        assert bucket.acquire()
        granted = bucket.acquire(1, timeout_ms)
        assert granted == (interval_ms <= timeout_ms)
        assert passed(clock) <= (interval_ms if granted else 1)
