"""Tasks in line for tokens, against a line that is served tick by tick."""

import asyncio
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stepped import run

from host_sim import TickClock
from host_sim.clock import PERIOD
from sluice.limit.bucket import TokenBucket
from sluice.limit.tokenline import TokenLine

BURST = 6


def grants(arrivals, rate, per):
    """When each of (tick, n, tick in which it gives up, or None) is served, by its number."""
    coming, waiting, served = list(range(len(arrivals))), [], {}
    debt, full = 0, BURST * per  # in 1/per token: nothing is reduced here
    tick = 0
    while coming or waiting:
        while coming and arrivals[coming[0]][0] == tick:
            waiting.append(coming.pop(0))
        for first_half in (True, False):
            if not first_half:
                waiting = [number for number in waiting if arrivals[number][2] != tick]
            while waiting and debt + arrivals[waiting[0]][1] * per <= full:
                number = waiting.pop(0)
                debt += arrivals[number][1] * per
                served[number] = tick
        tick += 1
        debt = max(0, debt - rate)
    return served


def serve(arrivals, rate, per, start):
    """The same by a TokenLine, whose tasks give up in the middle of a tick."""
    served = {}

    async def wait(line, number, n):
        await line.acquire(n)
        served[number] = time.ticks_diff(time.ticks_ms(), start)

    async def main():
        loop = asyncio.get_running_loop()
        line = TokenLine(TokenBucket(rate, BURST, per))
        tasks = []
        for number, (tick, n, until) in enumerate(arrivals):
            await asyncio.sleep(tick / 1000 - loop.time())
            tasks.append(asyncio.create_task(wait(line, number, n)))
            if until is not None:
                # Each later in its tick than those before it in line: who moves up when
                # another gives up wakes in that part of a tick.
                loop.call_at((until + 0.5 + number / 100) / 1000, tasks[-1].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main(), TickClock(start))
    return served


@st.composite
def some_arrivals(draw):
    arrivals = []
    for tick in sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=8))):
        n = draw(st.integers(1, BURST))
        until = draw(st.none() | st.integers(tick, tick + 60))
        arrivals.append((tick, n, until))
    return arrivals


# The fourth becomes the first in the middle of a tick, and gives up in the one that it is served.
_MOVES_UP = [(1, 2, None), (1, 6, None), (1, 1, 19), (1, 2, 37), *[(1, 1, None)] * 4]


@settings(max_examples=300, derandomize=True)
@example(_MOVES_UP, 4, 35, 0)
@given(
    some_arrivals(),
    st.integers(1, 12),
    st.integers(1, 60),
    st.sampled_from([0, PERIOD - 30]),
)
def test_each_is_served_at_the_tick_at_which_its_tokens_are_there(arrivals, rate, per, start):
    assert serve(arrivals, rate, per, start) == grants(arrivals, rate, per)


def test_the_line_of_a_bucket_in_microseconds_keeps_its_rate():
    """Waits below a millisecond are not rounded up: the clock's own millisecond is the limit."""
    granted = []

    async def main():
        line = TokenLine(TokenBucket(4000, 4, ticks=time.ticks_us), ticks_per_ms=1000)
        while time.ticks_us() < 100_000:
            await line.acquire()
            granted.append(time.ticks_us())
            if len(granted) % 4 == 0:
                await asyncio.sleep_ms(1)

    run(main(), TickClock())
    assert len(granted) == pytest.approx(400, abs=8)


def test_a_changed_rate_is_noticed_within_a_second():
    async def main():
        bucket = TokenBucket(1, 1, per=1_000_000)
        line = TokenLine(bucket)
        await line.acquire()
        waiting = asyncio.create_task(line.acquire())
        await asyncio.sleep(0.5)
        bucket.set_rate(1000, per=1000)
        await waiting
        assert 500 < time.ticks_ms() <= 1000
        await line.acquire()
        waiting = asyncio.create_task(line.acquire())
        await asyncio.sleep(0)
        bucket.set_rate(0)
        with pytest.raises(ValueError, match="rate 0"):
            await waiting

    run(main(), TickClock())
