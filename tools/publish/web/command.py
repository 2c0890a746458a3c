"""The command `sluice web`."""

from pathlib import Path

import click

from .build import build, install_parts


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/web"),
    show_default=True,
    help="The folder for the page, a new one or that of an earlier build.",
)
@click.option(
    "--install", is_flag=True, help="Fetch uPlot and MicroPython (1 MB, by npm), and end."
)
def web(out: Path, install: bool) -> None:
    """Build the page for the browser: a playground, and a console for a board on USB.

    It consists of files alone; any static server can serve them.
    """
    if install:
        install_parts()
        return
    build(out)
    click.echo(f"{out}/index.html: serve it with `python3 -m http.server --directory {out}`")
