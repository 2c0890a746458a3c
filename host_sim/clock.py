"""The ticks of a board: the host's clock, or one that a test moves by hand.

What MicroPython's module `time` has besides CPython's is here under the same
names (TIME_FUNCTIONS); it follows the clock in force.
"""

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from host_sim import interrupts
from host_sim.strict import StrictInt

TIME_FUNCTIONS = (
    "ticks_ms",
    "ticks_us",
    "ticks_cpu",
    "ticks_add",
    "ticks_diff",
    "sleep_ms",
    "sleep_us",
)

PERIOD = 1 << 30
_HALF = PERIOD >> 1
_MASK = PERIOD - 1

Callback = Callable[[], object]


class Alarm:
    """A callback that is due at a time, and perhaps again every `period_us`."""

    def __init__(self, callback: Callback, period_us: int | None) -> None:
        self.callback = callback
        self.period_us = period_us
        self.cancelled = False


class Alarms:
    """What the timers of one clock have set, in the order in which it is due."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Alarm]] = []
        self._order = itertools.count()

    def add(self, due_us: int, alarm: Alarm) -> None:
        heapq.heappush(self._due, (due_us, next(self._order), alarm))

    def next_due(self) -> int | None:
        """When the next alarm is due, None when there is none."""
        while self._due and self._due[0][2].cancelled:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def fire(self, until_us: int) -> None:
        """Call what is due up to then; a periodic alarm as often as it is due."""
        while (due := self.next_due()) is not None and due <= until_us:
            alarm = heapq.heappop(self._due)[2]
            if alarm.period_us is not None:
                self.add(due + alarm.period_us, alarm)
            interrupts.handle(alarm.callback)

    def copy(self) -> "Alarms":
        """The same alarms, of which each then fires on its own account."""
        other = Alarms()
        other._due = self._due.copy()
        other._order = self._order
        return other


class Clock:
    """Microseconds that pass, and the ticks that they count as."""

    def __init__(self) -> None:
        self.alarms = Alarms()

    def passed_us(self) -> int:
        """Microseconds since some start; they never fall."""
        raise NotImplementedError

    def sleep_us(self, us: int) -> None:
        """Let time pass; alarms fire on the way."""
        raise NotImplementedError

    def ticks_us(self) -> int:
        return self.passed_us() % PERIOD

    def ticks_ms(self) -> int:
        return self.passed_us() // 1000 % PERIOD


class HostClock(Clock):
    """The host's monotonic clock; `freezegun` can freeze it.

    Alarms fire when the program sleeps or idles, as a board's soft interrupts
    do, never in another thread.
    """

    def passed_us(self) -> int:
        return time.monotonic_ns() // 1000

    def sleep_us(self, us: int) -> None:
        end = self.passed_us() + us
        while True:
            self.alarms.fire(self.passed_us())
            now = self.passed_us()
            if now >= end:
                return
            due = self.alarms.next_due()
            wake = end if due is None else min(end, due)
            time.sleep(max(0, wake - now) / 1_000_000)


class TickClock(Clock):
    """A clock that only moves when it is told to.

    start:   the tick it begins with, 0 to 2^30 - 1, so a wrap can be one tick away.
    strict:  ticks are StrictInt: arithmetic on them that leaves 31 bits raises.

    Inside `with clock:` it is the board's clock: `time.ticks_ms` reads it,
    `ticks_us` gives 1,000 for each of its ticks, `sleep_ms` advances it, and the
    timers of `machine` fire on it, each at its tick.
    """

    def __init__(self, start: int = 0, strict: bool = False) -> None:
        super().__init__()
        self._int = StrictInt if strict else int
        self._us = 0
        self._offset = 0  # ticks = milliseconds passed + offset
        self._outer: list[Clock] = []
        self.set(start)

    def ticks(self) -> int:
        """The present tick."""
        return self._int((self._us // 1000 + self._offset) % PERIOD)

    ticks_ms = ticks

    def ticks_us(self) -> int:
        return self._int((self._us + self._offset * 1000) % PERIOD)

    def advance(self, n: int) -> None:
        """Let n ticks pass, 0 or more; timers fire on the way, at their ticks."""
        if n < 0:
            raise ValueError(f"n must be 0 or more, not {n}; a clock goes back by set()")
        self.sleep_us(n * 1000)

    def set(self, t: int) -> None:
        """Make t the present tick, 0 to 2^30 - 1, at once; no timer fires for that."""
        if not 0 <= t < PERIOD:
            raise ValueError(f"t must be a tick from 0 to {PERIOD - 1}, not {t}")
        self._offset = t - self._us // 1000

    @contextmanager
    def rewound(self) -> Iterator[None]:
        """At the end the clock is as it was: its tick, and which timers are set on it."""
        us, offset, alarms = self._us, self._offset, self.alarms
        self.alarms = alarms.copy()
        try:
            yield
        finally:
            self._us, self._offset, self.alarms = us, offset, alarms

    def passed_us(self) -> int:
        return self._us

    def sleep_us(self, us: int) -> None:
        end = self._us + us
        while (due := self.alarms.next_due()) is not None and due <= end:
            self._us = max(self._us, due)
            self.alarms.fire(due)
        self._us = max(self._us, end)

    def __enter__(self) -> "TickClock":
        global _clock  # noqa: PLW0603  a board has one clock
        self._outer.append(_clock)
        _clock = self
        return self

    def __exit__(self, *_: object) -> None:
        global _clock  # noqa: PLW0603
        _clock = self._outer.pop()


_clock: Clock = HostClock()


def in_force() -> Clock:
    """The clock that `time` reads, and that timers are set on."""
    return _clock


def set_alarm(after_us: int, callback: Callback, periodic: bool) -> Alarm:
    """Call back on the clock in force, `after_us` from now, once or every time."""
    alarm = Alarm(callback, after_us if periodic else None)
    _clock.alarms.add(_clock.passed_us() + after_us, alarm)
    return alarm


def ticks_ms() -> int:
    return _clock.ticks_ms()


def ticks_us() -> int:
    return _clock.ticks_us()


ticks_cpu = ticks_us


def ticks_add(ticks: int, delta: int) -> int:
    """As on a board: OverflowError for a delta of 2^29 or more."""
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return type(ticks)((int(ticks) + int(delta)) % PERIOD)


def ticks_diff(end: int, start: int) -> int:
    """As on a board: the distance, -2^29 to 2^29 - 1."""
    if type(end) is int:  # nearly always; it is called several times for each record
        return (end - start + _HALF & _MASK) - _HALF
    return type(end)((int(end) - int(start) + _HALF) % PERIOD - _HALF)


def sleep_ms(ms: int) -> None:
    _clock.sleep_us(ms * 1000)


def sleep_us(us: int) -> None:
    _clock.sleep_us(us)
