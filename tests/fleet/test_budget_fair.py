"""Max-min fair shares against filling unit by unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.fleet.budget.fair import extras

boards = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=8)


def unit_by_unit(spare, boards):
    """Gives each unit to the first of those that have least and ask for more."""
    shares = [0] * len(boards)
    for _ in range(spare):
        asking = [
            (guaranteed + shares[place], place)
            for place, (guaranteed, demand) in enumerate(boards)
            if guaranteed + shares[place] < demand
        ]
        if not asking:
            break
        shares[min(asking)[1]] += 1
    return shares


@given(st.integers(0, 300), boards)
def test_it_is_what_filling_unit_by_unit_gives(spare, boards):
    assert extras(spare, boards) == unit_by_unit(spare, boards)


@given(
    st.integers(0, 2**30),
    st.lists(st.tuples(st.integers(0, 2**30), st.integers(0, 2**30)), max_size=50),
)
def test_all_that_is_asked_for_is_given_as_far_as_it_goes(spare, boards):
    shares = extras(spare, boards)
    assert sum(shares) == min(spare, sum(max(0, d - g) for g, d in boards))
    assert all(0 <= share <= max(0, d - g) for share, (g, d) in zip(shares, boards, strict=True))


@pytest.mark.parametrize(
    ("spare", "boards", "shares"),
    [
        (10, [], []),
        (0, [(0, 5)], [0]),
        (100, [(0, 10), (0, 20)], [10, 20]),
        (30, [(0, 100), (0, 10), (0, 100)], [10, 10, 10]),
        (40, [(0, 100), (0, 10), (0, 100)], [15, 10, 15]),
        (11, [(0, 9), (0, 9), (0, 9)], [4, 4, 3]),
        (10, [(20, 100), (0, 100)], [0, 10]),  # it has more already
        (30, [(20, 100), (0, 100)], [5, 25]),
        (10, [(20, 5), (0, 3)], [0, 3]),
    ],
)
def test_shares(spare, boards, shares):
    assert extras(spare, boards) == shares
