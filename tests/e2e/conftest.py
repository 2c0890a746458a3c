"""A running virtual board, and mpremote to talk to it."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tools.vboard import VirtualBoard

_MPREMOTE_S = 30


@pytest.fixture
def vboard() -> Iterator[VirtualBoard]:
    """A freshly started board with an empty file system, for this test alone."""
    with VirtualBoard() as board:
        yield board


def mpremote(url: str, *args: str, resume: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs mpremote on the board; resume: without the soft reset that it does first."""
    command = [sys.executable, "-m", "mpremote", "connect", url, *(["resume"] if resume else [])]
    return subprocess.run(
        [*command, *args], capture_output=True, text=True, timeout=_MPREMOTE_S, check=False
    )


@pytest.fixture
def remote(vboard: VirtualBoard) -> Callable[..., str]:
    """remote("fs", "ls"): what mpremote prints; fails the test if mpremote fails."""

    def run(*args: str, resume: bool = True) -> str:
        done = mpremote(vboard.url, *args, resume=resume)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
