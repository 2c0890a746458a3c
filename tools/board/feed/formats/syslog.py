"""Syslog: RFC 5424, RFC 3164, and what rsyslog and journalctl write into files."""

import re
from datetime import UTC, datetime

from .format import Format
from .times import MONTHS, seconds

# RFC 5424, or the same time without what stands before it.
_ISO = re.compile(
    rb"(?:<\d{1,3}>1 )?"
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)) \S"
)
# RFC 3164; files hold it without the priority.
_NO_YEAR = re.compile(
    rb"(?:<\d{1,3}>)?"
    rb"(" + b"|".join(MONTHS) + rb") ([ \d]\d) (\d\d):(\d\d):(\d\d) \S"
)
_DAY_S = 86_400
_LEAP_YEARS_APART = 8  # at most


def recognise(line: bytes, modified_s: float) -> Format | None:
    """The format, if this may be a line of it.  modified_s: when the log was written."""
    if _ISO.match(line):
        return Format(_read)
    if _NO_YEAR.match(line):
        return Format(_WithoutYear(modified_s).read, whole_seconds=True)
    return None


def _read(line: bytes) -> tuple[float, bytes]:
    found = _ISO.match(line)
    if found is None:
        raise ValueError("no time of syslog")
    return seconds(found[1].decode()), line


class _WithoutYear:
    """Times without a year and a zone. The zone is taken to be UTC. The first line is of the latest
    year that lets it be older than the log's last change, and any other line is less than about
    half a year from the line before."""

    def __init__(self, modified_s: float) -> None:
        self._latest_s = modified_s + _DAY_S  # as no zone is known
        self._previous: datetime | None = None

    def read(self, line: bytes) -> tuple[float, bytes]:
        found = _NO_YEAR.match(line)
        if found is None:
            raise ValueError("no time of syslog")
        month = MONTHS.index(found[1]) + 1
        self._previous = self._nearest(month, *map(int, found.groups()[1:]))
        return self._previous.timestamp(), line

    def _nearest(self, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
        previous = self._previous
        latest = previous or datetime.fromtimestamp(self._latest_s, UTC)
        moments: list[datetime] = []
        for year in range(latest.year - _LEAP_YEARS_APART, latest.year + 2):
            try:
                moments.append(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
            except ValueError:  # the 29th of February
                continue
        if previous is None:
            moments = [moment for moment in moments if moment <= latest]
        if not moments:
            raise ValueError("no such time")
        return min(moments, key=lambda moment: abs(moment - latest))
