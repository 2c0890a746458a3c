"""`sluice console` as a real process: on a made-up board that the test speaks for, and on a real
MicroPython that runs the firmware.
"""

import csv
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

SLUICE = Path(sys.executable).with_name("sluice")
PROJECT = Path(__file__).parents[2]
PATIENCE_S = 120

STATS = (
    "event=stats up_s={up_s} qps=498 mean_qps=497.12 admitted=5970 denied=5800 load=0.42 depth=31"
    " limit=64 high_water=64 capacity=64 tokens=0 rate=500 per_ms=1000 burst=10 cost=record"
    " rejected=0 overwritten=0 failed=0 shed=0 retried=0 bad_frames=0 strays=0"
    " p50_ms=61 p95_ms=64 p99_ms=-1\r\n"
)
PLAIN = (
    "up 0:00:{up_s:02}  qps 498 (mean 497.12, rate 500/s)  depth 31/64  tokens 0/10"
    "  p50/p95/p99 61/64/- ms  admitted 5970 denied 5800 retried 0"
    "  rejected 0 overwritten 0 failed 0 shed 0  load 0.42"
)


def until(condition, what):
    """Waits for a true result of `condition` and returns it."""
    end = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < end, f"waited in vain for {what()}"
        time.sleep(0.01)
    return result


class MadeUpBoard:
    """A board behind a TCP port: says what the test says, to one client at a time."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(PATIENCE_S)
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._client = None

    def say(self, text):
        if self._client is None:
            self._client, _ = self._server.accept()
        self._client.sendall(text.encode())

    def hang_up(self):
        if self._client is not None:
            self._client.close()
        self._client = None

    def close(self):
        self.hang_up()
        self._server.close()


@pytest.fixture
def board() -> Iterator[MadeUpBoard]:
    made_up = MadeUpBoard()
    yield made_up
    made_up.close()


class Console:
    """A console without a terminal, whose lines are read as they come."""

    def __init__(self, url, *options):
        self.process = subprocess.Popen(
            [SLUICE, "console", "--port", url, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=pair)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, lines):
        with stream:
            for line in stream:
                lines.append(line.rstrip("\n"))

    def until(self, condition):
        until(lambda: condition(self), lambda: f"the right lines; there are {self.out} {self.err}")

    def connected(self):
        self.until(lambda console: any("connected" in line for line in console.err))

    def end(self, sign=signal.SIGINT):
        """Ends it by a signal and returns the exit status."""
        self.process.send_signal(sign)
        return self.wait()

    def wait(self):
        status = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return status


@contextmanager
def console(url, *options):
    running = Console(url, *options)
    try:
        yield running
    finally:
        running.process.kill()
        running.wait()


def test_without_a_terminal_it_is_plain_and_ctrl_c_ends_it(board):
    with console(board.url) as running:
        board.say("hello\r\n")
        running.until(lambda it: it.out == ["hello"])
        board.say(STATS.format(up_s=12) + "bell\x07 \x1b[2J[b]\r\n")
        expected = ["hello", PLAIN.format(up_s=12), r"bell\x07 \x1b[2J[b]"]
        running.until(lambda it: it.out == expected)
        assert running.end() == 0
        assert running.err == [f"{board.url}: connected"]


def test_json_has_one_object_a_line_and_tells_of_a_lost_board(board):
    with console(board.url, "--json") as running:
        board.say("hello\n" + STATS.format(up_s=12))
        running.until(lambda it: len(it.out) == 3)
        board.hang_up()
        board.say(STATS.format(up_s=1))
        running.until(lambda it: len(it.out) == 6)
        assert running.end() == 0
        objects = [json.loads(line) for line in running.out]
    kinds = [entry["event"] for entry in objects]
    assert kinds == ["connected", "text", "stats", "gone", "connected", "stats"]
    assert [entry["up_s"] for entry in objects if entry["event"] == "stats"] == [12, 1]
    assert objects[2]["p99_ms"] is None
    assert objects[3]["reason"] == "the line was closed"
    assert running.err == [
        f"{board.url}: connected",
        f"{board.url}: gone, the line was closed; trying again",
        f"{board.url}: connected",
    ]


def test_teleplot_lines(board):
    with console(board.url, "--teleplot") as running:
        board.say(">>> x:1\n" + STATS.format(up_s=12))
        running.until(lambda it: it.out and it.out[-1].startswith(">p95_ms:"))
        assert running.end() == 0
    text, *values = running.out
    assert text == " >>> x:1"
    assert len(values) == 23
    name, milliseconds, value = values[1].split(":")
    assert (name, value) == (">qps", "498")
    assert abs(int(milliseconds) / 1000 - time.time()) < 600


def rows(path):
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [(row["up_s"], row["qps"], row["p99_ms"]) for row in csv.DictReader(file)]


def test_csv_is_written_while_it_runs_in_any_mode(board, tmp_path):
    path = tmp_path / "stats.csv"
    with console(board.url, "--json", "--csv", str(path)) as running:
        for up_s in range(3):
            board.say(STATS.format(up_s=up_s))
        expected = [(str(up_s), "498", "") for up_s in range(3)]
        until(lambda: rows(path) == expected, lambda: rows(path))
        assert running.end() == 0
    assert rows(path) == expected


def test_reader_that_goes_away_ends_it_without_a_traceback(board):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [SLUICE, "console", "--port", board.url],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    board.say("a line\n")
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert errors == f"{board.url}: connected\n"


def test_two_consoles_watch_one_board(board):
    with console(board.url) as first:
        board.say("one\n")
        first.until(lambda it: it.out == ["one"])
        with console(board.url) as second:
            second.connected()
            board.say("two\n")
            second.until(lambda it: it.out == ["two"])
            first.until(lambda it: it.out == ["one", "two"])


BAD_CALLS = [
    ((), 2, "Missing option '--port'"),
    (("--port", "socket://127.0.0.1:1", "--plain", "--json"), 2, "exclude each other"),
    (("--port", "socket://127.0.0.1:1"), 1, "socket://127.0.0.1:1: nothing listens there"),
    (
        ("--port", "/nowhere/tty"),
        1,
        "/nowhere/tty: no such port; `sluice doctor` tells which ports there are",
    ),
    (("--port", "localhost:1"), 1, "localhost:1: no such port; for a TCP port write socket://loc"),
    (("--port", "/nowhere/tty", "--csv", "/nowhere/x.csv"), 1, "/nowhere/x.csv: cannot be written"),
]


@pytest.mark.parametrize(("options", "status", "message"), BAD_CALLS)
def test_bad_calls_end_in_one_clear_line(options, status, message):
    done = subprocess.run(
        [SLUICE, "console", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == status
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


class Terminal:
    """A console on a terminal of its own."""

    def __init__(self, url, *options):
        self._fd, its_fd = pty.openpty()
        self.process = subprocess.Popen(
            [SLUICE, "console", "--port", url, *options],
            stdin=its_fd,
            stdout=its_fd,
            stderr=its_fd,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        )
        os.close(its_fd)
        self.shown = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while True:
            try:
                self.shown += os.read(self._fd, 65536)
            except OSError:  # how a terminal tells that its program has ended
                return

    def shows(self, text):
        until(lambda: text in self.shown, lambda: f"{text!r} in {self.shown!r}")

    def press(self, key):
        os.write(self._fd, key)

    def close(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._fd)


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_on_a_terminal_it_is_a_screen_and_leaves_the_terminal_as_it_was(board, tmp_path, key):
    path = tmp_path / "stats.csv"
    with closing(Terminal(board.url, "--csv", str(path))) as terminal:
        board.say("hello from the board\n" + STATS.format(up_s=12))
        terminal.shows(b"hello from the board")
        terminal.shows(b"connected")
        until(lambda: rows(path) == [("12", "498", "")], lambda: rows(path))
        terminal.press(key)
        assert terminal.process.wait(PATIENCE_S) == 0
    enters, leaves = b"\x1b[?1049h", b"\x1b[?1049l"
    assert terminal.shown.count(enters) == terminal.shown.count(leaves) == 1
    assert terminal.shown.index(enters) < terminal.shown.index(leaves)
    assert b"Traceback" not in terminal.shown


def boot(vboard):
    """Puts the firmware on the board and starts it."""
    flash = Path(vboard.flash_dir)
    shutil.copytree(PROJECT / "firmware" / "sluice", flash / "sluice")
    shutil.copy(PROJECT / "firmware" / "main.py", flash)
    shutil.copy(PROJECT / "boards" / "virtual" / "board.py", flash)
    settings = json.loads((PROJECT / "firmware" / "config.json").read_text())
    (flash / "config.json").write_text(json.dumps(settings | {"stats_ms": 200}))
    vboard.reset()


def test_real_board_is_watched_through_a_reset(vboard, tmp_path):
    boot(vboard)
    path = tmp_path / "stats.csv"
    with console(vboard.url, "--json", "--csv", str(path)) as running:

        def uptimes():
            objects = [json.loads(line) for line in running.out]
            return [entry["up_s"] for entry in objects if entry["event"] == "stats"]

        until(lambda: max(uptimes(), default=0) >= 1, lambda: running.out)
        vboard.reset()
        before = len(uptimes())
        until(lambda: 0 in uptimes()[before:], lambda: running.out)
        assert running.end() == 0
    assert [int(up_s) for up_s, _, _ in rows(path)] == uptimes()
