"""What runs for ever ends when it is cancelled, in whatever turn of the event loop that is."""

import asyncio

import pytest

from sluice_tools.fleet.budget import Driver, GatewayShare, drive
from sluice_tools.fleet.etcd import Etcd, EtcdError
from sluice_tools.fleet.gateway.config import BoardConfig, EtcdConfig, GatewayConfig
from sluice_tools.fleet.gateway.coordinator import Coordinator

pytestmark = pytest.mark.asyncio

NOBODY = ("127.0.0.1:1",)
TURNS = 12
"""More than each of these takes from one of its waits to the next."""


class Refusing(Etcd):
    """Refuses in a turn that is known, as no server does."""

    async def follow(self, prefix):
        raise EtcdError(f"{prefix}: permission denied")
        yield


async def cancel_in_each_turn(start):
    """start: a function that returns what is to run, and what is to be called in each turn."""
    for turns in range(TURNS):
        work, each_turn = start()
        task = asyncio.create_task(work)
        for _ in range(turns):
            each_turn()
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=60)
        assert task.done(), f"cancelled in turn {turns}, it runs on"


async def test_a_budget_driver_ends_while_news_comes(monkeypatch):
    monkeypatch.setattr(drive, "_GATHER_S", 0)  # so that it waits for turns, not for times
    async with Etcd(NOBODY) as etcd:

        def start():
            driver = Driver(GatewayShare("g0", "qps"), etcd, lambda grant: None)
            return driver.run(), driver.wake

        await cancel_in_each_turn(start)


async def test_a_gateways_budget_ends_while_etcd_refuses_it():
    board = BoardConfig(name="b1", port="/dev/ttyACM0")
    etcd_config = EtcdConfig(endpoints=NOBODY, budget="qps")
    config = GatewayConfig(name="g0", etcd=etcd_config, board=(board,))
    async with Refusing(NOBODY) as etcd:

        def start():
            coordinator = Coordinator(etcd, config)
            return coordinator._keep_on(coordinator._run_budget), lambda: None

        await cancel_in_each_turn(start)
