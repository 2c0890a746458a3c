"""The host's end of the link: what to send to a board, and what has arrived there.

Nothing here waits or reads a clock: each method that needs the time is given it, in seconds of one
monotonic clock. docs/link.md is the protocol.
"""

import random
from collections import Counter, deque
from collections.abc import Iterable
from enum import Enum, auto

from google.protobuf.message import DecodeError

from .ack_pb2 import AckRequest
from .frames import CONTENT_MAX, obeyed_by_a_repl
from .ledger import TICK_PERIOD, Ledger, Receipt
from .member import REPORT
from .roundtrip import Probe, RoundTrip
from .settings import ANSWERS
from .window import GIVEN_UP, OVERWRITTEN, SEQ_PERIOD, SHED, Record, Window, distance

VERSION = 0x23

HELLO = 0x81
RECORDS = 0x82
TAKEN = 0x84
PING = 0x87
WELCOME = 0x91
ACK = 0x92
DELIVERED = 0x93
PONG = 0x97
ENDED = 0x99

RECORD_MAX = 241
"""Bytes of a record that fit into a frame DELIVERED."""

GREET_S = 0.5
"""How often it says hello to a board that has never answered."""

PING_S = 1.0
"""How often the round trip is measured while records are under way."""

LATE_S = 2.0
"""For so long after the board's first answer an answer to an earlier feed may still come, on a line
of 500 ms that reorders. When one has, the board is asked whose it is; the feed ends if it has said
for so long nothing to this one."""

ASK_S = 0.5
"""How often the board is asked whose it is."""

_OF_OTHERS = (*ANSWERS, REPORT)  # they come when other programs share the port
_FIRST_HELLO = 0x20
_HELLOS_KEPT = 32  # late answers are known for so long, in seconds or more
_ANOTHER = "another program has begun to feed this board"
_NEVER = float("inf")


class LinkError(Exception):
    """The board says something that no feed can go on after."""


class SessionState(Enum):
    """How a session stands."""

    CALLING = auto()
    """The board has never answered: the same HELLO again and again."""
    GREETING = auto()
    """The board was reset, or silent for too long: no record is sent until it has answered a
    HELLO, which says where it stands."""
    OPEN = auto()
    """Records are sent as far as there is room."""
    LOST = auto()
    """After a LinkError: nothing is sent any more, and what comes is passed over."""


class Session:
    """One feed to one board: its state, a window of records and a ledger of their deliveries.

    session: 1 .. 2^24-1, a number that no other feed has.  base: the first record's sequence
    number, 0 .. 2^24-1.  held: a delivery is confirmed to the board when `confirm` says that it
    is done with, not when it arrives. The board keeps those that are not, and stops when it has no
    room for another.
    """

    def __init__(self, session: int, base: int, held: bool = False) -> None:
        self.state = SessionState.CALLING
        self.record_size = 0
        """Bytes that a record may have, up to 241; 0 until the board has answered."""
        self.ticks_per_s = 0
        """The board's ticks in a second; 0 until the board has answered."""
        self.refused: Counter[str] = Counter()
        """Whole frames that were passed over, by the reason: an unknown "type" or "version", a
        wrong "length" or "content", or a record that came back "changed"."""
        self.round_trip = RoundTrip()
        self._rtt_ms = 0  # as the board has measured it last
        self.late_s: float | None = None
        """The last round trip for which it had not waited long enough; None: there was none."""
        self.base = base
        """The sequence number of the first record."""
        self.number = session
        """The number that it was made with."""
        self._session = session
        self._abandoned = session  # the one before, should it have been given up for another
        self._window = Window(base)
        self._ledger = Ledger(self._window, held)
        # So many of the records before the window's first, as acknowledgements have said.
        self._not_taken: dict[int, int] = dict.fromkeys((GIVEN_UP, SHED, OVERWRITTEN), 0)
        self._hello = Probe(_FIRST_HELLO)
        self._hellos_before: deque[Probe] = deque(maxlen=_HELLOS_KEPT)
        self._suspected = False  # another has been answered since the board was heard of
        self._settled_at = _NEVER  # from then on no answer to an earlier feed is late
        self._hello_first = base  # the number of the oldest record under way when it was sent
        self._hello_at = -_NEVER  # when to say hello, unless the board is heard of before
        self._ping = Probe(0)
        self._ping_at = -_NEVER

    @property
    def answered(self) -> bool:
        """Whether the board has answered at all."""
        return self.record_size > 0

    @property
    def sent(self) -> int:
        """Records sent, each counted once."""
        return self._window.sent

    @property
    def sent_again(self) -> int:
        return self._window.sent_again

    @property
    def delivered(self) -> int:
        """Records that came back from the board's sink, each counted once."""
        return self._ledger.delivered

    @property
    def delivered_again(self) -> int:
        return self._ledger.delivered_again

    @property
    def given_up(self) -> int:
        """Records that the board gave up, as far as it has said; each counted once."""
        return self._ended(GIVEN_UP)

    @property
    def shed(self) -> int:
        return self._ended(SHED)

    @property
    def overwritten(self) -> int:
        return self._ended(OVERWRITTEN)

    @property
    def out_of_order(self) -> int:
        """Records that the board granted before one that was sent earlier."""
        return self._ledger.out_of_order

    @property
    def resets(self) -> int:
        """Resets of the board so far."""
        return self._ledger.resets

    @property
    def under_way(self) -> deque[Record]:
        """The records sent and not acknowledged, oldest first."""
        return self._window.records

    @property
    def first_seq(self) -> int:
        """The sequence number of the oldest record that is not acknowledged."""
        return self._window.first % SEQ_PERIOD

    @property
    def confirmed_seq(self) -> int:
        """The sequence number of the oldest record whose delivery is not confirmed."""
        return self._ledger.confirmed % SEQ_PERIOD

    @property
    def next_seq(self) -> int:
        """The sequence number of the next new record."""
        return self._window.next % SEQ_PERIOD

    @property
    def room(self) -> int:
        """How many new records the board can take now."""
        return self._window.room if self.state is SessionState.OPEN else 0

    @property
    def deadline(self) -> float:
        """When `poll` has to be called again at the latest; infinity: nothing is expected."""
        if self.state is SessionState.LOST:
            return _NEVER
        if self._suspected:
            return min(self._settled_at, self._ping_at)
        if not self._expects():
            return _NEVER
        if self.state is not SessionState.OPEN:
            return self._hello_at
        ping_at = self._ping_at if self._window.records else _NEVER
        report_at = self._ledger.deadline(self.round_trip.spread_s)
        return min(self._hello_at, report_at, ping_at)

    def send(self, payload: bytes, now: float) -> bytes:
        """The content of a frame for a new record of 1 to `record_size` bytes; needs `room`."""
        assert self.room and 1 <= len(payload) <= self.record_size
        if not self._window.records:
            self._wait_for_board(now)
        return _record_content(self._window.add(payload, now))

    def record(self, seq: int) -> Record | None:
        """The record under way with this sequence number; None: there is none."""
        return self._window.record(self._window.number(seq))

    def confirm(self, seq: int, now: float) -> None:
        """All deliveries before this sequence number are done with. They have all arrived."""
        self._ledger.confirm(self._window.number(seq), now)

    def poll(self, now: float) -> list[bytes]:
        """The contents of the frames that have to go out now, besides new records.

        There is one for each record: see `together`.
        LinkError: the feed cannot go on.
        """
        if self.state is SessionState.LOST:
            return []
        if self._suspected:
            return self._ask_whose(now)
        if now >= self._hello_at and self._expects():
            return [self._say_hello(now)]
        if self.state is not SessionState.OPEN:
            return []
        again = [_record_content(record) for record in self._window.again()]
        return self._report(now) + self._measure(now) + again

    def restarted(self, now: float) -> None:
        """The board's program has started anew, so it knows nothing of this session."""
        if self.state is SessionState.LOST:
            return
        if self.answered:
            self._ledger.reset()
            self.state = SessionState.GREETING
        self.round_trip.progress()
        self._hello_at = now

    def receive(self, content: bytes, now: float) -> list[Record]:
        """Receives a frame from the board; the records that it acknowledges, oldest first.

        A record that came back from the sink did so before it is acknowledged, or never will.
        LinkError: the feed cannot go on.
        """
        if self.state is SessionState.LOST:
            return []
        kind, body = content[0], content[1:]
        if kind == WELCOME:
            self._receive_welcome(body, now)
        elif kind == DELIVERED:
            self._receive_delivered(body, now)
        elif kind == ENDED:
            self._receive_ended(body, now)
        elif kind == PONG:
            self._receive_pong(body, now)
        elif kind == ACK:
            return self._receive_ack(body, now)
        elif kind not in _OF_OTHERS:
            self.refused["type"] += 1
        return []

    def _ended(self, how: int) -> int:
        # Of a sink that is the link frames ENDED tell it, of another one acknowledgements.
        return self._not_taken[how] + self._ledger.not_taken[how]

    def _expects(self) -> bool:
        """Whether the board has to say something: an answer, credit, or the end of a record."""
        return bool(self._window.records) or not self.room

    def _wait_for_board(self, now: float) -> None:
        """The board is heard of within the timeout, or it is asked."""
        self._hello_at = now + self.round_trip.timeout_s

    def _progress(self, now: float) -> None:
        self._suspected = False
        self.round_trip.progress()
        self._wait_for_board(now)

    def _lose(self, reason: str) -> LinkError:
        self.state = SessionState.LOST
        return LinkError(reason)

    def _say_hello(self, now: float) -> bytes:
        if self.state is SessionState.CALLING:  # the same each time: a REPL is not to obey it
            self._hello_at = now + GREET_S
        else:
            self.state = SessionState.GREETING
            number = self._hello.number
            self._hellos_before.append(self._hello)
            self._hello = Probe(number + 1 if number < 255 else _FIRST_HELLO)
            self.round_trip.back_off()
            self._wait_for_board(now)
        self._hello.sent(now)
        self._hello_first = self._window.first
        self._ledger.reported()
        return _hello_content(
            self._hello.number,
            self._session,
            self.first_seq,
            self.confirmed_seq,
            self._not_taken.values(),
        )

    def _receive_welcome(self, body: bytes, now: float) -> None:
        if not self.answered and body and body[0] != VERSION:
            raise self._lose(
                f"the board speaks version {body[0]:x} of the link, this sluice version "
                f"{VERSION:x}: flash the board with this sluice"
            )
        if len(body) != 12 or body[0] != VERSION:
            self.refused["length" if body[:1] == bytes([VERSION]) else "version"] += 1
            return
        hello, session, expected = body[1], _from_u24(body, 2), _from_u24(body, 5)
        if session == self._session:
            self._suspected = False
            if hello == self._hello.number:
                self._agree(record_size=body[8], ticks_per_s=_from_u24(body, 9))
                self._settled_at = min(self._settled_at, now + LATE_S)
                self._go_on_from(expected, now)
            else:
                self._answered_late(hello, now)
        elif session and self.answered and session != self._abandoned:
            if self._settled_at <= now:
                raise self._lose(_ANOTHER)
            self._suspect(now)
        elif session == 0 and self.state is SessionState.OPEN:
            self.restarted(now)

    def _suspect(self, now: float) -> None:
        if not self._suspected:
            self._suspected = True
            self._settled_at = now + LATE_S
            self._ping = self._next_ping()
            self._ping_at = now

    def _ask_whose(self, now: float) -> list[bytes]:
        """What is said while the board may be another program's: that program has it, or its answer
        was late, and asking takes the board from nobody."""
        if now >= self._settled_at:
            raise self._lose(_ANOTHER)
        if now < self._ping_at:
            return []
        self._ping_at = now + ASK_S
        return [self._say_ping(now)]

    def _answered_late(self, hello: int, now: float) -> None:
        """The answer to a hello before the last one: it says nothing but how long to wait."""
        if self.state is not SessionState.GREETING:
            return
        for probe in reversed(self._hellos_before):
            if probe.number == hello:
                late_s = probe.answered(now)
                if late_s is not None:
                    self.late_s = late_s
                    self._measured(late_s, now)
                    self._wait_for_board(now)
                return

    def _agree(self, record_size: int, ticks_per_s: int) -> None:
        if record_size == 0:
            raise self._lose("the board takes no records: its source is not the link")
        if ticks_per_s == 0:
            raise self._lose("the board says that its clock stands still")
        if self.answered and record_size < self.record_size:
            raise self._lose(
                f"the board came back with a record size of {record_size} bytes, "
                f"it was {self.record_size}"
            )
        self.record_size = min(record_size, RECORD_MAX)
        self.ticks_per_s = ticks_per_s

    def _go_on_from(self, expected: int, now: float) -> None:
        """The board expects this record: the answer to a hello, or there was a gap."""
        window = self._window
        self._measured(self._hello.answered(now), now)
        number = window.number(expected)
        if self._hello_first <= number < window.first:
            if self.state is not SessionState.OPEN:
                self._hello_at = now
            return  # late: it was acknowledged meanwhile
        if not window.first <= number <= window.next:
            # It was reset while a hello was on its way, and what that began at is acknowledged.
            self._abandoned = self._session
            self._session = self._session % (SEQ_PERIOD - 1) + 1
            self.restarted(now)
            return
        if self.state is SessionState.OPEN:
            if window.close_gap(number, now, self.round_trip.spread_s):
                self.round_trip.lossy = True
        else:
            if self._ledger.has_passed(number):
                self._ledger.reset()
            window.go_back(number, now)
            self.state = SessionState.OPEN
        self._wait_for_board(now)

    def _receive_ack(self, body: bytes, now: float) -> list[Record]:
        window = self._window
        try:
            ack = AckRequest.FromString(body)
        except DecodeError:
            self.refused["content"] += 1
            return []
        if not self.answered or ack.session != self._session:
            return []
        until = window.number(ack.processed_count)
        not_taken = ack.given_up, ack.shed, ack.overwritten
        if until > window.next or min(ack.available_capacity, *not_taken) < 0:
            self.refused["content"] += 1
            return []
        if until < window.first:
            return []  # late
        if until > window.first or ack.available_capacity > window.credit:
            self._progress(now)
        if until > window.first:
            for how, count in zip(self._not_taken, not_taken, strict=True):
                self._not_taken[how] += distance(count, self._not_taken[how])
        records = window.acknowledge(until, ack.available_capacity, now)
        window.speed_up((self.round_trip.mean_s or 0) * 1000)
        # The board says the last that it has measured again and again. And while the window is
        # limited it is how long a credit is left unused.
        if ack.rtt_ms != self._rtt_ms and not window.limited:
            window.slow_down(ack.rtt_ms - window.unused_ms(ack.rtt_ms, now), now)
        self._rtt_ms = ack.rtt_ms
        self._ledger.acknowledge(records, now)
        return records

    def _receive_pong(self, body: bytes, now: float) -> None:
        if len(body) != 4:
            self.refused["length"] += 1
        elif body[0] == self._ping.number:
            if _from_u24(body, 1) == self._session:
                self._suspected = False
            self._measured(self._ping.answered(now), now)

    def _receive_delivered(self, body: bytes, now: float) -> None:
        came = deliveries(body)
        if came is None:
            self.refused["length"] += 1
            return
        for seq, tick, payload in came:
            receipt = self._ledger.receive(seq, tick, payload, now)
            if receipt is Receipt.NEW:
                self._progress(now)
            elif receipt is Receipt.CHANGED:
                self.refused["changed"] += 1

    def _receive_ended(self, body: bytes, now: float) -> None:
        if len(body) != 7:
            self.refused["length"] += 1
        elif self._ledger.end(_from_u24(body, 0), _from_u24(body, 3), body[6], now) is Receipt.NEW:
            self._progress(now)

    def _measured(self, round_trip_s: float | None, now: float) -> None:
        if round_trip_s is not None:
            self.round_trip.add(round_trip_s)
            self._window.slow_down(round_trip_s * 1000, now)

    def _measure(self, now: float) -> list[bytes]:
        if now < self._ping_at or not self._window.records:
            return []
        self._ping = self._next_ping()
        self._ping_at = now + max(PING_S, self.round_trip.timeout_s)
        return [self._say_ping(now)]

    def _next_ping(self) -> Probe:
        return Probe((self._ping.number + 1) % 256)

    def _say_ping(self, now: float) -> bytes:
        self._ping.sent(now)
        return bytes([PING, self._ping.number])

    def _report(self, now: float) -> list[bytes]:
        missing = self._ledger.report(now, self.round_trip.spread_s)
        if missing is None:
            return []
        self.round_trip.lossy |= missing > 0
        return [bytes([TAKEN]) + _u24(self._session) + _u24(self.confirmed_seq) + bytes([missing])]


def new_session(base: int | None = None, held: bool = False) -> Session:
    """A session with a number drawn by chance; base: of the first record, None: by chance, too.

    With a base by chance the hello that it says until the board answers holds no control character
    that a REPL obeys: it may be one that hears it, when no Sluice runs on the board.
    """
    while True:
        session = random.randrange(1, SEQ_PERIOD)
        first = random.randrange(SEQ_PERIOD) if base is None else base
        hello = _hello_content(_FIRST_HELLO, session, first, first, ())
        if base is not None or not obeyed_by_a_repl(hello):
            return Session(session, first, held)


def _hello_content(
    number: int, session: int, base: int, taken: int, not_taken: Iterable[int]
) -> bytes:
    content = bytes([HELLO, VERSION, number]) + _u24(session) + _u24(base) + _u24(taken)
    if any(not_taken):  # zeros would be coded by control characters that a REPL obeys
        content += b"".join(_u24(count % SEQ_PERIOD) for count in not_taken)
    return content


def together(contents: list[bytes]) -> list[bytes]:
    """The contents of frames as `poll` and `send` give them, with records that follow each other in
    one frame, as far as it holds them. Their order stays."""
    frames: list[bytes] = []
    next_seq = -1  # of the record that may be added to the last frame
    for content in contents:
        seq = _from_u24(content, 1) if content[0] == RECORDS else -1
        if seq == next_seq >= 0 and len(frames[-1]) + len(content[4:]) <= CONTENT_MAX:
            frames[-1] += content[4:]
        else:
            frames.append(content)
        next_seq = (seq + 1) % SEQ_PERIOD if seq >= 0 else -1
    return frames


def _record_content(record: Record) -> bytes:
    return bytes([RECORDS]) + _u24(record.seq) + bytes([len(record.payload)]) + record.payload


def deliveries(body: bytes) -> list[tuple[int, int, bytes]] | None:
    """The sequence number, tick and payload of each delivery in a DELIVERED, without its type.

    None: it has another length than it says.
    """
    seq, tick, at = _from_u24(body, 0), int.from_bytes(body[3:7], "little"), 7
    found = []
    while at + 2 < len(body):
        tick = (tick + body[at]) % TICK_PERIOD
        end = at + 2 + body[at + 1]
        found.append((seq, tick, body[at + 2 : end]))
        seq, at = (seq + 1) % SEQ_PERIOD, end
    whole = at == len(body) and all(payload for _, _, payload in found)
    return found if whole and found else None


def _u24(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _from_u24(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 3], "little")
