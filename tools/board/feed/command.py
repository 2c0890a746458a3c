"""The command `sluice feed`."""

import json
import math
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ...errors import UserError
from .arrivals import Wanted, read_lines, read_logs
from .bookmark import Bookmark
from .feeder import Feeder
from .formats.times import TIME_NAMES
from .opening import Log, open_log

_SHOW_S = 0.1
_RATE_S = 2.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", re.ASCII)
_UNITS_S = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600}

C = TypeVar("C", bound=Callable[..., object])


def wanted_options(command: C) -> C:
    """Options that say where the time and the record stand in a line of a log."""
    for option in (
        click.option(
            "--record-key",
            metavar="NAME",
            help="The CSV's column or the dotted key of JSON that is the record; "
            "default: the whole line.",
        ),
        click.option(
            "--time-key",
            metavar="NAME",
            help="The dotted key of JSON with the time, as meta.ts; default as for CSV.",
        ),
        click.option(
            "--time-column",
            metavar="NAME",
            help="The CSV's column with the time, in seconds since any moment, milliseconds since "
            f"1970, or ISO 8601; default: the first of {', '.join(TIME_NAMES)}.",
        ),
    ):
        command = option(command)
    return command


def _gap_s(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    parts = _DURATION.fullmatch(text)
    seconds = float(parts[1]) * _UNITS_S[parts[2]] if parts else 0
    if not 0 < seconds < math.inf:
        raise click.BadParameter(f"{text!r} is not a time above 0, as 500ms, 5s, 2m or 1h.")
    return seconds


@click.command()
@click.argument(
    "logs",
    nargs=-1,
    required=True,
    metavar="LOG...",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--port", "-p", required=True, help="The board's port: a device or a pyserial URL.")
@click.option("--speed", type=float, metavar="X", help="X times as fast as it happened; default 1.")
@click.option("--asap", is_flag=True, help="As fast as the board takes it.")
@click.option(
    "--longest-gap",
    "longest_gap_s",
    metavar="TIME",
    callback=_gap_s,
    help="Shorten longer gaps between lines, in the log's own time, to TIME, as 500ms, 5s or 2m.",
)
@wanted_options
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
    logs: tuple[str, ...],
    port: str,
    speed: float | None,
    asap: bool,
    longest_gap_s: float | None,
    time_column: str | None,
    time_key: str | None,
    record_key: str | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Send a log to a board as it happened, and account for each record.

    LOG is an access log of Apache or nginx, syslog, JSON lines or a CSV with a time; plain or
    compressed with gzip, bzip2 or zstd; a file or a pipe. Several are sent one after another: name
    the oldest first. - is the standard input, whose lines are sent as they come. Each line is a
    record. The exit status is 1 if any was lost or not sent, or if there was none; 130 if Ctrl-C
    ended it before all was sent. The account comes in each case.
    """
    if speed is not None and not (math.isfinite(speed) and speed > 0):
        raise click.BadParameter("must be above 0.", param_hint="--speed")
    if speed is not None and asap:
        raise click.UsageError("--speed and --asap exclude each other.")
    if longest_gap_s is not None and asap:
        raise click.UsageError("--longest-gap and --asap exclude each other.")
    if time_column is not None and time_key is not None:
        raise click.UsageError("--time-column and --time-key exclude each other.")
    live = "-" in logs
    if live and len(logs) > 1:
        raise click.UsageError("The standard input is not fed together with other logs.")
    if live and (speed, longest_gap_s, time_column, time_key) != (None,) * 4:
        raise click.UsageError(
            "The standard input's lines have no times: no --speed, --longest-gap, --time-column or "
            "--time-key; /dev/stdin instead of - is read with its times."
        )
    if live and resume is not None:
        raise click.UsageError("The standard input cannot be read again: no --resume.")
    opened = [open_log(log) for log in logs]  # never closed: a thread may be waiting in it
    if live:
        arrivals = read_lines(opened[0], record_key)
    else:
        arrivals = read_logs(opened, Wanted(time_column, time_key, record_key), longest_gap_s)
    pace = math.inf if asap or live else speed or 1.0
    bookmark = Bookmark(resume) if resume is not None else None
    with _Display(_size(opened)) as display:
        shows = display.show_line, display.show_progress
        feeder = Feeder(arrivals, port, pace, *shows, bookmark, display.show_notice)
        failure, interrupted = _run(feeder)
    if bookmark is not None:
        bookmark.close()
    if feeder.answered or failure is None:
        account = feeder.account()
        click.echo(json.dumps(account.as_dict()) if as_json else account.as_text())
        if failure is None and not account.complete:
            if interrupted:
                raise KeyboardInterrupt
            context.exit(1)
    if failure is not None:
        raise failure


def _run(feeder: Feeder) -> tuple[UserError | None, bool]:
    """Runs a feed: what ended it before its time, and whether Ctrl-C did.

    Ctrl-C and SIGTERM stop it, with an account of what was sent.
    """
    came: list[int] = []

    def stop(number: int, _: object) -> None:
        came.append(number)
        feeder.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in signals]
    failure = None
    try:
        feeder.run()
    except UserError as error:
        failure = error
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
    return failure, signal.SIGINT in came


def _size(logs: Sequence[Log]) -> int | None:
    sizes = [log.size for log in logs if log.size is not None]
    return sum(sizes) if len(sizes) == len(logs) else None


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
