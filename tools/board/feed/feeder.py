"""A feed at a board's port: the threads that read the log and the line, and the wait between."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple

from ...errors import UserError
from ...serial.port import Port, State
from ...serial.session import LinkError, Session, new_session
from ...serial.waiting import Turns
from ...serial.window import SEQ_PERIOD
from .account import Account
from .arrivals import Arrivals
from .bookmark import Bookmark
from .feed import Feed
from .timeline import Arrival

_TURN_S = 0.1
_READ_AHEAD = 256


class _Data(NamedTuple):
    at: float
    data: bytes


class _Stop:
    """The feed is to end."""


class _End(NamedTuple):
    """There are no more arrivals."""

    error: Exception | None


class Feeder:
    """One feed of a log to the board at a port.

    speed:   how many times faster than they came the arrivals are sent; infinity: as fast as the
             board takes them.
    on_line: given each line that the board prints, but statistics and records given up; all
             printable.
    on_progress: given, several times a second or more often, how many bytes of the log have been
             sent and how many records delivered (or acknowledged, if none comes back).
    on_notice: given what the user has to know of the line; None: `on_line` is.
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
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._arrivals = arrivals
        self._on_progress = on_progress
        self._bookmark = bookmark
        self._resumed = 0  # arrivals that were left out
        self._failure: Exception | None = None  # of reading
        self._feed = Feed(_session(bookmark), port_url, speed, on_line, self._note, on_notice)
        self._inbox: SimpleQueue[_Data | State | Arrival | _Stop | _End] = SimpleQueue()
        self._url = port_url
        self._port = Port(port_url, self._on_data, self._inbox.put)
        self._ahead = threading.Semaphore(_READ_AHEAD)

    @property
    def answered(self) -> bool:
        """Whether the board has answered at all."""
        return self._feed.answered

    def run(self) -> None:
        """Sends all the arrivals and waits until the board has acknowledged them.

        UserError: the port cannot be opened, the board does not answer, the log cannot be read
        to its end (what was read is sent), or the bookmark is another log's.
        """
        feed = self._feed
        turns = Turns(self._inbox, self._hand_on)
        try:
            self._port.start()
            feed.start(time.monotonic())
            threading.Thread(target=self._read, daemon=True).start()
            while not feed.over(time.monotonic()):
                wait_s = min(max(0.0, feed.deadline - time.monotonic()), _TURN_S)
                if turns.wait(wait_s):
                    feed.woke(time.monotonic())
                self._send()
                self._on_progress(feed.position, feed.done)
        except LinkError as error:
            raise UserError(f"{self._url}: {error}") from error
        finally:
            self._port.close()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Sends nothing more and lets `run` return soon.

        May be called from a signal handler.
        """
        self._inbox.put(_Stop())

    def account(self) -> Account:
        """The account, after `run`."""
        return self._feed.account(self._arrivals, self._resumed)

    def _on_data(self, data: bytes) -> None:
        self._inbox.put(_Data(time.monotonic(), data))

    def _note(self, records: int) -> None:
        if self._bookmark:
            self._bookmark.add(records)

    def _read(self) -> None:
        error = None
        left_out = self._bookmark.acknowledged if self._bookmark else 0
        try:
            first = True
            for arrival in self._arrivals:
                if first and self._bookmark:
                    self._bookmark.check_first(arrival.payload)
                first = False
                if self._resumed < left_out:
                    self._resumed += 1
                    continue
                self._ahead.acquire()
                self._inbox.put(arrival)
            if self._resumed < left_out and self._bookmark:
                self._bookmark.check_records(self._resumed)
        except Exception as caught:  # whatever it is: without an end the feed would wait for ever
            error = caught
        self._inbox.put(_End(error))

    def _hand_on(self, item: _Data | State | Arrival | _Stop | _End) -> None:
        feed = self._feed
        if isinstance(item, _Data):
            feed.receive(item.data, item.at)
        elif isinstance(item, Arrival):
            feed.add(item)
        elif isinstance(item, State):
            if item.connected:
                feed.line_opened(time.monotonic())
            else:
                feed.line_lost(item.reason)
        elif isinstance(item, _End):
            self._failure = item.error
            feed.end()
        else:
            feed.stop(time.monotonic())

    def _send(self) -> None:
        sent = self._feed.sent
        data = self._feed.poll(time.monotonic())
        if data:
            self._port.write(data)
        if self._feed.sent > sent:
            self._ahead.release(self._feed.sent - sent)


def _session(bookmark: Bookmark | None) -> Session:
    """A new session, which goes on where the bookmark is."""
    if bookmark is None:
        return new_session()
    if bookmark.base is None:
        session = new_session()
        bookmark.begin(session.base)
        return session
    return new_session((bookmark.base + bookmark.acknowledged) % SEQ_PERIOD)
