"""The boards that Sluice knows: one folder each under boards/, and no list of them anywhere."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..itself import BOARDS

# What mpy-cross takes as -march, in the order of the numbers in sys.implementation._mpy;
# "" is bytecode without native code, which every board can read.
ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)


@dataclass(frozen=True)
class Board:
    """One board's folder.

    platform is what sys.platform says there, machine a regular expression found in
    sys.implementation._machine, micropython the oldest version that will do, and arch
    one of ARCHITECTURES.
    """

    name: str
    title: str
    platform: str
    machine: re.Pattern[str]
    arch: str
    micropython: tuple[int, int]
    folder: Path

    @property
    def program(self) -> Path:
        """The module `board` for the firmware."""
        return self.folder / "board.py"

    def fits(self, platform: str, machine: str) -> bool:
        """Whether a board that says this of itself is this one."""
        return platform == self.platform and self.machine.search(machine) is not None


def names(boards: Path = BOARDS) -> list[str]:
    """The names of all boards, sorted."""
    return sorted(path.parent.name for path in boards.glob("*/board.toml"))


def load(name: str, boards: Path = BOARDS) -> Board:
    """The board of that name; UserError if there is none or if its board.toml is not right."""
    if name not in names(boards):
        raise UserError(f"no board {name!r}; there are: {', '.join(names(boards))}")
    path = boards / name / "board.toml"
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from None

    keys = ("title", "platform", "machine", "arch", "micropython")
    for key in keys:
        if not isinstance(facts.get(key), str):
            raise UserError(f"{path}: {key} must be a string, not {facts.get(key)!r}")
    if unknown := sorted(facts.keys() - set(keys)):
        raise UserError(f"{path}: {', '.join(unknown)}: unknown; known are {', '.join(keys)}")
    if facts["arch"] not in ARCHITECTURES:
        allowed = ", ".join(repr(arch) for arch in ARCHITECTURES)
        raise UserError(f"{path}: arch {facts['arch']!r} is none of {allowed}")
    version = re.fullmatch(r"(\d+)\.(\d+)", facts["micropython"])
    if not version:
        raise UserError(f"{path}: micropython {facts['micropython']!r} is not like '1.23'")
    try:
        machine = re.compile(facts["machine"])
    except re.error as error:
        raise UserError(f"{path}: machine {facts['machine']!r}: {error}") from None

    return Board(
        name=name,
        title=facts["title"],
        platform=facts["platform"],
        machine=machine,
        arch=facts["arch"],
        micropython=(int(version[1]), int(version[2])),
        folder=path.parent,
    )
