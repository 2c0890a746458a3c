"""Runs a gateway's share of a budget on a real etcd and a real clock."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from ..etcd import Etcd, EtcdUnavailable, Transaction
from .board import Grant
from .gateway_share import POLL_MS, GatewayShare

# Linux stops its monotonic clock while the machine sleeps; a lease goes on meanwhile.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_GATHER_S = 0.02  # what a hundred boards report at once is looked at once


def clock_ms() -> int:
    """The clock of tools/fleet/budget/terms.py."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000


class Driver:
    """Connects a share to etcd. Whoever tells the share something calls `wake` afterwards.

    on_grant: given each grant, to be sent to its board; must return soon.
    """

    def __init__(self, share: GatewayShare, etcd: Etcd, on_grant: Callable[[Grant], None]) -> None:
        self._share = share
        self._etcd = etcd
        self._on_grant = on_grant
        self._news = asyncio.Event()

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Returns when the share has stopped. EtcdError: etcd refuses what it is asked.

        While etcd cannot be reached it goes on trying, and the boards fall back by themselves.
        """
        async with asyncio.TaskGroup() as tasks:
            while not self._share.stopped:
                self._news.clear()
                self._do(tasks)
                await asyncio.sleep(_GATHER_S)
                # Not wait_for: on Python 3.11 a cancellation is lost that comes with the news.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_MS / 1000):
                        await self._news.wait()

    def _do(self, tasks: asyncio.TaskGroup) -> None:
        for todo in self._share.poll(clock_ms()):
            if isinstance(todo, Grant):
                self._on_grant(todo)
            else:
                tasks.create_task(self._ask(todo, tasks))

    async def _ask(self, transaction: Transaction, tasks: asyncio.TaskGroup) -> None:
        try:
            outcome = await self._etcd.transact(transaction)
        except EtcdUnavailable:
            outcome = None
        self._share.answered(outcome, clock_ms())
        if outcome is None or outcome.committed:
            self.wake()
        else:  # at once, before others write again
            self._do(tasks)
