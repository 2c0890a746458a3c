"""What a board lacks for a sink to a server is told in one line."""

import json
import sys
from types import ModuleType

import machine
import pytest
from board_twin import BoardTwin

from host_sim import TickClock
from sluice.program.config import ConfigError, check
from sluice.program.network import Network
from sluice.program.uplink import open_uplink

URLS = {"mqtt": "mqtt://broker", "http": "http://server/in"}


def opened(folder, kind):
    with TickClock() as clock:
        config = check({"sink": kind, kind: URLS[kind]}, 1000)
        board = BoardTwin(clock, folder)
        return open_uplink(config, board, Network(config, board, print), print, None, None)


@pytest.mark.parametrize("kind", URLS)
def test_a_board_without_an_identity(tmp_path, monkeypatch, kind):
    assert opened(tmp_path, kind)
    monkeypatch.delattr(machine, "unique_id")
    with pytest.raises(ConfigError, match=f'sink is "{kind}", .*without machine.unique_id'):
        opened(tmp_path, kind)


@pytest.mark.parametrize("kind", URLS)
def test_a_board_whose_network_is_no_wifi(tmp_path, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, "network", ModuleType("network"))
    assert opened(tmp_path, kind)
    (tmp_path / "secrets.json").write_text(json.dumps({"wifi_ssid": "home"}))
    with pytest.raises(ConfigError, match=f'sink is "{kind}", .*without a network'):
        opened(tmp_path, kind)
