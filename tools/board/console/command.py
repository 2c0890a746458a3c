"""The command `sluice console`."""

import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import cast

import click

from . import formats
from .events import Event, LinkDown, LinkUp
from .watch import Watch


@click.command()
@click.option("--port", "-p", required=True, help="The board's port: a device or a pyserial URL.")
@click.option("--plain", is_flag=True, help="One readable line for each statistics line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each line.")
@click.option("--teleplot", is_flag=True, help="Lines for Teleplot: >name:time in ms:value.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the statistics to FILE, in any mode; what was in FILE is replaced.",
)
def console(port: str, plain: bool, as_json: bool, teleplot: bool, csv_path: Path | None) -> None:
    """Watch a board: its statistics and what it prints.

    Shows a screen on a terminal, otherwise plain lines. Continues when the board is reset, or
    unplugged and plugged in again. q or Ctrl-C ends it.
    """
    if plain + as_json + teleplot > 1:
        raise click.UsageError("--plain, --json and --teleplot exclude each other.")
    with (
        nullcontext() if csv_path is None else formats.CsvFile(csv_path) as csv_file,
        closing(Watch(port, csv_file and csv_file.add)) as watch,
    ):
        if as_json:
            _print(watch, formats.json_object)
        elif teleplot:
            _print(watch, formats.teleplot)
        elif plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
            _print(watch, formats.plain)
        else:
            from .app import ConsoleApp  # with all of Textual, which lines do without

            error = ConsoleApp(watch).run()
            if error is not None:
                raise error


def _print(watch: Watch, form: Callable[[Event], str | None]) -> None:
    # A board may print characters that the terminal's encoding does not have.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    try:
        for batch in watch.events():
            for event in batch:
                if isinstance(event, LinkUp):
                    click.echo(f"{watch.name}: connected", err=True)
                elif isinstance(event, LinkDown):
                    click.echo(f"{watch.name}: gone, {event.reason}; trying again", err=True)
                text = form(event)
                if text is not None:
                    click.echo(text)
    except KeyboardInterrupt:
        pass
