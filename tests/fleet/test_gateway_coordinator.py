"""Gateways on a real etcd: the watermark comes to every board, and the budget is kept."""

import asyncio
import json
import signal
import time
from contextlib import aclosing, asynccontextmanager

import pytest
from etcd_servers import EtcdServers, needs_etcd, put_until_it_stands, read_until_answered
from gateways import VALUES, Boards, GatewayProcess, limits, rates
from monitoring import until

from sluice_tools.fleet.budget.terms import EXPIRED_MS
from sluice_tools.fleet.demonstration.servers import board_table, etcd_table
from sluice_tools.fleet.demonstration.simulated import SimulatedBoard
from sluice_tools.fleet.etcd import Etcd, EtcdUnavailable, Mirror
from sluice_tools.fleet.gateway.thresholds import LEASE_S, PREFIX, Thresholds
from sluice_tools.fleet.watermark import KEY, Watermark, write
from sluice_tools.serial.member import Report

pytestmark = [needs_etcd, pytest.mark.timeout(600)]


def put(endpoints, key, value):
    async def go():
        async with Etcd(endpoints) as etcd:
            await put_until_it_stands(etcd, key, value)

    asyncio.run(go())


def set_watermark(endpoints, ms):
    put(endpoints, KEY, write(Watermark(ms, 0)))


def thresholds(endpoints):
    async def go():
        async with Etcd(endpoints) as etcd:
            await read_until_answered(etcd, KEY)
            kvs = (await etcd.range(PREFIX)).kvs
            return {kv.key[len(PREFIX) :]: (json.loads(kv.value), kv.lease) for kv in kvs}

    return asyncio.run(go())


def in_force(endpoints):
    return {name: (v["watermark_ms"], v["limit"]) for name, (v, _) in thresholds(endpoints).items()}


@pytest.fixture
def etcd(tmp_path):
    with EtcdServers(tmp_path, 1) as servers:
        yield servers


def test_the_watermark_comes_to_every_board_and_the_threshold_back(tmp_path, etcd):
    slow, fast = SimulatedBoard(VALUES | {"rate": 20}), SimulatedBoard(VALUES | {"rate": 50})
    text = etcd_table(etcd.endpoints)
    text += board_table("slow", slow.line.url) + board_table("fast", fast.line.url)
    set_watermark(etcd.endpoints, 500)
    with Boards(slow, fast), GatewayProcess(tmp_path, text) as gateway:
        expected = {"slow": (500, 32), "fast": (500, 32)}
        until(lambda: in_force(etcd.endpoints) == expected)
        assert limits(slow, fast) == [32, 32]
        assert [board.program.bucket.part for board in (slow, fast)] == [512, 512]
        assert all(lease for _, lease in thresholds(etcd.endpoints).values())
        set_watermark(etcd.endpoints, 1000)
        until(lambda: in_force(etcd.endpoints) == {"slow": (1000, 21), "fast": (1000, 21)})
        slow.reset()
        assert limits(slow) == [64]
        until(lambda: limits(slow) == [21])
        set_watermark(etcd.endpoints, 0)
        until(lambda: limits(slow, fast) == [64, 64])
        fast.line.hang_up()
        fast.line.listener.close()
        until(lambda: "fast" not in thresholds(etcd.endpoints))
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(120) == 0
        assert thresholds(etcd.endpoints) == {}


def test_a_board_that_a_watermark_does_not_limit_is_named_with_the_reason(tmp_path, etcd):
    limited, unlimited = SimulatedBoard(VALUES), SimulatedBoard(VALUES | {"rate": None})
    text = etcd_table(etcd.endpoints)
    text += board_table("limited", limited.line.url) + board_table("any", unlimited.line.url)
    text += board_table("away", str(tmp_path / "away"))
    set_watermark(etcd.endpoints, 500)
    with Boards(limited, unlimited), GatewayProcess(tmp_path, text) as gateway:
        until(lambda: in_force(etcd.endpoints) == {"limited": (500, 32), "any": (500, 32)})
        says = "event=watermark_has_no_effect"
        until(lambda: gateway.log().count(says) == 2)
        lines = sorted(line.partition(says)[2] for line in gateway.log().splitlines())
        assert lines[-2:] == [
            ' board=any ms=500 reason="its rate is unlimited"',
            ' board=away ms=500 reason="its port is closed"',
        ]
        until(lambda: gateway.scrape()["sluice_board_watermark_ms", "any", "default"] == 500)


def test_boards_keep_their_limits_while_etcd_is_away_and_follow_it_again(tmp_path, etcd):
    board = SimulatedBoard(VALUES | {"rate": 20})
    text = etcd_table(etcd.endpoints) + board_table("b1", board.line.url)
    set_watermark(etcd.endpoints, 500)
    with Boards(board), GatewayProcess(tmp_path, text) as gateway:
        until(lambda: limits(board) == [32])
        etcd.nodes[0].kill()
        time.sleep(1)
        assert limits(board) == [32]
        board.reset()
        until(lambda: limits(board) == [32])  # the gateway knows it
        etcd.start(etcd.nodes[0])
        set_watermark(etcd.endpoints, 1000)
        until(lambda: limits(board) == [21])
        until(lambda: in_force(etcd.endpoints) == {"b1": (1000, 21)})
        assert gateway.process.poll() is None


def test_the_threshold_of_a_gateway_that_was_killed_goes_with_its_lease(tmp_path, etcd):
    board = SimulatedBoard(VALUES)
    text = etcd_table(etcd.endpoints) + board_table("b1", board.line.url)
    with Boards(board), GatewayProcess(tmp_path, text) as gateway:
        until(lambda: in_force(etcd.endpoints))
        gateway.kill()
        until(lambda: thresholds(etcd.endpoints) == {}, LEASE_S + 120)


def confirmed(limit):
    return Report(1, 1, 0, 0, 0, 1000, False, 500, limit)


@asynccontextmanager
async def publishing(*thresholds):
    tasks = [asyncio.create_task(each.run()) for each in thresholds]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_it_stands(client, board, gateway, limit):
    async with aclosing(client.follow(PREFIX + board)) as stream, asyncio.timeout(120):
        mirror = Mirror()
        async for news in stream:
            mirror.apply(news)
            kv = mirror.kvs.get(PREFIX + board)
            if kv and json.loads(kv.value).items() >= {"gateway": gateway, "limit": limit}.items():
                return


def test_a_gateway_leaves_the_threshold_that_another_has_written_anew(etcd):
    """The board has moved on before the gateway notices that it is lost."""

    async def go():
        async with Etcd(etcd.endpoints) as client:
            old, new = Thresholds(client, "old"), Thresholds(client, "new")
            async with publishing(old, new):
                old.put("b1", confirmed(5))
                await until_it_stands(client, "b1", "old", 5)
                new.put("b1", confirmed(7))
                await until_it_stands(client, "b1", "new", 7)
                old.drop("b1")
                # It deletes after each write, so b1's turn was before the second.
                for limit in (1, 2):
                    old.put("mark", confirmed(limit))
                    await until_it_stands(client, "mark", "old", limit)
                assert (await client.get(PREFIX + "b1")) is not None
                new.drop("b1")
                for limit in (1, 2):
                    new.put("mark", confirmed(limit))
                    await until_it_stands(client, "mark", "new", limit)
                assert await client.get(PREFIX + "b1") is None

    asyncio.run(go())


class Late(Etcd):
    """Calls `meanwhile` once while it has made a transaction and its caller does not know yet."""

    meanwhile = staticmethod(lambda: None)

    async def transact(self, transaction):
        outcome = await super().transact(transaction)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return outcome


def test_a_threshold_that_is_confirmed_while_the_one_before_is_written_is_written_too(etcd):
    async def go():
        async with Late(etcd.endpoints) as client:
            thresholds = Thresholds(client, "g0")
            client.meanwhile = lambda: thresholds.put("b1", confirmed(7))
            async with publishing(thresholds):
                thresholds.put("b1", confirmed(5))
                await until_it_stands(client, "b1", "g0", 7)

    asyncio.run(go())


def test_the_threshold_of_a_lost_board_goes_though_its_write_got_no_answer(etcd):
    async def go():
        async with Late(etcd.endpoints) as client:
            thresholds = Thresholds(client, "g0")

            def lose_board_and_answer():
                thresholds.drop("b1")
                raise EtcdUnavailable("no answer")

            client.meanwhile = lose_board_and_answer
            async with publishing(thresholds):
                thresholds.put("b1", confirmed(5))
                async with asyncio.timeout(120):
                    while client.meanwhile is lose_board_and_answer or await client.get(
                        PREFIX + "b1"
                    ):
                        await asyncio.sleep(0.05)

    asyncio.run(go())


BUDGETED = VALUES | {"rate_from": "budget", "rate": 10_000}


def test_a_budget_is_shared_by_demand_and_falls_back_when_the_gateway_dies(tmp_path, etcd):
    put(etcd.endpoints, "/budget/qps", b"300")
    a, b, c = boards = [SimulatedBoard(BUDGETED, put_per_s=1000) for _ in range(3)]
    b.put_per_s = 0
    texts = [f'name = "g{i}"\n' + etcd_table(etcd.endpoints, "qps") for i in range(2)]
    texts[0] += board_table("a", a.line.url, guaranteed=40) + board_table("b", b.line.url)
    texts[1] += board_table("c", c.line.url, guaranteed=20)
    with (
        Boards(*boards) as running,
        GatewayProcess(tmp_path, texts[0], "g0") as first,
        GatewayProcess(tmp_path, texts[1], "g1") as second,
    ):
        until(lambda: rates(a, b, c) == [150, 1, 149])
        assert (a.guaranteed, c.guaranteed) == (40, 20)
        b.put_per_s = 1000  # what b did not need comes back to it
        until(lambda: rates(a, b, c) == [100, 100, 100])
        first.kill()
        until(lambda: rates(a, b) == [40, 0])
        until(lambda: rates(c) == [260], EXPIRED_MS / 1000 + 120)
        a.reset()
        assert rates(a) == [40]  # what is guaranteed is on its flash
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(120) == 0
        until(lambda: rates(c) == [20])
        assert running.most <= 300


def test_a_board_whose_rate_is_its_own_is_left_alone(tmp_path, etcd):
    put(etcd.endpoints, "/budget/qps", b"300")
    board = SimulatedBoard(VALUES | {"rate": 70}, put_per_s=500)
    text = etcd_table(etcd.endpoints, "qps") + board_table("b1", board.line.url, guaranteed=5)
    with Boards(board), GatewayProcess(tmp_path, text) as gateway:
        until(lambda: gateway.events("not_in_budget"))
        time.sleep(1.5)
        assert rates(board) == [70]
