# SPDX-License-Identifier: MIT
"""RecordRing in viper."""

from array import array

import micropython
from micropython import const

_SMALL_MAX = const((1 << 30) - 1)

# The ring's words.
_RING_TAIL = const(0)
_RING_FLOOR = const(1)
_RING_HEAD = const(2)
_RING_LIMIT = const(3)
_RING_HIGH_WATER = const(4)
_RING_REJECTED = const(5)
_RING_RAISED = const(7)
_RING_LOWERED = const(8)
_RING_HIGH = const(9)
_RING_WRAP = const(10)
_RING_CAPACITY = const(11)
_RING_REPLACES = const(12)
_RECORDS_CLAIMED = const(15)  # the slot between claim and publish, plus 1; 0: none
_RECORDS_SIZE = const(16)
_RECORDS_STAMPS = const(17)  # from here on a stamp for each slot, then a length for each


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the RecordRing.
    """

    class RecordRing(plain):
        """sluice.queue.records.RecordRing."""

        def _attach(self):
            slots = len(self._views)
            state = self._state = array("i", [0] * (_RECORDS_STAMPS + 2 * slots))
            self._stamps = memoryview(state)[_RECORDS_STAMPS : _RECORDS_STAMPS + slots]
            self._lengths = memoryview(state)[_RECORDS_STAMPS + slots :]
            state[_RECORDS_SIZE] = self.size
            memory = self._memory

            @micropython.viper
            def put(record, n: int) -> bool:
                s = ptr32(state)
                if n < 1 or n > s[_RECORDS_SIZE]:
                    return False
                record[n - 1]  # raises where a copy of n bytes would go beyond its end
                s[_RECORDS_CLAIMED] = 0
                slot = s[_RING_TAIL]
                if s[_RING_REPLACES]:
                    slot = int(self._claim())
                else:  # Ring._claim, here because a call takes longer than the rest
                    depth = slot - s[_RING_HEAD]
                    if depth < 0:
                        depth += s[_RING_WRAP]
                    if depth >= s[_RING_LIMIT]:
                        if s[_RING_REJECTED] != _SMALL_MAX:
                            s[_RING_REJECTED] += 1
                        return False
                    if depth >= s[_RING_HIGH_WATER]:
                        s[_RING_HIGH_WATER] = depth + 1
                    slot %= s[_RING_CAPACITY]
                source = ptr8(record)
                target = ptr8(memory)
                at = slot * s[_RECORDS_SIZE]
                i = 0
                while i < n:
                    target[at] = source[i]
                    at += 1
                    i += 1
                slot += _RECORDS_STAMPS
                s[slot] = int(self._ticks())
                s[slot + s[_RING_CAPACITY]] = n
                tail = s[_RING_TAIL] + 1
                s[_RING_TAIL] = tail if tail != s[_RING_WRAP] else 0
                if s[_RING_HIGH] and s[_RING_RAISED] == s[_RING_LOWERED]:
                    self._rise()
                return True

            if type(self).put is plain.put:
                self.put = put

        @micropython.viper
        def claim(self):
            """See RecordRing. Hot."""
            s = ptr32(self._state)
            slot = int(self._claim())
            s[_RECORDS_CLAIMED] = slot + 1
            if slot < 0:
                return None
            return self._views[slot]

        @micropython.viper
        def publish(self, n: int) -> bool:
            """See RecordRing. Hot."""
            s = ptr32(self._state)
            slot = s[_RECORDS_CLAIMED] - 1
            if slot < 0 or n < 1 or n > s[_RECORDS_SIZE]:
                return False
            s[_RECORDS_CLAIMED] = 0
            slot += _RECORDS_STAMPS
            s[slot] = int(self._ticks())
            s[slot + s[_RING_CAPACITY]] = n
            tail = s[_RING_TAIL] + 1
            s[_RING_TAIL] = tail if tail != s[_RING_WRAP] else 0
            if s[_RING_HIGH] and s[_RING_RAISED] == s[_RING_LOWERED]:
                self._rise()
            return True

        @micropython.viper
        def peek(self):
            """See RecordRing. Hot."""
            s = ptr32(self._state)
            if s[_RING_REPLACES]:
                self._skip()
            head = s[_RING_HEAD]
            if head == s[_RING_TAIL]:
                return None
            return self._views[head % s[_RING_CAPACITY]]

        @micropython.viper
        def peek_len(self) -> int:
            """See RecordRing. Hot."""
            s = ptr32(self._state)
            head = s[_RING_HEAD]
            if head == s[_RING_TAIL]:
                return 0
            return s[_RECORDS_STAMPS + s[_RING_CAPACITY] + head % s[_RING_CAPACITY]]

        @micropython.viper
        def peek_ticks(self) -> int:
            """See RecordRing. Hot."""
            s = ptr32(self._state)
            head = s[_RING_HEAD]
            if head == s[_RING_TAIL]:
                return 0
            return s[_RECORDS_STAMPS + head % s[_RING_CAPACITY]]

    return RecordRing
