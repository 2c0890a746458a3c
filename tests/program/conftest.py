"""A board that tests start the program on."""

import pytest
from board_twin import BoardTwin

from host_sim import TickClock


@pytest.fixture
def rig(tmp_path):
    with TickClock(start=(1 << 30) - 500) as clock:
        yield BoardTwin(clock, tmp_path)
