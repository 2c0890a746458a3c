"""How long it takes from the write of a watermark until every board has confirmed it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from host_sim.percentile import percentile

from ..etcd import Etcd
from ..watermark import KEY, Watermark, write
from .local import LocalFleet, plans
from .observer import Observer, until

_STEP_S = 60.0
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Latency:
    """times_s: from each write until the last board's threshold stood in etcd, ascending."""

    boards: int
    gateways: int
    times_s: list[float]

    def percentile_ms(self, percent: int) -> float:
        """The nearest rank."""
        return 1000 * percentile(self.times_s, percent / 100)


def measure(
    folder: Path, boards: int, gateways: int, writes: int, tell: Callable[[str], None]
) -> Latency:
    """Writes so many watermarks, each when the one before is confirmed.

    tell: given what is done at present. UserError: a server fails, or a board does not confirm.
    """
    tell(f"starting etcd, {boards} boards and {gateways} gateways")
    with LocalFleet(folder, plans(boards), gateways) as fleet:
        return Latency(boards, gateways, sorted(asyncio.run(_measure(fleet, writes, tell))))


async def _measure(fleet: LocalFleet, writes: int, tell: Callable[[str], None]) -> list[float]:
    times = []
    async with Etcd([fleet.etcd.address], timeout_s=_STEP_S) as etcd:
        observer = Observer(etcd)
        async with observer.thresholds():
            count, seen = len(fleet.plans), observer.seen
            tell(f"waiting until {count} boards are met")
            await until(lambda: len(seen.thresholds) == count, "all boards in etcd", _STEP_S)
            for i in range(writes):
                tell(f"write {i + 1} of {writes}")
                times.append(await _one(etcd, observer, 500 + i))
                await asyncio.sleep(_PAUSE_S)
    return times


async def _one(etcd: Etcd, observer: Observer, ms: int) -> float:
    begun = time.monotonic()
    await etcd.put(KEY, write(Watermark(ms, 0)))
    last = await until(
        lambda: observer.seen.confirmed(lambda it: it.watermark_ms == ms, begun),
        f"{ms} ms confirmed by every board",
        _STEP_S,
    )
    return last - begun
