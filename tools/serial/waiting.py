"""Waiting for what a port's thread puts into an inbox, on a machine that may be busy."""

import time
from queue import Empty, SimpleQueue
from typing import TypeVar

_Item = TypeVar("_Item")

HELD_UP_S = 1.0
"""A turn that takes so much longer than it waits: this program was stopped meanwhile."""

LOOK_S = 0.2
"""Within this the port has read what came meanwhile."""

_LATE_S = 0.1  # a wait that ends so late


def next_item(inbox: SimpleQueue[_Item], wait_s: float) -> _Item:
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
        return inbox.get(timeout=LOOK_S)
