"""What can be wrong, examined in the order in which a flash would meet it."""

import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ...serial.settings import Audit
from ...serial.url import PortError, is_tcp
from .. import kinds
from ..flash import release
from ..flash.command import FIRMWARE, check, check_space
from ..flash.device import Device, Facts, LinkError, NoAnswer, connect
from ..flash.plan import Content, plan
from ..flash.release import LOADER
from ..flash.verdict import verdict
from ..kinds import BoardKind
from ..settings.exchange import ask
from .ports import boards_ports, holders, how_to_get_permission

_REST_S = 0.3  # the board obeys a Ctrl-C only after a silence: see docs/link.md
_BROKEN_OFF = "nothing was changed on the board"
_ABSENT = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ECONNREFUSED, errno.EHOSTUNREACH)
_NO_LINE = (errno.ENOTTY, errno.EISDIR)
_DENIED = (errno.EACCES, errno.EPERM)
_BUSY = (errno.EBUSY, errno.EAGAIN)
_DOWNLOAD = "micropython.org/download"
_PLUG = "plug it in with a cable that carries data"
_BOOTSEL = (
    "a Pico without MicroPython is no port but a drive, once it is plugged in with BOOTSEL held:"
    f" copy MicroPython's .uf2 onto it ({_DOWNLOAD})"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    problem: empty when it is as it should be, else one word for programs.
    says:    what was found.  mend: what to do about it, or empty.
    """

    port: str
    problem: str
    says: str
    mend: str = ""


def diagnose(port: str | None, may_restart: Callable[[str], bool]) -> Iterator[Finding]:
    """Findings for the port, or for each port that a board may be on.

    may_restart: is asked about a port whose board would forget settings that were changed while it
    runs. False: it is left running, and not examined.
    """
    ports = boards_ports() if port is None else [port]
    if not ports:
        yield Finding(
            "",
            "no-board",
            "no board: this machine has no serial port of a USB device",
            f"{_PLUG}; {_BOOTSEL}; --port names a port that is not USB",
        )
    for each in ports:
        try:
            if is_tcp(each):
                yield _over_tcp(each)
            elif _was_changed(each) and not may_restart(each):
                yield _left_running(each)
            else:
                yield from _examine(each)
        except PortError as error:
            yield _of_port(each, error)
        except NoAnswer as error:
            yield _of_silence(each, error)
        except LinkError as error:
            mend = "try again" if _is_url(each) else "check the cable, and try again"
            yield Finding(each, "broken-off", error.message, mend)
        except UserError as error:
            yield Finding(each, "failed", error.message)


def _over_tcp(port: str) -> Finding:
    """Whether Sluice answers there. Its files, and all else that a REPL tells, are not seen."""
    ask(port, Audit())
    return Finding(
        port,
        "",
        "Sluice runs on it, and takes this key",
        "for its files and its MicroPython examine it at its USB cable",
    )


def _was_changed(port: str) -> bool:
    """Whether a program of Sluice runs there whose settings were changed since it started."""
    request = Audit()
    try:
        ask(port, request, nudge=b"\r")
    except UserError:  # whoever examines the port says why
        return False
    time.sleep(_REST_S)
    return bool(request.entries)


def _left_running(port: str) -> Finding:
    return Finding(
        port,
        "",
        "Sluice runs on it, with settings that were changed since it started"
        f" (`sluice audit --port {port}`): not examined further",
        f"`sluice doctor --port {port} --yes` restarts it, which undoes the changes and empties"
        f" that log; `sluice set --port {port} --keep` keeps the settings",
    )


def _examine(port: str) -> Iterator[Finding]:
    with connect(port, _BROKEN_OFF) as device:
        facts = device.facts()
        version = ".".join(map(str, facts.version))
        yield Finding(port, "", f"{facts.machine or facts.platform}, MicroPython {version}")
        board = _fitting(facts)
        if wrong := _of_build(port, facts, board):
            yield wrong
            return
        assert board is not None
        yield Finding(port, "", f"--board {board.name} fits")
        compiled = release.build(board, FIRMWARE).beside(device.frozen())
        try:
            check(board, facts, compiled, port)
        except UserError as error:
            yield Finding(port, "wrong-build", error.message, f"see boards/{board.name}/README.md")
            return
        device.prepare()
        yield from _of_files(device, board, compiled)
        if facts.arch:
            yield from _of_kernels(device, board)
        if wrong := verdict(device.start()):
            yield Finding(
                port,
                "refused",
                wrong,
                f"sluice flash --board {board.name} --port {port} --config FILE, with a FILE as"
                " docs/configuration.md says",
            )


def _of_port(port: str, error: PortError) -> Finding:
    if error.meant:
        return Finding(port, "no-board", error.message, error.meant)
    if error.code in _ABSENT:
        there = ", ".join(boards_ports()) or "none"
        first = "start what listens there" if _is_url(port) else _PLUG
        mend = f"{first}; ports of USB devices here: {there}"
        return Finding(port, "no-board", error.message, mend)
    if error.code in _DENIED:
        return Finding(port, "no-permission", error.message, how_to_get_permission(port))
    if error.code in _BUSY:
        return Finding(port, "in-use", error.message, _how_to_free(port))
    if error.code in _NO_LINE:
        return Finding(port, "no-port", error.message, "--port takes a serial port or a URL")
    return Finding(port, "failed", error.message)


def _of_silence(port: str, error: NoAnswer) -> Finding:
    if error.cut_off or holders(port):
        return Finding(port, "in-use", error.message, _how_to_free(port))
    return Finding(
        port,
        "no-micropython",
        error.message,
        f"reset it; if that does not help, put MicroPython on it ({_DOWNLOAD}; a Pico: hold BOOTSEL"
        " while you plug it in; boards/*/README.md say how)",
    )


def _is_url(port: str) -> bool:
    return "://" in port


def _how_to_free(port: str) -> str:
    who = ", ".join(holders(port))
    return f"end {who}" if who else "end the program that has it: a terminal, an IDE, a sluice"


def _fitting(facts: Facts) -> BoardKind | None:
    return next(iter(kinds.fitting(facts.platform, facts.machine)), None)


def _of_build(port: str, facts: Facts, board: BoardKind | None) -> Finding | None:
    """What is wrong with the firmware image, known before anything is compiled for it."""
    version = ".".join(map(str, facts.version))
    if facts.implementation != "micropython":
        says = f"{port}: runs {facts.implementation} {version}, not MicroPython"
        return Finding(port, "no-micropython", says, f"put MicroPython on it ({_DOWNLOAD})")
    # Old ones do not say what they run on.
    known = [board] if board else [kinds.load(name) for name in kinds.names()]
    least = min(each.micropython for each in known)
    if facts.version < least:
        needed = ".".join(map(str, least))
        says = f"{port}: MicroPython {version} is too old: {needed} or newer"
        return Finding(port, "too-old", says, f"put a newer one on it ({_DOWNLOAD})")
    if board is None:
        return Finding(
            port,
            "unknown-board",
            f"{port}: no board of {', '.join(kinds.names())} is {facts.machine!r}"
            f" ({facts.platform})",
            "the library runs there all the same: mpremote mip install firmware/package.json",
        )
    return None


def _of_files(device: Device, board: BoardKind, compiled: release.Release) -> Iterator[Finding]:
    in_force = release.named_in(device.head(LOADER))
    there = {path: content for path, content in device.inventory().items() if content}
    data = compiled.files | {LOADER: compiled.loader}
    wanted = {path: Content.of(content) for path, content in data.items()}
    todo = plan(wanted, there)
    flash = f"sluice flash --board {board.name} --port {device.port}"
    if not todo.changes:
        yield Finding(device.port, "", f"this Sluice is on it: {in_force}")
        return
    older = f"another Sluice is on it: {in_force}" if in_force else "Sluice is not on it yet"
    yield Finding(device.port, "", older, flash)
    try:
        check_space(device, todo, wanted)
    except UserError as error:
        yield Finding(
            device.port,
            "disk-full",
            error.message,
            f"remove files: mpremote connect {device.port} fs ls, then fs rm",
        )
        return
    block, free = device.space()
    yield Finding(device.port, "", f"{free // 1024} KB free in blocks of {block}")


def _of_kernels(device: Device, board: BoardKind) -> Iterator[Finding]:
    """What of the release on a board with an emitter for machine code runs as bytecode."""
    folder = release.named_in(device.head(LOADER))
    there = {path for path, content in device.inventory().items() if content}
    kernels = filter(release.is_kernel, release.library(FIRMWARE, release.ANY_ARCH))
    served = [name for name in kernels if f"{folder}/{release.served_by(name)}" in there]
    missing = [name for name in served if f"{folder}/{release.as_compiled(name)}" not in there]
    if not missing:
        return
    mend = f"sluice flash --board {board.name} --port {device.port}"
    if not board.arch:
        mend = f"name its arch in boards/{board.name}/board.toml, then {mend}"
    yield Finding(
        device.port,
        "no-kernels",
        f"{folder} misses {len(missing)} of {len(served)} files of machine code, so it is slow: "
        + ", ".join(Path(name).stem for name in missing),
        mend,
    )
