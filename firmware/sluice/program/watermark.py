# SPDX-License-Identifier: MIT
"""What the fleet's watermark, pressure in ms, leaves of a board's own rate and limit."""

from sluice.limit.tunable import WHOLE


def part(watermark_ms: int, half_ms: int) -> int:
    """What a board works at, in 1/1,024 of its own: half_ms / (half_ms + watermark_ms). Hot.

    watermark_ms: 0 to 600,000; 0: no pressure, and the whole.  half_ms: 1 to 60,000, the
    watermark at which it is half.

    Returns 1 to 1,024; never more for a larger watermark.
    """
    n = WHOLE * half_ms // (half_ms + watermark_ms)
    return n if n > 1 else 1
