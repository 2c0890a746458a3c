"""A board's port, shared by all the programs of one user that want it at the same time.

The first program to open the port owns it and passes on to its guests what the board sends, and to
the board what they write. It also hands each of them the open descriptor: when the owner leaves,
even without a word, one of the guests goes on with it, and the board does not notice.
"""

import contextlib
import logging
import math
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import UserError
from .line import SHARED, Descriptor, Line
from .sharing import Alone, Peer, Rendezvous
from .url import open_port

_JOIN_S = 6.0
_JOIN_AGAIN_S = 0.02
_LEAVE_S = 0.5
_SETTLE_S = 0.2  # a new owner reads nothing before the other guests have had time to come to it
_FIRST_BACKOFF_S = 0.1
_LAST_BACKOFF_S = 2.0
_RESOURCE_AGAIN_S = 0.5  # until the system is asked again for what it did not have
_CHUNK = 65536

# What the owner tells its guests; DATA is also what they tell it.
_DATA = b"d"
_OPEN = b"o"
_LOST = b"l"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """How a port stands."""

    connected: bool
    """Whether the line to the board is open. While it is not, the port keeps trying to open it."""
    owner: bool
    """Whether this program has the port itself; otherwise another one passes everything on."""
    reason: str = ""
    """Why the line is not open."""


class Port:
    """A line to a board: a device, a pty or a pyserial URL.

    on_data:  given what the board sends, as it comes. It may start in the middle of a line or a
              frame.
    on_state: given each new state.

    Both are called from the port's own thread (`start` calls the first state itself) and must
    return soon, because the guests get their data from the same thread. That thread goes on when
    the system has no descriptor or memory for it: it logs that, and tries again. If it ends all the
    same, because one of the two has raised, the port is free for others and the line lost.
    """

    def __init__(
        self, url: str, on_data: Callable[[bytes], None], on_state: Callable[[State], None]
    ) -> None:
        self.url = url
        self._program = _Program(url, on_data, on_state)
        self._role: _Owner | _Guest | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"port {url}", daemon=True)

    def start(self) -> None:
        """Opens the port, or joins the program that has it. UserError: neither can be done."""
        self._meeting = Rendezvous(self.url) if SHARED else Alone()
        deadline = time.monotonic() + _JOIN_S
        while self._program.state is None:
            try:
                self._role = self._join()
            except OSError as error:
                raise UserError(f"{self.url}: {error.strerror}") from error
            if self._role is None or not self._role.begin(deadline):
                if time.monotonic() >= deadline:
                    raise UserError(f"{self.url}: in use by another sluice, which does not answer")
                time.sleep(_JOIN_AGAIN_S)
        self._thread.start()

    def start_patiently(self) -> None:
        """As `start`, but returns at once: a line that cannot be opened is one that was lost.

        `on_state` says so, and the port tries again. UserError: ports cannot be shared here.
        """
        self._meeting = Rendezvous(self.url) if SHARED else Alone()
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Sends whole frames or key strokes; nothing of other programs comes in between.

        Returns at once. What is written while the line is not open, or after `close`, is dropped.
        """
        self._program.writes.put(data)

    def close(self) -> None:
        """Sends what was written and leaves the port to the others. May be called again."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._program.writes.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._program.writes.close()

    def _work(self) -> None:
        program = self._program
        try:
            while not self._closing.is_set():
                try:
                    if self._role is None:
                        self._closing.wait(_JOIN_AGAIN_S)
                        self._role = self._join()
                    elif not self._role.turn():
                        self._role = None
                        self._role = self._join()
                except OSError as error:
                    program.refused(error)
                    self._closing.wait(_RESOURCE_AGAIN_S)
        finally:
            if self._role is not None:
                self._role.leave()
            program.close_line()
            if not self._closing.is_set():
                program.line_lost("its thread has ended", owner=False)

    def _join(self) -> "_Owner | _Guest | None":
        listener = self._meeting.try_own()
        peer = self._meeting.connect() if listener is None else None
        self._program.served()
        if listener is not None:
            return _Owner(self._program, self._meeting, listener)
        return None if peer is None else _Guest(self._program, peer)


class _Program:
    """A program at a port, whatever its role there: the open line, and what it is told.

    It outlives the roles, so the next one goes on with the line of the last. All but `writes` is of
    the port's own thread.
    """

    def __init__(
        self, url: str, on_data: Callable[[bytes], None], on_state: Callable[[State], None]
    ) -> None:
        self.url = url
        self.on_data = on_data
        self.writes = _Writes()
        self._on_state = on_state
        self.wait = _Wait()
        self._state: State | None = None
        self._line: Line | None = None
        self._trouble = ""  # what the system has refused last

    @property
    def state(self) -> State | None:
        """What it was told last; None: nothing yet."""
        return self._state

    @property
    def line(self) -> Line | None:
        """The open line; None: it is not open."""
        return self._line

    def line_opened(self, line: Line | None, owner: bool) -> None:
        """Keeps the line, which is its own to close, and tells that it is open."""
        self.close_line()
        self._line = line
        self.line_kept(owner)

    def line_kept(self, owner: bool) -> None:
        """Tells that the line is open, in this role."""
        self._tell(State(connected=True, owner=owner))

    def line_lost(self, reason: str, owner: bool) -> None:
        """Closes the line, should it be open, and tells why."""
        self.close_line()
        self._tell(State(connected=False, owner=owner, reason=reason))

    def close_line(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def refused(self, error: OSError) -> None:
        """Logs what the system has refused, each trouble once."""
        reason = error.strerror or str(error)
        if reason != self._trouble:
            self._trouble = reason
            log.warning("%s: %s; trying again", self.url, reason)

    def served(self) -> None:
        """The system refuses nothing any more."""
        self._trouble = ""

    def _tell(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self._on_state(state)


class _Writes:
    """What a program has written and its role has not sent yet; wakes a `poll` on it."""

    def __init__(self) -> None:
        self._data: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._closed = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        return self._reader.fileno()

    def put(self, data: bytes) -> None:
        with self._lock:
            if not self._closed:
                self._data.append(data)
                self.wake()

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # there are more than enough
            self._writer.send(b"\0")

    def get(self) -> bytes:
        """All that was put, in its order."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(_CHUNK)
        data = []
        while self._data:
            data.append(self._data.popleft())
        return b"".join(data)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._reader.close()
            self._writer.close()


_Source = Peer | _Writes | socket.socket | Line


class _Guest:
    """A program's part while another one owns the port."""

    def __init__(self, program: _Program, owner: Peer) -> None:
        self._program = program
        self._owner = owner

    def begin(self, deadline: float) -> bool:
        """Waits for the owner's word on how the port stands; False: there was none."""
        while self._program.state is None:
            timeout_s = deadline - time.monotonic()
            if timeout_s <= 0 or not self.turn(timeout_s):
                self._owner.close()
                return False
        return True

    def turn(self, timeout_s: float | None = None) -> bool:
        """Waits until there is something to do and does it; False: the owner has left.

        What was not sent by then is left for the next role.
        """
        owner = self._owner
        self._program.wait(
            [owner, self._program.writes], [owner] if owner.pending else [], timeout_s
        )
        try:
            for kind, data in owner.receive():
                self._hear(kind, data)
        except OSError:
            owner.close()
            return False
        self._send()
        return True

    def leave(self) -> None:
        """Sends all that has been written."""
        deadline = time.monotonic() + _LEAVE_S
        self._send()
        while self._owner.pending and time.monotonic() < deadline:
            self._program.wait([], [self._owner], _LEAVE_S)
            self._send()
        self._owner.close()

    def _send(self) -> None:
        written = self._program.writes.get()
        # An owner that has gone may have left data behind: its end is noticed where that is read.
        with contextlib.suppress(OSError):
            if written:
                self._owner.send(_DATA, written)
            self._owner.flush()

    def _hear(self, kind: bytes, data: bytes) -> None:
        if kind == _DATA:
            self._program.on_data(data)
        elif kind == _OPEN:
            descriptor = self._owner.pop_descriptor()
            line = None if descriptor is None else Descriptor(descriptor)
            self._program.line_opened(line, owner=False)
        elif kind == _LOST:
            # Whoever keeps the descriptor of an unplugged device keeps its name from coming back.
            self._program.line_lost(data.decode(), owner=False)


class _Owner:
    """A program's part while it owns the port."""

    def __init__(
        self, program: _Program, meeting: Rendezvous | Alone, listener: socket.socket
    ) -> None:
        self._program = program
        self._meeting = meeting
        self._listener = listener
        self._guests: list[Peer] = []
        self._outgoing = bytearray()
        self._backoff_s = _FIRST_BACKOFF_S
        self._welcome_at = 0.0  # until then nobody is welcomed
        # With a line: when to begin to read it. Without: when to try to open it.
        self._act_at = time.monotonic()
        if program.line is not None:
            self._act_at += _SETTLE_S
            program.line_kept(owner=True)

    def begin(self, _deadline: float) -> bool:
        """Opens the line. UserError: it cannot be opened."""
        try:
            self._open_line()
        except UserError:
            self.leave()
            raise
        return True

    def turn(self) -> bool:
        """Waits until there is something to do and does it. True: an owner stays the owner."""
        if self._program.line is None and time.monotonic() >= self._act_at:
            self._try_to_open_line()
        act_in_s = self._act_at - time.monotonic()
        acting = act_in_s <= 0
        waits = [] if acting else [act_in_s]
        if not self._welcomes:
            waits.append(self._welcome_at - time.monotonic())
        readable = self._exchange(read_line=acting, timeout_s=min(waits, default=None))
        if self._listener in readable:
            self._welcome_guests()
        return True

    def leave(self) -> None:
        """Sends all that has been read and written, then gives the port up."""
        deadline = time.monotonic() + _LEAVE_S
        self._exchange(read_line=False, timeout_s=0)
        while self._pending() and time.monotonic() < deadline:
            self._exchange(read_line=False, timeout_s=deadline - time.monotonic())
        self._meeting.leave(self._listener)
        for guest in self._guests:
            guest.close()

    @property
    def _welcomes(self) -> bool:
        return time.monotonic() >= self._welcome_at

    def _pending(self) -> bool:
        return bool(self._outgoing) or any(guest.pending for guest in self._guests)

    def _exchange(self, read_line: bool, timeout_s: float | None) -> "list[_Source]":
        """Moves what can be moved now, or as soon as anything can within the timeout.

        Returns what could be read.
        """
        line, writes = self._program.line, self._program.writes
        readers: list[_Source] = [writes, *self._guests]
        if self._welcomes:
            readers.append(self._listener)
        writers: list[Peer | Line] = [guest for guest in self._guests if guest.pending]
        if line is not None and read_line:
            readers.append(line)
        if line is not None and self._outgoing:
            writers.append(line)
        readable = self._program.wait(readers, writers, timeout_s)
        if writes in readable:
            self._outgoing += writes.get()
        for guest in readable:
            if isinstance(guest, Peer):
                self._hear(guest)
        if line is not None and line in readable:
            self._read(line)
        self._write()
        for guest in self._guests[:]:
            self._tell(guest)
        return readable

    def _welcome_guests(self) -> None:
        program = self._program
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # no descriptor is left: the guest waits, the board does not
                program.refused(error)
                self._welcome_at = time.monotonic() + _RESOURCE_AGAIN_S
                return
            program.served()
            guest = Peer(connection)
            self._guests.append(guest)
            if program.line is not None:
                self._tell(guest, _OPEN, descriptor=program.line.fileno())
            elif program.state is not None:
                self._tell(guest, _LOST, program.state.reason.encode())

    def _hear(self, guest: Peer) -> None:
        try:
            for _, data in guest.receive():
                self._outgoing += data
        except OSError:
            self._dismiss(guest)

    def _tell(
        self, guest: Peer, kind: bytes = b"", data: bytes = b"", descriptor: int | None = None
    ) -> None:
        try:
            if kind:
                guest.send(kind, data, descriptor)
            guest.flush()
        except OSError:
            self._dismiss(guest)

    def _tell_all(self, kind: bytes, data: bytes = b"", descriptor: int | None = None) -> None:
        for guest in self._guests[:]:
            self._tell(guest, kind, data, descriptor)

    def _dismiss(self, guest: Peer) -> None:
        if guest in self._guests:
            self._guests.remove(guest)
            guest.close()

    def _read(self, line: Line) -> None:
        try:
            data = line.read(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose_line(str(error.strerror))
            return
        if not data:
            self._lose_line("the line was closed")
            return
        self._tell_all(_DATA, data)
        self._program.on_data(data)

    def _write(self) -> None:
        line = self._program.line
        if line is None:
            self._outgoing.clear()
        elif self._outgoing:
            try:
                del self._outgoing[: line.write(self._outgoing)]
            except BlockingIOError:
                pass
            except OSError as error:
                self._lose_line(str(error.strerror))

    def _try_to_open_line(self) -> None:
        try:
            self._open_line()
        except UserError as error:
            self._report_lost(error.message)
            self._act_at = time.monotonic() + self._backoff_s
            self._backoff_s = min(2 * self._backoff_s, _LAST_BACKOFF_S)

    def _open_line(self) -> None:
        line = open_port(self._program.url)
        self._act_at = time.monotonic()
        self._backoff_s = _FIRST_BACKOFF_S
        self._tell_all(_OPEN, descriptor=line.fileno())
        self._program.line_opened(line, owner=True)

    def _lose_line(self, reason: str) -> None:
        self._outgoing.clear()
        self._act_at = time.monotonic() + self._backoff_s
        self._report_lost(f"{self._program.url}: {reason}")

    def _report_lost(self, reason: str) -> None:
        self._tell_all(_LOST, reason.encode())
        self._program.line_lost(reason, owner=True)


class _Wait:
    """Waits until one of some lines and sockets can be read or written."""

    def __init__(self) -> None:
        self._poll = select.poll() if hasattr(select, "poll") else None
        self._registered: dict[int, int] = {}

    def __call__(
        self,
        readers: "Sequence[_Source]",
        writers: Sequence[Peer | Line],
        timeout_s: float | None,
    ) -> "list[_Source]":
        """Those that can be read, or have ended.

        By `select` on Windows alone: it cannot wait for the descriptors that a process with
        hundreds of ports has.
        """
        timeout_s = None if timeout_s is None else max(0, timeout_s)
        if self._poll is None:
            return select.select(readers, writers, [], timeout_s)[0]
        events = {each.fileno(): select.POLLIN for each in readers}
        for each in writers:
            events[each.fileno()] = events.get(each.fileno(), 0) | select.POLLOUT
        if events != self._registered:
            self._register(events)
        ready = dict(self._poll.poll(None if timeout_s is None else math.ceil(timeout_s * 1000)))
        ended = select.POLLIN | select.POLLHUP | select.POLLERR
        return [each for each in readers if ready.get(each.fileno(), 0) & ended]

    def _register(self, events: dict[int, int]) -> None:
        assert self._poll is not None
        for descriptor in self._registered.keys() - events.keys():
            self._poll.unregister(descriptor)
        for descriptor, wanted in events.items():
            self._poll.register(descriptor, wanted)
        self._registered = events
