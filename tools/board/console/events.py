"""What happens on a watched board, in the order in which the host saw it."""

import re
from dataclasses import dataclass

from ...serial.logfmt import Stats, parse, read_stats


@dataclass(frozen=True, slots=True)
class Sample:
    """A statistics line arrived; `at` is the host's clock, in seconds since 1970."""

    at: float
    stats: Stats


@dataclass(frozen=True, slots=True)
class TextLine:
    """Any other line arrived; every character of `text` is printable."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The port was opened."""

    at: float


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The port was lost; it is being tried again."""

    at: float
    reason: str


Event = Sample | TextLine | LinkUp | LinkDown


def line_event(at: float, line: str) -> Sample | TextLine:
    """The event that a line of console text is."""
    try:
        stats = read_stats(line)
    except ValueError as error:
        return TextLine(at, printable(f"damaged stats line, {error}: {line}"))
    return TextLine(at, printable(line)) if stats is None else Sample(at, stats)


@dataclass(frozen=True, slots=True)
class Kernels:
    """How much of what a program could run in machine code does so."""

    in_force: int
    asked_for: int

    @property
    def missing(self) -> int:
        return self.asked_for - self.in_force


def kernels_in(line: str) -> Kernels | None:
    """What the line says of kernels, if a program starts with it: `event=start kernels=9/11`."""
    pairs = parse(line)
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", pairs.get("kernels", ""), re.ASCII)
    if pairs.get("event") != "start" or found is None:
        return None
    return Kernels(int(found[1]), int(found[2]))


def printable(text: str) -> str:
    """`text` with every character that could move a cursor or hide others written as an escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text.expandtabs()
    )
