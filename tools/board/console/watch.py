"""A board's port as the events on it."""

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from ...serial.frames import FRAME_SILENCE_S, TEXT_SILENCE_S, Frame, LineReader, Text
from ...serial.port import Port, State
from .events import Event, LinkDown, LinkUp, TextLine, line_event, printable

_BACKLOG_BYTES = 4 << 20


class Watch:
    """Opens a port, again and again after it was lost, and tells what happens there.

    A reader of the events that falls 4 MiB behind loses text, and is told how much: the port never
    waits, because other programs use it too.
    """

    def __init__(self, url: str, record: Callable[[Event], None] | None = None) -> None:
        """`record` is given each event before `events` gives it out.

        UserError: the port can neither be opened nor shared.
        """
        self.name = url
        self._record = record
        self._inbox: SimpleQueue[bytes | State | None] = SimpleQueue()
        # The port's thread alone writes the first two, the reader of the events the others.
        self._received = 0
        self._lost = 0
        self._taken = 0
        self._told = 0
        self._closed = False
        self._port = Port(url, self._on_data, self._inbox.put)
        self._port.start()

    def close(self) -> None:
        """Leaves the port and ends `events`. May be called from any thread, and again."""
        if not self._closed:
            self._closed = True
            self._port.close()
            self._inbox.put(None)

    def _on_data(self, data: bytes) -> None:
        if self._received - self._taken > _BACKLOG_BYTES:
            self._lost += len(data)
        else:
            self._received += len(data)
            self._inbox.put(data)

    def events(self) -> Iterator[list[Event]]:
        """What happens, in batches as it comes, until `close`; blocks between them."""
        reader = LineReader()
        connected: bool | None = None
        heard = time.monotonic()
        while True:
            try:
                item = self._inbox.get(timeout=TEXT_SILENCE_S)
            except Empty:
                batch = _text_events(reader.idle(time.monotonic() - heard))
            else:
                if item is None:
                    return
                heard = time.monotonic()
                if isinstance(item, bytes):
                    self._taken += len(item)
                    batch = _text_events(reader.feed(item))
                elif item.connected == connected:
                    continue
                else:
                    connected = item.connected
                    # What the old line left unfinished is over.
                    batch = _text_events(reader.idle(FRAME_SILENCE_S))
                    batch.append(self._link_event(item))
                    reader = LineReader()
            batch += self._losses()
            if self._record is not None:
                for event in batch:
                    self._record(event)
            if batch:
                yield batch

    def _losses(self) -> list[Event]:
        lost = self._lost - self._told
        if not lost:
            return []
        self._told += lost
        return [TextLine(time.time(), f"{lost} bytes lost: the console could not keep up")]

    def _link_event(self, state: State) -> LinkUp | LinkDown:
        now = time.time()
        if state.connected:
            return LinkUp(now)
        return LinkDown(now, printable(state.reason.removeprefix(f"{self.name}: ")))


def _text_events(items: list[Text | Frame]) -> list[Event]:
    now = time.time()
    return [line_event(now, item.line) for item in items if isinstance(item, Text)]
