"""Events as text: the lines of the console without a screen, and its CSV file."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ...errors import UserError
from ...serial.logfmt import SOJOURNS, Stats
from .events import Event, LinkDown, LinkUp, Sample, TextLine
from .units import uptime

_NAMES = [field.name for field in fields(Stats)]

DROPS = ("rejected", "overwritten", "failed", "shed")
"""The counters of records that were lost on the board."""


def plain(event: Event) -> str | None:
    """One readable line for a sample or a line of text; None for a change of the link."""
    if isinstance(event, TextLine):
        return event.text
    if isinstance(event, Sample):
        return _plain_stats(event.stats)
    return None


def _plain_stats(stats: Stats) -> str:
    sojourn = "/".join(
        "-" if ms is None else str(ms) for ms in (stats.p50_ms, stats.p95_ms, stats.p99_ms)
    )
    turn = (
        ""
        if stats.longest_turn_us is None
        else f" longest turn {stats.longest_turn_us / 1000:.1f} ms"
    )
    stored = (
        "" if stats.stored is None else f"  on flash {stats.stored} lost there {stats.store_lost}"
    )
    drops = " ".join(f"{name} {getattr(stats, name)}" for name in DROPS)
    return (
        f"up {uptime(stats.up_s)}  qps {stats.qps} (mean {stats.mean_qps}, rate {stats.rate_text})"
        f"  depth {stats.depth}/{stats.capacity}  tokens {stats.tokens}/{stats.burst}"
        f"  p50/p95/p99 {sojourn} ms  admitted {stats.admitted} denied {stats.denied}"
        f" retried {stats.retried}  {drops}{stored}  load {stats.load:.2f}{turn}"
        f"{'' if stats.keeps_rate else '  TOO SLOW for its rate'}"
    )


def json_object(event: Event) -> str:
    """Every event as a JSON object on one line, with its time and what it is."""
    match event:
        case Sample(at, stats):
            kind, content = "stats", {**asdict(stats), "keeps_rate": stats.keeps_rate}
        case TextLine(at, text):
            kind, content = "text", {"text": text}
        case LinkUp(at):
            kind, content = "connected", {}
        case LinkDown(at, reason):
            kind, content = "gone", {"reason": reason}
    return json.dumps({"time": _iso(at), "event": kind, **content})


def teleplot(event: Event) -> str | None:
    """A sample as Teleplot's `>name:time in ms:value` lines; text as text, which Teleplot logs.

    None for a change of the link.
    """
    if isinstance(event, TextLine):
        return " " + event.text if event.text.startswith(">") else event.text
    if isinstance(event, Sample):
        ms = round(event.at * 1000)
        values = asdict(event.stats).items()
        return "\n".join(
            f">{name}:{ms}:{value}" for name, value in values if isinstance(value, int | float)
        )
    return None


class CsvFile:
    """A CSV file that gets one row for each sample, under a header.

    A value that is not known is empty; the sojourns have a column each.
    """

    def __init__(self, path: Path) -> None:
        """Starts the file, without what was in it. UserError when it cannot be written."""
        self._path = path
        try:
            self._file = path.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise self._refused(error) from error
        sojourns = [f"sojourns_{at}" for at in range(SOJOURNS)]
        self._write(["time", *_in_place(_NAMES, sojourns)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, event: Event) -> None:
        """Writes the event if it is a sample, through to the file. UserError when it cannot."""
        if isinstance(event, Sample):
            sojourns = event.stats.sojourns or [None] * SOJOURNS
            self._write([_iso(event.at), *_in_place(astuple(event.stats), sojourns)])

    def _write(self, row: list[object]) -> None:
        try:
            csv.writer(self._file, lineterminator="\n").writerow(row)
            self._file.flush()
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> UserError:
        return UserError(f"{self._path}: cannot be written: {error.strerror}")


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _in_place(values: Sequence[object], sojourns: Sequence[object]) -> list[object]:
    """The values of a Stats with the sojourns, which are one of them, spread out."""
    at = _NAMES.index("sojourns")
    return [*values[:at], *sojourns, *values[at + 1 :]]
