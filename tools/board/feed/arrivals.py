"""What arrives, and when: the lines of one log or of several as records with their times."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from ...errors import UserError
from .formats import access_log, json_lines, syslog, table
from .formats.format import Format
from .formats.times import TIME_NAMES
from .opening import LINE_MAX, Line, Log
from .timeline import Arrival, Timed, Timeline, spread

_HEAD = 100
_SHOWN = 5


class Wanted(NamedTuple):
    """Where the time and the record stand in a line, as the user says."""

    time_column: str | None = None
    """The CSV's column with the time; None: found by its name."""
    time_key: str | None = None
    """The dotted key of JSON with the time; None: found by its name."""
    record_key: str | None = None
    """The CSV's column or the dotted key of JSON that is the record; None: the line is."""


_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_AS_FOUND = Wanted()


class _Source(NamedTuple):
    log: Log
    lines: Iterable[Line]
    format: Format


class Arrivals:
    """The arrivals in logs that follow each other, counting their lines as they are read."""

    def __init__(
        self, sources: Iterable[_Source], longest_gap_s: float | None = None, named: bool = False
    ) -> None:
        """longest_gap_s: see Timeline.  named: whether a line is told with the name of its log."""
        self.read = 0
        """Lines so far, the headers of CSVs not counted."""
        self.malformed = 0
        """Lines that have no record or no time, so far."""
        self.first_malformed: list[str] = []
        """The first few malformed lines, and why they are."""
        self.first_jumps: list[str] = []
        """The first few lines that are a jump in time away from the line before."""
        self.timeline = Timeline(longest_gap_s)
        self._sources = sources
        self._named = named

    def __iter__(self) -> Iterator[Arrival]:
        return spread(self._timed())

    def _timed(self) -> Iterator[Timed]:
        before = end = 0
        for log, lines, format_ in self._sources:
            in_second = format_.whole_seconds and not log.live  # the next line is not waited for
            for line in lines:
                self.read += 1
                end = before + line.end
                try:
                    time_s, record = _read(line.data, format_)
                except ValueError as error:
                    self.malformed += 1
                    _note(self.first_malformed, f"{self._place(log, line)}: {error}")
                    continue
                jumps = self.timeline.jumps
                at_s = self.timeline.add(time_s)
                if self.timeline.jumps > jumps:
                    _note(self.first_jumps, self._place(log, line))
                yield Timed(Arrival(at_s, record, end), in_second)
            before = end

    def _place(self, log: Log, line: Line) -> str:
        return f"{log.name} line {line.number}" if self._named else f"line {line.number}"


def read_lines(log: Log | BinaryIO, record_key: str | None = None) -> Arrivals:
    """Any lines, which arrive when they come.

    record_key: the record in a CSV or in JSON; None: the line is. Nothing is read before the first
    arrival is asked for; then UserError: the first line names no such column.
    """
    if not isinstance(log, Log):
        log = Log(log, "standard input")
    return Arrivals(_untimed(log, record_key))


def read_logs(
    logs: Sequence[Log], wanted: Wanted | None = None, longest_gap_s: float | None = None
) -> Arrivals:
    """The lines of logs in their order, each in the format that is found by its first good line.

    wanted: None: all is found, and the user has no options to say otherwise.

    UserError names a log that has no format, and what is allowed.
    """
    sources = [source for log in logs for source in _recognised(log, wanted)]
    if not sources:
        raise UserError(f"{logs[0].name}: the file is empty")
    return Arrivals(sources, longest_gap_s, named=len(logs) > 1)


def _read(line: bytes, format_: Format) -> tuple[float, bytes]:
    if not line:
        raise ValueError("empty")
    try:
        time_s, record = format_.read(line)
    except ValueError:
        if len(line) > LINE_MAX:
            raise ValueError(f"longer than {LINE_MAX:,} bytes") from None
        raise
    if not record:
        raise ValueError("its record is empty")
    return time_s, record[:LINE_MAX]


def _note(first: list[str], what: str) -> None:
    if len(first) < _SHOWN:
        first.append(what)


def _untimed(log: Log, record_key: str | None) -> Iterator[_Source]:
    lines = log.lines()
    if record_key is None:
        yield _Source(log, lines, Format(lambda line: (0.0, line)))
        return
    for line in lines:
        if json_lines.begins(line.data):
            yield _Source(log, chain([line], lines), json_lines.untimed(record_key))
        else:
            try:
                format_ = table.untimed(line.data, record_key)
            except ValueError as error:
                raise UserError(f"{log.name}: {error}") from error
            yield _Source(log, lines, format_)


def _recognised(log: Log, wanted: Wanted | None) -> Iterator[_Source]:
    """The log with its format; nothing: it is empty."""
    lines = log.lines()
    head: list[Line] = []
    for line in islice(lines, _HEAD):
        head.append(line)
        try:
            format_ = _format(line, log, wanted or _AS_FOUND)
        except ValueError as error:
            raise UserError(f"{log.name}: {error}") from error
        if format_ is not None:
            everything = chain(head[1:] if format_.headed else head, lines)
            yield _Source(log, everything, format_)
            return
    if head:
        raise UserError(f"{log.name}: {_unknown(head, wanted)}")


def _format(line: Line, log: Log, wanted: Wanted) -> Format | None:
    """The format of a log with this line; None: that is not known yet. ValueError: it has not what
    is wanted."""
    time_column, time_key, record_key = wanted
    if line.number == 1 and time_key is None:
        found = table.recognise(line.data, time_column, record_key)
        if found is not None:
            return found
    found = json_lines.recognise(line.data, time_key, record_key)
    if found is not None or time_key is not None:
        return found
    found = access_log.recognise(line.data) or syslog.recognise(line.data, log.modified_s)
    if found is not None and record_key is not None:
        raise ValueError(
            f"line {line.number} is of an access log or of syslog; "
            "--record-key is for columns of a CSV and keys of JSON"
        )
    return found


def _unknown(head: list[Line], wanted: Wanted | None) -> str:
    """Why no format fits these lines."""
    if head[0].data.startswith(_UTF_16):
        return "is in UTF-16; write it in UTF-8 first: iconv -f UTF-16 -t UTF-8"
    names = ", ".join(TIME_NAMES)
    hinted = wanted is not None
    _, time_key, record_key = wanted or _AS_FOUND
    number, keys = next(
        ((line.number, keys) for line in head if (keys := json_lines.keys(line.data))), (0, "")
    )
    if time_key is not None or keys:
        key = names if time_key is None else f'"{time_key}"'
        lines = "line 1 is" if len(head) == 1 else f"none of lines 1 to {len(head)} is"
        record = "" if record_key is None else f' and a record at "{record_key}"'
        has = f"; line {number} has the keys {keys}" if keys else ""
        hint = "; --time-key names another" if hinted and time_key is None else ""
        return f"{lines} JSON with a time at {key}{record}{has}{hint}"
    lines = "line 1 is" if len(head) == 1 else f"lines 1 to {len(head)} are"
    hint = (
        "; --time-column or --time-key names another; for lines without times: sluice feed - < FILE"
    )
    return (
        f"{lines} neither an access log in common or combined format nor syslog, nor a CSV or JSON "
        f"with a time named {names}{hint if hinted else ''}"
    )
