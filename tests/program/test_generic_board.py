"""The generic board's file on ports that lack something of `machine`."""

from importlib.util import module_from_spec, spec_from_file_location

import machine
import pytest

from sluice_tools.itself import BOARDS

FILE = BOARDS / "generic" / "board.py"


@pytest.fixture
def board():
    """board(): the module, as this port has it."""

    def load():
        spec = spec_from_file_location("generic_board", FILE)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_a_port_may_have_no_watchdog(board, monkeypatch):
    monkeypatch.setattr(machine, "WDT", "its own", raising=False)
    assert board().WDT == "its own"
    monkeypatch.delattr(machine, "WDT")
    assert board().WDT is None


class OneShot(machine.Timer):
    """A timer of a port that has no periodic ones."""

    def init(self, mode=0, period=0, callback=None):
        raise ValueError("mode")


def test_a_port_may_have_other_timers(board, monkeypatch):
    assert board().start_timer is not None
    monkeypatch.setattr(machine, "Timer", OneShot)
    assert board().start_timer is None
    monkeypatch.delattr(machine, "Timer")
    assert board().start_timer is None
