"""A whole fleet on this machine: etcd, simulated boards and their gateways, on free ports."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .boards import BoardsProcess, Plan
from .process import ServerProcess
from .servers import (
    Alertmanager,
    EtcdNode,
    GatewayProcess,
    OperatorProcess,
    Prometheus,
    board_table,
    etcd_table,
)

SLOTS, SLOT_SIZE = 64, 64
RATES = (80, 60, 40, 30)
"""Records a second of the first board, the second ... and again from the start."""

_VALUES: dict[str, Any] = {
    "source": "pin",
    "sink": "uart",
    "burst": 1,
    "slots": SLOTS,
    "slot_size": SLOT_SIZE,
    "tries": 1000,  # a sink that is slow for long loses nothing
}


def names(count: int) -> list[str]:
    """Of so many boards; their order is that of the alphabet."""
    return [f"board-{i + 1:0{len(str(count))}}" for i in range(count)]


def plans(count: int) -> list[Plan]:
    """Boards that are fed an eighth of what they may send; the first two, half."""
    return [
        Plan(
            name,
            _VALUES | {"rate": rate},
            rate / (8 if i > 1 else 2),
            b"x" * SLOT_SIZE,
        )
        for i, name in enumerate(names(count))
        for rate in [RATES[i % len(RATES)]]
    ]


class LocalFleet:
    """A context manager: started when entered, and all of it ended in the end.

    Each gateway has its share of the boards, in a process of their own.
    """

    def __init__(self, folder: Path, plans: Sequence[Plan], gateways: int) -> None:
        self._folder = folder
        self.plans = plans
        self._shares = [self.plans[i::gateways] for i in range(gateways)]
        self._processes: list[BoardsProcess] = []
        self.etcd = EtcdNode("etcd", folder)
        self.gateways: list[GatewayProcess] = []
        self._stack = ExitStack()

    def __enter__(self) -> "LocalFleet":
        with self._stack as stack:
            start(stack, [self.etcd])
            for i, share in enumerate(self._shares):
                process = stack.enter_context(BoardsProcess(share))
                self._processes.append(process)
                text = f'name = "gateway-{i + 1}"\n' + etcd_table([self.etcd.address])
                for plan, url in zip(share, process.urls, strict=True):
                    text += board_table(plan.name, url)
                self.gateways.append(GatewayProcess(self._folder, text, f"gateway-{i + 1}"))
            start(stack, self.gateways)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def monitored(
        self, stack: ExitStack, rules: str, *operator: str
    ) -> tuple[Prometheus, Alertmanager]:
        """Both, started, and an operator that they tell; the stack kills them.

        rules: the text of rules.yml.  operator: options of the operator's.
        """
        keeper = OperatorProcess(self._folder, [self.etcd.address], *operator)
        alertmanager = Alertmanager(self._folder, keeper.address)
        addresses = [gateway.address for gateway in self.gateways]
        prometheus = Prometheus(
            self._folder, addresses, keeper.address, alertmanager.address, rules
        )
        start(stack, [keeper, alertmanager, prometheus])
        return prometheus, alertmanager

    def pace(self, board: str, per_s: float | None) -> None:
        """Lets a board's sink take so many records a second; None: all."""
        self._process(board).pace(board, per_s)

    def feed(self, board: str, per_s: float) -> None:
        """Lets so many records come to a board each second."""
        self._process(board).feed(board, per_s)

    def _process(self, board: str) -> BoardsProcess:
        return next(
            process for process in self._processes if board in (plan.name for plan in process.plans)
        )


def start(stack: ExitStack, servers: Sequence[ServerProcess]) -> None:
    """Starts servers at the same time; the stack kills them."""
    for server in servers:
        stack.callback(server.kill)
        server.launch()
    for server in servers:
        server.wait()
