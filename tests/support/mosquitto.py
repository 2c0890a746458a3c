"""A real mosquitto on loopback, and what it has received."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE_S = 120

_RECEIVED = re.compile(r"Received PUBLISH from .* '(.*)', \.\.\. ")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Mosquitto:
    """A broker that can be started and killed again and again, at one port.

    options: lines of its configuration; without `allow_anonymous` everybody may.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
        if not program or not shutil.which("mosquitto_sub"):
            pytest.skip("mosquitto and mosquitto_sub are not installed")
        self._program = program
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.configure(*options)

    def configure(self, *options: str) -> None:
        """From the next start on."""
        if not any(line.startswith("allow_anonymous") for line in options):
            options = ("allow_anonymous true", *options)
        lines = (
            f"listener {self.port} 127.0.0.1",
            "persistence false",
            "user root",
            "log_type all",
        )
        self._config.write_text("\n".join((*lines, *options)) + "\n")

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", self._config], stderr=log)
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < end
                time.sleep(0.02)

    def kill(self) -> None:
        """At once, as if its machine had lost its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def received(self) -> list[str]:
        """The topics of all records that it has received in all its lives, in order."""
        return [found[1] for found in _RECEIVED.finditer(self._log.read_text())]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, *options)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@contextmanager
def subscriber(port: int, topic: str, messages: int) -> Iterator[subprocess.Popen[str]]:
    """mosquitto_sub, when it has subscribed: prints so many messages, each `topic payload`."""
    command = ["mosquitto_sub", "-p", str(port), "-t", topic, "-C", str(messages), "-v", "-d"]
    by_line = ["stdbuf", "-oL", *command, "-q", "1"]
    with subprocess.Popen(by_line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert any("SUBACK" in line for line in iter(process.stdout.readline, ""))
            yield process
        finally:
            process.kill()


def add_user(passwords: Path, name: str, password: str) -> None:
    """Into a file of passwords, which is made if there is none."""
    passwords.touch(0o600)
    make = ["mosquitto_passwd", "-b", passwords, name, password]
    subprocess.run(make, check=True, capture_output=True)
