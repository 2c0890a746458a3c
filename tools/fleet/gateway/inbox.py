"""What the ports' threads leave for the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

GATHER_S = 0.02
"""How long the first of what comes waits for the others."""


class Inbox:
    """Brings calls from other threads into the event loop, many at a time.

    Each wake-up of the loop costs more than a line from a board, so boards by the hundred must not
    each have their own. `put` may be called from any thread, all else from the loop.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._woken = False

    def put(self, call: Callable[[Any], object], value: Any) -> None:
        """Has the loop make the call within GATHER_S, in the order of the calls put."""
        self._calls.append((call, value))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._loop.call_later, GATHER_S, self._pass_on)

    def _pass_on(self) -> None:
        self._woken = False  # before it is emptied: what is put from now on wakes the loop again
        while self._calls:
            # Not called here, where an error in one would lose the others.
            self._loop.call_soon(*self._calls.popleft())
