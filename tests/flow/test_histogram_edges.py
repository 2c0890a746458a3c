"""The histogram at the ends of its scale, and the rank that a percentile asks for."""

import pytest

from sluice.flow.histogram import LogHistogram

LARGEST = (1 << 29) - 1


def filled(values):
    histogram = LogHistogram()
    for value in values:
        histogram.add(value)
    return histogram


@pytest.mark.parametrize(
    ("n", "p", "rank"),
    [
        (1, 1, 1),
        (1, 100, 1),
        (3, 33, 1),
        (3, 34, 2),
        (3, 66, 2),
        (3, 67, 3),
        (7, 43, 4),
        (14, 50, 7),
    ],
)
def test_the_rank_is_rounded_up(n, p, rank):
    assert filled(range(1, n + 1)).percentile(p) == rank


@pytest.mark.parametrize("values", [[], [0], [LARGEST], [5, 1 << 20, 0, LARGEST, 5]])
def test_cleared_it_is_as_it_was_when_made(values):
    histogram = filled(values)
    for _ in range(2):
        histogram.clear()
        assert vars(histogram) == vars(LogHistogram())
    histogram.add(3)
    assert histogram.percentile(100) == 3
