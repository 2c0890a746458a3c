"""What a board could use of the fleet's budget, by its statistics."""

from collections import deque
from math import ceil

from ...serial.logfmt import Stats

IDLE = 1
"""Tokens a second that a board asks for when it needs none, so that it can begin."""

WAITING = 10
"""Tokens a second that it asks for at least when records wait."""

HOLD_S = 2
"""What it asked for stays for so long after it was needed: a board whose records come unevenly
waits in one second and not in the next, and each change is a transaction in etcd, and grants."""


class Demand:
    """What one board asks for, tokens a second, from line to line."""

    def __init__(self) -> None:
        self.asked = 0
        self._needed: deque[tuple[int, int]] = deque()  # the second, and what was needed in it

    def add(self, before: Stats | None, stats: Stats) -> int:
        """The next line, and the one before, if the board was not reset in between.

        It is the most that was needed in the last HOLD_S; what is at most a quarter too much stays.
        """
        if before is None:
            self._needed.clear()
        self._needed.append((stats.up_s, needed(before, stats)))
        while self._needed[0][0] <= stats.up_s - HOLD_S:
            self._needed.popleft()
        most = max(tokens for _, tokens in self._needed)
        if not most <= self.asked <= most * 1.25:
            self.asked = most
        return self.asked


def needed(before: Stats | None, stats: Stats) -> int:
    """Tokens a second that would be enough.

    While records wait for tokens that is twice what it has; the max-min fair shares see to it that
    nobody gets more for asking more. Otherwise it is a quarter more than it used, also when records
    that came together waited a little; when tokens stand for bytes, what it used is not known, and
    it is a quarter less than what it has.

    Under a watermark the board works at a part of its own rate: then it asks for so much that this
    part is enough. What it is throttled to is no measure of what it needs.
    """
    rate, part = stats.rate_per_s or 0, stats.granted
    waited = before is not None and stats.denied > before.denied
    used_up = stats.cost != "record" or stats.qps * 1.25 >= rate
    if (waited and used_up) or (stats.depth > 0 and stats.tokens == 0):
        return max(WAITING, ceil(2 * rate / part))
    return max(IDLE, ceil((stats.qps * 1.25 if stats.cost == "record" else rate * 0.75) / part))
