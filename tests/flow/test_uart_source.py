"""What a UART receives as records: lines, and frames of a length or between silences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import MemoryLine

from host_sim import TickClock
from sluice.flow.uart_source import UartSource
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT

SIZE = 8


class Received:
    """A source on a UART, and what it has made of what came."""

    def __init__(self, slots=64, overflow=REJECT, **frames):
        self.clock = TickClock(start=(1 << 30) - 20, strict=True)
        self.uart = MemoryLine()
        self.dropped = 0
        self.ring = RecordRing(slots, SIZE, overflow, self.clock.ticks)
        self.source = UartSource(self.ring, self.uart, self.drop, self.clock.ticks, **frames)

    def drop(self):
        self.dropped += 1

    def comes(self, data):
        """The loop turns until nothing is to be read any more; the queue is left as it is."""
        self.uart.incoming += data
        while self.source.poll():
            pass

    def passes(self, ticks):
        for _ in range(ticks):
            self.clock.advance(1)
            self.source.poll()

    def records(self):
        found = []
        while (slot := self.ring.peek()) is not None:
            found.append(bytes(slot[: self.ring.peek_len()]))
            self.ring.release()
        return found


@pytest.mark.parametrize(
    ("data", "records", "dropped"),
    [
        (b"one\ntwo\r\n", [b"one", b"two"], 0),
        (b"\n\r\n\none\n", [b"one"], 0),
        (b"one\ntw", [b"one"], 0),
        (b"12345678\n", [b"12345678"], 0),
        (b"12345678\r\n1\n", [b"12345678", b"1"], 0),
        (b"1234567\r\n1\n", [b"1234567", b"1"], 0),
        (b"123456789\n1\n", [b"1"], 1),
        (b"123456789\r\n1\n", [b"1"], 1),
        (b"12345678\r\r\n1\n", [b"1"], 1),
        (b"12345678\r9\n1\n", [b"1"], 1),
        (b"x" * 500 + b"\n" + b"y" * 9 + b"\n1\n", [b"1"], 2),
        (b"a\rb\n", [b"a\rb"], 0),
        (b"a\r\r\n", [b"a\r"], 0),
        (b"\0\xff\x03\n", [b"\0\xff\x03"], 0),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_lines(data, records, dropped, at_once):
    here = Received()
    for part in [data] if at_once else [bytes([byte]) for byte in data]:
        here.comes(part)
    assert (here.records(), here.dropped) == (records, dropped)


def lines(data):
    """(records, how many are dropped) by the page's words."""
    whole = [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1]]
    return [line for line in whole if 0 < len(line) <= SIZE], sum(
        len(each) > SIZE for each in whole
    )


@given(st.lists(st.lists(st.sampled_from(b"\n\n\rab"), max_size=150).map(bytes)), st.integers(1, 5))
def test_lines_are_the_same_however_they_come_and_however_slowly_they_leave(parts, slots):
    here = Received(slots)
    got = []
    for part in parts:
        here.comes(part)
        got += here.records()
    while here.uart.incoming or here.source.poll() or len(here.ring):
        here.comes(b"")
        got += here.records()
    assert (got, here.dropped) == lines(b"".join(parts))
    assert here.ring.rejected == 0


def test_a_full_queue_leaves_the_bytes_in_the_uart_and_refuses_nothing():
    here = Received(slots=2)
    here.comes(b"".join(b"line%03d\n" % n for n in range(100)))
    assert (len(here.ring), here.ring.rejected) == (2, 0)
    assert len(here.uart.incoming) >= 800 - 64
    assert not here.source.poll()  # nothing to do: the loop may rest
    got = []
    while records := here.records():
        got += records
        here.comes(b"")
    assert got == [b"line%03d" % n for n in range(100)]


def test_a_turn_reads_64_bytes_at_most():
    here = Received()
    here.uart.incoming += bytes(range(32, 97)) * 4
    assert here.source.poll()
    assert len(here.uart.incoming) == 4 * 65 - 64


def test_a_queue_that_overwrites_takes_all():
    here = Received(slots=2, overflow=OVERWRITE)
    here.comes(b"1\n2\n3\n4\n")
    assert here.records()[-1] == b"4"
    assert here.ring.overwritten == 2


def test_frames_of_a_length():
    here = Received(length=3)
    here.comes(b"ab\ncd\r" + b"\n\n")
    assert (here.records(), here.dropped) == ([b"ab\n", b"cd\r"], 0)
    here.passes(100_000)
    here.comes(b"!")
    assert here.records() == [b"\n\n!"]


def test_a_silence_ends_a_frame_and_one_that_is_too_long_is_dropped():
    here = Received(silence=5)
    here.comes(b"ab\n")
    here.passes(4)
    here.comes(b"c")  # before the silence is over
    here.passes(4)
    assert here.records() == []
    here.passes(1)
    assert here.records() == [b"ab\nc"]
    here.comes(b"x" * (SIZE + 1))
    here.passes(5)
    here.comes(b"y" * SIZE)
    here.passes(5)
    assert (here.records(), here.dropped) == ([b"y" * SIZE], 1)
    here.comes(b"z" * 300)
    here.passes(20)
    assert (here.records(), here.dropped) == ([], 2)


def test_with_both_a_silence_drops_a_frame_that_is_not_whole():
    here = Received(length=3, silence=5)
    here.comes(b"abcde")
    here.passes(5)
    here.comes(b"fghi")
    assert (here.records(), here.dropped) == ([b"abc", b"fgh"], 1)
    here.passes(5)
    assert (here.records(), here.dropped) == ([], 2)


def test_what_waited_in_the_uart_while_the_queue_was_full_is_one_frame():
    """As the page says: nobody sees silences in what is read later."""
    here = Received(slots=1, silence=2)
    here.comes(b"a")
    here.passes(2)
    for part in (b"b", b"c"):
        here.comes(part)
        here.passes(3)
    assert here.records() == [b"a"]
    here.passes(5)
    assert (here.records(), here.dropped) == ([b"bc"], 0)
