"""Frames byte by byte: sent, received, damaged, cut off, among text."""

from clock import LAST, Clock
from line import Line, stuffed

from sluice.link.frames import Frames

# As PyPI's cobs and binascii.crc_hqx make them.
ONE = b"\0\x06one\xe0o\0"
TWO = b"\0\x04two\x04\x03\xed\x11\0"  # two, 0x00, 0x03: data inside a frame
ZERO = b"\0\x01\x03\xf0\xe1\0"
# The same to a board: without 0x03, and with the distance to the last one at the end.
TO_ONE = b"\0\x06one\xe0o\x08\0"
TO_TWO = b"\0\x04two\x04\x07\xed\x11\x04\0"
TO_ZERO = b"\0\x01\x02\xf0\xe1\x04\0"


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
    frames = Frames(Line(b"hello\r\n" + TO_ONE + b"\xfftext" + TO_TWO + TO_ZERO))
    assert receive_all(frames) == [b"one", b"two\0\x03", b"\0"]
    assert frames.bad == 0


def test_the_longest_frame_comes_back_as_it_was_sent():
    line = Line()
    frames = Frames(line)
    for fill in (0, 1, 3, 255):
        line.sent = b""
        for size in (251, 250):
            for i in range(size):
                frames.sent[2 + i] = fill
            assert frames.send(2 + size) is True
        assert len(line.sent) == 256 + 255
        line.incoming = stuffed(line.sent[256:])
        assert len(line.incoming) == 256
        assert receive_all(frames) == [bytes([fill]) * 250]
    assert frames.bad == 0


def test_frames_come_through_in_any_pieces():
    line = Line()
    frames = Frames(line)
    received = []
    for byte in b"text" + TO_TWO + TO_ONE:
        line.incoming = bytes([byte])
        received += receive_all(frames)
    assert received == [b"two\0\x03", b"one"]


def rest(frames, clock):
    """Whether a Ctrl-C is found out in a silence."""
    clock.advance(100)
    return interrupted(frames)


def test_ctrl_c_after_a_rest_and_a_return_interrupts():
    for pieces in (b"\r\x03",), (b"\r", b"\x03"):
        line = Line()
        frames = Frames(line)
        for line.incoming in pieces:
            found = interrupted(frames)
        assert found


def test_ctrl_c_alone_between_rests_interrupts():
    clock = Clock(LAST - 50)
    for keys in (b"\x03", b"\x03\x03", b"\x03\r"):
        line = Line(keys)
        frames = Frames(line, clock.ticks, 100)
        assert not interrupted(frames)
        assert rest(frames, clock)


def test_ctrl_c_right_behind_a_whole_frame_needs_a_return():
    frames = Frames(Line(TO_ONE + b"\r\x03"))
    assert frames.receive() > 0
    assert interrupted(frames)


def test_ctrl_c_in_noise_is_noise():
    clock = Clock(LAST - 50)
    for data in (b"\x03" + TO_ONE[1:], TO_ONE + b"\x03", TO_ONE + b"x\r\x03", b"\0\x03"):
        line = Line(data)
        frames = Frames(line, clock.ticks, 100)
        assert not interrupted(frames)
        assert not rest(frames, clock)


def test_an_unfinished_frame_times_out_and_then_ctrl_c_works_again():
    clock = Clock(LAST - 50)
    line = Line(TO_ONE[:-3])
    frames = Frames(line, clock.ticks, 100)
    assert receive_all(frames) == []
    for step, bad in ((99, 0), (1, 1), (100, 1)):
        clock.advance(step)
        assert (frames.receive(), frames.bad) == (0, bad)
    line.incoming = b"\r\x03"
    assert interrupted(frames)


def test_a_lone_zero_times_out_without_being_counted():
    clock = Clock()
    line = Line(b"\0")
    frames = Frames(line, clock.ticks, 100)
    receive_all(frames)
    clock.advance(100)
    assert (frames.receive(), frames.bad) == (0, 0)
    line.incoming = b"\r\x03"
    assert interrupted(frames)


def test_a_damaged_frame_is_counted_and_the_next_one_is_whole():
    for damaged in (
        TO_ONE[:3] + b"\x55" + TO_ONE[4:],  # a changed byte
        TO_ONE[:3] + TO_ONE[4:],  # a lost byte
        b"\0\x02abc\x06\0",  # a code that points past the end
        b"\0\x01\0",  # nothing in it
        b"\0\x02ab\x05\0",  # no room for a checksum
        b"\0abcdef\x09\0",  # stuffing that points before the beginning
        b"\0abcdef\x03\0",
        b"\0" + b"\x01" * 255 + b"\0",  # one byte too long
        b"\0" + b"x" * 900 + b"\0",
    ):
        frames = Frames(Line(damaged + TO_TWO + TO_ZERO))
        assert receive_all(frames) == [b"two\0\x03", b"\0"]
        assert frames.bad == 1


def test_a_lost_closing_zero_costs_no_frame_but_its_neighbour():
    frames = Frames(Line(TO_ONE + TO_TWO[:-1] + TO_ONE + TO_ZERO))
    assert receive_all(frames)[:2] == [b"one", b"two\0\x03"]
