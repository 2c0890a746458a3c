"""Boards that run the firmware's program itself on CPython, each behind a TCP port."""

import selectors
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from host_sim.clock import ticks_ms
from sluice.program.config import check, load_share
from sluice.program.program import Program

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


class PacedUart:
    """A UART behind which something takes `per_s` records a second, all if that is None."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self._next_at = 0.0

    def write(self, _record: memoryview, n: int) -> int:
        now = time.monotonic()
        if self.per_s is not None:
            if now < self._next_at:
                return 0
            self._next_at = max(self._next_at, now - 1) + 1 / self.per_s
        return n


class _Board:
    """What the program is given as its board: a UART, a flash, no LED, and a pin without pulses.

    sink: None, or what the records go to.
    """

    NAME = "simulated"
    TICKS_PER_S = 1000
    SLEEPS_WITH = ()
    ticks = staticmethod(ticks_ms)

    def __init__(self, flash: str, uart: PacedUart, sink: Any) -> None:
        self.FLASH = flash
        self.sink = sink
        self._uart = uart

    def open_uart(self) -> PacedUart:
        return self._uart

    def open_led(self) -> None:
        return None

    def pulse_irq(self, handler: Callable[[object], None]) -> None:
        """Its records are put by the simulation, since they have a content."""


class _Program(Program):
    """The firmware's, with the sink that its board has, if it has one."""

    def open_sink(self) -> Any:
        return super().open_sink() if self._board.sink is None else self._board.sink


class SimulatedBoard:
    """The firmware's program with a configuration, on a board whose sink `uart` can be slowed down.

    put_per_s: records that come to it each second, as from a pin; 0 with the source `link`.
    record:    each of these.
    sink:      in place of the configuration's; None: that one.
    Its flash outlives `reset`, and ends with `close`.
    """

    def __init__(
        self,
        values: dict[str, Any],
        put_per_s: float = 0,
        port: int = 0,
        record: bytes = b"simulated",
        sink: Any = None,
    ) -> None:
        self.line = SocketLine(port)
        self.uart = PacedUart()
        self.put_per_s = put_per_s
        self._record = record
        self._sink = sink
        self._values = values
        self._flash = tempfile.TemporaryDirectory(prefix="simulated-board-")
        self.reset()

    def reset(self) -> None:
        """All but the flash is gone."""
        board = _Board(self._flash.name, self.uart, self._sink)
        self.program = _Program(check(self._values, board.TICKS_PER_S), board, self.line)
        self.program.start()
        self._put_at = time.monotonic()

    def feed(self, put_per_s: float) -> None:
        """Lets so many records come to it each second from now on."""
        self.put_per_s = put_per_s
        self._put_at = time.monotonic()

    def close(self) -> None:
        self.line.hang_up()
        self.line.listener.close()
        self._flash.cleanup()

    @property
    def guaranteed(self) -> int:
        """The share of the fleet's budget that is kept on its flash."""
        return cast(int, load_share(self._flash.name))

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
            self.program.ring.put(self._record, len(self._record))


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
