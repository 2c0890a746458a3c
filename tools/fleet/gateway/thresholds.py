"""Each board's threshold in force, in etcd: /threshold/BOARD, under a lease.

The value is `{"gateway":ID,"watermark_ms":M,"limit":N}`: what the board has confirmed. The key goes
when the board is lost, and with the lease when the gateway is.
"""

import asyncio
import json
from contextlib import suppress

from ...serial.member import Report
from ..etcd import Etcd, EtcdError, EtcdUnavailable, Transaction, Write

PREFIX = "/threshold/"
LEASE_S = 10

_AGAIN_S = 0.5
_GATHER_S = 0.02  # what many boards confirm at once is one transaction
_AT_ONCE = 100  # etcd takes 128 operations in a transaction


class Thresholds:
    """Publishes what is put here, the newest of each board, until it stands in etcd."""

    def __init__(self, etcd: Etcd, gateway: str) -> None:
        self._etcd = etcd
        self._gateway = gateway
        self._wanted: dict[str, tuple[int, int]] = {}  # the watermark in ms, and the limit
        self._dirty: dict[str, None] = {}
        self._lost: set[str] = set()
        self._news = asyncio.Event()

    def put(self, board: str, report: Report) -> None:
        """The board has confirmed this."""
        wanted = report.watermark_ms, report.limit
        if self._wanted.get(board) != wanted:
            self._wanted[board] = wanted
            self._lost.discard(board)
            self._dirty[board] = None
            self._news.set()

    def drop(self, board: str) -> None:
        """The board is out of reach."""
        if self._wanted.pop(board, None) is not None:
            self._dirty.pop(board, None)
            self._lost.add(board)
            self._news.set()

    async def run(self) -> None:
        """Publishes for ever, through every outage."""
        while True:
            with suppress(EtcdUnavailable):
                await self._run_with(await self._etcd.grant(LEASE_S))
            await asyncio.sleep(_AGAIN_S)

    async def _run_with(self, lease: int) -> None:
        """Returns when the lease has ended, or may have."""
        self._dirty = dict.fromkeys(self._wanted)
        self._news.set()
        works = [asyncio.create_task(self._keep(lease)), asyncio.create_task(self._publish(lease))]
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            with suppress(EtcdError):
                await self._etcd.revoke(lease)

    async def _keep(self, lease: int) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LEASE_S
        while True:
            await asyncio.sleep(LEASE_S / 4)
            asked_at = loop.time()
            try:
                left_s = await self._etcd.keep_alive(lease)
            except EtcdUnavailable:
                if loop.time() >= ends_at:
                    raise
            else:
                if left_s == 0:
                    raise EtcdError("the lease has ended")
                ends_at = asked_at + left_s

    async def _publish(self, lease: int) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(_GATHER_S)
            self._news.clear()
            while self._dirty or self._lost:
                try:
                    await self._write(lease)
                    await self._delete(lease)
                except EtcdUnavailable:
                    await asyncio.sleep(_AGAIN_S)

    async def _write(self, lease: int) -> None:
        batch = {board: self._wanted[board] for board in list(self._dirty)[:_AT_ONCE]}
        if not batch:
            return
        writes = tuple(
            Write(PREFIX + board, self._value(*wanted), lease) for board, wanted in batch.items()
        )
        await self._etcd.transact(Transaction((), writes))
        for board, wanted in batch.items():
            if self._wanted.get(board) == wanted:
                self._dirty.pop(board, None)

    def _value(self, watermark_ms: int, limit: int) -> bytes:
        fields = {"gateway": self._gateway, "watermark_ms": watermark_ms, "limit": limit}
        return json.dumps(fields, separators=(",", ":")).encode()

    async def _delete(self, lease: int) -> None:
        """Deletes what stands under this lease: not what another gateway has written since.

        It looks first, since a write that got no answer may stand all the same.
        """
        for board in list(self._lost):
            kv = await self._etcd.get(PREFIX + board)
            if kv and kv.lease == lease:
                await self._etcd.swap(PREFIX + board, None, kv.mod_revision)
            self._lost.discard(board)
