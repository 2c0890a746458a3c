"""docs/troubleshooting.md: each symptom is provoked, and what the page quotes is printed."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
import serial
from faulty_line import FaultyLine
from flashed import flash

from sluice_tools.serial.session import DELIVERED
from sluice_tools.vboard import VirtualBoard

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/troubleshooting.md").read_text()
SHOWN = "/dev/ttyACM0"
SECTIONS = dict(
    re.findall(r"^### ([^\n]+)\n\n```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
AS_OTHERS = "setpriv --bounding-set=-dac_override,-dac_read_search "
"""Before a command that root runs, so that permissions count for it, too."""
HOLDS_MEMORY = """\
kept = []
try:
    while True:
        kept.append(bytearray(1 << 22))
except MemoryError:
    kept.pop()
"""

Reset = Callable[[], object]
Situation = Iterator[tuple[str, Reset]]
"""Where the board is, and what is done as soon as a console is connected."""

PROVOKED: dict[str, Callable[[], AbstractContextManager[tuple[str, Reset]]]] = {}


def provokes(*symptoms: str) -> Callable[[Callable[[], Situation]], None]:
    def keep(function: Callable[[], Situation]) -> None:
        for symptom in symptoms:
            PROVOKED[symptom] = contextmanager(function)

    return keep


def nothing() -> None:
    """For a symptom that is there before anybody looks."""


@contextmanager
def terminal() -> Iterator[str]:
    """A port at whose other end nobody answers."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def configured(**settings: object) -> Situation:
    """A board that is started again with these settings while the console is there."""
    with VirtualBoard() as board:
        flash(board, **settings)
        yield board.url, board.reset


def with_a_sink_that(does: str, **settings: object) -> Situation:
    with VirtualBoard() as board:
        flash(board, source="timer", sink="null", **settings)
        sinks = board.flash_dir / "sluice/flow/sinks.py"
        head = '    def write(self, record, n: int) -> bool:\n        """True. Hot."""\n'
        text = sinks.read_text()
        assert head in text
        sinks.write_text("import time\n" + text.replace(head, f"{head}        {does}\n"))
        yield board.url, board.reset


@provokes("No such port")
def _() -> Situation:
    yield "/dev/no-such-port", nothing


@provokes("Permission denied")
def _() -> Situation:
    with terminal() as port:
        os.chmod(port, 0)
        yield port, nothing


@provokes("In use by another program")
def _() -> Situation:
    with terminal() as port, closing(serial.Serial(port, exclusive=True)):
        yield port, nothing


@provokes("An address without socket", "Nothing listens there")
def _() -> Situation:
    yield "", nothing


@provokes("The console says that the board is gone")
def _() -> Situation:
    with VirtualBoard() as board:
        flash(board)
        yield board.url, board.stop


@provokes("No MicroPython answers")
def _() -> Situation:
    with terminal() as port:
        yield port, nothing


@provokes("MicroPython is too old")
def _() -> Situation:
    with VirtualBoard() as board:
        (board.flash_dir / "boot.py").write_text(
            "import sys\nfrom collections import namedtuple\n"
            "sys.implementation = namedtuple('i', ('name', 'version'))('micropython', (1, 12, 0))\n"
        )
        board.reset()
        yield board.url, nothing


@provokes(
    "Another board than you named",
    "No answer: is Sluice running?",
    "The console shows nothing",
    "A configuration is refused before it is sent",
)
def _() -> Situation:
    with VirtualBoard() as board:
        yield board.url, nothing


@provokes("Too little space")
def _() -> Situation:
    with VirtualBoard(flash_kb=128) as board:
        (board.flash_dir / "log.txt").write_bytes(bytes(100_000))
        yield board.url, nothing


@provokes("A configuration is refused by the board")
def _() -> Situation:
    yield from configured(rate="fast")


@provokes("Too little memory for the queue")
def _() -> Situation:
    with VirtualBoard() as board:
        (board.flash_dir / "holds_memory.py").write_text(HOLDS_MEMORY)
        (board.flash_dir / "boot.py").write_text("import holds_memory\n")
        flash(board, slots=65535, slot_size=241)
        yield board.url, board.reset


@provokes("The board starts again and again")
def _() -> Situation:
    yield from with_a_sink_that("while True: pass", watchdog_ms=1000)


@provokes("The queue is full, and records are refused")
def _() -> Situation:
    yield from configured(source="timer", timer_ms=20, sink="null", rate=5, slots=8)


@provokes("The board takes no records")
def _() -> Situation:
    yield from configured(source="timer", sink="null")


@provokes("Records are cut", "Lines are malformed")
def _() -> Situation:
    yield from configured()


@provokes("Records come again")
def _() -> Situation:
    with VirtualBoard() as board:
        flash(board)
        with FaultyLine(board.url, (), seed=1) as line:
            over = threading.Event()

            def reset_in_the_middle() -> None:
                while not over.is_set() and line.to_host.frames[DELIVERED] < 20:
                    time.sleep(0.01)
                board.reset()

            thread = threading.Thread(target=reset_in_the_middle)
            thread.start()
            yield line.url, nothing
            over.set()
            thread.join()


@provokes("Frames are damaged")
def _() -> Situation:
    with VirtualBoard() as board:
        flash(board)
        with FaultyLine(board.url, ("corrupt",), seed=1) as line:
            yield line.url, nothing


@provokes("Fewer leave than the rate allows")
def _() -> Situation:
    yield from with_a_sink_that("time.sleep_ms(20)", timer_ms=5, rate=500)


def pattern(shown: str) -> re.Pattern[str]:
    """`…` is anything, a number any other, but 0 is 0; how many spaces align it does not matter."""
    parts = re.split(r"(…|(?<![\w.,])[\d.,]*[1-9][\d.,]*(?![\w.,])| +)", shown)
    made = {"…": ".*", " ": " +"}
    number = r"[\d.,]*[1-9][\d.,]*"
    return re.compile(
        "".join(
            re.escape(part) if at % 2 == 0 else made.get(part[0], number)
            for at, part in enumerate(parts)
        )
    )


@pytest.mark.parametrize("symptom", SECTIONS)
def test_what_is_quoted_is_printed(symptom: str, tmp_path: Path) -> None:
    (tmp_path / "my.json").write_text('{"rate": 100, "brust": 5}')
    command, *shown = SECTIONS[symptom].splitlines()
    wanted = [pattern(line) for line in shown]
    printed = ""
    bad = any(line.startswith(("Error: ", "WRONG ")) for line in shown)
    ends = bad or "sluice console" not in command
    with PROVOKED[symptom]() as (url, when_connected):
        command = command.removeprefix("$ ").replace(SHOWN, url)
        if symptom == "Permission denied" and os.geteuid() == 0:
            command = AS_OTHERS + command
        process = subprocess.Popen(
            command,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            assert process.stdout
            for told in process.stdout:
                line = told.rstrip().replace(url, SHOWN) if url else told.rstrip()
                printed += line + "\n"
                if line == f"{SHOWN}: connected":
                    when_connected()
                if wanted and wanted[0].fullmatch(line):
                    wanted.pop(0)
                if not wanted and not ends:
                    break
            if not ends:
                os.killpg(process.pid, signal.SIGINT)
            process.communicate()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert not wanted, printed
    if ends:
        assert (process.returncode != 0) == bad, printed


def test_each_symptom_of_the_page_is_provoked_and_says_why_and_what_to_do() -> None:
    sections = dict(re.findall(r"^### (.+)\n((?:(?!##).*\n)*)", PAGE, re.MULTILINE))
    assert list(sections) == list(SECTIONS)
    assert set(sections) == set(PROVOKED)
    for symptom, text in sections.items():
        assert "**Why**: " in text and "**What to do**: " in text, symptom
