"""A real server on loopback that a test may kill and start again."""

import socket
import subprocess
import time
from pathlib import Path

_START_S = 30.0


class ServerProcess:
    """A program that takes connections at a port; what it prints goes to a file in the folder.

    A context manager, that kills it at the end.
    """

    def __init__(self, name: str, folder: Path, port: int, command: list[str | Path]) -> None:
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self._port = port
        self._log = folder / f"{name}.log"
        self._command = command
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Starts it, and does not wait."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def wait(self) -> None:
        """Returns when it takes connections."""
        deadline = time.monotonic() + _START_S
        while True:
            assert self.process is not None and self.process.poll() is None, self.log()
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, self.log()
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
        """The end of what it has printed."""
        return self._log.read_text()[-4000:]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
