"""What `sluice flash` decides before it touches a board."""

import dataclasses
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluice_tools.board import kinds
from sluice_tools.board.flash import command, release
from sluice_tools.board.flash.command import check
from sluice_tools.board.flash.device import Facts
from sluice_tools.board.flash.plan import Content, bytes_needed, leftovers, plan
from sluice_tools.errors import UserError

FIRMWARE = Path(__file__).parents[2] / "firmware"
A, B, C = Content.of(b"a"), Content.of(b"b"), Content.of(b"c")
PICO = Facts(
    implementation="micropython",
    version=(1, 28, 0),
    platform="rp2",
    machine="Raspberry Pi Pico with RP2040",
    mpy=(6, 3),
    arch="armv6m",
)


@pytest.fixture
def firmware(tmp_path):
    (tmp_path / "sluice").mkdir()
    (tmp_path / "main.py").write_text("from sluice import one\n")
    (tmp_path / "sluice" / "__init__.py").write_text("")
    (tmp_path / "sluice" / "one.py").write_text("ONE = 1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "there", "sent", "copied", "kept"),
    [
        ({"/x": A}, {}, ["/x"], {}, []),
        ({"/x": A}, {"/x": A}, [], {}, ["/x"]),
        ({"/x": A}, {"/x": B}, ["/x"], {}, []),
        ({"/n/x": A, "/n/y": B}, {"/o/x": A, "/o/y": C}, ["/n/y"], {"/n/x": "/o/x"}, []),
        ({"/n/x": A, "/n/y": A}, {"/n/x": A}, [], {"/n/y": "/n/x"}, ["/n/x"]),
        ({}, {"/x": A}, [], {}, []),
    ],
)
def test_only_what_the_board_has_nowhere_is_sent(wanted, there, sent, copied, kept):
    todo = plan(wanted, there)
    assert (todo.sent, todo.copied, todo.kept) == (sent, copied, kept)
    assert todo.changes == bool(sent or copied)


OLD, NEW, CUT = "/app_00000001", "/app_00000002", "/app_00000003"


@pytest.mark.parametrize(
    ("there", "left"),
    [
        ([OLD, f"{OLD}/main.mpy", "/main.py", "/config.json"], []),
        ([NEW, f"{NEW}/main.mpy", f"{NEW}/sluice", f"{NEW}/sluice/a.mpy"], []),
        ([CUT, f"{CUT}/main.mpy"], [CUT]),
        ([f"{NEW}/main.mpy.new"], [f"{NEW}/main.mpy.new"]),
        ([f"{NEW}/gone", f"{NEW}/gone/b.mpy"], [f"{NEW}/gone", f"{NEW}/gone/b.mpy"]),
        (["/main.py.new", "/config.json.new"], ["/config.json.new", "/main.py.new"]),
        (["/app_notes", "/app_notes/x", "/app_000000011", "/main.py.old"], []),
    ],
)
def test_leftovers_of_a_cut_flash(there, left):
    wanted = [f"{NEW}/main.mpy", f"{NEW}/sluice/a.mpy"]
    assert leftovers(there, wanted, {OLD, NEW}) == left


def test_room_is_counted_in_whole_blocks_with_both_releases_side_by_side():
    wanted = {f"{NEW}/a": Content(1, ""), f"{NEW}/b": Content(4097, ""), "/main.py": Content(0, "")}
    todo = plan(wanted, {})
    assert bytes_needed(todo, wanted, 4096) == (1 + 2 + 1 + 2 * 2 + 2) * 4096
    nothing = plan(wanted, wanted)
    assert bytes_needed(nothing, wanted, 4096) == 0


def test_a_release_is_named_after_what_is_in_it(firmware):
    board = kinds.load("virtual")
    first = release.build(board, firmware)
    assert release.build(board, firmware) == first
    names = ["board.mpy", "main.mpy", "sluice/__init__.mpy", "sluice/one.mpy"]
    assert list(first.files) == [f"{first.folder}/{name}" for name in names]
    (firmware / "sluice" / "one.py").write_text("ONE = 2\n")
    second = release.build(board, firmware)
    assert second.folder != first.folder


def test_a_loader_is_told_from_a_program(firmware):
    built = release.build(kinds.load("virtual"), firmware)
    loader = built.loader.decode()
    assert release.is_loader(loader)
    assert release.named_in(loader) == built.folder
    assert not release.is_loader(loader.replace("# Written", "# Changed"))
    assert not release.is_loader("print('hello')\n")
    assert release.named_in("print('hello')\n") == ""


@pytest.mark.parametrize("name", kinds.names())
def test_the_firmware_compiles_for_every_board(name):
    board = kinds.load(name)
    assert len(release.build(board, FIRMWARE).files) > 10


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = 1\ndef f(:\n", "one.py does not compile: line 2: SyntaxError: invalid syntax"),
        (
            "import micropython\n@micropython.viper\ndef f() -> int:\n    return 1\n",
            "one.py does not compile: line 2: SyntaxError: invalid arch",
        ),
    ],
)
def test_a_file_that_does_not_compile(firmware, text, complaint):
    (firmware / "sluice" / "one.py").write_text(text)
    with pytest.raises(UserError, match=complaint + "$"):
        release.build(kinds.load("virtual"), firmware)


def test_native_code_compiles_for_a_board_that_runs_it(firmware):
    native = "import micropython\n@micropython.viper\ndef f() -> int:\n    return 1\n"
    (firmware / "sluice" / "one.py").write_text(native)
    assert release.build(kinds.load("rp2040"), firmware).mpy == (6, 3)


def test_firmware_without_a_main(firmware):
    (firmware / "main.py").unlink()
    with pytest.raises(UserError, match="main.py: no such file"):
        release.build(kinds.load("virtual"), firmware)


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"implementation": "circuitpython"}, "runs circuitpython 1.28.0, not MicroPython"),
        ({"version": (1, 25, 0)}, "MicroPython 1.25.0 is too old for rp2040: 1.26 or newer"),
        (
            {"machine": "Pico2 with RP2350-RISCV"},
            "with RP2350-RISCV' .rp2., not rp2040; --board generic fits$",
        ),
        (
            {"platform": "esp32", "machine": "Generic ESP32 module with ESP32"},
            "wrong board: .*, not rp2040; --board esp32 fits",
        ),
        ({"arch": "armv7emsp"}, "wrong architecture: .* for armv7emsp, rp2040 has armv6m"),
        ({"arch": ""}, "wrong architecture: it runs native code for none"),
        ({"mpy": (7, 0)}, "reads .mpy files 7.0, but mpy-cross writes 6.0"),
    ],
)
def test_a_board_that_cannot_run_the_release_is_refused(firmware, facts, complaint):
    board = kinds.load("rp2040")
    built = release.build(board, firmware)
    check(board, PICO, built, "PORT")
    with pytest.raises(UserError, match=f"^PORT: .*{complaint}"):
        check(board, dataclasses.replace(PICO, **facts), built, "PORT")


def test_native_code_for_another_sub_version_is_refused(firmware):
    board = kinds.load("rp2040")
    text = "import micropython\n@micropython.native\ndef f():\n    return 1\n"
    (firmware / "sluice" / "one.py").write_text(text)
    built = release.build(board, firmware)
    check(board, PICO, built, "PORT")
    with pytest.raises(UserError, match="reads .mpy files 6.4, but mpy-cross writes 6.3"):
        check(board, dataclasses.replace(PICO, mpy=(6, 4)), built, "PORT")


def flash(*args: object) -> Result:
    return CliRunner().invoke(command.flash, ["--board", "virtual", *map(str, args)])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"rate": 7,}', "config.json: not JSON: .*: line 1 column"),
        (b"[7]", "config.json: must be a JSON object of keys and values"),
        (b"\xff", "config.json: not JSON: "),
        (None, "config.json: No such file or directory"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_before_the_port_is_opened(
    firmware, text, complaint
):
    if text is not None:
        (firmware / "config.json").write_bytes(text)
    result = flash("--port", "/dev/no-such-port", "--firmware", firmware)
    assert result.exit_code == 1
    assert re.fullmatch(f"Error: .*{complaint}.*\n", result.output)


@pytest.mark.parametrize(
    ("port", "complaint"),
    [
        ("/dev/null", "/dev/null: this is not a serial port"),
        ("socket://127.0.0.1:1", "socket://127.0.0.1:1: nothing listens there"),
        ("socket://127.0.0.1", "write socket://HOST:PORT"),
        ("nonsense://x", "nonsense://x: invalid URL"),
    ],
)
def test_a_port_that_cannot_be_opened_is_refused_with_the_reason(firmware, port, complaint):
    (firmware / "config.json").write_text("{}")
    result = flash("--port", port, "--firmware", firmware)
    assert result.exit_code == 1
    assert re.fullmatch(f"Error: .*{complaint}.*\n", result.output)
