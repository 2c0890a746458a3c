"""What a gateway tells Prometheus; docs/fleet.md has the table."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ...serial.logfmt import Stats
from .board import Board

_LABELS = ("board", "topic")

# Name, what it is, and where it stands in a statistics line; None: an older board does not say.
_Row = tuple[str, str, Callable[[Stats], float | None]]

_GAUGES: tuple[_Row, ...] = (
    ("stream_backlog_bytes", "Bytes that wait in the queue.", lambda s: s.backlog_bytes),
    (
        "processing_lag_ms",
        "How long an attempt on the sink took, on average in the last interval: sink_ms.",
        lambda s: s.sink_ms,
    ),
    ("sluice_oldest_record_ms", "How long the oldest record has waited.", lambda s: s.lag_ms),
    ("sluice_queue_depth", "Records that wait in the queue.", lambda s: s.depth),
    ("sluice_queue_limit", "How many may wait: the threshold in force.", lambda s: s.limit),
    ("sluice_queue_capacity", "How many the queue has slots for.", lambda s: s.capacity),
    (
        "sluice_board_watermark_ms",
        "The fleet's watermark that the board has confirmed; 0: none.",
        lambda s: s.watermark_ms,
    ),
    (
        "sluice_part",
        "Of its own rate and limit that the board works at, to 1: less under a watermark.",
        lambda s: s.granted,
    ),
    ("sluice_tokens", "Whole tokens in the bucket.", lambda s: s.tokens),
    (
        "sluice_rate",
        "Tokens a second that the bucket gains; +Inf: unlimited.",
        lambda s: float("inf") if s.rate_per_s is None else s.rate_per_s,
    ),
    ("sluice_load", "Busy time of the board's loop over all time, 0 to 1.", lambda s: s.load),
    (
        "sluice_longest_turn_us",
        "The longest turn of the board's loop in the last interval: its longest pause.",
        lambda s: s.longest_turn_us,
    ),
    ("sluice_uptime_seconds", "Since the board's program started.", lambda s: s.up_s),
)
_COUNTERS: tuple[_Row, ...] = (
    ("sluice_admitted", "Records that the sink took.", lambda s: s.admitted),
    ("sluice_denied", "Records that had to wait for tokens.", lambda s: s.denied),
    ("sluice_rejected", "Records that a full queue refused.", lambda s: s.rejected),
    ("sluice_overwritten", "Records that newer ones replaced.", lambda s: s.overwritten),
    ("sluice_failed", "Records given up after all tries.", lambda s: s.failed),
    ("sluice_shed", "Records dropped early.", lambda s: s.shed),
    ("sluice_retried", "Attempts on the sink after a failed one.", lambda s: s.retried),
    ("sluice_bad_frames", "Frames that arrived damaged.", lambda s: s.bad_frames),
    (
        "sluice_retransmitted",
        "Records sent again on the serial line, to the board or back from it.",
        lambda s: s.strays + (s.duplicates or 0) + (s.repeated or 0),
    ),
)


class BoardMetrics(Collector):
    """The boards as they are when somebody asks.

    Of a board that is down there is nothing but that: what it said last may not be true any more.
    Counters are the board's own, from its start; they begin again with it.
    """

    def __init__(self, boards: Sequence[Board]) -> None:
        self._boards = boards

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "sluice_link_up", "1: the line is open and the board speaks.", labels=_LABELS
        )
        for board in self._boards:
            up.add_metric(_labels(board), board.up)
        yield up
        speaking = [(board, board.stats) for board in self._boards if board.up and board.stats]
        yield from _families(GaugeMetricFamily, _GAUGES, speaking)
        yield from _families(CounterMetricFamily, _COUNTERS, speaking)
        sojourn = HistogramMetricFamily(
            "sluice_sojourn_ms",
            "Time in the queue until the sink took it, since the gateway has known the board; "
            "the sum is at most 6 % off.",
            labels=_LABELS,
        )
        for board, stats in speaking:
            if stats.sojourns is not None:
                sojourn.add_metric(
                    _labels(board), board.sojourns.cumulative(), board.sojourns.sum_ms
                )
        yield sojourn


def _families(
    kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
    rows: Iterable[_Row],
    speaking: Sequence[tuple[Board, Stats]],
) -> Iterator[Metric]:
    for name, text, read in rows:
        family = kind(name, text, labels=_LABELS)
        for board, stats in speaking:
            value = read(stats)
            if value is not None:
                family.add_metric(_labels(board), value)
        yield family


def _labels(board: Board) -> tuple[str, str]:
    return board.name, board.config.topic
