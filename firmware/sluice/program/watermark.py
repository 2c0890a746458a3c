# SPDX-License-Identifier: MIT
"""What the fleet's watermark, a time in ms, means as a depth of a board's queue."""

from micropython import const

_SMALL_MAX = const((1 << 30) - 1)


def depth(rate, watermark_ms: int, capacity: int) -> int:
    """The records that may wait: what leaves in `watermark_ms` at this rate. Hot.

    rate:         records a second, 0 or more; None: unlimited, so the watermark means nothing.
    watermark_ms: 0 to 2^30 - 1; 0: no watermark.
    capacity:     of the queue, 1 to 2^20.

    Returns 1 to capacity; the capacity when there is no watermark.
    """
    if rate is None or watermark_ms <= 0 or rate >= capacity * 1000:
        return capacity
    # From here on rate < 1000 capacity, and no product leaves the small integers.
    seconds = watermark_ms // 1000
    if seconds and rate > capacity // seconds:
        return capacity
    ms = watermark_ms % 1000
    n = rate * seconds + rate // 1000 * ms + rate % 1000 * ms // 1000
    return 1 if n < 1 else n if n < capacity else capacity


def per_second(rate, per_ms: int, cost: int):
    """Records a second at a rate of tokens each `per_ms` ms, rounded down; None: unlimited. Hot.

    cost: tokens that a record takes, 1 or more.
    """
    if rate is None:
        return None
    whole = rate // per_ms
    if whole > _SMALL_MAX // 1000 - 1:
        return _SMALL_MAX // cost
    rest = rate % per_ms
    if rest > _SMALL_MAX // 1000:
        return (whole * 1000 + rest // (per_ms // 1000)) // cost
    return (whole * 1000 + rest * 1000 // per_ms) // cost
