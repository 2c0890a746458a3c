"""A request on its way to a board, on virtual time."""

import pytest
from wire import frame

from sluice_tools.board.settings.asking import AGAIN_S, ANSWER_S, Asking
from sluice_tools.serial.frames import encode
from sluice_tools.serial.settings import CONFIRM, REFUSE, Change, Refused


def from_board(kind, change, rest):
    return frame(bytes([kind]) + change.content[1:4] + rest)


def confirmed(change, pairs=b"rate=5", keys=1):
    return from_board(CONFIRM, change, bytes([0, 0, keys]) + pairs)


@pytest.fixture
def change():
    return Change("who=anna rate=5")


def test_it_asks_again_until_all_is_answered(change):
    asking = Asking(change, 10)
    for now in (10, 10 + AGAIN_S, 10 + 3 * AGAIN_S):
        assert asking.poll(now) == encode(change.content)
        assert asking.poll(now) == b""
        assert asking.deadline == now + AGAIN_S
    asking.receive(confirmed(change, keys=2), 12)
    assert not change.done
    asking.receive(confirmed(change, b"burst=7", keys=2), 12)
    assert change.done and change.values == {"rate": 5, "burst": 7}
    assert asking.poll(99) == b"" and not asking.is_overdue(99)


def test_on_a_line_that_was_opened_it_asks_at_once(change):
    asking = Asking(change, 0)
    asking.poll(0)
    asking.line_opened(0.1)
    assert asking.deadline == 0.1
    assert asking.poll(0.1) == encode(change.content)


def test_a_board_has_its_time_from_its_last_word_on(change):
    asking = Asking(change, 0)
    assert not asking.is_overdue(ANSWER_S - 0.1)
    assert asking.is_overdue(ANSWER_S)
    asking.receive(b"event=stats up_s=3\r\n", 2)  # no answer
    assert asking.is_overdue(ANSWER_S)
    assert asking.last_line == "event=stats up_s=3"
    asking.receive(confirmed(change, keys=2), 2)
    assert not asking.is_overdue(2 + ANSWER_S - 0.1)
    assert asking.is_overdue(2 + ANSWER_S)


def test_a_program_that_was_stopped_gives_the_board_its_whole_time_once_more(change):
    asking = Asking(change, 0)
    asking.woke(3600)
    assert not asking.is_overdue(3600 + ANSWER_S - 0.1)
    assert asking.is_overdue(3600 + ANSWER_S)


def test_a_refusal_is_raised(change):
    refusal = from_board(REFUSE, change, b"rate\n5\n1 to 4")
    with pytest.raises(Refused, match="rate is 5, allowed: 1 to 4"):
        Asking(change, 0).receive(refusal, 1)
