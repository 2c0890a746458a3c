"""One feed of arrivals to a board: what to send when, and what becomes of each record.

Nothing here waits, reads a clock or touches a port: time is given in seconds of one monotonic
clock. `feeder.py` has the port and the threads around it.
"""

from collections import deque
from collections.abc import Callable

from ...errors import UserError
from ...serial.frames import FRAME_SILENCE_S, Frame, LineReader, Text, encode
from ...serial.logfmt import parse
from ...serial.session import Session, together
from ...serial.url import NoSluice
from ..console.events import printable
from .account import Account, Tally
from .arrivals import Arrivals
from .timeline import Arrival

ANSWER_S = 5.0
"""How long a board may take for its first answer."""

GONE_S = 15.0
"""How long a board that has answered may be silent: a reset, or a cable put back."""

STOP_S = 2.0
"""How long a feed that is stopped waits for the records under way."""

_FREQUENT = ("stats", "given_up")  # lines that come once a second, or with every record
_NEVER = float("inf")


class Feed:
    """Sends arrivals when they are due, and hears what becomes of them.

    session: a new one.  url: of the board's port, for messages.
    speed:   how many times faster than they came the arrivals are sent; infinity: as fast as the
             board takes them.
    on_line: given each line that the board prints, but statistics and records given up; all
             printable.
    on_acknowledged: given how many more records the board has acknowledged.
    on_notice: given what the user has to know of the line; None: `on_line` is.
    """

    def __init__(
        self,
        session: Session,
        url: str,
        speed: float,
        on_line: Callable[[str], None],
        on_acknowledged: Callable[[int], None],
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self.position = 0
        """How many bytes of the log have been sent."""
        self._session = session
        self._url = url
        self._speed = speed
        self._on_line = on_line
        self._on_acknowledged = on_acknowledged
        self._on_notice = on_notice or on_line
        self._slow_s = 0.0  # the user knows of a round trip as long
        self._tally = Tally()
        self._reader = LineReader()
        self._damaged = 0  # frames of lines that were lost
        self._last_line = ""
        self._connected = False
        self._lost_reason = ""
        self._waiting: deque[Arrival] = deque()
        self._ended = False
        self._stop_by: float | None = None  # None: it was not stopped
        self.begun_at = 0.0
        """The time of the first arrival."""
        self._from_s: float | None = None  # when it was in the log; None: there was none
        self._heard_at = 0.0  # when the board last sent a frame, or had no reason to
        self._data_at = 0.0

    @property
    def answered(self) -> bool:
        """Whether the board has answered at all."""
        return self._session.answered

    @property
    def sent(self) -> int:
        """Arrivals that were sent."""
        return self._session.sent

    @property
    def done(self) -> int:
        """Records delivered so far, or acknowledged, if none comes back."""
        return self._session.delivered or self._tally.acknowledged

    def start(self, now: float) -> None:
        """From now on the board has to answer."""
        self.begun_at = self._heard_at = self._data_at = now

    def add(self, arrival: Arrival) -> None:
        """Adds the next arrival."""
        if self._stop_by is not None:
            return
        if self._from_s is None:
            self._from_s = arrival.at_s
        self._waiting.append(arrival)

    def end(self) -> None:
        """There are no more arrivals."""
        self._ended = True

    def stop(self, now: float) -> None:
        """Sends nothing more, and waits only shortly for what is under way."""
        if self._stop_by is None:
            self._stop_by = now + STOP_S
            self._waiting.clear()

    def line_opened(self, now: float) -> None:
        """The line to the board is open."""
        if not self._connected:
            # What the old line left unfinished is over.
            self._hear(self._reader.idle(FRAME_SILENCE_S), now)
            self._damaged += self._reader.bad
            self._reader = LineReader()
        self._connected = True

    def line_lost(self, reason: str) -> None:
        """The line to the board is closed until it is opened again."""
        self._connected = False
        self._lost_reason = reason

    def receive(self, data: bytes, now: float) -> None:
        """Receives what the board has sent. LinkError: the feed cannot go on."""
        self._data_at = now
        self._hear(self._reader.feed(data), now)

    def woke(self, now: float) -> None:
        """The program itself was stopped until now: the board has its whole time once more."""
        self._heard_at = now

    def over(self, now: float) -> bool:
        """Whether all is sent and acknowledged, or it was stopped."""
        under_way = bool(self._session.under_way)
        if self._stop_by is not None:
            return not under_way or now >= self._stop_by
        return self._ended and not self._waiting and not under_way

    @property
    def deadline(self) -> float:
        """When `poll` has to be called again at the latest, if nothing else happens before."""
        stop_by = _NEVER if self._stop_by is None else self._stop_by
        silent_at = self._data_at + self._reader.patience_s
        return min(self._session.deadline, self._next_due(), silent_at, self._gone_at(), stop_by)

    def poll(self, now: float) -> bytes:
        """What has to go out on the line now.

        LinkError: the feed cannot go on.  UserError: the board has been silent for too long.
        """
        while now >= self._data_at + self._reader.patience_s:
            self._hear(self._reader.idle(self._reader.patience_s), now)
        self._check_board(now)
        session = self._session
        contents = session.poll(now)
        while self._next_due() <= now:
            arrival = self._waiting.popleft()
            self.position = arrival.end
            if len(arrival.payload) > session.record_size:
                self._tally.cut += 1
            contents.append(session.send(arrival.payload[: session.record_size], now))
        return b"".join(map(encode, together(contents)))

    def account(self, arrivals: Arrivals, resumed: int) -> Account:
        """The account, when it is over.

        arrivals: those that were added, of which `resumed` were left out.
        """
        return self._tally.account(
            arrivals,
            self._session,
            resumed,
            damaged=self._damaged + self._reader.bad,
            interrupted=self._stop_by is not None,
        )

    def _gone_at(self) -> float:
        """When a board that has said nothing until then is gone."""
        if self._stop_by is not None:
            return _NEVER
        if not self._session.answered:
            return self._heard_at + ANSWER_S
        return _NEVER if self._session.deadline == _NEVER else self._heard_at + GONE_S

    def _check_board(self, now: float) -> None:
        answered = self._session.answered
        if answered and self._session.deadline == _NEVER:
            self._heard_at = now
        if now < self._gone_at():
            return
        patience = GONE_S if answered else ANSWER_S
        if not self._connected:
            raise UserError(f"{self._lost_reason}; waited {patience:.0f} s for it")
        hint = "" if answered else ": is Sluice running on the board?"
        if self._last_line:
            hint += f' Its last line: "{self._last_line}"'
        raise NoSluice(self._url, f"no answer for {patience:.0f} s{hint}")

    def _hear(self, items: list[Text | Frame], now: float) -> None:
        for item in items:
            if isinstance(item, Frame):
                self._heard_at = now
                if not self._session.answered:
                    self.begun_at = now
                records = self._session.receive(item.content, now)
                if records:
                    self._on_acknowledged(len(records))
                self._tally.add_acknowledged(records, self._session.ticks_per_s)
                self._say_slow(self._session.late_s or 0.0)
            else:
                self._hear_line(item.line, now)

    def _say_slow(self, late_s: float) -> None:
        if late_s >= 2 * self._slow_s and late_s > 0:
            self._slow_s = late_s
            self._on_notice(f"the line is slow: the board's answer took {late_s:.1f} s")

    def _hear_line(self, line: str, now: float) -> None:
        before, self._last_line = self._last_line, printable(line)
        self._tally.add_line(line)
        event = parse(line).get("event")
        if event == "start":
            self._session.restarted(now)
        # Where Sluice does not run, the REPL echoes each HELLO.
        echoed = not self._session.answered and self._last_line == before
        if event not in _FREQUENT and not echoed:
            self._on_line(self._last_line)

    def _next_due(self) -> float:
        """When the next arrival is due; infinity: there is none, or no room for it."""
        if not self._waiting or not self._session.room:
            return _NEVER
        after_s = self._waiting[0].at_s - (self._from_s or 0)
        return self.begun_at + after_s / self._speed
