"""The boards that Sluice knows: one folder each under boards/, and no list of them anywhere."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..itself import BOARDS


@dataclass(frozen=True)
class BoardKind:
    """One board's folder.

    platform is what sys.platform says there, empty for any, machine a regular expression
    found in sys.implementation._machine, micropython the oldest version that will do, and
    arch one of ARCHITECTURES.
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
        return self.platform in ("", platform) and self.machine.search(machine) is not None


def names(boards: Path = BOARDS) -> list[str]:
    """The names of all boards, sorted."""
    return sorted(path.parent.name for path in boards.glob("*/board.toml"))


def load(name: str, boards: Path = BOARDS) -> BoardKind:
    """The board of that name; UserError if there is none or if its board.toml is not right."""
    if name not in names(boards):
        raise UserError(f"no board {name!r}; there are: {', '.join(names(boards))}")
    path = boards / name / "board.toml"
    # Here, since most commands need no board.toml, and pydantic takes a while to load.
    from ..tomlfile import read
    from .facts import Facts

    return BoardKind(name=name, folder=path.parent, **dict(read(path, Facts)))


def fitting(platform: str, machine: str, boards: Path = BOARDS) -> list[BoardKind]:
    """The boards that say this of themselves; those for any platform come last."""
    known = [load(name, boards) for name in names(boards)]
    fit = [board for board in known if board.fits(platform, machine)]
    return sorted(fit, key=lambda board: board.platform == "")
