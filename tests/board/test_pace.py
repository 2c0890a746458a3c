"""Rates on a clock, and ticks that go on where they wrap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.board.feed.pace import TICKS_PERIOD, Pace, Unwrapped


def pace(times, per_s=1000):
    result = Pace(per_s)
    for at in times:
        result.add(at)
    return result


@pytest.mark.parametrize(
    ("times", "mean", "most"),
    [
        ([], None, 0),
        ([5], None, 1),
        ([5, 5], None, 2),
        ([0, 1000], 1, 1),
        ([0, 999], 1000 / 999, 2),
        ([0, 500, 1000, 1500], 2, 2),
        ([0, 0, 0, 1000, 1000], 4, 3),
        ([0, 900, 950, 990, 1100, 1800], 5 * 1000 / 1800, 5),
        ([0, 10_000], 0.1, 1),
        ([1000, 990, 1500], 4, 3),
    ],
)
def test_mean_and_the_second_with_the_most(times, mean, most):
    result = pace(times)
    assert result.mean == (None if mean is None else pytest.approx(mean))
    assert result.most == most


@given(st.lists(st.integers(0, 5000), max_size=60).map(sorted))
def test_the_second_with_the_most_is_that_of_all_windows(times):
    windows = [sum(at <= other < at + 1000 for other in times) for at in times]
    assert pace(times).most == max(windows, default=0)


def test_time_between_runs_does_not_count():
    result = Pace(1000)
    for at, run in ((0, 0), (500, 0), (900_000, 1), (900_500, 1), (7, 2)):
        result.add(at, run)
    assert result.mean == 2
    assert result.most == 2


@given(
    st.integers(0, TICKS_PERIOD - 1),
    st.lists(st.integers(0, 5 * TICKS_PERIOD), max_size=20),
    st.sampled_from([1000, 1_000_000]),
    st.floats(-0.2, 0.2),
)
def test_ticks_go_on_over_any_number_of_wraps(start, gaps, ticks_per_s, late_s):
    unwrapped = Unwrapped(ticks_per_s)
    count = start
    counts = [count]
    for gap in gaps:
        count += gap
        counts.append(count)
    heard = [at / ticks_per_s + (late_s if number % 2 else 0) for number, at in enumerate(counts)]
    got = [
        unwrapped.add(at % TICKS_PERIOD, host_s) for at, host_s in zip(counts, heard, strict=True)
    ]
    assert got == counts
