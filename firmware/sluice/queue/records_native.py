"""RecordRing in viper."""

from array import array

import micropython
from micropython import const

from sluice.kernels import word
from sluice.queue.records import RecordRing as Plain

_SMALL_MAX = const((1 << 30) - 1)

# Words of the ring's state, as in sluice.queue.ring_native.
_TAIL = const(0)
_FLOOR = const(1)
_HEAD = const(2)
_LIMIT = const(3)
_HIGH_WATER = const(4)
_REJECTED = const(5)
_RAISED = const(7)
_LOWERED = const(8)
_HIGH = const(9)
_WRAP = const(10)
_CAPACITY = const(11)
_REPLACES = const(12)
_CLAIMED = const(15)
_SIZE = const(16)
_STAMPS = const(17)  # from here on a stamp for each slot, then a length for each


class RecordRing(Plain):
    """sluice.queue.records.RecordRing."""

    _claimed = word(_CLAIMED)

    def _attach(self):
        slots = len(self._views)
        state = self._state = array("i", [0] * (_STAMPS + 2 * slots))
        self._stamps = memoryview(state)[_STAMPS : _STAMPS + slots]
        self._lengths = memoryview(state)[_STAMPS + slots :]
        state[_SIZE] = self.size
        memory = self._memory

        @micropython.viper
        def put(record, n: int) -> bool:
            s = ptr32(state)
            if n < 1 or n > s[_SIZE]:
                return False
            record[n - 1]  # raises where a copy of n bytes would go beyond its end
            s[_CLAIMED] = -1
            slot = s[_TAIL]
            if s[_REPLACES]:
                slot = int(self._claim())
            else:  # Ring._claim, here because a call takes longer than the rest
                depth = slot - s[_HEAD]
                if depth < 0:
                    depth += s[_WRAP]
                if depth >= s[_LIMIT]:
                    if s[_REJECTED] != _SMALL_MAX:
                        s[_REJECTED] += 1
                    return False
                if depth >= s[_HIGH_WATER]:
                    s[_HIGH_WATER] = depth + 1
                slot %= s[_CAPACITY]
            source = ptr8(record)
            target = ptr8(memory)
            at = slot * s[_SIZE]
            i = 0
            while i < n:
                target[at] = source[i]
                at += 1
                i += 1
            slot += _STAMPS
            s[slot] = int(self._ticks())
            s[slot + s[_CAPACITY]] = n
            tail = s[_TAIL] + 1
            s[_TAIL] = tail if tail != s[_WRAP] else 0
            if s[_HIGH] and s[_RAISED] == s[_LOWERED]:
                self._rise()
            return True

        self.put = put

    @micropython.viper
    def claim(self):
        """See RecordRing. Hot."""
        s = ptr32(self._state)
        slot = int(self._claim())
        s[_CLAIMED] = slot
        if slot < 0:
            return None
        return self._views[slot]

    @micropython.viper
    def publish(self, n: int) -> bool:
        """See RecordRing. Hot."""
        s = ptr32(self._state)
        slot = s[_CLAIMED]
        if uint(slot) >= uint(s[_CAPACITY]) or n < 1 or n > s[_SIZE]:  # -1 is the largest
            return False
        s[_CLAIMED] = -1
        slot += _STAMPS
        s[slot] = int(self._ticks())
        s[slot + s[_CAPACITY]] = n
        tail = s[_TAIL] + 1
        s[_TAIL] = tail if tail != s[_WRAP] else 0
        if s[_HIGH] and s[_RAISED] == s[_LOWERED]:
            self._rise()
        return True

    @micropython.viper
    def peek(self):
        """See RecordRing. Hot."""
        s = ptr32(self._state)
        if s[_REPLACES]:
            self._skip()
        head = s[_HEAD]
        if head == s[_TAIL]:
            return None
        return self._views[head % s[_CAPACITY]]

    @micropython.viper
    def peek_len(self) -> int:
        """See RecordRing. Hot."""
        s = ptr32(self._state)
        head = s[_HEAD]
        if head == s[_TAIL]:
            return 0
        return s[_STAMPS + s[_CAPACITY] + head % s[_CAPACITY]]

    @micropython.viper
    def peek_ticks(self) -> int:
        """See RecordRing. Hot."""
        s = ptr32(self._state)
        head = s[_HEAD]
        if head == s[_TAIL]:
            return 0
        return s[_STAMPS + head % s[_CAPACITY]]
