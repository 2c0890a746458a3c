# SPDX-License-Identifier: MIT
"""Histogram on a fixed logarithmic scale, for percentiles without storing samples."""

from array import array

from micropython import const

from sluice.kernels import kernel

_SMALL_MAX = const((1 << 30) - 1)
_BUCKETS = const(8 + 8 * 26)  # 0..7 one each, then 8 to an octave up to 2^29 - 1

CLASSES = const(14)
"""Of `tally`: up to 3, 7, 15 and so on in octaves to 16,383, and above."""


class LogHistogram:
    """Counts of values from 0 to 2^29 - 1 (larger ones count as that, negative ones as 0).

    Values below 16 are exact; above, an octave is cut into 8 equal parts, each
    represented by the harmonic mean of its ends, so that a percentile is at
    most 6% off (1/17, at the first part of an octave). 864 bytes of counts,
    each of which stops at 2^30 - 1.

    Ownership: one owner. The scale is that of HdrHistogram with 3 bits.
    """

    def __init__(self):
        self.count = 0
        self._counts = array("i", [0] * _BUCKETS)
        self._low = _BUCKETS  # what lies before low is empty, and what lies from end on
        self._end = 0

    def add(self, value: int) -> None:
        """Count one value. Hot."""
        bucket = _bucket_of(value)
        if self.count == _SMALL_MAX:
            return
        self.count += 1
        self._counts[bucket] += 1
        if bucket < self._low:
            self._low = bucket
        if bucket >= self._end:
            self._end = bucket + 1

    def percentile(self, p: int) -> int:
        """The p-th percentile by nearest rank, p from 1 to 100; -1 when empty. Hot.

        Looks at no more than the 216 buckets.
        """
        count = self.count
        if count == 0:
            return -1
        rank = count // 100 * p + (count % 100 * p + 99) // 100
        bucket = self._low
        last = self._end - 1
        while bucket < last:
            rank -= self._counts[bucket]
            if rank <= 0:
                break
            bucket += 1
        return _value_of(bucket)

    def tally(self, classes) -> None:
        """Add what is there to an array of CLASSES + 1 counts, which wrap at 2^30. Hot.

        The last one is the sum of the values; each counts as the middle of its bucket, at most 6%
        off. Looks at no more than the 216 buckets.
        """
        for bucket in range(self._low, self._end):
            n = self._counts[bucket]
            if n:
                _count(classes, bucket, n)

    def clear(self) -> None:
        """Forget all values. Hot."""
        for bucket in range(self._low, self._end):
            self._counts[bucket] = 0
        self.count = 0
        self._low = _BUCKETS
        self._end = 0


LogHistogram = kernel("flow.histogram", "LogHistogram", LogHistogram)


def _count(classes, bucket, n):
    """Add n values of a bucket to their class and to the sum."""
    octave = bucket // 8 + 1 if bucket > 7 else bucket // 4
    _add(classes, octave if octave < CLASSES else CLASSES - 1, n)
    value = _value_of(bucket)
    if n > _SMALL_MAX // (value + 1):
        n = _SMALL_MAX // (value + 1)
    _add(classes, CLASSES, value * n)


def _add(classes, at, n):
    """Add modulo 2^30."""
    before = classes[at]
    room = _SMALL_MAX - before
    classes[at] = before + n if n <= room else n - room - 1


def _bucket_of(value):
    if value < 8:
        return value if value > 0 else 0
    if value >> 29:
        return _BUCKETS - 1
    octave = 0
    if value >> 19:
        value >>= 16
        octave = 16
    if value >> 11:
        value >>= 8
        octave += 8
    if value >> 7:
        value >>= 4
        octave += 4
    if value >> 5:
        value >>= 2
        octave += 2
    if value >> 4:
        value >>= 1
        octave += 1
    return octave * 8 + value


def _value_of(bucket):
    if bucket < 16:
        return bucket
    octave = bucket // 8 - 1
    part = bucket % 8 + 8
    # The bucket holds part << octave up to (part + 1 << octave) - 1.
    low = part << octave
    high = low + (1 << octave) - 1
    return low + (high - low) * part // (2 * part + 1)
