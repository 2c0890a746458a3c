"""What happens on a watched board, in the order in which the host saw it."""

from dataclasses import dataclass

from ...serial.logfmt import Stats, read_stats


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


def printable(text: str) -> str:
    """`text` with every character that could move a cursor or hide others written as an escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text.expandtabs()
    )
