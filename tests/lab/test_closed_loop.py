"""The model of `sluice experiment fleet`: against what can be worked out by hand; and what the
experiment says of the two rules, on a small scale."""

import pytest

from sluice_tools.fleet.steady import SWING, means, settling
from sluice_tools.fleet.watermark import SETTLING, STEPS
from sluice_tools.lab.experiments.closed_loop import RATES, Fleet, Loop
from sluice_tools.lab.experiments.fleet import FAIR, USED

BOARDS = 5  # one of each rate


def ran(loop, seconds):
    fleet = Fleet(loop)
    fleet.run(seconds)
    return fleet


def steady(loop, seconds=1600):
    """Used and swing in %, and fairness, in the second half of so many seconds."""
    fleet = ran(loop, seconds // 2)
    before = [each.sent for each in fleet.boards]
    fleet.run(seconds // 2)
    taken, sent = (
        values[seconds // 2 :] for values in (fleet.course.taken, means(fleet.course.sent))
    )
    used, swing = 100 * sum(taken) / len(taken), 100 * (max(sent) - min(sent))
    return used, swing, fleet.fairness(before)


def test_without_a_watermark_the_lag_grows_with_what_is_too_much():
    course = ran(Loop(BOARDS, 3, 1, None), 300).course
    # What is taken at the end came after a third of the time: the others wait.
    assert course.lag_ms[-1] == pytest.approx(1000 * (300 - 300 / 3), rel=0.02)
    assert course.taken[-1] == pytest.approx(1) and sum(course.sent[100:]) / 200 == pytest.approx(3)
    assert set(course.watermark_ms) == {0}


def test_nothing_is_taken_that_was_not_sent():
    fleet = ran(Loop(BOARDS, 1.5, 1, STEPS), 300)
    sent, taken = sum(fleet.course.sent), sum(fleet.course.taken)
    waits = sum(each.in_flight for each in fleet.boards) / fleet.downstream.capacity
    assert sent == pytest.approx(taken + waits)


def test_what_may_be_in_flight_bounds_the_lag():
    fleet = ran(Loop(BOARDS, 3, 1, None, in_flight=32), 300)
    # The capacity is 40: the slowest board sends its 8, the others 32 in each lag.
    assert sum(RATES) / 3 == 40 and fleet.course.lag_ms[-1] == pytest.approx(4000, rel=0.05)
    assert all(each.in_flight <= 32 for each in fleet.boards)
    shares = [min(rate, 32 / 4) / rate for rate in RATES]
    jain = sum(shares) ** 2 / (BOARDS * sum(share * share for share in shares))
    assert fleet.fairness([0] * BOARDS) == pytest.approx(jain, abs=0.02)


@pytest.mark.parametrize("rule", [STEPS, SETTLING])
def test_an_alert_is_late_by_the_delay(rule):
    marks = [ran(Loop(BOARDS, 3, delay, rule), 60).course.watermark_ms for delay in (1, 15)]
    first = [next(at for at, ms in enumerate(each) if ms) for each in marks]
    assert first[1] - first[0] == 14
    assert marks[0][first[0]] == marks[1][first[1]] > 1000


def test_boards_that_wait_for_their_sink_have_a_backlog_alert():
    # A lag of 640 ms is enough for the fastest to wait, and is no lag alert.
    course = ran(Loop(BOARDS, 1.1, 1, STEPS, in_flight=32), 120).course
    assert max(course.lag_ms) < 1000 and 500 in course.watermark_ms


def test_a_larger_fleet_does_the_same():
    few, many = (ran(Loop(n, 1.5, 5, SETTLING), 300).course for n in (BOARDS, 1000 * BOARDS))
    assert few.watermark_ms == many.watermark_ms
    assert many.sent == pytest.approx(few.sent)


def test_a_budget_is_what_the_boards_share():
    fleet = ran(Loop(BOARDS, 3, 15, STEPS, budget=0.95), 200)
    assert sum(each.number * each.rate for each in fleet.boards) == int(0.95 * 40)
    assert sum(fleet.course.sent[100:]) / 100 == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("delay_s", [0.1, 15])
@pytest.mark.parametrize("overload", [1.5, 3])
def test_settling_settles_as_wanted_and_steps_swing(overload, delay_s):
    used, swing, fair = steady(Loop(BOARDS, overload, delay_s, SETTLING), 3200)
    assert used >= USED and swing <= SWING and fair >= FAIR
    used, swing, fair = steady(Loop(BOARDS, overload, delay_s, STEPS))
    assert used < USED and swing > 5 * SWING


def test_settling_leaves_a_fleet_alone_that_is_not_too_much():
    assert set(ran(Loop(BOARDS, 0.9, 5, SETTLING), 300).course.watermark_ms) == {0}


def test_means_and_settling_time():
    assert means([0] * 10 + [10] * 10)[::5] == [0, 5, 10]
    assert settling([1.5] * 20 + [1.05, 0.95] * 40) == 20
    assert settling([1.5] * 100) is None
    assert settling([1.0] * 99 + [1.5]) is None
