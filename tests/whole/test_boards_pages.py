"""The boards' pages: what one sees after a flash, and the way back, run on the virtual board."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sluice_tools import itself
from sluice_tools.vboard import VirtualBoard

PROJECT = Path(__file__).parents[2]
PAGES = sorted(page for page in PROJECT.glob("boards/*/README.md") if page.parent.name != "virtual")
OWN = b"print('my own')\n"
DEADLINE_S = 120


def run(*words: str) -> str:
    """What a command that must succeed prints."""
    done = subprocess.run(
        words,
        input="".join(f"{n}\n" for n in range(1, 3001)),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def flash(board: VirtualBoard) -> str:
    return run(*itself.sluice("flash", "--board", "virtual", "--port", board.url))


def shape(text: str) -> str:
    """The words, whatever the figures."""
    return re.sub(r"app_[0-9a-f]{8}|\d[\d.:]*|(?<=[ /])-(?=[ /])", "#", text)


def shown(page: Path) -> list[str]:
    """The lines that a page says one should see."""
    part = page.read_text().partition("## Put Sluice on it\n")[2].partition("\n## ")[0]
    return "".join(re.findall(r"^```\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)).splitlines()


def test_a_flash_the_idle_console_and_a_feed_print_what_the_pages_show(
    vboard: VirtualBoard,
) -> None:
    printed = flash(vboard).splitlines()
    command = itself.sluice("console", "--plain", "--port", vboard.url)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as console:
        assert console.stdout
        try:
            printed.append(next(line for line in console.stdout if " qps " in line))
            account = run(*itself.sluice("feed", "-", "--port", vboard.url))
            printed.append(next(line for line in console.stdout if re.search(" qps [1-9]", line)))
        finally:
            console.kill()
    assert re.search(r"^lost +0$", account, re.MULTILINE)
    shapes = {shape(line.strip()) for line in printed}
    assert len(PAGES) == 6
    for page in PAGES:
        lines = shown(page)
        assert len(lines) == 4, page
        assert {shape(line) for line in lines} <= shapes, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_page_says_which_micropython_is_needed_and_why(page: Path) -> None:
    board = tomllib.loads((page.parent / "board.toml").read_text())
    assert f"{board['micropython']} or newer, since older ones " in page.read_text()


def uninstalling(board: VirtualBoard) -> list[list[str]]:
    """The page's commands, in order, for this board and the release that is on it."""
    text = (PROJECT / "docs/install.md").read_text().partition("\n## Uninstalling\n")[2]
    release = next(path.name for path in board.flash_dir.glob("app_*"))
    text = text.replace("/dev/ttyACM0", board.url).replace("app_1a2b3c4d", release)
    return [line.split() for line in re.findall(r"^\$ mpremote (.+)$", text, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_esptool_is_called_as_its_present_version_wants_it(page: Path) -> None:
    """From version 5 on: no `.py`, and a hyphen where there was an underscore."""
    text = page.read_text()
    assert not re.search(r"esptool\.py|(erase|write)_flash|\bCOM\d", text)
    if page.parent.name.startswith("esp32"):
        commands = re.findall(r"`esptool --port /dev/tty\w+ ([a-z-]+)( \w+ FILE\.bin)?`", text)
        offset = " 0x1000 FILE.bin" if page.parent.name == "esp32" else " 0 FILE.bin"
        assert commands == [("erase-flash", ""), ("write-flash", offset)]


def test_uninstalling_leaves_the_board_as_it_was_before_the_flash(vboard: VirtualBoard) -> None:
    (vboard.flash_dir / "main.py").write_bytes(OWN)
    (vboard.flash_dir / "mine.txt").write_text("mine")
    assert "/main.py was not Sluice's: kept as /main.py.old" in flash(vboard)
    assert run(*itself.sluice("set", "--port", vboard.url))  # it answers, so it runs
    (vboard.flash_dir / "secrets.json").write_text("{}")
    printed = [run(sys.executable, "-m", "mpremote", *words) for words in uninstalling(vboard)]
    assert "app_" in printed[1] and "main.py.old" in printed[1]
    left = {path.name: path.read_bytes() for path in vboard.flash_dir.rglob("*")}
    assert left == {"main.py": OWN, "mine.txt": b"mine"}
