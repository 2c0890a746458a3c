# SPDX-License-Identifier: MIT
"""Pulses' `pulse` in viper, inside the ring if it can."""

import time
from array import array

import micropython
from micropython import const

from sluice.kernels import in_force, word
from sluice.queue.records import RecordRing

_SMALL_MAX = const((1 << 30) - 1)
_SIZE = const(8)  # bytes of a record

# The ring's words.
_RING_TAIL = const(0)
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
_RING_MASK = const(14)
_RECORDS_CLAIMED = const(15)
_RECORDS_SIZE = const(16)
_RECORDS_STAMPS = const(17)

# The words of the state.
_PULSES_NUMBER = const(0)
_PULSES_WORDS = const(1)


@micropython.viper
def _pulse(mine: ptr32, s: ptr32, memory, ring, ticks):
    number = mine[_PULSES_NUMBER]
    mine[_PULSES_NUMBER] = number + 1 if number != _SMALL_MAX else 0
    s[_RECORDS_CLAIMED] = 0
    tail = s[_RING_TAIL]
    if s[_RING_REPLACES]:
        slot = int(ring._claim())
    else:  # Ring._claim, here because a call takes longer than the rest
        depth = tail - s[_RING_HEAD]
        if depth < 0:
            depth += s[_RING_WRAP]
        if depth >= s[_RING_LIMIT]:
            if s[_RING_REJECTED] != _SMALL_MAX:
                s[_RING_REJECTED] += 1
            return
        if depth >= s[_RING_HIGH_WATER]:
            s[_RING_HIGH_WATER] = depth + 1
        slot = tail & s[_RING_MASK] if s[_RING_MASK] else tail % s[_RING_CAPACITY]
    now = int(ticks())
    record = ptr8(memory)
    at = slot * s[_RECORDS_SIZE]
    record[at] = number & 255
    record[at + 1] = number >> 8 & 255
    record[at + 2] = number >> 16 & 255
    record[at + 3] = number >> 24
    record[at + 4] = now & 255
    record[at + 5] = now >> 8 & 255
    record[at + 6] = now >> 16 & 255
    record[at + 7] = now >> 24
    slot += _RECORDS_STAMPS
    s[slot] = now
    s[slot + s[_RING_CAPACITY]] = _SIZE
    tail += 1
    s[_RING_TAIL] = tail if tail != s[_RING_WRAP] else 0
    if s[_RING_HIGH] and s[_RING_RAISED] == s[_RING_LOWERED]:
        ring._rise()


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the Pulses.
    """

    class Pulses(plain):
        """sluice.flow.pulses.Pulses."""

        _number = word(_PULSES_NUMBER)

        def __init__(self, ring, ticks=time.ticks_ms):
            state = self._state = array("i", [0] * _PULSES_WORDS)
            plain.__init__(self, ring, ticks)
            known = "RecordRing" in in_force and type(ring) is RecordRing
            # A guard is around the ring's methods; and one reading serves as tick and as stamp.
            if not known or ring.shared or ring.size < _SIZE or ring._ticks is not ticks:  # type: ignore[attr-defined]
                return

            words = ring._state  # type: ignore[attr-defined]

            # viper knows no default arguments, see TokenBucket.
            @micropython.native
            def pulse(_=None, put=_pulse, mine=state, s=words, m=ring._memory, ring=ring, t=ticks):
                put(mine, s, m, ring, t)

            if type(self).pulse is plain.pulse:
                self.pulse = pulse

    return Pulses
