"""The board's end of the link, byte by byte as docs/link.md has it."""

from clock import LAST, Clock
from line import Line, stuffed

from sluice.flow.pipeline import GIVEN_UP, OVERWRITTEN, SHED, TAKEN
from sluice.link.cobs import decode
from sluice.link.frames import Frames, seal
from sluice.link.session import Session
from sluice.queue.records import RecordRing
from sluice.queue.ring import REJECT


def sealed(content):
    buf = bytearray(b"\0\0" + content + b"\0\0\0")
    return bytes(buf[: seal(buf, 2 + len(content))])


class Board:
    """A link of 4 slots of 16 bytes; `hear` and `said` are contents of frames."""

    def __init__(self, window=0):
        self.clock = Clock(LAST)
        self._line = Line()
        frames = Frames(self._line, self.clock.ticks)
        self.ring = RecordRing(4, 16, REJECT, self.clock.ticks)
        self.link = Session(frames, self.ring, self.clock.ticks, 1000, window)

    def hear(self, *contents):
        for content in contents:
            self._line.incoming += stuffed(sealed(content))
            while self.link.poll():
                pass
        return self.said()

    def said(self):
        sent = self._line.sent
        self._line.sent = b""
        contents = []
        for body in sent.split(b"\0"):
            if body:
                buf = bytearray(body)
                assert decode(buf, len(buf))
                contents.append(bytes(buf[1:-2]))
        return contents

    def release(self, n, how=TAKEN):
        for _ in range(n):
            self.ring.release()
            self.link.ended(how, 1)


HELLO = b"\x81\x23\x09\x07\0\0\xff\xff\xff\xff\xff\xff"  # number 9, session 7, record 2^24 - 1
FIRST = b"\x82\xff\xff\xff\x01a"
SECOND = b"\x82\0\0\0\x02bb"
THIRD = b"\x82\x01\0\0\x03ccc"
END = b"\x10\xe8\x03\0"  # of a WELCOME: 16 bytes a record, 1000 ticks a second
WELCOME = b"\x91\x23\x09\x07\0\0\xff\xff\xff" + END


def test_hello_is_answered_by_welcome_and_credit():
    board = Board()
    assert board.hear(HELLO) == [WELCOME, b"\x92\x08\xff\xff\xff\x07\x10\x04\x38\x07"]


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
    assert board.said() == [b"\x92\x08\x01\x10\x04\x38\x07"]
    assert bytes(board.ring.peek()[: board.ring.peek_len()]) == b"ccc"


def test_what_the_sink_did_not_take_is_counted_on_from_what_the_host_knows():
    board = Board()
    told = board.hear(HELLO + b"\xff\xff\xff\x80\0\0\0\0\0", FIRST, SECOND, THIRD)
    assert told[1] == b"\x92\x08\xff\xff\xff\x07\x10\x04\x20\xff\xff\xff\x07\x28\x80\x01\x38\x07"
    for how in (OVERWRITTEN, SHED, GIVEN_UP):
        board.release(1, how)
    board.link.acknowledge(1, 10)
    assert board.said() == [b"\x92\x08\x02\x10\x04\x28\x81\x01\x30\x01\x38\x07"]


def test_a_gap_is_told_once_and_nothing_behind_it_is_taken():
    board = Board()
    board.hear(HELLO, FIRST)
    fourth = b"\x82\x02\0\0\x01d"
    assert board.hear(THIRD, fourth) == [b"\x91\x23\x09\x07\0\0\0\0\0" + END]
    assert (len(board.ring), board.link.strays) == (1, 2)
    assert board.hear(SECOND, THIRD) == []
    assert len(board.ring) == 3


def test_a_gap_that_stays_when_the_host_has_gone_back_is_told_again():
    board = Board()
    board.hear(HELLO, FIRST, THIRD)
    assert board.hear(THIRD) == [b"\x91\x23\x09\x07\0\0\0\0\0" + END]


def test_a_record_that_came_before_is_dropped():
    board = Board()
    board.hear(HELLO, FIRST)
    assert board.hear(FIRST) == []
    assert (len(board.ring), board.link.duplicates) == (1, 1)


def test_a_record_before_any_session_is_answered_by_session_zero():
    board = Board()
    assert board.hear(FIRST) == [b"\x91\x23\0\0\0\0\0\0\0" + END]
    assert len(board.ring) == 0


def test_the_same_session_resumes():
    board = Board()
    board.hear(HELLO, FIRST, SECOND)
    assert board.hear(HELLO)[0] == b"\x91\x23\x09\x07\0\0\x01\0\0" + END


def test_a_delivered_record_carries_its_number_and_the_tick_of_its_grant():
    board = Board()
    board.hear(HELLO, FIRST)
    assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), LAST) is True
    assert board.said() == [b"\x93\xff\xff\xff\xff\xff\xff\x3f\0\x01a"]


def deliver(board, n):
    for _ in range(n):
        assert board.link.room() > 0
        assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), 5)
        board.release(1)


def test_a_delivery_is_kept_until_the_host_has_it():
    board = Board(2)
    board.hear(HELLO, FIRST, SECOND, THIRD)
    deliver(board, 2)
    assert board.said() == []
    assert board.link.room() == 0
    assert board.link.deliver(board.ring.peek(), 3, 5) is False
    both = b"\x93\xff\xff\xff\x05\0\0\0\0\x01a\0\x02bb"
    board.link.acknowledge(1, 0)
    assert board.said() == [both]
    board.link.acknowledge(1, 0)
    assert board.said() == []
    assert board.hear(b"\x84\x07\0\0\xff\xff\xff\x02") == [both]
    assert board.hear(b"\x84\x07\0\0\0\0\0\x01") == [b"\x93\0\0\0\x05\0\0\0\0\x02bb"]
    board.link.acknowledge(1, 0)
    assert board.said() == [b"\x92\x10\x04\x38\x07"]
    deliver(board, 1)
    board.link.acknowledge(1, 1)
    assert board.said() == [b"\x93\x01\0\0\x05\0\0\0\0\x03ccc"]
    assert board.hear(b"\x84\x07\0\0\x02\0\0\0") == []
    board.link.acknowledge(1, 0)
    assert board.said() == [b"\x92\x08\x02\x10\x04\x38\x07"]
    assert board.link.repeated == 3


def test_a_ping_comes_back_with_the_session():
    board = Board()
    assert board.hear(b"\x87\x2a") == [b"\x97\x2a\0\0\0"]
    board.hear(HELLO)
    assert board.hear(b"\x87\x2a") == [b"\x97\x2a\x07\0\0"]


def test_another_version_is_told_the_boards():
    board = Board()
    assert board.hear(b"\x81\x24" + HELLO[2:]) == [b"\x91\x23"]
    assert board.link.versions == 1


def test_what_is_too_long_or_unknown_is_counted_and_changes_nothing():
    board = Board()
    board.hear(HELLO)
    board.hear(b"\x82\xff\xff\xff\x11" + b"x" * 17)
    assert (board.link.refused, board.link.unknown) == (1, 0)
    for content in (HELLO + b"x", HELLO[:3] + bytes(9), b"\x82\0\0\0", b"\x84", b"\x87ab"):
        assert board.hear(content) == []
    assert (board.link.malformed, board.link.unknown) == (5, 0)
    for content in (b"\x90", b"\0"):
        assert board.hear(content) == []
    assert (board.link.malformed, board.link.unknown, len(board.ring)) == (5, 2, 0)
