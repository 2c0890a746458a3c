"""MicroPython's raw REPL on a terminal: runs programs and hands back what they print."""

import os
import re
import select
import time
import tty
from collections.abc import Callable

_INTERRUPT = b"\r\x03\x03"
_ENTER = b"\x01"
_CLEAR = b"\x03"
_END = b"\x04"
_BEGIN_S = 20
_TRIES = 3
_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
_DAMAGED = "SyntaxError: "  # what is sent has none: a byte of it was lost, and nothing has run


class ProgramError(Exception):
    """What a program on a board raised: its traceback, and the program's line with each place."""

    def __init__(self, traceback: str, program: str) -> None:
        super().__init__(_with_source(traceback, program))
        self.damaged = _DAMAGED in traceback
        """Whether the program did not arrive whole."""


class RawRepl:
    """The board at a terminal.

    terminal: its path.  chunk: bytes that the board can take at once.
    taken: returns when it has taken them, so that it can take more.

    Raises TimeoutError, with what was heard, if the board does not answer in time.
    """

    def __init__(
        self,
        terminal: str,
        chunk: int = 4096,
        taken: Callable[[], None] = lambda: time.sleep(0.01),
    ) -> None:
        self._fd = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)
        self._chunk = chunk
        self._taken = taken

    def enter(self, timeout_s: float) -> None:
        """Interrupt what runs; asks again and again, since a board is deaf while it boots."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._send(_INTERRUPT + _ENTER)
            try:
                self._hear(_PROMPT, min(1.0, deadline - time.monotonic()))
                return
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def soft_reset(self, timeout_s: float = 10) -> None:
        self._send(_END)
        self._hear(_PROMPT, timeout_s)

    def run(self, program: str, timeout_s: float = 60, done: str = "") -> list[str]:
        """The lines that the program prints. Raises ProgramError for what it raises.

        done: the lines of the program that the board has run before, so that places are told
        by their line in the whole.
        """
        self._begin(b"\n" * done.count("\n") + program.encode() + _END)
        printed = self._hear(_END, timeout_s)
        traceback = self._hear(_END + b">", timeout_s)
        if traceback:
            raise ProgramError((printed + traceback).decode(), done + program)
        return printed.decode().splitlines()

    def _begin(self, program: bytes) -> None:
        """Send the program until the board says that it has it, and runs it."""
        for _ in range(_TRIES - 1):
            self._send(program)
            try:
                self._hear(b"OK", _BEGIN_S)
                return
            except TimeoutError:  # its end was lost, so it does not run: away with it
                self._send(_CLEAR)
        self._send(program)
        self._hear(b"OK", _BEGIN_S)

    def write_file(self, path: str, content: bytes) -> None:
        """Write a file on the board, in pieces that fit a heap of a few kilobytes."""
        self.run(f"f = open({path!r}, 'wb')")
        for at in range(0, len(content), 128):
            self._write(content[at : at + 128])
        self.run("f.close()\ndel f")

    def _write(self, piece: bytes) -> None:
        """Write it once it has arrived whole: a busy terminal loses a byte now and then."""
        program = (
            f"d = {piece!r}\nif sum(d) == {sum(piece)}:\n f.write(d)\nelse:\n print('damaged')\n"
        )
        for tries_left in reversed(range(_TRIES)):
            try:
                if not self.run(program):
                    return
            except ProgramError:  # without a byte of it, it is another program, or none
                if not tries_left:
                    raise
        raise TimeoutError(f"a piece of a file did not arrive whole in {_TRIES} attempts")

    def close(self) -> None:
        os.close(self._fd)

    def _send(self, data: bytes) -> None:
        for at in range(0, len(data), self._chunk):
            if at:
                self._taken()
            os.write(self._fd, data[at : at + self._chunk])

    def _hear(self, end: bytes, timeout_s: float) -> bytes:
        """What comes before `end`."""
        deadline = time.monotonic() + timeout_s
        heard = bytearray()
        while not heard.endswith(end):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise TimeoutError(f"no {end!r} within {timeout_s:g} s; heard {bytes(heard)!r}")
            heard += os.read(self._fd, 1)
        return bytes(heard[: -len(end)])


def _with_source(traceback: str, program: str) -> str:
    lines = program.splitlines()

    def place(found: re.Match[str]) -> str:
        number = int(found[1])
        return f"{found[0]}: {lines[number - 1].strip()}" if number <= len(lines) else found[0]

    return re.sub(r'File "<stdin>", line (\d+)(?:, in \S+)?', place, traceback)
