"""The board's framing: against PyPI's cobs, and on lines that carry text and damage."""

import pytest
from framing_board import MAX_CONTENT, MAX_TO_BOARD, Board, hear, interrupted
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from wire import contents, frame, stuffed, to_board

from sluice.crc16 import crc16


def test_checksum_is_the_catalogued_one():
    assert crc16(b"123456789", 0, 9) == 0x29B1
    assert crc16(b"x123456789x", 1, 10) == 0x29B1


@settings(max_examples=300, derandomize=True)
@given(st.lists(st.binary(min_size=1, max_size=MAX_TO_BOARD), max_size=4))
@example([byte * MAX_TO_BOARD for byte in (b"\x01", b"\0", b"\3", b"\4")] + [b"\0"])
@example([b"\3\1\2" * 83, b"\3"])
def test_receives_what_the_libraries_encode(sent):
    board = Board(b"".join(to_board(content) for content in sent))
    assert board.receive_all() == sent
    assert board.frames.bad == 0


@settings(max_examples=300, derandomize=True)
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
    board = Board(
        b"hello\r\n" + to_board(b"one") + b"\xfftext" + to_board(b"two") + to_board(b"three")
    )
    assert board.receive_all() == [b"one", b"two", b"three"]


def test_frames_come_through_in_any_pieces():
    board = Board()
    received = []
    for byte in b"text" + to_board(b"first\0") + to_board(b"\x03second"):
        board.line.incoming.append(byte)
        received += board.receive_all()
    assert received == [b"first\0", b"\x03second"]


def rest(board):
    """A silence in which the program looks at the line."""
    board.clock.advance(100)
    return interrupted(board)


def test_ctrl_c_alone_on_the_line_interrupts_when_nothing_follows():
    board = Board(b"\x03")
    assert not interrupted(board)
    board.clock.advance(99)
    assert not interrupted(board)
    board.clock.advance(1)
    assert interrupted(board)
    assert not rest(board)


@pytest.mark.parametrize("keys", [b"\r\x03", b"\r\r\x03", b"\r\x03\r\x01"])
def test_ctrl_c_after_a_return_interrupts_at_once_as_mpremote_wants_it(keys):
    for pieces in ([keys], [keys[at : at + 1] for at in range(len(keys))]):
        board = Board()
        assert any(hear(board, piece) for piece in pieces)


@pytest.mark.parametrize(
    "keys", [b"\x03\x03", b"\x03\r", b"\x03\r\x03\x03"], ids=["twice", "then return", "many"]
)
def test_further_ctrl_c_and_returns_do_not_take_one_back(keys):
    board = Board(keys)
    assert not interrupted(board)
    assert rest(board)


@pytest.mark.parametrize(
    "data",
    [
        b"\x03" + to_board(b"a frame whose first zero was changed")[1:],
        b"\x03" + to_board(b"frame"),
        b"\x03typed",
        b"typed\x03",
        b"typed\r\x03",
        to_board(b"frame") + b"\x03",
        to_board(b"frame") + b"x\r\x03",
        to_board(b"frame")[:-1] + b"\x03" + to_board(b"next"),
        b"\0\x03",
        b"\0\r\x03",
    ],
)
def test_a_ctrl_c_that_does_not_stand_alone_is_noise(data):
    board = Board(data)
    assert not interrupted(board)
    assert not rest(board)
    assert not hear(board, b"\x03")
    assert rest(board)


def test_a_stall_of_the_program_is_no_rest_of_the_line():
    board = Board(to_board(b"a long frame")[:5])
    assert not interrupted(board)
    board.clock.advance(500)  # the rest of the frame has come meanwhile
    board.line.incoming += to_board(b"a long frame")[5:]
    assert board.receive_all() == [b"a long frame"]
    board.clock.advance(500)
    assert not hear(board, b"\x03")
    assert rest(board) is False


@pytest.mark.parametrize("keys", [b"\r\x03", b"\r\x03\r\x01"])
def test_mpremote_is_heard_by_a_program_that_was_held_up_since_the_last_frame(keys):
    board = Board(to_board(b"frame"))
    assert board.receive_all() == [b"frame"]
    board.clock.advance(500)
    assert hear(board, keys)


def test_an_unfinished_frame_times_out_and_then_ctrl_c_works_again():
    board = Board(to_board(b"whole")[:-3])
    assert board.receive_all() == []
    board.clock.advance(99)
    assert board.frames.receive() == 0
    assert board.frames.bad == 0
    board.clock.advance(1)
    assert board.frames.receive() == 0
    assert board.frames.bad == 1
    assert hear(board, b"\r\x03")


def test_a_lone_zero_times_out_without_being_counted():
    board = Board(b"\0")
    assert not interrupted(board)
    assert not rest(board)
    assert board.frames.bad == 0
    assert hear(board, b"\r\x03")


@pytest.mark.parametrize(
    "damaged",
    [
        to_board(b"payload")[:4] + b"\x55" + to_board(b"payload")[5:],  # a changed byte
        to_board(b"payload")[:4] + to_board(b"payload")[5:],  # a lost byte
        b"\0" + stuffed(b"\x02xyz") + b"\0",  # a code that points past the end
        b"\0\x01\0",  # nothing in it
        b"\0" + stuffed(b"\x03ab") + b"\0",  # no room for a checksum
        b"\0abcdefg\x09\0",  # stuffing that points before the beginning
        b"\0abcdefg\x03\0",
        b"\0" + b"\x01" * 255 + b"\0",  # one byte too long
        b"\0" + b"x" * 100_000 + b"\0",
    ],
)
def test_a_damaged_frame_is_counted_and_the_next_one_is_whole(damaged):
    board = Board(damaged + to_board(b"next") + to_board(b"last"))
    assert board.receive_all() == [b"next", b"last"]
    assert board.frames.bad == 1


def test_a_lost_closing_zero_costs_no_frame_but_its_neighbour():
    board = Board(to_board(b"one") + to_board(b"two")[:-1] + to_board(b"three") + to_board(b"four"))
    assert board.receive_all()[:2] == [b"one", b"two"]


@settings(max_examples=400, derandomize=True)
@given(st.binary(max_size=700))
def test_noise_raises_nothing_and_frames_come_through_afterwards(noise):
    assume(noise[:1] not in (b"\x03", b"\r"))
    board = Board(noise)
    board.receive_all()
    assert not rest(board)
    board.line.incoming += to_board(b"after")
    assert board.receive_all() == [b"after"]
