"""JSON lines: an object a line."""

import json
from typing import Any

from .format import Format, shown
from .times import TIME_NAMES, seconds

_NOTHING = object()


def begins(line: bytes) -> bool:
    """Whether a line looks like one of this format."""
    return line.lstrip().startswith(b"{")


def recognise(line: bytes, time_key: str | None, record_key: str | None) -> Format | None:
    """The format, if this is a line of it with a time.

    time_key: dotted; None: found by its name.  record_key: dotted; None: the line is the record.
    """
    if not begins(line):
        return None
    for key in TIME_NAMES if time_key is None else [time_key]:
        format_ = Format(_reader(key, record_key))
        try:
            format_.read(line)
        except ValueError:
            continue
        return format_
    return None


def untimed(record_key: str) -> Format:
    """JSON lines of which only this key is wanted."""
    return Format(lambda line: (0.0, _record(line, _parsed(line), record_key)))


def keys(line: bytes) -> str:
    """The dotted keys of a line, for a message; empty: it is no object."""
    try:
        return shown(_dotted(_parsed(line)))
    except (ValueError, RecursionError):
        return ""


def _reader(time_key: str, record_key: str | None) -> Any:
    def read(line: bytes) -> tuple[float, bytes]:
        parsed = _parsed(line)
        time = _at(parsed, time_key)
        if time is _NOTHING:
            raise ValueError(f'no key "{time_key}"')
        return seconds(time), _record(line, parsed, record_key)

    return read


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        # Bytes that are no UTF-8 come through: logs hold what clients have sent.
        parsed = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise ValueError("no JSON") from error
    if not isinstance(parsed, dict):
        raise ValueError("no JSON object")
    return parsed


def _record(line: bytes, parsed: dict[str, Any], key: str | None) -> bytes:
    if key is None:
        return line
    value = _at(parsed, key)
    if value is _NOTHING:
        raise ValueError(f'no key "{key}"')
    try:
        text = value if isinstance(value, str) else _compact(value)
        return text.encode("utf-8", "surrogateescape")
    except (UnicodeEncodeError, RecursionError) as error:  # JSON can say half a character
        raise ValueError("its record is no text") from error


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _at(value: Any, path: str) -> Any:
    """What stands at a dotted path; a key that has dots itself is found as well."""
    if not isinstance(value, dict):
        return _NOTHING
    if path in value:
        return value[path]
    head, _, rest = path.partition(".")
    return _at(value.get(head), rest) if rest else _NOTHING


def _dotted(value: dict[str, Any], before: str = "") -> list[str]:
    names: list[str] = []
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            names += _dotted(inner, f"{before}{key}.")
        else:
            names.append(before + key)
    return names
