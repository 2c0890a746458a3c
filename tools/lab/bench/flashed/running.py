"""The flashed program at work: what it says of itself, and records that are fed to it."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from ....board.feed.feed import Feed
from ....board.feed.pace import Pace, Unwrapped
from ....board.feed.timeline import Arrival
from ....errors import UserError
from ....serial.frames import FRAME_SILENCE_S, Frame, LineReader, Text
from ....serial.logfmt import Stats, parse, read_stats
from ....serial.port import Port, State
from ....serial.session import LinkError, new_session
from ....serial.waiting import Turns
from ....serial.window import Record

_SILENT_S = 120.0  # a board that starts, emulated on a busy machine, says something within this
_TURN_S = 0.05
_AHEAD = 64  # arrivals that wait to be sent
_RECENT = 32  # records by which the board's clock is told


@dataclass(frozen=True)
class Flow:
    """What flowed in some whole intervals of the statistics.

    per_s:  records that the sink took in a second of the board's clock.
    load:   of the board's loop, the mean of the intervals.
    p99_ms: sojourn in the queue, of the worst interval.
    longest_turn_us: of the board's loop.
    """

    per_s: float
    load: float
    p99_ms: int
    longest_turn_us: int


def longest_turn(lines: Sequence[Stats]) -> int:
    """In us, over the intervals of these lines; 0 where the board's Sluice is too old to tell."""
    return max(line.longest_turn_us or 0 for line in lines)


class Running:
    """The program on the board at a port, from its start on, until it is closed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._inbox: SimpleQueue[bytes | State] = SimpleQueue()
        self._port = Port(url, self._inbox.put, self._inbox.put)
        self._turns = Turns(self._inbox, self._hand_on)
        self._reader = LineReader()
        self._heard_at = time.monotonic()
        self._lines: list[Stats] = []
        self._session = new_session()
        self._feed = Feed(self._session, url, math.inf, self._hear, lambda _: None)
        self._size = 0  # of the records, in bytes
        self._added = 0
        self._records: list[Record] = []  # all that were sent
        self._delivered = 0  # of these, those in a row that came back
        self._feeding = False
        self._rate = math.inf  # of the feed, in a second of the board's clock
        self._paced_from = 0.0  # the tick
        self._paced = 0  # records since then

    def open(self) -> None:
        self._port.start_patiently()
        self._feed.start(time.monotonic())

    def close(self) -> None:
        self._port.close()

    @property
    def sent(self) -> int:
        return self._session.sent

    @property
    def delivered(self) -> int:
        return self._session.delivered

    def listen(self, intervals: int) -> list[Stats]:
        """The line of statistics that comes next, and those of so many whole intervals after it."""
        begun = len(self._lines)
        while len(self._lines) <= begun + intervals:
            self._turn()
        return self._lines[begun : begun + intervals + 1]

    def feed(self, size: int, intervals: int, rate: float = math.inf) -> Flow:
        """Feeds it for so many whole intervals, and until all that was sent has come back.

        size: bytes of a record.
        rate: records a second by the board's clock, which earlier records have told.
        """
        self._feeding = True
        self._size = size
        self._rate = rate
        self._paced = 0
        if rate != math.inf:
            self._paced_from = self._board_tick(time.monotonic())
        self.listen(0)  # until an interval begins
        first = self._acknowledged
        lines = self.listen(intervals - 1)
        last = self._acknowledged
        self._feeding = False
        while self._added > self._session.sent or self._session.under_way:
            self._turn()
        if self._session.resets:
            raise UserError(f"{self._url}: the board was reset while it was measured")
        if self.delivered < self.sent:
            lost = self.sent - self.delivered
            raise UserError(f"{self._url}: {lost} of {self.sent} records were lost")
        p99s = [line.p99_ms for line in lines if line.p99_ms is not None]
        return Flow(
            per_s=self._pace(first, last),
            load=sum(line.load for line in lines) / len(lines),
            p99_ms=max(p99s, default=0),
            longest_turn_us=longest_turn(lines),
        )

    @property
    def first_ms(self) -> float:
        """When the first record was granted, by the board's clock."""
        tick = self._records[0].tick
        assert tick is not None
        return tick * 1000 / self._session.ticks_per_s

    @property
    def _acknowledged(self) -> int:
        return self._session.sent - len(self._session.under_way)

    def _pace(self, first: int, last: int) -> float:
        """Records in a second from one to the other, by the ticks of their grants."""
        pace = Pace(self._session.ticks_per_s)
        ticks = Unwrapped(self._session.ticks_per_s)
        for record in self._records[max(0, first - 1) : last]:
            assert record.tick is not None and record.delivered_at is not None
            pace.add(ticks.add(record.tick, record.delivered_at))
        return pace.mean or 0.0

    def _turn(self) -> None:
        now = time.monotonic()
        if not self._feed.answered:
            self._feed.woke(now)  # patience with its start is ours
        if now - self._heard_at > _SILENT_S:
            raise UserError(f"{self._url}: the board's program says nothing for {_SILENT_S:.0f} s")
        try:
            if self._turns.wait(self._wait_s(now)):
                self._feed.woke(time.monotonic())
            self._send(time.monotonic())
        except LinkError as error:
            raise UserError(f"{self._url}: {error}") from None

    def _wait_s(self, now: float) -> float:
        deadline = min(self._feed.deadline, self._next_due(now)) if self._feeding else now + _TURN_S
        return min(max(0.0, deadline - now), _TURN_S)

    def _send(self, now: float) -> None:
        if not (self._feeding or self._session.sent):
            return
        while self._feeding and self._next_due(now) <= now:
            payload = b"%0*d" % (self._size, self._added % 10**self._size)
            self._feed.add(Arrival(0.0, payload, 0))
            self._added += 1
            self._paced += 1
        before = self._session.sent
        if data := self._feed.poll(now):
            self._port.write(data)
        if fresh := self._session.sent - before:
            self._records += list(self._session.under_way)[-fresh:]

    def _next_due(self, now: float) -> float:
        """When the next record is to be fed."""
        if self._rate == math.inf:
            return now if self._added - self._session.sent < _AHEAD else math.inf
        due = self._paced_from + self._paced * self._session.ticks_per_s / self._rate
        return now + (due - self._board_tick(now)) / self._ticks_per_host_s

    def _board_tick(self, now: float) -> float:
        """The board's tick at this moment, as far as the deliveries tell; it does not wrap."""
        last = self._last_delivered
        assert last.delivered_at is not None and last.tick is not None
        return last.tick + (now - last.delivered_at) * self._ticks_per_host_s

    @property
    def _last_delivered(self) -> Record:
        while (
            self._delivered < len(self._records) and self._records[self._delivered].tick is not None
        ):
            self._delivered += 1
        return self._records[self._delivered - 1]

    @property
    def _ticks_per_host_s(self) -> float:
        """How fast the board's clock goes by the host's: an emulated one is slower."""
        last = self._last_delivered
        first = self._records[max(0, self._delivered - _RECENT)]
        assert first.tick is not None and last.tick is not None
        assert first.delivered_at is not None and last.delivered_at is not None
        ticks, host_s = last.tick - first.tick, last.delivered_at - first.delivered_at
        return ticks / host_s if ticks > 0 and host_s > 0 else self._session.ticks_per_s

    def _hand_on(self, item: bytes | State) -> None:
        now = time.monotonic()
        if isinstance(item, bytes):
            self._heard_at = now
            self._read(self._reader.feed(item))
            self._feed.receive(item, now)
        elif item.connected:
            self._read(self._reader.idle(FRAME_SILENCE_S))
            self._reader = LineReader()
            self._feed.line_opened(now)
        else:
            self._feed.line_lost(item.reason)

    def _read(self, items: list[Text | Frame]) -> None:
        for item in items:
            if isinstance(item, Text) and (line := read_stats(item.line)):
                if line.rate is not None:
                    raise UserError(
                        f"{self._url}: the board does not take the bench's configuration:"
                        " is another Sluice on it?"
                    )
                self._lines.append(line)

    def _hear(self, line: str) -> None:
        pairs = parse(line)
        if pairs.get("event") == "config_error":
            raise UserError(
                f"{self._url}: the Sluice on the board refuses the bench's configuration"
                f" ({pairs.get('key')} is {pairs.get('value')}): run sluice flash first"
            )
