"""The servers of a simulated internet: a broker and a web server, which acknowledge, or do not.

They hold what comes against what MqttSink and HttpSink promise: numbers go up by one, a number is
one record for ever, what was answered does not come again, and a record has another number only
after it was lost.
"""

import json
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any

from sluice.net.batch import request

from .internet import Stream

HOST = "10.0.0.1"
URLS = {"mqtt": f"mqtt://{HOST}/t/{{number}}", "http": f"http://{HOST}/in"}

_PERIOD = 1 << 30
_NUMBERED = 4  # bytes of a record that are its place in the log
_FRUITLESS = 2  # connections without an answer after which records may be lost

# What may happen to something that has come.
MUTE = "mute"  # there is no answer
TWICE = "twice"
CLOSE = "close"  # the connection is closed
GARBAGE = "garbage"
REFUSE = "refuse"  # of a greeting
PUT_OFF = "put off"
FAIL = "fail"
NEVER = "never"
TIMEOUT = "timeout"
LAST = "last"  # the connection is closed behind the answer
BROKER_KINDS = (MUTE, TWICE, CLOSE, GARBAGE, REFUSE)
WEB_KINDS = (MUTE, CLOSE, GARBAGE, PUT_OFF, FAIL, NEVER, TIMEOUT, LAST)


# Marks of what is sent.
_GREETED = ("greeted",)
_GARBAGE = ("garbage",)


class Server(ABC):
    """What both have in common.

    window: records that may be lost together.  lenient: whether the board may be given a record
    that it has sent, by a host that was killed.  keeps: whether the board has a store, so that a
    record keeps its number, also one that was lost.

    stored: the records that it took since they were fetched.  confirmed, refused: those of which
    the board has read that they are taken, and that they never will be.  losses: how often it may
    have lost what it holds, and failures: attempts that may have failed.  put_off: records of
    which it has read that they are put off.  wrong: the promises that were broken.
    """

    _SILENT_MS: int
    """After so long without a byte it closes a connection."""

    def __init__(self, chance: random.Random, window: int, lenient: bool, keeps: bool) -> None:
        self._chance = chance
        self._window = window
        self._lenient = lenient
        self._keeps = keeps
        self.wrong: list[str] = []
        self.stored: list[bytes] = []
        self._kept: dict[int, int] = {}  # numbers that stay, by the records' places in the log
        self._numbers: dict[int, bytes] = {}
        self.set(0)
        self.restart()

    def restart(self) -> None:
        """The board has lost its power: its numbers begin anew."""
        self._numbers = {}
        self._sent: set[bytes] = set()  # records under their present number
        self._recent: deque[bytes] = deque(maxlen=self._window)
        self._last: int | None = None  # number
        self._order = -1
        self._slack = 0  # numbers that may be left out, since records were lost
        self._fruitless = 0
        self.confirmed: set[bytes] = set()
        self.refused: set[bytes] = set()
        self.losses = self.failures = self.put_off = 0

    def set(self, think_ms: int, *shares: object) -> None:
        """How long it thinks at most, and a kind and the share of what comes that meets it, and
        another kind and its share ..."""
        self._think_ms = think_ms
        self._shares = dict(zip(shares[::2], shares[1::2], strict=True))

    def keep_numbers(self, acknowledged: int) -> None:
        """A board with a store loses its power: of its records the first so many were acknowledged,
        and those that come again have the numbers that they had.
        """
        for number, record in self._numbers.items():
            place = _place(record)
            if place < acknowledged:
                self._kept.setdefault(place, number)

    # What an internet calls, see there.

    @abstractmethod
    def offered(self, stream: Stream, data: bytes) -> None: ...
    @abstractmethod
    def receive(self, stream: Stream, data: bytes, now: int) -> None: ...
    @abstractmethod
    def gone(self, stream: Stream) -> None: ...

    def takes(self, streams: list[Stream]) -> bool:
        """Whether the sink may be given records, with these connections."""
        return True

    def poll(self, streams: list[Stream], now: int) -> None:
        """Close those that were silent for too long."""
        for stream in streams:
            if now - stream.state.setdefault("heard", now) > self._SILENT_MS:
                stream.end()

    def heard(self, stream: Stream, mark: tuple[Any, ...], now: int) -> None:
        """What the board reads behind garbage says nothing."""
        if mark == _GARBAGE:
            stream.state["garbled"] = True
        elif "garbled" not in stream.state:
            self._heard(stream, mark, now)

    @abstractmethod
    def _heard(self, stream: Stream, mark: tuple[Any, ...], now: int) -> None: ...

    def _strikes(self, kind: str) -> bool:
        share = self._shares.get(kind, 0)
        return share > 0 and self._chance.random() < share  # type: ignore[operator]

    def _think(self) -> int:
        return self._chance.randint(0, self._think_ms)

    def _number(self, number: int, record: bytes) -> bool:
        """A record has come under this number; whether for the first time."""
        if number in self._numbers:
            if self._numbers[number] != record:
                self.wrong.append(f"number {number} is another record than before")
            if (self._last - number) % _PERIOD >= self._window:  # type: ignore[operator]
                self.wrong.append(f"number {number} comes again behind {self._last}")
            return False
        if self._last is not None and not 1 <= (number - self._last) % _PERIOD <= 1 + self._slack:
            self.wrong.append(f"number {number} comes after {self._last}")
        place = _place(record)
        if self._kept.get(place, number) != number:
            self.wrong.append(f"record {place} has another number than before a reset")
        if not self._lenient and record in self._sent:
            self.wrong.append(f"record {place} has another number, and was not lost")
        elif not self._lenient and place <= self._order:
            self.wrong.append(f"record {place} comes after {self._order}")
        self._numbers[number] = record
        self._sent.add(record)
        self._recent.append(record)
        self._last, self._order, self._slack = number, place, 0
        return True

    def _lose(self) -> None:
        """What the board holds may be lost, and come under other numbers."""
        self.losses += 1
        self.failures += 1
        self._slack += 2 * self._window
        self._order = -1
        self._sent -= {*self._recent}

    def _without_answer(self) -> None:
        """A connection has ended on which records were sent, and none was answered."""
        self._fruitless += 1
        if self._fruitless >= _FRUITLESS:
            self._lose()


def _place(record: bytes) -> int:
    """The record's place in the log."""
    return int.from_bytes(record[:_NUMBERED], "little")


class Broker(Server):
    """Acknowledges what is published, QoS 1: late, not at all, twice, in another order."""

    _WINDOW = 8
    _SILENT_MS = 90_000

    def __init__(self, chance: random.Random, lenient: bool, keeps: bool) -> None:
        super().__init__(chance, self._WINDOW, lenient, keeps)
        self._acknowledged: set[int] = set()

    def restart(self) -> None:
        super().restart()
        self._acknowledged = set()

    def _lose(self) -> None:
        super()._lose()
        if self._keeps:  # what is held, also what was acknowledged of it, comes under its number
            self._acknowledged.clear()

    def takes(self, streams: list[Stream]) -> bool:
        return any(stream.state.get("greeted") for stream in streams)

    def offered(self, stream: Stream, data: bytes) -> None:
        if stream.state.get("greeted") and data[:1] != b"\xc0":
            stream.state["published"] = True

    def receive(self, stream: Stream, data: bytes, now: int) -> None:
        state = stream.state
        state["heard"] = now
        if stream.is_ended:
            return
        buffer = state.get("buffer", b"") + data
        while (packet := _packet(buffer)) is not None:
            head, content, buffer = packet
            self._packet(stream, head, content)
        state["buffer"] = buffer

    def _heard(self, stream: Stream, mark: tuple[Any, ...], now: int) -> None:
        if mark == _GREETED:
            stream.state["greeted"] = True
            return
        number, record = mark
        stream.state["answered"] = True
        self._fruitless = 0
        self._acknowledged.add(number)
        self.confirmed.add(record)

    def gone(self, stream: Stream) -> None:
        if stream.state.get("published") and not stream.state.get("answered"):
            self._without_answer()
            self._fruitless %= _FRUITLESS

    def _packet(self, stream: Stream, head: int, content: bytes) -> None:
        if stream.is_ended:
            return
        if head == 0x10 and "hello" not in stream.state:
            stream.state["hello"] = True
            self._greet(stream)
        elif head == 0x32 and stream.state.get("greeted"):
            self._publish(stream, content)
        elif head == 0xC0 and stream.state.get("greeted"):
            if not self._strikes(MUTE):
                stream.send(b"\xd0\0", self._think())
        else:
            self.wrong.append(f"a packet that is not due: {head:#x}")

    def _greet(self, stream: Stream) -> None:
        if self._strikes(MUTE):
            return
        code = self._chance.choice([3, 5]) if self._strikes(REFUSE) else 0
        stream.send(bytes([0x20, 2, 0, code]), self._think(), None if code else _GREETED)

    def _publish(self, stream: Stream, content: bytes) -> None:
        n = int.from_bytes(content[:2])
        topic, identifier = content[2 : 2 + n].decode(), content[2 + n : 4 + n]
        number, record = int(topic.rpartition("/")[2], 16), content[4 + n :]
        before = stream.state.get("number")
        if before is not None and not 1 <= (number - before) % _PERIOD <= self._WINDOW:
            self.wrong.append(f"number {number} follows {before} in a connection")
        if number in self._acknowledged:
            self.wrong.append(f"number {number} comes again, and was acknowledged")
        stream.state["number"] = number
        self._number(number, record)
        if self._strikes(CLOSE):
            stream.end(self._think())
            return
        if self._strikes(GARBAGE):
            stream.send(b"\x30\x05", self._think(), _GARBAGE)
            stream.end(self._think())
            return
        self.stored.append(record)
        if not self._strikes(MUTE):
            for _ in range(2 if self._strikes(TWICE) else 1):
                stream.send(b"\x40\x02" + identifier, self._think(), (number, record))


def _packet(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """The first byte, the content, and what is behind it; None: it is not whole."""
    if len(buffer) < 2 or buffer[1] > 127 and len(buffer) < 3:
        return None
    n, at = (buffer[1], 2) if buffer[1] < 128 else (buffer[1] & 127 | buffer[2] << 7, 3)
    if len(buffer) < at + n:
        return None
    return buffer[0], buffer[at : at + n], buffer[at + n :]


_Rows = Sequence[tuple[int, bytes]]


class Web(Server):
    """Answers requests: takes them, puts them off, fails, refuses for ever, or says nothing."""

    _WINDOW = 2 * 96
    _SILENT_MS = 1 << 30  # never: it is the board that has to give up
    _HEAD = request(HOST, "/in")

    def __init__(self, chance: random.Random, lenient: bool, keeps: bool) -> None:
        super().__init__(chance, self._WINDOW, lenient, keeps)

    def restart(self) -> None:
        super().restart()
        self._rows: _Rows | None = None  # of the last request
        self._losses_then = 0
        self._settled = False
        self._not_before = 0

    def offered(self, stream: Stream, data: bytes) -> None:
        stream.state["asked"] = True

    def receive(self, stream: Stream, data: bytes, now: int) -> None:
        stream.state["heard"] = now
        if stream.is_ended or stream.state.get("mute"):
            return
        buffer = stream.state.get("buffer", b"") + data
        head, end, rest = buffer.partition(b"\r\n\r\n")
        if not head.startswith(self._HEAD[: len(head)]):
            self.wrong.append(f"a request begins {head[:40]!r}")
        if end:
            length = int(head[len(self._HEAD) :])
            if len(rest) > length:
                self.wrong.append("a request comes before the one before it is answered")
            if len(rest) >= length:
                lines = [json.loads(line) for line in rest.decode().splitlines()]
                rows = [(each["number"], each["data"].encode("iso-8859-1")) for each in lines]
                self._request(stream, rows, now)
                buffer = b""
        stream.state["buffer"] = buffer

    def _heard(self, stream: Stream, mark: tuple[Any, ...], now: int) -> None:
        what, rows, seconds = mark
        if what == TIMEOUT:
            return
        stream.state["asked"] = False
        self._fruitless = 0
        self._settled = what != PUT_OFF
        records = {record for _, record in rows}
        if what == PUT_OFF:
            self.put_off += len(rows)
            self._not_before = now + 1000 * seconds
        elif what == FAIL:
            self._lose()
        elif what == NEVER:
            self.failures += len(rows)
            self.refused |= records
        else:
            self.confirmed |= records

    def gone(self, stream: Stream) -> None:
        if stream.state.get("asked"):
            self._without_answer()

    def _request(self, stream: Stream, rows: _Rows, now: int) -> None:
        if rows == self._rows:
            lost = self._keeps and self.losses != self._losses_then
            if self._settled and not lost:
                self.wrong.append("a request comes again that was answered")
            if now < self._not_before:
                self.wrong.append(f"a request comes {self._not_before - now} ms too early")
        else:
            if self._rows and not self._settled and self.losses == self._losses_then:
                self.wrong.append("a request has no answer, and is left")
            for number, record in rows:
                self._number(number, record)
        self._rows, self._losses_then, self._settled = rows, self.losses, False
        self._not_before = 0
        self._answer(stream, rows)

    def _answer(self, stream: Stream, rows: _Rows) -> None:
        think = self._think()
        what = next((kind for kind in WEB_KINDS if self._strikes(kind)), "")
        if what in ("", LAST) or what in (MUTE, CLOSE, FAIL) and self._chance.random() < 0.5:
            self.stored += [record for _, record in rows]
        if what == MUTE:
            stream.state["mute"] = True
        elif what == CLOSE:
            stream.end(think)
        elif what == GARBAGE:
            stream.send(b"220 ready\r\n", think, _GARBAGE)
            stream.end(think)
        else:
            self._say(stream, what, rows, think)

    def _say(self, stream: Stream, what: str, rows: _Rows, think: int) -> None:
        draw = self._chance
        status = draw.choice(_STATUSES[what])
        seconds = draw.choice([0, 1, 7]) if what == PUT_OFF else 0
        fields = [f"Retry-After: {seconds}"] if seconds else []
        content = draw.choice([b"", b"ok\r\n" * 30]) if status != 204 else b""
        closes = what in (LAST, TIMEOUT) or draw.random() < 0.1
        if closes:
            fields.append("Connection: close")
        if content and draw.random() < 0.5:
            fields.append("Transfer-Encoding: chunked")
            content = f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n"
        else:
            fields.append(f"Content-Length: {len(content)}")
        head = "\r\n".join([f"HTTP/1.1 {status} so", *fields, "", ""]).encode()
        if draw.random() < 0.1:
            head = b"HTTP/1.1 100 go\r\n\r\n" + head
        stream.send(head, think, (what, rows, seconds))
        if content:
            stream.send(content, think)
        if closes:
            stream.end(think)


_STATUSES = {
    "": [200, 201, 204],
    LAST: [200, 204],
    PUT_OFF: [429, 503],
    FAIL: [500, 502, 504],
    NEVER: [400, 401, 404, 413],
    TIMEOUT: [408],
}
