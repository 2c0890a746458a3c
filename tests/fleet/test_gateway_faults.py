"""Gateways through every fault: boards keep their limits, and all come to what was written last.

One set of servers lives through one fault after the other. The watermark only ever rises, so a
board that gives its limit up, or goes back to an older one, has had a limit above the one before.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack, ExitStack

import pytest
from etcd_servers import EtcdServers, Proxy, compact, needs_etcd, put_until_it_stands
from gateways import VALUES, Boards, GatewayProcess, limits
from monitoring import Alertmanager, Prometheus, needs_prometheus, until
from tracebacks import check_no_traceback

from sluice.program.watermark import part
from sluice_tools.fleet.demonstration.local import start
from sluice_tools.fleet.demonstration.servers import OperatorProcess, board_table, etcd_table
from sluice_tools.fleet.demonstration.simulated import SimulatedBoard
from sluice_tools.fleet.etcd import Etcd, EtcdUnavailable
from sluice_tools.fleet.gateway.thresholds import PREFIX
from sluice_tools.fleet.watermark import KEY, Watermark, write

pytestmark = [needs_etcd, pytest.mark.timeout(900)]

RATES = (20, 40, 60, 80)
FIRST_MS = 400
WHOLE = VALUES["slots"]


def only_fell(running):
    """Whether no board had a limit above the one before, once it had a watermark."""
    return all(
        had[0] == WHOLE and had == sorted(had, reverse=True) and had[-1] < WHOLE
        for had in running.limits
    )


def limit_at(watermark_ms):
    return WHOLE * part(watermark_ms, 500) // 1024


class Updates:
    """Writes one watermark after the other, and sees each confirmed by every board."""

    def __init__(self, etcd, boards):
        self.ms = FIRST_MS
        self.longest_s = 0.0
        """From the begin of a write to the last confirmation, since it was last set to 0."""
        self._etcd = etcd
        self._boards = boards

    async def write(self):
        self.ms += 10
        await put_until_it_stands(self._etcd, KEY, write(Watermark(self.ms, 0)))

    async def confirmed(self):
        """Returns when the last one is in force on every board, and stands in etcd."""
        expected = {f"b{rate}": (self.ms, limit_at(self.ms)) for rate in RATES}
        async with asyncio.timeout(120):
            while await self._in_force() != expected:
                await asyncio.sleep(0.02)
        assert limits(*self._boards) == [limit for _, limit in expected.values()]

    async def write_confirmed(self, count):
        for _ in range(count):
            begun = time.monotonic()
            await self.write()
            await self.confirmed()
            self.longest_s = max(self.longest_s, time.monotonic() - begun)

    async def _in_force(self):
        try:
            kvs = (await self._etcd.range(PREFIX)).kvs
        except EtcdUnavailable:
            return None
        values = {kv.key.removeprefix(PREFIX): json.loads(kv.value) for kv in kvs}
        return {board: (it["watermark_ms"], it["limit"]) for board, it in values.items()}


@pytest.mark.asyncio
async def test_etcd_is_killed_and_compacted_and_a_gateway_is_killed(tmp_path, long, capsys):
    boards = [SimulatedBoard(VALUES | {"rate": rate}) for rate in RATES]
    tables = [board_table(f"b{r}", it.line.url) for r, it in zip(RATES, boards, strict=True)]
    async with AsyncExitStack() as stack:
        servers = stack.enter_context(EtcdServers(tmp_path, 3))
        proxies = [
            await stack.enter_async_context(Proxy(endpoint)) for endpoint in servers.endpoints
        ]
        etcd = await stack.enter_async_context(Etcd(servers.endpoints, timeout_s=60))
        await put_until_it_stands(etcd, KEY, write(Watermark(FIRST_MS, 0)))
        running = stack.enter_context(Boards(*boards))
        near, far = (
            GatewayProcess(tmp_path, f'name = "{name}"\n' + etcd_table(endpoints) + text, name)
            for name, endpoints, text in (
                ("near", servers.endpoints, "".join(tables[:2])),
                ("far", [proxy.endpoint for proxy in proxies], "".join(tables[2:])),
            )
        )
        for gateway in (near, far):
            stack.callback(gateway.kill)
            gateway.launch()
        updates = Updates(etcd, boards)
        await updates.confirmed()
        told = []

        def tell(what):
            told.append(f"{what}: {updates.longest_s:.2f} s at most from a write to the last board")
            updates.longest_s = 0.0

        await updates.write_confirmed(3)
        tell("all well")
        for node in servers.nodes:
            node.kill()
            await updates.write_confirmed(3)
            await asyncio.to_thread(servers.start, node)
            await updates.write_confirmed(2)
        tell("each of 3 nodes killed in turn")

        for node in servers.nodes:
            node.kill()
        before = limits(*boards)
        writing = asyncio.create_task(updates.write())
        near.kill()
        await asyncio.to_thread(near.start)  # it cannot know the watermark
        await asyncio.to_thread(until, lambda: len(near.events("board_met")) == 4)
        await asyncio.sleep(30 if long else 1)
        assert not writing.done() and limits(*boards) == before
        await asyncio.to_thread(servers.start, *servers.nodes)
        begun = time.monotonic()
        await writing
        await updates.confirmed()
        updates.longest_s = time.monotonic() - begun
        tell("all 3 away, and a gateway killed and started again meanwhile")

        before = limits(*boards)
        for proxy in proxies:
            proxy.cut()
        for _ in range(3):
            await updates.write()
        compact(servers.endpoints[0], (await etcd.range(KEY)).revision)
        assert limits(*boards[2:]) == before[2:]
        for proxy in proxies:
            proxy.mend()
        begun = time.monotonic()
        await updates.confirmed()
        updates.longest_s = time.monotonic() - begun
        await updates.write_confirmed(2)
        tell("a compaction while a gateway is cut off")

        before = limits(*boards)
        near.kill()
        for _ in range(3):
            await updates.write()
        assert limits(*boards[:2]) == before[:2]
        near.launch()
        begun = time.monotonic()
        await updates.confirmed()
        updates.longest_s = time.monotonic() - begun
        await updates.write_confirmed(2)
        tell("a gateway killed and started again")

        assert only_fell(running), running.limits
        for gateway in (near, far):
            assert gateway.process.poll() is None
            check_no_traceback(gateway.log())
    with capsys.disabled():
        print("".join(f"\n  {line}" for line in told))


QUICK = {
    "for: 30s": "for: 600ms",
    "keep_firing_for: 10s": "keep_firing_for: 1s",
    "max > 2048": "max > 512",
    "[10s]": "[3s]",
}
RATE, FED_PER_S, SLOW_PER_S = 30, 15, 1


def started(stack, folder, etcd, tables):
    """Gateway, operator, Alertmanager and Prometheus of boards with these tables."""
    gateway = GatewayProcess(folder, etcd_table(etcd.endpoints) + "".join(tables))
    operator = OperatorProcess(folder, etcd.endpoints)
    alertmanager = Alertmanager(folder, operator.address, repeat="1s")
    addresses = (gateway.address, operator.address, alertmanager.address)
    prometheus = Prometheus(folder, *addresses, QUICK)
    servers = [gateway, operator, alertmanager, prometheus]
    start(stack, servers)
    return servers


@needs_prometheus
def test_operator_alertmanager_and_prometheus_are_killed_while_boards_get_slow(tmp_path, capsys):
    values = VALUES | {"rate": RATE, "slot_size": 64, "tries": 1000}
    boards = [SimulatedBoard(values, FED_PER_S, record=b"x" * 64) for _ in range(4)]
    tables = [board_table(f"b{i}", board.line.url) for i, board in enumerate(boards)]
    with ExitStack() as stack:
        etcd = stack.enter_context(EtcdServers(tmp_path, 1))
        running = stack.enter_context(Boards(*boards))
        gateway, operator, alertmanager, prometheus = started(stack, tmp_path, etcd, tables)
        until(lambda: len(prometheus.query("stream_backlog_bytes")) == len(boards))
        boards[0].uart.per_s = SLOW_PER_S
        until(lambda: limits(*boards) == [limit_at(500)] * 4)
        told = []
        for number, server in enumerate((operator, alertmanager, prometheus), 1):
            server.kill()
            boards[number].uart.per_s = SLOW_PER_S
            board = f"b{number}"
            until(lambda board=board: gateway.value("stream_backlog_bytes", board) > 512)
            time.sleep(1.5)  # otherwise the alert would be there
            assert limits(*boards) == [limit_at(500 * number)] * 4
            begun = time.monotonic()
            server.start()
            until(lambda ms=500 * (number + 1): limits(*boards) == [limit_at(ms)] * 4)
            took_s = time.monotonic() - begun
            told.append(f"{server.name} killed: the watermark on all boards {took_s:.1f} s later")
        assert only_fell(running), running.limits
        for board in boards:
            board.uart.per_s = None
        until(lambda: limits(*boards) == [WHOLE] * 4)
        for server in (gateway, operator):
            assert server.process.poll() is None
            check_no_traceback(server.log())
    with capsys.disabled():
        print("".join(f"\n  {line}" for line in told))


@needs_prometheus
def test_the_watermark_is_back_at_0_while_every_board_stays_overloaded(tmp_path, capsys):
    """Each gets three times its own rate: its queue is always full."""
    values = VALUES | {"rate": RATE, "slot_size": 64, "tries": 1000}
    boards = [SimulatedBoard(values, 3 * RATE, record=b"x" * 64) for _ in range(4)]
    tables = [board_table(f"b{i}", board.line.url) for i, board in enumerate(boards)]

    def marks():
        return [board.program.controls.watermark_ms for board in boards]

    def overloaded():
        return all(len(board.program.ring) >= board.program.ring.limit - 5 for board in boards)

    with ExitStack() as stack:
        etcd = stack.enter_context(EtcdServers(tmp_path, 1))
        stack.enter_context(Boards(*boards))
        *_, prometheus = started(stack, tmp_path, etcd, tables)
        backlogs = "count(stream_backlog_bytes > 512) or vector(0)"
        until(lambda: prometheus.query(backlogs)[0]["value"][1] == "4")
        time.sleep(5)  # otherwise alerts on the queues would be there
        assert marks() == [0] * 4 and overloaded()
        for board in boards:
            board.uart.per_s = SLOW_PER_S
        until(lambda: min(marks()) >= 2000)
        for board in boards:
            board.uart.per_s = None
        begun = time.monotonic()
        until(lambda: marks() == [0] * 4)
        took_s = time.monotonic() - begun
        time.sleep(5)
        assert marks() == [0] * 4 and overloaded()
        assert prometheus.query(backlogs)[0]["value"][1] == "4"
    with capsys.disabled():
        print(f"\n  the sinks are well again: the watermark is 0 {took_s:.1f} s later")
