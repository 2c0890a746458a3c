"""A running virtual board, and mpremote to talk to it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
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
        flash = Path(vboard.flash_dir)
        shutil.copytree(PROJECT / "firmware" / "sluice", flash / "sluice")
        shutil.copy(PROJECT / "firmware" / "main.py", flash)
        shutil.copy(PROJECT / "boards" / "virtual" / "board.py", flash)
        defaults = json.loads((PROJECT / "firmware" / "config.json").read_text())
        (flash / "config.json").write_text(json.dumps(defaults | settings))
        vboard.reset()
        return vboard

    return start
