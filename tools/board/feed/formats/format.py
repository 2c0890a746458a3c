"""What a format is, and the words that all of them share."""

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Format(NamedTuple):
    """How a log's lines are read."""

    read: Callable[[bytes], tuple[float, bytes]]
    """The time in a line, in seconds, and the record. ValueError: why it has none, in few words.
    Of a line longer than LINE_MAX it is given LINE_MAX + 1 bytes."""
    whole_seconds: bool = False
    """Whether the times say no more than the second."""
    headed: bool = False
    """Whether the first line names the columns, and is no record."""


def shown(names: Iterable[str]) -> str:
    """Names out of a log, for a message."""
    text = "".join(c if c.isprintable() else "?" for c in ", ".join(names))
    return text if len(text) <= 200 else text[:200] + " ..."
