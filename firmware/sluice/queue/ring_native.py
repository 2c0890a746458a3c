"""The rings' indices in viper, and RingQueue's `try_put` and `try_get` whole.

Each word that the other side reads is written by one store, after the slot and
in the order of the plain methods: the emitter of viper keeps the order.
"""

from array import array

import micropython
from micropython import const

from sluice.kernels import word
from sluice.queue.ring import Ring as PlainRing
from sluice.queue.ring import RingQueue as PlainQueue

_SMALL_MAX = const((1 << 30) - 1)

# The words of the state.
_TAIL = const(0)
_FLOOR = const(1)
_HEAD = const(2)
_LIMIT = const(3)
_HIGH_WATER = const(4)
_REJECTED = const(5)
_OVERWRITTEN = const(6)
_RAISED = const(7)
_LOWERED = const(8)
_HIGH = const(9)
_WRAP = const(10)
_CAPACITY = const(11)
_REPLACES = const(12)  # 1 under OVERWRITE, else 0
_CLEARS = const(13)
_MASK = const(14)  # capacity - 1 when that is a power of two, else 0
_WORDS = const(15)


class Ring(PlainRing):
    """sluice.queue.ring.Ring."""

    _tail = word(_TAIL)
    _floor = word(_FLOOR)
    _head = word(_HEAD)
    limit = word(_LIMIT)
    high_water = word(_HIGH_WATER)
    rejected = word(_REJECTED)
    overwritten = word(_OVERWRITTEN)
    _raised = word(_RAISED)
    _lowered = word(_LOWERED)
    _high = word(_HIGH)

    def __init__(self, capacity, overflow, guard, guarded):
        self._attach()
        PlainRing.__init__(self, capacity, overflow, guard, guarded)
        self._state[_WRAP] = self._wrap
        self._state[_CAPACITY] = capacity
        self._state[_REPLACES] = overflow
        self.shared = guard is not None
        if capacity & (capacity - 1) == 0:
            self._state[_MASK] = capacity - 1

    def _attach(self):
        """Make the state, and put on the object what is found there sooner than in its class."""
        self._state = array("i", [0] * _WORDS)

    @micropython.viper
    def __len__(self) -> int:
        """See Ring. Hot."""
        s = ptr32(self._state)
        before = -1
        depth = 0
        while True:  # again only when an interrupt has moved it while the tail was read
            oldest = s[_HEAD]
            if s[_REPLACES]:
                floor = s[_FLOOR]
                behind = oldest - floor
                if behind < 0:
                    behind += s[_WRAP]
                if behind > s[_CAPACITY]:
                    oldest = floor
            if oldest == before:
                return depth if depth >= 0 else depth + s[_WRAP]
            before = oldest
            depth = s[_TAIL] - oldest

    @micropython.viper
    def _release(self) -> bool:
        """See Ring. Hot."""
        s = ptr32(self._state)
        if s[_REPLACES] and bool(self._skip()):
            return False
        head = s[_HEAD]
        if head == s[_TAIL]:
            return False
        head += 1
        s[_HEAD] = head if head != s[_WRAP] else 0
        if s[_RAISED] != s[_LOWERED]:
            self._fall()
        return True

    release = _release

    @micropython.viper
    def _claim(self) -> int:
        """See Ring. Hot."""
        s = ptr32(self._state)
        tail = s[_TAIL]
        oldest = s[_HEAD]
        if s[_REPLACES]:
            floor = s[_FLOOR]
            behind = oldest - floor
            if behind < 0:
                behind += s[_WRAP]
            if behind > s[_CAPACITY]:
                oldest = floor
        depth = tail - oldest
        if depth < 0:
            depth += s[_WRAP]
        if depth >= s[_LIMIT]:
            if s[_REPLACES] == 0 or s[_LIMIT] == 0:
                if s[_REJECTED] != _SMALL_MAX:
                    s[_REJECTED] += 1
                return -1
            oldest += 1
            if oldest == s[_WRAP]:
                oldest = 0
        elif depth >= s[_HIGH_WATER]:
            s[_HIGH_WATER] = depth + 1
        if s[_REPLACES]:
            s[_FLOOR] = oldest  # before the slot is written: it may be that of the oldest
        return tail % s[_CAPACITY]

    @micropython.viper
    def _publish(self):
        """See Ring. Hot."""
        s = ptr32(self._state)
        tail = s[_TAIL] + 1
        s[_TAIL] = tail if tail != s[_WRAP] else 0
        if s[_HIGH] and s[_RAISED] == s[_LOWERED]:
            self._rise()

    @micropython.viper
    def _front(self) -> int:
        """See Ring. Hot."""
        s = ptr32(self._state)
        if s[_REPLACES]:
            self._skip()
        head = s[_HEAD]
        return head % s[_CAPACITY] if head != s[_TAIL] else -1

    @micropython.viper
    def _skip(self) -> bool:
        """See Ring. Hot."""
        s = ptr32(self._state)
        floor = s[_FLOOR]
        behind = s[_HEAD] - floor
        if behind < 0:
            behind += s[_WRAP]
        if behind <= s[_CAPACITY]:
            return False
        lost = s[_WRAP] - behind
        count = s[_OVERWRITTEN]
        s[_OVERWRITTEN] = count + lost if count < _SMALL_MAX - lost else _SMALL_MAX
        s[_HEAD] = floor
        return True


@micropython.viper
def _get(default, s: ptr32, slots, ring):
    while True:  # again only when an interrupt has overwritten the slot meanwhile
        if s[_REPLACES]:
            ring._skip()
        head = s[_HEAD]
        if head == s[_TAIL]:
            return default
        slot = head & s[_MASK] if s[_MASK] else head % s[_CAPACITY]
        item = slots[slot]
        if s[_CLEARS]:
            slots[slot] = None
        if s[_REPLACES] and bool(ring._skip()):
            continue
        head += 1
        s[_HEAD] = head if head != s[_WRAP] else 0
        if s[_RAISED] != s[_LOWERED]:
            ring._fall()
        return item


class RingQueue(Ring, PlainQueue):
    """sluice.queue.ring.RingQueue."""

    def __init__(self, capacity, typecode=None, overflow=0, guard=None):
        PlainQueue.__init__(self, capacity, typecode, overflow, guard)

    def _attach(self):
        state = self._state = array("i", [0] * _WORDS)
        slots = self._slots
        state[_CLEARS] = self._clears

        @micropython.viper
        def try_put(item) -> bool:
            s = ptr32(state)
            tail = s[_TAIL]
            oldest = s[_HEAD]
            if s[_REPLACES]:
                floor = s[_FLOOR]
                behind = oldest - floor
                if behind < 0:
                    behind += s[_WRAP]
                if behind > s[_CAPACITY]:
                    oldest = floor
            depth = tail - oldest
            if depth < 0:
                depth += s[_WRAP]
            if depth >= s[_LIMIT]:
                if s[_REPLACES] == 0 or s[_LIMIT] == 0:
                    if s[_REJECTED] != _SMALL_MAX:
                        s[_REJECTED] += 1
                    return False
                oldest += 1
                if oldest == s[_WRAP]:
                    oldest = 0
            elif depth >= s[_HIGH_WATER]:
                s[_HIGH_WATER] = depth + 1
            if s[_REPLACES]:
                s[_FLOOR] = oldest
            slots[tail & s[_MASK] if s[_MASK] else tail % s[_CAPACITY]] = item
            tail += 1
            s[_TAIL] = tail if tail != s[_WRAP] else 0
            if s[_HIGH] and s[_RAISED] == s[_LOWERED]:
                self._rise()
            return True

        # viper knows no default arguments, see TokenBucket.
        @micropython.native
        def try_get(default=None, get=_get, state=state, slots=slots, ring=self):
            return get(default, state, slots, ring)

        self.try_put = try_put
        self.try_get = try_get
