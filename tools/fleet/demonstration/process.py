"""A server on loopback, started, awaited and ended."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...errors import UserError

_START_S = 120.0


def _with_its_parent() -> list[str]:
    """What goes before a command so that Linux kills it when this process ends, also by a kill.

    If this process ended before the kernel was asked, the command is not begun.
    """
    if shutil.which("setpriv") is None:
        return []
    asked = 'test "$PPID" = "$0" && exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", asked, str(os.getpid())]


class ServerProcess:
    """A program that takes connections at a port; what it prints goes to a file in the folder.

    A context manager that kills it at the end. Ctrl-C on the terminal does not come to it.
    """

    def __init__(self, name: str, folder: Path, port: int, command: Sequence[str | Path]) -> None:
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self._port = port
        self._log = folder / f"{name}.log"
        self._command = command
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Starts it, and does not wait."""
        with self._log.open("ab") as log, _uninterrupted():
            self.process = subprocess.Popen(
                [*_with_its_parent(), *self._command],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Returns when it takes connections. UserError: it has ended, or takes too long."""
        deadline = time.monotonic() + _START_S
        while True:
            if self.process is None or self.process.poll() is not None:
                raise UserError(f"{self.name} has ended: {self._last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                if time.monotonic() >= deadline:
                    raise UserError(
                        f"{self.name}: no connection within {_START_S:.0f} s: {self._last_words()}"
                    )
                time.sleep(0.02)

    def start(self) -> None:
        self.launch()
        self.wait()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Asks it to end, and waits until it has."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)

    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text()

    def _last_words(self) -> str:
        lines = self.log().splitlines()
        return lines[-1] if lines else "it has printed nothing"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM come after this: what is just being started would be left behind.

    They come to the main thread; in any other there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def free_ports(count: int) -> list[int]:
    """So many ports of loopback that nobody listens at now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def check_installed(packages: dict[str, str]) -> None:
    """packages: Debian's package of each program. UserError: a program is not there."""
    missing = [program for program in packages if shutil.which(program) is None]
    if missing:
        names = " ".join(packages[program] for program in missing)
        raise UserError(f"not installed: {', '.join(missing)}; apt-get install {names}")
