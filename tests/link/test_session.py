"""The board's end of the link: sessions, sequence, credit and acknowledgement."""

import pytest
from session_board import (
    SEQ,
    Board,
    ack,
    hello,
    not_taken,
    record,
    sent_records,
    taken,
    u24,
    welcome,
)
from wire import apart, delivered, deliveries, records, to_board

from sluice.flow.pipeline import GIVEN_UP, OVERWRITTEN, SHED, TAKEN


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
    assert board.hear(record(0), record(1), record(2 - SEQ // 2)) == []
    assert (len(board.ring), board.link.duplicates, board.link.strays) == (2, 3, 0)
    assert len(board.hear(record(1 + SEQ // 2))) == 1


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
    assert board.acks() == [(50, 3, 0)]
    board.hear(record(50))
    board.release(2)
    assert board.acks() == [(51, 4, 0)]


def test_a_delivered_record_carries_its_number_and_the_tick_of_its_grant():
    board = Board()
    board.hear(hello(7, 41), record(41, b"\0payload\0"))
    assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), (1 << 30) - 1) is True
    assert board.answers() == [delivered(41, b"\0payload\0", tick=(1 << 30) - 1)]
    board.line.at_most = 10
    assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), 0) is False


def test_records_of_the_session_before_are_delivered_below_its_base():
    board = Board()
    board.hear(hello(7, 5), record(5), hello(8, 0), record(0))
    board.link.deliver(board.ring.peek(), 4, 0)
    board.release()
    board.link.deliver(board.ring.peek(), 4, 0)
    board.link.acknowledge(99, 99)
    assert [seq for seq, *_ in deliveries(board.answers())] == [SEQ - 1, 0]


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
    board.link.ended(SHED, 3)
    assert board.acks() == []


MALFORMED = [
    hello()[:-1],
    hello() + b"x",
    hello(session=0),
    hello() + bytes(8),
    hello() + bytes(10),
    b"\x82\0\0\0",
    b"\x84",
    taken(0)[:-1],
    taken(0) + b"x",
    b"\x87",
    b"\x87ab",
]


@pytest.mark.parametrize("content", MALFORMED)
def test_frames_of_a_wrong_length_are_counted_and_change_nothing(content):
    board = Board(window=2)
    assert board.hear(content) == []
    assert (board.link.malformed, board.link.unknown, len(board.ring)) == (1, 0, 0)


@pytest.mark.parametrize("content", [b"\x80", b"\x90", b"\x93abc", b"\0", b"x" * 250])
def test_unknown_frames_are_counted_and_change_nothing(content):
    board = Board()
    assert board.hear(content) == []
    assert (board.link.malformed, board.link.unknown, len(board.ring)) == (0, 1, 0)


@pytest.mark.parametrize("content", [b"\x81", b"\x81\x1f", b"\x81\x24" + hello()[2:]])
def test_a_hello_of_another_version_is_told_the_boards(content):
    board = Board()
    assert board.hear(content) == [b"\x91\x23"]
    assert (board.link.versions, board.link.malformed) == (1, 0)
    assert board.hear(record(0))[0][3:6] == u24(0)


def test_a_ping_is_answered_with_its_number_and_the_session():
    board = Board()
    assert board.hear(b"\x87\x03") == [b"\x97\x03" + u24(0)]
    board.hear(hello(session=7))
    assert board.hear(b"\x87\x03", b"\x87\xff") == [b"\x97\x03" + u24(7), b"\x97\xff" + u24(7)]


def test_a_welcome_tells_the_number_of_the_newest_hello():
    board = Board()
    assert board.hear(record(0))[0][2] == 0
    assert board.hear(hello(number=200))[0][2] == 200
    assert board.hear(record(5))[0][2] == 200


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


def ended(seq, count, how):
    return b"\x99" + u24(seq) + u24(count) + bytes([how])


def delivery(seq, *payloads, tick=5):
    return delivered(seq, *(payloads or (b"data",)), tick=tick)


@pytest.mark.parametrize("base", [0, SEQ - 1, SEQ - 2])
def test_a_record_is_acknowledged_when_the_host_has_its_delivery(base):
    board = sent_records(base, 3)
    assert board.deliver(2) == [delivery(base), delivery(base + 1)]
    assert board.acks(within=0) == []
    board.hear(taken(base + 1))
    assert board.acks() == [((base + 1) % SEQ, 8, 0)]
    board.hear(taken(base + 1))
    assert board.acks() == []
    board.hear(taken(base + 2))
    assert board.acks() == [((base + 2) % SEQ, 8, 0)]


def frames_of(board, *counts_and_ticks):
    """Grants so many records at each tick; the frames that go out at the ends of turns."""
    for count, tick in counts_and_ticks:
        for _ in range(count):
            assert board.link.deliver(board.ring.peek(), board.ring.peek_len(), tick)
            board.release(how=TAKEN)
    while board.link.acknowledge(99, 99):
        pass
    return board.frames()


@pytest.mark.parametrize("base", [0, SEQ - 2])
def test_what_is_granted_in_a_turn_goes_out_in_one_frame(base):
    board = Board(slots=8, window=8)
    payloads = [b"%d" % n for n in range(5)]
    board.hear(hello(7, base), records(base, *payloads))
    assert len(board.ring) == 5
    assert frames_of(board, (3, 9)) == [delivered(base, *payloads[:3], tick=9)]
    assert frames_of(board, (1, 9)) == [delivered(base + 3, payloads[3], tick=9)]
    assert frames_of(board) == []
    assert board.hear(taken(base, missing=4)) == apart([delivered(base, *payloads[:4], tick=9)])


def test_a_frame_holds_grants_of_some_ticks_and_no_more_than_fits():
    board = Board(slots=8, size=81, window=8)
    last = (1 << 30) - 1
    board.hear(hello(7, 0), *[records(n, b"x" * 81) for n in range(8)])
    x = b"x" * 81
    assert frames_of(board, (1, last), (1, 254), (1, 510), (1, 511)) == [
        delivered(0, x, x, tick=last, later=255),
        delivered(2, x, x, tick=510, later=1),
    ]
    # A frame holds three of 79 bytes, and two of 81.
    assert frames_of(board, (3, 600)) == [delivered(4, x, x, tick=600), delivered(6, x, tick=600)]
    board = Board(slots=8, size=79, window=8)
    x = b"x" * 79
    board.hear(hello(7, 0), *[records(n, x) for n in range(3)])
    assert frames_of(board, (3, 600)) == [delivered(0, x, x, x, tick=600)]


def test_a_turn_sends_one_frame_of_deliveries_and_a_run_only_behind_the_last():
    """Each takes half a millisecond on an RP2040."""
    board = Board(slots=8, size=81, window=8)
    x = b"x" * 81
    board.hear(hello(7, 0), *[records(n, x) for n in range(8)])
    assert board.deliver(5, 9) == apart([delivered(0, x, x, tick=9)])
    board.release(1, SHED)
    assert board.link.acknowledge(99, 99) is True
    assert board.frames() == [delivered(2, x, x, tick=9)]
    assert board.link.acknowledge(99, 99) is False
    assert board.frames() == [delivered(4, x, tick=9), ended(5, 1, SHED)]
    assert board.turn() == []


def test_a_frame_ends_before_a_run_that_stands_between_its_records():
    board = Board(slots=8, window=8)
    board.hear(hello(7, 0), records(0, b"a", b"b", b"c", b"d"))
    board.deliver()
    board.release(1, SHED)
    assert frames_of(board, (2, 5)) == [ended(1, 1, SHED), delivered(2, b"c", b"d", tick=5)]
    board.line.incoming += to_board(taken(0, missing=9))
    while board.link.poll():
        pass
    again = [delivered(0, b"a", tick=5), ended(1, 1, SHED), delivered(2, b"c", b"d", tick=5)]
    assert board.frames() == again


def test_of_a_frame_that_comes_again_the_records_that_are_new_are_taken():
    board = Board(slots=8)
    board.hear(hello(7, SEQ - 1), records(SEQ - 1, b"a", b"b"))
    assert board.hear(records(SEQ - 1, b"a", b"b", b"c")) == []
    assert (len(board.ring), board.link.duplicates) == (3, 2)
    assert bytes(board.ring.peek_behind(2)[:1]) == b"c"
    assert board.hear(records(2, b"d")) == []
    assert len(board.ring) == 4


def test_of_a_frame_whose_records_have_no_room_the_first_are_taken_and_the_rest_asked_for():
    board = Board(slots=2)
    board.hear(hello())
    answers = board.hear(records(0, b"a", b"b", b"c", b"d"))
    assert [welcome(content)[1] for content in answers] == [2]
    assert (len(board.ring), board.link.refused) == (2, 1)
    assert board.hear(records(0, b"a", b"b")) == []


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_of_a_frame_that_is_cut_the_whole_records_are_taken(cut):
    board = Board()
    board.hear(hello())
    assert board.hear(records(0, b"a", b"bb")[:-cut]) == []
    assert (len(board.ring), board.link.malformed) == (1, cut < 3)


def test_no_record_is_granted_for_which_the_window_has_no_room():
    board = sent_records(0, 5)
    board.deliver(3)
    assert board.link.room() == 0
    assert board.link.deliver(board.ring.peek(), 4, 5) is False
    assert board.answers() == []
    board.hear(taken(1))
    assert board.deliver() == [delivery(3)]
    assert board.link.room() == 0


@pytest.mark.parametrize("base", [0, SEQ - 2])
def test_what_the_host_misses_is_sent_again_as_it_was(base):
    board = sent_records(base, 5)
    first = board.deliver(3, tick=9)
    assert board.hear(taken(base, missing=2)) == first[:2]
    assert board.hear(taken(base + 1, missing=255)) == first[1:]
    assert board.hear(taken(base + 3, missing=1)) == []
    assert board.link.repeated == 4
    assert board.deliver(2) == [delivery(base + 3), delivery(base + 4)]
    assert board.hear(taken(base + 4, missing=1)) == [delivery(base + 4)]


def test_repeats_that_became_needless_meanwhile_are_left_out():
    board = sent_records(0, 3)
    first = [*board.deliver(tick=0), *board.deliver(tick=256), *board.deliver(tick=512)]
    board.line.incoming += to_board(taken(0, missing=3)) + to_board(taken(2))
    board.link.poll()
    board.link.poll()
    assert board.hear() == [first[0], first[2]]
    board.line.incoming += to_board(taken(2, missing=1)) + to_board(taken(3))
    board.link.poll()
    board.link.poll()
    assert board.hear() == [first[2]]


@pytest.mark.parametrize("late", [taken(SEQ - 1, 3), taken(SEQ // 2, 3), taken(2, 2, session=6)])
def test_a_confirmation_that_is_late_or_anothers_changes_nothing(late):
    board = sent_records(0, 3)
    board.deliver(3)
    assert board.hear(late) == []
    assert board.acks() == []
    assert board.link.room() == 0


def test_before_any_session_nothing_is_confirmed():
    board = Board(window=2)
    assert board.hear(taken(5, 1, session=0)) == []
    assert board.acks() == []


def test_after_a_reset_the_host_confirms_what_it_had_before():
    board = sent_records(0, 3)
    board.deliver(2)
    board.hear(taken(100))
    assert board.acks() == [(2, 8, 0)]
    assert board.deliver() == [delivery(2)]


def test_hello_with_the_session_in_force_confirms_and_asks_for_the_rest():
    board = sent_records(0, 3)
    first = board.deliver(3)
    answers = board.hear(hello(7, 0, taken=1, number=10))
    assert welcome(answers[0])[:2] == (7, 3)
    assert ack(answers[1]) == (1, 8, 0)
    assert answers[2:] == first[1:]
    assert board.hear(hello(7, 0, taken=0, number=10))[2:] == first[1:]


def test_a_new_session_forgets_the_deliveries_of_the_old_one():
    board = sent_records(0, 3)
    board.deliver(3)
    assert len(board.hear(hello(8, 50), record(50))) == 2
    assert board.deliver() == [delivery(50)]
    assert board.hear(taken(50, 9, session=8)) == [delivery(50)]


def test_records_of_the_session_before_are_not_kept():
    board = Board(window=1)
    board.hear(hello(7, 5), record(5), record(6), hello(8, 0), record(0), record(1))
    assert board.deliver(3) == [delivery(-2), delivery(-1), delivery(0)]
    assert board.hear(taken(0, 3, session=8)) == [delivery(0)]


def ends(board):
    board.link.acknowledge(1, 0)
    return [not_taken(content) for content in board.answers()]


def test_an_acknowledgement_counts_what_the_sink_did_not_take():
    board = Board(slots=8)
    board.hear(hello(7, SEQ - 1), *[record(SEQ - 1 + n) for n in range(7)])
    board.release(2, SHED)
    assert ends(board) == [(7, 1, 0, 2, 0)]
    board.release(1, TAKEN)
    board.release(1, GIVEN_UP)
    board.release(1, OVERWRITTEN)
    assert ends(board) == [(7, 4, 1, 2, 1)]
    board.ring.release()
    board.ring.release()
    board.link.ended(OVERWRITTEN, 2)
    assert ends(board) == [(7, 6, 1, 2, 3)]
    again = board.hear(hello(7, 6, not_taken=(9, 9, 9)))
    assert not_taken(again[1]) == (7, 6, 1, 2, 3), "the session in force"


def test_a_new_session_counts_on_from_what_the_host_knows():
    board = Board()
    board.hear(hello(7, 0), record(0), record(1), record(2))
    board.release(1, SHED)
    assert not_taken(board.hear(hello(8, 50))[1]) == (8, 50, 0, 0, 0)
    board.hear(record(50))
    board.link.ended(GIVEN_UP, 1)  # of the session before,
    assert ends(board) == [(8, 50, 0, 0, 0)]
    board.link.ended(GIVEN_UP, 2)  # and its last
    assert ends(board) == [(8, 51, 1, 0, 0)]
    most = SEQ - 1
    assert not_taken(board.hear(hello(9, 60, not_taken=(1, 2, most)))[1]) == (9, 60, 1, 2, most)
    board.hear(record(60), record(61))
    board.link.ended(OVERWRITTEN, 2)
    assert ends(board) == [(9, 62, 1, 2, 1)]


def test_with_a_window_an_acknowledgement_counts_nothing():
    board = sent_records(0, 3)
    board.release(3, SHED)
    board.turn()
    board.hear(taken(3))
    assert ends(board) == [(7, 3, 0, 0, 0)]


def test_a_record_that_is_given_up_or_shed_is_delivered_empty():
    board = sent_records(0, 4)
    assert board.deliver() == [delivery(0)]
    board.release(1, SHED)
    board.release(1, GIVEN_UP)
    assert board.turn() == [ended(1, 2, SHED | GIVEN_UP)]
    board.hear(taken(3))
    assert board.acks() == [(3, 8, 0)]
    assert board.deliver() == [delivery(3)]
    board.hear(taken(4))
    assert board.acks() == [(4, 8, 0)]


def test_a_run_needs_no_place_in_the_window_and_is_told_before_what_is_behind_it():
    board = sent_records(SEQ - 1, 8)
    assert board.deliver(2) == [delivery(-1), delivery(0)]
    board.release(2, SHED)
    assert board.deliver() == [ended(1, 2, SHED), delivery(3)]
    assert board.link.room() == 0
    board.release(1, SHED)
    assert board.turn() == [ended(4, 1, SHED)]
    board.release(2, OVERWRITTEN)
    assert board.turn() == [ended(4, 3, SHED | OVERWRITTEN)]
    assert board.turn() == []


def test_a_run_is_confirmed_in_parts_and_repeated_from_its_first_that_is_not():
    board = sent_records(0, 8)
    board.release(2, SHED)
    board.deliver(2)
    board.release(3, GIVEN_UP)
    board.turn()
    all_of_them = [ended(0, 2, SHED), delivery(2), delivery(3), ended(4, 3, GIVEN_UP)]
    assert board.hear(taken(0, missing=255)) == all_of_them
    assert board.hear(taken(0, missing=3)) == all_of_them[:2]
    assert board.hear(taken(1, missing=255)) == [ended(1, 1, SHED), *all_of_them[1:]]
    assert board.hear(taken(2, missing=2)) == all_of_them[1:3]
    assert board.hear(taken(5, missing=9)) == [ended(5, 2, GIVEN_UP)]
    assert board.acks() == [(5, 8, 0)]
    board.hear(taken(7))
    assert board.acks() == [(7, 8, 0)]
    assert board.hear(taken(7, missing=9)) == []
    board.release(1, SHED)  # what was given up before it is confirmed
    assert board.turn() == [ended(7, 1, SHED)]


def test_repeats_of_runs_that_became_needless_meanwhile_are_left_out():
    board = sent_records(0, 8)
    board.release(3, SHED)
    first = board.deliver(2)
    board.line.incoming += to_board(taken(0, missing=5)) + to_board(taken(2))
    board.link.poll()
    board.link.poll()
    assert board.hear() == [ended(0, 3, SHED), *first[1:]]
    board.line.incoming += to_board(taken(2, missing=3)) + to_board(taken(4))
    board.link.poll()
    assert board.hear() == [ended(2, 1, SHED), first[2]]


def test_a_delivery_of_which_the_sink_s_end_was_not_told_is_made_again():
    """The pipeline offers the record again."""
    board = sent_records(0, 2)
    board.link.deliver(board.ring.peek(), 4, 3)
    assert board.turn() == []
    assert board.deliver(2) == [delivery(0), delivery(1)]
    assert board.hear(taken(0, missing=9)) == [delivery(0), delivery(1)]


def test_a_line_that_takes_nothing_is_no_failure_of_a_delivery_that_is_kept():
    board = sent_records(0, 1)
    board.line.at_most = 0
    assert board.link.deliver(board.ring.peek(), 4, 5) is True
    board.release(how=TAKEN)
    board.line.at_most = 1000
    assert board.hear(taken(0, 1)) == [delivery(0)]
