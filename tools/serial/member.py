"""A gateway's talk with a board: greeting, grants and watermark, and the board's reports.

docs/link.md is the protocol.
"""

import struct
from dataclasses import dataclass

from .frames import draw_number

GREET = 0x88
GRANT = 0x89
WATERMARK = 0x8A
REPORT = 0x98

_PERIOD = 1 << 30  # of a board's ticks
_GRANT = struct.Struct("<IIII")
_REPORT = struct.Struct("<x3s3sIII3sB3sH")


@dataclass(frozen=True, slots=True)
class Report:
    """What a board says of itself.

    epoch: which greeting it answers, and how many it has had.  hello: that greeting's number.
    number: of the last grant that it took in this epoch.  guaranteed: what it falls back to.
    tick, ticks_per_s: its clock, modulo 2^30.
    in_budget: whether it takes grants.
    watermark_ms, limit: in force.
    """

    hello: int
    epoch: int
    number: int
    guaranteed: int
    tick: int
    ticks_per_s: int
    in_budget: bool
    watermark_ms: int
    limit: int


def greet() -> tuple[int, bytes]:
    """A new greeting: its number, and the content of its frame."""
    hello = draw_number(_greeting)
    return hello, _greeting(hello)


def _greeting(hello: int) -> bytes:
    return bytes([GREET]) + hello.to_bytes(3, "little")


def grant(epoch: int, number: int, guaranteed: int, extra: int, until: int) -> bytes:
    """The content of a grant's frame. until: in ticks of the board's clock, wrapped here."""
    head = bytes([GRANT]) + epoch.to_bytes(6, "little")
    return head + _GRANT.pack(number, guaranteed, extra, until % _PERIOD)


def watermark(ms: int) -> bytes:
    """The content of a watermark's frame; 0 to 600,000 ms."""
    return bytes([WATERMARK]) + ms.to_bytes(3, "little")


def read_report(content: bytes) -> Report | None:
    """The report in a frame's content; None: it is none."""
    if len(content) != _REPORT.size or content[0] != REPORT:
        return None
    hello, count, number, guaranteed, tick, per_s, in_budget, watermark_ms, limit = _REPORT.unpack(
        content
    )
    ticks_per_s = int.from_bytes(per_s, "little")
    if ticks_per_s == 0:
        return None
    return Report(
        hello=int.from_bytes(hello, "little"),
        epoch=int.from_bytes(hello + count, "little"),
        number=number,
        guaranteed=guaranteed,
        tick=tick,
        ticks_per_s=ticks_per_s,
        in_budget=in_budget == 1,
        watermark_ms=int.from_bytes(watermark_ms, "little"),
        limit=limit,
    )


class BoardClock:
    """A board's clock, whose ticks wrap, as ms that do not.

    first: the first tick that was heard, and its ticks in a second.
    """

    def __init__(self, first: int, ticks_per_s: int) -> None:
        self._ticks = first
        self._per_s = ticks_per_s

    def ms(self, tick: int) -> int:
        """The ms that this tick is, rounded down; ticks come in order, less than a wrap apart."""
        self._ticks += (tick - self._ticks) % _PERIOD
        return self._ticks * 1000 // self._per_s

    def ticks(self, ms: int) -> int:
        """The ticks that these ms are, rounded down."""
        return ms * self._per_s // 1000
