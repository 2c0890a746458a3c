"""Nearest rank."""

import math

from host_sim.percentile import percentile


def test_the_rank_is_the_share_rounded_up():
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert percentile([1, 2, 3, 4], 0.51) == 3
    assert percentile([7], 0.99) == 7
    assert percentile([1, 2, 3], 1) == 3


def test_there_is_none_of_nothing():
    assert math.isnan(percentile([], 0.5))
