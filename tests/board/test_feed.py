"""`sluice feed` as a real process: on a real MicroPython that runs the firmware, and on a made-up
board for what a good one does not do.
"""

import ctypes
import gzip
import json
import os
import pty
import random
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing
from io import BytesIO

import pytest
from feeding import PATIENCE_S, SLUICE, feed, finish, start_feed
from wire import apart, contents, delivered, deliveries, frame

from sluice_tools.board.feed import feed as feed_module
from sluice_tools.board.feed import feeder as feeder_module
from sluice_tools.board.feed.arrivals import read_lines
from sluice_tools.board.feed.feed import GONE_S
from sluice_tools.board.feed.feeder import Feeder
from sluice_tools.errors import UserError
from sluice_tools.serial.ack_pb2 import AckRequest
from sluice_tools.serial.frames import Frame, LineReader
from sluice_tools.serial.port import Port


def access_log(path, count, seed=1):
    """A combined log of that many requests in bursts, within 40 s."""
    chance = random.Random(seed)
    seconds = sorted(chance.choice((3, 4, 17, chance.randrange(40))) for _ in range(count))
    path.write_text(
        "".join(
            f"192.0.2.{chance.randrange(256)} - - [17/May/2015:10:05:{second:02} +0000] "
            f'"GET /{number} HTTP/1.1" 200 {chance.randrange(50_000)} "-" "feed"\n'
            for number, second in enumerate(seconds)
        )
    )
    return path


MOST_IN_A_SECOND = 500 + 10 + 1


class Listener:
    """Another program at the same port, which counts what the board delivers."""

    def __init__(self, url):
        self._changed = threading.Condition()
        self._delivered = set()  # sequence numbers: a delivery may be repeated
        self._reader = LineReader()
        self.port = Port(url, self._on_data, lambda _: None)
        self.port.start()

    def _on_data(self, data):
        with self._changed:
            items = self._reader.feed(data)
            heard = [item.content for item in items if isinstance(item, Frame)]
            self._delivered |= {seq for seq, *_ in deliveries(heard)}
            self._changed.notify_all()

    def until_delivered(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._delivered) >= count, PATIENCE_S)

    def close(self):
        self.port.close()


def test_a_log_as_fast_as_the_board_takes_it(boot, tmp_path):
    board = boot(slot_size=32)
    log = access_log(tmp_path / "access.log", 1500)
    with log.open("a") as more:
        more.write("not a request\n\n")
    status, account, errors = feed(board.url, log, "--asap")
    assert (status, account["lost"], account["delivered"]) == (0, 0, 1500)
    assert (account["read"], account["malformed"]) == (1502, 2)
    assert account["malformed_lines"] == ["line 1501: no request", "line 1502: empty"]
    assert (account["sent"], account["cut"], account["record_size"]) == (1500, 1500, 32)
    assert (account["counted"], account["out_of_order"], account["damaged"]) == ("delivered", 0, 0)
    # Five hundred a second and a burst of ten, by the board's own clock; one more may be held up
    # between its grant and its tick.
    assert account["worst_second"] <= MOST_IN_A_SECOND
    assert account["mean_qps"] <= 1500 / ((1500 - 10) / 500)
    assert 0 < account["p50_ms"] <= account["p95_ms"] <= account["p99_ms"]
    assert [line for line in errors.splitlines() if not line.startswith("board: event=")] == []


def test_a_csv_at_its_own_speed(boot, tmp_path):
    board = boot(rate=None)
    log = tmp_path / "readings.csv"
    log.write_text("when,value\n" + "".join(f"{at / 10},{at}\n" for at in range(40)))
    begun = time.monotonic()
    status, account, _ = feed(board.url, log, "--time-column", "when", "--speed", "2")
    assert (status, account["delivered"], account["lost"]) == (0, 40, 0)
    assert time.monotonic() - begun > 3.9 / 2  # never sooner


def test_a_board_that_is_reset_in_the_middle_loses_nothing(boot, tmp_path):
    board = boot()
    log = access_log(tmp_path / "access.log", 1500)
    with closing(Listener(board.url)) as listener:
        process = start_feed(board.url, log, "--asap", "--json")
        listener.until_delivered(300)
        board.reset()
        status, account, _ = finish(process)
    assert (status, account["lost"], account["delivered"]) == (0, 0, 1500)
    assert (account["resets"], account["out_of_order"]) == (1, 0)
    assert account["worst_second"] <= MOST_IN_A_SECOND


def test_a_console_that_had_the_port_first_leaves_it_in_the_middle(boot, tmp_path):
    board = boot()
    log = access_log(tmp_path / "access.log", 1500)
    console = subprocess.Popen(
        [SLUICE, "console", "--plain", "--port", board.url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not console.stdout.readline().startswith("up "):
        pass
    process = start_feed(board.url, log, "--asap", "--json")
    with closing(Listener(board.url)) as listener:
        listener.until_delivered(300)
        console.send_signal(signal.SIGINT)
        console.communicate(timeout=PATIENCE_S)
        status, account, _ = finish(process)
    assert console.returncode == 0
    assert (status, account["lost"], account["delivered"]) == (0, 0, 1500)
    assert (account["resets"], account["out_of_order"]) == (0, 0)


def test_a_feed_that_was_ended_goes_on_with_its_bookmark(boot, tmp_path):
    board = boot(rate=200)
    log = access_log(tmp_path / "access.log", 900)
    options = ["--asap", "--resume", tmp_path / "bookmark"]
    with closing(Listener(board.url)) as listener:
        process = start_feed(board.url, log, "--json", *options)
        listener.until_delivered(100)
        process.send_signal(signal.SIGINT)
        _, first, _ = finish(process)
    assert 100 <= first["sent"] < 900
    status, second, _ = feed(board.url, log, *options)
    # A feed that is ended waits some time for what is under way; the next one begins behind it.
    resumed = second["resumed"]
    assert first["sent"] - first["under_way"] >= resumed >= 1
    assert first["under_way"] or resumed == first["sent"]
    assert (status, second["lost"], second["delivered"]) == (0, 0, 900 - resumed)
    status, third, _ = feed(board.url, log, *options)
    assert (status, third["sent"], third["resumed"]) == (0, 0, 900)


def test_a_feed_of_several_logs_goes_on_after_they_were_rotated(boot, tmp_path):
    board = boot(rate=200)
    lines = access_log(tmp_path / "all", 900).read_bytes().splitlines(keepends=True)
    old, new = tmp_path / "access.log.1", tmp_path / "access.log"
    old.write_bytes(b"".join(lines[:300]))
    new.write_bytes(b"".join(lines[300:800]))
    options = ["--asap", "--resume", tmp_path / "bookmark"]
    with closing(Listener(board.url)) as listener:
        process = start_feed(board.url, old, new, "--json", *options)
        listener.until_delivered(400)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    older = tmp_path / "access.log.2.gz"
    older.write_bytes(gzip.compress(old.read_bytes()))
    new.rename(old)
    new.write_bytes(b"".join(lines[800:]))
    status, account, _ = feed(board.url, older, old, new, *options)
    assert (status, account["read"], account["lost"]) == (0, 900, 0)
    assert account["resumed"] >= 300
    assert account["resumed"] + account["delivered"] == 900
    status, account, errors = feed(board.url, old, new, *options)
    assert (status, "the bookmark of another log, whose first record" in errors) == (1, True)


@pytest.mark.parametrize("sign, ended", [(signal.SIGINT, 130), (signal.SIGTERM, 1)])
def test_ctrl_c_ends_it_with_the_account_so_far(boot, tmp_path, sign, ended):
    board = boot(rate=200)
    log = access_log(tmp_path / "access.log", 5000)
    with closing(Listener(board.url)) as listener:
        process = start_feed(board.url, log, "--asap", "--json")
        listener.until_delivered(100)
        process.send_signal(sign)
        status, account, errors = finish(process)
    assert status == ended
    assert 100 <= account["delivered"] <= account["sent"] < 5000
    assert account["delivered"] + account["under_way"] == account["sent"]
    assert account["lost"] == 0
    told = [line for line in errors.splitlines() if line and not line.startswith("board: ")]
    assert told == ["Interrupted."] * (ended == 130)


def test_ctrl_c_does_not_wait_for_a_slow_board(boot, tmp_path):
    board = boot(rate=1, per_ms=60_000, burst=1)
    log = access_log(tmp_path / "access.log", 500)
    with closing(Listener(board.url)) as listener:
        process = start_feed(board.url, log, "--asap", "--json")
        listener.until_delivered(1)
        process.send_signal(signal.SIGINT)
        status, account, _ = finish(process)
    assert (status, account["delivered"], account["lost"]) == (130, 1, 0)
    assert account["under_way"] == account["sent"] - 1 > 0


def test_a_feed_that_was_not_run_for_long_reads_what_came_before_it_gives_the_board_up(
    boot, monkeypatch
):
    """As after Ctrl-Z and `fg`: the board has spoken all the time, and nobody has read it."""

    def slow_port(url, on_data, on_state):
        def late(data):
            time.sleep(0.02)
            on_data(data)

        return Port(url, late, on_state)

    monkeypatch.setattr(feeder_module, "Port", slow_port)
    monkeypatch.setattr(feed_module, "GONE_S", 15.0)
    board = boot(rate=50)
    moving, errors = threading.Event(), []
    lines = read_lines(BytesIO(b"a line\n" * 100))
    feeder = Feeder(lines, board.url, float("inf"), print, lambda _, n: n >= 10 and moving.set())

    def run():
        try:
            feeder.run()
        except UserError as error:
            errors.append(error)

    feeding = threading.Thread(target=run)
    feeding.start()
    assert moving.wait(PATIENCE_S)
    ctypes.PyDLL(None).sleep(18)  # with the interpreter's lock: no thread of this process runs
    feeding.join(PATIENCE_S)
    assert errors == []
    assert feeder.account().delivered == 100


def test_a_feed_that_was_stopped_for_longer_than_a_board_may_be_silent_goes_on(boot, tmp_path):
    board = boot(rate=50)
    with closing(Listener(board.url)) as listener:
        process = start_feed(board.url, access_log(tmp_path / "log", 200), "--asap", "--json")
        listener.until_delivered(20)
        process.send_signal(signal.SIGSTOP)
        time.sleep(GONE_S + 1)  # of the feed: nothing tells the test of it
        process.send_signal(signal.SIGCONT)
        status, account, errors = finish(process)
    assert (status, account["lost"], account["delivered"]) == (0, 0, 200), errors


def test_another_log_is_not_taken_for_the_rest_of_the_one_before(boot, tmp_path):
    board = boot(sink="null")
    options = ["--asap", "--resume", tmp_path / "bookmark"]
    log = tmp_path / "log.csv"
    head = "time,name\n"
    log.write_text(head + "".join(f"{n},old {n}\n" for n in range(5)))
    assert feed(board.url, log, *options)[0] == 0
    log.write_text(head + "".join(f"{n},new {n}\n" for n in range(8)))
    status, _, errors = feed(board.url, log, *options)
    assert (status, "the bookmark of another log, whose first record" in errors) == (1, True)
    log.write_text(head + "".join(f"{n},old {n}\n" for n in range(3)))
    status, _, errors = feed(board.url, log, *options)
    assert (status, "5 records were acknowledged and this log has 3" in errors) == (1, True)


def test_a_log_whose_reading_fails_in_any_way_ends_the_feed(boot):
    def arrivals():
        yield from read_lines(BytesIO(b"a line\n"))
        raise ValueError("not to be read")

    feeder = Feeder(arrivals(), boot().url, float("inf"), print, lambda *_: None)
    with pytest.raises(ValueError, match="not to be read"):
        feeder.run()


def test_lines_on_the_standard_input(boot):
    board = boot(sink="null")
    process = start_feed(board.url, "-", stdin=subprocess.PIPE)
    out, _ = process.communicate("one\ntwo\n\nthree", timeout=PATIENCE_S)
    assert process.returncode == 0
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["read", "4"] and rows[2] == ["sent", "3"]
    assert " ".join(rows[1]) == "malformed 1 line 3: empty"
    assert rows[3][:2] == ["delivered", "3"]
    assert "acknowledged by the board, whose sink does not report back" in out


def test_a_board_that_takes_no_records(boot, tmp_path):
    board = boot(source="timer")
    status, account, errors = feed(board.url, access_log(tmp_path / "log", 3), "--asap")
    assert (status, account) == (1, None)
    assert errors.splitlines()[-1] == (
        f"Error: {board.url}: the board takes no records: its source is not the link"
    )


def test_a_board_that_runs_something_else(vboard, tmp_path):
    status, account, errors = feed(vboard.url, access_log(tmp_path / "log", 3), "--asap")
    assert (status, account) == (1, None)
    error = errors.splitlines()[-1]
    assert error.startswith(f"Error: {vboard.url}: no answer for 5 s: is Sluice running on the")
    assert error.endswith(f"`sluice doctor --port {vboard.url}` tells what to do")
    lines = errors.splitlines()
    assert len(lines) == len(set(lines))  # the REPL's echo of each HELLO is told once


class MadeUpBoard:
    """A board behind a TCP port that says what the test says.

    Whatever it is asked on a slow machine, because it was silent, it answers by itself.
    """

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(PATIENCE_S)
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._unread = b""
        self._heard = []

    def greet(self, capacity=8):
        """Answers the first HELLO; the sequence number of the first record."""
        hello = self.accept()
        self._session = int.from_bytes(hello[3:6], "little")
        self._expected = base = int.from_bytes(hello[6:9], "little")
        self._welcome(hello)
        self.acknowledge(base, capacity)
        return base

    def accept(self):
        """Waits for the host; its first HELLO."""
        self._line, _ = self._server.accept()
        self._line.settimeout(PATIENCE_S)
        return self._next()

    def hear(self):
        """The next RECORD that it did not have before."""
        while True:
            content = self._next()
            if content[0] == 0x81:
                self._welcome(content)
                self.acknowledge(*self._acknowledged)
            elif int.from_bytes(content[1:4], "little") == self._expected:
                self._expected = (self._expected + 1) % (1 << 24)
                return content

    def _welcome(self, hello):
        """Says where it stands."""
        place = hello[1:6] + self._expected.to_bytes(3, "little")
        self.say(b"\x91" + place + bytes([64]) + (1000).to_bytes(3, "little"))

    def _next(self):
        """The next HELLO or record."""
        while not self._heard:
            data = self._line.recv(65536)
            assert data, "the feed has hung up"
            whole, zero, self._unread = (self._unread + data).rpartition(b"\0")
            heard = contents(whole + zero, from_host=True)
            self._heard += apart(content for content in heard if content[0] in (0x81, 0x82))
        return self._heard.pop(0)

    def say(self, content):
        self._line.sendall(frame(content))

    def print(self, text):
        self._line.sendall(text.encode())

    def acknowledge(self, processed, capacity=8, given_up=0):
        self._acknowledged = processed, capacity, given_up
        ack = AckRequest(
            processed_count=processed % (1 << 24),
            available_capacity=capacity,
            given_up=given_up,
            session=self._session,
        )
        self.say(b"\x92" + ack.SerializeToString())

    def deliver(self, record, tick=0):
        self.say(delivered(int.from_bytes(record[1:4], "little"), record[5:], tick=tick))

    def close(self):
        self._line.close()
        self._server.close()


@pytest.fixture
def made_up():
    with closing(MadeUpBoard()) as board:
        yield board


def test_each_line_is_sent_as_it_comes(made_up):
    process = start_feed(made_up.url, "-", "--json", stdin=subprocess.PIPE)
    base = made_up.greet()
    for number, word in enumerate(("one", "two", "three")):
        process.stdin.write(word + "\n")
        process.stdin.flush()
        assert made_up.hear()[5:] == word.encode()
        made_up.acknowledge(base + number + 1)
    status, account, _ = finish(process)
    assert (status, account["counted"], account["delivered"]) == (0, "acknowledged", 3)


def test_a_line_of_a_pipe_with_times_is_sent_as_it_comes(made_up, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = start_feed(made_up.url, tmp_path / "pipe", "--json", "--record-key", "msg")
    with open(tmp_path / "pipe", "wb", buffering=0) as pipe:
        pipe.write(b'{"ts":100,"msg":"one"}\n')
        base = made_up.greet()
        assert made_up.hear()[5:] == b"one"
        made_up.acknowledge(base + 1)
        pipe.write(b'{"ts":100.5,"msg":"two"}\r\n')
        assert made_up.hear()[5:] == b"two"
        made_up.acknowledge(base + 2)
    status, account, _ = finish(process)
    assert (status, account["delivered"], account["malformed"]) == (0, 2, 0)


def test_the_line_of_a_live_pipe_is_sent_when_only_its_record_is_wanted(made_up):
    process = start_feed(made_up.url, "-", "--json", "--record-key", "b", stdin=subprocess.PIPE)
    process.stdin.write("a,b\n1,one\n")
    process.stdin.flush()
    base = made_up.greet()
    assert made_up.hear()[5:] == b"one"
    made_up.acknowledge(base + 1)
    status, account, _ = finish(process)
    assert (status, account["read"], account["delivered"]) == (0, 1, 1)


def test_what_could_be_read_of_a_damaged_log_is_sent_before_it_is_told(boot, tmp_path):
    whole = access_log(tmp_path / "access.log", 300).read_bytes()
    log = tmp_path / "access.log.gz"
    log.write_bytes(gzip.compress(whole)[:-4])
    status, account, errors = feed(boot().url, log, "--asap")
    assert (status, account["delivered"], account["lost"]) == (1, 300, 0)
    assert errors.splitlines()[-1].startswith(
        f"Error: {log}: cannot be read after line 300: Compressed file ended"
    )


def test_ctrl_c_while_it_waits_for_the_standard_input(made_up):
    process = start_feed(made_up.url, "-", "--json", stdin=subprocess.PIPE)
    base = made_up.greet()
    process.stdin.write("one\n")
    process.stdin.flush()
    made_up.hear()
    made_up.acknowledge(base + 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert json.loads(process.stdout.read())["delivered"] == 1
    assert process.stderr.read() == ""
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def test_an_acknowledged_record_that_never_comes_back_is_lost(made_up, tmp_path):
    log = access_log(tmp_path / "log", 3)
    process = start_feed(made_up.url, log, "--asap", "--json")
    base = made_up.greet()
    records = [made_up.hear() for _ in range(3)]
    made_up.deliver(records[0])
    made_up.deliver(records[2])
    made_up.acknowledge(base + 3)
    status, account, _ = finish(process)
    assert (status, account["sent"], account["delivered"], account["lost"]) == (1, 3, 2, 1)


def test_records_that_the_board_gives_up_are_lost(made_up, tmp_path):
    process = start_feed(made_up.url, access_log(tmp_path / "log", 3), "--asap", "--json")
    base = made_up.greet()
    for _ in range(3):
        made_up.hear()
    made_up.print("event=given_up bytes=60\r\nOSError: no modem\r\n")
    made_up.acknowledge(base + 3, given_up=1)
    status, account, errors = finish(process)
    assert (status, account["counted"]) == (1, "acknowledged")
    assert (account["delivered"], account["lost"], account["given_up"]) == (2, 1, 1)
    assert errors == "board: OSError: no modem\n"


def test_a_board_with_another_version_of_the_link_is_told_in_one_line(made_up, tmp_path):
    process = start_feed(made_up.url, access_log(tmp_path / "log", 3), "--asap", "--json")
    made_up.accept()
    made_up.say(b"\x91\x24")
    status, account, errors = finish(process)
    assert (status, account) == (1, None)
    assert errors == (
        f"Error: {made_up.url}: the board speaks version 24 of the link, this sluice version 23: "
        "flash the board with this sluice\n"
    )


def test_another_feed_that_takes_the_board_ends_this_one(made_up, tmp_path):
    process = start_feed(made_up.url, access_log(tmp_path / "log", 30), "--asap", "--json")
    made_up.greet(capacity=1)
    made_up.hear()
    made_up.say(b"\x91\x23\x09\x01\x02\x03\0\0\0" + bytes([64]) + (1000).to_bytes(3, "little"))
    status, account, errors = finish(process)
    assert (status, account["sent"], account["lost"]) == (1, 1, 1)
    expected = f"Error: {made_up.url}: another program has begun to feed this board\n"
    assert errors == expected


def test_a_progress_bar_on_a_terminal(made_up, tmp_path):
    screen, its_screen = pty.openpty()
    process = start_feed(
        made_up.url, access_log(tmp_path / "log", 2), "--asap", "--json", stderr=its_screen
    )
    os.close(its_screen)
    base = made_up.greet()
    for number in range(2):
        made_up.deliver(made_up.hear(), tick=number)
    made_up.acknowledge(base + 2)
    shown = b""
    while True:
        try:
            shown += os.read(screen, 65536)
        except OSError:  # how a terminal tells that its program has ended
            break
    status, account, _ = finish(process)
    assert (status, account["delivered"]) == (0, 2)
    assert "━".encode() in shown
    assert b"2 delivered" in shown
    os.close(screen)


LOG = "{tmp}/access.log"
NOWHERE = "socket://127.0.0.1:1"
BAD_CALLS = [
    ([LOG], 2, "Missing option '--port'"),
    (["{tmp}/none", "-p", NOWHERE], 2, "does not exist"),
    (["{tmp}", "-p", NOWHERE], 2, "is a directory"),
    ([LOG, "-p", NOWHERE, "--speed", "2", "--asap"], 2, "--speed and --asap exclude each other"),
    ([LOG, "-p", NOWHERE, "--speed", "0"], 2, "--speed: must be above 0"),
    ([LOG, "-p", NOWHERE, "--speed", "nan"], 2, "--speed: must be above 0"),
    (["-", "-p", NOWHERE, "--speed", "2"], 2, "have no times"),
    (["-", "-p", NOWHERE, "--resume", "{tmp}/mark"], 2, "no --resume"),
    ([LOG, "-p", NOWHERE, "--resume", LOG], 1, "not the bookmark of a feed"),
    (["-", "-p", NOWHERE, "--time-column", "t"], 2, "have no times"),
    (["-", "-p", NOWHERE, "--time-key", "t"], 2, "/dev/stdin instead of - is read with its times"),
    (["-", "-p", NOWHERE, "--longest-gap", "5s"], 2, "have no times"),
    (["-", LOG, "-p", NOWHERE], 2, "not fed together with other logs"),
    ([LOG, "-p", NOWHERE, "--asap", "--longest-gap", "5s"], 2, "exclude each other"),
    ([LOG, "-p", NOWHERE, "--longest-gap", "0s"], 2, "'0s' is not a time above 0, as 500ms, 5s"),
    ([LOG, "-p", NOWHERE, "--longest-gap", "soon"], 2, "'soon' is not a time above 0"),
    ([LOG, "-p", NOWHERE, "--time-key", "t", "--time-column", "t"], 2, "exclude each other"),
    ([LOG, "-p", NOWHERE, "--time-key", "a.t"], 1, 'JSON with a time at "a.t"'),
    ([LOG, "-p", NOWHERE, "--record-key", "a"], 1, "line 1 is of an access log or of syslog"),
    ([LOG, __file__, "-p", NOWHERE], 1, "test_feed.py: lines 1 to 100 are neither an access"),
    ([LOG, "-p", NOWHERE, "--time-column", "t"], 1, 'line 1 names no column "t"'),
    ([__file__, "-p", NOWHERE], 1, "neither an access log"),
    ([LOG, "-p", NOWHERE], 1, f"{NOWHERE}: nothing listens there"),
    (["-", "-p", "/nowhere/tty"], 1, "/nowhere/tty: no such port"),
]


@pytest.mark.parametrize(("arguments", "status", "message"), BAD_CALLS)
def test_bad_calls_end_in_one_clear_line(arguments, status, message, tmp_path):
    access_log(tmp_path / "access.log", 3)
    done = subprocess.run(
        [SLUICE, "feed", *(argument.format(tmp=tmp_path) for argument in arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == status
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
