"""Times as logs hold them: the names of months, and columns of a CSV and keys of JSON."""

from datetime import UTC, datetime

TIME_NAMES = ("offset_s", "time", "timestamp", "ts", "@timestamp")
"""The names by which the time in a CSV or in JSON is found, the first of them that is there."""

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun")
MONTHS += (b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")

_MOST_S = 1e11  # seconds until the year 5138; milliseconds have had more since 1973
_MOST = 1e20  # as nanoseconds


def seconds(value: object) -> float:
    """The time in seconds.

    value: a number or a text with one: seconds, or from 1e11 milliseconds, from 1e14 microseconds,
    from 1e17 nanoseconds; or a text with an ISO 8601 time, UTC if it names no zone. ValueError:
    it is something else.
    """
    try:
        if isinstance(value, str):
            text = value.strip()
            try:
                number = float(text)
            except ValueError:
                return _moment(text)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        else:
            raise ValueError("neither a number nor a text")
        if not abs(number) < _MOST:  # nor is "nan"
            raise ValueError("out of range")
    except (ValueError, OverflowError) as error:
        raise ValueError("its time is neither a number nor ISO 8601") from error
    while abs(number) >= _MOST_S:
        number /= 1000
    return number


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
