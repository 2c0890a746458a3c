"""The tiered queue on a board whose power goes, and on one whose flash is full."""

import shutil
from collections.abc import Iterator

import pytest
import serial
from shared_suite import SUITE

from sluice_tools.lab.runtimes import Unix
from sluice_tools.vboard import VirtualBoard

HERE = SUITE.parent / "device"
ENOSPC = 28


class Console:
    """What a board prints, line by line."""

    def __init__(self, board: VirtualBoard) -> None:
        self.port = serial.serial_for_url(board.url, timeout=20)

    def until(self, word: str) -> tuple[list[str], list[list[str]]]:
        """The next line that begins with the word, and those before it, split."""
        before = []
        while True:
            line = self.port.readline().decode()
            assert line.endswith("\n"), f"no `{word}` came, but {before[-5:]}"
            fields = line.split()
            assert fields[:1] not in (["gap"], ["Traceback"]), line
            if fields[:1] == [word]:
                return fields, before
            before.append(fields)


@pytest.fixture
def power(library, tmp_path) -> Iterator:
    """power(flash_kb): a board that runs spilling.py whenever it boots."""
    shutil.copytree(library.flash_dir / "lib", tmp_path / "lib")
    shutil.copy(HERE / "spilling.py", tmp_path / "main.py")
    boards = []

    def on(flash_kb: int = 1408) -> VirtualBoard:
        boards.append(VirtualBoard(tmp_path, flash_kb=flash_kb))
        boards[-1].start()
        return boards[-1]

    yield on
    for board in boards:
        board.stop()


def test_a_power_cut_while_it_writes_costs_nothing_that_was_on_flash(power):
    board = power()
    console = Console(board)
    fields, _ = console.until("replayed")
    assert fields == ["replayed", "-1", "-1", "0", "torn", "0", "lost", "0"]
    begun = 0  # the first record of the run
    for flushes in (1, 2, 3, 5, 8, 13, 40, 90):
        for _ in range(flushes):
            durable, _ = console.until("durable")
        board.reset()
        fields, _ = console.until("replayed")
        first, last, count, torn, lost = (int(fields[n]) for n in (1, 2, 3, 5, 7))
        assert (first, count, lost) == (begun, last - begun + 1, 0)
        assert last >= int(durable[1])
        assert torn <= 1
        begun = last + 1


def test_power_cuts_during_the_replay_cost_nothing_either(power):
    board = power()
    console = Console(board)
    for _ in range(300):
        durable, _ = console.until("durable")
    for _ in range(4):  # at once, when no replay can be over
        board.reset()
    fields, _ = console.until("replayed")
    first, last, count, torn, lost = (int(fields[n]) for n in (1, 2, 3, 5, 7))
    assert (count, lost) == (last - first + 1, 0)
    assert last >= int(durable[1])
    assert torn <= 1


def used_kb(folder):
    """What a folder takes of a board's flash, in blocks of 4 KB."""
    return 4 + sum(
        used_kb(path) if path.is_dir() else -(-path.stat().st_size // 4096) * 4
        for path in folder.iterdir()
    )


def test_a_full_flash_refuses_and_keeps_what_it_has(power, tmp_path):
    board = power(flash_kb=used_kb(tmp_path) + 40)
    console = Console(board)
    fields, _ = console.until("full")
    newest, errno, errors = int(fields[1]), int(fields[2]), int(fields[4])
    assert errno == ENOSPC
    assert 1 <= errors < 20
    fields, _ = console.until("drained")
    assert fields == f"drained 0 {newest} {newest + 1} torn 0 lost 0".split()
    assert not list((board.flash_dir / "spill").iterdir())


def test_a_cut_at_every_write_and_erase_of_littlefs_costs_nothing_that_was_told(running):
    if reason := Unix.why_not():
        pytest.skip(reason)
    printed = running(Unix).run((HERE / "cut_store.py").read_text())
    found = dict(line.split() for line in printed if line.startswith(("steps", "twice")))
    assert int(found["steps"]) > 150
    assert int(found["twice"]) > 150
