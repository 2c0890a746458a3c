"""Frames byte by byte: sent, received, damaged, cut off, among text."""

from clock import LAST, Clock
from line import Line

from sluice.frames import Frames

# As PyPI's cobs and binascii.crc_hqx make them.
ONE = b"\0\x06one\xe0o\0"
TWO = b"\0\x04two\x04\x03\xed\x11\0"  # two, 0x00, 0x03: data inside a frame
ZERO = b"\0\x01\x03\xf0\xe1\0"


def receive_all(frames):
    received = []
    while True:
        end = frames.receive()
        if end == 0:
            return received
        if end > 0:
            received.append(bytes(frames.received[1:end]))


def interrupted(frames):
    try:
        receive_all(frames)
    except KeyboardInterrupt:
        return True
    return False


def test_sends_what_is_pinned():
    for content, frame in ((b"one", ONE), (b"two\0\x03", TWO), (b"\0", ZERO)):
        line = Line()
        frames = Frames(line)
        for i in range(len(content)):
            frames.sent[2 + i] = content[i]
        assert frames.send(2 + len(content)) is True
        assert line.sent == frame
        line.at_most = 4
        assert frames.send(2 + len(content)) is False


def test_receives_what_is_pinned_among_text():
    frames = Frames(Line(b"hello\r\n" + ONE + b"\xfftext" + TWO + ZERO))
    assert receive_all(frames) == [b"one", b"two\0\x03", b"\0"]
    assert frames.bad == 0


def test_the_longest_frame_comes_back_as_it_was_sent():
    line = Line()
    frames = Frames(line)
    for fill in (0, 1, 3, 255):
        line.sent = b""
        for i in range(251):
            frames.sent[2 + i] = fill
        assert frames.send(253) is True
        assert len(line.sent) == 256
        line.incoming = line.sent
        assert receive_all(frames) == [bytes([fill]) * 251]
    assert frames.bad == 0


def test_frames_come_through_in_any_pieces():
    line = Line()
    frames = Frames(line)
    received = []
    for byte in b"text" + TWO + ONE:
        line.incoming = bytes([byte])
        received += receive_all(frames)
    assert received == [b"two\0\x03", b"one"]


def test_ctrl_c_outside_a_frame_interrupts_and_inside_is_data():
    line = Line(TWO + b"typed\x03" + ONE)
    frames = Frames(line)
    assert frames.receive() > 0
    assert interrupted(frames)
    assert receive_all(frames) == [b"one"]


def test_an_unfinished_frame_times_out_and_then_ctrl_c_works_again():
    clock = Clock(LAST - 50)
    line = Line(ONE[:-3])
    frames = Frames(line, clock.ticks, 100)
    assert receive_all(frames) == []
    for step, bad in ((99, 0), (1, 1), (100, 1)):
        clock.advance(step)
        assert (frames.receive(), frames.bad) == (0, bad)
    line.incoming = b"\x03"
    assert interrupted(frames)


def test_a_lone_zero_times_out_without_being_counted():
    clock = Clock()
    line = Line(b"\0")
    frames = Frames(line, clock.ticks, 100)
    receive_all(frames)
    clock.advance(100)
    assert (frames.receive(), frames.bad) == (0, 0)
    line.incoming = b"\x03"
    assert interrupted(frames)


def test_a_damaged_frame_is_counted_and_the_next_one_is_whole():
    for damaged in (
        ONE[:3] + b"\x55" + ONE[4:],  # a changed byte
        ONE[:3] + ONE[4:],  # a lost byte
        b"\0\x02\0",  # a code that points past the end
        b"\0\x01\0",  # nothing in it
        b"\0\x03ab\0",  # no room for a checksum
        b"\0" + b"\x01" * 255 + b"\0",  # one byte too long
        b"\0" + b"x" * 900 + b"\0",
    ):
        frames = Frames(Line(damaged + TWO + ZERO))
        assert receive_all(frames) == [b"two\0\x03", b"\0"]
        assert frames.bad == 1


def test_a_lost_closing_zero_costs_no_frame_but_its_neighbour():
    frames = Frames(Line(ONE + TWO[:-1] + ONE + ZERO))
    assert receive_all(frames)[:2] == [b"one", b"two\0\x03"]
