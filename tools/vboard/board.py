"""The virtual board as a process: real MicroPython behind a serial line."""

import fcntl
import json
import os
import shutil
import tempfile
import tty
from pathlib import Path
from typing import Self

from ..errors import UserError
from .node import NodeProcess, find_node, install

_HERE = Path(__file__).resolve().parent
MICROPYTHON = _HERE / "node_modules" / "@micropython" / "micropython-webassembly-pyscript"
"""The folder of the npm package, if it is installed."""


def install_micropython() -> None:
    """Fetch the MicroPython that virtual boards run, from the npm registry.

    UserError says why it cannot be.
    """
    install(_HERE)


def why_no_micropython() -> str | None:
    """What to do about a MicroPython, or its Node, that is not there; None when they are."""
    try:
        find_node()
    except UserError as error:
        return error.message
    if MICROPYTHON.is_dir():
        return None
    return f"{MICROPYTHON.name} is not installed; `sluice vboard --install` fetches it, once"


class VirtualBoard:
    """A board that runs while the context is entered.

    flash_dir: the host's folder that is the board's file system; None: a new one
               that is removed at the end.
    port:      the TCP port on 127.0.0.1; 0: a free one.
    pty:       a pseudo-terminal instead of the TCP port.
    flash_kb:  what the file system holds.
    heap_kb:   the Python heap at the start. It grows when it is full, since this
               MicroPython collects garbage only when no program runs.
    uart1:     a file to which everything sent on UART(1) is appended.
    uart1_input: a file; what is appended to it while the board runs comes in on UART(1).

    The line is like a USB-serial bridge: a client stays connected over a reset,
    there is one client at a time, and what nobody takes is lost.

    Raises UserError if the board cannot be started.
    """

    def __init__(
        self,
        flash_dir: Path | str | None = None,
        *,
        port: int = 0,
        pty: bool = False,
        flash_kb: int = 1408,
        heap_kb: int = 264,
        uart1: Path | str | None = None,
        uart1_input: Path | str | None = None,
    ):
        self._temporary = flash_dir is None
        self.flash_dir = Path(flash_dir or tempfile.mkdtemp(prefix="vboard-")).resolve()
        self._port = port
        self._pty = pty
        self._uart1 = Path(uart1).resolve() if uart1 else None
        self._uart1_input = Path(uart1_input).resolve() if uart1_input else None
        self._flash_kb = flash_kb
        self._heap_kb = heap_kb
        self._terminal: list[int] = []  # the pty's two ends
        self._lock: int | None = None  # the folder, open
        self._node: NodeProcess | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the board's only process."""
        return self._running.pid

    def start(self) -> None:
        """Switch the board on; `url` is then what pyserial and mpremote take.

        UserError: it cannot be, or another board has the folder.
        """
        try:
            self._check_files()
            self._take_flash()
            self._node = NodeProcess(_HERE / "board.js", self._setup(), self._terminal[:1])
            port = self._node.answer("ready")
        except BaseException:
            self.stop()
            raise
        self.url = os.ttyname(self._terminal[1]) if self._pty else f"socket://127.0.0.1:{port}"

    def stop(self) -> None:
        """Switch the board off."""
        if self._node:
            self._node.end()
        for fd in self._terminal:
            os.close(fd)
        self._node, self._terminal = None, []
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._temporary:
            shutil.rmtree(self.flash_dir, ignore_errors=True)

    def reset(self) -> None:
        """Press the reset button: whatever runs is cut off at once, and the board boots."""
        self._running.tell("reset")
        self._running.answer("reset")

    def wait(self) -> None:
        """Wait until the board ends by itself, by a fault of its own; raises UserError then."""
        self._running.wait()

    @property
    def _running(self) -> NodeProcess:
        if self._node is None:
            raise RuntimeError("the virtual board is switched off")
        return self._node

    def _check_files(self) -> None:
        if reason := why_no_micropython():
            raise UserError(reason)
        try:
            self.flash_dir.mkdir(parents=True, exist_ok=True)
            for path in filter(None, (self._uart1, self._uart1_input)):
                path.open("a").close()
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}") from None

    def _take_flash(self) -> None:
        self._lock = os.open(self.flash_dir, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{self.flash_dir}: another virtual board has this folder") from None

    def _setup(self) -> str:
        setup: dict[str, object] = {
            "flash": str(self.flash_dir),
            "flashBytes": self._flash_kb * 1024,
            "heapBytes": self._heap_kb * 1024,
        }
        if self._uart1:
            setup["uart1"] = str(self._uart1)
        if self._uart1_input:
            setup["uart1Input"] = str(self._uart1_input)
        if self._pty:
            self._terminal = list(os.openpty())
            tty.setraw(self._terminal[1])
            os.set_blocking(self._terminal[0], False)
            setup["ptyFd"] = self._terminal[0]
        else:
            setup["port"] = self._port
        return json.dumps(setup)
