"""What a gateway makes of statistics lines: the demand of a board, and its histogram."""

import pytest
from stats_lines import stats

from sluice_tools.fleet.gateway.demand import HOLD_S, IDLE, WAITING, Demand, needed
from sluice_tools.fleet.gateway.sojourns import BOUNDS_MS, Sojourns


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"denied": 11, "rate": 100, "qps": 100}, 200),
        ({"denied": 11, "rate": 100, "qps": 80}, 200),
        ({"denied": 11, "rate": 100, "qps": 79}, 99),
        ({"denied": 11, "rate": 100, "qps": 40, "cost": "bytes"}, 200),
        ({"denied": 11, "rate": 0, "qps": 0}, WAITING),
        ({"denied": 10, "rate": 0, "depth": 1, "tokens": 0}, WAITING),
        ({"denied": 10, "rate": 100, "qps": 40}, 50),
        ({"denied": 10, "rate": 100, "qps": 0}, IDLE),
        ({"denied": 10, "rate": 100, "qps": 40, "cost": "bytes"}, 75),
        ({"denied": 9, "rate": 100, "qps": 40}, 50),
        # Under a watermark that leaves half: of what it asks for it gets half.
        ({"denied": 11, "rate": 100, "qps": 50, "part": 512}, 200),
        ({"denied": 10, "rate": 100, "qps": 20, "part": 512}, 50),
        ({"denied": 10, "rate": 100, "qps": 40, "cost": "bytes", "part": 512}, 75),
    ],
)
def test_what_a_board_needs(changes, expected):
    line = stats(**{"depth": 0, "tokens": 5} | changes)
    assert needed(stats(denied=10), line) == expected


def test_without_a_line_before_it_is_what_was_used():
    assert needed(None, stats(denied=900, qps=40, depth=0)) == 50


def asked(*used):
    """What a board asks for that uses so much, second by second, and never waits."""
    demand = Demand()
    lines = [stats(up_s=i, qps=qps, depth=0, denied=10) for i, qps in enumerate(used)]
    return [demand.add(before, line) for before, line in zip([None, *lines], lines, strict=False)]


def test_a_demand_rises_at_once_and_falls_when_it_was_not_needed_for_a_while():
    assert asked(40, 80, *[0] * HOLD_S) == [50, 100, *[100] * (HOLD_S - 1), IDLE]


def test_a_demand_that_is_a_quarter_too_much_stays():
    assert asked(49, *[40] * 9)[-1] == 62 and asked(50, *[40] * 9)[-1] == 50


def test_the_demand_of_a_board_that_was_reset_begins_anew():
    demand = Demand()
    demand.add(None, stats(up_s=900, qps=80, depth=0))
    assert demand.add(None, stats(up_s=1, qps=0, depth=0)) == IDLE


def counts(first, last, total):
    return (first, *[0] * 12, last, total)


def test_a_histogram_is_what_was_counted_since_it_is_known():
    sojourns = Sojourns()
    sojourns.add(counts(70, 3, 900), reset=True)
    assert sojourns.cumulative()[-1] == 0
    sojourns.add(counts(75, 4, 1000), reset=False)
    sojourns.add(counts(75, 6, 1500), reset=False)
    below = sojourns.cumulative()
    assert BOUNDS_MS[0] == 3 and BOUNDS_MS[-1] == 16383
    assert [below[0], below[-2], below[-1]] == [5, 5, 8]
    assert sojourns.sum_ms == 600


def test_counts_that_wrap_go_on_and_those_of_a_reset_board_begin_anew():
    sojourns = Sojourns()
    last = (1 << 30) - 1
    sojourns.add(counts(last, 0, last), reset=True)
    sojourns.add(counts(4, 0, 9), reset=False)
    assert (sojourns.classes[0], sojourns.sum_ms) == (5, 10)
    sojourns.add(counts(2, 0, 2), reset=True)
    sojourns.add(counts(3, 0, 4), reset=False)
    assert (sojourns.classes[0], sojourns.sum_ms) == (6, 12)
    sojourns.add(None, reset=False)
    sojourns.add(counts(9, 0, 9), reset=False)
    assert sojourns.classes[0] == 6


def test_the_bounds_are_those_of_the_firmware():
    from sluice.flow.histogram import CLASSES, LogHistogram

    assert len(BOUNDS_MS) == CLASSES - 1
    for at, bound in enumerate(BOUNDS_MS):
        for value, place in ((bound, at), (bound + 1, at + 1)):
            classes = [0] * (CLASSES + 1)
            histogram = LogHistogram()
            histogram.add(value)
            histogram.tally(classes)
            assert classes[place] == 1
