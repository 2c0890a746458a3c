"""Slow sinks on two boards, one after the other, and what the whole fleet makes of them."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..etcd import Etcd
from . import dashboard, rules
from .local import SLOTS, LocalFleet, plans
from .observer import BACKLOG, Observer, until
from .servers import DEPLOY, Prometheus
from .timeline import Threshold, Timeline

SLOW_PER_S = 4
"""What the slow sink takes, records a second."""

_ALERT = "SluiceBacklog"
_START_S = 60.0
_STEP_S = 60.0
_CALM_S = 3.0
_HOLD_S = 3.0  # with the alerts firing

SLOW, BACKLOG_SEEN, FIRES, IN_ETCD, CONFIRMED = "slow", "backlog", "alert", "watermark", "confirmed"
SECOND, RAISED, FOLLOWED = "second", "raised", "followed"
MENDED, RESOLVED, DECAYED, RECOVERED = "mended", "resolved", "decayed", "recovered"

TEXTS = {
    SLOW: "the sink of {board} slows down",
    BACKLOG_SEEN: "its backlog is above {bytes} bytes",
    FIRES: "the alert fires",
    IN_ETCD: "the watermark is in etcd",
    CONFIRMED: "the last of {boards} boards has confirmed it, and works at half",
    SECOND: "the sink of {second} slows down, too",
    RAISED: "its alert has raised the watermark",
    FOLLOWED: "the last board has confirmed that, and works at a third",
    MENDED: "the sinks are as fast as before",
    RESOLVED: "the alerts are resolved",
    DECAYED: "the watermark has come down to 0, in steps",
    RECOVERED: "the last board has its whole queue and rate again",
}
"""What each mark of the timeline says, in the order of time."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """What was seen. `board` is the one whose sink was slow first, `second` the other one; the
    same, if there is no other. `dashboard`: what the deployed one shows of it."""

    board: str
    second: str
    boards: int
    gateways: int
    rules: rules.Rules
    seen: Timeline
    dashboard: list[dashboard.Panel]

    def steps(self) -> list[tuple[str, str, float]]:
        """Each mark, what it says, and the seconds since the sink slowed down."""
        names = {"board": self.board, "second": self.second, "boards": self.boards}
        names["bytes"] = f"{self.rules.backlog:,}"
        marks = self.seen.marks
        return [
            (mark, text.format(**names), marks[mark] - marks[SLOW])
            for mark, text in TEXTS.items()
            if mark in marks
        ]


def show(folder: Path, boards: int, gateways: int, tell: Callable[[str], None]) -> Pressure:
    """Starts everything in the folder, slows two sinks down, mends them, and ends everything.

    tell: given what is done at present. UserError: something does not happen, or a server fails.
    """
    quick = rules.quick((DEPLOY / "rules.yml").read_text())
    tell(f"starting etcd, {boards} boards and {gateways} gateways")
    with LocalFleet(folder, plans(boards), gateways) as fleet, ExitStack() as stack:
        tell("starting Prometheus, Alertmanager and the operator")
        prometheus, alertmanager = fleet.monitored(stack, quick.text)
        seen = asyncio.run(_watch(fleet, prometheus, alertmanager.address, quick, tell))
        tell("asking Prometheus what the dashboard shows")
        now = time.time()
        begun = now - (time.monotonic() - seen.marks[SLOW]) - _CALM_S
        shown = dashboard.read(prometheus, begun, now)
    slow = _slow(fleet)
    return Pressure(slow[0], slow[-1], boards, gateways, quick, seen, shown)


def _slow(fleet: LocalFleet) -> list[str]:
    """The boards whose sinks get slow, if there are so many."""
    return [plan.name for plan in fleet.plans[:2]]


async def _watch(
    fleet: LocalFleet,
    prometheus: Prometheus,
    alertmanager: str,
    quick: rules.Rules,
    tell: Callable[[str], None],
) -> Timeline:
    slow, *others = _slow(fleet)
    addresses = [gateway.address for gateway in fleet.gateways]
    async with Etcd([fleet.etcd.address], timeout_s=_STEP_S) as etcd:
        observer = Observer(etcd)
        async with observer.thresholds(), observer.pressure(addresses, alertmanager, _ALERT):
            await _all_there(fleet, prometheus, observer.seen, tell)
            await asyncio.sleep(_CALM_S)
            await until(lambda: _calm(observer.seen, quick), "calm before the slow sink", _START_S)
            fleet.pace(slow, SLOW_PER_S)
            await _rise(observer.seen, slow, quick, tell)
            for second in others:
                await asyncio.sleep(_HOLD_S)
                observer.seen.marks[SECOND] = time.monotonic()
                fleet.pace(second, SLOW_PER_S)
                await _rise_again(observer.seen, second, tell)
            await asyncio.sleep(_HOLD_S)
            for board in (slow, *others):
                fleet.pace(board, None)
            await _recovery(observer.seen, tell)
            await asyncio.sleep(_CALM_S)
    return observer.seen


def _calm(seen: Timeline, quick: rules.Rules) -> bool:
    """A machine that is too slow for so many boards has backlogs of its own."""
    backlogs = [series[-1][1] for series in seen.backlog.values()]
    return not seen.fires and not seen.watermark_ms and max(backlogs) <= quick.backlog


async def _all_there(
    fleet: LocalFleet, prometheus: Prometheus, seen: Timeline, tell: Callable[[str], None]
) -> None:
    count = len(fleet.plans)
    tell(f"waiting until {count} boards are met")
    await until(lambda: len(seen.thresholds) == count, "all boards in etcd", _START_S)
    tell("waiting until Prometheus has seen them all")

    def scraped() -> bool:
        found = prometheus.query(f"count({BACKLOG})")
        return bool(found) and int(found[0]["value"][1]) == count

    await until(scraped, "all boards at Prometheus", _START_S)


async def _rise(seen: Timeline, slow: str, quick: rules.Rules, tell: Callable[[str], None]) -> None:
    marks = seen.marks
    marks[SLOW] = time.monotonic()
    tell(f"the sink of {slow} takes {SLOW_PER_S} records a second: waiting for the alert")
    backlog = seen.backlog[slow]
    await until(lambda: backlog[-1][1] > quick.backlog, f"a backlog on {slow}", _STEP_S)
    marks[BACKLOG_SEEN] = backlog[-1][0]
    await until(lambda: seen.fires, "the alert", _STEP_S)
    marks[FIRES] = seen.alert[-1][0]
    await until(lambda: seen.watermark_ms > 0, "a watermark in etcd", _STEP_S)
    marks[IN_ETCD] = next(at for at, ms in seen.watermark if at > marks[SLOW] and ms)
    tell(f"the watermark is {seen.watermark_ms} ms: waiting for the boards")
    marks[CONFIRMED] = await until(
        lambda: seen.confirmed(lambda it: it.watermark_ms > 0, marks[IN_ETCD]),
        "every board's threshold",
        _STEP_S,
    )


async def _rise_again(seen: Timeline, second: str, tell: Callable[[str], None]) -> None:
    marks, before = seen.marks, seen.watermark_ms
    tell(f"the sink of {second} slows down, too: waiting for its alert")
    await until(lambda: seen.watermark_ms > before, "a higher watermark", _STEP_S)
    marks[RAISED] = next(at for at, ms in seen.watermark if at > marks[SECOND] and ms > before)
    marks[FOLLOWED] = await until(
        lambda: seen.confirmed(lambda it: it.watermark_ms > before, marks[RAISED]),
        "every board's threshold",
        _STEP_S,
    )


async def _recovery(seen: Timeline, tell: Callable[[str], None]) -> None:
    marks = seen.marks
    marks[MENDED] = time.monotonic()
    tell("the sinks are mended: waiting for the recovery")
    await until(lambda: not seen.fires, "the end of the alert", _STEP_S)
    marks[RESOLVED] = seen.alert[-1][0]
    await until(lambda: seen.watermark_ms == 0, "the watermark's decay", _STEP_S)
    marks[DECAYED] = seen.watermark[-1][0]
    marks[RECOVERED] = await until(
        lambda: seen.confirmed(lambda it: it == Threshold(0, SLOTS), marks[DECAYED]),
        "every board's whole queue",
        _STEP_S,
    )
