"""The boards' folders, and what sluice_tools.board.kinds makes of them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from sluice_tools.board import kinds
from sluice_tools.board.flash import release
from sluice_tools.errors import UserError

ROOT = Path(__file__).parents[2]
GOOD = {
    "title": "A board",
    "platform": "rp2",
    "machine": "with RP2040$",
    "arch": "armv6m",
    "micropython": "1.26",
}


def add(folder: Path, name: str, **changes: object) -> None:
    facts = GOOD | changes
    lines = [f"{key} = {value!r}\n" for key, value in facts.items() if value is not None]
    (folder / name).mkdir()
    (folder / name / "board.toml").write_text("".join(lines))


def defined(program: Path) -> set[str]:
    """The names that a module has once it is imported."""
    names = set()
    for node in ast.parse(program.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def asked_of_board(program: Path) -> set[str]:
    """Every `board.x` and `self._board.x` in a module."""
    tree = ast.parse(program.read_text())
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("board", "self._board")
    } | {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and node.value in ("open_uart", "pulse_irq", "start_timer")
    }


@pytest.mark.parametrize("name", kinds.names())
def test_a_board_offers_all_that_the_firmware_asks_of_it(name):
    program = ROOT / "firmware" / "sluice" / "program"
    asked = asked_of_board(program / "program.py") | asked_of_board(program / "parts.py")
    assert {"open_line", "lightsleep", "open_uart"} <= asked
    board = kinds.load(name)
    assert asked - defined(board.program) == set()
    assert f'NAME = "{name}"\n' in board.program.read_text()


@pytest.mark.parametrize("name", kinds.names())
def test_boards_are_alike(name):
    own = {"ADC", "Pin", "Timer", "UART"}  # what its functions are made of
    public = {n for n in defined(kinds.load("virtual").program) if not n.startswith("_")} - own
    program = kinds.load(name).program
    assert public - defined(program) == set()
    assert (program.parent / "README.md").is_file()


def test_adding_a_board_is_adding_a_folder(tmp_path):
    add(tmp_path, "pico")
    (tmp_path / "notes").mkdir()
    assert kinds.names(tmp_path) == ["pico"]
    board = kinds.load("pico", tmp_path)
    assert (board.title, board.arch, board.micropython) == ("A board", "armv6m", (1, 26))
    assert board.program == tmp_path / "pico" / "board.py"


def test_an_unknown_board_is_refused_with_those_there_are(tmp_path):
    add(tmp_path, "pico")
    add(tmp_path, "esp")
    with pytest.raises(UserError, match="^no board 'pick'; there are: esp, pico$"):
        kinds.load("pick", tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"arch": "avr"}, "arch: 'avr', allowed: one of '', 'x86'"),
        ({"arch": None}, "arch: missing, allowed: text"),
        ({"title": 3}, "title: 3, allowed: text"),
        ({"machine": "("}, r"machine: '\(': missing \)"),
        ({"machine": 3}, r"machine: 3, allowed: a regular expression"),
        ({"micropython": "1"}, "micropython: '1', allowed: a version like '1.23'"),
        ({"pins": "2"}, "pins: '2', allowed: one of the keys title platform machine"),
    ],
)
def test_a_wrong_board_toml_is_refused_in_one_line(tmp_path, changes, complaint):
    add(tmp_path, "pico", **changes)
    with pytest.raises(UserError, match=complaint) as caught:
        kinds.load("pico", tmp_path)
    assert str(tmp_path / "pico" / "board.toml") in caught.value.message
    assert "\n" not in caught.value.message


def test_a_board_toml_that_is_no_toml_is_refused(tmp_path):
    add(tmp_path, "pico")
    (tmp_path / "pico" / "board.toml").write_text("title: A board\n")
    with pytest.raises(UserError, match=r"board\.toml: no TOML: .*line 1"):
        kinds.load("pico", tmp_path)


def test_what_reads_files_is_not_loaded_before_a_file_is_read():
    program = (
        "import sys, sluice_tools.board.kinds as kinds; "
        "assert 'pydantic' not in sys.modules; "
        "kinds.load('virtual'); "
        "assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("platform", "machine", "fitting"),
    [
        ("rp2", "Raspberry Pi Pico with RP2040", ["rp2040"]),
        ("rp2", "Raspberry Pi Pico W with RP2040", ["rp2040"]),
        ("rp2", "Raspberry Pi Pico2 with RP2350", ["rp2350"]),
        ("rp2", "Raspberry Pi Pico2 with RP2350-RISCV", []),
        ("esp32", "Generic ESP32 module with ESP32", ["esp32"]),
        ("esp32", "Generic ESP32 module with SPIRAM with ESP32", ["esp32"]),
        ("esp32", "Generic ESP32 module with ESP32-UNICORE", ["esp32"]),
        ("esp32", "M5Stack Atom with ESP32-PICO-D4", ["esp32"]),
        ("esp32", "Generic ESP32S3 module with ESP32S3", ["esp32s3"]),
        ("esp32", "FeatherS3 with ESP32-S3", ["esp32s3"]),
        ("esp32", "LOLIN C3 mini with ESP32-C3FH4", ["esp32c3"]),
        ("esp32", "Generic ESP32C3 module with ESP32-C3", ["esp32c3"]),
        ("esp32", "Generic ESP32S2 module with ESP32-S2", []),
        ("esp32", "Generic ESP32C6 module with ESP32-C6", []),
        ("esp32", "Generic ESP32P4 module with ESP32P4", []),
        ("linux", "linux [GCC 12.2.0] version", []),
        ("pyboard", "PYBv1.1 with STM32F405RG", []),
        ("nrf52", "Arduino Nano 33 BLE with NRF52840", []),
        ("samd", "Adafruit ItsyBitsy M4 Express with SAMD51G19A", []),
        ("sluice-virtual", "Sluice virtual board with WebAssembly", ["virtual"]),
    ],
)
def test_a_board_is_known_by_what_it_says_of_itself(platform, machine, fitting):
    found = [board.name for board in kinds.fitting(platform, machine)]
    assert found == [*fitting, "generic"]  # its own folder first


def test_the_generic_board_is_for_all_but_those_that_have_too_little_memory():
    assert kinds.fitting("esp8266", "ESP module (1M) with ESP8266") == []


@pytest.mark.parametrize("name", kinds.names())
def test_the_whole_firmware_compiles_for_a_board(name):
    board = kinds.load(name)
    compiled = release.build(board, ROOT / "firmware")
    assert compiled.mpy[0] == 6
    assert f"{compiled.folder}/board.mpy" in compiled.files


@pytest.mark.parametrize("name", kinds.names())
def test_a_boards_page_says_what_there_is_to_know(name):
    page = (kinds.BOARDS / name / "README.md").read_text()
    assert "was run" in page  # and what was not
    assert "LED" in page or name == "virtual"
    if name != "virtual":
        least = ".".join(map(str, kinds.load(name).micropython))
        assert f"{least} or newer" in page
        assert f"BOARD={name} " in page
        assert all(f"## {part}" in page for part in ("Wiring", "Interrupts", "Power"))
        assert (kinds.BOARDS / name / "stubs.txt").is_file()
