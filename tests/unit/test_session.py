"""The host's end of the link: alone in tables, and against the firmware's end with faults."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linked_board import LinkedBoard, feed
from wire import frame

from tools.link.ack_pb2 import AckRequest
from tools.link.session import RECORD_MAX, RETRY_S, SEQ_PERIOD, LinkError, Session, new_session

SESSION = 7


def u24(value):
    return (value % SEQ_PERIOD).to_bytes(3, "little")


def hello(base):
    return b"\x81" + u24(SESSION) + u24(base)


def record(seq, payload):
    return b"\x82" + u24(seq) + payload


def welcome(expected, session=SESSION, size=16, per_second=1000):
    return b"\x91" + u24(session) + u24(expected) + bytes([size]) + u24(per_second)


def ack(processed, capacity=4):
    message = AckRequest(processed_count=processed % SEQ_PERIOD, available_capacity=capacity)
    return b"\x92" + message.SerializeToString()


def delivered(seq, payload, tick=1):
    return b"\x93" + u24(seq) + tick.to_bytes(4, "little") + payload


def begun(base=0, capacity=4):
    """A session that the board has answered at time 0."""
    session = Session(SESSION, base)
    session.poll(0)
    session.receive(welcome(base), 0)
    session.receive(ack(base, capacity), 0)
    return session


def send_all(session, payloads, now=0):
    return [session.send(payload, now) for payload in payloads]


def test_it_says_hello_at_once_and_again_until_the_board_answers():
    session = Session(SESSION, 5)
    assert session.poll(0) == [hello(5)]
    assert session.poll(RETRY_S * 0.99) == []
    assert session.deadline == RETRY_S
    assert session.poll(RETRY_S) == [hello(5)]
    assert (session.answered, session.room) == (False, 0)
    session.receive(welcome(5), 1)
    assert (session.answered, session.room) == (True, 0)
    session.receive(ack(5, 4), 1)
    assert session.room == 4
    assert session.deadline == float("inf")
    assert session.poll(100) == []


def test_new_sessions_differ_and_say_nothing_to_a_repl():
    hellos = [new_session().poll(0)[0] for _ in range(300)]
    assert len(set(hellos)) == 300
    assert not set(b"".join(map(frame, hellos))) & {1, 2, 3, 4, 5}


@pytest.mark.parametrize("base", [0, SEQ_PERIOD - 1])
def test_records_are_numbered_and_never_more_under_way_than_there_is_credit(base):
    session = begun(base, capacity=2)
    assert send_all(session, [b"a", b"b"]) == [record(base, b"a"), record(base + 1, b"b")]
    assert session.room == 0
    (first,) = session.receive(ack(base + 1, 2), 1)
    assert (first.payload, first.sent_at, first.acked_at, first.tick) == (b"a", 0, 1, None)
    assert session.room == 1
    assert session.send(b"c", 1) == record(base + 2, b"c")
    assert [r.payload for r in session.receive(ack(base + 3, 2), 2)] == [b"b", b"c"]
    assert (session.room, session.sent, session.sent_again) == (2, 3, 0)


def test_credit_that_shrinks_below_what_is_under_way_is_waited_for():
    session = begun(capacity=4)
    send_all(session, [b"a", b"b", b"c", b"d"])
    session.receive(ack(1, 1), 1)
    assert session.room == 0
    session.receive(ack(3, 1), 1)
    assert session.room == 0
    session.receive(ack(4, 1), 1)
    assert session.room == 1


def test_a_gap_is_closed_by_going_back_once():
    session = begun()
    send_all(session, [b"a", b"b", b"c"])
    session.receive(welcome(1), 0.1)
    assert session.room == 0
    assert session.poll(0.1) == [record(1, b"b"), record(2, b"c")]
    session.receive(welcome(1), 0.2)
    assert session.poll(0.2) == []
    assert session.room == 1
    session.receive(welcome(2), 0.3)
    assert session.poll(0.3) == [record(2, b"c")]
    assert (session.sent, session.sent_again) == (3, 3)


def test_going_back_keeps_to_the_credit():
    session = begun()
    send_all(session, [b"a", b"b", b"c", b"d"])
    session.receive(ack(1, 1), 0.1)
    session.receive(welcome(1), 0.1)
    assert session.poll(0.1) == [record(1, b"b")]
    session.receive(ack(2, 1), 0.2)
    assert session.poll(0.2) == [record(2, b"c")]


def test_silence_makes_it_ask_where_the_board_stands():
    session = begun()
    send_all(session, [b"a", b"b"], now=1)
    session.receive(delivered(0, b"a"), 1.2)
    assert session.deadline == 1.2 + RETRY_S
    assert session.poll(1.2 + RETRY_S) == [hello(0)]
    assert session.room == 0
    session.receive(welcome(1), 2)
    session.receive(ack(0), 2)
    assert session.poll(2) == [record(1, b"b")]
    assert session.resets == 0


def test_silence_of_a_board_without_room_is_no_silence_for_ever():
    session = begun(capacity=0)
    assert session.poll(RETRY_S) == [hello(0)]
    session.receive(welcome(0), 1)
    session.receive(ack(0, 2), 1)
    assert session.room == 2


@pytest.mark.parametrize("told_by", ["session zero", "start line"])
def test_after_a_reset_it_goes_on_from_the_oldest_unacknowledged_record(told_by):
    session = begun()
    send_all(session, [b"a", b"b", b"c"])
    session.receive(delivered(0, b"a"), 0.1)
    session.receive(delivered(1, b"b"), 0.1)
    session.receive(ack(1), 0.1)
    if told_by == "start line":
        session.restarted(0.2)
    session.receive(welcome(0, session=0), 0.2)
    session.receive(welcome(0, session=0), 0.2)
    assert session.poll(0.2) == [hello(1)]
    session.receive(welcome(0, session=0), 0.2)
    session.receive(welcome(1), 0.3)
    session.receive(ack(1), 0.3)
    assert session.poll(0.3) == [record(1, b"b"), record(2, b"c")]
    session.receive(delivered(1, b"b"), 0.4)
    session.receive(delivered(2, b"c"), 0.4)
    again, late = session.receive(ack(3), 0.4)
    assert (again.delivered_at, again.boot, late.delivered_at, late.boot) == (0.1, 0, 0.4, 1)
    assert (session.delivered, session.delivered_again, session.resets) == (3, 1, 1)
    assert session.out_of_order == 0


def test_a_board_that_starts_while_it_is_greeted_is_greeted_at_once():
    session = Session(SESSION, 0)
    session.poll(0)
    session.restarted(0.1)
    assert session.poll(0.1) == [hello(0)]
    assert session.resets == 0


def test_delivered_records_keep_the_tick_of_their_grant():
    session = begun()
    send_all(session, [b"a", b"b"])
    session.receive(delivered(0, b"a", tick=(1 << 30) - 1), 0.5)
    (first,) = session.receive(ack(1), 0.6)
    assert (first.tick, first.delivered_at, first.acked_at) == ((1 << 30) - 1, 0.5, 0.6)


def test_what_comes_back_twice_or_late_is_told_apart():
    session = begun()
    send_all(session, [b"a", b"b", b"c"])
    session.receive(delivered(1, b"b"), 0.1)
    session.receive(delivered(1, b"b"), 0.1)
    session.receive(delivered(0, b"a"), 0.1)
    session.receive(delivered(2, b"c"), 0.1)
    assert (session.delivered, session.delivered_again, session.out_of_order) == (3, 1, 1)


@pytest.mark.parametrize("base", [0, 100])
def test_records_of_an_earlier_session_are_none_of_ours(base):
    session = begun(base)
    session.send(b"a", 0)
    session.receive(delivered(base - 1, b"a"), 0.1)
    assert (session.delivered, session.strange) == (0, 0)


def test_a_reset_between_a_hello_and_its_answer():
    session = begun()
    send_all(session, [b"a", b"b"])
    assert session.poll(RETRY_S) == [hello(0)]
    session.receive(ack(1), RETRY_S)
    session.receive(welcome(0), 1)
    anew = b"\x81" + u24(SESSION + 1) + u24(1)
    assert session.poll(1) == [anew]
    session.receive(welcome(0), 1)
    session.receive(welcome(1, session=SESSION + 1), 1)
    session.receive(ack(1), 1)
    assert session.poll(1) == [record(1, b"b")]
    assert session.resets == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\x55",
        b"\x91abc",
        welcome(0) + b"x",
        delivered(0, b""),
        delivered(0, b"changed"),
        b"\x92\xff",
        ack(2),
        ack(-1),
        b"\x92" + AckRequest(available_capacity=-1).SerializeToString(),
        b"\x82\0\0\0ours",
    ],
)
def test_strange_frames_are_counted_and_change_nothing(content):
    session = begun()
    session.send(b"a", 0)
    assert session.receive(content, 0.1) == []
    assert (session.strange, session.delivered, session.room) == (1, 0, 3)
    assert len(session.under_way) == 1


def test_an_earlier_session_of_the_board_is_passed_over_before_the_first_answer():
    session = Session(SESSION, 0)
    session.poll(0)
    for content in (welcome(9, session=3), ack(9, 64), delivered(0, b"old")):
        assert session.receive(content, 0.1) == []
    assert (session.answered, session.room, session.delivered) == (False, 0, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (welcome(0, size=0), "takes no records"),
        (welcome(0, size=8), "record size of 8 bytes, it was 16"),
        (welcome(0, per_second=0), "clock stands still"),
        (welcome(0, session=3), "another program"),
    ],
)
def test_what_no_feed_can_go_on_after(content, message):
    session = begun()
    session.send(b"a", 0)
    with pytest.raises(LinkError, match=message):
        session.receive(content, 0.1)


def test_a_record_size_beyond_what_frames_carry_is_not_used():
    session = Session(SESSION, 0)
    session.receive(welcome(0, size=255), 0)
    assert session.record_size == RECORD_MAX


def numbered(count):
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("base", [0, SEQ_PERIOD - 20, SEQ_PERIOD - 1])
def test_the_firmware_takes_each_record_once_and_in_order(base):
    board, session = LinkedBoard(), Session(SESSION, base)
    finished = feed(session, numbered(200), board)
    assert board.taken == [record.payload for record in finished] == numbered(200)
    assert all(record.tick is not None for record in finished)
    assert (session.sent_again, session.delivered, session.out_of_order) == (0, 200, 0)


def test_a_board_slower_than_the_timer_is_not_sent_anything_again():
    board, session = LinkedBoard(slots=2, period_ms=1700), Session(SESSION, 0)
    feed(session, numbered(5), board)
    assert board.taken == numbered(5)
    assert session.sent_again == 0


@pytest.mark.parametrize("says_start", [True, False])
def test_resets_of_the_firmware_in_the_middle(says_start):
    board, session = LinkedBoard(period_ms=3, says_start=says_start), Session(SESSION, 11)

    def reset(now_ms):
        if now_ms in (50, 51, 400):
            board.reset()

    finished = feed(session, numbered(300), board, each_ms=reset)
    assert board.resets == 3
    assert [record.payload for record in finished] == numbered(300)
    assert all(record.tick is not None for record in finished)
    assert list(dict.fromkeys(board.taken)) == numbered(300)
    assert session.delivered == 300
    assert session.delivered_again == len(board.taken) - 300
    assert session.out_of_order == 0
    if says_start:
        assert session.resets == 3


def test_a_reset_that_nobody_told_of_is_known_by_what_the_board_expects_again():
    session = begun()
    send_all(session, [b"a", b"b"])
    session.receive(delivered(1, b"b"), 0.1)
    session.poll(0.1 + RETRY_S)
    session.receive(welcome(0), 1)
    session.receive(ack(0), 1)
    assert session.resets == 1
    assert session.poll(1) == [record(0, b"a"), record(1, b"b")]
    session.receive(delivered(0, b"a"), 1.1)
    assert session.out_of_order == 0


class Faults:
    """A line that changes the bytes at some places and loses those at others."""

    def __init__(self, changed, lost):
        self._changed, self._lost = changed, lost
        self._passed = 0

    def __call__(self, data):
        out = bytearray()
        for at, byte in enumerate(data, self._passed):
            if at not in self._lost:
                out.append(byte ^ self._changed.get(at, 0))
        self._passed += len(data)
        return bytes(out)


places = st.integers(0, 3000)
faults = st.builds(
    Faults, st.dictionaries(places, st.integers(1, 255), max_size=12), st.sets(places, max_size=12)
)


@settings(max_examples=150, deadline=None)
@given(
    to_board=faults,
    to_host=faults,
    reset_at=st.sets(st.integers(1, 600), max_size=3),
    says_start=st.booleans(),
    base=st.integers(0, SEQ_PERIOD - 1),
    slots=st.integers(1, 9),
    period_ms=st.integers(1, 4),
)
def test_no_fault_of_the_line_and_no_reset_loses_an_acknowledged_record(
    to_board, to_host, reset_at, says_start, base, slots, period_ms
):
    board = LinkedBoard(slots=slots, period_ms=period_ms, says_start=says_start)
    session = Session(SESSION, base)

    def reset(now_ms):
        if now_ms in reset_at:
            board.reset()

    finished = feed(session, numbered(100), board, to_board, to_host, reset)
    assert [record.payload for record in finished] == numbered(100)
    assert list(dict.fromkeys(board.taken)) == numbered(100)
    if not board.resets:
        assert board.taken == numbered(100)
    assert session.delivered == sum(record.tick is not None for record in finished)
    assert session.out_of_order == 0
