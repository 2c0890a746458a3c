"""What a simulated board's sockets reach: one server, the way to it, and what fails on it.

It stands for the modules `socket` and `network` of the firmware while a board is simulated, and
for the clock of `time`, which is what they go by.
"""

import random
import socket as real_socket
import sys
from bisect import insort
from collections import deque
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol

from host_sim import TickClock

_LATER_MS = 2000
"""A board that is in range has joined the Wi-Fi after so long."""

_RESET, _TIMED_OUT, _REFUSED, _NO_ROUTE, _NO_NAME = 104, 110, 111, 113, -2

# What may be wrong with the way.
CUT = "cut"  # the connections that there are break; others can be made
REFUSED = "refused"  # the same, and nobody listens
AWAY = "away"  # nothing passes, and who connects waits for nothing
STALL = "stall"  # nothing passes, but one can connect
NAME = "name"  # the server's name is unknown
WIFI = "wifi"  # the board is out of its Wi-Fi's range
OUTAGES = (CUT, REFUSED, AWAY, STALL, NAME, WIFI)


class Board(Protocol):
    """The board on it. ms: its time."""

    ms: int

    def spend(self, ms: int) -> None:
        """It stands still for so long."""
        ...


class Server(Protocol):
    """What receives what is sent, and answers by Stream.send. now: ms of the board."""

    def set(self, think_ms: int, *shares: object) -> None: ...
    def offered(self, stream: "Stream", data: bytes) -> None:
        """The board writes this, of which its socket takes some."""

    def receive(self, stream: "Stream", data: bytes, now: int) -> None: ...
    def heard(self, stream: "Stream", mark: tuple[Any, ...], now: int) -> None:
        """The board has read all of what was sent with this mark."""

    def gone(self, stream: "Stream") -> None:
        """This connection has ended."""

    def poll(self, streams: list["Stream"], now: int) -> None:
        """Time has passed."""

    def restart(self) -> None:
        """The board has lost its power."""


class Stream:
    """A connection, as the board's socket. state: what the server keeps of it."""

    def __init__(self, internet: "Internet") -> None:
        self._internet = internet
        self._up: deque[tuple[int, bytes]] = deque()  # when it arrives, and what
        self._waiting = 0  # bytes of it
        # When it arrives, its order, what, and its mark.
        self._down: list[tuple[int, int, bytes, tuple[Any, ...] | None]] = []
        self._count = 0
        self._error = 0
        self._ends_at: int | None = None
        self.state: dict[str, Any] = {}

    # What the firmware uses.

    def settimeout(self, seconds: float) -> None:
        pass

    def setblocking(self, on: bool) -> None:
        pass

    def connect(self, address: object) -> None:
        self._internet.connect(self)

    def write(self, buf: bytearray, at: int, n: int) -> int | None:
        internet = self._internet
        internet.server.offered(self, bytes(buf[at : at + n]))
        internet.pump()
        self._raise()
        n = min(n, internet.most, internet.space - self._waiting)
        if n <= 0:
            return None
        if self._ends_at is not None and self._ends_at <= internet.ms:
            self._error = _RESET  # what is written to one that has closed
            return n
        self._up.append((internet.ms + internet.delay_ms, bytes(buf[at : at + n])))
        self._waiting += n
        return n

    def readinto(self, buf: bytearray) -> int | None:
        internet = self._internet
        internet.pump()
        self._raise()
        if internet.is_silent:
            return None
        n = 0
        while n < len(buf) and self._down and self._down[0][0] <= internet.ms:
            at, order, data, mark = self._down.pop(0)
            part = data[: min(len(buf) - n, internet.most)]
            buf[n : n + len(part)] = part
            n += len(part)
            if len(part) < len(data):
                self._down.insert(0, (at, order, data[len(part) :], mark))
                break
            if mark is not None:
                internet.server.heard(self, mark, internet.ms)
        if n:
            return n
        return 0 if self._ends_at is not None and self._ends_at <= internet.ms else None

    def close(self) -> None:
        self._internet.close(self)

    # What the server uses.

    def send(self, data: bytes, after_ms: int = 0, mark: tuple[Any, ...] | None = None) -> None:
        """Let the board have this; mark: what `heard` is to be told."""
        at = self._internet.ms + after_ms + self._internet.delay_ms
        if self._ends_at is None or at <= self._ends_at:
            self._count += 1
            insort(self._down, (at, self._count, data, mark), key=lambda each: each[:2])

    def end(self, after_ms: int = 0) -> None:
        """Close it, behind what is sent until then."""
        at = self._internet.ms + after_ms + self._internet.delay_ms
        if self._ends_at is None:
            self._ends_at = at
            self._down = [each for each in self._down if each[0] <= at]

    @property
    def is_ended(self) -> bool:
        return self._ends_at is not None

    # What its internet uses.

    def arrived(self, now: int) -> bytes:
        data = b""
        while self._up and self._up[0][0] <= now:
            data += self._up.popleft()[1]
        self._waiting -= len(data)
        return data

    def finish(self) -> bytes:
        """The board is gone from it: all that was on its way."""
        data = b"".join(data for _, data in self._up)
        self._up.clear()
        return data

    def fail(self, error: int) -> None:
        self._error = error

    def _raise(self) -> None:
        if self._error:
            raise OSError(self._error)


class Wlan:
    """The board's Wi-Fi, as network.WLAN."""

    def __init__(self, internet: "Internet") -> None:
        self._internet = internet

    def active(self, on: bool) -> None:
        pass

    def isconnected(self) -> bool:
        return self._internet.is_joined()

    def connect(self, name: str, password: str | None) -> None:
        self._internet.joins_at = self._internet.ms + _LATER_MS

    def disconnect(self) -> None:
        if self._internet.joins_at is None:
            raise OSError(1)  # as some ports do
        self._internet.joins_at = None


class Internet:
    """In force inside `with internet:`, for the board that it is then given.

    most: bytes that a socket takes or gives at once.  space: that may be on their way to the
    server, and not read there.  delay_ms: of a way.  streams: the connections that there are.
    """

    STA_IF = 0

    def __init__(self, server: Server, chance: random.Random, tick: int) -> None:
        self.server = server
        self.board: Board | None = None
        self.joins_at: int | None = None
        self._chance = chance
        self._outage = ""
        self.streams: list[Stream] = []
        self._clock = TickClock(tick, strict=True)
        self.set_way(0, 1 << 20, 1 << 20)

    def __enter__(self) -> "Internet":
        self._clock.__enter__()
        self._before = sys.modules.get("network")
        sys.modules["network"] = self  # type: ignore[assignment]
        sys.modules.pop("sluice.net.wifi", None)  # that of another network
        for name, module in (("dialer", "socket"), ("wifi", "network")):
            setattr(import_module(f"sluice.net.{name}"), module, self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        import_module("sluice.net.dialer").socket = real_socket  # type: ignore[attr-defined]
        del sys.modules["sluice.net.wifi"]
        if self._before is None:
            del sys.modules["network"]
        else:
            sys.modules["network"] = self._before
        self._clock.__exit__()

    # Time.

    @property
    def ms(self) -> int:
        return self._board.ms

    @property
    def _board(self) -> Board:
        assert self.board is not None
        return self.board

    def let_pass(self, ms: int) -> None:
        """The board's time has passed."""
        self._clock.advance(ms)

    def pump(self) -> None:
        """Bring to the server what has arrived there."""
        if not self.is_silent:
            for stream in self.streams:
                data = stream.arrived(self.ms)
                if data:
                    self.server.receive(stream, data, self.ms)
        self.server.poll(self.streams, self.ms)

    # What happens to it.

    def set_way(self, delay_ms: int, most: int, space: int) -> None:
        self.delay_ms, self.most, self.space = delay_ms, most, space

    def set_outage(self, what: str) -> None:
        """One of OUTAGES; empty: all is well."""
        self._outage = "" if what == CUT else what
        if what in (CUT, REFUSED):
            for stream in self.streams:
                self._cut(stream)
        elif what == WIFI:
            for stream in self.streams:
                if self._chance.random() < 0.5:
                    stream.fail(_NO_ROUTE)

    def heal(self) -> None:
        """Nothing fails any more."""
        if self.is_silent:
            for stream in self.streams:
                stream.fail(_RESET)
        self.set_outage("")
        self.set_way(self.delay_ms, 1 << 20, 1 << 20)
        self.server.set(0)

    def restart(self) -> None:
        """The board has lost its power."""
        for stream in self.streams:
            self._end(stream)
        self.streams.clear()
        self.server.restart()
        self.joins_at = None

    def _cut(self, stream: Stream) -> None:
        if self._chance.random() < 0.5:
            stream.end()
        else:
            stream.fail(_RESET)

    # What the firmware's modules are.

    @property
    def is_silent(self) -> bool:
        """Whether nothing passes."""
        return self._outage in (AWAY, STALL, WIFI)

    def is_joined(self) -> bool:
        return self._outage != WIFI and self.joins_at is not None and self.joins_at <= self.ms

    def WLAN(self, kind: int) -> Wlan:
        return Wlan(self)

    def getaddrinfo(self, host: str, port: int) -> list[tuple[object, ...]]:
        if self._outage in (NAME, WIFI):
            raise OSError(_NO_NAME)
        return [(0, 0, 0, "", (host, port))]

    def socket(self) -> Stream:
        return Stream(self)

    def connect(self, stream: Stream) -> None:
        if self._outage in (AWAY, WIFI):
            self._board.spend(self._chance.choice([100, 1000, 3000]))
            raise OSError(_TIMED_OUT)
        if self._outage == REFUSED:
            raise OSError(_REFUSED)
        self._board.spend(2 * self.delay_ms)
        self.streams.append(stream)

    def close(self, stream: Stream) -> None:
        if stream in self.streams:
            self.streams.remove(stream)
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        data = stream.finish()
        if data and not stream.is_ended and self._chance.random() < 0.5:
            self.server.receive(stream, data, self.ms)
        self.server.gone(stream)
