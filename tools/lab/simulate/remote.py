"""The board of a simulation in a process of real MicroPython."""

import json
import subprocess
from pathlib import Path

from ..runtimes.unix import Unix
from .scenario import Scenario

_PROGRAM = "import device_pipe\ndevice_pipe.serve()\n"


class RemoteError(Exception):
    """MicroPython has ended; what it said."""


class MicroPython:
    """A process of MicroPython's unix port, in which one board after another lives."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        self._unix = Unix()
        self._unix.start({name: here / f"{name}.py" for name in ("device", "device_pipe")})
        self._process: subprocess.Popen[str] | None = None

    def make_board(self, scenario: Scenario) -> "RemoteBoard":
        """A new board; the one before is gone."""
        if self._process is None:
            self._process = self._unix.begin(_PROGRAM)
        return RemoteBoard(self._process, scenario)

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
        self._unix.stop()


class RemoteBoard:
    """A Device in another process. See there."""

    def __init__(self, process: subprocess.Popen[str], scenario: Scenario) -> None:
        self._process = process
        self.idle_ms = 0
        self._call("new", "", scenario.tick, scenario.turns_per_ms, scenario.sleeps, scenario.holds)

    def configure(self, values: dict[str, object]) -> None:
        self._call("configure", values)

    def power_on(self) -> None:
        self._call("power_on")

    def power_off(self) -> None:
        self._call("power_off")

    def pulse(self) -> None:
        self._call("pulse")

    def set_uart(self, mode: str, ms: int) -> None:
        self._call("set_uart", mode, ms)

    def set_holder(self, places: int, ms: int, at_once: int, losses: int) -> None:
        self._call("set_holder", places, ms, at_once, losses)

    def set_served(self, what: str, *values: object) -> None:
        self._call("set_served", what, *values)

    def set_stuck(self, stuck: bool) -> None:
        self._call("set_stuck", stuck)

    def run(
        self, ms: int, received: bytes
    ) -> tuple[bytes, int, list[bytes], list[str], dict[str, int] | None]:
        sent, wake, taken, wrong, state = self._call("run", self.idle_ms, ms, received.hex())
        return bytes.fromhex(sent), wake, [bytes.fromhex(each) for each in taken], wrong, state

    def _call(self, name: str, *arguments: object) -> list:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps([name, arguments]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RemoteError(process.communicate()[1])
        return json.loads(answer)
