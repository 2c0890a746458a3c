"""Waiting for what a port's thread puts into an inbox, on a machine that may be busy."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

_HELD_UP_S = 1.0  # a turn that takes so long, more than any wait
_LATE_S = 0.1  # a wait that ends so late
_LOOK_S = 0.2  # within this the port has read what came meanwhile


class Turns(Generic[_Item]):
    """The turns of a program that waits for what comes into an inbox.

    inbox: a port's thread puts into it.  hand_on: is given each item, in order.
    """

    def __init__(self, inbox: SimpleQueue[_Item], hand_on: Callable[[_Item], None]) -> None:
        self._inbox = inbox
        self._hand_on = hand_on
        self._ended_at = time.monotonic()

    def wait(self, wait_s: float) -> bool:
        """Waits until something comes, for so long at most, and hands on all that has.

        Whether the program was stopped in this turn, wherever it was: then its port's thread has
        read what came meanwhile, and that is handed on, too.
        """
        try:
            self._hand_on(_next_item(self._inbox, wait_s))
            self._hand_on_all()
        except Empty:
            pass  # nothing has come: the turn goes on all the same
        stopped = time.monotonic() - self._ended_at > _HELD_UP_S
        if stopped:
            time.sleep(_LOOK_S)
            self._hand_on_all()
        self._ended_at = time.monotonic()
        return stopped

    def _hand_on_all(self) -> None:
        while not self._inbox.empty():
            self._hand_on(self._inbox.get_nowait())


def _next_item(inbox: SimpleQueue[_Item], wait_s: float) -> _Item:
    """What is in the inbox, or comes within the wait. queue.Empty: nothing.

    A program that was stopped, or whose machine was busy, waits a little more before it says so:
    its port's thread was held up too, and what the board has sent long ago is not read yet. So look
    here before anything is sent again, or the board is given up, because of its silence.
    """
    until = time.monotonic() + wait_s
    try:
        return inbox.get(timeout=wait_s)
    except Empty:
        if time.monotonic() - until < _LATE_S:
            raise
        return inbox.get(timeout=_LOOK_S)
