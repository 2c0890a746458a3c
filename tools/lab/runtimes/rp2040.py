"""Any MicroPython image for the Raspberry Pi Pico, on PyPI's emulator rp2040py.

The environment variable SLUICE_UF2 names the image: the path of a .uf2 file, or `download` for
the official one, which rp2040py fetches. Its timers interrupt as hard as real ones.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ...errors import UserError
from .raw_repl import RawRepl
from .runtime import Runtime, compiled

_IMAGE = "SLUICE_UF2"
_ARCH = "armv6m"
_BOOT_S = 120
_LITTLEFS_2_0 = 0x00020000  # what every MicroPython mounts


class Rp2040(Runtime):
    """native: the library has its machine code, else bytecode alone."""

    name = "RP2040"

    def __init__(self, native: bool = True) -> None:
        self._arch = _ARCH if native else ""
        self._emulator: subprocess.Popen[str] | None = None
        self._repl: RawRepl | None = None

    @classmethod
    def why_not(cls) -> str | None:
        if not os.environ.get(_IMAGE):
            return f"{_IMAGE} is not set; it names a MicroPython image (.uf2), or is `download`"
        missing = [name for name in ("rp2040py", "littlefs") if not importlib.util.find_spec(name)]
        return (
            f"{' and '.join(missing)} not installed: pip install rp2040py[fs]" if missing else None
        )

    def start(self, helpers: Mapping[str, Path]) -> None:
        with tempfile.NamedTemporaryFile(suffix=".lfs") as flash:
            flash.write(_file_system(compiled(helpers, self._arch)))
            flash.flush()
            self._repl = RawRepl(self._boot(flash.name))
        self._repl.enter(_BOOT_S)

    def run(self, program: str, timeout_s: float = 60) -> list[str]:
        assert self._repl
        return self._repl.run(program, timeout_s)

    def renew(self) -> None:
        assert self._repl
        self._repl.soft_reset(_BOOT_S)

    def stop(self) -> None:
        if self._repl:
            self._repl.close()
        if self._emulator:
            self._emulator.kill()
            self._emulator.communicate()

    def _boot(self, flash: str) -> str:
        """Switch the board on; the terminal of its serial line."""
        named = os.environ[_IMAGE]
        image = [] if named == "download" else ["--image", named]
        self._emulator = subprocess.Popen(
            [sys.executable, "-m", "rp2040py", "micropython", "--pty", "--littlefs", flash, *image],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._emulator.stdout
        said = ""
        for said in self._emulator.stdout:
            if terminal := re.search(r"/dev/\S+", said):
                return terminal[0]
        raise UserError(f"rp2040py with {_IMAGE}={named}: {said.strip()}")


def _file_system(modules: Mapping[str, bytes]) -> bytes:
    """The Pico's flash with the modules under /lib."""
    # Installed only where such an image is run; why_not says so.
    from littlefs import LittleFS  # pyright: ignore[reportMissingImports]
    from rp2040py.utils.firmware_retrieve import (  # pyright: ignore[reportMissingImports]
        MICROPYTHON,
        flash_layout,
    )

    layout = flash_layout(MICROPYTHON, "pico")
    flash = LittleFS(
        block_size=layout["fs_blocksize"],
        block_count=layout["fs_blockcount"],
        disk_version=_LITTLEFS_2_0,
    )
    for path, content in modules.items():
        flash.makedirs(str(PurePosixPath("/lib", path).parent), exist_ok=True)
        with flash.open(f"/lib/{path}", "wb") as file:
            file.write(content)
    return bytes(flash.context.buffer)
