# SPDX-License-Identifier: MIT
"""A line that bounces: an event counts when it has been quiet for a while."""

import time

from micropython import const

from sluice.arguments import check_callable, check_int

_MOST_TICKS = const((1 << 29) - 1)


class Debounce:
    """Makes one event of edges that follow each other within `quiet_ticks`.

    quiet_ticks: ticks, 1 to 2^29 - 1, without an edge, after which the edges before
                 count as one event.
    ticks: a function without arguments that returns the time as ticks that wrap
           at 2^30, from a source that does not go back.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.

    Promise: `poll` says True once for each time that edges came and none followed
    for `quiet_ticks`, if it is called in between; else the edges before and after
    are one event. The line's level is the caller's to read then. Where an event is
    left alone for 2^30 ticks (12.4 days in ms, 17.9 minutes in us), `poll` may wait
    for `quiet_ticks` once more.

    Ownership: `edge` is called from one place, an interrupt handler (hard ones too)
    or the main loop; `poll` from the main loop.

    Read only: `quiet_ticks`.
    """

    def __init__(self, quiet_ticks, ticks=time.ticks_ms):
        check_int("quiet_ticks", quiet_ticks, 1, _MOST_TICKS)
        check_callable("ticks", ticks)
        self.quiet_ticks = quiet_ticks
        self._ticks = ticks
        # `edge` writes when the last edge came, and then its number, modulo 2^29; `poll` writes
        # up to which number the edges are told, and does not look at the tick of a told one.
        self._edge_at = 0
        self._edges = 0
        self._told = 0

    def edge(self, _=None) -> None:
        """The line has moved: the handler of a pin's interrupt. Hot."""
        self._edge_at = self._ticks()
        self._edges = self._edges + 1 & _MOST_TICKS

    def poll(self) -> bool:
        """Whether an event is complete; True once for each. Hot."""
        edges = self._edges
        if edges == self._told:
            return False
        edge_at = self._edge_at
        quiet = time.ticks_diff(self._ticks(), edge_at)
        if 0 <= quiet < self.quiet_ticks or self._edges != edges:
            return False  # an edge that came meanwhile may have come before the line was quiet
        self._told = edges
        return True
