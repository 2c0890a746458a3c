"""A user's own module on a board: flashed with its configuration, as docs/configuration.md says."""

import re
import socket
from functools import partial
from pathlib import Path

import pytest
from flashed import flash_as

from sluice_tools.vboard import VirtualBoard

PAGE = Path(__file__).parents[2] / "docs/configuration.md"
DEADLINE_S = 120
flash = partial(flash_as, "virtual")


def example(name: str) -> str:
    """The file of this name that the page shows."""
    shown = re.search(rf"^```python title=\"{name}\"\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert shown
    return shown[1]


def heard(board: VirtualBoard, pattern: str) -> str:
    """What the console says after a reset, up to the first match behind the program's start."""
    whole = re.compile(b"event=start (.*)" + pattern.encode(), re.DOTALL)
    address = ("127.0.0.1", int(board.url.rpartition(":")[2]))
    with socket.create_connection(address, DEADLINE_S) as line:
        board.reset()
        said = b""
        while not whole.search(said):
            got = line.recv(4096)
            assert got, said
            said += got
    return said.decode()


def test_the_pages_source_and_sink_are_flashed_run_and_mended(
    vboard: VirtualBoard, tmp_path: Path
) -> None:
    for name in ("thermometer.py", "lamp.py"):
        (tmp_path / name).write_text(example(name))
    both = {"source": "module:thermometer", "sink": "module:lamp", "stats_ms": 100}
    done = flash(vboard, tmp_path, **both)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (vboard.flash_dir / "lamp.py").read_text() == example("lamp.py")
    said = heard(vboard, r"admitted=[1-9][^\n]*\n")
    assert "source=module:thermometer sink=module:lamp" in said
    assert "module_error" not in said and "Traceback" not in said

    # What goes wrong at each call is said, not always, and the program goes on.
    (tmp_path / "thermometer.py").write_text("def read(buf):\n    return buf[999]\n")
    done = flash(vboard, tmp_path, **both)
    assert "sent 1 (" in done.stdout and done.returncode == 0, done.stdout + done.stderr
    said = heard(vboard, r"up_s=1 [^\n]*\n")
    errors = re.findall(r"event=module_error key=source errors=(\d+) error=\"(.*)\"\r\n", said)
    assert [int(n) for n, _ in errors] == [1 << i for i in range(len(errors))]
    assert {text for _, text in errors} == {
        "IndexError: memoryview index out of range (thermometer.py, line 2)"
    }


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (None, "a module that can be imported; ImportError: no module named 'mine'"),
        ("\n\n1 / 0\n", "imported; ZeroDivisionError: divide by zero (mine.py, line 3)"),
        ("def reed(buf):\n    return 0\n", "a module with a function read"),
        (
            "def read(buf):\n    return 0\ndef start(config, board):\n    board.open_lcd()\n",
            "has no attribute 'open_lcd' (mine.py, line 4)",
        ),
    ],
)
def test_a_module_that_cannot_be_used_is_an_error_of_the_flash(
    vboard: VirtualBoard, tmp_path: Path, source: str | None, told: str
) -> None:
    if source is not None:
        (tmp_path / "mine.py").write_text(source)
    done = flash(vboard, tmp_path, source="module:mine")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and 'source is "module:mine", allowed: a module' in line
    assert told in line and "with the last good one, or with the defaults" in line
