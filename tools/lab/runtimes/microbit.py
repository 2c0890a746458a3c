"""MicroPython 1.9.2 on a Cortex-M0 with 9 KB of heap: the micro:bit's image under QEMU."""

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from ...errors import UserError
from ...itself import FIRMWARE
from ...publish.mip.flat import sources
from .flat import flat_files, flat_program
from .raw_repl import ProgramError, RawRepl
from .runtime import Runtime

_QEMU = "qemu-system-arm"
_IMAGE = Path("/usr/share/firmware-microbit-micropython/firmware.hex")
# Bytes: its UART has no flow control, and the program behind it room for 64. On a busy machine some
# are still in the host's terminal when the board seems to wait for more.
_CHUNK = 24
_IDLE_S = 20  # a board that reads is idle before, also on a busy machine
_BOOT_S = 20
_TRIES = 4
_NO_ROOM = "parser could not allocate enough memory"
_LIBRARY = sources(FIRMWARE)


class Microbit(Runtime):
    """Each program finds the board as after a reset, with the library as flat files.

    icount_shift: the board's clock counts instructions, of 2^icount_shift ns each, so that
    what it measures is the same on any machine; None: it follows the host's clock.
    """

    name = "micro:bit"
    holds = frozenset(_LIBRARY)

    def __init__(self, icount_shift: int | None = None) -> None:
        self._icount_shift = icount_shift
        self._qemu: subprocess.Popen[str] | None = None
        self._repl: RawRepl | None = None
        self._modules: dict[str, str] = {}

    @classmethod
    def why_not(cls) -> str | None:
        missing = [] if shutil.which(_QEMU) else [_QEMU]
        if not _IMAGE.exists():
            missing.append("firmware-microbit-micropython")
        return f"{' and '.join(missing)} (Debian) not installed" if missing else None

    def start(self, helpers: Mapping[str, Path]) -> None:
        self._modules = _LIBRARY | {name: path.read_text() for name, path in helpers.items()}
        self._repl = RawRepl(self._boot(), _CHUNK, self._idle)
        self._repl.enter(_BOOT_S)
        for name, text in flat_files(self._modules).items():
            self._repl.write_file(name, text.encode())

    def run(self, program: str, timeout_s: float = 60) -> list[str]:
        # Its collector takes what it finds on the C stack for addresses, so what a program finds
        # free hangs on chance: one that just fits is given further tries, and so is a damaged one.
        for _ in range(_TRIES - 1):
            try:
                return self._run(program, timeout_s)
            except ProgramError as error:
                if _NO_ROOM not in str(error) and not error.damaged:
                    raise
        return self._run(program, timeout_s)

    def _run(self, program: str, timeout_s: float) -> list[str]:
        assert self._repl
        self._repl.soft_reset()
        self._repl.run("import gc\ngc.threshold(512)")
        printed: list[str] = []
        done = ""
        for statement in flat_program(program, self._modules):
            printed += self._repl.run(statement, timeout_s, done)
            done += statement
        return printed

    def stop(self) -> None:
        if self._repl:
            self._repl.close()
        if self._qemu:
            self._qemu.kill()
            self._qemu.communicate()
        self._repl = self._qemu = None

    def _idle(self) -> None:
        """Wait until the board has read what was sent: then it sleeps, and so do QEMU's threads.

        At least 10 ms, in which the host's terminal has passed it on; without /proc, no more.
        """
        assert self._qemu
        threads = Path(f"/proc/{self._qemu.pid}/task")
        time.sleep(0.01)
        deadline = time.monotonic() + _IDLE_S
        asleep = 0
        while asleep < 2 and time.monotonic() < deadline:
            states = [
                path.read_text().rpartition(")")[2].split()[0] for path in threads.glob("*/stat")
            ]
            asleep = 0 if "R" in states else asleep + 1
            time.sleep(0.001)

    def _boot(self) -> str:
        """Switch the board on; the terminal of its serial line."""
        options = ["-serial", "pty", "-display", "none", "-monitor", "none"]
        if self._icount_shift is not None:
            options += ["-icount", f"shift={self._icount_shift}"]
        self._qemu = subprocess.Popen(
            [_QEMU, "-M", "microbit", "-device", f"loader,file={_IMAGE}", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._qemu.stdout
        said = self._qemu.stdout.readline().strip()
        terminal = re.search(r"/dev/\S+", said)
        if terminal is None:
            raise UserError(f"{_QEMU}: {said}")
        return terminal[0]
