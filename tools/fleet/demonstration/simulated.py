"""Boards that run firmware/main.py itself on CPython, each behind a TCP port."""

import selectors
import socket
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

from host_sim.program import load_program
from sluice.program.config import check

_TURN_S = 0.01
"""A board that nothing comes to looks at its clock so often: it is as exact as that."""

_AT_ONCE = 64  # turns of one board before the next one has its own


class SocketLine:
    """What the firmware calls a line, on a TCP port. One host at a time; the last one wins.

    What nobody takes is lost, as on a serial line.
    """

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.setblocking(False)
        self.connection: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"socket://127.0.0.1:{self.listener.getsockname()[1]}"

    def readinto(self, buf: bytearray) -> int:
        if self.connection is None:
            return 0
        try:
            n = self.connection.recv_into(buf)
        except BlockingIOError:
            return 0
        except OSError:
            n = 0
        if n == 0:
            self.hang_up()
        return n

    def write(self, buf: bytes | bytearray, n: int) -> int:
        if self.connection is not None:
            try:
                return self.connection.send(memoryview(buf)[:n])
            except OSError:  # it does not take it: lost
                pass
        return n

    def accept(self) -> None:
        self.hang_up()
        self.connection, _ = self.listener.accept()
        self.connection.setblocking(False)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class PacedSink:
    """In place of the sink `null`: takes `per_s` records a second, all if that is None."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self._next_at = 0.0

    def write(self, _record: memoryview, _n: int) -> bool:
        now = time.monotonic()
        if self.per_s is not None:
            if now < self._next_at:
                return False
            self._next_at = max(self._next_at, now - 1) + 1 / self.per_s
        return True


class SimulatedBoard:
    """The firmware's program with a configuration, its ring and a sink that can be slowed down.

    put_per_s: records that come to it each second, as from a pin; 0 with the source `link`.
    record:    each of these.
    sink:      what its sink `null` is.
    Its flash holds the guaranteed share alone, and outlives `reset`.
    """

    def __init__(
        self,
        values: dict[str, Any],
        put_per_s: float = 0,
        port: int = 0,
        record: bytes = b"simulated",
    ) -> None:
        self.line = SocketLine(port)
        self.put_per_s = put_per_s
        self.sink = PacedSink()
        self._record = record
        self.guaranteed = 0
        self._values = values
        self._main = load_program(_board(self.line))
        self._main.load_share = lambda: self.guaranteed
        self._main.keep_share = self._keep
        self._main.NullSink = lambda: self.sink
        self.reset()

    def reset(self) -> None:
        """All but the flash is gone."""
        self.program = self._main.Program(check(self._values, 1000), self.line)
        self._main.say(self.line, "event=start version=0 board=simulated")
        self._put_at = time.monotonic()

    def turn(self) -> None:
        """What there is to do now."""
        self._put_due()
        for _ in range(_AT_ONCE):
            if not self.program.turn():
                return

    def _put_due(self) -> None:
        if not self.put_per_s:
            return
        now = time.monotonic()
        due = int((now - self._put_at) * self.put_per_s)
        self._put_at += due / self.put_per_s
        for _ in range(due):
            self.program._ring.put(self._record, len(self._record))

    def _keep(self, guaranteed: int) -> None:
        self.guaranteed = guaranteed


def _board(line: SocketLine) -> types.ModuleType:
    """What the program imports as `board`."""
    board: Any = types.ModuleType("board")
    board.NAME = "simulated"
    board.TICKS_PER_S = 1000
    board.ticks = time.ticks_ms  # type: ignore[attr-defined]
    board.open_line = lambda: line
    board.open_led = lambda: None
    board.pulse_irq = lambda handler: None
    return board


def serve(boards: Sequence[SimulatedBoard], goes_on: Callable[[], bool]) -> None:
    """Runs the boards while `goes_on` says so, which is asked some 100 times a second."""
    selector = selectors.DefaultSelector()
    heard: dict[SimulatedBoard, socket.socket | None] = dict.fromkeys(boards)

    def turn(board: SimulatedBoard) -> None:
        board.turn()
        old, new = heard[board], board.line.connection
        if new is not old:
            if old is not None:
                selector.unregister(old)
            if new is not None:
                selector.register(new, selectors.EVENT_READ, board)
            heard[board] = new

    for board in boards:
        selector.register(board.line.listener, selectors.EVENT_READ, board)
    turn_at = time.monotonic()
    while goes_on():
        for key, _ in selector.select(max(0.0, turn_at - time.monotonic())):
            board = key.data
            if key.fileobj is board.line.listener:
                board.line.accept()
            turn(board)
        if time.monotonic() >= turn_at:
            turn_at = time.monotonic() + _TURN_S
            for board in boards:
                turn(board)
