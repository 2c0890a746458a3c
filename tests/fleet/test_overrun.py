"""What is said of a fleet whose downstream was overrun."""

from collections import Counter

import pytest

from sluice_tools.fleet.demonstration.overrun import Overrun
from sluice_tools.fleet.demonstration.timeline import Timeline
from sluice_tools.fleet.steady import Course


def test_one_steady_state_however_long_it_took():
    """The second board begins late, and is even from then on: in the last third of 30 s."""
    by_board = [Counter(b1=10 * at, b2=20 * max(0, at - 20)) for at in range(31)]
    course = Course(sent=[0.5] * 20 + [1.0] * 10, taken=[0.5] * 20 + [1.0] * 10)
    rates = {"b1": 10, "b2": 20}
    shown = Overrun(2, 1, 30, 45, course, 500, 500, by_board, rates, Timeline())
    assert shown.steady_s == 20
    assert shown.used_percent == pytest.approx(100)
    assert shown.fairness == pytest.approx(1)
