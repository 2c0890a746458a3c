"""The Wi-Fi as the sink `mqtt` sees it. Played is network.WLAN alone: only a board has one."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from host_sim import TickClock


class Wlan:
    def __init__(self, kind) -> None:
        assert kind == "station"
        self.calls: list[object] = []
        self.connected = False
        self.error: str | None = None

    def active(self, on) -> None:
        self.calls.append(on)

    def disconnect(self) -> None:
        raise OSError("was not joining")

    def connect(self, ssid, password) -> None:
        if self.error:
            raise OSError(self.error)
        self.calls.append((ssid, password))

    def isconnected(self) -> bool:
        return self.connected


@pytest.fixture
def rig(monkeypatch):
    monkeypatch.setitem(sys.modules, "network", SimpleNamespace(WLAN=Wlan, STA_IF="station"))
    monkeypatch.delitem(sys.modules, "sluice.net.wifi", raising=False)
    module = importlib.import_module("sluice.net.wifi")
    monkeypatch.delitem(sys.modules, "sluice.net.wifi")
    told: list[tuple[str, str]] = []
    with TickClock(start=(1 << 30) - 5000, strict=True) as clock:
        wifi = module.Wifi("home", None, lambda *what: told.append(what), clock.ticks)
        yield SimpleNamespace(wifi=wifi, wlan=wifi._wlan, clock=clock, told=told)


def joins(rig) -> int:
    return rig.wlan.calls.count(("home", None))


def test_it_joins_at_once_and_lets_an_attempt_take_its_time(rig) -> None:
    assert rig.wifi.up() is False
    assert rig.wlan.calls == [True, ("home", None)]
    for _ in range(99):
        rig.clock.advance(100)
        assert rig.wifi.up() is False
    assert joins(rig) == 1
    for _ in range(101):
        rig.clock.advance(100)
        rig.wifi.up()
    assert joins(rig) == 2
    assert rig.told == []


def test_a_loss_is_told_and_it_joins_again(rig) -> None:
    rig.wifi.up()
    rig.wlan.connected = True
    assert [rig.wifi.up(), rig.wifi.up()] == [True, True]
    assert rig.told == [("up", "")]
    rig.wlan.connected = False
    assert rig.wifi.up() is False
    assert rig.told == [("up", ""), ("down", "")]
    assert joins(rig) == 2


def test_it_is_tried_for_ever_ever_more_seldom_up_to_a_minute(rig) -> None:
    for _ in range(3600):
        rig.wifi.up()
        rig.clock.advance(1000)
    assert 60 < joins(rig) < 130


def test_why_it_cannot_be_joined_is_told_once(rig) -> None:
    rig.wlan.error = "Wifi Internal State Error"
    for _ in range(300):
        rig.wifi.up()
        rig.clock.advance(1000)
    rig.wlan.error = "another"
    for _ in range(100):
        rig.wifi.up()
        rig.clock.advance(1000)
    assert rig.told == [("down", "Wifi Internal State Error"), ("down", "another")]
    rig.wlan.error = None
    for _ in range(100):
        rig.wifi.up()
        rig.clock.advance(1000)
    assert joins(rig) >= 1
