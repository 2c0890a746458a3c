"""The board's end of the link: sessions, sequence, credit and acknowledgement."""

import pytest
from wire import MemoryLine, contents, frame

from host_sim import TickClock
from sluice import RecordRing
from sluice.frames import Frames
from sluice.link import Link
from tools.link.ack_pb2 import AckRequest

SEQ = 1 << 24


def u24(value):
    return (value % SEQ).to_bytes(3, "little")


def hello(session=7, base=0):
    return b"\x81" + u24(session) + u24(base)


def record(seq, payload=b"data"):
    return b"\x82" + u24(seq) + payload


class Board:
    def __init__(self, slots=4, size=16, takes_records=True):
        self.clock = TickClock(start=(1 << 30) - 3, strict=True)
        self.line = MemoryLine()
        frames = Frames(self.line, self.clock.ticks)
        self.ring = RecordRing(slots, size, ticks=self.clock.ticks)
        self.link = Link(frames, self.ring if takes_records else None, self.clock.ticks)

    def hear(self, *messages):
        """Give the board these frames; what it answers at once."""
        for content in messages:
            self.line.incoming += frame(content)
        while self.link.poll():
            pass
        return self.answers()

    def answers(self):
        sent = contents(self.line.sent)
        self.line.sent.clear()
        return sent

    def release(self, n=1):
        for _ in range(n):
            assert self.ring.release()
        self.link.processed(n)

    def acks(self, every=1, within=10):
        self.link.acknowledge(every, within)
        return [ack(content) for content in self.answers()]


def ack(content):
    assert content[0] == 0x92
    message = AckRequest.FromString(content[1:])
    return message.processed_count, message.available_capacity, message.rtt_ms


def welcome(content):
    assert content[0] == 0x91 and len(content) == 11
    fields = content[1:4], content[4:7], content[7:8], content[8:11]
    return tuple(int.from_bytes(field, "little") for field in fields)


@pytest.mark.parametrize("base", [0, 5, SEQ - 1])
def test_hello_is_answered_by_welcome_and_credit(base):
    board = Board(slots=4, size=16)
    first, second = board.hear(hello(7, base))
    assert welcome(first) == (7, base, 16, 1000)
    assert ack(second) == (base, 4, 0)


def test_records_are_stored_in_order_and_acknowledged_when_they_left():
    board = Board()
    board.hear(hello(7, SEQ - 1))
    assert board.hear(record(SEQ - 1, b"a"), record(0, b"bb"), record(1, b"ccc")) == []
    assert len(board.ring) == 3
    assert board.acks() == []
    board.release(2)
    assert board.acks() == [(1, 4, 0)]
    assert bytes(board.ring.peek()[: board.ring.peek_len()]) == b"ccc"
    board.release()
    assert board.acks() == [(2, 4, 0)]
    assert board.acks() == []


def test_acknowledgements_are_gathered_until_one_is_due():
    board = Board()
    board.hear(hello(), *[record(seq) for seq in range(4)])
    board.release()
    assert board.acks(every=3, within=10) == []
    board.clock.advance(9)
    assert board.acks(every=3, within=10) == []
    board.clock.advance(1)
    assert board.acks(every=3, within=10) == [(1, 4, 0)]
    board.release(2)
    assert board.acks(every=2, within=10) == [(3, 4, 0)]


def test_a_gap_is_told_once_and_nothing_behind_it_is_taken():
    board = Board()
    board.hear(hello(), record(0))
    answers = board.hear(record(2), record(3))
    assert [welcome(content) for content in answers] == [(7, 1, 16, 1000)]
    assert (len(board.ring), board.link.strays) == (1, 2)
    assert board.hear(record(1), record(2)) == []
    assert len(board.ring) == 3
    assert len(board.hear(record(9))) == 1


def test_a_record_that_came_before_is_not_taken_twice():
    board = Board()
    board.hear(hello(), record(0), record(1))
    answers = board.hear(record(0))
    assert [welcome(content)[1] for content in answers] == [2]
    assert len(board.ring) == 2


def test_after_a_reset_a_record_is_answered_by_session_zero():
    board = Board()
    assert [welcome(content) for content in board.hear(record(5))] == [(0, 0, 16, 1000)]
    assert len(board.ring) == 0


def test_the_same_session_resumes_and_a_new_one_starts_at_its_base():
    board = Board()
    board.hear(hello(7, 100), record(100), record(101))
    first, second = board.hear(hello(7, 0))
    assert welcome(first)[:2] == (7, 102)
    assert ack(second)[:2] == (100, 4)
    first, second = board.hear(hello(8, 50))
    assert welcome(first)[:2] == (8, 50)
    # Two slots still hold the old session's records, which the new one must not count on.
    assert ack(second)[:2] == (50, 2)
    board.release()
    assert board.acks() == []
    board.hear(record(50))
    board.release(2)
    assert board.acks() == [(51, 4, 0)]


def test_a_delivered_record_carries_its_number_and_the_tick_of_its_grant():
    board = Board()
    board.hear(hello(7, 41), record(41, b"\0payload\0"))
    assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), (1 << 30) - 1) is True
    assert board.answers() == [b"\x93" + u24(41) + b"\xff\xff\xff\x3f" + b"\0payload\0"]
    board.line.at_most = 10
    assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), 0) is False


def test_records_of_the_session_before_are_delivered_below_its_base():
    board = Board()
    board.hear(hello(7, 5), record(5), hello(8, 0), record(0))
    board.link.deliver(board.ring.peek(), 4, 0)
    board.release()
    board.link.deliver(board.ring.peek(), 4, 0)
    delivered = [content[1:4] for content in board.answers() if content[0] == 0x93]
    assert delivered == [u24(-1), u24(0)]


def test_a_host_that_breaks_its_credit_or_the_size_is_refused():
    board = Board(slots=2, size=4)
    board.hear(hello())
    answers = board.hear(record(0, b"12345"))
    assert [welcome(content)[1] for content in answers] == [0]
    board.hear(record(0), record(1), record(2))
    assert (board.link.refused, len(board.ring)) == (2, 2)


def test_a_board_that_takes_no_records_says_so():
    board = Board(takes_records=False)
    first, second = board.hear(hello())
    assert welcome(first)[2] == 0
    assert ack(second)[1] == 0
    board.hear(record(0))
    assert board.link.refused == 1
    board.link.processed(3)
    assert len(board.ring) == 0


@pytest.mark.parametrize(
    "content",
    [
        b"\x81",
        hello() + b"x",
        hello(session=0),
        b"\x82\0\0\0",
        b"\x90",
        b"\x93abc",
        b"\0",
        b"x" * 251,
    ],
)
def test_unknown_frames_are_counted_and_change_nothing(content):
    board = Board()
    assert board.hear(content) == []
    assert (board.link.unknown, len(board.ring)) == (1, 0)


def test_round_trip_is_from_the_credit_to_the_record_that_needed_it():
    board = Board(slots=2)
    board.hear(hello(), record(0), record(1))
    board.clock.advance(40)
    board.release()
    assert board.acks() == [(1, 2, 0)]
    board.clock.advance(25)
    board.hear(record(2))
    board.release()
    assert board.acks() == [(2, 2, 25)]


def test_a_limit_below_capacity_is_the_credit():
    board = Board(slots=4)
    board.ring.set_limit(1)
    assert ack(board.hear(hello())[1])[1] == 1
