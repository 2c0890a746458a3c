"""Stands in for gateways: serves those of their metrics that are shown, with what a test sets."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from sluice_tools.fleet.gateway.metrics import FAMILIES

_KINDS = {
    **{family.name: family.kind for family in FAMILIES},
    "sluice_link_up": "gauge",
    "sluice_sojourn_ms": "histogram",
}
_SHOWN = (
    *("stream_backlog_bytes", "processing_lag_ms", "sluice_queue_depth", "sluice_queue_limit"),
    *("sluice_tokens", "sluice_rate", "sluice_link_up", "sluice_admitted", "sluice_denied"),
    *("sluice_rejected", "sluice_retransmitted", "sluice_overwritten", "sluice_failed"),
    *("sluice_shed", "sluice_sojourn_ms", "sluice_oldest_record_ms", "sluice_part"),
    *("sluice_retried", "sluice_board_watermark_ms", "sluice_load", "sluice_longest_turn_us"),
)
_GAUGES, _COUNTERS, _HISTOGRAMS = (
    [name for name in _SHOWN if _KINDS[name] == kind] for kind in ("gauge", "counter", "histogram")
)


class Exporter:
    """A context manager; `address` is where it is scraped."""

    def __init__(
        self, gauges: Sequence[str] = _GAUGES, labels: Sequence[str] = ("board", "topic")
    ) -> None:
        self._registry = CollectorRegistry()
        self.gauges = {name: Gauge(name, name, labels, registry=self._registry) for name in gauges}
        self.counters = {}
        self.histograms = {}
        if labels:
            self.counters = {
                name: Counter(name, name, labels, registry=self._registry) for name in _COUNTERS
            }
            self.histograms = {
                name: Histogram(name, name, labels, registry=self._registry) for name in _HISTOGRAMS
            }

    @property
    def names(self) -> list[str]:
        return [
            *self.gauges,
            *(f"{name}_total" for name in self.counters),
            *(f"{name}_{part}" for name in self.histograms for part in ("bucket", "sum", "count")),
        ]

    def set(self, name: str, value: float, board: str = "b1", topic: str = "t") -> None:
        self.gauges[name].labels(board, topic).set(value)

    def add(self, name: str, n: float, board: str = "b1", topic: str = "t") -> None:
        """A counter goes on by n."""
        self.counters[name].labels(board, topic).inc(n)

    def drop(self, name: str, board: str = "b1", topic: str = "t") -> None:
        self.gauges[name].remove(board, topic)

    def move(self, *boards: str) -> None:
        """Every metric of these boards goes on by 1."""
        for board in boards:
            for gauge in self.gauges.values():
                gauge.labels(board, "t").inc()
            for counter in self.counters.values():
                counter.labels(board, "t").inc()
            for histogram in self.histograms.values():
                histogram.labels(board, "t").observe(1)

    def __enter__(self):
        self._server, self._thread = start_http_server(0, "127.0.0.1", self._registry)
        self.address = f"127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
