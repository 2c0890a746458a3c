"""The host's twin of MicroPython's asyncio, and the loop on the board's clock."""

import asyncio
import threading
import time

import machine
import pytest

from host_sim import TickClock, aio
from host_sim.clock import HostClock


def run(main):
    with TickClock() as clock:
        return aio.run(main, clock)


def test_the_loop_sleeps_on_the_clock_and_takes_no_time():
    async def main():
        await asyncio.gather(asyncio.sleep_ms(86_400_000), asyncio.sleep_ms(5))
        return time.ticks_ms()

    assert run(main()) == 86_400_000


def test_ten_thousand_sleeps_of_a_millisecond_are_ten_seconds_exactly():
    async def main():
        for _ in range(10_000):
            await asyncio.sleep_ms(1)
        return time.ticks_us()

    assert run(main()) == 10_000_000


def test_timers_fire_while_the_loop_waits():
    async def main():
        fired = []
        machine.Timer(period=10, callback=lambda _: fired.append(time.ticks_ms()))
        await asyncio.sleep_ms(35)
        return fired

    assert run(main()) == [10, 20, 30]


def test_waiting_for_what_cannot_come_is_a_deadlock():
    async def main():
        await asyncio.Event().wait()

    with pytest.raises(aio.Deadlock):
        run(main())


def test_the_loop_runs_on_the_hosts_clock_too():
    async def main():
        flag = asyncio.ThreadSafeFlag()
        await asyncio.sleep_ms(1)
        flag.set()
        await flag.wait()
        return "done"

    assert aio.run(main(), HostClock()) == "done"


def test_a_flag_wakes_its_task_and_clears_itself():
    async def main():
        flag = asyncio.ThreadSafeFlag()
        flag.set()
        flag.set()
        await flag.wait()
        waiting = asyncio.create_task(flag.wait())
        await asyncio.sleep_ms(10)
        assert not waiting.done()
        flag.set()
        await waiting
        flag.set()
        flag.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flag.wait(), 1)

    run(main())


def test_a_flag_is_for_one_task_and_survives_its_cancelling():
    async def main():
        flag = asyncio.ThreadSafeFlag()
        waiting = asyncio.create_task(flag.wait())
        await asyncio.sleep_ms(0)
        with pytest.raises(RuntimeError, match="one task"):
            await flag.wait()
        flag.set()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        await flag.wait()  # as on a board, the flag is still set

    run(main())


def test_a_flag_may_be_set_by_a_thread():
    async def main():
        flag = asyncio.ThreadSafeFlag()
        threading.Timer(0.01, flag.set).start()
        await asyncio.wait_for(flag.wait(), 10)
        return "woken"

    assert asyncio.run(main()) == "woken"
