"""The rule SETTLING: the watermark looks for the pressure at which the downstream is just not
overrun, and stays near it.

STEPS is for a downstream that is slow for a while; this is for one that gets more than it can take
all the time, as from a fleet whose boards' rates add up to more than its capacity. An alert says
that it is overrun, some seconds late, and not by how much. So:

- The pressure is the watermark and RAISE_MS. What a board lets through whose watermark_half_ms is
  RAISE_MS is in inverse proportion to it.
- While no alert fires, the pressure comes down by a share of it every STEP_MS. The slope is that
  share in a second: SLOPE, halved `fine` times.
- When an alert fires and none did before, the downstream has been overrun for about
  sqrt(2 lag / slope), since its lag grows with the square of the time, and for DELAY_S besides in
  which nobody knew. What the pressure has come down by in this time is taken back twice: once to be
  where nothing was overrun, once more for what waits there to drain. Afterwards the slope is half.
- When that was not enough, so that more is asked for 2 DELAY_S later, it rises again, by a slope
  that is twice as steep.
- When no alert fires for QUIET times as long as all that takes, the slope doubles. So where a
  downstream has recovered, the watermark is back at 0 in some minutes, however fine the slope was.

The first alerts of all raise the watermark to what they ask for, as by STEPS. Afterwards their size
hardly counts: near the right pressure the lag says how long the downstream was overrun, and not how
much it takes.

`at`: of the last rise or step.  `since`: of the last alert, or of the last change of the slope.
"""

from dataclasses import replace
from math import sqrt

from .rule import FINE_MOST, MOST_MS, RAISE_MS, Firing, Rule, Watermark

STEP_MS = 10_000
"""Each step makes gateways tell all their boards, so it is not shorter than it has to be."""

SLOPE = 1 / 32
"""By what share of it the pressure comes down in a second, at most."""

DELAY_S = 25
"""How late it reckons with: 5 s until an alert sees a lag that is there, and 20 s from there until
all boards work at what it has led to. With more, the watermark swings."""

QUIET = 2

_TWICE = 2


def _changed(mark: Watermark, firing: dict[str, Firing], now: int) -> Watermark:
    new = replace(mark, firing=firing)
    if not firing:
        return replace(new, at=now, since=now)
    if not mark.firing:
        return replace(_risen(new, now), fine=min(mark.fine + 1, FINE_MOST))
    if new.asked_ms > mark.asked_ms and now - mark.at >= 2000 * DELAY_S:
        return _risen(replace(new, fine=max(mark.fine - 1, 0)), now)
    return new


def _risen(mark: Watermark, now: int) -> Watermark:
    ms = mark.asked_ms
    if mark.ms or mark.fine:
        slope = _slope(mark.fine)
        lag_s = max(mark.lag_ms, RAISE_MS) / 1000
        back = _TWICE * slope * (sqrt(2 * lag_s / slope) + DELAY_S)
        ms = int((mark.ms + RAISE_MS) * (1 + back)) - RAISE_MS
    return replace(mark, ms=min(ms, MOST_MS), at=now)


def _lowered(mark: Watermark, now: int) -> Watermark:
    if mark.firing:
        return mark
    ms, at, fine, since = mark.ms, mark.at, mark.fine, mark.since
    while now - at >= STEP_MS and (ms or fine):
        at += STEP_MS
        lower_ms = int((ms + RAISE_MS) / (1 + STEP_MS / 1000 * _slope(fine))) - RAISE_MS
        ms = max(0, min(lower_ms, ms - 1))
        if at - since >= 1000 * _quiet_s(fine):
            fine, since = max(fine - 1, 0), at
    return mark if at == mark.at else replace(mark, ms=ms, at=at, fine=fine, since=since)


def _slope(fine: int) -> float:
    return SLOPE / (1 << fine)


def _quiet_s(fine: int) -> float:
    return QUIET * _TWICE * (sqrt(2 / _slope(fine)) + DELAY_S)


SETTLING = Rule(_changed, _lowered)
