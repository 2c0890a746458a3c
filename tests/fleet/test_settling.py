"""The rule SETTLING, by what it promises; and STEPS and SETTLING on one key in etcd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.fleet.watermark import (
    SETTLING,
    STEPS,
    Changing,
    Watermark,
    after,
    read,
    write,
)
from sluice_tools.fleet.watermark.rule import FINE_MOST, FORGET_MS, HOLD_MS, MOST_MS, RAISE_MS
from sluice_tools.fleet.watermark.settling import DELAY_S, STEP_MS

NOW = 1_700_000_000_000
GONE_MS = 3_600_000
"""Within so long after the last alert there is no watermark, however high it was, nor any trace."""


def changed(mark, now, *alerts):
    """After these alerts at once; "a": a backlog, ("a", 9): a lag of 9 ms, "-a": a resolved."""
    changing = Changing(mark, now, SETTLING)
    for alert in alerts:
        if isinstance(alert, tuple):
            changing.lag(*alert)
        elif alert.startswith("-"):
            changing.resolved(alert[1:])
        else:
            changing.backlog(alert)
    return changing.mark


def again(mark, now, lag_ms=1200):
    """After a lag alert that fires at `now`, and resolves 20 s later."""
    mark = changed(mark, now, ("l", lag_ms))
    return changed(mark, now + 20_000, "-l")


def pressure(mark):
    return mark.ms + RAISE_MS


@pytest.mark.parametrize(
    ("alerts", "ms"), [(["a"], 500), (["a", "b"], 1000), ([("l", 1200)], 1200)]
)
def test_the_first_alerts_raise_it_to_what_they_ask_for(alerts, ms):
    assert changed(Watermark(), NOW, *alerts).ms == ms


def test_while_an_alert_fires_it_stays():
    mark = changed(Watermark(), NOW, ("l", 12000))
    assert after(mark, NOW + FORGET_MS - 1, SETTLING) is mark


def test_without_alerts_it_comes_down_by_a_share_of_the_pressure():
    start = NOW + 20_000
    marks = [again(Watermark(), NOW, 12000)]
    for step in range(1, 6):
        assert after(marks[-1], start + step * STEP_MS - 1, SETTLING) is marks[-1]
        marks.append(after(marks[-1], start + step * STEP_MS, SETTLING))
    shares = [pressure(b) / pressure(a) for a, b in zip(marks, marks[1:], strict=False)]
    assert max(shares) - min(shares) < 0.002 and 0.5 < max(shares) < 1


def test_each_time_it_fires_again_it_comes_down_half_as_steeply():
    mark, now, slopes = Watermark(), NOW, []
    for _ in range(10):
        mark = again(mark, now)
        now += 20_000 + STEP_MS
        lower = after(mark, now, SETTLING)
        slopes.append(pressure(mark) / pressure(lower) - 1)
        mark = lower
    for steep, flat in zip(slopes, slopes[1:FINE_MOST], strict=False):
        assert flat == pytest.approx(steep / 2, rel=0.15)
    assert slopes[-1] == pytest.approx(slopes[FINE_MOST - 1], rel=0.3) and mark.fine == FINE_MOST


def test_near_what_is_right_the_size_of_a_lag_hardly_counts():
    mark = Watermark(ms=250, at=NOW, fine=FINE_MOST, since=NOW)
    small, large = (changed(mark, NOW, ("l", ms)).ms for ms in (1100, 2200))
    assert 250 < small < large < 350


def test_more_than_that_is_taken_back_where_it_came_down_steeply():
    rises = []
    for fine in range(FINE_MOST + 1):
        mark = Watermark(ms=1000, at=NOW, fine=fine, since=NOW)
        rises.append(changed(mark, NOW, ("l", 1200)).ms - 1000)
    assert rises == sorted(rises, reverse=True) and rises[-1] < 150 < 1000 < rises[0]


def test_a_lag_that_grows_on_raises_it_again_and_more_steeply():
    mark = Watermark(ms=250, at=NOW, fine=FINE_MOST, since=NOW)
    mark = changed(mark, NOW, ("l", 1200))
    soon = changed(mark, NOW + 2000 * DELAY_S - 1, ("l", 3000))
    assert soon.ms == mark.ms  # what was done may not be seen yet
    late = changed(soon, NOW + 2000 * DELAY_S, ("l", 4000))
    assert late.ms > mark.ms and late.fine == mark.fine - 1
    assert changed(late, NOW + 4000 * DELAY_S, ("l", 4000)).ms == late.ms  # it grows no more


def test_the_lags_of_many_boards_count_as_one():
    mark = Watermark(ms=250, at=NOW, fine=FINE_MOST, since=NOW)
    one = changed(mark, NOW, ("l", 1200))
    many = changed(mark, NOW, *((f"l{n}", 1200) for n in range(100)))
    assert many.ms == one.ms


def test_an_alert_that_is_not_repeated_is_forgotten():
    mark = changed(Watermark(), NOW, ("l", 1200))
    mark = after(mark, NOW + FORGET_MS + STEP_MS, SETTLING)
    assert mark.firing == {} and mark.ms < 1200


marks = st.builds(
    Watermark,
    st.integers(0, MOST_MS),
    st.just(NOW),
    st.just({}),
    st.integers(0, FINE_MOST),
    st.just(NOW),
)


@given(marks)
def test_without_alerts_nothing_is_left_within_an_hour(mark):
    end = after(mark, NOW + GONE_MS, SETTLING)
    assert (end.ms, end.fine) == (0, 0)
    assert after(end, NOW + 10 * GONE_MS, SETTLING) is end


@given(marks, st.integers(1, 400))
def test_no_step_down_lets_more_than_twice_as_much_through(mark, steps):
    before = after(mark, NOW + (steps - 1) * STEP_MS, SETTLING)
    now = after(mark, NOW + steps * STEP_MS, SETTLING)
    assert pressure(before) / 2 < pressure(now) <= pressure(before)


@given(marks, st.lists(st.integers(0, 60_000), min_size=1, max_size=8))
def test_how_often_the_decay_is_counted_in_does_not_matter(mark, steps):
    step_by_step, now = mark, NOW
    for step in steps:
        now += step
        step_by_step = after(step_by_step, now, SETTLING)
    assert step_by_step == after(mark, now, SETTLING)


alerts = st.one_of(
    st.sampled_from(["a", "b", "-a", "-b", "-l"]),
    st.tuples(st.sampled_from("lm"), st.sampled_from([0, 400, 1200, 9000])),
)


def name_of(alert):
    return alert[0] if isinstance(alert, tuple) else alert[-1]


@given(marks, st.lists(alerts, max_size=6, unique_by=name_of), st.data())
def test_neither_order_nor_repetition_matters(mark, batch, data):
    once = changed(mark, NOW + 5, *batch)
    assert changed(mark, NOW + 5, *data.draw(st.permutations(batch))) == once
    assert changed(once, NOW + 5, *batch) == once


@given(marks, st.lists(st.tuples(st.integers(0, 90_000), st.lists(alerts, max_size=4)), max_size=8))
def test_an_alert_that_fires_never_lowers_it(mark, batches):
    now = NOW
    for later_ms, batch in batches:
        now += later_ms
        before = after(mark, now, SETTLING)
        mark = changed(mark, now, *batch)
        assert before.ms <= mark.ms <= MOST_MS and 0 <= mark.fine <= FINE_MOST


@given(marks)
def test_what_is_written_is_read(mark):
    assert read(write(mark)) == mark


@pytest.mark.parametrize("field", ['"fine":7', '"fine":-1', '"since":"x"'])
def test_what_makes_no_sense_is_no_watermark(field):
    assert read(b'{"ms":500,"at":1,%s}' % field.encode()) == Watermark()


def test_an_operator_that_goes_by_steps_takes_over():
    mark = again(again(Watermark(), NOW), NOW + 60_000)
    assert mark.fine == 2
    lower = after(mark, NOW + 80_000 + HOLD_MS, STEPS)
    assert lower.ms == min(mark.ms // 2, mark.ms - RAISE_MS) and lower.fine == 0
