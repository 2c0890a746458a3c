"""What a board could use of the fleet's budget, by its statistics."""

from math import ceil

from tools.logfmt import Stats

IDLE = 1
"""Tokens a second that a board asks for when it needs none, so that it can begin."""

WAITING = 10
"""Tokens a second that it asks for at least when records wait."""


def demand(before: Stats | None, stats: Stats, asked: int) -> int:
    """Tokens a second to ask for.

    While records wait for tokens that is twice what it has; the max-min fair shares see to it that
    nobody gets more for asking more. Otherwise it is a quarter more than it used; when tokens stand
    for bytes, what it used is not known, and it is a quarter less than what it has.

    asked: what was asked for so far, which stays if it is at most a quarter too much: each change
    is a transaction in etcd.
    """
    rate = stats.rate_per_s or 0
    waited = before is not None and stats.denied > before.denied
    if waited or (stats.depth > 0 and stats.tokens == 0):
        wanted = max(WAITING, ceil(2 * rate))
    else:
        wanted = max(IDLE, ceil(stats.qps * 1.25 if stats.cost == "record" else rate * 0.75))
    return asked if wanted <= asked <= wanted * 1.25 else wanted
