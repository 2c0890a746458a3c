"""The command `sluice feed`."""

import json
import math
import os
import signal
import stat
import time
from collections import deque
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ...errors import UserError
from .arrivals import TIME_COLUMNS, read_lines, read_log
from .bookmark import Bookmark
from .feeder import Feeder

_SHOW_S = 0.1
_RATE_S = 2.0


@click.command()
@click.argument("log", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--port", "-p", required=True, help="The board's port: a device or a pyserial URL.")
@click.option("--speed", type=float, metavar="X", help="X times as fast as it happened; default 1.")
@click.option("--asap", is_flag=True, help="As fast as the board takes it.")
@click.option(
    "--time-column",
    metavar="NAME",
    help="The CSV's column with seconds or ISO 8601 times; "
    f"default: the first of {', '.join(TIME_COLUMNS)}.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Note in FILE which records are acknowledged, and leave out those that are.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")
@click.pass_context
def feed(
    context: click.Context,
    log: str,
    port: str,
    speed: float | None,
    asap: bool,
    time_column: str | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Send a log to a board as it happened, and account for each record.

    LOG is an access log of Apache or nginx, a CSV with a time column, or - for the lines of the
    standard input, sent as they come. Each line is a record. The exit status is 1 if any was lost
    or not sent, or if there was none.
    """
    if speed is not None and not (math.isfinite(speed) and speed > 0):
        raise click.BadParameter("must be above 0.", param_hint="--speed")
    if speed is not None and asap:
        raise click.UsageError("--speed and --asap exclude each other.")
    if log == "-" and (speed is not None or time_column is not None):
        raise click.UsageError("The standard input's lines have no times: no --speed, no column.")
    if log == "-" and resume is not None:
        raise click.UsageError("The standard input cannot be read again: no --resume.")
    stream = _opened(log)  # never closed: the thread that reads it may be waiting in it
    arrivals = read_lines(stream) if log == "-" else read_log(stream, log, time_column)
    pace = math.inf if asap or log == "-" else speed or 1.0
    bookmark = Bookmark(resume) if resume is not None else None
    with _Display(_size(stream)) as display:
        shows = display.show_line, display.show_progress
        feeder = Feeder(arrivals, port, pace, *shows, bookmark, display.show_notice)
        failure = _run(feeder)
    if bookmark is not None:
        bookmark.close()
    if feeder.answered or failure is None:
        account = feeder.account()
        click.echo(json.dumps(account.as_dict()) if as_json else account.as_text())
        if failure is None and not account.complete:
            context.exit(1)
    if failure is not None:
        raise failure


def _run(feeder: Feeder) -> UserError | None:
    """Runs a feed, which Ctrl-C stops; what ended it before its time."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: feeder.stop()) for number in signals]
    try:
        feeder.run()
    except UserError as error:
        return error
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
    return None


def _opened(log: str) -> BinaryIO:
    try:
        # Not sys.stdin: a thread that waits in it would keep the interpreter from ending.
        return open(0 if log == "-" else log, "rb", closefd=log != "-")
    except OSError as error:
        raise UserError(f"{log}: {error.strerror}") from error


def _size(stream: BinaryIO) -> int | None:
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class _Display:
    """The progress bar on the terminal, and the board's lines above it."""

    def __init__(self, size: int | None) -> None:
        console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=size, figures="")
        self._latest: deque[tuple[float, int]] = deque()
        self._last = (0, 0)

    def __enter__(self) -> "_Display":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._update(*self._last)
        self._progress.stop()

    def show_line(self, line: str) -> None:
        self._progress.console.print(f"board: {line}", markup=False, soft_wrap=True)

    def show_notice(self, text: str) -> None:
        self._progress.console.print(text, markup=False, soft_wrap=True)

    def show_progress(self, position: int, delivered: int) -> None:
        self._last = position, delivered
        if not self._latest or time.monotonic() - self._latest[-1][0] >= _SHOW_S:
            self._update(position, delivered)

    def _update(self, position: int, delivered: int) -> None:
        now = time.monotonic()
        self._latest.append((now, delivered))
        while now - self._latest[0][0] > _RATE_S:
            self._latest.popleft()
        since, before = self._latest[0]
        rate = (delivered - before) / (now - since) if now > since else 0
        figures = f"{delivered:,} delivered  {rate:,.0f}/s"
        self._progress.update(self._task, completed=position, figures=figures)
