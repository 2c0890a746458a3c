# SPDX-License-Identifier: MIT
"""Fixed-array ring queues: every slot used, each index with one writer.

Two indices count the items put and taken, modulo the largest multiple of the
capacity below 2^30, so that full and empty differ and all slots serve. Slot of
index i: i % capacity.

Under OVERWRITE the producer never touches the consumer's index. It keeps an
index of its own, the floor: the oldest item that it still vouches for, moved
up before a slot is written again. The consumer finds out that the floor passed
it, skips to it and counts what it lost.

This file runs on MicroPython 1.9.2 too, as a flat file.
"""

from array import array

from micropython import const

from sluice.arguments import check_int
from sluice.kernels import kernel

REJECT = const(0)
OVERWRITE = const(1)

_SMALL_MAX = const((1 << 30) - 1)  # the largest integer that needs no heap
_MOST_SLOTS = const((1 << 29) - 1)


class Ring:
    """The indices and counters of a ring, for the classes that hold its slots.

    Read only: `capacity`; `overflow`; `limit`, the logical capacity; `high_water`,
    the deepest it has been (one too high, perhaps, when a get interrupted a put);
    `rejected`, puts refused; `overwritten`, items lost under OVERWRITE, counted
    when the consumer passes them, so exact after its next call. Counters stop
    at 2^30 - 1.

    Ownership: one producer and one consumer, each of them the main loop or one
    interrupt handler. With two producers (or two consumers) an interrupt
    between reading an index and writing it loses or doubles an item, on every
    board.
    guard: an IrqGuard or LockGuard of sluice.guard, for several producers or
    consumers.
    """

    def __init__(self, capacity, overflow, guard, guarded):
        check_int("capacity", capacity, 1, _MOST_SLOTS)
        if overflow != REJECT and overflow != OVERWRITE:
            raise ValueError("overflow must be REJECT or OVERWRITE, not %r" % (overflow,))
        self.capacity = capacity
        self.limit = capacity
        self.high_water = 0
        self.rejected = 0
        self.overwritten = 0
        self.overflow = overflow
        self._wrap = _SMALL_MAX // capacity * capacity
        self._tail = 0  # written by the producer alone
        self._floor = 0  # written by the producer alone, under OVERWRITE
        self._head = 0  # written by the consumer alone
        self._high = 0  # the watermarks; 0: none
        self._low = 0
        self._hook = None
        self._raised = 0  # written by the producer alone; differs from _lowered: above
        self._lowered = 0  # written by the consumer alone
        if guard is not None:
            # Names stand here, so that a board without guards keeps nothing of them.
            methods = (("free", ""), ("release", ""), ("set_limit", "setup"), ("clear", ""))
            guard.protect(self, methods + guarded)

    def __len__(self) -> int:
        """Items waiting. Hot."""
        oldest = self._oldest()
        while True:  # bound: one turn, and one more for each interrupt
            depth = self._tail - oldest
            moved = self._oldest()
            if moved == oldest:
                return depth if depth >= 0 else depth + self._wrap
            oldest = moved

    def free(self) -> int:
        """Items that can be put before the ring is at its limit; 0 when above it. Hot."""
        room = self.limit - len(self)
        return room if room > 0 else 0

    def release(self) -> bool:
        """Drop the front item: the consumer is done with it. Hot.

        False: there was none, or under OVERWRITE the producer replaced it since
        it was peeked at (it counts as overwritten, and what was read of it may
        be torn).
        """
        if self.overflow == OVERWRITE and self._skip():
            return False
        head = self._head
        if head == self._tail:
            return False
        head += 1
        self._head = head if head != self._wrap else 0
        if self._raised != self._lowered:
            self._fall()
        return True

    def set_limit(self, n) -> None:
        """Set the logical capacity, 1 to `capacity`, while the ring is in use.

        Below the present depth nothing is dropped: puts are refused, or replace
        the oldest, until the ring fits. Raises TypeError or ValueError. A
        controller and a fleet have limits of their own: see sluice.queue.limits.
        """
        check_int("limit", n, 1, self.capacity)
        self.limit = n

    def set_watermarks(self, high, low, hook=None) -> None:
        """Watch the depth: `above` is True from when it reaches high until it falls to low.

        high: 1 to capacity.  low: 0 to high - 1.  hook: None, or a function of
        (ring, above) called at each change, by whoever puts or gets, so perhaps
        in an interrupt; the call of an interrupt can come before the one that it
        interrupted, so believe `ring.above()`. Raises TypeError or ValueError.

        For the set-up, before the ring is in use.
        """
        check_int("high", high, 1, self.capacity)
        check_int("low", low, 0, high - 1)
        self._low = low
        self._hook = hook
        self._raised = self._lowered = 0
        self._high = high
        self._rise()

    def above(self) -> bool:
        """Whether the high watermark was reached and the low one not since. Hot."""
        return self._raised != self._lowered

    def clear(self) -> None:
        """Drop everything that is there; for the consumer. Hot.

        Dropped items are not counted. What an interrupt puts meanwhile may stay.
        """
        self._head = self._tail
        if self._raised != self._lowered:
            self._fall()

    def _oldest(self):
        """Index of the oldest item: the consumer's, or the floor if that is ahead."""
        head = self._head
        if self.overflow == REJECT:
            return head
        floor = self._floor
        return floor if self._lost(floor, head) else head

    def _lost(self, floor, head):
        """How many items the floor is ahead of the head; 0 when it is not.

        It is never more than the capacity behind, since each put brings it up;
        ahead it can be almost a whole wrap, when the consumer has not looked.
        """
        behind = head - floor
        if behind < 0:
            behind += self._wrap
        return self._wrap - behind if behind > self.capacity else 0

    def _claim(self):
        """The slot to fill next, or -1 when the put is refused. For the producer."""
        tail = self._tail
        replaces = self.overflow == OVERWRITE
        oldest = self._oldest() if replaces else self._head
        depth = tail - oldest
        if depth < 0:
            depth += self._wrap
        if depth >= self.limit:
            if not replaces:
                if self.rejected != _SMALL_MAX:
                    self.rejected += 1
                return -1
            oldest += 1
            if oldest == self._wrap:
                oldest = 0
        elif depth >= self.high_water:
            self.high_water = depth + 1
        if replaces:
            self._floor = oldest  # before the slot is written: it may be that of the oldest
        return tail % self.capacity

    def _rise(self):
        """Raise the flag if the depth is at the high watermark. For the producer."""
        if len(self) < self._high:
            return
        self._raised = 1 - self._lowered
        # bound: one turn, and one more for each interrupt in it
        while self._raised != self._lowered and len(self) <= self._low:
            self._raised = self._lowered  # an interrupt has emptied the ring meanwhile
        if self._hook is not None and self._raised != self._lowered:
            self._hook(self, True)

    def _fall(self):
        """Lower the flag if the depth is at the low watermark. For the consumer."""
        if len(self) > self._low:
            return
        self._lowered = self._raised
        # bound: one turn, and one more for each interrupt in it
        while self._raised == self._lowered and len(self) >= self._high:
            self._lowered = 1 - self._raised  # an interrupt has filled the ring meanwhile
        if self._hook is not None and self._raised == self._lowered:
            self._hook(self, False)

    def _front(self):
        """The slot of the oldest item, or -1 when empty. For the consumer."""
        if self.overflow == OVERWRITE:
            self._skip()
        head = self._head
        return head % self.capacity if head != self._tail else -1

    def _skip(self):
        """Pass what the producer has overwritten; True if there was any."""
        floor = self._floor
        lost = self._lost(floor, self._head)
        if lost == 0:
            return False
        count = self.overwritten
        self.overwritten = count + lost if count < _SMALL_MAX - lost else _SMALL_MAX
        self._head = floor
        return True


Ring = kernel("queue.ring", "Ring", Ring)


class RingQueue(Ring):
    """A queue of at most `capacity` items in a fixed array.

    capacity: 1 to 2^29 - 1, all of them usable.
    typecode: b B h H i l for an array of integers (values within 31 bits: others
              allocate when they are read). None: a list of any objects; without
              a guard a taken object stays referenced by its slot until the slot
              is used again.
    overflow: REJECT: a put into a full queue is refused and counted. OVERWRITE:
              it replaces the oldest.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.
    """

    def __init__(self, capacity, typecode=None, overflow=REJECT, guard=None):
        check_int("capacity", capacity, 1, _MOST_SLOTS)
        if typecode is None:
            self._slots = [None] * capacity
        elif isinstance(typecode, str) and len(typecode) == 1 and typecode in "bBhHil":
            self._slots = array(typecode, [0] * capacity)
        else:
            raise ValueError("typecode must be one of b B h H i l, or None, not %r" % (typecode,))
        self._clears = guard is not None and typecode is None
        guarded = None
        if guard is not None:
            guarded = (("try_put", "item"), ("try_get", "default"), ("peek", "default"))
        Ring.__init__(self, capacity, overflow, guard, guarded)

    def try_put(self, item) -> bool:
        """Append item. False: full, refused and counted. Hot.

        Under OVERWRITE always True. An item that the typecode cannot hold
        raises what `array` raises, and is not put. With a `try_get` 28 us on an
        RP2040, 93 in bytecode (docs/speed.md).
        """
        tail = self._tail
        depth = tail - self._head
        if depth < 0:
            depth += self._wrap
        # Where there is more to do than to look, _claim does it all: its call costs half a put.
        if (self.overflow or depth >= self.limit or depth >= self.high_water) and self._claim() < 0:
            return False
        self._slots[tail % self.capacity] = item
        tail += 1
        self._tail = tail if tail != self._wrap else 0
        if self._high and self._raised == self._lowered:
            self._rise()
        return True

    def try_get(self, default=None):
        """Take the oldest item; `default` when empty. Hot."""
        replaces = self.overflow  # REJECT is 0
        while True:  # bound: one turn, and one more for each interrupt's put
            if replaces:
                self._skip()
            head = self._head
            if head == self._tail:
                return default
            slot = head % self.capacity
            item = self._slots[slot]
            if self._clears:
                self._slots[slot] = None  # type: ignore[call-overload]  # an object ring
            if replaces and self._skip():
                continue
            head += 1
            self._head = head if head != self._wrap else 0
            if self._high and self._raised != self._lowered:
                self._fall()
            return item

    def peek(self, default=None):
        """The oldest item, left where it is; `default` when empty. Hot."""
        while True:  # bound: one turn, and one more for each interrupt's put
            slot = self._front()
            if slot < 0:
                return default
            item = self._slots[slot]
            if self.overflow == REJECT or not self._skip():
                return item

    def put(self, item, timeout_ms: int = -1) -> bool:
        """Wait for room and append item, for the main loop.

        False: there was none within timeout_ms (negative: wait for ever), which
        counts as one rejected. Needs sluice.deadline. Raises ValueError for a
        timeout_ms of 2^29 or more.
        """
        from sluice.deadline import Deadline

        deadline = Deadline(timeout_ms)
        while self.overflow == REJECT and not self.free() and deadline.pause():
            pass
        return self.try_put(item)

    def get(self, timeout_ms: int = -1, default=None):
        """Wait for an item and take it, for the main loop; `default` after timeout_ms.

        Negative: wait for ever. Needs sluice.deadline. Raises ValueError for a
        timeout_ms of 2^29 or more.
        """
        from sluice.deadline import Deadline

        deadline = Deadline(timeout_ms)
        while not len(self) and deadline.pause():
            pass
        return self.try_get(default)


RingQueue = kernel("queue.ring", "RingQueue", RingQueue)
