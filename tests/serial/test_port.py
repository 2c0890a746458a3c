"""A board's port, opened by one program and shared with others, as threads and as processes."""

import errno
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import serial
import serial.rfc2217

from sluice_tools.errors import UserError
from sluice_tools.serial.port import Port, State
from sluice_tools.serial.sharing import Peer, Rendezvous
from sluice_tools.serial.url import canonical

PATIENCE_S = 120


@pytest.fixture(autouse=True)
def runtime_directory(monkeypatch):
    """A place of its own to meet for each test; tmp_path is too long a path for a socket."""
    with tempfile.TemporaryDirectory(prefix="sluice-") as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield Path(directory) / f"sluice-{os.getuid()}"


class Program:
    """What a program gets from its port."""

    def __init__(self, url):
        self._changed = threading.Condition()
        self.data = b""
        self.states = []
        self.port = Port(url, self._on_data, self._on_state)

    def _on_data(self, data):
        with self._changed:
            self.data += data
            self._changed.notify_all()

    def _on_state(self, state):
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    def until(self, condition):
        with self._changed:
            met = self._changed.wait_for(lambda: condition(self), PATIENCE_S)
            assert met, (self.states, self.data[-100:])


@contextmanager
def program(url):
    running = Program(url)
    running.port.start()
    with closing(running.port):
        yield running


def has(data):
    return lambda it: it.data == data


def is_owner(it):
    return it.states[-1] == State(connected=True, owner=True)


class TcpBoard:
    """A board behind a TCP port, one connection at a time."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(PATIENCE_S)
        self.address = self._server.getsockname()
        self.url = f"socket://127.0.0.1:{self.address[1]}"
        self.connections = 0
        self._line = None

    def accept(self):
        self._line, _ = self._server.accept()
        self._line.settimeout(PATIENCE_S)
        self.connections += 1
        return self

    def send(self, data):
        self._line.sendall(data)

    def receive(self, size):
        data = b""
        while len(data) < size:
            more = self._line.recv(size - len(data))
            assert more, "the board noticed"
            data += more
        return data

    def is_left(self):
        """Waits until the host has closed the line."""
        return self._line.recv(1) == b""

    def hang_up(self):
        if self._line is not None:
            self._line.close()

    def close(self):
        self.hang_up()
        self._server.close()


@pytest.fixture
def board():
    with closing(TcpBoard()) as it:
        yield it


@pytest.fixture
def terminal():
    """A pty: the board's side, and the name of the host's side."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    yield master, name
    os.close(master)


def test_a_device_both_ways(terminal):
    master, name = terminal
    with program(name) as one:
        assert one.states == [State(connected=True, owner=True)]
        os.write(master, b"\x00\x03\x04\r\n\xff")
        one.until(has(b"\x00\x03\x04\r\n\xff"))
        one.port.write(b"\x03\x00\n")
        assert os.read(master, 100) == b"\x03\x00\n"


def test_what_is_written_to_a_port_that_was_left_is_dropped(terminal):
    _, name = terminal
    with program(name) as one:
        one.port.close()
        one.port.write(b"too late")


def test_all_programs_hear_the_board_and_all_can_write_to_it(board):
    with program(board.url) as one, program(board.url) as two, program(board.url) as three:
        board.accept()
        assert [it.states for it in (one, two, three)] == [
            [State(connected=True, owner=True)],
            [State(connected=True, owner=False)],
            [State(connected=True, owner=False)],
        ]
        board.send(b"hello")
        for it in (one, two, three):
            it.until(has(b"hello"))
        for it, data in ((three, b"c"), (one, b"a"), (two, b"b")):
            it.port.write(data)
            assert board.receive(1) == data


def test_writes_of_several_programs_do_not_mix(board):
    with ExitStack() as stack:
        programs = [stack.enter_context(program(board.url)) for _ in range(3)]
        board.accept()
        blocks = {bytes([letter]) * 997: it for letter, it in zip(b"abc", programs, strict=True)}

        def write(block, it):
            for _ in range(100):
                it.port.write(block)

        writers = [threading.Thread(target=write, args=pair) for pair in blocks.items()]
        for writer in writers:
            writer.start()
        counts = dict.fromkeys(blocks, 0)
        for _ in range(300):
            counts[board.receive(997)] += 1
        assert list(counts.values()) == [100, 100, 100]
        for writer in writers:
            writer.join()


def numbered(start, stop):
    return b"".join(b"%07d\n" % number for number in range(start, stop))


def test_when_the_owner_leaves_a_guest_goes_on_and_the_board_does_not_notice(board):
    with program(board.url) as one, program(board.url) as two, program(board.url) as three:
        board.accept()
        sender = threading.Thread(target=board.send, args=(numbered(0, 60_000),))
        sender.start()
        one.until(lambda it: len(it.data) > 100_000)
        one.port.write(b"last words")
        one.port.close()
        assert board.receive(10) == b"last words"
        for it in (two, three):
            it.until(lambda it: len(it.data) == 480_000)
            assert it.data == numbered(0, 60_000)
        sender.join()
        assert sorted(it.states[-1].owner for it in (two, three)) == [False, True]
        two.port.write(b"on")
        three.port.write(b"on")
        assert board.receive(4) == b"onon"
        assert board.connections == 1


OWNER = """
import sys, threading
from sluice_tools.serial.port import Port
port = Port(sys.argv[1], lambda data: None, lambda state: print(state.owner, flush=True))
port.start()
threading.Event().wait()
"""


def test_when_the_owner_is_killed_a_guest_goes_on(board):
    command = [sys.executable, "-c", OWNER, board.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        board.accept()
        assert owner.stdout.readline() == "True\n"
        with program(board.url) as guest, program(board.url) as other:
            assert guest.states == [State(connected=True, owner=False)]
            owner.send_signal(signal.SIGKILL)
            owner.wait()
            board.send(b"still here")
            guest.until(has(b"still here"))
            other.until(has(b"still here"))
            guest.port.write(b"yes")
            assert board.receive(3) == b"yes"
            assert board.connections == 1


def test_the_last_program_to_leave_closes_the_line(board):
    with program(board.url), program(board.url):
        board.accept()
    assert board.is_left()


def test_a_program_that_comes_later_does_not_disturb(board):
    with program(board.url) as one:
        board.accept()
        board.send(b"before")
        one.until(has(b"before"))
        with program(board.url) as two:
            board.send(b"|after")
            two.until(has(b"|after"))
        one.until(has(b"before|after"))
        assert one.states == [State(connected=True, owner=True)]


def test_a_lost_line_is_told_and_opened_again(board):
    with program(board.url) as one, program(board.url) as two:
        board.accept().hang_up()
        for it in (one, two):
            it.until(lambda it: not it.states[-1].connected)
            assert it.states[-1].reason == f"{board.url}: the line was closed"
        board.accept().send(b"back")
        for it in (one, two):
            it.until(has(b"back"))
        assert one.states[-1] == State(connected=True, owner=True)
        assert two.states[-1] == State(connected=True, owner=False)


def test_a_board_that_is_gone_longer_is_tried_again_and_again(board):
    with program(board.url) as one, program(board.url) as two:
        board.accept()
        board.close()
        for it in (one, two):
            it.until(lambda it: it.states[-1].reason == f"{board.url}: nothing listens there")
        one.port.write(b"dropped")
        one.port.close()
        two.until(lambda it: it.states[-1].owner)
        with socket.create_server(board.address) as server:
            server.settimeout(PATIENCE_S)
            line, _ = server.accept()
            with line:
                line.sendall(b"back")
                two.until(has(b"back"))
                two.port.write(b"heard")
                line.settimeout(PATIENCE_S)
                assert line.recv(100) == b"heard"


def test_an_unplugged_device_that_comes_back_under_its_name(tmp_path):
    name = tmp_path / "ttyACM0"
    first, first_end = pty.openpty()
    name.symlink_to(os.ttyname(first_end))
    with program(str(name)) as one, program(str(name)) as two:
        name.unlink()
        os.close(first_end)
        os.close(first)
        one.until(lambda it: it.states[-1].reason == f"{name}: no such port")
        second, second_end = pty.openpty()
        tty.setraw(second_end)
        name.symlink_to(os.ttyname(second_end))
        one.until(is_owner)
        os.write(second, b"again")
        two.until(has(b"again"))
        os.close(second_end)
        os.close(second)


def test_a_program_that_does_not_read_is_left_behind(board):
    with program(board.url) as one:
        board.accept()
        sleeper = Rendezvous(board.url).connect()
        with closing(sleeper):
            board.send(bytes(16 << 20))
            one.until(lambda it: len(it.data) == 16 << 20)
            with pytest.raises(ConnectionError):
                deadline = time.monotonic() + PATIENCE_S
                while time.monotonic() < deadline:
                    sleeper.receive()


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # in pyserial
def test_a_line_that_only_pyserial_can_open():
    server = socket.create_server(("127.0.0.1", 0))
    url = f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
    far = serial.serial_for_url("loop://", timeout=0.05)
    ended = threading.Event()

    def serve():
        connection, _ = server.accept()
        manager = serial.rfc2217.PortManager(far, Locked(connection))

        def answer():
            while not ended.is_set():
                data = far.read(far.in_waiting or 1)
                if data:
                    connection.sendall(b"".join(manager.escape(data)))

        back = threading.Thread(target=answer)
        back.start()
        while data := connection.recv(1024):
            far.write(b"".join(manager.filter(data)))
        ended.set()
        back.join()
        connection.close()

    serving = threading.Thread(target=serve)
    serving.start()
    with program(url) as one, program(url) as two:
        two.port.write(b"\xff\x00echo\r\n")
        for it in (one, two):
            it.until(has(b"\xff\x00echo\r\n"))
    serving.join(PATIENCE_S)
    assert not serving.is_alive()
    server.close()


class Locked:
    """What PortManager calls a connection."""

    def __init__(self, connection):
        self.write = connection.sendall


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("{tmp}/ttyACM9", "{tmp}/ttyACM9: no such port"),
        ("{tmp}", "{tmp}: this is not a serial port"),
        ("/dev/null", "/dev/null: this is not a serial port"),
        ("", ": no such port"),
        ("socket://127.0.0.1:{unused}", "socket://127.0.0.1:{unused}: nothing listens there"),
        ("rfc2217://127.0.0.1:{unused}", "rfc2217://127.0.0.1:{unused}: nothing listens there"),
        ("socket://127.0.0.1", "socket://127.0.0.1: write socket://HOST:PORT, with a PORT"),
        ("socket://127.0.0.1:99999", "socket://127.0.0.1:99999: write socket://HOST:PORT"),
        ("rfc2217://host", "rfc2217://host: write rfc2217://HOST:PORT"),
        ("gopher://host", "gopher://host: invalid URL, protocol 'gopher' not known"),
    ],
)
def test_a_port_that_cannot_be_opened(url, message, tmp_path):
    names = {"tmp": tmp_path, "unused": unused_port()}
    port = Port(url.format(**names), pytest.fail, pytest.fail)
    with closing(port), pytest.raises(UserError) as caught:
        port.start()
    assert caught.value.message.startswith(message.format(**names))
    assert "\n" not in caught.value.message


def test_a_port_that_another_program_holds(terminal):
    _, name = terminal
    with serial.Serial(name, exclusive=True):
        port = Port(name, pytest.fail, pytest.fail)
        with closing(port), pytest.raises(UserError, match="in use by another program"):
            port.start()
    with program(name) as one:
        assert one.states == [State(connected=True, owner=True)]


def test_a_socket_left_behind_by_a_crash_is_no_owner(board, runtime_directory):
    with program(board.url):
        (name,) = [path.name for path in runtime_directory.glob("*.sock")]
    (runtime_directory / name).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(runtime_directory / name))
    with program(board.url) as one, program(board.url) as two:
        assert is_owner(one)
        assert two.states == [State(connected=True, owner=False)]


@contextmanager
def no_descriptors():
    """None is left in this process, which the threads of its ports share."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken[0] + 64, 256), limits[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield taken
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def until_logged(caplog, text):
    deadline = time.monotonic() + PATIENCE_S
    while text not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_owner_without_descriptors_goes_on_and_welcomes_the_guest_later(
    board, runtime_directory, caplog
):
    with program(board.url) as owner, closing(socket.socket(socket.AF_UNIX)) as connection:
        board.accept()
        (meeting,) = runtime_directory.glob("*.sock")
        with no_descriptors():
            connection.connect(str(meeting))
            until_logged(caplog, "Too many open files; trying again")
            board.send(b"on")
            owner.until(has(b"on"))
        guest = Peer(connection)
        deadline = time.monotonic() + PATIENCE_S
        while not (messages := guest.receive()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert messages[0] == (b"o", b"")
        guest.close()
        assert caplog.text.count("trying again") == 1


def test_a_guest_that_the_system_refuses_something_takes_over_later(board, caplog, monkeypatch):
    refusals = [OSError(errno.EMFILE, "Too many open files"), OSError(errno.ENOLCK, "No locks")]
    try_own = Rendezvous.try_own

    def refused(self):
        if refusals:
            raise refusals.pop()
        return try_own(self)

    with program(board.url) as one, program(board.url) as two:
        board.accept()
        monkeypatch.setattr(Rendezvous, "try_own", refused)
        one.port.close()
        two.until(is_owner)
        board.send(b"still here")
        two.until(has(b"still here"))
    assert "No locks; trying again" in caplog.text and "Too many open files" in caplog.text


def test_an_ownership_for_which_there_is_no_socket_is_nobodys(board):
    meeting = Rendezvous(board.url)
    with no_descriptors() as taken:
        os.close(taken.pop())  # the one for the lock
        with pytest.raises(OSError, match="Too many open files"):
            meeting.try_own()
    listener = meeting.try_own()
    assert listener is not None
    meeting.leave(listener)


def test_a_port_for_which_there_is_no_descriptor_is_told(board):
    it = Program(board.url)
    with no_descriptors(), pytest.raises(UserError, match="Too many open files"):
        it.port.start()
    with program(board.url):
        board.accept()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_port_whose_program_raises_is_free_for_others(board):
    states = []

    def on_data(data):
        raise ValueError(data)

    broken = Port(board.url, on_data, states.append)
    broken.start()
    with closing(broken):
        board.accept().send(b"x")
        broken._thread.join(PATIENCE_S)
        assert states[-1].reason == "its thread has ended"
        with program(board.url) as one:
            board.accept()
            one.until(is_owner)


def test_nobody_else_can_enter_the_meeting_place(board, runtime_directory):
    with program(board.url):
        assert runtime_directory.stat().st_mode & 0o777 == 0o700
    runtime_directory.chmod(0o755)
    with pytest.raises(UserError, match=re.escape(f"{runtime_directory}: ") + ".*chmod 700"):
        Port(board.url, pytest.fail, pytest.fail).start()


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        ("{own}/none", "cannot make the directory .* No such file or directory"),
        ("{own}/" + 99 * "x", "too long a path"),
    ],
)
def test_a_meeting_place_that_cannot_be_made(directory, message, runtime_directory, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", directory.format(own=runtime_directory.parent))
    with pytest.raises(UserError, match=message):
        Port("/dev/null", pytest.fail, pytest.fail).start()


def test_names_of_the_same_port(tmp_path):
    device = tmp_path / "ttyUSB0"
    device.touch()
    link = tmp_path / "by-id"
    link.symlink_to(device)
    assert canonical(str(link)) == canonical(f"{tmp_path}/./ttyUSB0") == str(device.resolve())
    assert canonical("SOCKET://LocalHost:99/") == canonical("socket://127.0.0.1:99")
    assert canonical("socket://localhost.example:99") == "socket://localhost.example:99"
