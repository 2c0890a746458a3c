# SPDX-License-Identifier: MIT
"""The rings' indices in viper, and RingQueue's `try_put` and `try_get` whole.

Each word that the other side reads is written by one store, after the slot and
in the order of the plain methods: the emitter of viper keeps the order.
"""

from array import array

import micropython
from micropython import const

from sluice.kernels import word

_SMALL_MAX = const((1 << 30) - 1)

# The words of the state.
_RING_TAIL = const(0)
_RING_FLOOR = const(1)
_RING_HEAD = const(2)
_RING_LIMIT = const(3)
_RING_HIGH_WATER = const(4)
_RING_REJECTED = const(5)
_RING_OVERWRITTEN = const(6)
_RING_RAISED = const(7)
_RING_LOWERED = const(8)
_RING_HIGH = const(9)
_RING_WRAP = const(10)
_RING_CAPACITY = const(11)
_RING_REPLACES = const(12)  # 1 under OVERWRITE, else 0
_RING_CLEARS = const(13)
_RING_MASK = const(14)  # capacity - 1 when that is a power of two, else 0
_RING_WORDS = const(15)


@micropython.viper
def _get(default, s: ptr32, slots, ring):
    while True:  # bound: one turn, and one more for each interrupt's put
        if s[_RING_REPLACES]:
            ring._skip()
        head = s[_RING_HEAD]
        if head == s[_RING_TAIL]:
            return default
        slot = head & s[_RING_MASK] if s[_RING_MASK] else head % s[_RING_CAPACITY]
        item = slots[slot]
        if s[_RING_CLEARS]:
            slots[slot] = None
        if s[_RING_REPLACES] and bool(ring._skip()):
            continue
        head += 1
        s[_RING_HEAD] = head if head != s[_RING_WRAP] else 0
        if s[_RING_RAISED] != s[_RING_LOWERED]:
            ring._fall()
        return item


def over(plain, name):
    """A class that does in viper what the plain one does."""
    return _ring(plain) if name == "Ring" else _queue(plain)


def _ring(plain):
    """plain: the Ring."""

    class Ring(plain):
        """sluice.queue.ring.Ring."""

        _tail = word(_RING_TAIL)
        _floor = word(_RING_FLOOR)
        _head = word(_RING_HEAD)
        limit = word(_RING_LIMIT)
        high_water = word(_RING_HIGH_WATER)
        rejected = word(_RING_REJECTED)
        overwritten = word(_RING_OVERWRITTEN)
        _raised = word(_RING_RAISED)
        _lowered = word(_RING_LOWERED)
        _high = word(_RING_HIGH)

        def __init__(self, capacity, overflow, guard, guarded):
            self._attach()
            plain.__init__(self, capacity, overflow, guard, guarded)
            self._state[_RING_WRAP] = self._wrap
            self._state[_RING_CAPACITY] = capacity
            self._state[_RING_REPLACES] = overflow
            self.shared = guard is not None
            if capacity & (capacity - 1) == 0:
                self._state[_RING_MASK] = capacity - 1

        def _attach(self):
            """Make the state, and put on the object what is found there sooner than in a class."""
            self._state = array("i", [0] * _RING_WORDS)

        @micropython.viper
        def __len__(self) -> int:
            """See Ring. Hot."""
            s = ptr32(self._state)
            before = -1
            depth = 0
            while True:  # bound: two turns, and one more for each interrupt
                oldest = s[_RING_HEAD]
                if s[_RING_REPLACES]:
                    floor = s[_RING_FLOOR]
                    behind = oldest - floor
                    if behind < 0:
                        behind += s[_RING_WRAP]
                    if behind > s[_RING_CAPACITY]:
                        oldest = floor
                if oldest == before:
                    return depth if depth >= 0 else depth + s[_RING_WRAP]
                before = oldest
                depth = s[_RING_TAIL] - oldest

        @micropython.viper
        def release(self) -> bool:
            """See Ring. Hot."""
            s = ptr32(self._state)
            if s[_RING_REPLACES] and bool(self._skip()):
                return False
            head = s[_RING_HEAD]
            if head == s[_RING_TAIL]:
                return False
            head += 1
            s[_RING_HEAD] = head if head != s[_RING_WRAP] else 0
            if s[_RING_RAISED] != s[_RING_LOWERED]:
                self._fall()
            return True

        @micropython.viper
        def _claim(self) -> int:
            """See Ring. Hot."""
            s = ptr32(self._state)
            tail = s[_RING_TAIL]
            oldest = s[_RING_HEAD]
            if s[_RING_REPLACES]:
                floor = s[_RING_FLOOR]
                behind = oldest - floor
                if behind < 0:
                    behind += s[_RING_WRAP]
                if behind > s[_RING_CAPACITY]:
                    oldest = floor
            depth = tail - oldest
            if depth < 0:
                depth += s[_RING_WRAP]
            if depth >= s[_RING_LIMIT]:
                if s[_RING_REPLACES] == 0:
                    if s[_RING_REJECTED] != _SMALL_MAX:
                        s[_RING_REJECTED] += 1
                    return -1
                oldest += 1
                if oldest == s[_RING_WRAP]:
                    oldest = 0
            elif depth >= s[_RING_HIGH_WATER]:
                s[_RING_HIGH_WATER] = depth + 1
            if s[_RING_REPLACES]:
                s[_RING_FLOOR] = oldest  # before the slot is written: it may be that of the oldest
            return tail % s[_RING_CAPACITY]

        @micropython.viper
        def _front(self) -> int:
            """See Ring. Hot."""
            s = ptr32(self._state)
            if s[_RING_REPLACES]:
                self._skip()
            head = s[_RING_HEAD]
            return head % s[_RING_CAPACITY] if head != s[_RING_TAIL] else -1

        @micropython.viper
        def _skip(self) -> bool:
            """See Ring. Hot."""
            s = ptr32(self._state)
            floor = s[_RING_FLOOR]
            behind = s[_RING_HEAD] - floor
            if behind < 0:
                behind += s[_RING_WRAP]
            if behind <= s[_RING_CAPACITY]:
                return False
            lost = s[_RING_WRAP] - behind
            count = s[_RING_OVERWRITTEN]
            s[_RING_OVERWRITTEN] = count + lost if count < _SMALL_MAX - lost else _SMALL_MAX
            s[_RING_HEAD] = floor
            return True

    return Ring


def _queue(plain):
    """plain: the RingQueue."""

    class RingQueue(plain):
        """sluice.queue.ring.RingQueue."""

        def _attach(self):
            state = self._state = array("i", [0] * _RING_WORDS)
            slots = self._slots
            state[_RING_CLEARS] = self._clears

            @micropython.viper
            def try_put(item) -> bool:
                s = ptr32(state)
                tail = s[_RING_TAIL]
                oldest = s[_RING_HEAD]
                if s[_RING_REPLACES]:
                    floor = s[_RING_FLOOR]
                    behind = oldest - floor
                    if behind < 0:
                        behind += s[_RING_WRAP]
                    if behind > s[_RING_CAPACITY]:
                        oldest = floor
                depth = tail - oldest
                if depth < 0:
                    depth += s[_RING_WRAP]
                if depth >= s[_RING_LIMIT]:
                    if s[_RING_REPLACES] == 0:
                        if s[_RING_REJECTED] != _SMALL_MAX:
                            s[_RING_REJECTED] += 1
                        return False
                    oldest += 1
                    if oldest == s[_RING_WRAP]:
                        oldest = 0
                elif depth >= s[_RING_HIGH_WATER]:
                    s[_RING_HIGH_WATER] = depth + 1
                if s[_RING_REPLACES]:
                    s[_RING_FLOOR] = oldest
                slots[tail & s[_RING_MASK] if s[_RING_MASK] else tail % s[_RING_CAPACITY]] = item
                tail += 1
                s[_RING_TAIL] = tail if tail != s[_RING_WRAP] else 0
                if s[_RING_HIGH] and s[_RING_RAISED] == s[_RING_LOWERED]:
                    self._rise()
                return True

            # viper knows no default arguments, see TokenBucket.
            @micropython.native
            def try_get(default=None, get=_get, state=state, slots=slots, ring=self):
                return get(default, state, slots, ring)

            if type(self).try_put is plain.try_put:
                self.try_put = try_put
            if type(self).try_get is plain.try_get:
                self.try_get = try_get

    return RingQueue
