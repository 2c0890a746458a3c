"""The command `sluice package`."""

from pathlib import Path

import click

from ...board import known as boards
from ...board.flash.command import FIRMWARE
from ...board.flash.release import library
from ...errors import UserError
from .packages import SOURCE, files, packages


@click.command("package")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Build the compiled packages, and those of the source, in folders of this one:"
    " source, bytecode, and one for each architecture that boards/ has.",
)
@click.option(
    "--firmware",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=FIRMWARE,
    help="The folder with sluice/ in it, instead of Sluice's own.",
)
def package(out: Path | None, firmware: Path) -> None:
    """Write what `mip install` takes.

    Without --out: the packages of the source, firmware/package.json and one beside each module,
    which are to be committed.
    """
    if out is None:
        _write(firmware, _source(firmware))
        return
    for folder, arch in _kinds():
        _write(out / folder, files(firmware, arch))


def _source(firmware: Path) -> dict[str, bytes]:
    found = packages(library(firmware, SOURCE), ".py")
    return {name: text.encode() for name, text in found.items()}


def _kinds() -> list[tuple[str, str]]:
    """(folder, architecture) of each kind of package."""
    arches = {boards.load(name).arch for name in boards.names()} - {""}
    return [("source", SOURCE), ("bytecode", ""), *((arch, arch) for arch in sorted(arches))]


def _write(folder: Path, found: dict[str, bytes]) -> None:
    """Write the files, remove the packages of modules that are no more, and say what is there."""
    try:
        for stale in {*folder.glob("sluice/*.json")} - {folder / name for name in found}:
            stale.unlink()
        for name, data in found.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    count = sum(name.endswith(".json") for name in found)
    click.echo(f"{folder}: {count} packages")
