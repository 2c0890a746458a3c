"""The log line: numbers and cuts."""

import pytest
from wire import MemoryLine

from host_sim import StrictInt
from sluice.link.logline import LogLine


def written(build, size=100):
    line = MemoryLine()
    log = LogLine(size)
    build(log)
    log.write(line)
    return bytes(line.sent)


@pytest.mark.parametrize("value", [0, 7, 10, 99, 100, -1, -12, (1 << 30) - 1, -(1 << 30) + 1])
def test_numbers(value):
    assert written(lambda log: log.number(b"n", StrictInt(value))) == b"n=%d\r\n" % value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, b"0.00"),
        (5, b"0.05"),
        (123, b"1.23"),
        (49712, b"497.12"),
        ((1 << 30) - 1, b"10737418.23"),
    ],
)
def test_hundredths(value, text):
    assert written(lambda log: log.hundredths(b"q", StrictInt(value))) == b"q=%s\r\n" % text


def test_pairs_are_parted_by_blanks_and_each_line_starts_anew():
    line = MemoryLine()
    log = LogLine(100)
    for n in (1, 22):
        log.word(b"event", b"stats")
        log.number(b"n", n)
        log.write(line)
    assert line.sent == b"event=stats n=1\r\nevent=stats n=22\r\n"


def test_what_does_not_fit_is_cut_and_the_line_ends():
    assert written(lambda log: log.word(b"key", b"x" * 50), size=10) == b"key=xxxx\r\n"
