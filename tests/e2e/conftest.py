"""A running virtual board, and mpremote to talk to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flashed import flash
from remote import mpremote

from tools.vboard import VirtualBoard

PROJECT = Path(__file__).parents[2]


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


@pytest.fixture
def boot(vboard: VirtualBoard) -> Callable[..., VirtualBoard]:
    """boot(rate=50, ...): puts the firmware on the board and starts it with these settings."""

    def start(**settings: object) -> VirtualBoard:
        flash(vboard, **settings)
        return vboard

    return start
