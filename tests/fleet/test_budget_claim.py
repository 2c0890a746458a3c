"""What a gateway claims: what it needs, and it does not write at each change of that."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.fleet.budget.claim import next_claim

amounts = st.integers(0, 1 << 30)


@given(amounts, amounts, amounts, st.integers(-(1 << 30), 1 << 30))
def test_it_is_what_is_needed_as_far_as_there_is_room(claim, needed, spare, unclaimed):
    room = claim + max(0, unclaimed)
    after = next_claim(claim, needed, spare, unclaimed)
    assert min(needed, room) <= after <= room
    assert after <= needed + needed // 4
    assert next_claim(after, needed, spare, unclaimed + claim - after) in (after, needed)


@pytest.mark.parametrize(
    ("claim", "needed", "unclaimed", "after"),
    [
        (0, 80, 1000, 90),  # a little more
        (90, 80, 1000, 90),
        (100, 80, 1000, 100),
        (101, 80, 1000, 90),
        (90, 91, 1000, 102),
        (90, 80, 124, 80),  # no plenty: others may need it
        (0, 1000, 1000, 1000),
        (0, 1200, 1000, 1000),
        (50, 80, 0, 50),
        (50, 80, -5, 50),
        (50, 20, -5, 20),
    ],
)
def test_claims(claim, needed, unclaimed, after):
    assert next_claim(claim, needed, 1000, unclaimed) == after


def test_where_there_is_plenty_it_is_seldom_written():
    chance = random.Random(1)
    demands = [chance.randint(1, 40) for _ in range(100)]
    claim = written = 0
    for _ in range(1000):
        demands[chance.randrange(100)] = chance.randint(1, 40)
        after = next_claim(claim, sum(demands), 300_000, 100_000)
        written += after != claim
        claim = after
    assert written < 20
