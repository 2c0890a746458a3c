"""The board's end of the link at the ends of its numbers, and its round trip's every case."""

import pytest
from framing_board import MAX_CONTENT
from session_board import SEQ, Board, ack, hello, record, sent_records, taken, welcome
from wire import delivered, deliveries

from sluice.flow.pipeline import TAKEN
from sluice.link.frames import Frames
from sluice.link.session import MAX_RECORD, Session
from sluice_tools.serial.ack_pb2 import AckRequest

SMALL_MAX = (1 << 30) - 1


@pytest.mark.parametrize("processed", [0, 1, 126, 127, 128, 129, 16383, 16384, SEQ - 1])
def test_an_acknowledgement_is_encoded_as_protobuf_does(processed):
    board = Board(slots=300, size=1)
    for limit in (1, 126, 127, 128, 255, 300):
        board.ring.set_limit(limit)
        sent = board.hear(hello(session=limit, base=processed))[1]
        message = AckRequest(processed_count=processed, available_capacity=limit, session=limit)
        assert sent == b"\x92" + message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("size", [1, 16, MAX_RECORD])
def test_a_kept_delivery_may_have_any_size(size):
    board = Board(size=size, window=2)
    board.hear(hello(), record(0, b"\0" * size), record(1, b"x" * size))
    first = board.deliver(2) + board.turn()
    assert [payload for *_, payload in deliveries(first)] == [b"\0" * size, b"x" * size]
    assert board.hear(taken(0, 9)) == first


@pytest.mark.parametrize("window", [1, 2, 3, 7])
def test_the_window_goes_round(window):
    board = Board(slots=8, window=window)
    board.hear(hello())
    for seq in range(40):
        board.hear(record(seq, b"%d" % seq))
        assert [payload for *_, payload in deliveries(board.deliver())] == [b"%d" % seq]
        if seq % window == window - 1:
            assert len(board.hear(taken(seq - window + 1, 255))) == window
            board.hear(taken(seq + 1))


def test_every_byte_of_a_number_counts():
    board = Board()
    board.link._per_second = 0x0A0908
    assert welcome(board.hear(hello(0x030201, 0x060504))[0]) == (0x030201, 0x060504, 16, 0x0A0908)
    assert board.hear(record(0x060504)) == []
    assert len(board.ring) == 1


def test_the_largest_record_fills_a_delivered_frame():
    board = Board(size=MAX_RECORD)
    board.link.deliver(bytes(MAX_RECORD), MAX_RECORD, 0)
    (content,) = board.frames()
    assert len(content) == MAX_CONTENT


@pytest.mark.parametrize(
    ("counter", "content"),
    [
        ("unknown", b"\x90"),
        ("strays", record(9)),
        ("duplicates", record(-1)),
        ("malformed", b"\x82"),
        ("versions", b"\x81\x01"),
        ("refused", record(0, b"x" * 17)),
    ],
)
def test_counters_stop_at_the_largest_small_integer(counter, content):
    board = Board()
    board.hear(hello())
    setattr(board.link, counter, SMALL_MAX - 2)
    for expected in (SMALL_MAX - 1, SMALL_MAX, SMALL_MAX):
        board.hear(content)
        assert getattr(board.link, counter) == expected


def test_the_counter_of_repeats_stops_there_too():
    board = sent_records(0, 1)
    board.deliver()
    board.link.repeated = SMALL_MAX - 1
    for _ in range(3):
        board.hear(taken(0, 1))
        assert board.link.repeated == SMALL_MAX


@pytest.mark.parametrize("kind", [b"\x80", b"\x86", b"\x90", b"\xff"])
@pytest.mark.parametrize("rest", [hello()[1:], record(0)[1:]])
def test_a_frame_of_another_type_is_not_taken_for_a_known_one(kind, rest):
    board = Board()
    board.hear(hello())
    assert board.hear(kind + rest) == []
    assert (board.link.unknown, board.link.strays, len(board.ring)) == (1, 0, 0)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_record_without_a_payload_is_malformed(length):
    board = Board()
    board.hear(hello())
    assert board.hear(record(0)[:length]) == []
    assert (board.link.malformed, board.link.refused, board.link.strays) == (1, 0, 0)


def test_before_any_session_the_expected_record_is_not_taken_either():
    board = Board()
    assert [welcome(content)[:2] for content in board.hear(record(0))] == [(0, 0)]
    assert (len(board.ring), board.link.strays) == (0, 1)


@pytest.mark.parametrize("session", [1, 6, 8, SEQ - 1])
def test_any_other_session_is_a_new_one(session):
    board = Board()
    board.hear(hello(7), record(0))
    assert welcome(board.hear(hello(session, 50))[0])[:2] == (session, 50)
    assert board.hear(record(50)) == []
    assert len(board.ring) == 2


def test_hello_makes_a_gap_worth_telling_again():
    board = Board()
    board.hear(hello())
    assert len(board.hear(record(1), record(2))) == 1
    board.hear(hello())
    assert len(board.hear(record(1), record(2))) == 1


def test_old_records_beyond_the_limit_leave_no_credit():
    board = Board(slots=4)
    board.hear(hello(7), *[record(seq) for seq in range(3)])
    for limit, credit in ((4, 1), (3, 0), (1, 0)):
        board.ring.set_limit(limit)
        assert ack(board.hear(hello(8))[1]) == (0, credit, 0)


def test_the_wait_for_an_acknowledgement_is_that_of_the_oldest_record():
    board = Board()
    board.hear(hello(), record(0), record(1))
    board.release()
    board.clock.advance(6)
    board.release()
    assert board.acks(every=9, within=10) == []
    board.clock.advance(5)
    assert board.acks(every=9, within=10) == [(2, 4, 0)]


def test_a_board_that_takes_no_records_acknowledges_none_and_delivers_at_the_base():
    board = Board(takes_records=False)
    board.hear(hello(7, 5))
    board.link.ended(TAKEN, 3)
    assert board.acks() == []
    assert board.link.deliver(b"pulse", 5, 9) is True
    assert board.answers() == [delivered(5, b"pulse", tick=9)]


# The round trip is from a credit to the record that only this credit allowed: with 4 slots, when
# one of two has left, the fourth after that. Its number is also tried where it is 0.
def probed(slots=4, base=0):
    """A board that has just given credit while a record is under way."""
    board = Board(slots=slots)
    board.hear(hello(7, base), record(base), record(base + 1))
    board.release()
    assert board.acks() == [((base + 1) % SEQ, slots, 0)]
    return board


@pytest.mark.parametrize("base", [0, SEQ - 4])
def test_the_round_trip_ends_with_its_own_record(base):
    board = probed(base=base)
    for seq in range(base + 2, base + 5):
        board.clock.advance(5)
        board.hear(record(seq))
    board.release()
    assert board.acks() == [((base + 2) % SEQ, 4, 15)]


@pytest.mark.parametrize("base", [0, SEQ - 4])
def test_a_later_credit_does_not_restart_the_round_trip(base):
    board = probed(base=base)
    board.clock.advance(10)
    board.hear(record(base + 2))
    board.release()
    board.acks()
    board.clock.advance(20)
    board.hear(record(base + 3), record(base + 4))
    board.release()
    assert board.acks() == [((base + 3) % SEQ, 4, 30)]


def test_a_gap_ends_the_round_trip_without_a_result():
    board = probed()
    board.hear(record(3))
    board.clock.advance(40)
    board.hear(record(2), record(3), record(4))
    board.release()
    assert board.acks() == [(2, 4, 0)]


def test_hello_restarts_the_round_trip():
    board = probed()
    board.clock.advance(10)
    board.hear(hello())
    board.clock.advance(5)
    board.hear(record(2), record(3), record(4))
    board.release()
    assert board.acks() == [(2, 4, 5)]


@pytest.mark.parametrize(
    ("per_second", "ticks", "rtt_ms"),
    [
        (1000, 0, 0),
        (1000, 2345, 2345),
        (1000, 60_000, 60_000),
        (1000, 60_001, 0),  # unknown
        (1000, 1 << 29, 0),
        (1000, (1 << 30) - 1, 0),
        (1_000_000, 999, 0),
        (1_000_000, 1000, 1),
        (1_000_000, 999_999, 999),
        (1_000_000, 2_999_999, 2999),
        (1_000_000, 60_000_000, 60_000),
        (1_000_000, 60_000_001, 0),
        (100, 37, 370),
    ],
)
def test_the_round_trip_is_told_in_milliseconds_of_any_clock(per_second, ticks, rtt_ms):
    board = Board(slots=2)
    board.link = Session(
        Frames(board.line, board.clock.ticks), board.ring, board.clock.ticks, per_second
    )
    board.hear(hello(), record(0), record(1))
    board.release()
    board.acks()
    board.clock.advance(ticks)
    board.hear(record(2))
    board.release()
    assert board.acks() == [(2, 2, rtt_ms)]


@pytest.mark.parametrize("idle", [5000, (1 << 29) - 1, 1 << 29, (1 << 30) - 1, 1 << 30])
def test_the_time_in_which_a_host_had_nothing_to_send_is_no_round_trip(idle):
    board = probed()
    board.clock.advance(20)
    board.hear(record(2), record(3), record(4))
    board.release()
    assert board.acks() == [(2, 4, 20)]
    board.release(3)
    assert board.acks() == [(5, 4, 0)]
    for part in (idle // 2, idle - idle // 2):
        board.clock.advance(part)
        assert board.turn() == []
    board.hear(*[record(seq) for seq in range(5, 9)])
    board.release()
    assert board.acks() == [(6, 4, 0)]


def test_a_round_trip_that_never_ends_is_forgotten_before_its_tick_means_something_else():
    board = probed()
    for _ in range(4):
        board.clock.advance(1 << 28)
        board.turn()
    board.clock.advance(30)  # a whole period and 30 ticks
    board.hear(record(2), record(3), record(4))
    board.release()
    assert board.acks() == [(2, 4, 0)]


def test_an_acknowledgement_that_waited_for_half_a_period_is_due():
    board = Board()
    board.hear(hello(), record(0), record(1))
    board.release()
    board.clock.advance((1 << 29) + 5)
    assert board.acks(every=9, within=10) == [(1, 4, 0)]
