"""How the watermark follows the alerts. Values in, values out: no clock and no network here.

The watermark is pressure, in ms. The alerts that fire ask for the largest of their lags, and for
RAISE_MS more with each backlog. It rises to that at once. When alerts resolve it comes down to what
the others ask for in steps, one every HOLD_MS: to half, or by RAISE_MS if that is less. So a board
whose watermark_half_ms is RAISE_MS or more never lets more than twice as much through from one
step to the next, and from MOST_MS to none it takes a dozen steps.

The same alert again changes nothing (a lag that has grown counts), so it does not matter how often
a notification comes, nor in which order. An alert that was not repeated for FORGET_MS counts as
resolved: its notification was lost.

That is the rule STEPS. A rule says what the watermark becomes when other alerts fire, and how it
comes down; what is kept of alerts is the same for each. The other one is in settling.py.

Times are wall-clock ms, because several operators may take turns. A clock that steps back delays
the decay; nothing else depends on it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import nlargest

RAISE_MS = 500
"""What a backlog adds."""

MOST_MS = 600_000
"""The watermark is never higher."""

HOLD_MS = 4000
"""How long each step on the way down takes, the first one, too: alerts resolve one after the other,
one that flaps must not swing every board, and what boards make of a step has to be seen."""

FINE_MOST = 6
"""The finest that SETTLING goes."""

FIRING_MOST = 2000
"""So many firing alerts are kept, as etcd takes a value of some size."""

FORGET_MS = 600_000
"""Alertmanager has to repeat a firing alert at least so often; half of it is a good choice."""

_NOTE_AGAIN_MS = FORGET_MS // 10  # how exactly it is kept when an alert was repeated


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires: its largest lag, None if it is a backlog, and when it was last said."""

    lag_ms: int | None
    seen_at: int

    @property
    def worth_ms(self) -> int:
        """Of more of them than can be kept, those stay that are worth the most."""
        return MOST_MS if self.lag_ms is None else self.lag_ms


@dataclass(frozen=True, slots=True)
class Watermark:
    """What stands at /watermark/global.

    ms: 0 (none) to MOST_MS.  at: of the last step, or since when it has been above what is asked.
    firing: by the fingerprint that Alertmanager gives an alert.  fine, since: of the rule
    SETTLING, see there; 0 by STEPS.
    """

    ms: int = 0
    at: int = 0
    firing: dict[str, Firing] = field(default_factory=dict)
    fine: int = 0
    since: int = 0

    @property
    def lag_ms(self) -> int:
        """The largest lag that fires; 0: none."""
        return max((each.lag_ms or 0 for each in self.firing.values()), default=0)

    @property
    def asked_ms(self) -> int:
        """What the firing alerts ask for: by STEPS it is never below, and comes down to that."""
        backlogs = sum(each.lag_ms is None for each in self.firing.values())
        return min(self.lag_ms + RAISE_MS * backlogs, MOST_MS)


@dataclass(frozen=True, slots=True)
class Rule:
    """changed: what a watermark becomes when these alerts fire from now on in place of its own.
    lowered: how it has come down by now; the same object if nothing has changed.
    """

    changed: Callable[[Watermark, dict[str, Firing], int], Watermark]
    lowered: Callable[[Watermark, int], Watermark]


def _changed(mark: Watermark, firing: dict[str, Firing], now: int) -> Watermark:
    """It rises at once, and begins to come down later."""
    new = Watermark(mark.ms, mark.at, firing)
    if new.asked_ms > mark.ms:
        return Watermark(new.asked_ms, now, firing)
    if mark.ms <= mark.asked_ms:
        return Watermark(mark.ms, now, firing)
    return new


def _lowered(mark: Watermark, now: int) -> Watermark:
    ms, at, asked_ms = mark.ms, mark.at, mark.asked_ms
    while ms > asked_ms and now - at >= HOLD_MS:
        ms, at = max(asked_ms, min(ms // 2, ms - RAISE_MS)), at + HOLD_MS
    return mark if ms == mark.ms else Watermark(ms, at, mark.firing)


STEPS = Rule(_changed, _lowered)
"""To what the alerts ask for, and down in steps."""


class Changing:
    """A watermark while alerts change it, together, in the same short time however many fire.

    now: of all of them.
    """

    def __init__(self, mark: Watermark, now: int, rule: Rule = STEPS) -> None:
        self._rule = rule
        self._before = after(mark, now, rule)
        self._now = now
        self._firing = dict(self._before.firing)

    @property
    def mark(self) -> Watermark:
        """What it is now; the same object as before if nothing has changed.

        Of the alerts that fire it keeps FIRING_MOST, those that ask for the most.
        """
        return _with(self._before, self._firing, self._now, self._rule)

    def backlog(self, fingerprint: str) -> None:
        """A backlog alert fires, or is repeated."""
        self._fires(fingerprint, None)

    def lag(self, fingerprint: str, lag_ms: int) -> None:
        """A lag alert fires, or is repeated, with this lag, 0 ms or more."""
        known = self._firing.get(fingerprint)
        before = known.lag_ms or 0 if known else 0
        self._fires(fingerprint, max(before, min(lag_ms, MOST_MS)))

    def resolved(self, fingerprint: str) -> None:
        """An alert does not fire any more; nothing changes if it did not."""
        self._firing.pop(fingerprint, None)

    def _fires(self, fingerprint: str, lag_ms: int | None) -> None:
        known = self._firing.get(fingerprint)
        if known and known.lag_ms == lag_ms and self._now - known.seen_at < _NOTE_AGAIN_MS:
            return
        self._firing[fingerprint] = Firing(lag_ms, self._now)


def backlog(mark: Watermark, fingerprint: str, now: int) -> Watermark:
    """After a backlog alert that fires, or is repeated."""
    changing = Changing(mark, now)
    changing.backlog(fingerprint)
    return changing.mark


def lag(mark: Watermark, fingerprint: str, lag_ms: int, now: int) -> Watermark:
    """After a lag alert that fires, or is repeated, with this lag, 0 ms or more."""
    changing = Changing(mark, now)
    changing.lag(fingerprint, lag_ms)
    return changing.mark


def resolved(mark: Watermark, fingerprint: str, now: int) -> Watermark:
    """After an alert that does not fire any more."""
    changing = Changing(mark, now)
    changing.resolved(fingerprint)
    return changing.mark


def after(mark: Watermark, now: int, rule: Rule = STEPS) -> Watermark:
    """The watermark as it has come down by now; the same object if nothing has changed."""
    ends = {each.seen_at + FORGET_MS for each in mark.firing.values()}
    for end in sorted(end for end in ends if end <= now):
        kept = {name: each for name, each in mark.firing.items() if each.seen_at + FORGET_MS > end}
        mark = _with(rule.lowered(mark, end), kept, end, rule)
    return rule.lowered(mark, now)


def read(value: bytes | None) -> Watermark:
    """What stands in etcd; no watermark if there is nothing, or nothing that makes sense."""
    try:
        fields = json.loads(value or b"{}")
        mark = Watermark(
            _number(fields.get("ms", 0), MOST_MS),
            _number(fields.get("at", 0)),
            {
                name: Firing(None if lag is None else _number(lag, MOST_MS), _number(seen_at))
                for name, (lag, seen_at) in fields.get("firing", {}).items()
            },
            _number(fields.get("fine", 0), FINE_MOST),
            _number(fields.get("since", 0)),
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Watermark()
    return mark


def write(mark: Watermark) -> bytes:
    firing = {name: [each.lag_ms, each.seen_at] for name, each in mark.firing.items()}
    fields = {"ms": mark.ms, "at": mark.at, "firing": firing}
    if mark.fine or mark.since:
        fields |= {"fine": mark.fine, "since": mark.since}
    return json.dumps(fields, separators=(",", ":")).encode()


def _with(mark: Watermark, firing: dict[str, Firing], now: int, rule: Rule) -> Watermark:
    """With these alerts firing from now on."""
    if firing == mark.firing:
        return mark
    if len(firing) > FIRING_MOST:
        # Of the lags only the largest counts, of the backlogs each.
        firing = dict(nlargest(FIRING_MOST, firing.items(), key=lambda item: item[1].worth_ms))
    return rule.changed(mark, dict(firing), now)


def _number(value: object, most: int = 1 << 62) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(value)
    return value
