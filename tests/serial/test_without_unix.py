"""What one does with a board, as on Windows: without what Python has on Unix alone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sluice_tools.vboard import VirtualBoard

# Takes from our own modules what Windows lacks, and runs a command. pyserial and mpremote, which
# do without it there, keep it.
PROGRAM = """
import builtins, os, select, signal, socket, sys
TAKEN = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
real = builtins.__import__
def limited(name, globals=None, locals=None, fromlist=(), level=0):
    if name in TAKEN and ((globals or {}).get("__name__") or "").startswith("sluice_tools"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return real(name, globals, locals, fromlist, level)
import asyncio, mpremote.transport_serial, subprocess  # which look for it themselves
builtins.__import__ = limited
for module, names in (
    (os, ("getuid", "fork", "pwrite", "pread", "set_blocking")),
    (select, ("poll",)),
    (socket, ("AF_UNIX", "recv_fds", "send_fds")),
    (signal, ("SIGHUP", "SIGUSR1")),
):
    for name in names:
        delattr(module, name)
def pair():  # Windows' own
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        return ours, server.accept()[0]
socket.socketpair = pair
# What pyserial says there; it keeps only the text of the system's error.
import serial
def denied(port, *arguments, **more):
    why = PermissionError(13, "Access is denied.", None, 5)
    raise serial.SerialException(f"could not open port {port!r}: {why!r}")
serial.Serial = denied
from sluice_tools.cli import main
main(sys.argv[1:], prog_name="sluice")
"""
EVERYDAY = ["audit", "console", "doctor", "feed", "flash", "set"]


def sluice(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "USERNAME": "ada"},
    )


@pytest.mark.parametrize("name", EVERYDAY)
def test_each_everyday_command_loads(name: str) -> None:
    done = sluice(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_board_is_flashed_set_fed_and_looked_at(vboard: VirtualBoard, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,x\n" + "".join(f"{i / 100},{i}\n" for i in range(100)))
    flashed = sluice("flash", "--board", "virtual", "--port", vboard.url)
    assert flashed.returncode == 0, flashed.stderr
    fed = sluice("feed", "--port", vboard.url, "--resume", tmp_path / "bookmark", log)
    assert fed.returncode == 0, fed.stderr
    assert "100  in order" in fed.stdout
    changed = sluice("set", "--port", vboard.url, "rate=70")
    assert changed.returncode == 0, changed.stderr
    assert re.search(r"^rate +70$", changed.stdout, re.MULTILINE)
    assert "rate  500 -> 70" in sluice("audit", "--port", vboard.url).stdout
    looked_at = sluice("doctor", "--port", vboard.url)
    assert looked_at.returncode == 0, looked_at.stderr


def test_a_port_that_another_program_has_is_told_as_such() -> None:
    done = sluice("set", "--port", "COM3", "rate=1")
    assert done.returncode == 1
    (says,) = done.stderr.splitlines()
    assert says.startswith("Error: COM3: in use by another program, or not yours; on this system")
