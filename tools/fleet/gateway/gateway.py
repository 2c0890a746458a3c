"""A gateway from its start to its end."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ..etcd import Etcd
from ..http import add_health, serve
from ..logs import event
from ..stream.server import RecordsServer
from .board import TICK_S, Board
from .config import GatewayConfig, StreamConfig
from .connection import Connection
from .coordinator import Alone, Coordinator
from .inbox import Inbox
from .metrics import BoardMetrics

log = logging.getLogger(__name__)


async def run(config: GatewayConfig) -> None:
    """Runs until SIGTERM or SIGINT. UserError: it cannot listen, or cannot share ports."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        coordinator = etcd = None
        if config.etcd is not None:
            etcd = await stack.enter_async_context(Etcd(config.etcd.endpoints))
            coordinator = Coordinator(etcd, config)
        listener = coordinator or Alone()
        inbox = Inbox()
        connections = [Connection(each, listener, inbox) for each in config.boards]
        boards = [connection.board for connection in connections]
        if config.stream is not None:
            await stack.enter_async_context(_records_server(config.stream, boards))
        await _serve(stack, config, boards, lambda: etcd.trouble if etcd else "")
        stack.push_async_callback(_close, connections)
        for connection in connections:
            connection.start()
        async with asyncio.TaskGroup() as tasks:
            works = [tasks.create_task(_tick(boards))]
            works += [tasks.create_task(each.run_stream()) for each in connections if each.streams]
            if coordinator is None:
                await stop.wait()
            else:
                await coordinator.run(boards, stop)
            for work in works:
                work.cancel()
    event(log, logging.INFO, "stopped")


def _records_server(config: StreamConfig, boards: Sequence[Board]) -> RecordsServer:
    records = {board.name: board.stream.records for board in boards if board.stream is not None}
    host, port = config.listen
    return RecordsServer(records, host, port, config.token, config.tls)


async def _tick(boards: Sequence[Board]) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        for board in boards:
            board.tick()


async def _close(connections: Sequence[Connection]) -> None:
    """Leaves all ports at the same time: one that is being opened takes its while."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(connections)) as threads:
        closing = (loop.run_in_executor(threads, each.close) for each in connections)
        await asyncio.gather(*closing)


async def _serve(
    stack: AsyncExitStack,
    config: GatewayConfig,
    boards: Sequence[Board],
    trouble: Callable[[], str],
) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    board_metrics = BoardMetrics(boards)

    async def metrics(_: web.Request) -> web.Response:
        # Always as text: OpenMetrics says the same, and takes a third longer to write.
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        page = board_metrics.page().encode() + generate_latest(registry)
        return web.Response(body=page, headers=headers)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    add_health(app, trouble)
    host, port = config.listen
    runner = await serve(app, host, port, shutdown_s=1.0)
    stack.push_async_callback(runner.cleanup)
    address = runner.addresses[0]
    event(
        log,
        logging.INFO,
        "listening",
        gateway=config.name,
        host=address[0],
        port=address[1],
        boards=len(boards),
    )
