"""Gateways that share a budget through real etcd servers, each of which is killed in turn."""

import asyncio
import itertools
import random
from contextlib import asynccontextmanager

import pytest
from budget_world import Board, OverBudgetError
from etcd_servers import EtcdServers, needs_etcd, put_until_it_stands

from sluice_tools.fleet.budget import Driver, GatewayShare, clock_ms, drive
from sluice_tools.fleet.budget.terms import EXPIRED_MS
from sluice_tools.fleet.etcd import Etcd

pytestmark = [pytest.mark.asyncio, needs_etcd]

RATE = 1000


class Polled(GatewayShare):
    """meanwhile: called within each poll.  polled: notes each."""

    def __init__(self, meanwhile=lambda: None):
        super().__init__("g0", "qps")
        self.meanwhile = meanwhile
        self.polls = 0
        self.polled = asyncio.Event()

    def poll(self, now):
        self.polls += 1
        self.polled.set()
        self.meanwhile()
        return super().poll(now)


class Now:
    """What a simulated board needs of its world, in real time."""

    def __init__(self):
        self.chance = random.Random(1)
        self.epochs = itertools.count(1)
        self.boards = []
        self.taken = 0

    @property
    def now(self):
        return float(clock_ms())

    def check(self, what):
        self.taken += 1
        total = sum(board.rate for board in self.boards)
        if total > RATE:
            raise OverBudgetError(f"{what}: {total} > {RATE}")


class Gateway:
    """A gateway with one board, which is connected by function calls."""

    def __init__(self, world, etcd, name):
        self.share = GatewayShare(name, "qps")
        self.driver = Driver(self.share, etcd, self._grant)
        self.board = Board(world, f"board-of-{name}")
        self._name = name
        world.boards.append(self.board)
        self.share.join(self.board.name, 0)
        self.board.hello(1)
        self.share.connected(self.board.name, self.board.report()[1], clock_ms())

    def ask(self, demand):
        self.share.ask(self.board.name, demand)
        self.driver.wake()

    def _grant(self, grant):
        self.board.take(grant, self._name)
        asyncio.get_running_loop().call_soon(self.report)

    def report(self):
        self.share.reported(self.board.name, self.board.report()[1], clock_ms())
        self.driver.wake()

    async def run(self):
        async with asyncio.TaskGroup() as tasks:
            reports = tasks.create_task(self._report_again())
            await self.driver.run()
            reports.cancel()

    async def _report_again(self):
        while True:
            await asyncio.sleep(1)
            self.report()


@asynccontextmanager
async def fleet(endpoints, count):
    world = Now()
    async with Etcd(endpoints, timeout_s=1) as etcd:
        await put_until_it_stands(etcd, "/budget/qps", b"%d" % RATE)
        gateways = [Gateway(world, etcd, f"g{i}") for i in range(count)]
        tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]
        try:
            yield world, gateways, tasks, etcd
            assert all(task.cancelled() or not task.exception() for task in tasks if task.done())
        finally:
            for task in tasks:
                task.cancel()


async def until(world, rates, timeout_s=120):
    async with asyncio.timeout(timeout_s):
        while [board.rate for board in world.boards] != rates:
            await asyncio.sleep(0.02)


async def test_the_budget_is_shared_through_every_kill(tmp_path, capsys):
    with EtcdServers(tmp_path, 3) as servers:
        async with fleet(servers.endpoints, 3) as (world, gateways, tasks, etcd):
            for gateway in gateways:
                gateway.ask(RATE)
            await until(world, [334, 333, 333])
            for node, gateway in zip(servers.nodes, gateways, strict=True):
                node.kill()
                gateway.ask(100)
                others = [450] * 3
                others[gateways.index(gateway)] = 100
                await until(world, others)
                await asyncio.to_thread(servers.start, node)
                gateway.ask(RATE)
                await until(world, [334, 333, 333])
            tasks[0].cancel()  # this gateway dies
            await until(world, [0, 500, 500], EXPIRED_MS / 1000 + 120)
            gateways[1].share.stop()
            await asyncio.wait_for(tasks[1], 120)
            await until(world, [0, 0, 1000])
            left = [kv.key for kv in (await etcd.range("/budget/qps/")).kvs]
            assert left == ["/budget/qps/claim/g2", "/budget/qps/gateway/g2"]
    with capsys.disabled():
        print(f"\n  {world.taken} grants taken while 3 of 3 nodes were killed, never above {RATE}")


@pytest.mark.parametrize("turns", [None, 0, 1, 2, 3, 20])
async def test_a_wake_up_while_a_driver_works_is_not_lost(turns, monkeypatch):
    """Within a poll, and so many turns of the event loop after it: the clock alone wakes nobody."""
    monkeypatch.setattr(drive, "POLL_MS", 3_600_000)
    async with Etcd(["127.0.0.1:1"]) as etcd:
        share = Polled()
        driver = Driver(share, etcd, lambda grant: None)
        if turns is None:
            share.meanwhile = driver.wake
        task = asyncio.create_task(driver.run())
        try:
            for polls in range(1, 5):
                async with asyncio.timeout(60):
                    while share.polls < polls:
                        await share.polled.wait()
                        share.polled.clear()
                if turns is not None:
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    driver.wake()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_what_etcd_answers_wakes_the_driver(endpoints, monkeypatch):
    monkeypatch.setattr(drive, "POLL_MS", 3_600_000)
    share = Polled()
    async with Etcd(endpoints) as etcd:
        await put_until_it_stands(etcd, "/budget/qps", b"%d" % RATE)
        task = asyncio.create_task(Driver(share, etcd, lambda grant: None).run())
        try:
            async with asyncio.timeout(60):
                while share.polls < 2:  # the first has asked
                    await share.polled.wait()
                    share.polled.clear()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
