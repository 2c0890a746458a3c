"""`sluice doctor` names each problem, on lines and boards that have it."""

import json
import os
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial
from click.testing import CliRunner
from flashed import flash

from sluice_tools.board.doctor import command, ports
from sluice_tools.board.flash.device import Device, LinkError
from sluice_tools.cli import main
from sluice_tools.vboard import VirtualBoard

NOBODY = 65534


def doctor(*arguments: str) -> dict:
    """The findings; fails unless the exit status says the same."""
    done = CliRunner().invoke(main, ["doctor", "--json", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    told = json.loads(done.output)
    assert done.exit_code == (0 if told["good"] else 1)
    return told


def problem(*arguments: str) -> dict:
    """The only problem that there is."""
    told = doctor(*arguments)
    wrong = [finding for finding in told["findings"] if finding["problem"]]
    assert len(wrong) == 1 and not told["good"], told
    assert wrong[0]["mend"] and "\n" not in wrong[0]["says"]
    return wrong[0]


@pytest.fixture
def line() -> Iterator[Callable[[Callable[[bytes], bytes]], str]]:
    """line(answer): a terminal at whose other end answer(what came) is what is sent."""
    opened = []

    def make(answer: Callable[[bytes], bytes]) -> str:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        opened.extend((ours, theirs))

        def serve() -> None:
            with suppress(OSError):
                while came := os.read(ours, 1024):
                    if said := answer(came):
                        os.write(ours, said)

        threading.Thread(target=serve, daemon=True).start()
        return os.ttyname(theirs)

    yield make
    for fd in opened:
        os.close(fd)


@contextmanager
def nobodys_rights() -> Iterator[None]:
    """As a user who may use only what everybody may, even if root runs the tests."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if mine == 0:
            os.seteuid(0)


def test_a_board_that_is_well(vboard: VirtualBoard) -> None:
    flash_command = ["flash", "--board", "virtual", "--port", vboard.url]
    says = [finding["says"] for finding in doctor("--port", vboard.url)["findings"]]
    assert says[0].endswith("with WebAssembly, MicroPython 1.27.0")
    assert "--board virtual fits" in says and "Sluice is not on it yet" in says
    assert CliRunner().invoke(main, flash_command).exit_code == 0
    told = doctor("--port", vboard.url)
    assert told["findings"][-1]["says"].startswith("this Sluice is on it: /app_")


def test_kernels_that_a_board_could_run_and_has_not(
    vboard: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    CliRunner().invoke(main, ["flash", "--board", "virtual", "--port", vboard.url])
    assert doctor("--port", vboard.url)["good"]  # it has no emitter, and needs none
    facts = Device.facts
    monkeypatch.setattr(Device, "facts", lambda self: replace(facts(self), arch="armv6m"))
    found = problem("--port", vboard.url)
    assert found["problem"] == "no-kernels"
    assert "misses 15 of 15 files of machine code" in found["says"]
    assert "bucket_native" in found["says"] and "ring_native" in found["says"]
    assert "boards/virtual/board.toml" in found["mend"]


def test_nothing_on_the_board_is_changed_and_its_program_runs_again(
    boot: Callable[..., VirtualBoard],
) -> None:
    board = boot(rate=50)
    before = {path: path.read_bytes() for path in board.flash_dir.rglob("*") if path.is_file()}
    assert doctor("--port", board.url)["good"]
    with socket.create_connection(("127.0.0.1", int(board.url.rpartition(":")[2]))) as console:
        console.settimeout(120)
        heard = b""
        while b"event=stats" not in heard:
            heard += console.recv(4096)
    after = {path: path.read_bytes() for path in board.flash_dir.rglob("*") if path.is_file()}
    assert {p: c for p, c in after.items() if p.name != "config.good.json"} == {
        p: c for p, c in before.items() if p.name != "config.good.json"
    }


def audited(board: VirtualBoard) -> int:
    """How many changes the board remembers."""
    done = CliRunner().invoke(main, ["audit", "--json", "--port", board.url])
    assert done.exit_code == 0, done.output
    return len(json.loads(done.output))


def test_settings_that_were_changed_are_not_lost_without_a_question(
    boot: Callable[..., VirtualBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    board = boot(rate=50)
    arguments = ["doctor", "--port", board.url]
    assert CliRunner().invoke(main, ["set", "--port", board.url, "rate=77"]).exit_code == 0

    told = doctor("--port", board.url)
    (left,) = told["findings"]
    assert told["good"] and left["says"].endswith("not examined further")
    assert "--yes" in left["mend"] and audited(board) == 1

    monkeypatch.setattr(command, "_on_a_terminal", lambda: True)
    asked = CliRunner().invoke(main, arguments, input="n\n")
    assert "Restart it? [y/N]: n" in asked.output and audited(board) == 1
    asked = CliRunner().invoke(main, arguments, input="y\n")
    assert "Restart it? [y/N]: y" in asked.output and audited(board) == 0

    assert "Restart it" not in CliRunner().invoke(main, arguments).output  # nothing to lose
    assert CliRunner().invoke(main, ["set", "--port", board.url, "rate=77"]).exit_code == 0
    assert len(doctor("--port", board.url, "--yes")["findings"]) > 1
    assert audited(board) == 0


def test_a_configuration_that_the_board_refuses(vboard: VirtualBoard) -> None:
    CliRunner().invoke(main, ["flash", "--board", "virtual", "--port", vboard.url])
    (vboard.flash_dir / "config.json").write_text('{"slots": 10, "limit": 20}')
    found = problem("--port", vboard.url)
    assert found["problem"] == "refused"
    assert "limit is 20, allowed: slots (10) or less; it runs with the last good" in found["says"]
    assert "--config FILE" in found["mend"]


def test_no_board_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    builtin = SimpleNamespace(device="/dev/ttyS0", vid=None)
    monkeypatch.setattr(ports.list_ports, "comports", lambda: [builtin])
    found = problem()
    assert (found["problem"], found["port"]) == ("no-board", "")
    assert "a cable that carries data" in found["mend"] and "BOOTSEL" in found["mend"]


def test_each_port_of_a_usb_device_is_examined(
    vboard: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    usb = [SimpleNamespace(device=name, vid=0x2E8A) for name in ("/dev/no-such", vboard.url)]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: usb)
    found = problem()
    assert (found["problem"], found["port"]) == ("no-board", "/dev/no-such")
    assert vboard.url in found["mend"]
    assert {finding["port"] for finding in doctor()["findings"]} == {"/dev/no-such", vboard.url}


def test_an_address_without_its_scheme_is_told_with_it() -> None:
    mend = problem("--port", "localhost:2323")["mend"]
    assert mend == "for a TCP port write socket://localhost:2323"


@pytest.mark.parametrize("port", ["/dev/no-such", "socket://127.0.0.1:1"])
def test_no_board_at_the_port(port: str) -> None:
    found = problem("--port", port)
    assert found["problem"] == "no-board"
    assert ("cable" in found["mend"]) == ("://" not in port)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert problem("--port", str(tmp_path / "file"))["problem"] == "no-port"


def test_wrong_permissions(line) -> None:
    port = line(lambda came: b"")
    os.chmod(port, 0)
    with nobodys_rights():
        found = problem("--port", port)
    assert found["problem"] == "no-permission"
    assert "permission denied" in found["says"]
    assert "sudo" in found["mend"]


def test_the_group_that_may_use_the_port_is_named(tmp_path: Path, monkeypatch) -> None:
    facts = SimpleNamespace(st_gid=20, st_mode=0o020660)
    monkeypatch.setattr(ports.os, "stat", lambda _: facts)
    mend = ports.how_to_get_permission("/dev/ttyACM0")
    assert mend.startswith("sudo usermod -aG dialout ")


@pytest.mark.parametrize("sent", [b"", b"ets Jul 29 2019 12:21:46 rst:0x10 (RTCWDT_RTC_RESET)\r\n"])
def test_a_board_without_micropython(line, sent: bytes) -> None:
    found = problem("--port", line(lambda came: sent))
    assert found["problem"] == "no-micropython"
    assert "micropython.org/download" in found["mend"] and "BOOTSEL" in found["mend"]


def test_a_line_that_breaks_off_is_a_cable_where_there_is_one(
    vboard: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(device: Device) -> None:
        raise LinkError(f"{device.port}: the link broke off")

    monkeypatch.setattr(Device, "facts", broken)
    found = problem("--port", vboard.url)
    assert (found["problem"], found["mend"]) == ("broken-off", "try again")
    with VirtualBoard(pty=True) as board:
        assert "cable" in problem("--port", board.url)["mend"]


def test_a_virtual_board_on_a_pty_is_not_to_be_ended() -> None:
    """Its own process has the pty, too; the program on it goes on printing, whatever is sent."""
    with VirtualBoard(pty=True) as board:
        (board.flash_dir / "boot.py").write_text(
            "import micropython, time\nmicropython.kbd_intr(-1)\n"
            "while True:\n    time.sleep(1)\n    print('busy')\n"
        )
        board.reset()
        program = "import sys; from sluice_tools.cli import main; main(sys.argv[1:])"
        done = subprocess.run(  # another process than the board's
            [sys.executable, "-c", program, "doctor", "--port", board.url],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "no MicroPython answers" in done.stdout and "fix: reset it" in done.stdout


def test_a_micropython_that_is_too_old(vboard: VirtualBoard) -> None:
    (vboard.flash_dir / "boot.py").write_text(
        "import sys\nfrom collections import namedtuple\n"
        "sys.implementation = namedtuple('i', ('name', 'version'))('micropython', (1, 12, 0))\n"
    )
    vboard.reset()
    found = problem("--port", vboard.url)
    assert found["problem"] == "too-old"
    assert "MicroPython 1.12.0 is too old: 1.23 or newer" in found["says"]


def test_another_python_and_an_unknown_board(vboard: VirtualBoard) -> None:
    for name, machine, wanted in (
        ("circuitpython", "Pico with RP2040", "no-micropython"),
        ("micropython", "Something with ESP8266", "unknown-board"),
    ):
        (vboard.flash_dir / "boot.py").write_text(
            "import sys\nfrom collections import namedtuple\n"
            "sys.implementation = namedtuple('i', ('name', 'version', '_machine'))"
            f"({name!r}, (1, 29, 0), {machine!r})\n"
        )
        vboard.reset()
        assert problem("--port", vboard.url)["problem"] == wanted


def test_a_port_that_another_program_has(line) -> None:
    port = line(lambda came: b"")
    with closing(serial.Serial(port, exclusive=True)):
        found = problem("--port", port)
    assert found["problem"] == "in-use"


def test_the_program_that_has_the_port_is_named(line) -> None:
    port = line(lambda came: b"")
    program = f"import serial; s = serial.Serial({port!r}, exclusive=True); print('up'); input()"
    with subprocess.Popen(
        [sys.executable, "-uc", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout and other.stdout.readline() == b"up\n"
        found = problem("--port", port)
    assert f"({other.pid})" in found["mend"]


def test_a_virtual_board_that_another_client_has(vboard: VirtualBoard) -> None:
    with socket.create_connection(("127.0.0.1", int(vboard.url.rpartition(":")[2]))) as other:
        other.sendall(b"\r")
        other.recv(1)
        assert problem("--port", vboard.url)["problem"] == "in-use"


def test_a_full_disk() -> None:
    with VirtualBoard(flash_kb=128) as board:
        (board.flash_dir / "log.txt").write_bytes(bytes(100_000))
        found = problem("--port", board.url)
    assert found["problem"] == "disk-full"
    assert "bytes needed" in found["says"] and "free" in found["says"]


def test_what_people_read(line, vboard: VirtualBoard) -> None:
    flash(vboard)
    done = CliRunner().invoke(main, ["doctor", "--port", vboard.url])
    assert [text[:5] for text in done.output.splitlines()[1:3]] == ["good ", "good "]
    done = CliRunner().invoke(main, ["doctor", "--port", "/dev/no-such"])
    wrong, mend = done.output.splitlines()[1:]
    assert wrong == "WRONG  /dev/no-such: no such port"
    assert mend.startswith("       fix: plug it in")
