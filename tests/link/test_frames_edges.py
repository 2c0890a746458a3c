"""The board's framing at the ends of its buffers and its timeout, and with checksums just off."""

import pytest
from framing_board import MAX_TO_BOARD, Board, hear
from wire import stuffed
from wire import to_board as frame

from sluice.crc16 import crc16

SMALL_MAX = (1 << 30) - 1


def test_the_longest_content_is_taken_and_one_byte_more_is_not():
    longest = bytes(range(MAX_TO_BOARD))
    board = Board(frame(longest) + frame(longest + b"x") + frame(b"next"))
    assert board.receive_all() == [longest, b"next"]
    assert board.frames.bad == 1


@pytest.mark.parametrize("size", [MAX_TO_BOARD - 1, MAX_TO_BOARD])
@pytest.mark.parametrize("more", [1, 2, 3, 200])
@pytest.mark.parametrize("piece", [1, 1000])
def test_a_whole_frame_with_more_before_its_closing_zero_is_damaged(size, more, piece):
    board = Board()
    received = []
    sent = frame(b"\1" * size)[:-1] + b"x" * more + b"\0" + frame(b"next")
    for at in range(0, len(sent), piece):
        board.line.incoming += sent[at : at + piece]
        received += board.receive_all()
    assert received == [b"next"]
    assert board.frames.bad == 1


@pytest.mark.parametrize("off", [-256, -1, 1, 256])
def test_a_checksum_that_is_off_either_way_is_damage(off):
    checksum = crc16(b"payload", 0, 7)
    board = Board(frame(b"payload", checksum + off))
    assert board.receive_all() == []
    assert board.frames.bad == 1
    board.line.incoming += frame(b"payload", checksum)[1:]
    assert board.receive_all() == [b"payload"]


@pytest.mark.parametrize("body", [b"\1", b"\2\xff", b"\3\xff\xff"])
def test_a_frame_without_content_is_damaged_even_if_its_checksum_is_right(body):
    board = Board(b"\0" + stuffed(body) + b"\0" + frame(b"next"))
    assert board.receive_all() == [b"next"]
    assert board.frames.bad == 1


@pytest.mark.parametrize("length", [127, 128, 129, 256, 1000])
def test_text_of_any_length_is_passed_over(length):
    board = Board(b"t" * length)
    assert board.receive_all() == []
    board.line.incoming += b"t" * length + frame(b"one") + b"t" * length
    assert board.receive_all() == [b"one"]


def test_a_ctrl_c_that_was_heard_once_is_not_heard_again():
    board = Board(b"\r\x03")
    with pytest.raises(KeyboardInterrupt):
        board.frames.receive()
    assert not hear(board, b"cd")


def test_silence_and_a_frame_under_way_are_told_apart():
    board = Board()
    assert board.frames.receive() == 0
    board.line.incoming += frame(b"whole")[:-1]
    assert board.frames.receive() == -1
    assert board.frames.receive() == 0
    board.line.incoming += b"\0text"
    assert board.frames.receive() == 6
    assert board.frames.receive() == -1
    assert board.frames.receive() == 0


@pytest.mark.parametrize("late", [100, 101, 5000])
def test_silence_counts_from_the_last_byte_however_late_it_is_noticed(late):
    board = Board()
    board.clock.advance(12_345)
    for byte in frame(b"whole")[:-1]:
        board.line.incoming.append(byte)
        board.receive_all()
        board.clock.advance(99)
        assert board.receive_all() == []
        assert board.frames.bad == 0
    board.clock.advance(late - 99)
    assert board.receive_all() == []
    assert board.frames.bad == 1
    board.line.incoming += frame(b"next")
    assert board.receive_all() == [b"next"]


def test_the_count_of_damage_stops_at_the_largest_small_integer():
    board = Board()
    board.frames.bad = SMALL_MAX - 2
    for expected in (SMALL_MAX - 1, SMALL_MAX, SMALL_MAX):
        board.line.incoming += b"\0\1\0"
        board.receive_all()
        board.clock.advance(100)
        board.receive_all()
        assert board.frames.bad == expected
