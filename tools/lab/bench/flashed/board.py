"""A board with Sluice on it, whose configuration is the bench's for a while."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from ....board import kinds
from ....board.flash import release
from ....board.flash.command import CONFIG
from ....board.flash.device import Device, NoAnswer, connect
from ....board.flash.plan import Content
from ....board.flash.release import LOADER
from ....errors import UserError
from ....itself import FIRMWARE
from ....serial.url import PortError

_ASKED = 5  # times that a board is asked to stop its program, a second apart
_RUN_S = 60

# The last good one as well: the program keeps each configuration with which it stands.
_SET_ASIDE = """\
for path in ('/config.json', '/config.good.json'):
    try:
        os.rename(path, path + '.old')
    except OSError:
        pass
"""
_PUT_BACK = """\
for path in ('/config.json', '/config.good.json'):
    try:
        os.rename(path + '.old', path)
    except OSError:
        pass
"""
_CLOCK = """\
import sys
sys.path.insert(0, {folder!r})
import board
print(board.ticks() * 1000 // board.TICKS_PER_S)
"""
_UNCHANGED = "its configuration is as it was"
_LEFT = (
    f"the board's former configuration is on it as {CONFIG}.old, and the next"
    " `sluice bench --program` puts it back"
)


class Board:
    """The board at a port, whose configuration is the bench's.

    facts, image, folder: what the board is, the version of its image, and where the release lies
    that is in force.  frozen: its library is in the image.
    """

    def __init__(self, port: str, device: Device) -> None:
        """UserError: there is no Sluice on it."""
        self.port = port
        self.facts = device.facts()
        if self.facts.implementation != "micropython":
            raise UserError(f"{port}: runs {self.facts.implementation}, not MicroPython")
        device.prepare()
        loader = device.head(LOADER)
        self.folder = release.named_in(loader)
        if not (release.is_loader(loader) and self.folder):
            raise UserError(f"{port}: no Sluice on the board: run sluice flash first")
        self.image = device.run("import sys\nprint(sys.version)", _RUN_S).strip()
        self._in_image = device.frozen()
        library = f"{self.folder}/{release.as_compiled('sluice/__init__.py')}"
        self.frozen = bool(self._in_image) and not device.head(library)

    @property
    def release_is_ours(self) -> bool:
        """Whether what is flashed is the firmware of this checkout."""
        ours = (
            release.build(kind, FIRMWARE).beside(self._in_image).folder
            for kind in kinds.fitting(self.facts.platform, self.facts.machine)
        )
        return self.folder in ours

    def start(self, config: Mapping[str, Any]) -> int:
        """Reset the whole board with this configuration: its program then runs.

        The ms of the program's clock before that, which most boards then begin anew.
        """
        with _reached(self.port) as device:
            device.prepare()
            _configure(device, config)
            now_ms = int(device.run(_CLOCK.format(folder=self.folder), _RUN_S))
            device.reset_hard()
        return now_ms

    @contextmanager
    def stopped(self, config: Mapping[str, Any]) -> Iterator[Device]:
        """The board in its raw REPL, with this configuration and nothing loaded."""
        with _reached(self.port) as device:
            device.prepare()
            _configure(device, config)
            device.reset()
            yield device


@contextmanager
def borrowed(port: str, configurations: Sequence[Mapping[str, Any]]) -> Iterator[Board]:
    """The board at a port with Sluice on it, with a configuration of the bench.

    configurations: all that `start` and `stopped` will be given.

    At the end the former one is put back, whatever happened. UserError: it cannot be; or there is
    no board at the port, or no Sluice on it.
    """
    changed = False
    try:
        with connect(port, _UNCHANGED) as device:
            board = Board(port, device)
            changed = True
            _set_aside(device, configurations)
            # In the same breath: the watchdog of the former one ends with it, and not in a case.
            _configure(device, configurations[0])
            device.reset_hard()
        yield board
    except BaseException as error:
        if changed:
            _put_back(port, error)
        raise
    _put_back(port, None)


def _set_aside(device: Device, configurations: Sequence[Mapping[str, Any]]) -> None:
    """Keep the former configuration on the board; what a bench that was cut off left is not it."""
    ours = [_content(each).decode() for each in configurations]
    if not (device.head(CONFIG + ".old") and device.head(CONFIG) in ours):
        device.run(_SET_ASIDE, _RUN_S)


def _put_back(port: str, error: BaseException | None) -> None:
    try:
        with _reached(port) as device:
            device.prepare()
            device.run(_PUT_BACK, _RUN_S)
    except UserError as failure:
        first = error.message if isinstance(error, UserError) else failure.message
        raise UserError(f"{first}; {_LEFT}") from None


def _configure(device: Device, config: Mapping[str, Any]) -> None:
    data = _content(config)
    device.send(CONFIG, data, lambda sent: None)
    device.settle({CONFIG: Content.of(data)})


def _content(config: Mapping[str, Any]) -> bytes:
    return json.dumps(config).encode()


@contextmanager
def _reached(port: str) -> Iterator[Device]:
    """As `connect`; a board that is busy, or whose port its reset took away, is asked again."""
    with ExitStack() as stack:
        yield _entered(stack, port)


def _entered(stack: ExitStack, port: str) -> Device:
    for _ in range(_ASKED - 1):
        with suppress(NoAnswer, PortError):
            return stack.enter_context(connect(port, _LEFT))
        time.sleep(1)
    return stack.enter_context(connect(port, _LEFT))
