"""Sends arrivals to a board when they are due, and hears what becomes of them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ...errors import UserError
from ...serial.frames import FRAME_SILENCE_S, Frame, LineReader, Text, encode
from ...serial.logfmt import parse
from ...serial.port import Port, State
from ...serial.session import SEQ_PERIOD, LinkError, Session, new_session
from ...serial.waiting import next_item
from ..console.events import printable
from .account import Account, Tally
from .arrivals import Arrival, Arrivals
from .bookmark import Bookmark

ANSWER_S = 5.0
"""How long a board may take for its first answer."""

GONE_S = 15.0
"""How long a board that has answered may be silent: a reset, or a cable put back."""

STOP_S = 2.0
"""How long a feed that is stopped waits for the records under way."""

_TURN_S = 0.1
_READ_AHEAD = 256
_ACCOUNTED = ("stats", "given_up")


class _Data(NamedTuple):
    at: float
    data: bytes


class _Stop:
    """The feed is to end."""


class _End(NamedTuple):
    """There are no more arrivals."""

    error: OSError | None


class Feeder:
    """One feed of a log to the board at a port.

    speed:   how many times faster than they came the arrivals are sent; infinity: as fast as the
             board takes them.
    on_line: given each line that the board prints and the account does not hold; all printable.
    on_progress: given, several times a second or more often, how many bytes of the log have been
             sent and how many records delivered (or acknowledged, if none comes back).
    bookmark: where the acknowledged records are noted; those that it has already are left out.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        port_url: str,
        speed: float,
        on_line: Callable[[str], None],
        on_progress: Callable[[int, int], None],
        bookmark: Bookmark | None = None,
    ) -> None:
        self._arrivals = arrivals
        self._speed = speed
        self._on_line = on_line
        self._on_progress = on_progress
        self._bookmark = bookmark
        self._resumed = 0  # arrivals that were left out
        self._session = self._new_session()
        self._tally = Tally()
        self._reader = LineReader()
        self._position = 0
        self._damaged = 0
        self._last_line = ""
        self._inbox: SimpleQueue[_Data | State | Arrival | _Stop | _End] = SimpleQueue()
        self._url = port_url
        self._port = Port(port_url, self._on_data, self._inbox.put)
        self._connected = False
        self._lost_reason = ""
        self._waiting: deque[Arrival] = deque()
        self._ahead = threading.Semaphore(_READ_AHEAD)
        self._ended = False
        self._stop_by: float | None = None
        self._begun_at = 0.0  # the time of the first arrival
        self._from_s: float | None = None  # when that was in the log
        self._heard_at = 0.0  # when the board last sent a frame, or had no reason to
        self._data_at = 0.0

    @property
    def answered(self) -> bool:
        """Whether the board has answered at all."""
        return self._session.answered

    def run(self) -> None:
        """Sends all the arrivals and waits until the board has acknowledged them.

        UserError: the port cannot be opened, the board does not answer, or the log cannot be read.
        """
        try:
            self._port.start()
            self._begun_at = self._heard_at = self._data_at = time.monotonic()
            threading.Thread(target=self._read, daemon=True).start()
            while not self._over():
                self._take()
                self._send()
                self._on_progress(
                    self._position, self._session.delivered or self._tally.acknowledged
                )
        except LinkError as error:
            raise UserError(f"{self._url}: {error}") from error
        finally:
            self._port.close()

    def stop(self) -> None:
        """Sends nothing more and lets `run` return soon.

        May be called from a signal handler.
        """
        self._inbox.put(_Stop())

    def account(self) -> Account:
        """The account, after `run`."""
        return self._tally.account(
            self._arrivals,
            self._session,
            self._resumed,
            damaged=self._damaged + self._reader.bad,
            interrupted=self._stop_by is not None,
        )

    def _on_data(self, data: bytes) -> None:
        self._inbox.put(_Data(time.monotonic(), data))

    def _new_session(self) -> Session:
        bookmark = self._bookmark
        if bookmark is None:
            return new_session()
        if bookmark.base is None:
            session = new_session()
            bookmark.begin(session.base)
            return session
        return new_session((bookmark.base + bookmark.acknowledged) % SEQ_PERIOD)

    def _read(self) -> None:
        error = None
        left_out = self._bookmark.acknowledged if self._bookmark else 0
        try:
            for arrival in self._arrivals:
                if self._resumed < left_out:
                    self._resumed += 1
                    continue
                self._ahead.acquire()
                self._inbox.put(arrival)
        except OSError as caught:
            error = caught
        self._inbox.put(_End(error))

    def _over(self) -> bool:
        now = time.monotonic()
        under_way = bool(self._session.under_way)
        if self._stop_by is not None:
            return not under_way or now >= self._stop_by
        if self._ended and not self._waiting and not under_way:
            return True
        self._check_board(now)
        return False

    def _check_board(self, now: float) -> None:
        answered = self._session.answered
        if answered and self._session.deadline == float("inf"):
            self._heard_at = now
        patience = GONE_S if answered else ANSWER_S
        if now - self._heard_at < patience:
            return
        if not self._connected:
            raise UserError(f"{self._lost_reason}; waited {patience:.0f} s for it")
        hint = "" if answered else ": is Sluice running on the board?"
        if self._last_line:
            hint += f' Its last line: "{self._last_line}"'
        raise UserError(f"{self._url}: no answer for {patience:.0f} s{hint}")

    def _take(self) -> None:
        """Takes in all that has come, or waits for the next thing to do."""
        wake_at = min(self._session.deadline, self._next_due())
        wait_s = min(max(0.0, wake_at - time.monotonic()), _TURN_S)
        try:
            item = next_item(self._inbox, wait_s)
            while True:
                self._take_in(item)
                item = self._inbox.get_nowait()
        except Empty:
            now = time.monotonic()
            self._hear(self._reader.idle(now - self._data_at), now)

    def _take_in(self, item: "_Data | State | Arrival | _Stop | _End") -> None:
        if isinstance(item, _Data):
            self._data_at = item.at
            self._hear(self._reader.feed(item.data), item.at)
        elif isinstance(item, Arrival):
            if self._from_s is None:
                self._from_s = item.at_s
            self._waiting.append(item)
        elif isinstance(item, State):
            self._take_state(item)
        elif isinstance(item, _End):
            self._ended = True
            if item.error is not None:
                raise UserError(f"the log cannot be read: {item.error.strerror}")
        elif self._stop_by is None:
            self._stop_by = time.monotonic() + STOP_S
            self._waiting.clear()

    def _take_state(self, state: State) -> None:
        if state.connected and not self._connected:
            # What the old line left unfinished is over.
            now = time.monotonic()
            self._hear(self._reader.idle(FRAME_SILENCE_S), now)
            self._damaged += self._reader.bad
            self._reader = LineReader()
        self._connected = state.connected
        self._lost_reason = state.reason

    def _hear(self, items: list[Text | Frame], now: float) -> None:
        for item in items:
            if isinstance(item, Frame):
                self._heard_at = now
                if not self._session.answered:
                    self._begun_at = now
                records = self._session.receive(item.content, now)
                if records and self._bookmark:
                    self._bookmark.add(len(records))
                self._tally.add_acknowledged(records, self._session.ticks_per_s)
            else:
                self._hear_line(item.line, now)

    def _hear_line(self, line: str, now: float) -> None:
        self._last_line = printable(line)
        self._tally.add_line(line)
        event = parse(line).get("event")
        if event == "start":
            self._session.restarted(now)
        if event not in _ACCOUNTED:
            self._on_line(self._last_line)

    def _next_due(self) -> float:
        if not self._waiting or not self._session.room or self._stop_by is not None:
            return float("inf")
        after_s = self._waiting[0].at_s - (self._from_s or 0)
        return self._begun_at + after_s / self._speed

    def _send(self) -> None:
        now = time.monotonic()
        session = self._session
        contents = session.poll(now)
        while self._next_due() <= now:
            arrival = self._waiting.popleft()
            self._ahead.release()
            self._position = arrival.end
            if len(arrival.payload) > session.record_size:
                self._tally.cut += 1
            contents.append(session.send(arrival.payload[: session.record_size], now))
        if contents:
            self._port.write(b"".join(map(encode, contents)))
