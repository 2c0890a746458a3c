"""The board's end of the link, byte by byte as docs/link.md has it."""

from clock import LAST, Clock
from line import Line

from sluice.frames import Frames
from sluice.link import Link
from sluice.records import RecordRing
from sluice.ring import REJECT


class Board:
    """A link of 4 slots of 16 bytes; `hear` and `said` are contents of frames."""

    def __init__(self):
        self.clock = Clock(LAST)
        self._host_line = Line()
        self._host = Frames(self._host_line)
        self._line = Line()
        frames = Frames(self._line, self.clock.ticks)
        self.ring = RecordRing(4, 16, REJECT, self.clock.ticks)
        self.link = Link(frames, self.ring, self.clock.ticks)

    def hear(self, *contents):
        for content in contents:
            for i in range(len(content)):
                self._host.sent[2 + i] = content[i]
            self._host.send(2 + len(content))
        self._line.incoming = self._host_line.sent
        self._host_line.sent = b""
        while self.link.poll():
            pass
        return self.said()

    def said(self):
        self._host_line.incoming = self._line.sent
        self._line.sent = b""
        contents = []
        while True:
            end = self._host.receive()
            if end == 0:
                return contents
            if end > 0:
                contents.append(bytes(self._host.received[1:end]))

    def release(self, n):
        for _ in range(n):
            self.ring.release()
        self.link.processed(n)


HELLO = b"\x81\x07\0\0\xff\xff\xff"  # session 7, from record 2^24 - 1
FIRST = b"\x82\xff\xff\xffa"
SECOND = b"\x82\0\0\0bb"
THIRD = b"\x82\x01\0\0ccc"
WELCOME = b"\x91\x07\0\0\xff\xff\xff\x10\xe8\x03\0"  # 16 bytes a record, 1000 ticks a second


def test_hello_is_answered_by_welcome_and_credit():
    board = Board()
    assert board.hear(HELLO) == [WELCOME, b"\x92\x08\xff\xff\xff\x07\x10\x04"]


def test_records_are_acknowledged_when_they_left():
    board = Board()
    board.hear(HELLO)
    assert board.hear(FIRST, SECOND, THIRD) == []
    assert len(board.ring) == 3
    board.link.acknowledge(1, 10)
    assert board.said() == []
    board.release(2)
    board.link.acknowledge(3, 10)
    assert board.said() == []
    board.clock.advance(10)
    board.link.acknowledge(3, 10)
    assert board.said() == [b"\x92\x08\x01\x10\x04"]
    assert bytes(board.ring.peek()[: board.ring.peek_len()]) == b"ccc"


def test_a_gap_is_told_once_and_nothing_behind_it_is_taken():
    board = Board()
    board.hear(HELLO, FIRST)
    assert board.hear(THIRD, THIRD) == [b"\x91\x07\0\0\0\0\0\x10\xe8\x03\0"]
    assert (len(board.ring), board.link.strays) == (1, 2)
    assert board.hear(SECOND, THIRD) == []
    assert len(board.ring) == 3


def test_a_record_before_any_session_is_answered_by_session_zero():
    board = Board()
    assert board.hear(FIRST) == [b"\x91\0\0\0\0\0\0\x10\xe8\x03\0"]
    assert len(board.ring) == 0


def test_the_same_session_resumes():
    board = Board()
    board.hear(HELLO, FIRST, SECOND)
    assert board.hear(HELLO)[0] == b"\x91\x07\0\0\x01\0\0\x10\xe8\x03\0"


def test_a_delivered_record_carries_its_number_and_the_tick_of_its_grant():
    board = Board()
    board.hear(HELLO, FIRST)
    assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), LAST) is True
    assert board.said() == [b"\x93\xff\xff\xff\xff\xff\xff\x3fa"]


def test_what_is_too_long_or_unknown_is_counted_and_changes_nothing():
    board = Board()
    board.hear(HELLO)
    board.hear(b"\x82\xff\xff\xff" + b"x" * 17)
    assert (board.link.refused, board.link.unknown) == (1, 0)
    for content in (b"\x81", HELLO + b"x", b"\x81\0\0\0\0\0\0", b"\x82\0\0\0", b"\x90", b"\0"):
        assert board.hear(content) == []
    assert (board.link.unknown, len(board.ring)) == (6, 0)
