"""What every MicroPython that runs our programs has in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from ...board.flash.compiler import compile_file
from ...board.flash.release import library
from ...itself import FIRMWARE


class Runtime(ABC):
    """A MicroPython with the library on it, from `start` to `stop`."""

    name: str
    holds: frozenset[str] | None = None
    """The modules of the library that it has room for; None: all."""

    @classmethod
    @abstractmethod
    def why_not(cls) -> str | None:
        """What is missing to start it here; None: nothing."""

    @abstractmethod
    def start(self, helpers: Mapping[str, Path]) -> None:
        """Start it; helpers are more modules that programs may import, by name.

        Raises UserError or TimeoutError if it does not come up.
        """

    @abstractmethod
    def run(self, program: str, timeout_s: float = 60) -> list[str]:
        """The lines that the program prints.

        Raises ProgramError for what it raises, TimeoutError if it does not end.
        """

    def renew(self) -> None:
        """Empty the heap of what programs have left there, where the runtime can."""
        return

    @abstractmethod
    def stop(self) -> None:
        """Stop it, also when it has not come up."""


def compiled(helpers: Mapping[str, Path], arch: str = "") -> dict[str, bytes]:
    """The whole library and the helpers compiled, by their paths below /lib; arch as of a board."""
    sources = library(FIRMWARE, arch) | {f"{name}.py": path for name, path in helpers.items()}
    return {
        f"{name.removesuffix('.py')}.mpy": compile_file(path, name, arch)
        for name, path in sources.items()
    }


def write_compiled(folder: Path, helpers: Mapping[str, Path], arch: str = "") -> None:
    """Put them into a folder."""
    for path, content in compiled(helpers, arch).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
