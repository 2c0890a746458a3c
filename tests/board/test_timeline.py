"""When lines arrive: steps back, jumps, shortened gaps, whole seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.board.feed.timeline import JUMP_S, Arrival, Timed, Timeline, spread

Y1970, Y2015, Y2099 = 0, 1_431_857_103, 4_070_908_800


def arrive(times, longest_gap_s=None):
    timeline = Timeline(longest_gap_s)
    return [timeline.add(time) for time in times], timeline.jumps, timeline.shortened


@pytest.mark.parametrize(
    ("times", "longest_gap_s", "expected", "jumps", "shortened"),
    [
        ([5, 9, 8, 3, 10], None, [0, 4, 4, 4, 5], 0, 0),
        ([5, 9, 8, 3, 10], 5, [0, 4, 4, 4, 5], 0, 0),
        ([5, 11, 10, 17], 5, [0, 5, 5, 10], 0, 2),
        ([0, JUMP_S, 0, JUMP_S + 1], None, [0, JUMP_S, JUMP_S, JUMP_S + 1], 1, 0),
        # A clock that is set after the start, and a row from before it in the middle.
        ([Y1970, Y2015, Y2015 + 1], 5, [0, 5, 6], 1, 1),
        ([Y2015, Y1970, Y2015 + 1, Y2015 + 2], 5, [0, 0, 5, 6], 2, 1),
        ([Y2015, Y1970, Y2015 + 1], None, [0, 0, 1], 2, 0),
        # A row from the future.
        ([Y2015, Y2099, Y2015 + 1, Y2015 + 2], 5, [0, 5, 5, 6], 2, 1),
        ([Y2015, Y2099, Y2015 + 1], None, [0, Y2099 - Y2015, Y2099 - Y2015], 2, 0),
    ],
)
def test_arrivals_and_jumps(times, longest_gap_s, expected, jumps, shortened):
    assert arrive(times, longest_gap_s) == (expected, jumps, shortened)


@given(
    st.lists(st.integers(-(10**6), 10**6) | st.sampled_from([Y1970, Y2015, Y2099])),
    st.integers(1, 100_000),
)
def test_with_a_longest_gap_no_line_is_waited_for_longer(times, longest_gap_s):
    arrivals, _, _ = arrive(times, longest_gap_s)
    gaps = [after - before for before, after in zip(arrivals, arrivals[1:], strict=False)]
    assert all(0 <= gap <= longest_gap_s for gap in gaps)


def times(pairs, size=1):
    timed = (Timed(Arrival(at_s, bytes(size), 0), in_second) for at_s, in_second in pairs)
    return [arrival.at_s for arrival in spread(timed)]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], []),
        ([0], [0]),
        ([0, 0, 0, 0], [0, 0.25, 0.5, 0.75]),
        ([0, 0, 1, 1, 7], [0, 0.5, 1, 1.5, 7]),
        ([0, 0, 0.5, 0.5], [0, 0.25, 0.5, 1]),  # a gap that was shortened
    ],
)
def test_the_lines_of_a_second_are_spread_over_it(seconds, expected):
    assert times([(second, True) for second in seconds]) == expected


def test_exact_times_are_left_alone():
    pairs = [(0, False), (0, False), (1, True), (1, True), (1.5, False), (1.5, False)]
    assert times(pairs) == [0, 0, 1, 1.25, 1.5, 1.5]


def test_of_a_very_full_second_the_rest_arrives_at_its_end():
    at_s = times([(0, True)] * 300 + [(1, True)], size=65_536)
    assert at_s == sorted(at_s) and at_s[-1] == 1
    assert at_s[:3] == [0, 1 / 129, 2 / 129] and 0.99 < at_s[-2] < 1


def test_what_was_read_before_a_failure_arrives():
    def timed():
        yield Timed(Arrival(0, b"x", 0), True)
        yield Timed(Arrival(0, b"x", 0), True)
        raise OSError

    arrivals = spread(timed())
    assert [next(arrivals).at_s, next(arrivals).at_s] == [0, 0.5]
    with pytest.raises(OSError):
        next(arrivals)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans())).map(sorted))
def test_none_is_lost_and_none_goes_back(pairs):
    at_s = times(pairs)
    assert len(at_s) == len(pairs) and at_s == sorted(at_s)
    assert all(0 <= at - second < 1 for at, (second, _) in zip(at_s, pairs, strict=True))
