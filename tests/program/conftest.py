"""A board that tests start the program on."""

import pytest
from board_twin import BoardTwin


@pytest.fixture
def rig(tick_clock, tmp_path):
    tick_clock.set((1 << 30) - 500)
    return BoardTwin(tick_clock, tmp_path)
