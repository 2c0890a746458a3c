"""What MicroPython's module `asyncio` has besides CPython's, and a loop on the board's clock."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from host_sim.clock import Clock

ASYNCIO_NAMES = ("ThreadSafeFlag", "sleep_ms")

T = TypeVar("T")


async def sleep_ms(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


class ThreadSafeFlag:
    """Wakes one task; may be set from another thread, or in the middle of anything."""

    def __init__(self) -> None:
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._set = True
        waiter = self._waiter
        if waiter is not None:
            waiter.get_loop().call_soon_threadsafe(self._wake, waiter)

    def clear(self) -> None:
        self._set = False

    async def wait(self) -> None:
        """Wait until it is set, and clear it. RuntimeError when another task waits already."""
        if self._waiter is not None:
            raise RuntimeError("a ThreadSafeFlag is for one task")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            if not self._set:  # whoever sets it from here on sees the waiter
                await self._waiter
        finally:
            self._waiter = None
        self._set = False

    @staticmethod
    def _wake(waiter: "asyncio.Future[None]") -> None:
        if not waiter.done():
            waiter.set_result(None)


class Deadlock(RuntimeError):
    """Every task waits, and nothing that is due could wake one."""


class _Selector(selectors.SelectSelector):
    """Lets time pass on a clock where others wait."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        now = self._clock.passed_us()
        alarm = self._clock.alarms.next_due()
        ends = [] if timeout is None else [now + max(1, round(timeout * 1_000_000))]
        if alarm is not None:
            ends.append(max(now, alarm))
        if not ends:
            raise Deadlock("every task waits, and no timer is set")
        self._clock.sleep_us(min(ends) - now)
        return super().select(0)


class ClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of a clock: its sleeps let that time pass.

    On a TickClock nothing takes real time, and a program that could only wait
    for ever ends with Deadlock. Timers of the mocked `machine` fire while the
    loop waits, as interrupts do.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.passed_us() / 1_000_000


def run(main: Coroutine[Any, Any, T], clock: Clock) -> T:
    """`asyncio.run` on that clock."""
    with asyncio.Runner(loop_factory=lambda: ClockLoop(clock)) as runner:
        return runner.run(main)
