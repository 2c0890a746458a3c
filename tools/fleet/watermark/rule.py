"""How the watermark follows the alerts. Values in, values out: no clock and no network here.

Each alert that fires asks for a level, and remembers it: a backlog, 500 ms more than the watermark
was; a lag, itself. The watermark rises to the highest level at once. When alerts resolve it decays
to the highest of those that still fire, HOLD_MS later and in one step: to a board a shorter time is
a stricter limit, so on its way to none it must not pass what is nearly nothing.

The same alert again changes nothing (a lag that has grown raises its level), so it does not matter
how often a notification comes. An alert that was not repeated for FORGET_MS counts as resolved: its
notification was lost.

Times are wall-clock ms, because several operators may take turns. A clock that steps back delays
the decay; nothing else depends on it.
"""

import json
from dataclasses import dataclass, field, replace
from heapq import nlargest

RAISE_MS = 500
"""What a backlog adds."""

MOST_MS = 600_000
"""The watermark is never higher."""

HOLD_MS = 4000
"""What is above the firing alerts' levels stays for so long: alerts resolve one after the other,
and one that flaps must not swing every board's limit."""

FIRING_MOST = 2000
"""So many firing alerts are kept, as etcd takes a value of some size."""

FORGET_MS = 600_000
"""Alertmanager has to repeat a firing alert at least so often; half of it is a good choice."""

_NOTE_AGAIN_MS = FORGET_MS // 10  # how exactly it is kept when an alert was repeated


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires: the level that it asks for, and when it was last repeated."""

    level_ms: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """What stands at /watermark/global.

    ms: 0 (none) to MOST_MS.  at: since when it has been as it is, or above what fires.
    firing: by the fingerprint that Alertmanager gives an alert.
    """

    ms: int = 0
    at: int = 0
    firing: dict[str, Firing] = field(default_factory=dict)

    @property
    def floor_ms(self) -> int:
        """Where it decays to."""
        return max((firing.level_ms for firing in self.firing.values()), default=0)


class Changing:
    """A watermark while alerts change it, each in the same short time however many fire.

    now: of all of them.
    """

    def __init__(self, mark: Watermark, now: int) -> None:
        self._before = mark = after(mark, now)
        self._now = now
        self._ms = mark.ms
        self._at = mark.at
        self._firing = dict(mark.firing)
        # Those whose level holds it up: while there is none, it decays.
        self._holders = sum(each.level_ms >= mark.ms for each in mark.firing.values())
        self._changed = False

    @property
    def mark(self) -> Watermark:
        """What it is now; the same object as before if nothing has changed.

        Of the alerts that fire it keeps FIRING_MOST, those with the highest levels.
        """
        if not self._changed:
            return self._before
        firing = self._firing
        if len(firing) > FIRING_MOST:
            highest = nlargest(FIRING_MOST, firing.items(), key=lambda item: item[1].level_ms)
            firing = dict(highest)
        return Watermark(self._ms, self._at, dict(firing))

    def backlog(self, fingerprint: str) -> None:
        """A backlog alert fires, or is repeated."""
        known = self._firing.get(fingerprint)
        self._fires(fingerprint, known, known.level_ms if known else self._ms + RAISE_MS)

    def lag(self, fingerprint: str, lag_ms: int) -> None:
        """A lag alert fires, or is repeated, with this lag, 0 ms or more."""
        known = self._firing.get(fingerprint)
        self._fires(fingerprint, known, max(lag_ms, known.level_ms if known else 0))

    def resolved(self, fingerprint: str) -> None:
        """An alert does not fire any more; nothing changes if it did not."""
        known = self._firing.pop(fingerprint, None)
        if known is None:
            return
        self._changed = True
        if self._holders:
            self._at = self._now
        self._holders -= known.level_ms >= self._ms

    def _fires(self, fingerprint: str, known: Firing | None, level_ms: int) -> None:
        level_ms = max(0, min(level_ms, MOST_MS))
        if known and known.level_ms == level_ms and self._now - known.seen_at < _NOTE_AGAIN_MS:
            return
        self._changed = True
        self._firing[fingerprint] = Firing(level_ms, self._now)
        if level_ms > self._ms:
            self._ms, self._at = level_ms, self._now
            self._holders = 1
            return
        self._holders += level_ms == self._ms
        if known:
            self._holders -= known.level_ms >= self._ms


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


def after(mark: Watermark, now: int) -> Watermark:
    """The watermark as it has decayed by now; the same object if nothing has changed."""
    lost = {name for name, firing in mark.firing.items() if now - firing.seen_at >= FORGET_MS}
    mark = _without(mark, lost, now)
    if mark.ms <= mark.floor_ms or now - mark.at < HOLD_MS:
        return mark
    return replace(mark, ms=mark.floor_ms, at=mark.at + HOLD_MS)


def read(value: bytes | None) -> Watermark:
    """What stands in etcd; no watermark if there is nothing, or nothing that makes sense."""
    try:
        fields = json.loads(value or b"{}")
        mark = Watermark(
            _number(fields.get("ms", 0), MOST_MS),
            _number(fields.get("at", 0)),
            {
                name: Firing(_number(level, MOST_MS), _number(seen_at))
                for name, (level, seen_at) in fields.get("firing", {}).items()
            },
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Watermark()
    return mark


def write(mark: Watermark) -> bytes:
    firing = {name: [each.level_ms, each.seen_at] for name, each in mark.firing.items()}
    fields = {"ms": mark.ms, "at": mark.at, "firing": firing}
    return json.dumps(fields, separators=(",", ":")).encode()


def _without(mark: Watermark, names: set[str], now: int) -> Watermark:
    if not names:
        return mark
    firing = {name: each for name, each in mark.firing.items() if name not in names}
    above_already = mark.ms > mark.floor_ms
    return Watermark(mark.ms, mark.at if above_already else now, firing)


def _number(value: object, most: int = 1 << 62) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(value)
    return value
