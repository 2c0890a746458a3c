"""The window of records under way: credit, going back, halving and opening."""

import pytest

from sluice_tools.serial.window import LOSSY_MIN, RTT_LIMIT_MS, SEQ_PERIOD, Window, distance

SPREAD_S = 0.3
SLOW_MS = RTT_LIMIT_MS + 1


def window_of(under_way, credit, base=0):
    window = Window(base)
    window.acknowledge(base, credit, 0)
    for _ in range(under_way):
        window.add(b"x", 0)
    return window


def fill(window, now=0):
    while window.room:
        window.add(b"x", now)


@pytest.mark.parametrize("base", [0, SEQ_PERIOD - 2])
def test_records_have_numbers_that_do_not_wrap_and_sequence_numbers_that_do(base):
    window = window_of(4, 4, base)
    assert [record.seq for record in window.records] == [(base + i) % SEQ_PERIOD for i in range(4)]
    assert (window.first, window.next) == (base, base + 4)
    assert window.number((base + 3) % SEQ_PERIOD) == base + 3
    assert window.record(base + 3) is window.records[3]
    done = window.acknowledge(base + 3, 4, 1.5)
    assert [(record.seq, record.acked_at) for record in done] == [
        ((base + i) % SEQ_PERIOD, 1.5) for i in range(3)
    ]
    assert window.first == base + 3
    assert window.number(base) == base  # late
    assert window.record(base + 2) is None and window.record(base + 4) is None


def test_there_is_room_up_to_the_credit():
    window = window_of(0, 3)
    assert window.room == 3
    fill(window)
    assert (len(window.records), window.sent, window.room) == (3, 3, 0)
    window.acknowledge(1, 1, 0)
    assert window.room == 0
    window.acknowledge(3, 1, 0)
    assert window.room == 1


def test_what_was_gone_back_over_goes_out_again_before_anything_new():
    window = window_of(3, 8)
    assert window.again() == []
    window.go_back(1, 0)
    assert window.room == 0
    assert [record.seq for record in window.again()] == [1, 2]
    assert (window.sent, window.sent_again, window.room) == (3, 2, 5)


def test_what_is_acknowledged_meanwhile_does_not_go_out_again():
    window = window_of(3, 8)
    window.go_back(0, 0)
    window.acknowledge(2, 8, 0)
    assert [record.seq for record in window.again()] == [2]


def test_going_back_keeps_to_what_is_allowed():
    window = window_of(4, 4)
    window.go_back(0, 0)
    window.acknowledge(0, 3, 0)
    assert len(window.again()) == 3
    assert window.again() == []
    assert window.room == 0
    window.acknowledge(2, 3, 0)
    assert [record.seq for record in window.again()] == [3]


def test_the_same_gap_is_closed_once_in_a_round_trip_and_each_time_halves_the_window():
    window = window_of(64, 64)
    allowed = []
    for number, now in ((1, 1.0), (1, 1.2), (2, 1.25), (2, 1.5), (2, 1.6), (2, 2.0), (2, 2.5)):
        window.close_gap(number, now, SPREAD_S)
        allowed.append((window.allowed, len(window.again())))
    assert allowed == [(32, 31), (32, 0), (16, 14), (16, 0), (16, 14), (16, 14), (16, 14)]
    assert window.allowed == LOSSY_MIN


def test_a_small_window_is_not_halved_by_a_gap():
    window = window_of(LOSSY_MIN, LOSSY_MIN)
    window.close_gap(0, 0, SPREAD_S)
    assert not window.limited


def test_a_long_round_trip_halves_the_window_once_in_its_time():
    window = window_of(16, 16)
    window.slow_down(RTT_LIMIT_MS, 1)
    assert not window.limited
    window.slow_down(2000, 1)
    assert window.allowed == 8
    for now, allowed in ((1.2, 8), (2.9, 8), (3.0, 4)):
        window.acknowledge(window.next, 16, now)
        fill(window, now)
        window.slow_down(1500, now)
        assert window.allowed == allowed


def test_it_is_halved_down_to_one_record():
    window = window_of(0, 5)
    for now in range(9):
        window.acknowledge(window.next, 5, now)
        fill(window, now)
        window.slow_down(SLOW_MS, now)
    assert window.allowed == 1


def test_a_credit_that_was_not_used_up_halves_nothing():
    window = window_of(15, 16)
    window.slow_down(SLOW_MS, 0)
    assert not window.limited


def test_a_quick_line_opens_it_by_a_record_until_the_credit_is_the_limit():
    window = window_of(8, 8)
    window.slow_down(SLOW_MS, 0)
    allowed = []
    for mean_ms in (SLOW_MS, *5 * [RTT_LIMIT_MS]):
        window.speed_up(mean_ms)
        allowed.append((window.allowed, window.limited))
    assert allowed == [(4, True), (5, True), (6, True), (7, True), (8, True), (8, False)]


def test_distances_are_modulo_the_period():
    assert distance(1, SEQ_PERIOD - 1) == 2
    assert distance(SEQ_PERIOD - 1, 1) == -2
    assert distance(SEQ_PERIOD // 2, 0) == -SEQ_PERIOD // 2


def test_what_was_left_unused_of_a_credit_is_the_host_s_own_time():
    window = Window(0)
    window.acknowledge(0, 2, 1)
    window.add(b"a", 1)
    assert window.unused_ms(5000, 1) == 0
    window.add(b"b", 3)
    assert window.unused_ms(2000, 3) == 2000
    assert window.unused_ms(2000, 7.1) == 0  # of an earlier round trip
    window.acknowledge(2, 2, 8)
    window.acknowledge(2, 2, 9)  # the same credit, said again
    window.acknowledge(2, 1, 9)  # and a part of it taken back
    window.add(b"c", 9.5)
    assert window.unused_ms(100, 9.5) == 500
