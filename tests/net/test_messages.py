"""Messages, byte by byte: what is not exactly the next one ends the connection."""

import hmac

import pytest
from streams import Stream

from host_sim import TickClock
from sluice.net.hmac import Hmac
from sluice.net.messages import LONGEST, Messages

TO_BOARD, TO_HOST = b"b" * 32, b"h" * 32


class Socket(Stream):
    def readinto(self, buf, n):
        return super().readinto(memoryview(buf)[:n])


def sealed(number: int, content: bytes, key: bytes = TO_BOARD) -> bytes:
    data = len(content).to_bytes(2, "little") + content
    return data + hmac.digest(key, number.to_bytes(4, "little") + data, "sha256")[:16]


class Rig:
    def __init__(self, clock: TickClock) -> None:
        self.clock = clock
        self.socket = Socket()
        self.line = Messages(clock.ticks)
        self.line.begin(self.socket, Hmac(TO_BOARD), Hmac(TO_HOST))

    def hear(self, *pieces: bytes) -> bytes:
        self.socket.incoming += pieces
        data, buf = b"", bytearray(7)
        for _ in range(2000):
            data += bytes(buf[: self.line.readinto(buf)])
        return data

    def sent(self, *contents: bytes) -> bool:
        """Whether exactly these messages went out so far."""
        self.line.readinto(bytearray(1))
        wanted = [sealed(number, content, TO_HOST) for number, content in enumerate(contents)]
        return self.socket.sent == b"".join(wanted)


@pytest.fixture
def rig():
    with TickClock((1 << 30) - 100) as clock:
        yield Rig(clock)


def test_bytes_come_whole_in_pieces_of_any_size(rig) -> None:
    contents = [b"a", bytes(range(256)) * 4, b"", b"c" * 64]
    data = b"".join(sealed(number, content) for number, content in enumerate(contents))
    assert rig.hear(*[data[at : at + 5] for at in range(0, len(data), 5)]) == b"".join(contents)
    assert rig.line.fault == ""
    assert rig.sent(b"")  # the empty one was a question


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (sealed(0, b"one"), "wrong MAC"),  # again
        (sealed(2, b"three"), "wrong MAC"),  # one was left out
        (sealed(1, b"two", TO_HOST), "wrong MAC"),  # of the other direction
        (sealed(1, b"two")[:-1] + b"\0", "wrong MAC"),
        (b"\3\0" + sealed(1, b"two")[2:-16] + bytes(16), "wrong MAC"),
        (b"\2\0" + sealed(1, b"two")[2:], "wrong MAC"),
        (b"\x01\x04" + bytes(2000), "wrong length"),
        (b"\xff\xff" + bytes(2000), "wrong length"),
        (b"", "it left"),
    ],
)
def test_what_is_not_the_next_message_ends_it_and_nothing_of_it_is_read(rig, second, fault) -> None:
    assert rig.hear(sealed(0, b"one"), second, sealed(1, b"two")) == b"one"
    assert rig.line.fault == fault
    assert rig.line.write(b"abc", 3) == 0
    assert rig.sent()
    rig.line.close()
    assert rig.socket.closed


def test_what_is_written_in_a_turn_is_one_message(rig) -> None:
    assert [rig.line.write(bytearray(b"abc"), 2), rig.line.write(b"d", 1)] == [2, 1]
    assert rig.socket.sent == b""
    assert rig.sent(b"abd")
    rig.line.write(b"e", 1)
    assert rig.sent(b"abd", b"e")


def test_a_write_is_taken_whole_or_not_at_all(rig) -> None:
    rig.socket.takes = 100  # then the host reads no more
    taken = [rig.line.write(bytes([i]) * 300, 300) for i in range(12)]
    assert taken == [300] * 6 + [0] * 6  # one message under way, one gathered
    rig.socket.takes, rig.socket.most = 1 << 20, 50
    for _ in range(100):
        rig.line.readinto(bytearray(1))
    assert rig.sent(*[b"".join(bytes([i]) * 300 for i in range(at, at + 3)) for at in (0, 3)])
    assert rig.line.write(b"x" * LONGEST, LONGEST) == LONGEST


def test_silence_is_a_fault_after_5_s_unless_the_loop_was_held_up(rig) -> None:
    rig.clock.advance(60_000)
    assert rig.hear(sealed(0, b"one")) == b"one"
    rig.clock.advance(4999)
    assert rig.hear(sealed(1, b"")[:5]) == b"" and not rig.line.fault
    rig.clock.advance(1)
    rig.hear()
    assert rig.line.fault == "silent for 5 s"


def test_the_last_number_is_used_once(rig) -> None:
    last = (1 << 30) - 1
    rig.line._received = rig.line._sent = last
    assert rig.hear(sealed(last, b"last")) == b"last"
    assert rig.line.fault == "the last number"


def test_an_error_of_the_socket_ends_it(rig) -> None:
    rig.socket.error = OSError(104)
    assert rig.hear() == b""
    assert rig.line.fault == "the connection broke"


def test_the_next_connection_begins_anew(rig) -> None:
    rig.line.write(b"of the first", 12)
    rig.hear(sealed(0, b"half")[:9])
    rig.line.close()
    rig.socket = Socket()
    rig.line.begin(rig.socket, Hmac(TO_BOARD), Hmac(TO_HOST))
    assert rig.hear(sealed(0, b"second")) == b"second"
    rig.line.write(b"new", 3)
    assert rig.sent(b"new")
