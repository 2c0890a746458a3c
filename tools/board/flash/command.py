"""The command `sluice flash`."""

import sys
import time
from pathlib import Path

import click

from ...errors import UserError
from ...itself import FIRMWARE
from ...serial import key
from .. import kinds
from ..kinds import BoardKind
from . import configuration, release, secrets
from .device import Device, Facts, connect
from .plan import Content, Plan, bytes_needed, leftovers, plan
from .release import LOADER, Release
from .verdict import verdict

CONFIG = "/config.json"
KEY = "/link.key"
OLD_MAIN = LOADER + ".old"
_BROKEN_OFF = "the board still starts a whole release, the old one or the new: flash again"


def _known(_context: click.Context, _option: click.Parameter, name: str) -> str:
    if name not in kinds.names():
        raise click.BadParameter(f"{name!r} is none of {', '.join(kinds.names())}.")
    return name


@click.command()
@click.option(
    "--board",
    "board_name",
    required=True,
    metavar="BOARD",
    callback=_known,
    shell_complete=lambda _, __, begun: [n for n in kinds.names() if n.startswith(begun)],
    help="One of " + ", ".join(kinds.names()) + ".",
)
@click.option(
    "--port", "-p", required=True, help="A serial port, or a URL like socket://127.0.0.1:2323."
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put this file on the board as /config.json, with the modules beside it that it names."
    " Without it the board keeps its own, and a board without any gets the firmware's.",
)
@click.option(
    "--secrets",
    "secret_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put this file on the board as /secrets.json: Wi-Fi, user and passwords. Without it the"
    " board keeps its own.",
)
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Put the key in this file on the board, for its line over TCP; the file is made with a new"
    " key if it is not there. Without it the board keeps its own.",
)
@click.option(
    "--firmware",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=FIRMWARE,
    help="Flash this folder's main.py and sluice/ instead of Sluice's own.",
)
def flash(
    board_name: str,
    port: str,
    config: Path | None,
    secret_file: Path | None,
    key_file: Path | None,
    firmware: Path,
) -> None:
    """Put the firmware on a board.

    Sends only what changed, verifies each file on the board and switches over at the end by
    renaming: cut off at any moment, the board still starts what it had. A /main.py that
    something else wrote is kept as /main.py.old. The exit status is 1, too, when the board refuses
    its configuration or its program ends at once.
    """
    started = time.monotonic()
    board = kinds.load(board_name)
    path = config or firmware / "config.json"
    settings = configuration.read(path, firmware)
    configured = configuration.modules(path, settings, board.arch) | {CONFIG: settings}
    secret = {secrets.PATH: secrets.read(secret_file, firmware)} if secret_file else {}
    if key_file:
        secret[KEY] = _key(key_file)
    compiled = release.build(board, firmware)
    with connect(port, _BROKEN_OFF) as device:
        facts = device.facts()
        frozen = device.frozen()
        compiled = compiled.beside(frozen)
        check(board, facts, compiled, port)
        version = ".".join(map(str, facts.version))
        click.echo(f"{port}: {facts.machine}, MicroPython {version}")
        if not compiled.library:
            click.echo("its firmware image holds this library: not sent")
        elif frozen:
            click.echo("its firmware image holds another library: sent, and used instead")
        device.prepare()
        install(device, compiled, configured, config is not None, secret)
        if wrong := verdict(device.start()):
            raise UserError(f"{port}: {wrong}")
    click.echo(f"restarted after {time.monotonic() - started:.1f} s")


def _key(path: Path) -> bytes:
    """The file of the key as the board gets it; made if there is none."""
    if not path.exists():
        key.make(path)
        click.echo(f"{path}: made, with a new key: whoever has it has the board's line over TCP")
    return key.read(path).hex().encode() + b"\n"


def check(board: BoardKind, facts: Facts, compiled: Release, port: str) -> None:
    """UserError unless the release runs on the board at the port."""
    version = ".".join(map(str, facts.version))
    if facts.implementation != "micropython":
        raise UserError(f"{port}: runs {facts.implementation} {version}, not MicroPython")
    if not board.fits(facts.platform, facts.machine):
        others = kinds.fitting(facts.platform, facts.machine)
        hint = f"; --board {others[0].name} fits" if others else ""
        raise UserError(
            f"{port}: wrong board: it is {facts.machine!r} ({facts.platform}),"
            f" not {board.name}{hint}"
        )
    if facts.version < board.micropython:
        least = ".".join(map(str, board.micropython))
        raise UserError(
            f"{port}: MicroPython {version} is too old for {board.name}: {least} or newer"
        )
    if board.arch and facts.arch != board.arch:
        raise UserError(
            f"{port}: wrong architecture: it runs native code for {facts.arch or 'none'},"
            f" {board.name} has {board.arch}"
        )
    if facts.mpy[0] != compiled.mpy[0] or compiled.mpy[1] not in (0, facts.mpy[1]):
        reads, written = (".".join(map(str, mpy)) for mpy in (facts.mpy, compiled.mpy))
        raise UserError(
            f"{port}: it reads .mpy files {reads}, but mpy-cross writes {written}:"
            f" install the mpy-cross of MicroPython {version}"
        )


def install(
    device: Device,
    compiled: Release,
    configured: dict[str, bytes],
    replace_config: bool,
    secret: dict[str, bytes],
) -> None:
    """Bring the release into force on a board that is prepared, and say what was done.

    configured: the configuration and the modules that it names, by their paths.
    secret: the files of the secrets and of the key, by their paths; of one that is not among them
    the board keeps its own, or has none.
    """
    old_main = device.head(LOADER)
    in_force = release.named_in(old_main)
    there = _cleaned(device, compiled, {in_force, compiled.folder}, list(configured))

    data = dict(compiled.files)
    if replace_config or CONFIG not in there:
        data |= configured
    data |= secret
    data[LOADER] = compiled.loader
    wanted = {path: Content.of(content) for path, content in data.items()}
    if LOADER in there and not release.is_loader(old_main):
        if there.get(OLD_MAIN, there[LOADER]) != there[LOADER]:
            raise UserError(
                f"{device.port}: {LOADER} is not Sluice's and would be kept as {OLD_MAIN},"
                " but there is one already: remove or rename it"
            )
        wanted[OLD_MAIN] = there[LOADER]

    todo = plan(wanted, there)
    if not todo.changes:
        click.echo(f"{compiled.folder} is in force already: nothing sent")
        return
    check_space(device, todo, wanted)
    _transfer(device, todo, wanted, data, [OLD_MAIN, *secret, *configured, LOADER])
    if in_force not in ("", compiled.folder):
        device.remove(in_force)

    sent = sum(wanted[path].size for path in todo.sent)
    click.echo(
        f"{compiled.folder}: sent {len(todo.sent)} ({sent} bytes),"
        f" copied on the board {len(todo.copied)}, there already {len(todo.kept)}"
    )
    if CONFIG not in data:
        click.echo(f"{CONFIG}: left as it is")
    if OLD_MAIN in wanted:
        click.echo(f"{LOADER} was not Sluice's: kept as {OLD_MAIN}")


def check_space(device: Device, todo: Plan, wanted: dict[str, Content]) -> None:
    """UserError unless all that has to move finds room beside what is on the board."""
    block, free = device.space()
    needed = bytes_needed(todo, wanted, block)
    if needed > free:
        raise UserError(
            f"{device.port}: too little space: {needed} bytes needed beside what is there,"
            f" {free} free"
        )


def _cleaned(
    device: Device, compiled: Release, folders: set[str], configured: list[str]
) -> dict[str, Content]:
    """The files on the board, after what cut-off flashes left is removed."""
    there = device.inventory(configured)
    stale = leftovers(there, compiled.files, folders)
    for path in stale:
        device.remove(path)
    if stale:
        there = device.inventory(configured)
    return {path: content for path, content in there.items() if content}


def _transfer(
    device: Device,
    todo: Plan,
    wanted: dict[str, Content],
    data: dict[str, bytes],
    starts: list[str],
) -> None:
    """Put everything in its place; last of all, and together, what the board starts from."""
    last = [path for path in starts if path in todo.copied or path in todo.sent]
    bar = click.progressbar(
        length=sum(wanted[path].size for path in todo.sent),
        label="sending",
        hidden=not sys.stdout.isatty(),
    )
    with bar:
        for path in [*todo.copied, *todo.sent]:
            if path in todo.copied:
                device.copy(todo.copied[path], path)
            else:
                device.send(path, data[path], bar.update)
            if path not in last:
                device.settle({path: wanted[path]})
    device.settle({path: wanted[path] for path in last})
