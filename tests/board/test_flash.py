"""`sluice flash` as a real process against the virtual board, also cut off in the middle."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import serial

from sluice_tools.board.flash import release
from sluice_tools.board.flash.device import Device, connect
from sluice_tools.board.flash.plan import Content
from sluice_tools.errors import UserError
from sluice_tools.vboard import VirtualBoard

SLUICE = Path(sys.executable).with_name("sluice")
DEADLINE_S = 120
SETTLE = b"settle([("  # what the board is told when a file is there: verify it, rename it


def write_firmware(folder: Path, word: str) -> Path:
    """Firmware whose every file says the word, and whose main.py prints what each says."""
    (folder / "sluice").mkdir(parents=True)
    says = f"WORD = {word!r}\n"
    (folder / "sluice" / "__init__.py").write_text("")
    (folder / "sluice" / "one.py").write_text(says)
    (folder / "sluice" / "two.py").write_text(f"PAD = {word * 1500!r}\n{says}")
    (folder / "main.py").write_text(
        f"import board\nfrom sluice import one, two\n{says}"
        "print('booted', board.NAME, WORD, one.WORD, two.WORD, len(two.PAD), '.')\n"
    )
    (folder / "config.json").write_text('{"rate": 500}\n')
    return folder


@pytest.fixture(scope="session")
def old(tmp_path_factory) -> Path:
    return write_firmware(tmp_path_factory.mktemp("old"), "old")


@pytest.fixture(scope="session")
def new(tmp_path_factory) -> Path:
    return write_firmware(tmp_path_factory.mktemp("new"), "new")


def flash(port: str, *args: object, board: str = "virtual") -> subprocess.CompletedProcess[str]:
    command = [SLUICE, "flash", "--board", board, "--port", port, *map(str, args)]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def flashed(port: str, *args: object) -> str:
    """What a flash that must succeed prints."""
    done = flash(port, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a flash that must fail."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: "), done.stderr
    return lines[0]


def address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("socket://").partition(":")
    return host, int(port)


def booted(board: VirtualBoard) -> str:
    """What the board's program says when the reset button is pressed."""
    with socket.create_connection(address(board.url), DEADLINE_S) as console:
        console.settimeout(DEADLINE_S)
        board.reset()
        heard = b""
        while b">>> " not in heard:
            got = console.recv(4096)
            assert got, heard
            heard += got
    text = heard.decode()
    assert "Traceback" not in text
    return next((line for line in text.splitlines() if line.startswith("booted")), "nothing")


def says(word: str) -> str:
    return f"booted virtual {word} {word} {word} {1500 * len(word)} ."


def contents(board: VirtualBoard) -> dict[str, bytes]:
    """Every file on the board, and every folder that is empty."""
    root = board.flash_dir
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b""
        for path in root.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def restore(board: VirtualBoard, files: dict[str, bytes]) -> None:
    for path in board.flash_dir.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, data in files.items():
        path = board.flash_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


class CutLine:
    """A way to the board that breaks off at a point of what the host sends.

    rest: given all that the host has sent on one connection, how many bytes of it
          still reach the board; None: no cut yet.
    """

    def __init__(self, url: str, rest: Callable[[bytes], int | None]):
        self._board = address(url)
        self._rest = rest
        self.sent = b""
        self.cut = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> "CutLine":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        with suppress(OSError):  # nobody came
            host, _ = self._server.accept()
            with host, socket.create_connection(self._board) as board:
                for side in (host, board):
                    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=self._pass_back, args=(board, host))
                back.start()
                self._pass_on(host, board)
                board.shutdown(socket.SHUT_RDWR)
                host.close()
                back.join()

    def _pass_on(self, host: socket.socket, board: socket.socket) -> None:
        delivered = 0
        with suppress(OSError):  # the host was killed
            while not self.cut.is_set() and (data := host.recv(65536)):
                self.sent += data
                end = self._rest(self.sent)
                if end is not None:
                    self.cut.set()
                board.sendall(self.sent[delivered:end])
                delivered = len(self.sent)

    def _pass_back(self, board: socket.socket, host: socket.socket) -> None:
        with suppress(OSError):  # either side is gone
            while data := board.recv(65536):
                if not self.cut.is_set():
                    host.sendall(data)


def after_bytes(n: int) -> Callable[[bytes], int | None]:
    return lambda sent: n if len(sent) >= n else None


def before_settling(nth: int) -> Callable[[bytes], int | None]:
    """The nth file is on the board, and nothing has verified it."""

    def rest(sent: bytes) -> int | None:
        parts = sent.split(SETTLE)
        return len(SETTLE.join(parts[:nth])) if len(parts) > nth else None

    return rest


def after_settling(nth: int) -> Callable[[bytes], int | None]:
    """The board settles the nth file, and the host does not hear of it."""

    def rest(sent: bytes) -> int | None:
        parts = sent.split(SETTLE)
        end = parts[nth].find(b"\x04") if len(parts) > nth else -1
        return len(SETTLE.join([*parts[:nth], b""])) + end + 1 if end >= 0 else None

    return rest


@pytest.fixture(scope="module")
def machine() -> Iterator[VirtualBoard]:
    with VirtualBoard() as board:
        yield board


@pytest.fixture(scope="module")
def old_files(machine, old) -> dict[str, bytes]:
    """What is on a board with the old release in force."""
    restore(machine, {})
    flashed(machine.url, "--firmware", old)
    return contents(machine)


@pytest.fixture
def board(machine, old_files) -> VirtualBoard:
    """A board with the old release in force, running."""
    restore(machine, old_files)
    machine.reset()
    return machine


def test_the_first_flash_boots_and_the_next_ones_send_only_what_changed(machine, old, tmp_path):
    restore(machine, {})
    printed = flashed(machine.url, "--firmware", old)
    assert "sent 7 (" in printed
    assert (machine.flash_dir / "config.json").read_bytes() == b'{"rate": 500}\n'
    assert booted(machine) == says("old")
    before = contents(machine)

    assert "in force already: nothing sent" in flashed(machine.url, "--firmware", old)
    assert contents(machine) == before

    changed = shutil.copytree(old, tmp_path / "changed")
    with (changed / "sluice" / "one.py").open("a") as file:
        file.write("WORD = 'newer'\n")
    printed = flashed(machine.url, "--firmware", changed)
    after = contents(machine)
    size = sum(len(data) for name, data in after.items() if name.endswith(("main.py", "one.mpy")))
    assert f"sent 2 ({size} bytes), copied on the board 4, there already 0" in printed
    assert booted(machine) == says("old").replace("old old old", "old newer old")
    assert len(after) == len(before)


def test_what_the_firmware_image_holds_is_not_sent(machine, old, new):
    """A folder of the board's flash that it imports from stands for the image."""
    restore(machine, {})
    sources = release.library(old, "")
    for name, path in sources.items():
        (machine.flash_dir / name).parent.mkdir(exist_ok=True)
        shutil.copy(path, machine.flash_dir / name)
    told = f"LIBRARY = {release.digest(sources)!r}\n"
    (machine.flash_dir / "sluice_frozen.py").write_text(told)

    printed = flashed(machine.url, "--firmware", old)
    assert "its firmware image holds this library: not sent" in printed
    assert "sent 4 (" in printed  # the start, the board, the configuration and the loader
    assert booted(machine) == says("old")
    assert "in force already: nothing sent" in flashed(machine.url, "--firmware", old)

    printed = flashed(machine.url, "--firmware", new)
    assert "its firmware image holds another library: sent, and used instead" in printed
    assert booted(machine) == says("new")


def test_cut_off_at_every_file_the_old_release_boots_and_the_next_flash_goes_on(board, new):
    cuts = 0
    while True:
        # The second file of each attempt is cut off, so each leaves one more on the board.
        point = before_settling(2) if cuts % 2 else after_settling(2)
        with CutLine(board.url, point) as line:
            done = flash(line.url, "--firmware", new)
        if not line.cut.is_set():
            break
        cuts += 1
        assert "the link broke off" in refused(done)
        assert booted(board) == says("old")
    assert cuts >= 2
    assert done.returncode == 0, done.stderr
    assert booted(board) == says("new")


def test_cut_off_anywhere_a_whole_release_boots(board, new, old_files):
    with CutLine(board.url, lambda _: None) as line:
        flashed(line.url, "--firmware", new)
    switch = line.sent.rindex(SETTLE)
    switched = line.sent.index(b"\x04", switch) + 1
    cases = [(n, "old") for n in (*range(1, switch, switch // 3), switched - 2)]
    for point, word in [*cases, (switched, "new")]:
        restore(board, old_files)
        board.reset()
        with CutLine(board.url, after_bytes(point)) as line:
            refused(flash(line.url, "--firmware", new))
        assert booted(board) == says(word), point
    # The board was cut off before it removed the old release.
    assert "in force already" in flashed(board.url, "--firmware", new)
    assert len(list(board.flash_dir.glob("app_*"))) == 1


def test_the_flashing_process_is_killed(board, new):
    with CutLine(board.url, lambda _: None) as line:
        command = [SLUICE, "flash", "--board", "virtual", "--port", line.url, "--firmware", new]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE_S
        while line.sent.count(SETTLE) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        assert process.wait() < 0
    assert re.search("there already [2-9]", flashed(board.url, "--firmware", new))
    assert booted(board) == says("new")


def test_a_file_spoilt_on_the_board_is_mended(board, old):
    spoilt = next(board.flash_dir.glob("app_*/sluice/two.mpy"))
    good = spoilt.read_bytes()
    spoilt.write_bytes(good[:-1] + b"?")
    assert "sent 1 (" in flashed(board.url, "--firmware", old)
    assert spoilt.read_bytes() == good


RUNNING = "import time\nprint('running')\nwhile True:\n    time.sleep_ms(5)\n"


def test_a_running_program_is_interrupted_and_its_main_is_kept(machine, old):
    restore(machine, {"main.py": RUNNING.encode()})
    machine.reset()
    printed = flashed(machine.url, "--firmware", old)
    assert "/main.py was not Sluice's: kept as /main.py.old" in printed
    assert (machine.flash_dir / "main.py.old").read_text() == RUNNING
    assert booted(machine) == says("old")


def test_a_main_that_cannot_be_kept_is_not_overwritten(machine, old):
    mine = {"main.py": b"print('mine')\n", "main.py.old": b"print('older')\n"}
    restore(machine, mine)
    line = refused(flash(machine.url, "--firmware", old))
    assert "there is one already: remove or rename it" in line
    assert contents(machine) == mine


# What a flash switches over together, once all of it is verified.
TOGETHER = ("main.py.old", "config.json", "main.py")


def spoiling(board: VirtualBoard, name: str) -> Callable[[bytes], int | None]:
    """No cut, but the file that arrived as `name` goes bad before the board verifies it."""
    spoilt = False

    def rest(sent: bytes) -> int | None:
        nonlocal spoilt
        arrived = next(board.flash_dir.glob(name + ".new"), None) if SETTLE in sent else None
        if arrived and not spoilt:
            spoilt = True
            data = arrived.read_bytes()
            arrived.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    return rest


@pytest.fixture
def own_files(machine) -> dict[str, bytes]:
    """What is on a board, running, that has a program and settings of the user's own."""
    mine = {"main.py": b"print('booted', 'mine')\n", "config.json": b'{"rate": 3}\n'}
    restore(machine, mine)
    machine.reset()
    return mine


@pytest.mark.parametrize("name", ["app_*/sluice/two.mpy", *TOGETHER])
def test_a_file_that_does_not_arrive_whole_switches_nothing_over(
    machine, own_files, new, tmp_path, name
):
    config = tmp_path / "mine.json"
    config.write_text('{"rate": 7}\n')
    with CutLine(machine.url, spoiling(machine, name)) as line:
        done = flash(line.url, "--firmware", new, "--config", config)
    assert name.rpartition("/")[2] + ".new did not arrive whole" in refused(done)
    there = contents(machine)
    assert {name: there.get(name) for name in own_files} == own_files
    assert "main.py.old" not in there
    assert booted(machine) == "booted mine"

    flashed(machine.url, "--firmware", new)
    assert booted(machine) == says("new")
    there = contents(machine)
    assert there["config.json"] == own_files["config.json"]
    assert not [path for path in there if path.endswith(".new")]


@pytest.mark.parametrize("name", TOGETHER[:-1])
def test_the_loader_is_switched_last(machine, new, name):
    mine = {"main.py": b"print('booted', 'mine')\n"}
    restore(machine, mine)
    (machine.flash_dir / name).mkdir()  # no file can be renamed over it
    machine.reset()
    assert "the board failed: OSError" in refused(flash(machine.url, "--firmware", new))
    assert contents(machine)["main.py"] == mine["main.py"]
    assert booted(machine) == "booted mine"


@pytest.fixture
def device(machine) -> Iterator[Device]:
    """An empty board, ready to take files."""
    restore(machine, {})
    machine.reset()
    with connect(machine.url, "") as device:
        device.prepare()
        yield device


def test_a_board_that_answers_the_first_request_after_the_second_is_understood(
    machine, monkeypatch
):
    enter = Device._enter_raw_repl

    def asked_while_it_stands_still(device: Device) -> bool:
        entered = enter(device)
        os.kill(machine.pid, signal.SIGCONT)
        return entered

    restore(machine, {})
    machine.reset()
    monkeypatch.setattr(Device, "_enter_raw_repl", asked_while_it_stands_still)
    os.kill(machine.pid, signal.SIGSTOP)
    with connect(machine.url, "") as device:
        assert device.facts().implementation == "micropython"
        device.prepare()
        assert device.head("/main.py") == ""


def test_no_file_takes_its_place_before_all_are_verified(machine, device):
    whole = {path: path.encode() for path in ("/one", "/two", "/three")}
    for path, data in whole.items():
        device.send(path, data, lambda _: None)
    wanted = whole | {"/two": b"/twO"}
    with pytest.raises(UserError, match=re.escape("/two.new did not arrive whole (it has 4 bytes")):
        device.settle({path: Content.of(data) for path, data in wanted.items()})
    assert contents(machine) == {path[1:] + ".new": data for path, data in whole.items()}


def test_a_file_sent_or_copied_again_is_not_put_behind_what_a_cut_off_flash_left(machine, device):
    left = b"left by a flash that was cut off, and longer than what comes now"
    for path in ("/sent", "/empty", "/copied"):
        device.send(path, left, lambda _: None)
    device.send("/sent", b"whole", lambda _: None)
    device.send("/empty", b"", lambda _: None)
    device.settle({"/sent": Content.of(b"whole"), "/empty": Content.of(b"")})
    device.copy("/sent", "/copied")
    device.settle({"/copied": Content.of(b"whole")})
    assert contents(machine) == {"sent": b"whole", "empty": b"", "copied": b"whole"}


def test_the_users_config_stays_until_another_is_given(board, old, tmp_path):
    mine = tmp_path / "mine.json"
    mine.write_text('{"rate": 7}\n')
    assert "sent 1 (" in flashed(board.url, "--firmware", old, "--config", mine)
    on_board = board.flash_dir / "config.json"
    assert on_board.read_text() == '{"rate": 7}\n'
    assert "nothing sent" in flashed(board.url, "--firmware", old)
    assert on_board.read_text() == '{"rate": 7}\n'


def test_too_little_space_is_refused_before_anything_is_written(old, new):
    with VirtualBoard(flash_kb=96) as small:
        flashed(small.url, "--firmware", old)
        before = contents(small)
        line = refused(flash(small.url, "--firmware", new))
        assert re.search(r"too little space: \d+ bytes needed beside what is there, \d+ free", line)
        assert contents(small) == before
        assert booted(small) == says("old")


def test_a_wrong_board_is_refused_and_its_program_started_again(machine, old):
    program = b"with open('/starts', 'a') as file:\n    file.write('.')\n"
    restore(machine, {"main.py": program})
    line = refused(flash(machine.url, "--firmware", old, board="rp2040"))
    assert "wrong board: it is 'Sluice virtual board with WebAssembly'" in line
    assert "not rp2040; --board virtual fits" in line
    deadline = time.monotonic() + DEADLINE_S
    while len(contents(machine)) == 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(contents(machine)) == {"main.py", "starts"}


def test_firmware_that_does_not_compile_is_refused(new, tmp_path):
    bad = shutil.copytree(new, tmp_path / "bad")
    (bad / "sluice" / "one.py").write_text("WORD = 'x'\ndef f(:\n")
    line = refused(flash("/dev/null", "--firmware", bad))
    assert line.endswith("one.py does not compile: line 2: SyntaxError: invalid syntax")


def test_an_unknown_board_is_refused():
    done = flash("/dev/null", board="pick")
    assert done.returncode == 2
    assert "'pick' is none of esp32, " in done.stderr.splitlines()[-1]


def test_a_port_that_is_not_there_is_refused(old):
    line = refused(flash("/dev/no-such-port", "--firmware", old))
    assert (
        line
        == "Error: /dev/no-such-port: no such port; `sluice doctor` tells which ports there are"
    )


def test_a_board_that_does_not_answer_is_refused(old):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = f"socket://127.0.0.1:{silent.getsockname()[1]}"
        line = refused(flash(port, "--firmware", old))
    assert "no MicroPython answers there (it sends nothing)" in line


def test_on_a_terminal_there_is_a_progress_bar_and_a_port_in_use_is_refused(old):
    with VirtualBoard(pty=True) as board:
        screen, terminal = os.openpty()
        command = [SLUICE, "flash", "--board", "virtual", "--port", board.url, "--firmware", old]
        subprocess.run(command, stdout=terminal, timeout=DEADLINE_S, check=True)
        os.close(terminal)
        assert re.search(rb"sending.*100%", os.read(screen, 65536), re.DOTALL)
        os.close(screen)

        with serial.Serial(board.url, exclusive=True):
            line = refused(flash(board.url, "--firmware", old))
        assert "in use by another program; `sluice doctor --port " in line


# Leaves less than 4 MB of the virtual board's memory.
LITTLE_MEMORY = """
taken = []
for mb in (64, 16, 4):
    try:
        while True:
            taken.append(bytearray(mb << 20))
    except MemoryError:
        pass
"""


def configured(
    board: VirtualBoard, values: str, tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    """A flash of Sluice itself with this configuration."""
    path = tmp_path / "mine.json"
    path.write_text(values)
    return flash(board.url, "--config", path)


def test_what_the_board_refuses_at_its_start_is_an_error(vboard, tmp_path):
    assert "restarted after" in configured(vboard, '{"rate": 7}', tmp_path).stdout
    refused_once = configured(vboard, '{"slots": 10, "limit": 20}', tmp_path)
    assert refused(refused_once) == (
        f"Error: {vboard.url}: the board refuses its configuration: limit is 20, allowed:"
        " slots (10) or less; it runs with the last good one, or with the defaults if there is none"
    )
    assert "restarted" not in refused_once.stdout
    # Also when this flash did not send it.
    assert "limit is 20, allowed: slots (10) or less" in refused(flash(vboard.url))
    awake = configured(vboard, '{"light_sleep_ms": 20}', tmp_path)
    assert "light_sleep_ms is 20, allowed: null on virtual" in refused(awake)
    assert refused(awake).endswith("; the rest of it is in force")


def test_too_little_memory_on_the_board_is_an_error(vboard, tmp_path):
    (vboard.flash_dir / "boot.py").write_text(LITTLE_MEMORY)
    done = configured(vboard, '{"slots": 65535, "slot_size": 241}', tmp_path)
    assert "slots is 65535, allowed: slots * slot_size within " in refused(done)


def test_a_program_that_ends_at_its_start_is_an_error(machine, old, tmp_path):
    restore(machine, {})
    broken = shutil.copytree(old, tmp_path / "broken")
    (broken / "main.py").write_text("import no_such\n")
    done = flash(machine.url, "--firmware", broken)
    assert refused(done).endswith(
        "the board's program ended at its start: ImportError: no module named 'no_such'"
    )
