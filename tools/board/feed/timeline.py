"""When a log's lines arrive, from the times that stand in them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

JUMP_S = 86_400
"""A step of more than a day from one line to the next, forward or back, is a jump in time."""

_SECOND_MAX = 8 << 20


class Arrival(NamedTuple):
    """A record that arrives."""

    at_s: float
    """Seconds after the first arrival; never less than at the arrival before."""
    payload: bytes
    """At least one byte."""
    end: int
    """Bytes of the input up to the end of its line."""


class Timeline:
    """The times of one line after another as seconds after the first.

    longest_gap_s: no line arrives later after the one before, whatever its time is; then a jump
    back begins anew there. Without it, lines of an earlier time arrive with the line before.
    """

    def __init__(self, longest_gap_s: float | None) -> None:
        self.longest_gap_s = longest_gap_s
        self.jumps = 0
        """Lines that are a jump away from the line before."""
        self.shortened = 0
        """Gaps that were shortened."""
        self._previous: float | None = None
        self._latest = 0.0
        self._at_s = 0.0

    def add(self, time_s: float) -> float:
        """When the next line arrives, in seconds after the first."""
        if self._previous is None:
            self._previous = self._latest = time_s
        jump = abs(time_s - self._previous) > JUMP_S
        self.jumps += jump
        # A server logs a request when it ends, so times step back a little.
        gap = max(0.0, time_s - self._latest)
        if self.longest_gap_s is not None:
            if gap > self.longest_gap_s:
                gap = self.longest_gap_s
                self.shortened += 1
            if jump:
                self._latest = time_s
        self._previous = time_s
        self._latest = max(self._latest, time_s)
        self._at_s += gap
        return self._at_s


class Timed(NamedTuple):
    """An arrival, and whether it may have been at any time in the second that begins then."""

    arrival: Arrival
    in_second: bool


def spread(timed: Iterable[Timed]) -> Iterator[Arrival]:
    """The arrivals; those of the same second are spread evenly over it.

    Of one second, 8 MiB of records are spread and the others arrive at its end.
    """
    second: list[Arrival] = []
    begun_s = at_s = 0.0
    size = 0
    try:
        for given, in_second in timed:
            begins = not in_second or given.at_s > begun_s
            if second and (begins or size > _SECOND_MAX):
                end_s = min(begun_s + 1, given.at_s) if begins else begun_s + 1
                for each in _evenly(second, end_s):
                    at_s = each.at_s
                    yield each
                second.clear()
                size = 0
            arrival = given._replace(at_s=max(at_s, given.at_s))
            if in_second:
                begun_s = given.at_s
                second.append(arrival)
                size += len(arrival.payload)
            else:
                at_s = arrival.at_s
                yield arrival
    except Exception:  # of reading: what was read before arrives all the same
        yield from _evenly(second, begun_s + 1)
        raise
    yield from _evenly(second, begun_s + 1)


def _evenly(second: list[Arrival], end_s: float) -> Iterator[Arrival]:
    for place, arrival in enumerate(second):
        width_s = end_s - arrival.at_s
        yield arrival._replace(at_s=arrival.at_s + width_s * place / len(second))
