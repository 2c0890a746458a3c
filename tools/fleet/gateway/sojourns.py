"""How long records have waited on a board: its counts, which wrap, as a histogram that does not."""

from itertools import accumulate

_WRAP = 1 << 30

BOUNDS_MS = tuple((4 << octave) - 1 for octave in range(13))
"""The upper bounds of the classes, both ends included; a last class has none."""


class Sojourns:
    """Adds up what statistics lines say; lines may be lost in between."""

    def __init__(self) -> None:
        self.classes = [0] * (len(BOUNDS_MS) + 1)
        """Records in each class."""
        self.sum_ms = 0
        self._last: tuple[int, ...] | None = None

    def add(self, counts: tuple[int, ...] | None, reset: bool) -> None:
        """The counts of the next line. reset: the board may have been reset since the last one:
        nothing is added then, for it may also have been counting for long."""
        before = None if reset else self._last
        self._last = counts
        if counts is None or before is None:
            return
        *grown, grown_ms = ((now - then) % _WRAP for now, then in zip(counts, before, strict=True))
        self.classes = [a + b for a, b in zip(self.classes, grown, strict=True)]
        self.sum_ms += grown_ms

    def cumulative(self) -> list[int]:
        """The count of each class and all below, as Prometheus has them."""
        return [*accumulate(self.classes)]
