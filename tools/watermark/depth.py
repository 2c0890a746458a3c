"""What the watermark means to a board's queue."""


def depth(rate: int, watermark_ms: int, capacity: int) -> int:
    """The records that a board may keep waiting: what it sends in `watermark_ms` at its rate.

    rate: records a second, 0 or more.  capacity: of its queue, 1 or more.
    Returns 1 to capacity, for `set_limit`. A watermark of 0 is none: the whole capacity.
    """
    if watermark_ms == 0:
        return capacity
    return min(capacity, max(1, rate * watermark_ms // 1000))
