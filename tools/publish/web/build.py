"""Builds the page: copies it together with what it runs on."""

import json
import shutil
from pathlib import Path

from ...board.flash.release import library
from ...errors import UserError
from ...itself import FIRMWARE
from ...vboard import MICROPYTHON, install_micropython
from ...vboard.node import install

_HERE = Path(__file__).resolve().parent
_PAGE = _HERE / "page"
_UPLOT = _HERE / "node_modules" / "uplot"
_MARK = "firmware.json"  # says that a folder is a build's, also of one that was cut off


def install_parts() -> None:
    """Fetch what others wrote of the page, from the npm registry: uPlot, and MicroPython.

    UserError says why it cannot be.
    """
    install(_HERE)
    install_micropython()


def build(out: Path) -> None:
    """Write the page into the folder `out`, which any static server can serve.

    What is there of an earlier build is replaced. UserError: uPlot or MicroPython is not installed,
    `out` holds something else, or cannot be written.
    """
    for package in (_UPLOT, MICROPYTHON):
        if not package.is_dir():
            raise UserError(
                f"{package.name} is not installed; `sluice web --install` fetches it, once"
            )
    try:
        _clear(out)
        out.mkdir(parents=True, exist_ok=True)
        names = sorted(library(FIRMWARE, arch=""))
        (out / _MARK).write_text(json.dumps(names, indent=1) + "\n")
        compiled = shutil.ignore_patterns("__pycache__")  # pip leaves it where it installs
        shutil.copytree(_PAGE, out, ignore=compiled, dirs_exist_ok=True)
        _copy(_UPLOT / "dist", out / "uplot", "uPlot.esm.js", "uPlot.min.css")
        _copy(_UPLOT, out / "uplot", "LICENSE")
        _copy(MICROPYTHON, out / "micropython", "micropython.mjs", "micropython.wasm")
        _copy(FIRMWARE, out / "firmware", *names)
    except OSError as error:
        raise UserError(f"{error.filename or out}: {error.strerror}") from None


def _clear(out: Path) -> None:
    """Remove an earlier build, but not its mark: this may be cut off, too."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is not a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / _MARK).is_file():
        raise UserError(f"{out} holds other files; the page wants an empty folder, or a new one")
    for path in out.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _MARK:
            path.unlink()


def _copy(source: Path, target: Path, *names: str) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
