"""The host's end of the link: alone in tables, and against the firmware's end with faults."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linked_board import LinkedBoard, feed
from wire import delivered, records, to_board

from sluice_tools.serial.ack_pb2 import AckRequest
from sluice_tools.serial.roundtrip import LEAST_LOSSY_S, LEAST_S, MOST_S
from sluice_tools.serial.session import (
    ASK_S,
    GREET_S,
    LATE_S,
    PING_S,
    RECORD_MAX,
    LinkError,
    Session,
    SessionState,
    new_session,
    together,
)
from sluice_tools.serial.window import GIVEN_UP, OVERWRITTEN, SEQ_PERIOD, SHED

SESSION = 7
HELLO_1 = 0x20  # the number of a session's first hello
PING_1 = b"\x87\x01"


def u24(value):
    return (value % SEQ_PERIOD).to_bytes(3, "little")


def hello(base, taken=None, number=HELLO_1, session=SESSION, not_taken=()):
    taken = base if taken is None else taken
    counts = b"".join(map(u24, not_taken))
    return bytes([0x81, 0x23, number]) + u24(session) + u24(base) + u24(taken) + counts


def taken(seq, missing=0):
    return b"\x84" + u24(SESSION) + u24(seq) + bytes([missing])


def record(seq, payload):
    return records(seq, payload)


def welcome(expected, session=SESSION, size=16, per_second=1000, number=HELLO_1):
    place = bytes([0x91, 0x23, number]) + u24(session) + u24(expected)
    return place + bytes([size]) + u24(per_second)


def pong(number, session=SESSION):
    return bytes([0x97, number]) + u24(session)


def ack(processed, capacity=4, rtt_ms=0, session=SESSION, **not_taken):
    message = AckRequest(
        processed_count=processed % SEQ_PERIOD,
        available_capacity=capacity,
        rtt_ms=rtt_ms,
        session=session,
        **not_taken,
    )
    return b"\x92" + message.SerializeToString()


def ended(seq, count, how):
    return b"\x99" + u24(seq) + u24(count) + bytes([how])


RTT_S = 0.1
TIMEOUT_S = RTT_S + 4 * RTT_S / 2  # RFC 6298, after one measurement


def begun(base=0, capacity=4, held=False):
    """A session that the board has answered at time 0, after RTT_S."""
    session = Session(SESSION, base, held)
    session.poll(-RTT_S)
    session.receive(welcome(base), 0)
    session.receive(ack(base, capacity), 0)
    session.round_trip.lossy = True  # so the timeout is no longer than TIMEOUT_S
    return session


def said(session, now):
    """What goes out now besides new records and pings."""
    return [content for content in session.poll(now) if content[0] != 0x87]


def send_all(session, payloads, now=0):
    """The first records after a pause bring a ping with them; the next is due PING_S later."""
    contents = [session.send(payload, now) for payload in payloads]
    assert said(session, now) == []
    return contents


def test_it_says_hello_at_once_and_again_until_the_board_answers():
    session = Session(SESSION, 5)
    assert session.poll(0) == [hello(5)]
    assert session.poll(GREET_S * 0.99) == []
    for again in range(1, 9):
        assert session.deadline == GREET_S * again
        assert session.poll(GREET_S * again) == [hello(5)]
    assert (session.state, session.answered, session.room) == (SessionState.CALLING, False, 0)
    session.receive(welcome(5, number=HELLO_1 + 1), 1)
    assert not session.answered
    session.receive(welcome(5), 1)
    assert session.round_trip.mean_s is None
    assert (session.state, session.answered, session.room) == (SessionState.OPEN, True, 0)
    session.receive(ack(5, 4), 1)
    assert session.room == 4
    assert session.deadline == float("inf")
    assert session.poll(100) == []


@pytest.mark.parametrize("base", [0, SEQ_PERIOD - 2])
def test_deliveries_that_are_held_are_confirmed_when_they_are_done_with(base):
    session = begun(base, held=True)
    send_all(session, [b"a", b"b", b"c", b"d"])
    session.receive(delivered(base, b"a"), 0.01)
    session.receive(ended(base + 1, 1, SHED), 0.01)
    session.receive(delivered(base + 2, b"c"), 0.01)
    assert session.poll(0.1) == []
    assert [session.record((base + i) % SEQ_PERIOD).returned for i in range(4)] == [1, 1, 1, 0]
    session.confirm((base + 2) % SEQ_PERIOD, 0.1)
    assert session.confirmed_seq == (base + 2) % SEQ_PERIOD
    assert session.poll(session.deadline) == [taken(base + 2)]
    session.receive(ack(base + 2), 0.11)
    assert session.first_seq == (base + 2) % SEQ_PERIOD
    assert session.record(base) is None
    assert session.poll(0.2) == []
    session.confirm((base + 3) % SEQ_PERIOD, 0.2)
    assert session.poll(session.deadline) == [taken(base + 3)]


def test_new_sessions_differ_and_say_nothing_to_a_repl():
    hellos = [new_session().poll(0)[0] for _ in range(300)]
    assert len(set(hellos)) == 300
    assert not set(b"".join(map(to_board, hellos))) & {1, 2, 3, 4, 5, 10, 13}


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


def test_a_gap_is_closed_by_going_back_once_in_a_round_trip():
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
    session.receive(welcome(2), 0.3 + TIMEOUT_S)
    assert session.poll(0.3 + TIMEOUT_S) == [record(2, b"c")]
    assert (session.sent, session.sent_again) == (3, 4)


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
    send_all(session, [b"a", b"b"], now=0)
    session.receive(delivered(0, b"a"), 0.2)
    at = session.deadline
    assert session.poll(at) == [taken(1)]
    at = 0.2 + TIMEOUT_S
    assert session.deadline == at
    assert session.poll(at) == [hello(0, taken=1, number=HELLO_1 + 1)]
    assert (session.state, session.room) == (SessionState.GREETING, 0)
    session.receive(welcome(1), at)  # a late answer to the hello before
    assert session.room == 0
    session.receive(welcome(1, number=HELLO_1 + 1), at)
    session.receive(ack(0), at)
    assert session.poll(at) == [record(1, b"b")]
    assert session.resets == 0


def test_the_wait_is_doubled_while_nothing_moves():
    session = begun(capacity=0)
    at, waits = 0, []
    for number in range(8):
        waits.append(session.deadline - at)
        at = session.deadline
        assert session.poll(at) == [hello(0, number=HELLO_1 + 1 + number)]
        session.receive(welcome(0, number=HELLO_1 + 1 + number), at + RTT_S)
        session.receive(ack(0, 0), at + RTT_S)
        at += RTT_S
    assert waits[0] < waits[1] <= waits[2] < MOST_S
    assert waits[-2:] == pytest.approx([MOST_S, MOST_S])
    session.receive(ack(0, 2), at)
    assert session.room == 2
    session.send(b"a", at)
    assert session.deadline < at + 2 * TIMEOUT_S


@pytest.mark.parametrize(
    "shows_a_loss", [None, welcome(1), delivered(1, b"b")], ids=["no", "record", "delivery"]
)
def test_a_quick_board_may_be_silent_for_long_until_the_line_has_lost_something(shows_a_loss):
    session = Session(SESSION, 0)
    session.poll(0)
    session.receive(welcome(0), 0.001)
    session.receive(ack(0, 2), 0.001)
    send_all(session, [b"a", b"b"], 0.001)
    if shows_a_loss is not None:
        session.receive(shows_a_loss, 0.001)
    least_s = LEAST_S if shows_a_loss is None else LEAST_LOSSY_S
    session.poll(0.001)
    session.receive(delivered(0, b"a"), 0.001)
    assert not said_hello(session, least_s)
    assert said_hello(session, 0.001 + least_s)


def said_hello(session, at):
    return any(content[0] == 0x81 for content in session.poll(at))


def test_the_round_trip_is_measured_by_pings_while_records_are_under_way():
    session = begun()
    session.send(b"a", 0)
    assert session.poll(0) == [b"\x87\x01"]
    session.receive(delivered(0, b"a"), 0.9)
    session.poll(0.9)
    assert session.deadline == PING_S
    assert session.poll(PING_S) == [b"\x87\x02"]
    before = session.round_trip.mean_s
    session.receive(pong(1), 1.3)  # an answer to another one
    assert session.round_trip.mean_s == before
    session.receive(pong(2), 1.3)
    session.receive(pong(2), 9)
    assert session.round_trip.mean_s == pytest.approx(before + 0.2 / 8)


def test_a_line_that_is_backed_up_halves_the_window():
    session = begun(capacity=8)
    send_all(session, [b"%d" % n for n in range(8)])
    session.receive(ack(1, 8, rtt_ms=500), 0.1)
    assert session.room == 1
    session.receive(ack(1, 8, rtt_ms=501), 0.1)
    assert session.room == 0  # 4 of 8, and 7 are under way
    session.receive(ack(7, 8), 0.2)
    send_all(session, [b"x"] * session.room, 0.2)
    assert len(session.under_way) == 5
    # Measured while the window is halved: how long the credit is left unused.
    session.receive(ack(8, 8, rtt_ms=900), 2)
    assert session.room == 6 - 4
    for now in (2.1, 2.2):
        session.receive(ack(8, 8), now)
    assert session.room == 8 - 4


def test_a_round_trip_that_the_board_says_again_is_not_measured_again():
    session = begun(capacity=8)
    send_all(session, [b"a", b"b"])
    session.receive(ack(0, 8, rtt_ms=900), 0.1)  # with credit left, it means nothing
    send_all(session, [b"x"] * 6, 0.1)
    for until in (0, 4):
        session.receive(ack(until, 8, rtt_ms=900), 0.2)
    assert session.room == 4


def test_a_host_with_nothing_to_send_does_not_take_that_for_a_line_that_is_backed_up():
    session = begun(capacity=8)
    send_all(session, [b"x"] * 8, 0.8)  # the credit for them came at 0
    session.receive(ack(0, 8, rtt_ms=802), 0.81)
    session.receive(ack(8, 8, rtt_ms=802), 0.82)
    assert session.room == 8


def test_a_line_that_loses_records_gets_a_smaller_window():
    session = begun(capacity=64)
    send_all(session, [b"x"] * 64)
    session.receive(welcome(1), 0.1)
    assert len(said(session, 0.1)) == 32 - 1
    session.receive(ack(64, 64), 0.2)
    assert session.room == 32 + 1


def test_a_credit_that_was_not_used_up_measures_nothing():
    session = begun(capacity=8)
    send_all(session, [b"a", b"b"])
    session.receive(ack(2, 8, rtt_ms=60_000), 60)
    assert session.room == 8


def test_a_slow_ping_halves_it_too_and_keeps_it_down():
    session = begun(capacity=8)
    send_all(session, [b"%d" % n for n in range(8)])
    session.receive(pong(1), 5.6)
    for n in range(1, 9):
        session.receive(ack(n, 8), 5.6)
    assert session.room == 4


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
    assert session.poll(0.2) == [hello(1, taken=2, number=HELLO_1 + 1)]
    session.receive(welcome(0, session=0), 0.2)
    session.receive(welcome(1, number=HELLO_1 + 1), 0.3)
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


def test_what_comes_back_twice_or_late_is_put_right():
    session = begun()
    send_all(session, [b"a", b"b", b"c"])
    for seq, payload in ((1, b"b"), (1, b"b"), (0, b"a"), (2, b"c")):
        session.receive(delivered(seq, payload), 0.1)
    assert [r.payload for r in session.receive(ack(3), 0.1)] == [b"a", b"b", b"c"]
    assert (session.delivered, session.delivered_again, session.out_of_order) == (3, 1, 0)


def test_grants_that_are_not_in_the_order_of_sending_are_counted():
    session = begun(capacity=8)
    send_all(session, [b"a", b"b", b"c", b"d"])
    for seq, payload, tick in ((0, b"a", (1 << 30) - 1), (1, b"b", 5), (2, b"c", 4), (3, b"d", 4)):
        session.receive(delivered(seq, payload, tick=tick), 0.1)
    session.receive(ack(4), 0.1)
    assert session.out_of_order == 1


def test_records_that_follow_each_other_go_out_in_one_frame_as_far_as_it_holds_them():
    session = begun(SEQ_PERIOD - 1, capacity=9)
    sent = [session.send(payload, 0) for payload in (b"a", b"bb", b"c" * 16)]
    assert together(sent) == [records(SEQ_PERIOD - 1, b"a", b"bb", b"c" * 16)]
    ping = b"\x87\x01"
    assert together([sent[0], ping, *sent[1:]]) == [sent[0], ping, records(0, b"bb", b"c" * 16)]
    assert together([sent[0], sent[2]]) == [sent[0], sent[2]]
    assert together([sent[1], sent[0]]) == [sent[1], sent[0]]
    full = [records(n, b"x" * 81) for n in range(4)]
    assert together(full) == [records(0, *[b"x" * 81] * 3), full[3]]
    assert together([records(0, b"x" * 81), records(1, b"x" * 163)]) == [
        records(0, b"x" * 81, b"x" * 163)
    ]
    over = [records(0, b"x" * 81), records(1, b"x" * 164)]
    assert together(over) == over


@pytest.mark.parametrize("base", [0, SEQ_PERIOD - 1])
def test_several_deliveries_may_come_in_a_frame(base):
    session = begun(base, capacity=8)
    send_all(session, [b"a", b"b", b"c"])
    first = (1 << 30) - 200
    session.receive(delivered(base, b"a", b"b", b"c", tick=first, later=150), 0.1)
    assert session.delivered == 3
    done = session.receive(ack((base + 3) % SEQ_PERIOD), 0.1)
    assert [record.tick for record in done] == [first, first + 150, 100]
    assert session.out_of_order == 0


def test_deliveries_are_confirmed_together():
    session = begun(capacity=32)
    send_all(session, [b"x"] * 32)
    for seq in range(7):
        session.receive(delivered(seq, b"x"), 0.1)
        assert session.poll(0.1) == []
    session.receive(delivered(7, b"x"), 0.1)
    assert session.poll(0.1) == [taken(8)]
    session.receive(delivered(8, b"x"), 0.1)
    assert session.poll(0.1) == []
    assert session.deadline == pytest.approx(0.15)
    assert session.poll(session.deadline) == [taken(9)]
    session.receive(ack(5, 32), 0.16)
    assert session.poll(0.2) == []


@pytest.mark.parametrize(("credit", "together"), [(1, 1), (4, 1), (8, 2), (32, 8), (64, 8)])
def test_a_board_with_little_room_is_told_sooner(credit, together):
    session = begun(capacity=credit)
    send_all(session, [b"x"] * credit)
    for seq in range(together):
        assert session.poll(0.1) == []
        session.receive(delivered(seq, b"x"), 0.1)
    assert session.poll(0.1) == [taken(together)]


def test_a_missing_delivery_is_asked_for_at_once_and_again_after_a_round_trip():
    session = begun(capacity=8)
    send_all(session, [b"%d" % n for n in range(6)])
    session.receive(delivered(0, b"0"), 0.1)
    session.receive(delivered(3, b"3"), 0.1)
    assert session.poll(0.1) == [taken(1, missing=2)]
    session.receive(delivered(4, b"4"), 0.2)
    assert session.poll(0.2) == []
    session.receive(delivered(5, b"5"), 0.1 + TIMEOUT_S - 0.05)
    assert session.deadline == 0.1 + TIMEOUT_S
    assert session.poll(0.1 + TIMEOUT_S) == [taken(1, missing=2)]
    session.receive(delivered(1, b"1"), 0.5)
    assert session.poll(0.5) == [taken(2, missing=1)]
    session.receive(delivered(2, b"2"), 0.6)
    assert session.poll(0.605) == [taken(6)]


def test_a_delivery_that_comes_again_is_confirmed_again():
    session = begun()
    send_all(session, [b"a"])
    for now in (0.1, 0.15):
        session.receive(delivered(0, b"a"), now)
        assert session.poll(now + 0.005) == [taken(1)]


def test_a_changed_record_is_asked_for_again_and_then_lost():
    session = begun()
    send_all(session, [b"a", b"b"])
    session.receive(delivered(0, b"x"), 0.1)
    assert session.poll(0.1) == [taken(0)]
    session.receive(delivered(0, b"a"), 0.1)
    session.receive(delivered(1, b"y"), 0.1)
    session.receive(delivered(1, b"y"), 0.1)
    session.receive(ack(2), 0.1)
    assert (session.delivered, session.refused["changed"]) == (1, 2)


def test_a_record_that_the_board_gave_up_is_told_without_a_delivery():
    session = begun()
    send_all(session, [b"a", b"b"])
    session.receive(ended(0, 1, GIVEN_UP), 0.1)
    session.receive(delivered(1, b"b"), 0.1)
    assert session.poll(session.deadline) == [taken(2)]
    first, second = session.receive(ack(2), 0.2)
    assert (first.tick, second.tick, session.delivered) == (None, 1, 1)
    assert (first.not_taken, second.not_taken) == (GIVEN_UP, 0)


@pytest.mark.parametrize("base", [0, SEQ_PERIOD - 2])
def test_a_run_that_ended_without_a_delivery_is_one_frame_and_progress_once(base):
    session = begun(base)
    send_all(session, [b"a", b"b", b"c", b"d"])
    session.receive(ended(base - 1, 4, SHED), 0.1)  # from a record before this session's on
    assert [record.not_taken for record in session.under_way] == [SHED, SHED, SHED, 0]
    assert session.confirmed_seq == (base + 3) % SEQ_PERIOD
    assert said(session, session.deadline) == [taken(base + 3)]
    session.receive(ended(base, 3, SHED), 0.2)  # the board has not heard that
    assert said(session, 0.2) == [taken(base + 3)]
    session.receive(ended(base, 9, SHED | GIVEN_UP), 0.3)  # beyond what was sent
    assert [record.not_taken for record in session.under_way] == [4, 4, 4, 6]
    assert session.confirmed_seq == (base + 4) % SEQ_PERIOD


def counts(session):
    return session.given_up, session.shed, session.overwritten


def test_what_the_sink_did_not_take_is_counted_by_acknowledgements_that_are_new():
    session = begun()
    send_all(session, [b"a", b"b", b"c", b"d"])
    session.receive(ack(0, shed=1), 0.1)
    assert counts(session) == (0, 0, 0)
    session.receive(ack(3, given_up=1, overwritten=2), 0.1)
    session.receive(ack(2, shed=1), 0.1)
    session.receive(ack(3, shed=3), 0.1)
    session.receive(ack(4, shed=4, session=SESSION + 1), 0.1)
    assert counts(session) == (1, 0, 2)


def test_after_a_reset_the_board_is_told_the_counts_of_what_is_acknowledged():
    session = begun()
    send_all(session, [b"a", b"b", b"c"])
    session.receive(ack(2, given_up=1, shed=1), 0.1)
    session.receive(welcome(0, session=0), 0.2)
    assert session.poll(0.2) == [hello(2, number=HELLO_1 + 1, not_taken=(1, 1, 0))]


def test_counts_go_on_beyond_their_period():
    session = begun()
    send_all(session, [b"a", b"b", b"c", b"d"])
    half = SEQ_PERIOD // 2
    for until, count in ((1, half - 1), (2, SEQ_PERIOD - 2), (3, 5)):
        session.receive(ack(until, shed=count), 0.1)
    assert session.shed == SEQ_PERIOD + 5
    session.receive(welcome(0, session=0), 0.2)
    assert session.poll(0.2) == [hello(3, number=HELLO_1 + 1, not_taken=(0, 5, 0))]


def test_runs_that_ended_without_a_delivery_are_counted_once_each():
    session = begun()
    send_all(session, [b"a", b"b", b"c", b"d"])
    session.receive(ended(0, 2, SHED), 0.1)
    session.receive(ended(0, 3, SHED | GIVEN_UP), 0.1)
    session.receive(ended(3, 9, OVERWRITTEN), 0.1)
    session.receive(ack(4), 0.1)
    assert counts(session) == (1, 2, 1)


@pytest.mark.parametrize("base", [0, 100])
def test_records_of_an_earlier_session_are_none_of_ours(base):
    session = begun(base)
    session.send(b"a", 0)
    session.receive(delivered(base - 1, b"a"), 0.1)
    assert (session.delivered, session.refused.total()) == (0, 0)


def test_a_reset_between_a_hello_and_its_answer():
    session = begun()
    send_all(session, [b"a", b"b", b"c"])
    session.receive(ack(1), 0.1)
    assert session.poll(0.1 + TIMEOUT_S) == [hello(1, number=HELLO_1 + 1)]
    # The board was reset, and then it was an old hello that began the session anew.
    session.receive(welcome(0, number=HELLO_1 + 1), 1)
    (anew,) = session.poll(1)
    assert anew == hello(1, number=HELLO_1 + 2, session=SESSION + 1)
    session.receive(welcome(0, number=HELLO_1 + 1), 1)
    session.receive(welcome(1, session=SESSION + 1, number=HELLO_1 + 2), 1)
    session.receive(ack(1, session=SESSION + 1), 1)
    assert session.poll(1)[-2:] == [record(1, b"b"), record(2, b"c")]
    assert session.resets == 1


def test_an_answer_that_was_overtaken_by_acknowledgements_is_asked_for_again():
    session = begun()
    send_all(session, [b"a", b"b"])
    session.poll(TIMEOUT_S)
    session.receive(ack(2), 0.9)
    session.receive(welcome(1, number=HELLO_1 + 1), 1)
    assert session.poll(1) == [hello(2, number=HELLO_1 + 2)]
    session.receive(welcome(2, number=HELLO_1 + 2), 1)
    assert (session.room, session.resets) == (4, 0)


def test_a_gap_that_was_told_late_is_none():
    session = begun()
    send_all(session, [b"a", b"b"])
    session.receive(ack(2), 0.1)
    session.receive(welcome(1), 0.1)
    session.receive(ack(1), 0.1)
    assert (session.poll(0.1), session.room, session.refused.total()) == ([], 4, 0)


@pytest.mark.parametrize(
    ("reason", "content"),
    [
        ("type", b"\x55"),
        ("version", b"\x91"),
        ("version", b"\x91abc"),
        ("version", b"\x91\x24" + welcome(0)[2:]),
        ("length", b"\x91\x23"),
        ("length", welcome(0) + b"x"),
        ("length", delivered(0)),
        ("length", delivered(0, b"a")[:-1]),
        ("length", delivered(0, b"a") + b"\0"),
        ("length", delivered(0, b"a", b"")),
        ("length", pong(1)[:-1]),
        ("length", pong(1) + b"x"),
        ("length", delivered(0, b"")),
        ("length", ended(0, 1, SHED)[:-1]),
        ("length", ended(0, 1, SHED) + b"x"),
        ("changed", delivered(0, b"changed")),
        ("content", b"\x92\xff"),
        ("content", ack(2)),
        ("content", ack(0, -1)),
        *[("content", ack(1, **{how: -1})) for how in ("given_up", "shed", "overwritten")],
        ("type", b"\x82\0\0\0\x04ours"),
    ],
)
def test_strange_frames_are_counted_by_the_reason_and_change_nothing(reason, content):
    session = begun()
    session.send(b"a", 0)
    assert session.receive(content, 0.1) == []
    assert dict(session.refused) == {reason: 1}
    assert (session.delivered, session.room) == (0, 3)
    assert len(session.under_way) == 1


@pytest.mark.parametrize("kind", [0x94, 0x95, 0x96, 0x98])
def test_answers_to_other_programs_at_the_port_are_no_damage(kind):
    session = begun()
    assert session.receive(bytes([kind]) + b"for another", 0.1) == []
    assert not session.refused


@pytest.mark.parametrize("answer", [b"\x91\x1f", b"\x91\x24" + welcome(0)[2:]])
def test_a_board_with_another_version_is_told_in_one_line(answer):
    session = Session(SESSION, 0)
    session.poll(0)
    with pytest.raises(LinkError, match="speaks version (1f|24) of the link.*23: flash the board"):
        session.receive(answer, 0)


def test_an_earlier_session_of_the_board_is_passed_over_before_the_first_answer():
    session = Session(SESSION, 0)
    session.poll(0)
    for content in (welcome(9, session=3), ack(9, 64), delivered(0, b"old"), pong(0, session=3)):
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
        session.receive(content, LATE_S)
    assert (session.state, session.room) == (SessionState.LOST, 0)
    session.restarted(LATE_S)
    assert session.receive(ack(1), LATE_S) == []
    assert (session.deadline, session.poll(9)) == (float("inf"), [])


def test_a_late_answer_to_the_feed_before_is_passed_over():
    session = begun()
    session.send(b"a", 0)
    now = LATE_S * 0.9
    assert session.receive(welcome(9, session=3), now) == []
    assert session.poll(now) == [PING_1]
    assert [each.payload for each in session.receive(ack(1), now)] == [b"a"]
    assert session.room == 4
    assert said(session, now + LATE_S) == []


def test_an_idle_feed_asks_whose_the_board_is_after_a_late_answer_to_the_feed_before():
    session = begun()
    now = LATE_S * 0.9
    session.receive(welcome(9, session=3), now)
    assert session.deadline == now
    assert session.poll(now) == [PING_1]
    assert (session.deadline, session.poll(now)) == (now + ASK_S, [])
    assert session.poll(now + ASK_S) == [PING_1]  # the line may have lost the first
    session.receive(pong(1), now + ASK_S + 0.1)
    assert (session.deadline, session.poll(now + LATE_S)) == (float("inf"), [])
    assert (session.state, session.room) == (SessionState.OPEN, 4)


@pytest.mark.parametrize(
    "answers", [(), (pong(1, session=3),), (pong(0),), (welcome(9, session=3),)]
)
def test_a_feed_that_another_takes_over_at_once_ends(answers):
    session = begun()
    now = LATE_S * 0.9
    session.receive(welcome(9, session=3), now)
    assert session.poll(now) == [PING_1]
    for answer in answers:
        session.receive(answer, now + 0.1)
    while session.deadline < now + LATE_S:
        assert session.poll(session.deadline) == [PING_1]
    with pytest.raises(LinkError, match="another program"):
        session.poll(session.deadline)


@pytest.mark.parametrize("round_trip_s", [1.2, 3.0, 12.0])
def test_a_line_that_has_become_slow_is_waited_for(round_trip_s):
    session = begun()
    send_all(session, [b"a", b"b"])
    now, answers = 0.0, []
    while not answers or session.state is not SessionState.OPEN:
        assert now < 5 * round_trip_s + 5
        now = min([session.deadline, *[at for at, _ in answers[:1]]])
        if answers and answers[0][0] == now:
            session.receive(answers.pop(0)[1], now)
        for content in session.poll(now):
            if content[0] == 0x81:
                answers.append((now + round_trip_s, welcome(0, number=content[2])))
        if session.state is SessionState.OPEN and not answers:
            break
    assert session.late_s == pytest.approx(round_trip_s)
    assert session.round_trip.timeout_s > round_trip_s


class Distance:
    """A line on which all takes so many calls."""

    def __init__(self, calls):
        self.calls = calls
        self._under_way = deque()

    def __call__(self, data):
        self._under_way.append(data)
        if len(self._under_way) <= self.calls:
            return b""
        out = [self._under_way.popleft() for _ in range(len(self._under_way) - self.calls)]
        return b"".join(out)


@pytest.mark.parametrize("away_ms", [800, 2500])
def test_a_line_that_becomes_slow_under_way_loses_nothing(away_ms):
    board = LinkedBoard()
    session = Session(SESSION, 0)
    to_board, to_host = Distance(0), Distance(0)

    def slower(now_ms):
        if now_ms == 20:
            to_board.calls = to_host.calls = away_ms

    finished = feed(session, numbered(40), board, to_board, to_host, slower, within_s=300)
    assert [record.payload for record in finished] == board.taken == numbered(40)


def test_a_record_size_beyond_what_frames_carry_is_not_used():
    session = Session(SESSION, 0)
    session.poll(0)
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
    session.poll(0.1)
    assert session.poll(0.1 + TIMEOUT_S)[0][0] == 0x81
    session.receive(welcome(0, number=HELLO_1 + 1), 0.9)
    session.receive(ack(0), 0.9)
    assert session.resets == 1
    assert session.poll(0.9) == [record(0, b"a"), record(1, b"b")]
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


@settings(max_examples=150)
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
    assert session.delivered == 100
    assert session.out_of_order == 0
