"""The program with a `store`: what the queue cannot hold goes to flash, and is safe there."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from board_twin import BoardTwin
from joined_board import Joined
from wire import MemoryLine

from sluice.program.config import ConfigError, check
from sluice.program.program import Program, stand
from sluice_tools.lab.simulate.flash import ENOSPC, Flash, PowerCut
from sluice_tools.serial.logfmt import read_stats
from sluice_tools.serial.session import Session

RECORDS = [b"record %03d" % number for number in range(150)]
LONG = [record + bytes(231) for record in RECORDS]
SINK = """
away = False
taken = []
def room():
    return 0 if away else 1
def write(record, n):
    taken.append(bytes(record[:n]))
    return True
"""


@pytest.fixture
def sink(tmp_path, monkeypatch):
    """The module that is the program's sink; each start of the program begins it anew."""
    (tmp_path / "mine.py").write_text(SINK)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield lambda: sys.modules["mine"]
    sys.modules.pop("mine", None)


class Life:
    """A board on this flash from a start to a reset, fed by a host of its own."""

    def __init__(self, clock, flash, **values):
        self.flash = flash
        self.rig = BoardTwin(clock, "")
        flash.reset()
        config = {"rate": None, "slots": 8, "slot_size": 16, "sink": "module:mine", "store": 1000}
        session = Session(random.Random(flash.steps).randrange(1, 1 << 20), 0)
        self.board = Joined(self.rig, session, delay_ms=1, **config | values)
        self.program = self.board.program

    def run(self, ms):
        self.board.run(ms)

    def finished(self):
        return [bytes(record.payload) for record in self.board.finished]

    def last_stats(self):
        self.rig.line.sent.clear()
        while True:
            self.rig.clock.advance(100)
            while self.program.turn():
                pass
            for line in bytes(self.rig.line.sent).split(b"\r\n"):
                if line.startswith(b"event=stats"):
                    return read_stats(line.decode())


def test_an_outage_of_the_sink_fills_the_flash_and_the_host_goes_on(tick_clock, sink):
    with Flash() as flash:
        life = Life(tick_clock, flash)
        sink().away = True
        life.board.waiting.extend(RECORDS)
        life.run(2000)
        assert not life.board.waiting
        finished = life.finished()
        assert finished == RECORDS[: len(finished)]
        assert len(finished) > len(RECORDS) - 8  # all but what the queue holds
        stats = life.last_stats()
        assert (stats.stored, stats.rejected, stats.store_errors) == (stats.kept - 6, 0, 0)
        assert stats.kept_bytes > stats.kept * 18
        sink().away = False
        life.run(2000)
        assert sink().taken == RECORDS
        assert life.finished() == RECORDS
        assert (life.last_stats().stored, flash.files.keys()) == (0, set())


def test_what_was_acknowledged_is_delivered_after_a_reset(tick_clock, sink):
    with Flash() as flash:
        life = Life(tick_clock, flash)
        sink().away = True
        life.board.waiting.extend(RECORDS)
        life.run(2000)
        finished = life.finished()
        again = Life(tick_clock, flash)
        sink().away = False
        again.run(1000)
        assert sink().taken[: len(finished)] == finished
        assert again.last_stats().rejected == 0


@pytest.mark.parametrize("part", range(12))
def test_a_power_cut_at_any_step_of_the_flash_loses_nothing_that_was_acknowledged(
    tick_clock, sink, part
):
    """All places of the cut that leave `part` when they are divided by 12."""

    def busy(life):
        for ms in range(200):
            sink().away = ms % 40 < 25
            if ms < 150:
                life.board.waiting.append(RECORDS[ms])
            life.run(1)

    with Flash() as flash:
        life = Life(tick_clock, flash)
        begun = flash.steps
        busy(life)
        steps = flash.steps - begun
    assert steps > 1000
    for cut in range(part, steps, 12):
        sys.modules.pop("mine", None)
        with Flash(fat=cut % 24 < 12) as flash:
            life = Life(tick_clock, flash)
            flash.cut_at(cut)
            with pytest.raises(PowerCut):
                busy(life)
                raise PowerCut  # one step fewer than in the course without a cut
            before, finished = list(sink().taken), life.finished()
            flash.heal()
            sink().taken.clear()
            sink().away = False
            again = Life(tick_clock, flash)
            again.run(300)
            after = sink().taken
        assert before == RECORDS[: len(before)], cut
        assert set(finished) <= {*before, *after}, cut
        assert after == sorted(set(after)), cut  # in order, and each once


def test_a_full_flash_gives_no_more_credit_and_loses_nothing(tick_clock, sink):
    with Flash() as flash:
        life = Life(tick_clock, flash, store=30, slot_size=241)
        sink().away = True
        life.board.waiting.extend(LONG)
        life.run(3000)
        stats = life.last_stats()
        assert 30 <= stats.stored < 60
        assert life.board.waiting
        sink().away = False
        life.run(3000)
        assert sink().taken == life.finished() == LONG


def test_overwrite_lets_the_oldest_on_flash_go_and_counts_them(tick_clock, sink):
    with Flash() as flash:
        life = Life(tick_clock, flash, store=30, slot_size=241, overflow="overwrite")
        sink().away = True
        life.board.waiting.extend(LONG)
        life.run(3000)
        assert not life.board.waiting
        sink().away = False
        life.run(3000)
        taken, stats = sink().taken, life.last_stats()
        assert taken == sorted(taken) and taken[-1] == LONG[-1]
        assert 30 <= len(taken) < 60
        assert stats.store_lost == len(LONG) - len(taken)
        assert stats.overwritten == 0  # in the ring nothing is


def test_a_flash_that_fails_is_told_and_what_waits_stays(tick_clock, sink):
    with Flash() as flash:
        life = Life(tick_clock, flash)
        sink().away = True
        flash.fails = lambda done, path: ENOSPC if done == "write" else 0
        life.board.waiting.extend(RECORDS)
        life.run(1500)
        stats = life.last_stats()
        assert (stats.kept, len(life.finished())) == (0, 0)
        assert stats.store_errors >= 2
        flash.heal()
        sink().away = False
        life.run(3000)
        assert sink().taken == life.finished() == RECORDS


def test_pulses_of_an_interrupt_are_kept_too(tick_clock, sink):
    with Flash() as flash:
        life = Life(tick_clock, flash, source="pin", slots=16)
        run = life.board._run_board
        sink().away = True
        for _ in range(200):
            for _ in range(3):
                life.rig.pulse()
            tick_clock.advance(1)
            run()
        assert life.program.ring.rejected == 0
        sink().away = False
        for _ in range(2000):
            tick_clock.advance(1)
            run()
        numbers = [int.from_bytes(each[:4], "little") for each in sink().taken]
        assert numbers == list(range(600))


def test_a_program_that_did_not_stand_leaves_the_folder_to_the_next(tick_clock, tmp_path):
    """The first is refused behind the opening of its store, for a UART that is not there."""
    rig = BoardTwin(tick_clock, tmp_path)
    rig.open_uart = None
    values = {"source": "timer", "sink": "null", "store": 100}
    (tmp_path / "config.json").write_text(json.dumps(values | {"sink": "uart"}))
    (tmp_path / "config.good.json").write_text(json.dumps(values))
    program = stand(rig, rig.line)
    assert b"key=sink" in rig.line.sent and rig.line.sent.count(b"config_error") == 1
    assert program is not None
    (tmp_path / "config.json").write_text(json.dumps(values))
    rig.line.sent.clear()
    assert stand(rig, rig.line) is not None
    assert b"config_error" not in rig.line.sent


@pytest.mark.parametrize(
    ("values", "key", "allowed"),
    [
        ({"sink": "link"}, "store", "null when source and sink are link"),
        ({"control": "pid"}, "store", "null when control is pid"),
        ({"control": "codel"}, "store", "null when control is codel"),
        ({"store_folder": "store"}, "store_folder", "a folder's whole name, like /store"),
        ({"store_folder": "/store/"}, "store_folder", "a folder's whole name, like /store"),
        ({"store": 0}, "store", "an integer from 1 to 1073741823 or null"),
    ],
)
def test_what_does_not_go_together_is_refused(tick_clock, values, key, allowed):
    with Flash() as flash, pytest.raises(ConfigError) as refused:
        flash.reset()
        config = check({"sink": "null", "store": 100} | values, 1000)
        Program(config, BoardTwin(tick_clock, ""), MemoryLine())
    assert refused.value.key == key
    assert allowed in refused.value.allowed


@pytest.mark.parametrize(
    ("values", "key", "allowed"),
    [
        ({"store": 1 << 29}, "store", "479904 or less with these slots"),
        ({"store": 5000}, "store", "as this flash has room"),
        ({"store_folder": "/no/store"}, "store_folder", "a folder that can be made and read"),
    ],
)
def test_what_the_flash_cannot_do_is_refused(tick_clock, values, key, allowed):
    with Flash() as flash:
        flash.reset()
        flash.room = 400_000
        config = check({"source": "timer", "sink": "null", "store": 100} | values, 1000)
        board = BoardTwin(tick_clock, "")
        with pytest.raises(ConfigError) as refused:
            Program(config, board, board.line)
        assert refused.value.key == key
        assert allowed in refused.value.allowed


def test_a_configuration_that_stood_stands_again_on_a_flash_that_is_full_now(tick_clock, sink):
    values = {"source": "pin", "sink": "module:mine", "store": 1000, "slots": 8, "slot_size": 16}
    with Flash() as flash:
        flash.reset()
        rig = BoardTwin(tick_clock, "")
        flash.files["/config.json"] = json.dumps(values).encode()
        assert stand(rig, rig.line) is not None
        flash.reset()
        flash.room = 0
        program = stand(rig, rig.line)
        assert b"config_error" not in rig.line.sent
        program.start()
        sink().away = True
        for _ in range(20):
            rig.pulse()
            tick_clock.advance(10)
            program.turn()
        assert program.ring.rejected > 0 and b"errno" not in rig.line.sent
        flash.room = None
        sink().away = False
        for _ in range(3000):
            tick_clock.advance(1)
            program.turn()
        assert len(sink().taken) == 20 - program.ring.rejected


@pytest.mark.parametrize(("store", "loaded"), [(None, 0), (100, 3)])
def test_what_is_not_configured_is_not_loaded(tmp_path, store, loaded):
    program = (
        "import sys, host_sim; sys.path[:0] = sys.argv[2:]\n"
        "from board_twin import BoardTwin, start\n"
        "with host_sim.TickClock() as clock:\n"
        f"    start(BoardTwin(clock, sys.argv[1]), source='timer', sink='null', store={store})\n"
        "names = [name for name in sys.modules if name.startswith('sluice.')]\n"
        "print(len([name for name in names if name.endswith(('spill', 'tiered', 'store'))]))\n"
    )
    command = [sys.executable, "-c", program, tmp_path, *sys.path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{loaded}\n"


def test_the_configuration_of_the_page_is_one():
    page = (Path(__file__).parents[2] / "docs/store.md").read_text()
    values = json.loads(page.split("```")[1])
    assert check(values, 1000)["store"] == 10000


def test_the_bytes_of_a_record_on_flash_are_those_of_the_page(tick_clock, sink):
    with Flash() as flash:
        life = Life(tick_clock, flash, source="pin", slots=64, slot_size=64)
        sink().away = True
        for _ in range(3000):
            life.rig.pulse()
            life.board._run_board()
            tick_clock.advance(1)
        stats = life.last_stats()
    page = (Path(__file__).parents[2] / "docs/store.md").read_text()
    row = re.search(r"`kept_bytes` / `kept`\) \| 72 \| (\d+) \|", page)
    assert row and int(row[1]) == round(stats.kept_bytes / stats.kept)
