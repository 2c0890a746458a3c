"""CSV with a header."""

import csv
from collections.abc import Iterable

from ..opening import LINE_MAX
from .format import Format, shown
from .times import TIME_NAMES, seconds


def recognise(header: bytes, time_column: str | None, record_column: str | None) -> Format | None:
    """The format, if this first line of a log names its time column.

    time_column: None: found by its name.  record_column: None: the line is the record.
    ValueError: there is none of a column that is asked for.
    """
    columns = _header(header)
    column = _find(columns, TIME_NAMES if time_column is None else [time_column])
    if column is None:
        if time_column is not None:
            raise _missing(time_column, columns)
        return None

    def read(line: bytes) -> tuple[float, bytes]:
        cells = _cells(line)
        if column >= len(cells):
            raise ValueError("too few columns")
        return seconds(cells[column]), _record(line, cells, record)

    record = _record_column(record_column, columns)
    return Format(read, headed=True)


def untimed(header: bytes, record_column: str) -> Format:
    """A CSV of which only this column is wanted. ValueError: there is no such column."""
    record = _record_column(record_column, _header(header))
    return Format(lambda line: (0.0, _record(line, _cells(line), record)), headed=True)


def _record_column(name: str | None, columns: list[str]) -> int | None:
    if name is None:
        return None
    column = _find(columns, [name])
    if column is None:
        raise _missing(name, columns)
    return column


def _record(line: bytes, cells: list[str], column: int | None) -> bytes:
    if column is None:
        return line
    if column >= len(cells):
        raise ValueError("too few columns")
    return cells[column].encode("utf-8", "surrogateescape")


def _missing(name: str, columns: list[str]) -> ValueError:
    names = shown(column.strip() for column in columns)
    return ValueError(f'line 1 names no column "{name}"; it names: {names}')


def _header(line: bytes) -> list[str]:
    try:
        return _cells(line)
    except ValueError:
        return []


def _cells(line: bytes) -> list[str]:
    """The line's cells. Of a line that was cut, the last one is not whole and is left out."""
    try:
        cells = next(csv.reader([line.decode("utf-8", "surrogateescape")]), [])
    except csv.Error as error:
        raise ValueError("no row of a CSV") from error
    return cells[:-1] if len(line) > LINE_MAX else cells


def _find(columns: list[str], names: Iterable[str]) -> int | None:
    plain = [column.strip().casefold() for column in columns]
    for name in names:
        if name.strip().casefold() in plain:
            return plain.index(name.strip().casefold())
    return None
