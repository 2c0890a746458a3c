"""The times of the budget protocol, in ms, and what clocks may do.

Every clock here is monotonic, counts on while its machine sleeps, and in any stretch of time
counts between 1 - DRIFT and 1 + DRIFT of it. Nothing else is assumed of time: clocks need not
agree, and a message may take for ever.
"""

DRIFT_PERCENT = 1
"""A crystal is off by 0.01 % at most; the rest is for machines that correct their clocks."""

LEASE_MS = 6000
"""A gateway may use its claim for so long after it began to ask for its last renewal."""

RENEW_MS = 3000
"""How often a gateway renews, and so its boards' grants: one renewal may fail, or a gateway stand
still for as long.
"""

EXPIRED_MS = LEASE_MS + LEASE_MS * 3 * DRIFT_PERCENT // 100
"""Another gateway waits for so long after it first saw the last renewal.

(1 + d) / (1 - d) <= 1 + 3 d for every drift d up to a third: on the slowest clock the owner's lease
has ended before it has passed on the fastest.
"""


def on_board(span_ms: int) -> int:
    """Ticks that a board counts, on whatever clock, before the gateway has counted `span_ms`.

    (1 - d) / (1 + d) >= 1 - 2 d.
    """
    return span_ms * (100 - 2 * DRIFT_PERCENT) // 100
