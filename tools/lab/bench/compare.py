"""A run against the one that was kept."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .cases import FLOOR
from .figures import Run

MOST = 1.03  # a figure that is more than this times the kept one is worse


@dataclass(frozen=True)
class Change:
    """A figure then and now."""

    name: str
    unit: str
    kept: float
    now: float

    @property
    def ratio(self) -> float:
        if self.kept:
            return self.now / self.kept
        return math.inf if self.now > 0 else 1.0

    @property
    def worse(self) -> bool:
        return self.ratio > MOST

    def __str__(self) -> str:
        more = f"{100 * (self.ratio - 1):+.1f} %" if self.kept else "new"
        return f"{self.name}: {self.now:g} {self.unit}, kept {self.kept:g} ({more})"


@dataclass(frozen=True)
class Comparison:
    """changes: what both runs have.  missing: what only the kept one has."""

    changes: list[Change]
    missing: list[str]

    @property
    def worse(self) -> list[str]:
        """What is worse, in a line each; empty when nothing is."""
        worse = [str(change) for change in self.changes if change.worse]
        return worse + [f"{name}: missing, kept has it" for name in self.missing]

    def time(self, case: str) -> Change | None:
        """How the time of a case changed."""
        times = [change for change in self.changes if change.unit in ("us", "x floor")]
        return next((change for change in times if change.name == case), None)


def compare(kept: Run, now: Run) -> Comparison:
    """Times, bytes and RAM; times as multiples of the floor unless the runtime repeats them.

    The longest calls are not compared: they depend on where the board's own interrupts fall.
    """
    then, present = dict(_figures(kept)), dict(_figures(now))
    return Comparison(
        [
            Change(name, unit, value, present[name, unit])
            for (name, unit), value in then.items()
            if (name, unit) in present
        ],
        list(dict.fromkeys(name for name, unit in then if (name, unit) not in present)),
    )


def _figures(run: Run) -> Iterator[tuple[tuple[str, str], float]]:
    for name, figure in run.cases.items():
        if figure.us is not None and run.repeatable:
            yield (name, "us"), figure.us
        elif name != FLOOR and (ratio := run.ratio(name)) is not None:
            yield (name, "x floor"), round(ratio, 2)
        if figure.bytes is not None:
            yield (name, "B"), figure.bytes
    for name, size in run.ram.items():
        yield (name, "B"), size
    if run.loop_bytes is not None:
        yield ("whole loop", "B"), run.loop_bytes
