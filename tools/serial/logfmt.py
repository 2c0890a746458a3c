"""logfmt: the lines that a board prints for programs, and the statistics line among them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

# White space is that of ASCII, around the line too: what else a line holds is a value's.
_SPACE = " \t\n\r\f\v"
_PAIR = re.compile(r'([A-Za-z]\w*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*))(?=\s|$)\s*', re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
_ANY = r'[^\s"=]*'
_BARE = re.compile(r'[^\s"=\\]+')
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def parse(line: str) -> dict[str, str]:
    """The pairs of `key=value key="quoted value"`, values unquoted, in the order of the line.

    A line that is anything else, in whole or in part, has no pairs: the result is empty. It takes
    time as the line is long, whatever is in it: a gateway reads what any board prints.
    """
    line = line.strip(_SPACE)
    pairs = {}
    at = 0
    while at < len(line):
        pair = _PAIR.match(line, at)
        if pair is None:
            return {}
        key, quoted, bare = pair.groups()
        pairs[key] = bare if quoted is None else _ESCAPE.sub(_unescape, quoted)
        at = pair.end()
    return pairs


def write(pairs: Mapping[str, object]) -> str:
    """The line that `parse` reads these pairs from; values as `str` writes them.

    The line has no line break and nothing else that moves a terminal's cursor: characters that are
    not printable, except newline, carriage return and tab, are replaced by U+FFFD.
    """
    return " ".join(f"{key}={_value_text(str(value))}" for key, value in pairs.items())


def _value_text(value: str) -> str:
    if _BARE.fullmatch(value) and value.isprintable():
        return value
    escaped = value.translate(_ESCAPES)
    return f'"{"".join(char if char.isprintable() else _UNPRINTABLE for char in escaped)}"'


def _unescape(escape: re.Match[str]) -> str:
    letter = escape[1]
    return _ESCAPED.get(letter, letter)


WHOLE = 1024
"""What `part` is counted in."""

_NO_TIME_LEFT = 0.95  # of load
_REACHED = 0.95  # of a rate: more is a matter of when the second began


@dataclass(frozen=True, slots=True)
class Stats:
    """One statistics line of a board: what it measured and what it was set to at that moment."""

    up_s: int
    """Seconds since the program started; it falls when the board was reset."""
    qps: int
    """Records taken by the sink in the last second."""
    mean_qps: float
    """The same since the program started, as a mean."""
    depth: int
    """Records in the queue, at most `capacity`; above `limit` after the limit was lowered."""
    limit: int
    high_water: int
    capacity: int
    tokens: int
    """Whole tokens in the bucket, 0 to `burst`."""
    rate: int | None
    """Tokens every `per_ms` milliseconds, the board's own; None is unlimited."""
    per_ms: int
    burst: int
    cost: str
    """What a token stands for: a "record", or one of its "bytes"."""
    admitted: int
    denied: int
    """Times that the bucket said no; the record waited."""
    load: float
    """Busy time over all time of the board's loop in the last interval, 0 to 1."""
    rejected: int
    overwritten: int
    failed: int
    shed: int
    """Records dropped early, to keep the delay of the queue low."""
    retried: int
    bad_frames: int
    """Frames from the host that arrived damaged or not whole."""
    strays: int
    """Records from the host that were out of sequence and had to be sent again."""
    p50_ms: int | None
    """Sojourn time in the queue over the last interval; None when no record left it."""
    p95_ms: int | None
    p99_ms: int | None
    # What follows an older firmware does not say.
    duplicates: int | None = None
    """Records from the host that had come before: sent again without need."""
    repeated: int | None = None
    """Deliveries that were sent to the host again."""
    watermark_ms: int | None = None
    """The fleet's watermark that is in force; 0: none."""
    part: int | None = None
    """What the watermark leaves of the board's own rate and limit, in 1/1,024."""
    backlog_bytes: int | None = None
    """Bytes that wait in the queue."""
    longest_turn_us: int | None = None
    """The longest turn with work of the board's loop in the last interval: the longest pause."""
    lag_ms: int | None = None
    """How long the oldest record has waited; 0 when none waits."""
    sink_ms: int | None = None
    """How long an attempt on the sink took, on average over the last interval; 0: none ended."""
    config_errors: int | None = None
    """How much of its configuration the board refused at its start: it runs with another one."""
    stored: int | None = None
    """Records on flash that wait there. This and the next four: None without a `store`."""
    kept: int | None = None
    """Records that were brought to flash since the start."""
    kept_bytes: int | None = None
    """Bytes that were written for these."""
    store_errors: int | None = None
    """Failures of the flash since the start: what fails is tried again."""
    store_lost: int | None = None
    """Records that the flash did not give back, or that newer ones have overwritten there."""
    sojourns: tuple[int, ...] | None = None
    """Since the start, each modulo 2^30: records by their sojourn time in ms, up to 3, 7, 15 and
    so on, the last ones any; and behind them the sum of the times."""

    @property
    def granted(self) -> float:
        """The part of its own rate that the board works at, above 0 to 1: less under a watermark.

        An older firmware works at the whole.
        """
        return 1.0 if self.part is None else self.part / WHOLE

    @property
    def rate_per_s(self) -> float | None:
        """Tokens a second that are granted; None is unlimited."""
        return None if self.rate is None else self.rate * 1000 / self.per_ms * self.granted

    @property
    def qps_limit(self) -> float | None:
        """The most records a second in the long run; None: unlimited, or a matter of their size."""
        return self.rate_per_s if self.cost == "record" else None

    @property
    def keeps_rate(self) -> bool:
        """False when the board is too slow for its rate: its loop has no time left, records wait,
        and fewer leave than the rate allows."""
        limit = self.qps_limit
        return (
            limit is None
            or self.load < _NO_TIME_LEFT
            or self.depth == 0
            or self.qps >= _REACHED * limit
        )

    @property
    def rate_text(self) -> str:
        """The rate with its unit, for people."""
        if self.rate_per_s is None:
            return "unlimited"
        return f"{round(self.rate_per_s, 2):.15g}{' bytes' if self.cost == 'bytes' else ''}/s"


KEYS = tuple(field.name for field in fields(Stats))
NEWER = frozenset(field.name for field in fields(Stats) if field.default is None)
"""Keys that an older firmware does not say: None."""


class Form(NamedTuple):
    """How a value is written in a line: as `pattern`, and None as `none` if it can be that."""

    name: str
    pattern: str
    """A regular expression for the whole of it, the same in Python (re.ASCII) and JavaScript."""
    read: Callable[[str], Any]
    none: str | None = None

    @property
    def whole(self) -> str:
        """The pattern with what stands for None."""
        return self.pattern if self.none is None else f"{self.pattern}|{self.none}"

    def value(self, text: str) -> Any:
        """What a text of this form says."""
        return None if text == self.none else self.read(text)


def integers(text: str) -> tuple[int, ...]:
    """The integers that a list in a line has, with commas between."""
    return tuple(map(int, text.split(",")))


SOJOURNS = 15
"""Bins of the histogram of sojourns."""

# Fifteen digits are what every JSON reader and spreadsheet keeps exactly.
_WHOLE = Form("whole", r"\d{1,15}", int)
_POSITIVE = Form("positive", r"(?=\d{1,15}\b)0*[1-9]\d*", int)
_DECIMAL = Form("decimal", r"\d{1,15}(?:\.\d{1,6})?", float)
_RATE = Form("rate", _WHOLE.pattern, int, none="none")
_PERCENTILE = Form("percentile", _WHOLE.pattern, int, none="-1")
_COST = Form("cost", "record|bytes", str)
_SOJOURNS = Form("sojourns", rf"\d{{1,10}}(?:,\d{{1,10}}){{{SOJOURNS - 1}}}", integers)

FORMS = dict.fromkeys(KEYS, _WHOLE) | {
    "mean_qps": _DECIMAL,
    "rate": _RATE,
    "per_ms": _POSITIVE,
    "cost": _COST,
    "load": _DECIMAL,
    "p50_ms": _PERCENTILE,
    "p95_ms": _PERCENTILE,
    "p99_ms": _PERCENTILE,
    "sojourns": _SOJOURNS,
}
"""How each key's value is written. The page's JavaScript has this as a table (`make tables`)."""

_PATTERNS = {key: re.compile(form.whole, re.ASCII) for key, form in FORMS.items()}


def read_stats(line: str) -> Stats | None:
    """The sample in a statistics line; None for any other line. ValueError as `stats_of`."""
    return stats_of(parse(line))


class StatsReader:
    """Reads the statistics lines of one board. They have the same keys in the same order, so what
    the last one had is looked for first: that takes a third of the time.
    """

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._shape: re.Pattern[str] | None = None
        self._reads: list[tuple[int, Callable[[str], Any]]] = []

    def read(self, line: str) -> Stats | None:
        """As `read_stats`."""
        found = self._shape and self._shape.fullmatch(line)
        if found:
            values = found.groups()
            return Stats(*[read(values[at]) for at, read in self._reads])
        pairs = parse(line)
        sample = stats_of(pairs)
        if sample is not None and [*pairs] != self._keys:
            self._expect([*pairs])
        return sample

    def _expect(self, keys: list[str]) -> None:
        self._keys = keys
        self._shape = re.compile(" ".join(f"{key}=({_pattern(key)})" for key in keys), re.ASCII)
        self._reads = [
            (keys.index(key), FORMS[key].value) if key in keys else (0, _nothing) for key in KEYS
        ]


def _pattern(key: str) -> str:
    """What the value of a key of a statistics line is."""
    if key == "event":
        return "stats"
    return FORMS[key].whole if key in FORMS else _ANY


def _nothing(_text: str) -> None:
    return None


def stats_of(pairs: dict[str, str]) -> Stats | None:
    """The sample in a line with these pairs; None: it is no statistics line. Keys it does not know
    pass.

    ValueError names the key when the line is a statistics line but damaged: a key is missing, or a
    value is not one that it can have; numbers have at most 15 digits.
    """
    if pairs.get("event") != "stats":
        return None
    return Stats(*[_value(pairs, key) for key in KEYS])


def _value(pairs: dict[str, str], key: str) -> Any:
    text = pairs.get(key)
    if text is None:
        if key in NEWER:
            return None
        raise ValueError(f"{key} is missing")
    if not _PATTERNS[key].fullmatch(text):
        raise ValueError(f'{key}="{text}" is not a value that it can have')
    return FORMS[key].value(text)
