"""Puts from where tasks must not be: timers, another thread, and between any two opcodes."""

import asyncio
import sys
import threading

import machine
import pytest

from host_sim import TickClock, aio
from sluice.queue import channel as channel_module
from sluice.queue import ring as ring_module
from sluice.queue.channel import WAIT, Channel, Get, select
from sluice.queue.ring import OVERWRITE

FILES = {channel_module.__file__, ring_module.__file__}


def test_a_timer_wakes_the_task_that_waits():
    channel = Channel(4, interrupts=True)
    got = []

    async def main():
        ticks = iter(range(5))
        timer = machine.Timer(period=10, callback=lambda _: channel.try_put(next(ticks)))
        for _ in range(5):
            got.append((await channel.get(), clock.ticks()))
        timer.deinit()

    with TickClock() as clock:
        aio.run(main(), clock)
    assert got == [(0, 10), (1, 20), (2, 30), (3, 40), (4, 50)]


def test_a_thread_wakes_the_task_that_waits():
    channel = Channel(8, interrupts=True)
    n = 3000
    taken = threading.Event()

    def produce():
        for item in range(n):
            while not channel.try_put(item):
                assert taken.wait(100)
                taken.clear()

    async def main():
        thread = threading.Thread(target=produce)
        thread.start()
        got = []
        for _ in range(n):
            got.append(await asyncio.wait_for(channel.get(), 100))
            taken.set()
        thread.join()
        return got

    assert asyncio.run(main()) == list(range(n))


class InterruptAt:
    """Calls `handler` before the k-th opcode that the channel's and the ring's code runs."""

    def __init__(self, k, handler):
        self.fired = False
        self._left = k
        self._handler = handler

    def interrupt(self, _=None):
        """Calls the handler, undisturbed."""
        trace = sys.gettrace()
        sys.settrace(None)
        self._handler()
        sys.settrace(trace)

    def __enter__(self):
        sys.settrace(self._frame)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _frame(self, frame, event, _):
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes = True
        return self._opcode

    def _opcode(self, frame, event, _):
        if event == "opcode" and not self.fired:
            self.fired = self._left == 0
            self._left -= 1
            if self.fired:
                self.interrupt()
        return self._opcode


async def one_getter(a, b, got):
    got.append(await a.get())


async def two_getters(a, b, got):
    await asyncio.gather(one_getter(a, b, got), one_getter(a, b, got))


async def a_getter_that_follows_a_cancelled_one(a, b, got):
    first = asyncio.create_task(a.get())
    second = asyncio.create_task(one_getter(a, b, got))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    if not first.cancelled():
        got.append(first.result())
        second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def one_select(a, b, got):
    got.append((await select(Get(b), Get(a), timeout_ms=10_000)).item)


@pytest.mark.parametrize(
    "receivers, kind",
    [
        (one_getter, (0, WAIT)),
        (one_getter, (1, OVERWRITE)),
        (two_getters, (2, WAIT)),
        (a_getter_that_follows_a_cancelled_one, (0, WAIT)),
        (a_getter_that_follows_a_cancelled_one, (1, OVERWRITE)),
        (one_select, (2, WAIT)),
    ],
)
def test_an_interrupt_at_any_opcode_is_never_missed(receivers, kind):
    """It puts an item; a timer puts more, and what was refused because the receiver of a
    rendezvous was not there yet. What was put arrives, in order."""
    for k in range(10_000):
        if not interrupted_at(k, receivers, kind):
            break
    assert 100 < k < 9_999


def interrupted_at(k, receivers, kind):
    """False: there are not that many opcodes."""
    channel, other, got = Channel(*kind, interrupts=True), Channel(1), []
    items = [1, 2, 3]

    def put():
        if items and channel.try_put(items[0]):
            del items[0]

    async def main():
        task = asyncio.create_task(receivers(channel, other, got))
        with tracing:
            await asyncio.wait({task}, timeout=0.001)
            timer = machine.Timer(period=5, callback=tracing.interrupt)
            await asyncio.wait({task}, timeout=1)
            timer.deinit()
        assert task.done()
        task.result()
        assert got
        while (item := channel.try_get()) is not None:
            got.append(item)
        assert sorted(set(got)) == got
        assert len(got + items) == 3 - channel.queue.overwritten

    tracing = InterruptAt(k, put)
    with TickClock() as clock:
        aio.run(main(), clock)
    return tracing.fired
