"""The board's framing: against PyPI's cobs, and on lines that carry text and damage."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wire import MemoryLine, contents, frame

from host_sim import TickClock
from sluice.crc16 import crc16
from sluice.frames import MAX_CONTENT, Frames


class Board:
    def __init__(self, incoming=b""):
        self.clock = TickClock(strict=True)
        self.line = MemoryLine()
        self.line.incoming += incoming
        self.frames = Frames(self.line, self.clock.ticks, 100)

    def receive_all(self):
        received = []
        while True:
            end = self.frames.receive()
            if end == 0:
                return received
            if end > 0:
                received.append(bytes(self.frames.received[1:end]))


def test_checksum_is_the_catalogued_one():
    assert crc16(b"123456789", 0, 9) == 0x29B1
    assert crc16(b"x123456789x", 1, 10) == 0x29B1


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.binary(min_size=1, max_size=MAX_CONTENT), max_size=4))
@example([b"\x01" * MAX_CONTENT, b"\0" * MAX_CONTENT, b"\0"])
def test_receives_what_the_libraries_encode(sent):
    board = Board(b"".join(frame(content) for content in sent))
    assert board.receive_all() == sent
    assert board.frames.bad == 0


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(min_size=1, max_size=MAX_CONTENT))
@example(b"\xff" * MAX_CONTENT)
def test_sends_what_the_libraries_decode(content):
    board = Board()
    board.frames.sent[2 : 2 + len(content)] = content
    assert board.frames.send(2 + len(content)) is True
    assert board.line.sent == frame(content)
    assert contents(board.line.sent) == [content]


def test_a_line_that_takes_only_a_part_is_told():
    board = Board()
    board.line.at_most = 5
    assert board.frames.send(20) is False


def test_text_around_frames_is_passed_over():
    board = Board(b"hello\r\n" + frame(b"one") + b"\xfftext" + frame(b"two") + frame(b"three"))
    assert board.receive_all() == [b"one", b"two", b"three"]


def test_frames_come_through_in_any_pieces():
    board = Board()
    received = []
    for byte in b"text" + frame(b"first\0") + frame(b"\x03second"):
        board.line.incoming.append(byte)
        received += board.receive_all()
    assert received == [b"first\0", b"\x03second"]


def test_ctrl_c_outside_a_frame_interrupts_and_inside_is_data():
    board = Board(frame(b"\x03\x03") + b"typed\x03")
    assert board.frames.receive() > 0
    with pytest.raises(KeyboardInterrupt):
        board.frames.receive()
    board.line.incoming += frame(b"after")
    assert board.receive_all() == [b"after"]


def test_an_unfinished_frame_times_out_and_then_ctrl_c_works_again():
    board = Board(frame(b"whole")[:-3])
    assert board.receive_all() == []
    board.clock.advance(99)
    assert board.frames.receive() == 0
    assert board.frames.bad == 0
    board.clock.advance(1)
    assert board.frames.receive() == 0
    assert board.frames.bad == 1
    board.line.incoming += b"\x03"
    with pytest.raises(KeyboardInterrupt):
        board.frames.receive()


def test_a_lone_zero_times_out_without_being_counted():
    board = Board(b"\0")
    board.receive_all()
    board.clock.advance(100)
    board.frames.receive()
    assert board.frames.bad == 0
    board.line.incoming += b"\x03"
    with pytest.raises(KeyboardInterrupt):
        board.frames.receive()


@pytest.mark.parametrize(
    "damaged",
    [
        frame(b"payload")[:4] + b"\x55" + frame(b"payload")[5:],  # a changed byte
        frame(b"payload")[:4] + frame(b"payload")[5:],  # a lost byte
        b"\0" + b"\x02" + b"\0",  # a code that points past the end
        b"\0\x01\0",  # nothing in it
        b"\0\x03ab\0",  # no room for a checksum
        b"\0" + b"\x01" * 255 + b"\0",  # one byte too long
        b"\0" + b"x" * 100_000 + b"\0",
    ],
)
def test_a_damaged_frame_is_counted_and_the_next_one_is_whole(damaged):
    board = Board(damaged + frame(b"next") + frame(b"last"))
    assert board.receive_all() == [b"next", b"last"]
    assert board.frames.bad == 1


def test_a_lost_closing_zero_costs_no_frame_but_its_neighbour():
    board = Board(frame(b"one") + frame(b"two")[:-1] + frame(b"three") + frame(b"four"))
    assert board.receive_all()[:2] == [b"one", b"two"]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.binary(max_size=700))
def test_noise_raises_nothing_and_frames_come_through_afterwards(noise):
    board = Board(noise.replace(b"\x03", b""))
    board.receive_all()
    board.clock.advance(100)
    board.frames.receive()
    board.line.incoming += frame(b"after")
    assert board.receive_all() == [b"after"]
