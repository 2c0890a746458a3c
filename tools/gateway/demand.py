"""What a board could use of the fleet's budget, by its statistics."""

from math import ceil

from tools.logfmt import Stats

IDLE = 1
"""Tokens a second that a board asks for when it needs none, so that it can begin."""

WAITING = 10
"""Tokens a second that it asks for at least when records wait."""


def demand(before: Stats | None, stats: Stats) -> int:
    """Tokens a second to ask for.

    While records wait for tokens that is twice what it has; the max-min fair shares see to it that
    nobody gets more for asking more. Otherwise it is a quarter more than it used; when tokens stand
    for bytes, what it used is not known, and it is a quarter less than what it has. Rounded up, to
    an eighth at most, so that it does not change with every record.
    """
    rate = stats.rate_per_s or 0
    waited = before is not None and stats.denied > before.denied
    if waited or (stats.depth > 0 and stats.tokens == 0):
        return _round_up(max(WAITING, ceil(2 * rate)))
    used = stats.qps * 1.25 if stats.cost == "record" else rate * 0.75
    return _round_up(max(IDLE, ceil(used)))


def _round_up(n: int) -> int:
    step = 1 << max(0, n.bit_length() - 4)
    return -(-n // step) * step
