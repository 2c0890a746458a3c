"""A running virtual board, and mpremote to talk to it."""

from collections.abc import Callable, Iterator

import pytest
from remote import mpremote

from tools.vboard import VirtualBoard


@pytest.fixture
def vboard() -> Iterator[VirtualBoard]:
    """A freshly started board with an empty file system, for this test alone."""
    with VirtualBoard() as board:
        yield board


@pytest.fixture
def remote(vboard: VirtualBoard) -> Callable[..., str]:
    """remote("fs", "ls"): what mpremote prints; fails the test if mpremote fails."""

    def run(*args: str, resume: bool = True) -> str:
        done = mpremote(vboard.url, *args, resume=resume)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
