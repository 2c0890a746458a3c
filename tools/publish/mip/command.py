"""The command `sluice package`."""

from pathlib import Path

import click

from ...board import kinds
from ...board.flash.command import FIRMWARE
from ...board.flash.release import library
from ...errors import UserError
from . import flat
from .packages import SOURCE, files, library_version, packages


@click.command("package")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Build the compiled packages, and those of the source, in folders of this one:"
    " source, bytecode, and one for each architecture that boards/ has.",
)
@click.option(
    "--flat",
    "flat_out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write bucket and ring into this folder, as single files for MicroPython 1.9.2 or a board"
    " without packages.",
)
@click.option(
    "--firmware",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=FIRMWARE,
    help="The folder with sluice/ in it, instead of Sluice's own.",
)
def package(out: Path | None, flat_out: Path | None, firmware: Path) -> None:
    """Write what `mip install` takes.

    Without --out or --flat: the packages of the source, firmware/package.json and those beside it,
    which are to be committed.
    """
    if flat_out is not None:
        _write(flat_out, _flat(firmware))
    if out is not None:
        for folder, arch in _kinds():
            _write(out / folder, files(firmware, arch))
    if flat_out is None and out is None:
        _write(firmware, _source(firmware))


def _source(firmware: Path) -> dict[str, bytes]:
    found = packages(library(firmware, SOURCE), ".py")
    return {name: text.encode() for name, text in found.items()}


def _flat(firmware: Path) -> dict[str, bytes]:
    version = library_version(firmware / "sluice" / "__init__.py")
    mark = f"# Sluice {version}, written by `sluice package --flat`.\n"
    modules = flat.sources(firmware)
    return {
        f"{name}.py": (mark + flat.flat(text, modules)).encode() for name, text in modules.items()
    }


def _kinds() -> list[tuple[str, str]]:
    """(folder, architecture) of each kind of package."""
    arches = {kinds.load(name).arch for name in kinds.names()} - {""}
    return [("source", SOURCE), ("bytecode", ""), *((arch, arch) for arch in sorted(arches))]


def _write(folder: Path, found: dict[str, bytes]) -> None:
    """Write the files, and say what is there."""
    try:
        for name, data in found.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    names = sorted(name for name in found if "/" not in name)
    click.echo(f"{folder}: {', '.join(names)}")
