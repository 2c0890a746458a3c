"""Simulated boards in a process of their own."""

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from ...errors import UserError
from .downstream import DownstreamSink
from .simulated import SimulatedBoard, serve

_START_S = 120.0
_END_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A board to simulate. The other fields are SimulatedBoard's, but for `downstream`: the port of
    the Downstream that its sink is; None: its sink is what its configuration says."""

    name: str
    values: dict[str, Any]
    put_per_s: float
    record: bytes
    downstream: int | None = None


class BoardsProcess:
    """Runs simulated boards; a context manager. Ends with the process that made it, however."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = plans
        self.urls: list[str] = []
        """Where each board's line is, once it is started."""
        context = multiprocessing.get_context("spawn")
        self._orders, orders = context.Pipe()
        self._process = context.Process(target=_run, args=(plans, orders), daemon=True)
        self._far_end = orders

    def pace(self, board: str, per_s: float | None) -> None:
        """Lets a board's sink take so many records a second; None: all."""
        self._orders.send(("pace", board, per_s))

    def feed(self, board: str, per_s: float) -> None:
        """Lets so many records come to a board each second."""
        self._orders.send(("feed", board, per_s))

    def __enter__(self) -> "BoardsProcess":
        self._process.start()
        self._far_end.close()
        try:
            if not self._orders.poll(_START_S):
                raise UserError(f"the simulated boards did not start within {_START_S:.0f} s")
            self.urls = self._orders.recv()
        except EOFError:
            raise UserError("the simulated boards' process has ended")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _run(plans: Sequence[Plan], orders: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of the orders is the end
    boards = {
        plan.name: SimulatedBoard(
            plan.values,
            plan.put_per_s,
            record=plan.record,
            sink=None if plan.downstream is None else DownstreamSink(plan.name, plan.downstream),
        )
        for plan in plans
    }
    orders.send([board.line.url for board in boards.values()])

    def goes_on() -> bool:
        try:
            while orders.poll():
                order, name, per_s = orders.recv()
                if order == "pace":
                    boards[name].uart.per_s = per_s
                else:
                    boards[name].feed(per_s)
        except (EOFError, OSError):
            return False
        return True

    try:
        serve(list(boards.values()), goes_on)
    finally:
        for board in boards.values():
            board.close()
