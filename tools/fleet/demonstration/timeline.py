"""What was seen of a fleet, and when. All times are seconds of one monotonic clock."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a board has confirmed."""

    watermark_ms: int
    limit: int


@dataclass(slots=True)
class Timeline:
    """Each series is in the order of time.

    backlog: bytes that wait, by board.  alert: whether it fires.  watermark: ms, as it stands in
    etcd.  thresholds: as they stand in etcd, by board.  marks: when something was done or seen.
    """

    backlog: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    alert: list[tuple[float, bool]] = field(default_factory=list)
    watermark: list[tuple[float, int]] = field(default_factory=list)
    thresholds: dict[str, list[tuple[float, Threshold]]] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)

    @property
    def watermark_ms(self) -> int:
        return self.watermark[-1][1] if self.watermark else 0

    @property
    def fires(self) -> bool:
        return bool(self.alert) and self.alert[-1][1]

    def confirmed(self, is_it: Callable[[Threshold], bool], since: float = 0.0) -> float | None:
        """When the last board confirmed such a threshold for the first time since; None: not all
        have."""
        times = []
        for series in self.thresholds.values():
            # What stands at `since` counts, too.
            until = [*(at for at, _ in series[1:]), float("inf")]
            found = (
                max(at, since)
                for (at, threshold), end in zip(series, until, strict=True)
                if end > since and is_it(threshold)
            )
            times.append(next(found, None))
        if not times or None in times:
            return None
        return max(at for at in times if at is not None)
