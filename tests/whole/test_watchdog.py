"""The watchdog and light sleep of a running board."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice_tools.vboard import VirtualBoard

SLUICE = Path(sys.executable).with_name("sluice")
DEADLINE_S = 120
TRIES = 10

Boot = Callable[..., VirtualBoard]


class Console:
    """What the board says."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.heard = b""

    def until(self, pattern: bytes, times: int = 1) -> None:
        while len(re.findall(pattern, self.heard)) < times:
            got = self.line.recv(4096)
            assert got, self.heard
            self.heard += got


@contextmanager
def console(board: VirtualBoard) -> Iterator[Console]:
    address = ("127.0.0.1", int(board.url.rpartition(":")[2]))
    with socket.create_connection(address, DEADLINE_S) as line:
        yield Console(line)


def test_a_loop_that_progresses_is_left_alone(boot: Boot) -> None:
    board = boot(source="timer", timer_ms=50, sink="null", watchdog_ms=3000, stats_ms=500)
    with console(board) as heard:
        heard.until(rb"event=stats up_s=([7-9]|\d\d) ")
    assert heard.heard.count(b"event=start") <= 1


def test_a_program_that_has_ended_is_started_again(boot: Boot) -> None:
    board = boot(source="timer", sink="null", watchdog_ms=1000)
    with console(board) as heard:
        heard.until(b"event=stats")
        heard.heard = b""
        heard.line.sendall(b"\x03")
        heard.until(b"event=stop")
        heard.until(b"event=start")


def test_a_sink_that_hangs_is_ended_by_a_reset(boot: Boot) -> None:
    board = boot(source="timer", sink="null", watchdog_ms=1000)
    sinks = board.flash_dir / "sluice" / "flow" / "sinks.py"
    text = sinks.read_text()
    hanging = '    def write(self, record, n: int) -> bool:\n        """True. Hot."""\n'
    assert hanging in text
    sinks.write_text(text.replace(hanging, hanging + "        while True: pass\n"))
    board.reset()
    with console(board) as heard:
        heard.until(b"event=start", times=2)


def flash_until_it_is_done(board: VirtualBoard) -> None:
    """A busy machine may not feed the watchdog in time, and then the board is reset meanwhile."""
    for _ in range(TRIES):
        done = subprocess.run(
            [SLUICE, "flash", "--board", "virtual", "--port", board.url],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        if done.returncode == 0:
            return
        assert "raceback" not in done.stderr, done.stdout + done.stderr
    raise AssertionError(f"it was reset in each of {TRIES} flashes")


def test_a_board_with_a_watchdog_can_be_flashed(boot: Boot) -> None:
    board = boot(watchdog_ms=1000)
    with console(board) as heard:
        heard.until(b"event=stats")
    for _ in range(2):
        flash_until_it_is_done(board)
    with console(board) as heard:
        heard.until(b"event=stats")


def test_a_board_that_sleeps_keeps_the_rate_of_its_source(boot: Boot) -> None:
    board = boot(source="timer", timer_ms=100, sink="null", light_sleep_ms=500)
    with console(board) as heard:
        heard.until(rb"event=stats up_s=([5-9]|\d\d) [^\n]*\n")
    line = [each for each in heard.heard.splitlines() if b"event=stats" in each][-1]
    up_s, admitted = (int(line.split(key)[1].split()[0]) for key in (b" up_s=", b" admitted="))
    # One every 100 ms, or fewer on a machine that holds it up; more than it can sleep through.
    assert 2 * (up_s + 1) < admitted <= 10 * (up_s + 1)
