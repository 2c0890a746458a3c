"""What a gateway tells Prometheus; docs/fleet.md has the table.

The page is in Prometheus's text format 0.0.4. prometheus_client writes it in 25 ms for 100 boards,
which scraped every second is as much as all else that a gateway does for them. Here the lines of a
board are written once for each of its statistics lines, however many ask for the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from ...serial.logfmt import Stats
from .board import Board
from .sojourns import BOUNDS_MS


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name, one for each board; a counter's name ends with _total on the page.

    read: where the value stands in a statistics line; None: an older board does not say.
    """

    name: str
    kind: str
    text: str
    read: Callable[[Stats], float | None]

    @property
    def sample(self) -> str:
        return self.name + "_total" if self.kind == "counter" else self.name


_UP = "sluice_link_up"
_SOJOURN = "sluice_sojourn_ms"

FAMILIES = (
    Family(
        "stream_backlog_bytes", "gauge", "Bytes that wait in the queue.", lambda s: s.backlog_bytes
    ),
    Family(
        "processing_lag_ms",
        "gauge",
        "How long an attempt on the sink took, on average in the last interval: sink_ms.",
        lambda s: s.sink_ms,
    ),
    Family(
        "sluice_oldest_record_ms",
        "gauge",
        "How long the oldest record has waited.",
        lambda s: s.lag_ms,
    ),
    Family("sluice_queue_depth", "gauge", "Records that wait in the queue.", lambda s: s.depth),
    Family(
        "sluice_queue_limit",
        "gauge",
        "How many may wait: the threshold in force.",
        lambda s: s.limit,
    ),
    Family(
        "sluice_queue_capacity", "gauge", "How many the queue has slots for.", lambda s: s.capacity
    ),
    Family(
        "sluice_board_watermark_ms",
        "gauge",
        "The fleet's watermark that the board has confirmed; 0: none.",
        lambda s: s.watermark_ms,
    ),
    Family(
        "sluice_part",
        "gauge",
        "Of its own rate and limit that the board works at, to 1: less under a watermark.",
        lambda s: s.granted,
    ),
    Family("sluice_tokens", "gauge", "Whole tokens in the bucket.", lambda s: s.tokens),
    Family(
        "sluice_rate",
        "gauge",
        "Tokens a second that the bucket gains; +Inf: unlimited.",
        lambda s: float("inf") if s.rate_per_s is None else s.rate_per_s,
    ),
    Family(
        "sluice_load",
        "gauge",
        "Busy time of the board's loop over all time, 0 to 1.",
        lambda s: s.load,
    ),
    Family(
        "sluice_longest_turn_us",
        "gauge",
        "The longest turn of the board's loop in the last interval: its longest pause.",
        lambda s: s.longest_turn_us,
    ),
    Family(
        "sluice_uptime_seconds", "gauge", "Since the board's program started.", lambda s: s.up_s
    ),
    Family("sluice_admitted", "counter", "Records that the sink took.", lambda s: s.admitted),
    Family("sluice_denied", "counter", "Records that had to wait for tokens.", lambda s: s.denied),
    Family(
        "sluice_rejected", "counter", "Records that a full queue refused.", lambda s: s.rejected
    ),
    Family(
        "sluice_overwritten",
        "counter",
        "Records that newer ones replaced.",
        lambda s: s.overwritten,
    ),
    Family("sluice_failed", "counter", "Records given up after all tries.", lambda s: s.failed),
    Family("sluice_shed", "counter", "Records dropped early.", lambda s: s.shed),
    Family("sluice_stored", "gauge", "Records that wait on the board's flash.", lambda s: s.stored),
    Family(
        "sluice_store_lost",
        "counter",
        "Records that the flash did not give back, or that newer ones replaced there.",
        lambda s: s.store_lost,
    ),
    Family("sluice_store_errors", "counter", "Failures of the flash.", lambda s: s.store_errors),
    Family(
        "sluice_retried", "counter", "Attempts on the sink after a failed one.", lambda s: s.retried
    ),
    Family("sluice_bad_frames", "counter", "Frames that arrived damaged.", lambda s: s.bad_frames),
    Family(
        "sluice_retransmitted",
        "counter",
        "Records sent again on the serial line, to the board or back from it.",
        lambda s: s.strays + (s.duplicates or 0) + (s.repeated or 0),
    ),
)


class BoardMetrics:
    """The boards as they are when somebody asks.

    Of a board that is down there is nothing but that: what it said last may not be true any more.
    Counters are the board's own, from its start; they begin again with it.
    """

    def __init__(self, boards: Sequence[Board]) -> None:
        self._boards = [_BoardLines(board) for board in boards]

    def page(self) -> str:
        parts = []
        for head, *lines in zip(_HEADS, *(board.lines() for board in self._boards), strict=True):
            parts.append(head)
            parts += lines
        return "".join(parts)


class _BoardLines:
    """What the page has of one board: for each head what stands below it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        labels = f'board="{_escaped(board.name)}",topic="{_escaped(board.config.topic)}"'
        self._up = f"{_UP}{{{labels}}} "
        self._samples = [f"{family.sample}{{{labels}}} " for family in FAMILIES]
        bounds = [*map(str, BOUNDS_MS), "+Inf"]
        self._buckets = [f'{_SOJOURN}_bucket{{{labels},le="{bound}"}} ' for bound in bounds]
        self._count, self._sum = f"{_SOJOURN}_count{{{labels}}} ", f"{_SOJOURN}_sum{{{labels}}} "
        self._of = self._state()
        self._lines = self._write(*self._of)

    def lines(self) -> list[str]:
        up, stats = self._state()
        if up != self._of[0] or stats is not self._of[1]:
            self._of = up, stats
            self._lines = self._write(up, stats)
        return self._lines

    def _state(self) -> tuple[bool, Stats | None]:
        return self._board.up, self._board.stats if self._board.up else None

    def _write(self, up: bool, stats: Stats | None) -> list[str]:
        lines = [f"{self._up}{int(up)}\n"]
        if stats is None:
            return lines + [""] * (len(_HEADS) - 1)
        for start, family in zip(self._samples, FAMILIES, strict=True):
            value = family.read(stats)
            lines.append("" if value is None else f"{start}{_number(value)}\n")
        lines.append("" if stats.sojourns is None else self._histogram())
        return lines

    def _histogram(self) -> str:
        sojourns = self._board.sojourns
        counts = sojourns.cumulative()
        lines = [f"{start}{count}\n" for start, count in zip(self._buckets, counts, strict=True)]
        return "".join([*lines, f"{self._count}{counts[-1]}\n", f"{self._sum}{sojourns.sum_ms}\n"])


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


_HEADS = (
    _head(_UP, "gauge", "1: the line is open and the board speaks."),
    *(_head(family.sample, family.kind, family.text) for family in FAMILIES),
    _head(
        _SOJOURN,
        "histogram",
        "Time in the queue until the sink took it, since the gateway has known the board; the sum "
        "is at most 6 % off.",
    ),
)


def _number(value: float) -> str:
    return "+Inf" if value == inf else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
