# SPDX-License-Identifier: MIT
"""Channels: asyncio tasks pass items to each other, and interrupts to tasks.

Each channel has two lines, of the tasks that wait to get and of those that wait
to put. Whoever comes while others wait stands behind them, and the first in a
line is woken when it may be able to go on: it then looks for itself. Nothing is
handed to a task that does not run, so a task that is cancelled loses nothing.
"""

import asyncio

from micropython import const

from sluice.arguments import check_int
from sluice.queue.ring import OVERWRITE, REJECT, RingQueue

WAIT = const(2)  # beside REJECT and OVERWRITE

_MOST = const((1 << 29) - 1)
_SMALL_MAX = const((1 << 30) - 1)
_NOTHING = object()


class Closed(Exception):
    """The channel, `channel`, is closed: it takes no more, or has no more to give."""

    def __init__(self, channel):
        super().__init__("the channel is closed")
        self.channel = channel


class Channel:
    """A queue between tasks, of at most `capacity` items, in a fixed array.

    capacity: 0 to 2^29 - 1. 0: a rendezvous, `put` returns when a receiver has
              taken the item.
    overflow: what a put does that finds no room; in a rendezvous, that finds no
              receiver waiting. WAIT: it waits. REJECT: it drops its item, which
              is counted. OVERWRITE: its item replaces the oldest (a rendezvous
              keeps one item for the next receiver). Under the last two a
              producer never waits.
    interrupts: True: an interrupt handler calls `try_put`. A task that waits to
              get is then woken by a ThreadSafeFlag, which the event loop asks
              each time round; else by an Event, which costs nothing meanwhile.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.

    Ownership: the tasks of one event loop. Only `try_put` may be called from
    elsewhere, by one interrupt handler (or one thread), if `interrupts` is True
    and no task puts. From elsewhere without `interrupts`, the event loop's own
    lists break, on every board; with a second producer, items are lost.
    guard: an IrqGuard or LockGuard of sluice.guard, for several producers.

    Read only: `queue`, the RingQueue inside, for its counters and its
    watermarks: `queue.rejected` counts the puts that were refused; `closed`;
    `capacity`, `overflow` and `interrupts` as they were given.
    """

    def __init__(self, capacity, overflow=WAIT, interrupts=False, guard=None):
        check_int("capacity", capacity, 0, _MOST)
        if overflow not in (WAIT, REJECT, OVERWRITE):
            raise ValueError("overflow must be WAIT, REJECT or OVERWRITE, not %r" % (overflow,))
        self.capacity = capacity
        self.overflow = overflow
        self.interrupts = interrupts
        self.closed = False
        ring_overflow = OVERWRITE if overflow == OVERWRITE else REJECT
        self.queue = RingQueue(capacity or 1, None, ring_overflow, guard)
        if guard is not None:
            guard.protect(self, (("_refuse", ""),))
        self._takes = True  # False: every put is refused, whatever room the queue has
        self._rendezvous = capacity == 0
        self._needs_getter = capacity == 0 and overflow != OVERWRITE
        self._getters = _Line()
        self._putters = _Line()
        self._settle()

    async def put(self, item) -> bool:
        """Put item, waiting if `overflow` is WAIT. False: under REJECT, it was dropped.

        Raises Closed, also when the channel is closed meanwhile: the item was
        not put. Cancelled while it waits: neither, unless in a rendezvous a
        receiver has taken it just before.
        """
        if self.overflow != WAIT:
            if self.closed:
                raise Closed(self)
            return self.try_put(item)
        stands_in_line = self._rendezvous or self._putters.bell is not None
        if stands_in_line or not self._free() or not self.try_put(item):
            await _Choice((Put(self, item),)).wait(-1)
        return True

    async def get(self):
        """Wait for the next item and take it.

        Raises Closed when the channel is closed and nothing is left in it.
        Cancelled while it waits: nothing was taken. For a time limit use
        `select`: MicroPython's `asyncio.wait_for` can end in TimeoutError
        although its task has just taken an item, which is then lost.
        """
        if self._getters.bell is None:
            item = self._remove()
            if item is not _NOTHING:
                return item
        case = Get(self)
        await _Choice((case,)).wait(-1)
        return case.item

    def try_put(self, item) -> bool:
        """Put item if that needs no waiting, past those who wait in line. Hot.

        False: refused and counted, because the channel is full, has no receiver
        waiting (a rendezvous) or is closed. In a rendezvous, True means that a
        receiver was waiting; should it be cancelled or find another case of its
        select sooner, the next one gets the item.
        """
        if not self._takes:
            self._refuse()
            return False
        if not self.queue.try_put(item):
            return False
        self._getters.ring()
        return True

    def try_get(self, default=None):
        """Take the next item if there is one now, past those who wait in line.

        `default` when there is none, closed or not.
        """
        item = self._remove()
        return default if item is _NOTHING else item

    def close(self) -> None:
        """Put no more: who puts, or waits to, gets Closed. What is there can be taken.

        Closing again does nothing.
        """
        self.closed = True
        self._settle()

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.get()
        except Closed:
            raise StopAsyncIteration

    def _remove(self):
        """The next item, or _NOTHING."""
        item = self.queue.try_get(_NOTHING)
        if item is _NOTHING:
            if self.closed or not self._rendezvous or self._putters.bell is None:
                return _NOTHING
            offer = self._putters.first()
            item = offer.item
            offer._choice.end(offer)
        self._settle()
        return item

    def _refuse(self):
        queue = self.queue
        if queue.rejected != _SMALL_MAX:
            queue.rejected += 1

    def _free(self):
        return self._takes and self.queue.free() > 0

    def _settle(self):
        """Wake the first in each line if it may be able to go on. After each change."""
        waits_for_getter = self._needs_getter and self._getters.bell is None
        self._takes = not self.closed and not waits_for_getter
        offered = self._rendezvous and self._putters.bell is not None
        if self.closed or offered or len(self.queue):
            self._getters.ring()
        if self.closed or self._free():
            self._putters.ring()


class Get:
    """A case for `select`: take the next item of the channel, then in `item`."""

    def __init__(self, channel):
        self.channel = channel
        self.item = None
        self._line = channel._getters
        self._choice = None

    def _happen(self, waits):
        if not self._line.admits(self._choice):
            return False
        item = self.channel._remove()
        if item is _NOTHING:
            if self.channel.closed:
                raise Closed(self.channel)
            return False
        self.item = item
        return True


class Put:
    """A case for `select`: put item into the channel.

    accepted: afterwards, False if the channel is made to REJECT and had no room.
    """

    def __init__(self, channel, item):
        self.channel = channel
        self.item = item
        self.accepted = True
        self._line = channel._putters
        self._choice = None

    def _happen(self, waits):
        channel = self.channel
        if channel.closed:
            raise Closed(channel)
        if channel.overflow != WAIT:
            self.accepted = channel.try_put(self.item)
            return True
        if waits and channel._rendezvous:
            return False  # the receiver that takes the item will end the choice
        admitted = self._line.admits(self._choice) and channel._free()
        return admitted and channel.try_put(self.item)


async def select(*cases, timeout_ms: int = -1):
    """Wait until one of the cases can happen; exactly one does, and is returned.

    cases: Get and Put objects, each in one select at a time; no channel is both
    put to and got from. timeout_ms: 0: do not wait (a Put is then a `try_put`,
    behind those who wait in line); up to 2^29 - 1; negative: wait for ever.
    None: no case could happen in that time.

    Of several that can happen it takes the one whose turn is longest ago, so
    none starves. It does not give way to other tasks unless it waits.

    Raises Closed if a case finds its channel closed, and ValueError. Closed or
    cancelled, no case has happened, with one exception: see Channel.put.
    """
    if timeout_ms > _MOST:
        raise ValueError("timeout_ms must be at most %d, not %d" % (_MOST, timeout_ms))
    sources = [case.channel for case in cases if isinstance(case, Get)]
    for case in cases:
        if isinstance(case, Put) and case.channel in sources:
            raise ValueError("a select cannot put to and get from the same channel")
    case = _first_to_happen(cases, timeout_ms != 0)
    if case is not None or timeout_ms == 0:
        return case
    return await _Choice(cases).wait(timeout_ms)


def _first_to_happen(cases, waits):
    """The case that can happen now, and has; None if there is none."""
    for case in sorted(cases, key=_turn):
        if case._happen(waits):
            _Line.turns += 1
            case._line.turn = _Line.turns
            return case
    return None


def _turn(case):
    return case._line.turn


class _Choice:
    """A task that waits for one of its cases to happen, in line for each."""

    def __init__(self, cases):
        interrupts = any(case.channel.interrupts for case in cases)
        self.bell = asyncio.ThreadSafeFlag() if interrupts else asyncio.Event()
        self._cases = cases
        self._done = None  # the case that has happened
        self._expired = False

    async def wait(self, timeout_ms):
        timer = asyncio.create_task(self._expire(timeout_ms)) if timeout_ms > 0 else None
        for case in self._cases:
            case._choice = self
            case._line.join(case)
            case.channel._settle()
        try:
            while self._done is None:  # in line already: an interrupt may put at any time
                case = _first_to_happen(self._cases, True)
                if case is not None:
                    self.end(case)
                elif self._expired:
                    break
                else:
                    await self.bell.wait()
                    self.bell.clear()
        finally:
            if self._done is None:
                self._leave()
            if timer is not None:
                timer.cancel()
        return self._done

    def end(self, case):
        """This case has happened; no other will."""
        self._done = case
        self._leave()
        self.bell.set()

    def _leave(self):
        for case in self._cases:
            case._line.leave(case)
            case._choice = None
            case.channel._settle()

    async def _expire(self, timeout_ms):
        await asyncio.sleep_ms(timeout_ms)
        self._expired = True
        self.bell.set()


class _Line:
    """The cases that wait at one end of a channel, first come, first served."""

    turns = 0  # choices made so far, in all lines

    def __init__(self):
        self._cases = []
        self.bell = None  # of the first; all that an interrupt reads
        self.turn = 0  # when a choice last fell on this line

    def first(self):
        return self._cases[0]

    def admits(self, choice):
        """Whether it is the first in line, or would be."""
        return not self._cases or self._cases[0]._choice is choice

    def join(self, case):
        self._cases.append(case)
        self.bell = self._cases[0]._choice.bell

    def leave(self, case):
        self._cases.remove(case)
        self.bell = self._cases[0]._choice.bell if self._cases else None

    def ring(self):
        bell = self.bell
        if bell is not None:
            bell.set()
