"""The commands `sluice set` and `sluice audit`."""

import getpass
import json
import os
import re
from collections.abc import Iterable

import click

from ...serial.settings import PAIRS_MAX, Audit, Change, Value
from ..console.units import uptime
from .exchange import ask

_KEY = re.compile(r"[a-z]\w*", re.ASCII)
_VALUE = re.compile(r"[!#-<>-~]+", re.ASCII)  # printable, without a quotation or equals sign
_WHO = re.compile(r"(?!\d+$)[\w.@-]{1,16}", re.ASCII)
_SECONDS = re.compile(r"(\d{1,4})(s|m)?", re.ASCII)
_LONGEST_TRIAL_S = 3600

_port = click.option(
    "--port", "-p", required=True, help="The board's port: a device or a pyserial URL."
)


def _trial_s(_context: click.Context, _option: click.Parameter, text: str | None) -> int:
    if text is None:
        return 0
    parts = _SECONDS.fullmatch(text)
    seconds = int(parts[1]) * (60 if parts[2] == "m" else 1) if parts else 0
    if not 1 <= seconds <= _LONGEST_TRIAL_S:
        raise click.BadParameter(f"{text!r} is not from 1s to {_LONGEST_TRIAL_S}s, or 1m to 60m.")
    return seconds


def _name(_context: click.Context, _option: click.Parameter, text: str | None) -> str:
    if text is None:
        return _user()
    if not _WHO.fullmatch(text):
        raise click.BadParameter(
            f"{text!r} is not a name of 1 to 16 letters, digits, _ . @ -, and not digits alone."
        )
    return text


def _user() -> str:
    try:
        name = re.sub(r"[^\w.@-]", "_", getpass.getuser(), flags=re.ASCII)[:16]
    except (KeyError, OSError):  # the system has no name for this user
        name = ""
    if _WHO.fullmatch(name):
        return name
    return f"uid{os.getuid()}" if hasattr(os, "getuid") else "unknown"


@click.command(name="set")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@_port
@click.option(
    "--trial",
    "trial_s",
    metavar="TIME",
    callback=_trial_s,
    help="Undo the change when errors or p95 get worse within this time, such as 30s or 5m.",
)
@click.option("--keep", is_flag=True, help="Write config.json, so that it stays after a reset.")
@click.option(
    "--who", metavar="NAME", callback=_name, help="Who makes the change; default: your user name."
)
@click.option("--json", "as_json", is_flag=True, help="Print the values as JSON.")
def change(
    changes: tuple[str, ...], port: str, trial_s: int, keep: bool, who: str, as_json: bool
) -> None:
    """Change settings of a running board, and print those in force.

    For example `sluice set -p PORT rate=200 burst=20`; `rate=none` is unlimited. Without KEY=VALUE
    it changes nothing. A change lasts until the board is reset, unless it is kept. The exit status
    is 1 when the board refuses it; then nothing has changed.
    """
    if keep and trial_s:
        raise click.UsageError("--keep and --trial exclude each other: keep it when it has passed.")
    if trial_s and not changes:
        raise click.UsageError("--trial needs a KEY=VALUE to try.")
    asked = dict(map(_pair, changes))
    if len(asked) < len(changes):
        raise click.UsageError("Each KEY can be given only once.")
    asks = {"who": who} | ({"trial_s": trial_s} if trial_s else {}) | ({"keep": 1} if keep else {})
    pairs = " ".join(f"{key}={value}" for key, value in (asks | asked).items())
    if len(pairs) > PAIRS_MAX:
        raise click.UsageError(f"Too much for one request: {len(pairs)} characters of {PAIRS_MAX}.")
    request = Change(pairs)
    ask(port, request)
    if as_json:
        click.echo(json.dumps({"values": request.values, "trial_s": request.trial_s}))
        return
    click.echo(_columns((key, _text(value)) for key, value in request.values.items()))
    if request.trial_s:
        click.echo(f"on trial for {request.trial_s} s more")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    key = key.lower()
    if not equals or not _KEY.fullmatch(key) or key in ("who", "trial_s", "keep"):
        raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="KEY=VALUE")
    if not _VALUE.fullmatch(value):
        raise click.BadParameter(
            f"{text!r} has no value of printable characters.", param_hint="KEY=VALUE"
        )
    return key, "none" if value == "null" else value


@click.command()
@_port
@click.option("--json", "as_json", is_flag=True, help="Print the changes as a JSON array.")
def audit(port: str, as_json: bool) -> None:
    """Who changed a board's settings: the last 64 changes since it started, oldest first.

    The first column is the time since the board started.
    """
    request = Audit()
    ask(port, request)
    if as_json:
        click.echo(json.dumps(request.entries))
    elif not request.entries:
        click.echo("nothing was changed since the board started")
    else:
        click.echo(_columns(map(_row, request.entries)))


def _row(entry: dict[str, Value]) -> tuple[str, ...]:
    up_s = entry.get("up_s")
    return (
        uptime(up_s) if isinstance(up_s, int) else "?",
        _text(entry.get("who")),
        _text(entry.get("event")),
        _text(entry.get("key")),
        f"{_text(entry.get('old'))} -> {_text(entry.get('new'))}",
    )


def _text(value: Value) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def _columns(rows: Iterable[tuple[str, ...]]) -> str:
    """The rows as lines whose columns are aligned."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
