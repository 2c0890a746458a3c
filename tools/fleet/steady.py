"""What a fleet and the downstream that it shares did, second by second, and how steady that was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MEAN_S = 10
"""Throughput is looked at as the mean of so many seconds."""

SWING = 10
"""How far it may be from the capacity once it has settled, in %."""


@dataclass
class Course:
    """What happened, second by second; rates as shares of the capacity."""

    sent: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    lag_ms: list[float] = field(default_factory=list)
    """How long the downstream took, of what it took in this second; else of what it took last."""
    watermark_ms: list[int] = field(default_factory=list)


def means(values: Sequence[float]) -> list[float]:
    """Of each MEAN_S values that follow each other."""
    total = sum(values[:MEAN_S])
    found = [total / MEAN_S]
    for gone, new in zip(values, values[MEAN_S:], strict=False):
        total += new - gone
        found.append(total / MEAN_S)
    return found


def settling(sent: Sequence[float]) -> int | None:
    """From when on the boards send what the downstream takes, within SWING %; None: never.

    sent: means.  Never: not in the last quarter, either.
    """
    outside = [at for at, value in enumerate(sent) if abs(value - 1) > SWING / 100]
    settled = outside[-1] + 1 if outside else 0
    return settled if settled < 0.75 * len(sent) else None


def jain(shares: Iterable[tuple[int, float]]) -> float:
    """Jain's fairness index of shares, each with how many boards have it: 1 if all are equal.

    Source: R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984.
    """
    number = total = squares = 0.0
    for boards, share in shares:
        number += boards
        total += boards * share
        squares += boards * share * share
    return total * total / (number * squares)
