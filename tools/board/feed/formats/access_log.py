"""Access logs in the common and combined formats of Apache and nginx."""

import re
from datetime import datetime, timedelta, timezone

from .format import Format
from .times import MONTHS

# Host, identity, user, [time], "request", status, size, and whatever follows.
_LINE = re.compile(
    rb"\S+ \S+ [^\[]+ "
    rb"\[(\d\d)/([A-Z][a-z][a-z])/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] "
    rb'"(?:[^"\\]|\\.)*" \d{3} (?:\d+|-)(?: |$)'
)


def recognise(line: bytes) -> Format | None:
    """The format, if this may be a line of it."""
    return Format(_read, whole_seconds=True) if _LINE.match(line) else None


def _read(line: bytes) -> tuple[float, bytes]:
    found = _LINE.match(line)
    if found is None:
        raise ValueError("no request")
    day, month, year, hour, minute, second, sign, zone_h, zone_m = found.groups()
    if month not in MONTHS:
        raise ValueError("no such month")
    zone = timedelta(hours=int(zone_h), minutes=int(zone_m)) * (-1 if sign == b"-" else 1)
    month = MONTHS.index(month) + 1
    try:
        moment = datetime(
            int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=timezone(zone)
        )
        return moment.timestamp(), line
    except (ValueError, OverflowError) as error:
        raise ValueError("no such time") from error
