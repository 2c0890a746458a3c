"""What the deployed dashboard shows, asked of Prometheus as Grafana asks it."""

import json
import re
from dataclasses import dataclass

from .servers import DEPLOY, Prometheus

STEP_S = 1
"""Between two values of a series."""

_RATE_INTERVAL = "4s"  # Grafana's for a scrape each second


@dataclass(frozen=True, slots=True)
class Line:
    """One time series of a panel, by the wall clock in seconds."""

    name: str
    times: list[float]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel that draws its series over the time.

    unit: as Grafana names it.
    """

    title: str
    unit: str
    lines: list[Line]


def read(prometheus: Prometheus, since: float, until: float) -> list[Panel]:
    """The dashboard's panels from one time to another, by the wall clock, in their order."""
    return [
        Panel(
            panel["title"],
            panel["fieldConfig"]["defaults"]["unit"],
            [
                Line(
                    _legend(target["legendFormat"], series["metric"]),
                    [float(at) for at, _ in series["values"]],
                    [float(value) for _, value in series["values"]],
                )
                for target in panel["targets"]
                for series in prometheus.query_range(
                    filled_in(target["expr"], _RATE_INTERVAL), since, until, STEP_S
                )
            ],
        )
        for panel in json.loads((DEPLOY / "grafana.json").read_text())["panels"]
        if panel["type"] == "timeseries"
    ]


def filled_in(query: str, rate_interval: str) -> str:
    """A query with the dashboard's variables as they are when all boards and topics are chosen."""
    for variable, value in (
        ("$__rate_interval", rate_interval),
        ("$board", ".*"),
        ("$topic", ".*"),
    ):
        query = query.replace(variable, value)
    assert "$" not in query
    return query


def _legend(template: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), template)
