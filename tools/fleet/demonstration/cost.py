"""What a gateway costs: the CPU time of its process, by how many boards it has."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from ..etcd import Etcd
from .boards import BoardsProcess
from .local import plans, start
from .observer import Observer, meanwhile, samples, until
from .peers import BOARDS, take_turns
from .servers import EtcdNode, GatewayProcess, board_table, etcd_table

SCRAPED_EVERY_S = (0, 5, 1)
"""How often /metrics is read while it is measured, one after the other; 0: not at all."""

WINDOW_S = 30.0
"""How long each of these is measured."""

_BUDGET = "cost"
_PER_BOARD = 30  # tokens a second of the budget: more than is used, less than the boards may have
_PER_PROCESS = 100  # boards that one process simulates without being late
_START_S = 120.0
_WARM_UP_S = 25.0  # until all boards have the share that they ask for


@dataclass(frozen=True, slots=True)
class Cost:
    """percent: of a core, by the gateway's own CPU time; in the order of SCRAPED_EVERY_S."""

    boards: int
    percent: tuple[float, ...]
    memory_mb: float


def measure(
    folder: Path,
    counts: Sequence[int],
    peers: int | None,
    window_s: float,
    tell: Callable[[str], None],
) -> list[Cost]:
    """The cost of a gateway with so many boards, one after the other.

    The gateway stands as it does in the field: etcd is connected, and each board sends a statistics
    line and a report a second. peers: other gateways, modelled, of a budget that all boards share;
    None: there is no budget. UserError: a server fails.
    """
    costs = []
    for count in counts:
        place = folder / str(count)
        place.mkdir()
        costs.append(_one(place, count, peers, window_s, tell))
    return costs


def _one(
    folder: Path, count: int, peers: int | None, window_s: float, tell: Callable[[str], None]
) -> Cost:
    budget = {} if peers is None else {"rate_from": "budget"}
    boards = [replace(plan, values=plan.values | budget) for plan in plans(count)]
    shares = [boards[at : at + _PER_PROCESS] for at in range(0, count, _PER_PROCESS)]
    with ExitStack() as stack:
        tell(f"{count} boards: starting etcd and a gateway")
        etcd = EtcdNode("etcd", folder)
        start(stack, [etcd])
        text = etcd_table([etcd.address], None if peers is None else _BUDGET)
        for share in shares:
            process = stack.enter_context(BoardsProcess(share))
            for plan, url in zip(share, process.urls, strict=True):
                text += board_table(plan.name, url)
        gateway = GatewayProcess(folder, text)
        return asyncio.run(_measure(stack, etcd, gateway, count, peers, window_s, tell))


async def _measure(
    stack: ExitStack,
    node: EtcdNode,
    gateway: GatewayProcess,
    count: int,
    peers: int | None,
    window_s: float,
    tell: Callable[[str], None],
) -> Cost:
    timeout = aiohttp.ClientTimeout(5)
    async with (
        Etcd([node.address], timeout_s=_START_S) as etcd,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        if peers is not None:
            rate = (count + peers * BOARDS) * _PER_BOARD
            await etcd.put(f"/budget/{_BUDGET}", b"%d" % rate)
        start(stack, [gateway])
        observer = Observer(etcd)
        async with observer.thresholds():
            seen = observer.seen.thresholds
            await until(lambda: len(seen) == count, f"all of {count} boards in etcd", _START_S)
        tell(f"{count} boards: warming up")
        url = f"http://{gateway.address}/metrics"
        percent = []
        async with meanwhile(take_turns(etcd, _BUDGET, peers or 0)):
            await asyncio.sleep(_WARM_UP_S)
            for every_s in SCRAPED_EVERY_S:
                how = f"scraped every {every_s} s" if every_s else "not scraped"
                tell(f"{count} boards: {window_s:.0f} s {how}")
                percent.append(await _busy_percent(session, url, every_s, window_s))
                tell(f"{count} boards: {percent[-1]:.1f} % of a core {how}")
        memory_mb = (await _read(session, url))["process_resident_memory_bytes"] / 1e6
        return Cost(count, tuple(percent), memory_mb)


async def _busy_percent(
    session: aiohttp.ClientSession, url: str, every_s: float, window_s: float
) -> float:
    """CPU time over time."""
    used = (await _read(session, url))["process_cpu_seconds_total"]
    begun = time.monotonic()
    works = [_scrape(session, url, every_s)] if every_s else []
    async with meanwhile(*works):
        await asyncio.sleep(window_s)
    took = time.monotonic() - begun
    return 100 * ((await _read(session, url))["process_cpu_seconds_total"] - used) / took


async def _scrape(session: aiohttp.ClientSession, url: str, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        async with session.get(url) as answer:
            await answer.read()


async def _read(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """What the gateway says of its own process."""
    async with session.get(url) as answer:
        return {each.name: each.value for each in samples(await answer.text(), "process_")}
