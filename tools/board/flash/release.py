"""A release: the firmware compiled for one board, as the files that go onto it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..kinds import BoardKind
from .compiler import compile_file

LOADER = "/main.py"
ANY_ARCH = "any"
KERNEL = "_native.py"  # what the name of a file of machine code ends in
FOLDER = re.compile(r"/app_[0-9a-f]{8}\b")

_PROGRAM = ("main.py", "board.py")  # of a release, besides the library

# The first line tells a loader from a main.py that someone wrote.
_MARK = "# Written by `sluice flash`, which will overwrite it: starts the release in this folder."


@dataclass(frozen=True)
class Release:
    """folder is its place on the board, named after its contents; files maps each path to them.

    library: the digest of the library's sources in it; empty if it does without.
    """

    folder: str
    files: dict[str, bytes]
    library: str

    @classmethod
    def of(cls, compiled: Mapping[str, bytes], library: str) -> "Release":
        """compiled: the files by their names in the folder."""
        folder = f"/app_{_sha256(compiled)[:8]}"
        return cls(folder, {f"{folder}/{name}": compiled[name] for name in compiled}, library)

    def beside(self, frozen: str) -> "Release":
        """What a board needs whose firmware image holds the library of this digest, or, if it is
        empty, none."""
        if not frozen or frozen != self.library:
            return self
        names = (as_compiled(name) for name in _PROGRAM)
        return Release.of({name: self.files[f"{self.folder}/{name}"] for name in names}, "")

    @property
    def mpy(self) -> tuple[int, int]:
        """The .mpy version that a board must read; the sub-version is 0 without native code."""
        return max((data[1], data[2] & 3) for data in self.files.values())

    @property
    def loader(self) -> bytes:
        """The /main.py that starts this release."""
        # A library in the firmware image comes before what else lies on the board's flash.
        path = [self.folder, ".frozen"]
        return f"{_MARK}\nimport sys\n\nsys.path[:0] = {path}\nimport main\n".encode()


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
    its_library = library(firmware, board.arch)
    program = dict(zip(_PROGRAM, (firmware / "main.py", board.program), strict=True))

    compiled = {}
    for name, path in sorted((program | its_library).items()):
        compiled[as_compiled(name)] = compile_file(path, name, board.arch)
    return Release.of(compiled, digest(its_library))


def library(firmware: Path, arch: str) -> dict[str, Path]:
    """The library's files for a board, by their names below firmware.

    arch: of the board's machine code; empty for one that runs bytecode only, which gets no kernels.
    """
    found = {
        path.relative_to(firmware).as_posix(): path
        for path in sorted((firmware / "sluice").rglob("*.py"))
    }
    return {name: path for name, path in found.items() if arch or not is_kernel(name)}


def digest(sources: Mapping[str, Path]) -> str:
    """Of a library's files by their names, as firmware/manifest.py puts it into an image."""
    return _sha256({name: path.read_bytes() for name, path in sources.items()})


def _sha256(files: Mapping[str, bytes]) -> str:
    """Of all files by their names, in hex."""
    whole = hashlib.sha256()
    for name, data in sorted(files.items()):
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def is_kernel(name: str) -> bool:
    """Whether a file of the library is machine code for another one."""
    return name.endswith(KERNEL)


def served_by(kernel: str) -> str:
    """The compiled file that a kernel's machine code is for."""
    return kernel.removesuffix(KERNEL) + ".mpy"


def as_compiled(name: str) -> str:
    """What a source file is called once it is compiled."""
    return name.removesuffix(".py") + ".mpy"
