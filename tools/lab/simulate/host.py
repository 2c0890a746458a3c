"""The programs at the host's end of a line: a feed, a gateway, and a request for settings."""

from collections import deque
from pathlib import Path
from typing import Protocol

from sluice.program.config import ConfigError, check

from ...board.feed.bookmark import Bookmark
from ...board.feed.feed import Feed
from ...board.feed.timeline import Arrival
from ...board.settings.asking import Asking
from ...fleet.budget.board import Grant
from ...fleet.gateway.board import TICK_S, Board
from ...fleet.gateway.config import BoardConfig
from ...serial.logfmt import Stats
from ...serial.member import Report
from ...serial.session import Session, new_session
from ...serial.settings import Change, Refused
from ...serial.window import SEQ_PERIOD, Record
from .scenario import Scenario
from .violation import Violation
from .witness import Witness

_NEVER = float("inf")


class Program(Protocol):
    """A program that has the port, perhaps with others. Times are seconds."""

    @property
    def deadline(self) -> float: ...
    def receive(self, data: bytes, now: float) -> None: ...
    def poll(self, now: float) -> bytes: ...
    def line_opened(self, now: float) -> None: ...
    def line_lost(self) -> None: ...
    def woke(self, now: float) -> None:
        """The host was suspended until now, and has handed on what came meanwhile."""


class Sender(Program, Protocol):
    """One that sends the log's records."""

    @property
    def over(self) -> bool:
        """Whether all is sent and acknowledged."""
        ...

    @property
    def under_way(self) -> bool:
        """Whether records are sent and not acknowledged."""
        ...

    @property
    def sent(self) -> int:
        """The place in the log of the next record to be sent."""
        ...

    @property
    def told(self) -> int:
        """Records of which the acknowledgements said that the sink did not take them."""
        ...

    def due_ms(self, place: int) -> float:
        """When this record of the log arrives; infinity: there is none."""
        ...


class _Followed:
    """A session's records by their place in the log: whoever is acknowledged, the witness knows."""

    def __init__(self, session: Session, first: int, witness: Witness, sink: str) -> None:
        self._told_before = witness.told_before
        self.session = session
        self._next = first  # the place of the oldest record under way
        self._seen = 0  # records sent
        self.delivered = 0
        """Records that were acknowledged and had come back."""
        self._under_way: deque[Record] = deque()
        self._witness = witness
        self._sink = sink

    @property
    def told(self) -> int:
        """See Sender."""
        session = self.session
        return session.given_up + session.shed + session.overwritten

    @property
    def sent(self) -> int:
        """The place of the next record to be sent."""
        return self._next + len(self._under_way)

    def look(self) -> None:
        """To be called after each call that sends, and after each that receives."""
        session = self.session
        new = session.sent - self._seen
        if new:
            self._seen += new
            under_way = session.under_way
            self._under_way.extend(under_way[at - new] for at in range(new))
        while self._under_way and self._under_way[0].acked_at is not None:
            record = self._under_way.popleft()
            self._witness.acknowledge(self._next, record, self._sink)
            self.delivered += record.tick is not None
            self._next += 1
        self._witness.check_told(self._told_before + self.told)


class FeedProgram:
    """`sluice feed --resume`: from its start to its end, or until it is killed."""

    def __init__(self, scenario: Scenario, witness: Witness, path: Path, now: float) -> None:
        self._bookmark = Bookmark(str(path))
        first = self._bookmark.acknowledged
        if self._bookmark.base is None:
            session = new_session()
            self._bookmark.begin(session.base)
        else:
            session = new_session((self._bookmark.base + first) % SEQ_PERIOD)
        sink = str(scenario.config["sink"])
        self._followed = _Followed(session, first, witness, sink)
        self.session = session
        self.feed = Feed(session, "board", 1.0, _ignore, self._bookmark.add)
        self._now = now
        self._records, self._first = scenario.records, first
        self._quick = scenario.quick and not scenario.events
        self._whole = not (scenario.to_board.corrupt or scenario.to_host.corrupt)
        self.feed.start(now)
        for place in range(first, len(scenario.records)):
            at_ms = scenario.records[place][0]
            self.feed.add(Arrival(at_ms / 1000, witness.payloads[place], place + 1))
        self.feed.end()

    @property
    def deadline(self) -> float:
        return self.feed.deadline

    @property
    def over(self) -> bool:
        return self.feed.over(self._now)

    def receive(self, data: bytes, now: float) -> None:
        self._now = now
        self.feed.receive(data, now)
        self._followed.look()
        if self._quick and self.session._window.limited:
            raise Violation("the window is halved on a quick line")

    def poll(self, now: float) -> bytes:
        self._now = now
        data = self.feed.poll(now)
        self._followed.look()
        return data

    def line_opened(self, now: float) -> None:
        self.feed.line_opened(now)

    def line_lost(self) -> None:
        self.feed.line_lost("board: unplugged")

    def woke(self, now: float) -> None:
        self.feed.woke(now)

    @property
    def told(self) -> int:
        return self._followed.told

    def settle(self) -> None:
        """All is acknowledged. Violation: the feed has not counted right."""
        session, delivered = self.session, self._followed.delivered
        if self._whole and session.refused:
            raise Violation(f"a whole line has brought what was refused: {session.refused}")
        if session.delivered != delivered:
            raise Violation(f"{delivered} records came back, the feed says {session.delivered}")
        if session.out_of_order:
            raise Violation(f"{session.out_of_order} records came out of order")

    @property
    def under_way(self) -> bool:
        return bool(self.session.under_way)

    @property
    def sent(self) -> int:
        return self._followed.sent

    def due_ms(self, place: int) -> float:
        first_ms = self._records[self._first][0]
        return 1000 * self.feed.begun_at + self._records[place][0] - first_ms

    def close(self) -> None:
        self._bookmark.close()


class GatewayProgram:
    """A gateway's board: watermark and grants, and if it is the host, the log, as over gRPC."""

    def __init__(self, scenario: Scenario, witness: Witness, now: float, first: int) -> None:
        self.watermark: int | None = None
        """That of the fleet, in ms; None: none was ever set."""
        self._now = now
        self._out: list[bytes] = []
        streams = scenario.host == "gateway"
        config = BoardConfig.model_validate({"name": "b1", "port": "board", "stream": streams})
        self.board = Board(config, self, self._out.append, lambda: self._now)
        self._tick_at = now
        self._grants = 0
        self._payloads = witness.payloads
        self._records = scenario.records
        self._begun = now
        self._first = first
        self._followed: _Followed | None = None
        if self.board.stream is not None:
            session = self.board.stream.records._link
            sink = str(scenario.config["sink"])
            self._followed = _Followed(session, first, witness, sink)

    @property
    def deadline(self) -> float:
        if self.board.stream is None:
            return self._tick_at
        at_s = self._due_at(self._followed.sent) if self._followed else _NEVER
        room = self.board.stream.records.room
        return min(self._tick_at, self.board.stream.deadline, at_s if room else _NEVER)

    @property
    def over(self) -> bool:
        followed = self._followed
        if followed is None:
            return True
        return followed.sent == len(self._payloads) and not followed.session.under_way

    def receive(self, data: bytes, now: float) -> None:
        self._now = now
        self.board.receive(data)
        self._look()

    def poll(self, now: float) -> bytes:
        self._now = now
        if now >= self._tick_at:
            self._tick_at = now + TICK_S
            self.board.tick()
        if self.board.stream is not None:
            self.board.stream.poll()
            self._look()
            self._produce(now)
            self._consume()
        data = b"".join(self._out)
        self._out.clear()
        return data

    def line_opened(self, now: float) -> None:
        self._now = now
        self.board.line_opened()

    def line_lost(self) -> None:
        self.board.line_lost("board: unplugged")

    @property
    def under_way(self) -> bool:
        return self._followed is not None and bool(self._followed.session.under_way)

    @property
    def sent(self) -> int:
        return 0 if self._followed is None else self._followed.sent

    def due_ms(self, place: int) -> float:
        return 1000 * self._due_at(place)

    def set_watermark(self, ms: int) -> None:
        self.watermark = ms
        self.board.set_watermark(ms)

    @property
    def told(self) -> int:
        return 0 if self._followed is None else self._followed.told

    def woke(self, now: float) -> None:
        """It finds out by itself."""

    def grant(self, guaranteed: int, extra: int, lease_ms: int) -> int | None:
        """Sends a grant, if the board is in touch; its end in ms of the board's clock."""
        report = self.board.report
        if report is None:
            return None
        self._grants += 1
        until = self.board.clock.ms(report.tick) + lease_ms
        number = report.number + self._grants
        self.board.tell(Grant("b1", report.epoch, number, guaranteed, extra, until))
        return until

    def met(self, board: Board, report: Report) -> None:
        """See Listener."""

    def reported(self, board: Board, report: Report) -> None:
        """See Listener."""

    def lost(self, board: Board) -> None:
        """See Listener."""

    def measured(self, board: Board, before: Stats | None, stats: Stats) -> None:
        """See Listener."""

    def _due_at(self, place: int) -> float:
        if place >= len(self._records):
            return _NEVER
        return self._begun + (self._records[place][0] - self._records[self._first][0]) / 1000

    def _look(self) -> None:
        followed = self._followed
        if followed is None or self.board.stream is None:
            return
        followed.look()
        if self.board.stream.records._link is not followed.session:
            raise Violation("the gateway has lost its feed, and there is no other")

    def _produce(self, now: float) -> None:
        followed = self._followed
        assert followed is not None and self.board.stream is not None
        records = self.board.stream.records
        while records.room and self._due_at(followed.sent) <= now:
            records.send(self._payloads[followed.sent][: records.record_size])
            followed.look()

    def _consume(self) -> None:
        assert self.board.stream is not None
        records = self.board.stream.records
        while records.delivery(records.confirmed) is not None:
            records.confirm((records.confirmed + 1) % SEQ_PERIOD)
            self._look()


class Settings:
    """`sluice set`, one request after another; each is sent until it is answered."""

    def __init__(self, config: dict[str, object]) -> None:
        self.values = check(config, 1000)
        """In force, as far as the board has said."""
        self.calm = False
        """Whether the board has to answer."""
        self._sure = True
        self._waiting: deque[str] = deque()
        self._change: Change | None = None
        self._asking: Asking | None = None
        self._pairs = ""

    @property
    def over(self) -> bool:
        return self._asking is None and not self._waiting

    @property
    def deadline(self) -> float:
        if self._asking is not None:
            return self._asking.deadline
        return 0 if self._waiting else _NEVER

    def add(self, pairs: str) -> None:
        self._waiting.append(pairs)

    def forget(self) -> None:
        """What is in force on the board is not known any more."""
        self._sure = False

    def give_up(self) -> None:
        """What is asked now is asked no more."""
        self._asking = None
        self._sure = False

    def receive(self, data: bytes, now: float) -> None:
        if self._asking is None or self._change is None:
            return
        try:
            self._asking.receive(data, now)
        except Refused as refusal:
            self._judge(refusal)
            self._asking = None
            return
        if self._change.done:
            self.values |= self._change.values
            self._sure = "trial_s" not in self._pairs
            self._asking = None

    def poll(self, now: float) -> bytes:
        if self._asking is not None and self._asking.is_overdue(now):
            if self.calm:
                raise Violation(f"the board does not answer to set {self._pairs}")
            self.give_up()
        if self._asking is None and self._waiting:
            self._pairs = self._waiting.popleft()
            self._change = Change(f"who=sim {self._pairs}".rstrip())
            self._asking = Asking(self._change, now)
        return self._asking.poll(now) if self._asking is not None else b""

    def line_opened(self, now: float) -> None:
        if self._asking is not None:
            self._asking.line_opened(now)

    def line_lost(self) -> None:
        """What is asked is asked again."""

    def woke(self, now: float) -> None:
        if self._asking is not None:
            self._asking.woke(now)

    def _judge(self, refusal: Refused) -> None:
        """A value that is allowed is refused at no instant."""
        key = str(refusal).split(" is ", 1)[0]
        if not self._sure or key in ("keep", "trial_s"):
            return
        pairs = dict(pair.split("=") for pair in self._pairs.split(" "))
        values = {key: _read(value) for key, value in pairs.items() if key in self.values}
        try:
            check(self.values | values, 1000)
        except ConfigError:
            return
        raise Violation(f"set {self._pairs}: refused, though it is allowed: {refusal}")


def _read(text: str) -> object:
    if text == "none":
        return None
    if "," in text:
        return [int(part) for part in text.split(",")]
    return int(text) if text.lstrip("-").isdigit() else text


def _ignore(line: str) -> None:
    """What a board prints is not shown."""
