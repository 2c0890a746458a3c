"""The sink `mqtt`, byte by byte, at a broker that no real one is: slow, out of order, or wrong."""

import pytest
from streams import Played

from host_sim import TickClock
from sluice.flow.pipeline import HELD, REFUSED
from sluice.net.mqtt import MqttSink, greeting

WINDOW = 8
CONNACK = b"\x20\x02\0\0"
PINGRESP = b"\xd0\0"
START = (1 << 30) - 3  # the numbers wrap soon


def publish(number: int, content: bytes, topic: str = "t/%08x/x") -> bytes:
    """The packet of a record, by the standard."""
    name = (topic % number).encode() if "%" in topic else topic.encode()
    identifier = (number & 0x7FFF) + 1
    rest = len(name).to_bytes(2) + name + identifier.to_bytes(2) + content
    n = len(rest)
    length = bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7])
    return b"\x32" + length + rest


def puback(number: int) -> bytes:
    return b"\x40\x02" + ((number % (1 << 30) & 0x7FFF) + 1).to_bytes(2)


class Rig(Played):
    def __init__(self, clock: TickClock, topic: str = "t/{number}/x") -> None:
        super().__init__(clock)
        self.sink = MqttSink(self.dial, b"HELLO", topic, 200, self.tell, clock.ticks)
        self.sink._number = START

    def open(self) -> "Rig":
        """Let it connect, however long that takes."""
        connections = len(self.streams)
        while len(self.streams) == connections:
            self.clock.advance(100)
            self.sink.tend()
        self.stream.incoming.append(CONNACK)
        self.sink.tend()
        assert self.told[-1] == ("up", "")
        return self

    def put(self, content: bytes) -> int:
        view = bytearray(200)
        view[: len(content)] = content
        return self.sink.write(view, len(content))

    def hear(self, *packets: bytes) -> None:
        self.stream.incoming += packets
        self.sink.tend()


@pytest.fixture
def rig():
    with TickClock(strict=True) as clock:
        yield Rig(clock)


def test_the_greeting_has_user_and_password() -> None:
    hello = greeting("me", "anna", "pw")
    assert hello == b"\x10\x18\0\x04MQTT\x04\xc2\0\x3c\0\x02me\0\x04anna\0\x02pw"
    assert greeting("me") == b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02me"
    assert len(greeting("m" * 200)) == 200 + 15 and greeting("m" * 200)[1:3] == b"\xd4\x01"


def test_it_takes_nothing_until_the_broker_has_greeted(rig) -> None:
    assert (rig.sink.room(), rig.put(b"a")) == (0, REFUSED)
    assert rig.sink.tend() is True
    assert rig.sink.tend() is False
    assert (rig.stream.sent, rig.sink.room(), rig.put(b"a")) == (b"HELLO", 0, REFUSED)
    rig.hear(CONNACK[:1])
    rig.hear(CONNACK[1:3], CONNACK[3:])
    rig.sink.tend()
    assert rig.sink.room() == WINDOW


def test_a_record_is_one_packet_and_its_number_wraps(rig) -> None:
    rig.open()
    rig.stream.sent = b""
    for n in range(6):
        assert rig.put(b"x" * n * 30) == HELD
    numbers = [(START + n) % (1 << 30) for n in range(6)]
    assert rig.stream.sent == b"".join(publish(numbers[n], b"x" * n * 30) for n in range(6))


@pytest.mark.parametrize("size", [0, 111, 112, 113, 200])
def test_each_length_of_a_packet_s_length(rig, size) -> None:
    rig.open()
    rig.stream.sent = b""
    rig.put(b"y" * size)
    assert rig.stream.sent == publish(START, b"y" * size)


def test_a_topic_without_a_number() -> None:
    with TickClock(strict=True) as clock:
        rig = Rig(clock, "plain").open()
        rig.stream.sent = b""
        rig.put(b"a")
        assert rig.stream.sent == publish(START, b"a", "plain")


def test_what_was_sent_in_part_is_finished_before_anything_else(rig) -> None:
    rig.open()
    rig.stream.sent = b""
    rig.stream.takes = 5
    assert rig.put(b"abc") == HELD
    assert (rig.sink.room(), rig.put(b"d")) == (0, REFUSED)
    rig.clock.advance(9_000)
    for taken in range(6, len(publish(START, b"abc")) + 1):
        rig.stream.takes = 1
        assert rig.sink.room() == 0
        rig.sink.tend()
        assert len(rig.stream.sent) == taken
    assert rig.stream.sent == publish(START, b"abc")
    assert rig.sink.room() == WINDOW - 1


def test_acknowledgements_out_of_order_wait_for_the_oldest(rig) -> None:
    rig.open()
    for _ in range(WINDOW):
        rig.put(b"r")
    assert rig.sink.room() == 0
    rig.hear(puback(START + 2), puback(START + 1), puback(START + 7))
    rig.sink.tend(), rig.sink.tend()
    assert (rig.sink.done(), rig.sink.room()) == (0, 0)
    rig.hear(puback(START) + puback(START))  # doubled: says nothing new
    assert (rig.sink.done(), rig.sink.done(), rig.sink.room()) == (3, 0, 3)
    rig.hear(b"".join(puback(START + n) for n in (6, 5, 4, 3)))
    assert (rig.sink.done(), rig.sink.room()) == (5, WINDOW)


def test_an_acknowledgement_may_come_byte_by_byte(rig) -> None:
    rig.open()
    rig.put(b"r")
    for byte in puback(START):
        assert rig.sink.done() == 0
        rig.stream.incoming.append(bytes([byte]))
    assert rig.sink.done() == 1


@pytest.mark.parametrize(
    "packet, what",
    [
        (b"\x90\x03\0\x01\0", "type 9, length 3"),  # SUBACK
        (b"\x30\x05\0\x01tHi", "type 3, length 5"),  # PUBLISH
        (b"\x40\x04\0\x01\0\0", "type 4, length 4"),
        (b"\x40\xff\xff\xff\xff\x7f", "type 4, length 255"),
        (CONNACK, "type 2, length 2"),
        (PINGRESP, "type 13, length 0"),  # nobody asked
        (b"\0\0", "type 0, length 0"),
    ],
)
def test_what_is_not_due_ends_the_connection_with_a_line(rig, packet, what) -> None:
    rig.open()
    rig.put(b"r")
    rig.hear(puback(START) + packet)
    assert rig.stream.closed
    assert rig.told[1:] == [("down", "a packet that is not due: " + what)]
    assert rig.sink.done() == 1  # what came before it holds


@pytest.mark.parametrize("error", [OSError(104), ValueError("TLS"), OSError(-1, "MBEDTLS")])
def test_a_connection_that_breaks_is_made_anew_and_the_records_sent_again(rig, error) -> None:
    rig.open()
    for content in (b"a", b"b", b"c"):
        rig.put(content)
    rig.hear(puback(START + 1))
    rig.stream.error = error
    rig.sink.tend()
    assert (rig.told[-1][0], rig.stream.closed, rig.sink.room()) == ("down", True, 0)
    assert rig.sink.done() == 0
    rig.open()
    assert rig.stream.sent == b"HELLO" + publish(START, b"a") + publish(START + 2, b"c")
    rig.hear(puback(START), puback(START + 2))
    rig.sink.tend()
    assert rig.sink.done() == 3


def test_half_a_packet_of_the_lost_connection_is_not_sent_in_the_next(rig) -> None:
    rig.open()
    rig.stream.takes = 3
    rig.put(b"a")
    rig.hear(b"")
    assert rig.told[-1] == ("down", "the broker closed the connection")
    rig.open()
    assert rig.stream.sent == b"HELLO" + publish(START, b"a")


def test_records_that_two_connections_did_not_acknowledge_are_lost(rig) -> None:
    rig.open()
    rig.put(b"a")
    rig.put(b"b")
    rig.hear(b"")
    assert rig.sink.done() == 0
    rig.open()
    rig.hear(b"")
    assert (rig.sink.done(), rig.sink.done()) == (-1, 0)
    rig.open()
    rig.put(b"c")  # whatever it is, it is taken for none that a subscriber has seen
    assert rig.stream.sent == b"HELLO" + publish(START + 2, b"c")


def test_a_connection_that_acknowledged_something_does_not_count_for_a_loss(rig) -> None:
    rig.open()
    rig.put(b"a")
    rig.put(b"b")
    rig.hear(puback(START), b"")
    rig.sink.tend()
    assert rig.sink.done() == 1
    for lost in (0, -1, 0, -1):  # two more, and then as at the beginning
        rig.open()
        if rig.sink.room() == WINDOW:
            rig.put(b"b")
        rig.hear(b"")
        assert rig.sink.done() == lost


def test_what_was_half_received_is_forgotten_with_its_connection(rig) -> None:
    rig.open()
    rig.put(b"a")
    rig.hear(puback(START)[:3])
    rig.hear(b"")
    rig.open()
    rig.hear(puback(START))
    assert rig.sink.done() == 1


def test_a_question_of_the_lost_connection_is_not_waited_for_in_the_next(rig) -> None:
    rig.open()
    rig.clock.advance(30_000)
    rig.sink.tend()
    rig.hear(b"")
    rig.open()
    rig.clock.advance(10_001)
    rig.sink.tend()
    assert not rig.stream.closed


def test_a_broker_that_is_away_loses_nothing_and_is_said_once(rig) -> None:
    rig.open()
    rig.put(b"a")
    rig.hear(b"")
    rig.there = False
    tries = 0
    for _ in range(60 * 60):
        rig.clock.advance(1000)
        tries += rig.sink.tend()
        assert (rig.sink.done(), rig.sink.room()) == (0, 0)
    assert 60 < tries < 140  # in an hour, when each wait is 30 to 60 s
    assert [state for state, _ in rig.told] == ["up", "down", "down"]
    rig.there = True
    rig.open()
    assert rig.stream.sent.endswith(publish(START, b"a"))


def test_waits_for_the_network(rig) -> None:
    rig.sink._dial = lambda: None
    assert [rig.sink.tend(), rig.sink.tend()] == [True, True]
    assert (rig.told, rig.sink.room()) == ([], 0)
    rig.sink._dial = rig.dial
    rig.sink.tend()
    assert rig.streams


def test_waits_are_drawn_at_random_and_end_when_a_record_was_acknowledged(rig) -> None:
    rig.there = False
    waits = []
    for _ in range(12):
        before = rig.clock.ticks()
        while not rig.sink.tend():
            rig.clock.advance(10)
        waits.append((rig.clock.ticks() - before) % (1 << 30))
    for wait, most in zip(waits[1:], [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60], strict=True):
        assert most * 500 <= wait <= most * 1000 + 10
    assert len(set(waits)) > 8
    rig.there = True
    rig.open()
    rig.put(b"a")
    rig.hear(puback(START))
    rig.hear(b"")
    before = rig.clock.ticks()
    rig.open()
    assert (rig.clock.ticks() - before) % (1 << 30) <= 1100


def test_a_broker_that_lets_in_and_throws_out_is_not_asked_faster(rig) -> None:
    for _ in range(8):
        rig.open()
        rig.hear(b"")
    before = rig.clock.ticks()
    rig.open()
    assert (rig.clock.ticks() - before) % (1 << 30) > 20_000


def test_an_idle_connection_is_asked_whether_it_lives(rig) -> None:
    rig.open()
    rig.stream.sent = b""
    passed = 0  # since the last byte was sent
    for _ in range(3):
        rig.clock.advance(29_999 - passed)
        rig.sink.tend()
        assert rig.stream.sent == b""
        rig.clock.advance(1)
        rig.sink.tend()
        assert rig.stream.sent == b"\xc0\0"
        passed = 9_999
        rig.clock.advance(passed)
        rig.hear(PINGRESP[:1])
        rig.hear(PINGRESP[1:])
        rig.stream.sent = b""
    assert len(rig.told) == 1


@pytest.mark.parametrize("owed", ["greeting", "acknowledgement", "ping", "room"])
def test_a_broker_that_owes_an_answer_for_10_s_is_gone(rig, owed) -> None:
    if owed == "greeting":
        rig.sink.tend()
    else:
        rig.open()
    if owed == "room":
        rig.stream.takes = 3
    if owed == "ping":
        rig.clock.advance(30_000)
        rig.sink.tend()
    elif owed != "greeting":
        rig.put(b"a")
        rig.put(b"b")
    if owed == "acknowledgement":
        rig.clock.advance(9_000)
        rig.hear(puback(START))
    rig.clock.advance(9_999)
    rig.sink.tend()
    assert not rig.stream.closed
    rig.clock.advance(1)
    rig.sink.tend()
    assert rig.stream.closed
    assert rig.told[-1] == ("down", "no answer for 10 s")


@pytest.mark.parametrize(
    "code, says",
    [(4, "wrong user or password"), (5, "not authorised"), (6, "code 6"), (255, "code 255")],
)
def test_a_refusal_says_why(rig, code, says) -> None:
    rig.sink.tend()
    rig.hear(b"\x20\x02\0" + bytes([code]), b"")
    assert rig.told == [("down", "refused: " + says)]
    assert rig.stream.closed


def test_a_loop_that_was_away_for_half_a_period_ends_the_connection_or_asks(rig) -> None:
    rig.open()
    rig.stream.sent = b""
    rig.clock.advance((1 << 29) + 5)
    rig.sink.tend()
    assert rig.stream.sent == b"\xc0\0"
    rig.clock.advance((1 << 29) + 5)
    rig.sink.tend()
    assert rig.stream.closed
