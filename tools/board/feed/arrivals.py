"""What arrives, and when: a log's lines as records with their times."""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from ...errors import UserError

LINE_MAX = 65536
"""Bytes of the longest line that is read."""

TIME_COLUMNS = ("offset_s", "time", "timestamp")
"""The names by which the time column of a CSV is found."""

_HEAD = 100
_MALFORMED_SHOWN = 5

# Apache's and nginx's common and combined formats: host, identity, user, [time], "request", status,
# size, and whatever follows.
_LOG_LINE = re.compile(
    rb"\S+ \S+ [^\[]+ "
    rb"\[(\d\d)/([A-Z][a-z][a-z])/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] "
    rb'"(?:[^"\\]|\\.)*" \d{3} (?:\d+|-)(?: |$)'
)
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun")
_MONTHS += (b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")


class Arrival(NamedTuple):
    """A line that arrives as a record."""

    at_s: float
    """Seconds after the first arrival; never less than at the arrival before."""
    payload: bytes
    """The line's own bytes without its end, at least one."""
    end: int
    """Bytes of the input up to the end of this line."""


class _Line(NamedTuple):
    number: int
    end: int
    data: bytes


class Arrivals:
    """The arrivals in an input, in its order, counting its lines as they are read.

    time_of: the time in a line, in seconds. ValueError: it has none.
    """

    def __init__(self, lines: Iterable[_Line], time_of: Callable[[bytes], float]) -> None:
        self.read = 0
        """Lines so far, a CSV's header not counted."""
        self.malformed = 0
        """Lines that are empty, overlong or without a time, so far."""
        self.first_malformed: list[int] = []
        """The numbers of the first few malformed lines, from 1."""
        self._lines = lines
        self._time_of = time_of

    def __iter__(self) -> Iterator[Arrival]:
        start = None
        at_s = 0.0
        for number, end, line in self._lines:
            self.read += 1
            payload = line.rstrip(b"\r\n")
            try:
                if not 0 < len(payload) <= LINE_MAX:
                    raise ValueError("an empty or overlong line")
                time = self._time_of(payload)
            except ValueError:
                self._count_malformed(number)
                continue
            if start is None:
                start = time
            # A server logs a request when it ends, so times step back a little.
            at_s = max(at_s, time - start)
            yield Arrival(at_s, payload, end)

    def _count_malformed(self, number: int) -> None:
        self.malformed += 1
        if len(self.first_malformed) < _MALFORMED_SHOWN:
            self.first_malformed.append(number)


def read_lines(stream: BinaryIO) -> Arrivals:
    """Any lines, which arrive when they come."""
    return Arrivals(_lines(stream), lambda _: 0.0)


def read_log(stream: BinaryIO, name: str, time_column: str | None) -> Arrivals:
    """An access log in the common or combined format, or a CSV with a time column.

    time_column: the CSV's column; None: found by its name, and the log may be of either kind.
    UserError names the log and what is wrong with it.
    """
    lines = _lines(stream)
    head = list(islice(lines, _HEAD))
    if not head:
        raise UserError(f"{name}: the file is empty")
    everything = chain(head, lines)
    columns = _header(head[0].data)
    column = _find(columns, TIME_COLUMNS if time_column is None else [time_column])
    if column is not None:
        next(everything)
        return Arrivals(everything, lambda line: _csv_time(line, column))
    if time_column is not None:
        raise UserError(
            f'{name}: line 1 names no column "{time_column}"; it names: {_shown(columns)}'
        )
    if not any(_LOG_LINE.match(line.data) for line in head):
        raise UserError(
            f"{name}: neither an access log in common or combined format nor a CSV with a column "
            f"{', '.join(TIME_COLUMNS)}; --time-column names another column"
        )
    return Arrivals(everything, _log_time)


def _lines(stream: BinaryIO) -> Iterator[_Line]:
    """The stream's lines with their ends; the overlong cut, but not to an allowed length."""
    number = end = 0
    while line := stream.readline(LINE_MAX + 3):
        number += 1
        end += len(line)
        if len(line) == LINE_MAX + 3 and not line.endswith(b"\n"):
            while rest := stream.readline(LINE_MAX):
                end += len(rest)
                if rest.endswith(b"\n"):
                    break
        yield _Line(number, end, line)


def _log_time(line: bytes) -> float:
    found = _LOG_LINE.match(line)
    if found is None:
        raise ValueError("not a line of an access log")
    day, month, year, hour, minute, second, sign, zone_h, zone_m = found.groups()
    if month not in _MONTHS:
        raise ValueError("no such month")
    zone = timedelta(hours=int(zone_h), minutes=int(zone_m)) * (-1 if sign == b"-" else 1)
    return datetime(
        int(year),
        _MONTHS.index(month) + 1,
        int(day),
        int(hour),
        int(minute),
        int(second),
        tzinfo=timezone(zone),
    ).timestamp()


def _csv_time(line: bytes, column: int) -> float:
    cells = _cells(line)
    if column >= len(cells):
        raise ValueError("too few columns")
    text = cells[column].strip()
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp()
    if not math.isfinite(seconds):
        raise ValueError("not a finite number")
    return seconds


def _header(line: bytes) -> list[str]:
    try:
        return _cells(line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n"))
    except ValueError:
        return []


def _cells(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8", "replace")]), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _find(columns: list[str], names: Iterable[str]) -> int | None:
    plain = [column.strip().casefold() for column in columns]
    for name in names:
        if name.strip().casefold() in plain:
            return plain.index(name.strip().casefold())
    return None


def _shown(columns: list[str]) -> str:
    text = ", ".join(column.strip() for column in columns)
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= 200 else shown[:200] + " ..."
