"""The board's program on MicroPython's unix port, with a line over TCP, and who tries to get at it.

`messages` and `Between` know where the messages are in a connection, as docs/link.md has it, and
nothing of the keys.
"""

import queue
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

KEY = bytes(range(32))
CHALLENGE = 7 + 16
ANSWER = CHALLENGE + 32
VERDICT = 1 + 32
PATIENCE_S = 100
TO_BOARD, TO_HOST = 0, 1


class Listening:
    """Its process. `until` reads what its console says; `type` is what is typed there."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.port = port
        self.url = f"tcp://127.0.0.1:{port}"
        self.lines: list[str] = []
        self._process = process
        self._said: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.until("event=tcp state=listening")

    @property
    def pid(self) -> int:
        return self._process.pid

    def until(self, beginning: str) -> str:
        while (line := self._said.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
            if line.startswith(beginning):
                return line
        pytest.fail(f"no {beginning!r} in {self.lines}")

    def refused(self) -> str:
        """Why the next one that is refused is."""
        return self.until("event=tcp state=refused").partition("reason=")[2].strip('"')

    def lost(self) -> str:
        """Why the line is taken from whoever has it."""
        reason = self.until("event=tcp state=down").partition("reason=")[2].strip('"')
        # So TCP ends a connection in which something was not read.
        return "it left" if reason == "the connection broke" else reason

    def type(self, text: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        connection.settimeout(PATIENCE_S)
        return connection

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            # Without a client the console has the frames, too, and these end without a newline.
            self._said.put(line[max(0, line.rfind("event=")) :].rstrip())
        self._said.put(None)


def read(connection: socket.socket, n: int) -> bytes:
    """So many bytes, or fewer, if the connection ends."""
    data = b""
    while len(data) < n:
        try:
            came = connection.recv(n - len(data))
        except ConnectionResetError:
            break
        if not came:
            break
        data += came
    return data


def message(connection: socket.socket) -> bytes:
    """The next message, its length and its MAC included; none at the end."""
    length = read(connection, 2)
    return length + read(connection, int.from_bytes(length, "little") + 16) if length else b""


class Between:
    """Somebody on the way: connections to `port` go to the board, and it does what it likes.

    spoil: given the direction and the number of a message, from 0 on, of the first connection, and
    the message; returns what goes on in its place.  sent: all that the hosts have sent so far, of
    each connection.
    """

    def __init__(self, board: Listening, spoil: Callable[[int, int, bytes], bytes]) -> None:
        self._board = board
        self._spoil = spoil
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self.sent: list[bytearray] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # which wakes its thread
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                host, _ = self._listener.accept()
            except OSError:
                return
            board = self._board.connect()
            heard = bytearray()
            first = not self.sent
            self.sent.append(heard)
            host.sendall(read(board, CHALLENGE))
            answer = read(host, ANSWER)
            heard += answer
            board.sendall(answer)
            host.sendall(read(board, VERDICT))
            for direction, source, target in ((TO_BOARD, host, board), (TO_HOST, board, host)):
                threading.Thread(
                    target=self._carry, args=(direction, source, target, heard, first), daemon=True
                ).start()

    def _carry(
        self,
        direction: int,
        source: socket.socket,
        target: socket.socket,
        heard: bytearray,
        first: bool,
    ) -> None:
        number = 0
        with suppress(OSError):  # either end has gone
            while data := message(source):
                if direction == TO_BOARD:
                    heard += data
                target.sendall(self._spoil(direction, number, data) if first else data)
                number += 1
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(board: Listening, spoil=lambda _direction, _number, data: data) -> Iterator[Between]:
    there = Between(board, spoil)
    try:
        yield there
    finally:
        there.close()
