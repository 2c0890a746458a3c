"""Runs on a board: decorated functions, as a hard interrupt would call them, with the heap locked.

Prints `still N` for N arguments that took nothing, `takes N`. With COUNTED set the heap is open and
counts instead: that sees frames, too.
"""

import micropython

from sluice.limit.bucket import TokenBucket
from sluice.limit.limited import limited

COUNTED = globals().get("COUNTED", False)
open_to_all, empty = TokenBucket(None, 1), TokenBucket(0, 1)
empty.try_acquire()
pin = object()


class Handler:
    def __init__(self):
        self.seen = None

    @limited(open_to_all)
    def on_event(self, pin):
        self.seen = pin


handler = Handler()
on_event = handler.on_event
no_argument = [limited(bucket)(lambda: None) for bucket in (open_to_all, empty)]
one_argument = [limited(bucket)(lambda a: None) for bucket in (open_to_all, empty)]
two_arguments = [limited(bucket)(lambda a, b: None) for bucket in (open_to_all, empty)]
three_arguments = [limited(bucket)(lambda a, b, c: None) for bucket in (open_to_all, empty)]
granted = limited(open_to_all, wait=True)(lambda: None)


def none():
    granted()
    for call in no_argument:
        call()


def one():
    for call in one_argument:
        call(pin)


def two():
    on_event(pin)
    for call in two_arguments:
        call(pin, pin)


def three():
    for call in three_arguments:
        call(pin, pin, pin)


def takes(calls):
    if COUNTED:
        before = micropython.mem_total()
        calls()
        return micropython.mem_total() != before
    micropython.heap_lock()
    try:
        calls()
    except MemoryError:
        return True
    finally:
        micropython.heap_unlock()
    return False


for n, calls in enumerate((none, one, two, three)):
    print("takes" if takes(calls) else "still", n)
