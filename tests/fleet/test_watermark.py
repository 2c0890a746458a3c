"""The watermark's rule, in tables; and that neither order nor repetition matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.fleet.watermark import (
    Changing,
    Watermark,
    after,
    backlog,
    lag,
    read,
    resolved,
    write,
)
from sluice_tools.fleet.watermark.rule import FIRING_MOST, FORGET_MS, HOLD_MS, MOST_MS

NOW = 1_700_000_000_000


def fired(*alerts, mark=None):
    """The watermark after these alerts at once; "a": a backlog, ("a", 9): a lag of 9 ms."""
    mark = mark or Watermark()
    for alert in alerts:
        mark = lag(mark, *alert, NOW) if isinstance(alert, tuple) else backlog(mark, alert, NOW)
    return mark


@pytest.mark.parametrize(
    ("alerts", "ms"),
    [
        ([], 0),
        (["a"], 500),
        (["a", "a", "a"], 500),
        (["a", "b"], 1000),
        (["a", "b", "a"], 1000),
        ([("l", 12000)], 12000),
        ([("l", 12000), ("l", 12000)], 12000),
        ([("l", 12000), ("l", 15000)], 15000),
        ([("l", 12000), ("l", 11000)], 12000),
        ([("l", 12000), ("m", 11000)], 12000),
        (["a", ("l", 12000)], 12500),
        ([("l", 12000), "a"], 12500),
        ([("l", 12000), "a", ("m", 13000), "b"], 14000),
        ([("l", 10**9)], MOST_MS),
        ([("l", MOST_MS), "a"], MOST_MS),
        ([("l", 0)], 0),
    ],
)
def test_it_rises_by_500_ms_with_each_backlog_and_to_the_largest_lag(alerts, ms):
    assert fired(*alerts).ms == ms


def test_while_an_alert_fires_the_watermark_stays():
    mark = fired(("l", 12000), "a")
    assert after(mark, NOW + FORGET_MS - 1) is mark


def test_a_lag_that_shrinks_while_it_fires_lowers_nothing():
    mark = fired(("l", 12000), ("l", 11000))
    assert after(mark, NOW + 10_000).ms == 12000


def levels(mark, since):
    """Each level that it has on its way down, and how long it holds until the next."""
    found = [(mark.ms, since)]
    for ms in range(0, 20 * HOLD_MS, 100):
        if after(mark, since + ms).ms != found[-1][0]:
            found.append((after(mark, since + ms).ms, since + ms))
    ends = [at for _, at in found[1:]]
    return [(ms, end - at) for (ms, at), end in zip(found, ends, strict=False)] + [found[-1][0]]


def test_when_the_last_alert_resolves_it_comes_down_in_steps():
    mark = resolved(fired("a", "b", "c"), "c", NOW + 60_000)
    mark = resolved(mark, "a", NOW + 60_000)
    mark = resolved(mark, "b", NOW + 60_000)
    steps = [(1500, HOLD_MS), (750, HOLD_MS), (250, HOLD_MS), 0]
    assert levels(mark, NOW + 60_000) == steps


def test_as_alerts_resolve_one_by_one_it_comes_down_one_by_one():
    mark = resolved(fired("a", "b", "c"), "a", NOW)
    assert levels(mark, NOW) == [(1500, HOLD_MS), 1000]
    mark = resolved(after(mark, NOW + 60_000), "c", NOW + 60_000)
    assert levels(mark, NOW + 60_000) == [(1000, HOLD_MS), 500]


def test_an_alert_that_resolves_late_makes_what_is_above_it_hold_no_longer():
    mark = resolved(fired("a", "b"), "b", NOW)
    mark = resolved(mark, "a", NOW + HOLD_MS // 2)
    assert levels(mark, NOW + HOLD_MS // 2) == [(1000, HOLD_MS // 2), (500, HOLD_MS), 0]


@given(st.integers(1, MOST_MS), st.sampled_from([500, 2000, 60_000]))
def test_on_its_way_down_no_step_lets_more_than_twice_as_much_through(ms, half_ms):
    from sluice.program.watermark import part

    mark = resolved(lag(Watermark(), "l", ms, NOW), "l", NOW)
    parts = [part(after(mark, NOW + i * HOLD_MS).ms, half_ms) for i in range(14)]
    assert parts[-1] == 1024
    for before, now in zip(parts, parts[1:], strict=False):
        # Rounded down to 1/1,024, which may be nearly nothing of what it was.
        assert before <= now <= 2 * (before + 1)


def test_it_comes_down_to_what_still_fires():
    mark = resolved(fired(("l", 12000), "a"), "l", NOW + 5)
    steps = [12500, 6250, 3125, 1562, 781]
    assert levels(mark, NOW + 5) == [*((ms, HOLD_MS) for ms in steps), 500]


def test_what_comes_and_goes_while_another_fires_does_not_raise_it_for_ever():
    mark = fired("a")
    for i in range(5):
        mark = backlog(after(mark, NOW + i * 60_000), "b", NOW + i * 60_000)
        assert mark.ms == 1000
        mark = resolved(mark, "b", NOW + i * 60_000 + 1000)


def test_resolving_twice_or_what_never_fired_changes_nothing():
    once = resolved(fired("a"), "a", NOW + 5)
    assert resolved(once, "a", NOW + 6) == once
    assert resolved(once, "never", NOW + 6) == once


def test_an_alert_that_flaps_swings_nothing():
    mark = resolved(fired("a"), "a", NOW)
    mark = backlog(mark, "a", NOW + HOLD_MS // 2)
    assert mark.ms == 500 and after(mark, NOW + 60_000) is mark
    mark = after(resolved(mark, "a", NOW + 60_000), NOW + 60_000 + HOLD_MS)
    assert mark.ms == 0
    assert backlog(mark, "a", NOW + 70_000).ms == 500


def test_an_alert_that_is_not_repeated_is_forgotten():
    mark = fired("a", "b")
    mark = backlog(mark, "b", NOW + FORGET_MS // 2)
    mark = after(mark, NOW + FORGET_MS)
    assert set(mark.firing) == {"b"}
    assert (mark.ms, after(mark, NOW + FORGET_MS + HOLD_MS).ms) == (1000, 500)
    late = after(mark, NOW + 3 * FORGET_MS // 2 + HOLD_MS - 1)
    assert (late.ms, late.firing) == (500, {})
    assert after(mark, NOW + 3 * FORGET_MS // 2 + HOLD_MS).ms == 0


def test_a_clock_that_steps_back_does_not_raise_or_lower_it():
    mark = resolved(fired("a"), "a", NOW)
    assert after(mark, NOW - 10**6) == mark


@given(st.lists(st.sampled_from(["a", "b", ("l", 700), ("m", 9000)]), max_size=12), st.data())
def test_repeated_notifications_change_nothing(alerts, data):
    first_times = list(dict.fromkeys(alerts))
    once = fired(*first_times)
    assert fired(*first_times, *data.draw(st.permutations(alerts))) == once


@given(st.integers(0, MOST_MS), st.lists(st.integers(0, 20_000), min_size=1, max_size=8))
def test_how_often_the_decay_is_counted_in_does_not_matter(ms, steps):
    at_once = step_by_step = resolved(lag(Watermark(), "l", ms, NOW), "l", NOW)
    now = NOW
    for step in steps:
        now += step
        step_by_step = after(step_by_step, now)
    at_once = after(at_once, now)
    assert step_by_step.ms == at_once.ms


def test_what_is_written_is_read():
    mark = resolved(fired("a", ("l", 1200), "b"), "a", NOW + 5)
    assert read(write(mark)) == mark


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"x",
        b"[]",
        b"500",
        b'{"ms":-1}',
        b'{"ms":1e9}',
        b'{"ms":600001}',
        b'{"firing":[1]}',
        b'{"firing":{"a":[1]}}',
        b'{"firing":{"a":[1,"x"]}}',
        b"\xff",
    ],
)
def test_what_makes_no_sense_is_no_watermark(value):
    assert read(value) == Watermark()


names = st.sampled_from("abcd")
alerts = st.one_of(
    st.tuples(st.just("backlog"), names),
    st.tuples(st.just("lag"), names, st.sampled_from([0, 400, 500, 1000, 1200])),
    st.tuples(st.just("resolved"), names),
)


@given(st.lists(st.tuples(st.integers(0, 9000), st.lists(alerts, max_size=6)), max_size=8))
def test_it_is_never_below_what_fires_and_rises_to_no_more(batches):
    mark = Watermark()
    now = NOW
    for later_ms, batch in batches:
        now += later_ms
        before = after(mark, now)
        changing = Changing(mark, now)
        for kind, *alert in batch:
            getattr(changing, kind)(*alert)
        mark = changing.mark
        assert mark.ms == max(before.ms, mark.asked_ms)
        assert after(mark, now + 14 * HOLD_MS).ms == mark.asked_ms


@given(st.lists(alerts, max_size=6, unique_by=lambda alert: alert[1]), st.data())
def test_the_order_of_alerts_that_come_together_does_not_matter(batch, data):
    def changed(batch):
        changing = Changing(fired("a", ("b", 700)), NOW)
        for kind, *alert in batch:
            getattr(changing, kind)(*alert)
        return changing.mark

    assert changed(batch) == changed(data.draw(st.permutations(batch)))


def test_alerts_by_the_hundred_thousand_take_time_as_they_are_many():
    # One after the other, each on all that fire, takes minutes, longer than a test may.
    changing = Changing(Watermark(), NOW)
    for number in range(200_000):
        changing.backlog(f"b{number}")
        changing.lag(f"l{number}", number)
    for number in range(150_000):
        changing.resolved(f"l{number}")
    assert changing.mark.ms == MOST_MS
    assert len(changing.mark.firing) == FIRING_MOST


def test_a_nested_value_is_no_watermark():
    assert read(b'{"ms":' + b"[" * 100_000) == Watermark()
