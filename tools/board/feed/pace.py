"""Rates on a clock: events a second, and a board's ticks as a clock that does not wrap."""

from collections import deque

TICKS_PERIOD = 1 << 30
"""A board's ticks start again from 0 after so many."""


class Pace:
    """How many events a second: the mean, and the most in any second.

    A run is a stretch of time on one clock. Time between runs does not count.
    """

    def __init__(self, per_s: float) -> None:
        """per_s: units of time in a second."""
        self.most = 0
        """Events in the second that had the most of them: from any moment, its end excluded."""
        self._per_s = per_s
        self._run: int | None = None
        self._latest: deque[float] = deque()
        self._intervals = 0
        self._elapsed = 0.0

    def add(self, at: float, run: int = 0) -> None:
        """Counts an event; within a run a step back of the clock counts as no time."""
        latest = self._latest
        if run != self._run:
            self._run = run
            latest.clear()
        if latest:
            at = max(at, latest[-1])
            self._intervals += 1
            self._elapsed += at - latest[-1]
        latest.append(at)
        while at - latest[0] >= self._per_s:
            latest.popleft()
        self.most = max(self.most, len(latest))

    @property
    def mean(self) -> float | None:
        """Events in a second on average; None before there is any time between two."""
        return self._intervals * self._per_s / self._elapsed if self._elapsed else None


class Unwrapped:
    """A board's ticks as a count that goes on where they start again.

    The host's clock tells how often they did, should the board be silent for longer than a period.
    """

    def __init__(self, ticks_per_s: int) -> None:
        self._ticks_per_s = ticks_per_s
        self._count: int | None = None
        self._host_s = 0.0

    def add(self, tick: int, host_s: float) -> int:
        """The count for a tick that the host heard of at `host_s`."""
        if self._count is None:
            self._count = tick
        else:
            guess = self._count + round((host_s - self._host_s) * self._ticks_per_s)
            half = TICKS_PERIOD // 2
            self._count = guess + (tick - guess + half) % TICKS_PERIOD - half
        self._host_s = host_s
        return self._count
