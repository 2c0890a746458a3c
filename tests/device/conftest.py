"""The library on MicroPythons: the virtual board by mpremote, and all the runtimes there are."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from shared_suite import helpers

from host_sim import FIRMWARE
from sluice_tools.lab.bench.measure import ONBOARD
from sluice_tools.lab.runtimes import RUNTIMES, Runtime, Unix
from sluice_tools.lab.runtimes.runtime import write_compiled
from sluice_tools.vboard import VirtualBoard

HERE = Path(__file__).resolve().parent
PARTS = {  # what programs of this folder import, by name
    "fuzz": HERE / "fuzz.py",
    "line": HERE.parent / "suite" / "line.py",
    "machine_code": HERE / "machine_code.py",
    "whole_loop": ONBOARD / "whole_loop.py",
}
PROGRAM = {"main": FIRMWARE / "main.py", "board": HERE / "stopped_board.py"}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A running virtual board with the library under /lib and no main.py."""
    flash = tmp_path_factory.mktemp("flash")
    write_compiled(flash / "lib", PARTS)
    with VirtualBoard(flash) as board:
        yield board


@pytest.fixture
def run_on_board(library: VirtualBoard) -> Callable[..., list[str]]:
    """Runs a program of this folder on the board by mpremote, or a source text that has a space;
    the lines that it prints."""

    def run(program: str, timeout_s: float = 60) -> list[str]:
        command = [sys.executable, "-m", "mpremote", "connect", library.url]
        what = ["exec", program] if " " in program else ["run", HERE / program]
        done = subprocess.run(
            [*command, *what], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run


@pytest.fixture(scope="session")
def running() -> Iterator[Callable[..., Runtime]]:
    """running(Unix, native=False): that runtime, started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def start(kind: type[Runtime], **options: bool) -> Runtime:
            runtime = kind(**options)
            stack.callback(runtime.stop)
            more = PARTS if kind.holds is None else {}
            if kind is Unix:
                more = more | PROGRAM
            runtime.start(helpers(kind.holds) | more)
            return runtime

        yield start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which runtimes have run the shared suite, and why the others were left out."""
    ended = [
        (outcome, report.nodeid)
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, ())
    ]
    if not any("::test_case[" in node for _, node in ended):
        return

    def account(part: str, reason: str | None) -> str:
        counts = Counter(outcome for outcome, node in ended if part in node)
        ran = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        return ran or f"left out: {reason or 'not asked for'}"

    terminalreporter.section("the shared suite")
    terminalreporter.line(f"CPython: {account('tests/suite/', None)}")
    for runtime in RUNTIMES:
        part = f"::test_case[{runtime.name}-"
        terminalreporter.line(f"{runtime.name}: {account(part, runtime.why_not())}")
