"""A gateway's part in the fleet: watermark and budget from etcd to its boards, and back."""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing

from ...serial.logfmt import Stats
from ...serial.member import Report
from ..budget import Driver, GatewayShare, Grant, clock_ms
from ..budget import Report as ShareReport
from ..etcd import Etcd, EtcdError
from ..logs import event
from ..watermark import follow
from .board import Board
from .config import GatewayConfig
from .demand import Demand
from .thresholds import Thresholds

_AGAIN_S = 5.0
_FAREWELL_S = 3.0  # until what was granted is given back

log = logging.getLogger(__name__)


class Alone:
    """Listens to the boards of a gateway without etcd: nothing follows."""

    def met(self, board: Board, report: Report) -> None:
        pass

    def reported(self, board: Board, report: Report) -> None:
        pass

    def lost(self, board: Board) -> None:
        pass

    def measured(self, board: Board, before: Stats | None, stats: Stats) -> None:
        pass


class Coordinator:
    """Tells etcd of the boards, and the boards of the watermark and the budget in etcd.

    The boards do not know of etcd: while it cannot be reached they keep their limits, and fall back
    to their guaranteed shares by their own clocks.
    """

    def __init__(self, etcd: Etcd, config: GatewayConfig) -> None:
        assert config.etcd is not None
        self._etcd = etcd
        self._config = config
        self._budget = config.etcd.budget
        self._boards: dict[str, Board] = {}
        self._thresholds = Thresholds(etcd, _new_id(config))
        self._share: GatewayShare | None = None
        self._driver: Driver | None = None
        self._demands: defaultdict[str, Demand] = defaultdict(Demand)  # by board

    # What the boards do.

    def met(self, board: Board, report: Report) -> None:
        self._thresholds.put(board.name, report)
        if self._share is None:
            return
        if report.in_budget:
            self._share.connected(board.name, _share_report(board, report), clock_ms())
            self._wake()
        else:
            reason = 'its rate_from is not "budget"'
            event(log, logging.WARNING, "not_in_budget", board=board.name, reason=reason)

    def reported(self, board: Board, report: Report) -> None:
        self._thresholds.put(board.name, report)
        if self._share is None or not report.in_budget:
            return
        if self._share.reported(board.name, _share_report(board, report), clock_ms()):
            self._wake()

    def lost(self, board: Board) -> None:
        self._thresholds.drop(board.name)
        if self._share is not None:
            self._share.disconnected(board.name)
            self._wake()

    def measured(self, board: Board, before: Stats | None, stats: Stats) -> None:
        if self._share is not None and board.report is not None and board.report.in_budget:
            demand = self._demands[board.name]
            asked = demand.asked
            if demand.add(before, stats) != asked:
                self._share.ask(board.name, demand.asked)
                self._wake()

    # What etcd says.

    async def run(self, boards: Sequence[Board], stop: asyncio.Event) -> None:
        """Follows etcd for these boards until it is stopped, and gives back what it can."""
        self._boards = {board.name: board for board in boards}
        works = [self._follow_watermark, self._thresholds.run]
        if self._budget is not None:
            works.append(self._run_budget)
        tasks = [asyncio.create_task(self._keep_on(work)) for work in works]
        await stop.wait()
        if self._share is not None:
            self._share.stop()
            self._wake()
            await asyncio.wait(tasks[-1:], timeout=_FAREWELL_S)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _keep_on(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Does it again when etcd has refused something: somebody may mend it."""
        task = asyncio.current_task()
        assert task is not None
        while True:
            try:
                await work()
                return
            except* EtcdError as refusals:
                for error in refusals.exceptions:
                    event(log, logging.ERROR, "etcd_refuses", reason=error)
            if task.cancelling():  # a TaskGroup that was failing has told of its failure alone
                return
            await asyncio.sleep(_AGAIN_S)

    async def _follow_watermark(self) -> None:
        async with aclosing(follow(self._etcd)) as levels:
            async for ms in levels:
                event(log, logging.INFO, "watermark", ms=ms)
                for board in self._boards.values():
                    board.set_watermark(ms)

    async def _run_budget(self) -> None:
        """Under an ID of its own each time, like another gateway: the old one's claim runs out."""
        assert self._budget is not None
        gateway = _new_id(self._config)
        share = GatewayShare(gateway, self._budget)
        for board in self._config.boards:
            share.join(board.name, board.guaranteed)
        self._share = share
        self._demands.clear()
        self._driver = Driver(share, self._etcd, self._tell)
        for board in self._boards.values():
            board.greet_anew()
        event(log, logging.INFO, "budget", name=self._budget, gateway=gateway)
        await self._driver.run()

    def _tell(self, grant: Grant) -> None:
        self._boards[grant.board].tell(grant)

    def _wake(self) -> None:
        if self._driver is not None:
            self._driver.wake()


def _new_id(config: GatewayConfig) -> str:
    """A name that no other process has or had."""
    return f"{config.name}.{secrets.token_hex(6)}"


def _share_report(board: Board, report: Report) -> ShareReport:
    return ShareReport(report.epoch, report.number, report.guaranteed, board.clock.ms(report.tick))
