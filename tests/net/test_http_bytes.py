"""The sink `http`, byte by byte, at a server that no real one is: slow, busy, or wrong."""

import json

import pytest
from streams import Played

from host_sim import TickClock
from sluice.flow.pipeline import HELD, REFUSED
from sluice.flow.stats import Stats
from sluice.net.batch import request
from sluice.net.http import HttpSink

HEAD = request("host", "/in")
START = (1 << 30) - 3  # the numbers wrap soon
PERIOD = 1 << 30


def answer(status: int, *fields: str, content: bytes = b"") -> bytes:
    lines = (f"HTTP/1.1 {status} so", f"Content-Length: {len(content)}", *fields, "", "")
    return "\r\n".join(lines).encode() + content


def parsed(data: bytes) -> list[list[tuple[int, bytes]]]:
    """The requests in what was sent: of each record its number and its bytes."""
    found = []
    while data:
        assert data.startswith(HEAD)
        length, _, data = data[len(HEAD) :].partition(b"\r\n\r\n")
        assert len(data) >= int(length)
        body, data = data[: int(length)], data[int(length) :]
        rows = [json.loads(line) for line in body.decode().split("\n")[:-1]]
        found.append([(row["number"], row["data"].encode("iso-8859-1")) for row in rows])
    return found


class Rig(Played):
    def __init__(self, clock: TickClock, gather_ms: int = 100) -> None:
        super().__init__(clock)
        self.stats = Stats(clock.ticks)
        self.sink = HttpSink(
            self.dial,
            HEAD,
            200,
            self.tell,
            self.stats,
            gather_ms,
            clock.ticks,
        )
        self.sink._number = START

    def put(self, *contents: bytes) -> "Rig":
        for content in contents:
            view = bytearray(200)
            view[: len(content)] = content
            assert self.sink.write(view, len(content)) == HELD
        return self

    def ask(self) -> "Rig":
        """Let the next request go out, in whatever connection, however long that takes."""
        requests = self.requests()
        while self.requests() == requests:
            self.pass_ms(50)
        return self

    def pass_ms(self, ms: int) -> None:
        self.clock.advance(ms)
        self.sink.tend()

    def requests(self) -> int:
        return sum(stream.sent.count(HEAD) for stream in self.streams)

    def hear(self, *data: bytes) -> int:
        """What is said of the held, when this has come."""
        self.stream.incoming += data
        for _ in data:
            self.sink.tend()
        return self.sink.done()

    def missed(self) -> int:
        self.stats.close_interval(self.clock.ticks())
        assert self.stats.missed == self.stats.tried
        return self.stats.missed


@pytest.fixture
def rig():
    with TickClock(strict=True) as clock:
        yield Rig(clock)


def number(n: int) -> int:
    return (START + n) % PERIOD


def test_records_are_gathered_for_a_while_and_go_as_one_request(rig) -> None:
    rig.put(b"a", b"b")
    rig.pass_ms(99)
    assert rig.streams == []
    rig.put(b"c", b"d")
    rig.pass_ms(1)
    rig.pass_ms(0)
    assert parsed(rig.stream.sent) == [[(number(n), b"abcd"[n : n + 1]) for n in range(4)]]
    assert rig.hear(answer(200)) == 4
    assert (rig.told, rig.sink.done()) == ([("up", "")], 0)


def test_what_comes_while_an_answer_is_due_goes_in_the_next_request(rig) -> None:
    rig.put(b"a").ask().put(b"b", b"c")
    rig.pass_ms(1000)
    assert len(parsed(rig.stream.sent)) == 1
    assert rig.hear(answer(204)) == 1
    assert parsed(rig.stream.sent)[1] == [(number(1), b"b"), (number(2), b"c")]
    assert (rig.hear(answer(200)), len(rig.streams)) == (2, 1)


def test_a_full_request_does_not_wait_and_there_is_room_for_another(rig) -> None:
    rig.put(b"a").ask()
    assert rig.hear(answer(200)) == 1
    n = 0
    while len(parsed(rig.stream.sent)) == 1:
        rig.put(b"x" * 200)
        n += 1
    assert n == len(parsed(rig.stream.sent)[1]) > 3
    while rig.sink.room():
        rig.put(b"y")
    assert rig.sink.write(b"z", 1) == REFUSED
    assert rig.hear(answer(200)) == n
    assert rig.sink.room()


def test_without_time_to_gather_each_goes_at_once() -> None:
    with TickClock(strict=True) as clock:
        rig = Rig(clock, gather_ms=0).put(b"a").ask()
        assert rig.hear(answer(200)) == 1
        rig.put(b"b")
        assert len(parsed(rig.stream.sent)) == 2


def test_what_was_sent_in_part_is_finished_before_anything_else(rig) -> None:
    rig.put(b"abc")
    rig.pass_ms(100)
    rig.stream.takes = 5
    rig.pass_ms(1)
    assert len(rig.stream.sent) == 5
    rig.put(b"d")
    for sent in range(6, 120):
        rig.stream.takes = 1
        rig.pass_ms(1)
        assert len(rig.stream.sent) == sent
    rig.stream.takes = 1 << 20
    rig.pass_ms(1)
    assert parsed(rig.stream.sent) == [[(number(0), b"abc")]]


def test_an_answer_may_come_byte_by_byte(rig) -> None:
    rig.put(b"a").ask()
    *head, last = answer(200)
    for byte in head:
        assert rig.hear(bytes([byte])) == 0
    assert rig.hear(bytes([last])) == 1


def test_the_content_of_an_answer_is_passed_over_before_the_next_request(rig) -> None:
    rig.put(b"a").ask().put(b"b")
    rig.pass_ms(100)
    data = answer(200, content=b"HTTP/1.1 500 no\r\n" * 9)
    assert rig.hear(data[:60], data[60:-1]) == 1
    rig.pass_ms(1), rig.pass_ms(1), rig.pass_ms(1)
    assert len(parsed(rig.stream.sent)) == 1
    rig.stream.incoming.append(data[-1:])
    rig.pass_ms(1)
    assert len(parsed(rig.stream.sent)) == 2


def test_content_that_never_ends_costs_a_connection_and_nothing_else(rig) -> None:
    rig.put(b"a").ask()
    assert rig.hear(answer(200, content=b"abc")[:-1]) == 1
    rig.pass_ms(19_998)
    assert not rig.stream.closed
    rig.pass_ms(2)
    assert rig.stream.closed
    assert (rig.told, rig.sink.room() > 0) == ([("up", "")], True)


@pytest.mark.parametrize("how", ["close", "length", "early", "unsent"])
def test_a_connection_that_ends_with_its_answer_is_closed_and_the_next_made_at_once(
    rig, how
) -> None:
    rig.put(b"a")
    if how == "unsent":
        rig.pass_ms(100)
        rig.stream.takes = 30
        rig.pass_ms(1)
    else:
        rig.ask()
    data = {
        "close": answer(200, "Connection: close"),
        "length": answer(200, content=b"x" * 5000),
        "early": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n",
        "unsent": answer(200),
    }[how]
    rig.stream.incoming.append(data)
    rig.pass_ms(1), rig.pass_ms(1), rig.pass_ms(1)
    assert rig.stream.closed
    assert rig.sink.done() == 1
    rig.put(b"b")
    rig.pass_ms(100)
    rig.pass_ms(1)
    assert parsed(rig.stream.sent) == [[(number(1), b"b")]]
    assert (len(rig.streams), rig.told) == (2, [("up", "")])


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_put_off_waits_as_long_as_it_was_told_and_comes_again_as_it_was(
    rig, status
) -> None:
    rig.put(b"a", b"b").ask().put(b"c")
    assert rig.hear(answer(status, "Retry-After: 7")) == 0
    assert (rig.sink.room(), rig.sink.write(b"d", 1), rig.missed()) == (0, REFUSED, 2)
    rig.pass_ms(6_999)
    assert (rig.sink.room(), len(parsed(rig.stream.sent))) == (0, 1)
    rig.pass_ms(1)
    first, again = parsed(rig.stream.sent)
    assert first == again == [(number(0), b"a"), (number(1), b"b")]
    assert rig.sink.room()
    assert rig.hear(answer(status, "Retry-After: 1")) == 0
    rig.pass_ms(1000)
    assert rig.hear(answer(200)) == 2
    assert parsed(rig.stream.sent)[2:] == [first, [(number(2), b"c")]]
    assert rig.told == [("busy", f"answered {status}"), ("up", "")]


def test_being_busy_is_told_once_until_it_is_down(rig) -> None:
    rig.put(b"a").ask()
    rig.hear(answer(200))
    for _ in range(3):
        rig.put(b"b").ask()
        rig.hear(answer(429, "Retry-After: 1"))
        rig.ask()
        rig.hear(answer(200))
    assert rig.told == [("up", ""), ("busy", "answered 429")]
    for status in (500, 429, 200):
        if not rig.sink._batch.count:
            rig.pass_ms(1000)
            rig.put(b"c")
        rig.ask()
        rig.hear(answer(status))
    assert rig.told[2:] == [("down", "answered 500"), ("busy", "answered 429"), ("up", "")]


@pytest.mark.parametrize("field", ["Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", "X: y"])
def test_without_seconds_to_wait_it_is_later_each_time(rig, field) -> None:
    rig.put(b"a").ask()
    for most in (1000, 2000, 4000):
        before = rig.clock.ticks()
        rig.hear(answer(429, field))
        rig.ask()
        assert most // 2 <= (rig.clock.ticks() - before) % PERIOD <= most + 50


@pytest.mark.parametrize("status", [500, 502, 504, 599])
def test_a_failure_of_the_server_loses_all_and_waits(rig, status) -> None:
    rig.put(b"a", b"b").ask().put(b"c")
    assert rig.hear(answer(status)) == -1
    assert (rig.sink.done(), rig.sink.room(), rig.missed()) == (0, 0, 0)
    rig.pass_ms(1000)
    rig.put(b"a", b"b", b"c").ask()  # as the pipeline does: new numbers, for what it gave up
    assert parsed(rig.stream.sent)[1] == [(number(3 + n), b"abc"[n : n + 1]) for n in range(3)]
    assert rig.told == [("down", f"answered {status}")]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 301])
def test_what_the_server_will_never_take_is_said_and_the_rest_goes_on(rig, status) -> None:
    rig.put(b"a", b"b").ask().put(b"c")
    assert rig.hear(answer(status)) == -3
    assert (rig.sink.done(), rig.sink.room(), rig.missed()) == (0, 0, 0)
    rig.ask()
    assert parsed(rig.stream.sent)[1] == [(number(2), b"c")]
    assert rig.hear(answer(200)) == 1
    assert rig.told == [("down", f"answered {status}"), ("up", "")]


def test_a_refusal_that_stays_is_said_once(rig) -> None:
    for _ in range(4):
        rig.put(b"a").ask()
        assert rig.hear(answer(401)) == -2
        rig.pass_ms(60_000)
    assert rig.told == [("down", "answered 401")]


@pytest.mark.parametrize("error", [OSError(104), ValueError("TLS"), OSError(-1, "MBEDTLS")])
def test_a_connection_that_breaks_is_made_anew_and_the_request_sent_again(rig, error) -> None:
    rig.put(b"a", b"b").ask()
    rig.stream.error = error
    rig.sink.tend()
    assert (rig.told[-1][0], rig.stream.closed, rig.sink.room()) == ("down", True, 0)
    assert rig.sink.done() == 0
    rig.ask()
    assert parsed(rig.streams[0].sent) == parsed(rig.stream.sent)
    assert rig.hear(answer(200)) == 2
    assert rig.missed() == 0


def test_half_a_request_of_the_lost_connection_is_not_finished_in_the_next(rig) -> None:
    rig.put(b"abc")
    rig.pass_ms(100)
    rig.stream.takes = 40
    rig.pass_ms(1)
    rig.hear(b"")
    assert rig.told == [("down", "the server closed the connection")]
    rig.ask()
    assert parsed(rig.stream.sent) == [[(number(0), b"abc")]]


@pytest.mark.parametrize("end", [b"", answer(408, "Connection: close"), b"SSH-2.0\n"])
def test_what_two_connections_had_no_answer_for_is_lost(rig, end) -> None:
    rig.put(b"a", b"b").ask().put(b"c")
    assert rig.hear(end, b"") == 0
    rig.ask()
    assert (rig.hear(end, b""), rig.sink.done()) == (-1, 0)
    rig.pass_ms(60_000)
    rig.put(b"d").ask()
    assert parsed(rig.stream.sent)[-1] == [(number(3), b"d")]
    assert rig.hear(end, b"") == 0  # the next has its two connections, too


@pytest.mark.parametrize("end", [b"", answer(408, "Connection: close")])
def test_a_server_that_had_closed_an_idle_connection_is_asked_again_at_once(rig, end) -> None:
    rig.put(b"a").ask()
    assert rig.hear(answer(200)) == 1
    for _ in range(4):  # each time as the request is under way
        rig.put(b"b")
        rig.pass_ms(99)
        rig.stream.incoming.append(end)
        rig.clock.advance(1)
        rig.sink._try_send()
        rig.sink.tend(), rig.sink.tend(), rig.sink.tend()
        assert len(parsed(rig.stream.sent)) == 1
        assert rig.hear(answer(200)) == 1
    assert rig.told == [("up", "")]
    assert (len(rig.streams), rig.missed()) == (5, 0)


@pytest.mark.parametrize("data", [b"", answer(408), b"x"])
def test_what_comes_to_an_idle_connection_ends_it_and_is_no_fault(rig, data) -> None:
    rig.put(b"a").ask()
    rig.hear(answer(200))
    rig.hear(data)
    assert rig.stream.closed
    assert rig.told == [("up", "")]
    rig.put(b"b").ask()
    assert parsed(rig.stream.sent) == [[(number(1), b"b")]]


def test_a_connection_that_was_idle_for_30_s_is_not_used_again(rig) -> None:
    rig.put(b"a").ask()
    rig.pass_ms(10_000)
    rig.hear(answer(200))
    rig.pass_ms(29_999)
    assert not rig.stream.closed
    rig.pass_ms(1)
    assert (rig.stream.closed, rig.told) == (True, [("up", "")])


@pytest.mark.parametrize("part", ["answer", "head", "room"])
def test_a_server_that_owes_an_answer_for_20_s_is_gone(rig, part) -> None:
    rig.put(b"a", b"b")
    rig.pass_ms(100)
    if part == "room":
        rig.stream.takes = 9
    rig.pass_ms(0)
    for _ in range(2):
        rig.pass_ms(9_999)
        if part == "head":
            rig.hear(b"HTTP/1.1 200 OK\r\n"[:5])
    rig.pass_ms(1)
    assert not rig.stream.closed
    rig.pass_ms(1)
    assert (rig.stream.closed, rig.missed()) == (True, 2)
    assert rig.told == [("down", "no answer for 20 s")]
    rig.ask()
    assert parsed(rig.stream.sent) == [[(number(0), b"a"), (number(1), b"b")]]
    rig.pass_ms(20_000)
    assert (rig.sink.done(), rig.missed()) == (-1, 2)


def test_an_answer_of_any_kind_ends_the_count_of_connections_without_one(rig) -> None:
    rig.put(b"a").ask()
    rig.hear(b"")
    rig.ask()
    assert rig.hear(answer(429, "Connection: close")) == 0
    rig.ask()
    assert rig.hear(b"", b"") == 0
    rig.ask()
    assert rig.hear(answer(200)) == 1


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_connection_that_is_used_again_and_then_fails_is_a_failure_the_second_time(
    rig, begun
) -> None:
    rig.put(b"a").ask()
    rig.hear(answer(200))
    rig.put(b"b").ask()
    if begun:
        rig.hear(begun)
    rig.hear(b"")
    rig.pass_ms(1), rig.pass_ms(1)
    if not begun:
        assert (rig.told, len(rig.streams)) == ([("up", "")], 2)
        rig.hear(b"")
    assert rig.told[1:] == [("down", "the server closed the connection")]
    assert rig.sink.room() == 0


def test_no_answer_in_a_connection_that_is_used_again_is_a_failure(rig) -> None:
    rig.put(b"a").ask()
    rig.hear(answer(200))
    rig.put(b"b").ask()
    rig.pass_ms(20_000)
    assert rig.told[1:] == [("down", "no answer for 20 s")]
    assert rig.missed() == 1


def test_a_connection_that_ends_before_it_was_used_is_a_failure(rig) -> None:
    rig.put(b"a")
    rig.pass_ms(100)
    for _ in range(4):
        connections = len(rig.streams)
        rig.hear(b"")
        assert rig.sink.room() == 0
        while len(rig.streams) == connections:
            rig.pass_ms(50)
    assert rig.told == [("down", "the server closed the connection")]
    rig.ask()
    assert rig.hear(answer(200)) == 1  # nothing was sent in them, so nothing is lost


def test_waits_are_short_again_when_records_were_taken(rig) -> None:
    for _ in range(6):
        rig.put(b"a").ask()
        assert rig.hear(answer(500)) == -1
        rig.pass_ms(60_000)
    rig.put(b"a").ask()
    rig.hear(answer(200))
    rig.put(b"a").ask()
    rig.hear(answer(500))
    rig.pass_ms(1000)
    assert rig.sink.room()


def test_nothing_is_taken_while_a_loss_was_not_asked_for(rig) -> None:
    rig.put(b"a").ask()
    rig.stream.incoming.append(answer(500))
    rig.sink.tend()
    rig.pass_ms(60_000)
    assert (rig.sink.room(), rig.sink.write(b"b", 1)) == (0, REFUSED)
    assert (rig.sink.done(), rig.sink.room() > 0) == (-1, True)


def test_a_server_that_is_away_loses_nothing_and_is_said_once(rig) -> None:
    rig.there = False
    rig.put(b"a")
    tries = 0
    for _ in range(60 * 60):
        rig.clock.advance(1000)
        tries += rig.sink.tend()
        assert rig.sink.done() == 0
    assert 60 < tries < 140  # in an hour, when each wait is 30 to 60 s
    assert rig.told == [("down", "not reached: ECONNREFUSED")]
    rig.there = True
    rig.ask()
    assert (rig.hear(answer(200)), rig.missed()) == (1, 0)


def test_with_nothing_to_send_there_is_no_connection(rig) -> None:
    rig.pass_ms(60_000)
    assert (rig.streams, rig.told) == ([], [])


def test_waits_for_the_network(rig) -> None:
    rig.sink._dial = lambda: None
    rig.put(b"a")
    rig.pass_ms(100)
    assert [rig.sink.tend(), rig.sink.tend()] == [True, True]
    rig.sink._dial = rig.dial
    rig.ask()
    assert rig.told == []


def test_a_loop_that_was_away_for_half_a_period_sends_what_it_has(rig) -> None:
    rig.put(b"a")
    rig.pass_ms((1 << 29) + 5)
    rig.pass_ms(0)
    assert len(parsed(rig.stream.sent)) == 1
    rig.pass_ms((1 << 29) + 5)
    assert rig.told == [("down", "no answer for 20 s")]


def test_why_tls_fails_is_told_whoever_finds_out(rig) -> None:
    rig.put(b"a").ask()
    rig.hear(answer(200, "Connection: close"))
    rig.sink.tend()
    rig.put(b"a")
    rig.pass_ms(100)
    rig.stream.error = OSError(-1, "of no CA")
    rig.put(b"b")
    assert rig.sink.done() == 0
    rig.sink.tend()
    assert rig.told[1:] == [("down", "lost: of no CA")]
    for _ in range(3):
        rig.pass_ms(60_000)
        rig.stream.takes = 0
        rig.pass_ms(1)
        rig.stream.error = OSError(-1, "of no CA")
        assert rig.sink.done() == 0
        rig.pass_ms(1)
    assert len(rig.told) == 2
    assert (len(rig.streams), rig.sink.done()) == (5, 0)  # nothing was sent, nothing is lost


def test_a_server_that_speaks_before_it_is_asked_is_none_of_ours(rig) -> None:
    rig.put(b"a")
    while not rig.streams:
        rig.pass_ms(10)
    rig.stream.incoming.append(b"220 mail.example ESMTP\r\n")
    rig.pass_ms(10)
    assert (rig.stream.closed, rig.told) == (True, [("down", "an answer to no request")])
    rig.ask()
    assert rig.hear(answer(200)) == 1
