# SPDX-License-Identifier: MIT
"""Who has changed what, and when: the last changes, in memory taken at start."""

from micropython import const

CHANGED = const(0)
ON_TRIAL = const(1)
KEPT = const(2)
ROLLED_BACK = const(3)
SUPERSEDED = const(4)

WHO_MAX = const(16)  # bytes of a name
INDEX_MASK = const(0xFFFFFF)

_VALUE_MAX = const(3)  # integers in a list
_EVENTS = (b"changed", b"on_trial", b"kept", b"rolled_back", b"superseded")
_SIZE = const(64)  # a power of two, so that the index of an entry says its slot when it wraps, too


class AuditLog:
    """The last 64 entries, each with an index from 0 on, modulo 2^24.

    Read only: `end`, the index of the entry to come.

    Ownership: the main loop alone.
    """

    def __init__(self):
        self.end = 0
        self._count = 0
        self._events = bytearray(_SIZE)
        self._requests = [0] * _SIZE
        self._keys = [b""] * _SIZE
        self._values: list = [0] * (_SIZE * 2 * _VALUE_MAX)  # of each entry the old and the new one
        self._value_lengths = bytearray(_SIZE * 2)
        self._names = bytearray(_SIZE * WHO_MAX)
        self._name_lengths = bytearray(_SIZE)
        self._up_s = [0] * _SIZE

    def add(self, event, request, key, old, new, who, up_s) -> None:
        """Append an entry; the oldest goes when there are 64.

        event: CHANGED to SUPERSEDED.  request: the number, not 0, of the request that
        was the cause.  key: bytes that stay for ever.  old, new: an integer within
        31 bits, None, or up to 3 such integers in a list.  who: up to 16 bytes.
        up_s: seconds since the start.
        """
        slot = self.end % _SIZE
        self._events[slot] = event
        self._requests[slot] = request
        self._keys[slot] = key
        self._store(slot * 2, old)
        self._store(slot * 2 + 1, new)
        self._names[slot * WHO_MAX : slot * WHO_MAX + len(who)] = who
        self._name_lengths[slot] = len(who)
        self._up_s[slot] = up_s
        self.end = self.end + 1 & INDEX_MASK
        if self._count < _SIZE:
            self._count += 1

    def knows(self, request) -> bool:
        """Whether an entry has this request as its cause."""
        return request in self._requests

    def nearest(self, index) -> int:
        """The index itself if it has an entry, otherwise the oldest that has; `end` when empty."""
        oldest = self.end - self._count & INDEX_MASK
        return index if (index - oldest & INDEX_MASK) < self._count else oldest

    def describe(self, index, log) -> None:
        """Append the entry at an index that `nearest` gave to a LogLine."""
        slot = index % _SIZE
        at = slot * WHO_MAX
        log.word(b"event", _EVENTS[self._events[slot]])
        log.word(b"key", self._keys[slot])
        log.value(b"old", self._stored(slot * 2))
        log.value(b"new", self._stored(slot * 2 + 1))
        log.word(b"who", self._names[at : at + self._name_lengths[slot]])
        log.number(b"up_s", self._up_s[slot])

    def _store(self, place, value):
        at = place * _VALUE_MAX
        if value is None or isinstance(value, int):
            self._values[at] = value
            self._value_lengths[place] = 0
        else:
            for number in value:
                self._values[at] = number
                at += 1
            self._value_lengths[place] = len(value)

    def _stored(self, place):
        at = place * _VALUE_MAX
        n = self._value_lengths[place]
        return self._values[at : at + n] if n else self._values[at]
