"""What happens in a run whose board offers its line over TCP, drawn apart from the other runs; both
ends of the connection, and what stands for the board's sockets.

Whoever is on the way may drop, change, repeat and swap what is sent: all of that ends the
connection, and the host makes another one.
"""

import os as real_os
import random
import select as real_select
import socket as real_socket
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from types import TracebackType
from typing import Any

from host_sim import TickClock

from ...serial import tcp
from .line import Way
from .scenario import Event, Faults, Scenario, allowed, draw, in_order

KEY = bytes(range(32))
PORT = 2323

_APART = 1 << 42
"""The rest of it is what is drawn from a seed so far from those of the other runs."""

_NOT_HERE = ("stuck", "unplug", "full")
_RARER = 30
"""A connection ends at each fault, so there are fewer of them."""

_DIAL_MS = 500
_PATIENCE_MS = 5000  # for the handshake, as tools/serial/tcp.py has it
_ASK_MS = 1000
_SILENT_MS = 10_000
_BUSY = 11


def draw_listening(seed: int) -> Scenario:
    """The scenario of a seed, always the same."""
    chance = random.Random(f"{seed} listening")
    base = draw(_APART + seed)
    config = {key: value for key, value in base.config.items() if key != "light_sleep_ms"}
    config = allowed({"listen": PORT, **config})
    events = [event for event in base.events if event.what not in _NOT_HERE]
    for _ in range(chance.choice([0, 1, 3])):
        events.append(Event(chance.randrange(base.calm_ms), "cut", (chance.random() < 0.5,)))
    return replace(
        base,
        seed=seed,
        config=config,
        events=in_order(events),
        to_board=_rarer(base.to_board),
        to_host=_rarer(base.to_host),
    )


def _rarer(faults: Faults) -> Faults:
    names = ("drop", "corrupt", "double", "reorder")
    return replace(faults, **{name: getattr(faults, name) / _RARER for name in names})


class Connection:
    """A connection, as the board's socket. came, sent: what the host has sent, and the board."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.sent = bytearray()
        self.is_left = False  # by the host
        self.is_closed = False  # by the board

    def setblocking(self, on: bool) -> None:
        pass

    def setsockopt(self, *option: int) -> None:
        pass

    def readinto(self, buf: Any, n: int | None = None) -> int | None:
        n = min(len(buf) if n is None else n, len(self.came))
        if n == 0:
            return 0 if self.is_left else None
        buf[:n] = self.came[:n]
        del self.came[:n]
        return n

    def write(self, buf: Any, at: int = 0, n: int | None = None) -> int:
        n = len(buf) if n is None else n
        self.sent += bytes(buf[at : at + n])
        return n

    def close(self) -> None:
        self.is_closed = True


class Sockets:
    """Stands for the modules `socket`, `select` and `os` of a board that listens, inside `with`,
    and for the clock of `time`, which is what it goes by."""

    SOL_SOCKET = SO_REUSEADDR = TCP_NODELAY = POLLIN = 1

    def __init__(self, chance: random.Random, tick: int) -> None:
        self._chance = chance
        self._clock = TickClock(tick, strict=True)
        self._is_open = False
        self._waiting: Connection | None = None
        self._all: list[Connection] = []
        self.connection: Connection | None = None

    def __enter__(self) -> "Sockets":
        self._clock.__enter__()
        line = import_module("sluice.program.tcp_line")
        line.socket = line.select = self  # type: ignore[attr-defined]
        import_module("sluice.net.handshake").os = self  # type: ignore[attr-defined]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        line = import_module("sluice.program.tcp_line")
        line.socket, line.select = real_socket, real_select  # type: ignore[attr-defined]
        import_module("sluice.net.handshake").os = real_os  # type: ignore[attr-defined]
        self._clock.__exit__()

    # What the firmware's modules are.

    def urandom(self, n: int) -> bytes:
        return self._chance.randbytes(n)

    def getaddrinfo(self, host: str, port: int) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (host, port))]

    def socket(self) -> "Sockets":
        return self

    poll = socket

    def setsockopt(self, *option: int) -> None:
        pass

    def bind(self, address: object) -> None:
        pass

    def setblocking(self, on: bool) -> None:
        pass

    def listen(self, backlog: int) -> None:
        self._is_open = True

    def register(self, listener: object, events: int) -> None:
        pass

    unregister = setblocking  # type: ignore[assignment]

    def ipoll(self, timeout: int) -> Iterator[int]:
        if self._waiting is not None:
            yield 1

    def accept(self) -> tuple[Connection, str]:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            raise OSError(_BUSY)
        return waiting, "host"

    def close(self) -> None:
        self._is_open = False

    # What the simulation does.

    def dial(self) -> Connection | None:
        """The host's new connection; None: nobody listens."""
        self.connection = self._waiting = Connection() if self._is_open else None
        if self.connection is not None:
            self._all.append(self.connection)
        return self.connection

    def end_all(self) -> None:
        """The board is told of all connections that they have ended."""
        for connection in self._all:
            connection.is_left = True
        self._all.clear()

    def restart(self) -> None:
        """The board has lost its power: nobody is told."""
        self._is_open = False
        self._waiting = None
        if self.connection is not None:
            self.connection.sent.clear()
            self.connection = None
        self._all.clear()

    def exchange(self, received: bytes) -> None:
        """This has come to the board."""
        if self.connection is not None:
            self.connection.came += received

    def take(self) -> bytes:
        """What the board has sent since the last call."""
        if self.connection is None:
            return b""
        sent = bytes(self.connection.sent)
        self.connection.sent.clear()
        return sent

    def let_pass(self, ms: int) -> None:
        self._clock.advance(ms)


class Host:
    """The host's end: it dials, proves that it has the key, and puts what is sent into messages.

    is_up: whether the line is its own.  deadline_ms: when it has something to do by itself.
    """

    def __init__(self, sockets: Sockets, to_board: Way, to_host: Way, chance: random.Random):
        self._sockets = sockets
        self._ways = to_board, to_host
        self._chance = chance
        self._connection: Connection | None = None
        self.is_up = False
        self.deadline_ms = 0
        self._buffer = self._nonces = self._out = b""
        self._heard_at = 0

    def receive(self, data: bytes, now: int) -> bytes:
        """What came of the line, out of what came of the connection."""
        connection = self._connection
        if connection is None:
            return b""
        if data:
            self._heard_at = now
        self._buffer += data
        content = b""
        if not self.is_up:
            self._greet(now)
        while self.is_up and (message := self._message()) is not None:
            content += message
        patience = _SILENT_MS if self.is_up else _PATIENCE_MS
        if connection.is_closed and not data or now - self._heard_at >= patience:
            self.leave(now)
        return content

    def send(self, content: bytes, now: int) -> bytes:
        """What goes into the connection, for what is to be sent on the line."""
        out, self._out = self._out if self._connection else b"", b""
        if self._connection is None:
            if now >= self.deadline_ms:
                self._dial(now)
            return b""
        if not self.is_up:
            return out
        for at in range(0, len(content), 1024):
            out += self._sealed(content[at : at + 1024])
        if now >= self.deadline_ms:
            out += self._sealed(b"")
            self.deadline_ms = now + _ASK_MS
        return out

    def leave(self, now: int, silently: bool = False) -> None:
        """End the connection; silently: the board is not told."""
        if self._connection is not None and not silently:
            self._connection.is_left = True
        self._connection = None
        self.is_up = False
        self.deadline_ms = now + _DIAL_MS

    def start_again(self, now: int) -> None:
        """Leave, and let the board know of whatever was left silently before."""
        self.leave(now)
        self._sockets.end_all()

    def _dial(self, now: int) -> None:
        self.deadline_ms = now + _DIAL_MS
        self._connection = self._sockets.dial()
        for way in self._ways:
            way.clear()
        self._buffer = self._nonces = b""
        self._sent = self._received = 0
        self._heard_at = now

    def _greet(self, now: int) -> None:
        """Take the next step of the handshake, if it is due."""
        if not self._nonces and len(self._buffer) >= 23:
            challenge, self._buffer = self._buffer[:23], self._buffer[23:]
            self._nonces = challenge + self._chance.randbytes(16)
            proof = tcp._code(KEY, b"host" + self._nonces)
            self._out = challenge[:7] + self._nonces[23:] + proof
        elif self._nonces and len(self._buffer) >= 33:
            verdict, self._buffer = self._buffer[:33], self._buffer[33:]
            proof = tcp._code(KEY, b"board" + self._nonces + verdict[:1])
            if verdict != b"\0" + proof:
                self.leave(now)
                return
            self._says = tcp._code(KEY, b"to board" + self._nonces)
            self._hears = tcp._code(KEY, b"to host" + self._nonces)
            self.is_up = True

    def _message(self) -> bytes | None:
        """The next one; None: it is not whole yet, or a wrong one, which ends the connection."""
        if len(self._buffer) < 2:
            return None
        n = int.from_bytes(self._buffer[:2], "little")
        end = 2 + n
        if len(self._buffer) < end + 16 and n <= 1024:
            return None
        data, code = self._buffer[:end], self._buffer[end : end + 16]
        if n > 1024 or code != tcp._mac(self._hears, self._received, data):
            self.leave(self._heard_at)
            return None
        self._buffer = self._buffer[end + 16 :]
        self._received += 1
        return data[2:]

    def _sealed(self, content: bytes) -> bytes:
        data = len(content).to_bytes(2, "little") + content
        sealed = data + tcp._mac(self._says, self._sent, data)
        self._sent += 1
        return sealed
