"""The board at a port, spoken to through its raw REPL by mpremote."""

import base64
import re
import socket
import struct
import time
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from ...errors import UserError
from ...serial.url import is_tcp, open_port
from ..architectures import ARCHITECTURES
from .plan import Content

_ANSWER_S = 2  # a board answers within this, asked twice
_BOOT_S = 15  # a boot.py ends within this
_SILENCE_S = 10  # a board in its REPL is never silent for so long, nor a busy machine's virtual one
# Nor so long at work on its files: with a slow flash it removes a release of seventy in 15 s.
_WORK_S = 40
_HERE = b"OKhere\r\n\x04\x04"
# Sluice runs, or nothing does any more and the REPL has the line.
_STARTED = re.compile(rb"^event=start .*\n|^>>> \Z", re.MULTILINE)
_CHUNK = 2048  # bytes of a file sent at a time
# What mpremote and a parser raise on an answer that is none, such as a file's number that it never
# gave.
_GARBLED = (ValueError, SyntaxError, LookupError, TypeError)
_ONBOARD = Path(__file__).with_name("onboard.py")


class LinkError(UserError):
    """The line to the board failed."""


class NoAnswer(LinkError):
    """Whatever is at the port, it is no MicroPython, or something keeps it from answering.

    cut_off: the line was closed while it was asked, as when another program has it.
    """

    def __init__(self, port: str, instead: str, cut_off: bool) -> None:
        super().__init__(f"{port}: no MicroPython answers there ({instead})")
        self.cut_off = cut_off
        self._port = port

    def format_message(self) -> str:
        return f"{self.message}; `sluice doctor --port {self._port}` tells what to do"


@dataclass(frozen=True)
class Facts:
    """What a board says of itself: mpy is the .mpy version that it reads, with its sub-version."""

    implementation: str
    version: tuple[int, int, int]
    platform: str
    machine: str
    mpy: tuple[int, int]
    arch: str


@contextmanager
def connect(port: str, advice: str) -> Iterator["Device"]:
    """The board at the port, its program stopped; restarted at the end, also after an error, unless
    `start` or `reset_hard` has done it.

    advice: what the user should know when the link breaks off.

    UserError if the port cannot be opened or no MicroPython answers there.
    """
    transport = _open(port)
    device = Device(port, transport, advice)
    try:
        device.stop()
        try:
            yield device
        except LinkError:
            raise
        except BaseException:
            if not device.is_left:
                with suppress(LinkError):  # the error under way says more
                    device.restart()
            raise
        if not device.is_left:
            device.restart()
    finally:
        with suppress(OSError):  # a line that is gone cannot be closed in order
            transport.close()


class Device:
    """A board in its raw REPL.

    Every method raises LinkError if the line fails and UserError if the board cannot do it.
    """

    def __init__(self, port: str, transport: SerialTransport, advice: str):
        self.port = port
        self.is_left = False
        """`start` or `reset_hard` was called: there is nothing more to ask of the board."""
        self._advice = advice
        self._transport = transport

    def stop(self) -> None:
        """Interrupt what runs and enter the raw REPL."""
        # Asked twice: a running program may take the whole first request for its own input.
        if not (self._enter_raw_repl() or self._enter_raw_repl()):
            raise NoAnswer(self.port, self._instead, self._cut_off)
        self._skip_late_answers()

    def _skip_late_answers(self) -> None:
        # A board that was busy answers the first request after the second was sent: mpremote would
        # take one of the two answers for that to its next command.
        line: Any = self._transport.serial
        with self._line():
            line.write(b"print('here')\x04")
            if not self._transport.read_until(1, _HERE, _SILENCE_S).endswith(_HERE):
                raise TransportError("it stopped its program, and then is silent")

    def _enter_raw_repl(self) -> bool:
        heard = StringIO()  # mpremote prints what came instead of the answer
        self._cut_off = False
        try:
            with redirect_stdout(heard):
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=_ANSWER_S)
        except TransportError:
            came = heard.getvalue().strip()
            self._instead = f"it sent {came[:60]}" if came != "b''" else "it sends nothing"
            return False
        except OSError as error:
            self._cut_off = True
            self._instead = f"{error}; does another program have it?"
            return False
        return True

    def facts(self) -> Facts:
        """What the board is; works on every MicroPython."""
        self._run("import sys")
        name, version, platform, machine, mpy = self._ask(
            "(sys.implementation.name, tuple(sys.implementation.version)[:3], sys.platform,"
            " getattr(sys.implementation, '_machine', ''), getattr(sys.implementation, '_mpy', 0))"
        )
        arch = mpy >> 10 & 15
        return Facts(
            implementation=name,
            version=version,
            platform=platform,
            machine=machine,
            mpy=(mpy & 255, mpy >> 8 & 3),
            arch=ARCHITECTURES[arch] if arch < len(ARCHITECTURES) else f"number {arch}",
        )

    def frozen(self) -> str:
        """The digest of the library that is frozen into the firmware image; empty if none is."""
        self._run(
            "try:\n from sluice_frozen import LIBRARY\nexcept ImportError:\n LIBRARY = ''",
        )
        return str(self._ask("LIBRARY"))

    def reset(self) -> None:
        """Soft reset, so that no timer of the old program runs and memory is free."""
        with redirect_stdout(StringIO()), self._line():
            # Asked twice: mpremote waits for 10 s at most, and a busy board may answer later.
            with suppress(TransportError):
                self._transport.enter_raw_repl(soft_reset=True, timeout_overall=_BOOT_S)
                return
            self._transport.enter_raw_repl(soft_reset=True, timeout_overall=_BOOT_S)
        self._skip_late_answers()

    def mount(self, folder: Path) -> None:
        """Let the board import from a folder of this machine, before its own; until `unmount`."""
        with self._line():
            self._transport.mount_local(str(folder))
        self._run("import sys\nsys.path.insert(0, '/remote')")

    def unmount(self) -> None:
        with self._line():
            self._transport.umount_local()

    def run(self, program: str, silence_s: float) -> str:
        """What the program prints; it may be silent for so long."""
        with self._line():
            printed, error = self._transport.exec_raw(program, timeout=int(silence_s))
            if error:
                raise TransportExecError(1, error.decode())
        return printed.decode()

    def converse(self, program: str, answer: Callable[[bytes], bytes], silence_s: float) -> str:
        """What the program prints, which reads what `answer` returns: given what was printed since
        it was last asked, at first nothing. It may be silent for so long."""
        line: Any = self._transport.serial
        with self._line():
            self._transport.exec_raw_no_follow(program)
            line.write(answer(b""))
            printed, heard_at = b"", time.monotonic()
            while printed.count(b"\x04") < 2:  # at the end of the output, and of the error
                if came := line.read(line.in_waiting or 1):
                    heard_at = time.monotonic()
                    printed += came
                    line.write(answer(came))
                elif time.monotonic() - heard_at > silence_s:
                    raise TransportError("the board is silent")
            output, error = printed.split(b"\x04")[:2]
            if error:
                raise TransportExecError(1, error.decode())
        self.stop()  # the prompt was read with the rest
        return output.decode()

    def reset_hard(self) -> None:
        """Reset the whole board, its clock and watchdog too, so that /main.py runs.

        Its line may be gone for a while.
        """
        self.is_left = True
        with self._line():  # the pause is for the answer, which is still on its way
            self._transport.exec_raw_no_follow(
                "import machine, time\ntime.sleep_ms(50)\nmachine.reset()"
            )

    def prepare(self) -> None:
        """Reset, and load onboard.py. The methods below need this."""
        self.reset()
        self._run(_ONBOARD.read_text(encoding="utf-8"))

    def inventory(self, modules: Sequence[str] = ()) -> dict[str, Content | None]:
        """All files and folders that flashing may touch; a folder is None.

        modules: the paths of the user's that belong to it.
        """
        found = self._ask(f"inventory({list(modules)!r})")
        return {path: content and Content(*content) for path, content in found}

    def head(self, path: str) -> str:
        """The beginning of a file's text; empty if there is none."""
        return self._ask(f"head({path!r})").decode(errors="replace")

    def space(self) -> tuple[int, int]:
        """Block size and free bytes of the file system."""
        return self._ask("space()")

    def send(self, path: str, data: bytes, sent: Callable[[int], object]) -> None:
        """Write path.new; sent(n) is told of each n bytes that arrived."""
        for at in range(0, max(1, len(data)), _CHUNK):
            chunk = data[at : at + _CHUNK]
            self._run(f"write({path!r}, {at}, {base64.b64encode(chunk)!r})")
            sent(len(chunk))

    def copy(self, source: str, path: str) -> None:
        """Copy a file to path.new on the board."""
        self._run(f"copy({source!r}, {path!r})")

    def settle(self, expected: Mapping[str, Content]) -> None:
        """Verify each path.new on the board and rename it over path, in this order.

        UserError, and nothing is renamed, if one does not hold what it should. Once they are
        verified the board renames all of them, even if the link breaks meanwhile.
        """
        pairs = [(path, tuple(content)) for path, content in expected.items()]
        if wrong := self._ask(f"settle({pairs!r})"):
            path, (size, digest) = wrong
            raise UserError(
                f"{self.port}: {path} did not arrive whole"
                f" (it has {size} bytes, SHA-256 {digest[:8]}...): flash again"
            )

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all in it."""
        self._run(f"remove({path!r})")

    def restart(self) -> None:
        """Soft reset, so that /main.py runs."""
        with self._line():
            self._transport.serial.write(b"\x03")  # a command may be under way, after an error
            self._transport.exit_raw_repl()
            self._transport.read_until(1, b">>> ", timeout_overall=_SILENCE_S)
            self._transport.serial.write(b"\x04")
            answer = self._transport.read_until(1, b"soft reboot\r\n", timeout_overall=_SILENCE_S)
        if not answer.endswith(b"soft reboot\r\n"):
            raise LinkError(f"{self.port}: the board does not restart; reset it by hand")

    def start(self) -> str:
        """Soft reset, so that /main.py runs, and what is printed then: until Sluice has said that
        it starts, or the program has ended, or says something else for long."""
        self.restart()
        self.is_left = True
        line: Any = self._transport.serial
        printed, begun_at = b"", time.monotonic()
        heard_at = begun_at
        with self._line():
            while not _STARTED.search(printed):
                if came := line.read(line.in_waiting or 1):
                    heard_at = time.monotonic()
                    printed += came
                elif time.monotonic() - heard_at > _BOOT_S:
                    break
                if time.monotonic() - begun_at > _WORK_S:
                    break
        return printed.decode(errors="replace")

    def _run(self, code: str) -> None:
        self.run(code, _WORK_S)

    def _ask(self, expression: str) -> Any:
        with self._line():
            return literal_eval(self.run(f"print(repr({expression}))", _WORK_S).strip())

    @contextmanager
    def _line(self) -> Iterator[None]:
        """Turns what mpremote and pyserial raise into one line."""
        try:
            yield
        except TransportExecError as error:
            says = error.error_output.strip().splitlines()[-1]
            raise UserError(f"{self.port}: the board failed: {says}") from None
        except (TransportError, OSError, struct.error, *_GARBLED) as error:
            garbled = isinstance(error, _GARBLED)
            reason = "an answer was garbled" if garbled else error
            raise LinkError(f"{self.port}: the link broke off ({reason}); {self._advice}") from None


def _open(port: str) -> SerialTransport:
    if is_tcp(port):
        raise UserError(f"{port}: this needs the board's REPL, which is on its USB cable alone")
    try:
        transport = SerialTransport(port, timeout=_SILENCE_S)
    except (TransportError, ValueError):  # which do not say why; open_port does
        open_port(port).close()
        raise UserError(f"{port}: it was busy for a moment: try again") from None
    line = transport.serial
    assert isinstance(line, serial.SerialBase)
    line.write_timeout = _SILENCE_S
    # For those it would look at the time in no pause between two lines that is shorter.
    transport.is_pty = False
    if port.startswith("socket:"):
        # Without this each command waits for TCP to confirm the one before.
        with socket.fromfd(line.fileno(), socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return transport
