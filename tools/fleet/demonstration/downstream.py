"""What all boards of a fleet write to: a server that takes so many records a second.

A board connects, says its name in a line, and sends records of RECORD bytes. It gets one byte back
for each record that was taken. Records are taken one after the other, in the order in which they
came, whichever board sent them: when more come than are taken, all wait longer.
"""

import asyncio
import socket
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import host_sim  # noqa: F401  puts the firmware on the path
from sluice.flow.pipeline import HELD

from .observer import meanwhile

RECORD = 32

_TURN_S = 0.01
_AT_MOST = 1 << 16  # bytes that are read at once


class Downstream:
    """Listens at `port` as soon as it is made, and works while `serving`.

    capacity: records a second.  sent: records so far, by board.  taken: so far, of all, and
    waited_s: how long these have waited, together.
    """

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.sent: Counter[str] = Counter()
        self.taken = 0
        self.waited_s = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self._listener.getsockname()[1]
        self._waiting: deque[tuple[_Connection, float]] = deque()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None, None]:
        """Takes records while the block runs."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self._queue), sock=self._listener)
        async with meanwhile(self._work()):
            yield
        server.close()

    def _queue(self, connection: "_Connection", records: int) -> None:
        self.sent[connection.board] += records
        now = time.monotonic()
        self._waiting.extend((connection, now) for _ in range(records))

    async def _work(self) -> None:
        room, worked_at = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(_TURN_S)
            now = time.monotonic()
            room += (now - worked_at) * self.capacity
            worked_at = now
            while self._waiting and room >= 1:
                connection, since = self._waiting.popleft()
                room -= 1
                self.taken += 1
                self.waited_s += now - since
                connection.confirm()
            if not self._waiting:
                room = min(room, 1.0)  # time in which nothing waits is gone


class _Connection(asyncio.Protocol):
    """A board's. queue: told how many records have come."""

    def __init__(self, queue: Callable[["_Connection", int], None]) -> None:
        self.board = ""
        self._queue = queue
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self.board:
            name, end, rest = self._rest.partition(b"\n")
            if not end:
                return
            self.board, self._rest = name.decode(), rest
        records = len(self._rest) // RECORD
        self._rest = self._rest[records * RECORD :]
        self._queue(self, records)

    def confirm(self) -> None:
        """Says that the oldest record was taken."""
        self._transport.write(b".")


class DownstreamSink:
    """A board's sink that is a Downstream: it holds each record until that was taken.

    name: the board's.  port: of loopback.
    """

    def __init__(self, name: str, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sendall(name.encode() + b"\n")

    def room(self) -> int:
        """It takes all that a queue can have."""
        return 1 << 16

    def write(self, record: memoryview, n: int) -> int:
        self._connection.sendall(bytes(record[:n]).ljust(RECORD))
        return HELD

    def done(self) -> int:
        try:
            return len(self._connection.recv(_AT_MOST, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return 0
