"""A feed without port and threads: to the firmware's link, or nobody, while no real time passes."""

import io
import math

import pytest
from linked_board import LinkedBoard
from wire import contents, frame, payloads

from sluice_tools.board.feed.arrivals import Arrival, read_lines
from sluice_tools.board.feed.feed import ANSWER_S, GONE_S, STOP_S, Feed
from sluice_tools.errors import UserError
from sluice_tools.serial.frames import FRAME_SILENCE_S, TEXT_SILENCE_S
from sluice_tools.serial.session import HELLO, LATE_S, LinkError, Session

URL = "socket://board:1"
SLOTS = 8


class Run:
    """A feed to a board, which is polled at its deadlines and when the board has said something."""

    def __init__(self, board=None, speed=math.inf):
        self.now = 0.0
        self.lines = []
        self.acknowledged = 0
        self.sent_at = []  # when each record went out
        self.feed = Feed(Session(7, 0), URL, speed, self.lines.append, self._count)
        self.feed.start(0)
        self.feed.line_opened(0)
        self._board = board
        self._outgoing = b""

    def _count(self, records):
        self.acknowledged += records

    def add(self, *payloads, at_s=0.0):
        for payload in payloads:
            self.feed.add(Arrival(at_s, payload, 0))

    def say(self, data):
        self.feed.receive(data, self.now)
        self._poll()

    def run(self, until):
        """Lets the time pass, in steps of a millisecond while there is a board."""
        while self.now < until and not self.feed.over(self.now):
            step = 0.001 if self._board else max(0, self.feed.deadline - self.now)
            self.now = min(until, self.now + step)
            if self._board:
                data = self._board.run_ms(self._outgoing)
                self._outgoing = b""
                if data:
                    self.say(data)
            if self.now >= self.feed.deadline:
                self._poll()
                self._poll()  # a first record may make a ping due
                assert self.feed.deadline > self.now or self.feed.over(self.now)

    def _poll(self):
        data = self.feed.poll(self.now)
        self._outgoing += data
        self.sent_at += [self.now] * len(payloads(contents(data, from_host=True)))


def test_every_record_is_sent_once_delivered_and_accounted_for():
    log = b"".join(b"%d\n" % n for n in range(200))
    arrivals = read_lines(io.BytesIO(log))
    board = LinkedBoard(slots=SLOTS, says_start=False)
    run = Run(board)
    for arrival in arrivals:
        run.feed.add(arrival)
    run.feed.end()
    run.run(until=60)
    assert run.feed.over(run.now)
    assert board.taken == [b"%d" % n for n in range(200)]
    assert (run.acknowledged, run.feed.done, run.feed.position) == (200, 200, len(log))
    account = run.feed.account(arrivals, 0)
    assert (account.sent, account.delivered, account.lost) == (200, 200, 0)
    assert account.worst_second <= 200 and account.sent_again == 0


@pytest.mark.parametrize(("speed", "expected"), [(1, [0, 0.5, 1.75]), (5, [0, 0.1, 0.35])])
def test_arrivals_are_sent_when_they_are_due(speed, expected):
    run = Run(LinkedBoard(says_start=False), speed)
    for at_s in (0, 0.5, 1.75):
        run.add(b"x", at_s=10 + at_s)
    run.run(until=3)
    first = run.sent_at[0]
    assert [at - first for at in run.sent_at] == pytest.approx(expected, abs=0.0011)


def test_what_is_longer_than_the_board_takes_is_cut():
    board = LinkedBoard(size=4, says_start=False)
    run = Run(board)
    run.add(b"123456")
    run.feed.end()
    run.run(until=5)
    assert board.taken == [b"1234"]
    assert run.feed.account(read_lines(io.BytesIO()), 0).cut == 1


def test_a_feed_that_was_suspended_gives_the_board_its_whole_time_once_more():
    run = Run()
    run.now = 3 * ANSWER_S
    run.feed.woke(run.now)
    run.run(until=4 * ANSWER_S - 0.1)
    with pytest.raises(UserError, match="no answer for 5 s"):
        run.run(until=4 * ANSWER_S)


def test_a_board_that_never_answers_is_given_up_with_its_last_line():
    run = Run()
    run.run(until=1)
    run.say(b">>> ")
    assert run.lines == []
    run.run(until=1 + TEXT_SILENCE_S)
    assert run.lines == [">>> "]
    run.say(b"\r\n>>> \r\n>>> \r\n")  # a REPL that echoes each HELLO is told of once
    run.run(until=ANSWER_S - 0.01)
    assert run.lines == [">>> ", "", ">>> "]
    with pytest.raises(UserError, match=f'{URL}: no answer for 5 s: is Sluice.*line: ">>> "'):
        run.run(until=ANSWER_S)


def answered(*payloads, speed=math.inf):
    """A feed that a board has answered, with these records to send; then the board says nothing."""
    board = LinkedBoard(says_start=False)
    run = Run(board, speed)
    run.run(until=0.1)
    run._board = None
    run.add(*payloads)
    run._poll()
    return run


def test_a_board_that_has_answered_may_be_silent_longer():
    run = answered(b"x")
    heard_at = 0.1
    run.run(until=heard_at + GONE_S - 0.2)
    with pytest.raises(UserError, match="no answer for 15 s$"):
        run.run(until=heard_at + GONE_S)


def test_a_board_of_which_nothing_is_expected_may_be_silent_for_ever():
    run = answered()
    assert run.feed.deadline == math.inf
    run.now = 1000.0
    run.add(b"x")
    run._poll()
    assert len(run.sent_at) == 1
    run.run(until=1000 + GONE_S - 0.01)


def test_the_reason_of_a_line_that_was_lost_is_told():
    run = Run()
    run.feed.line_lost(f"{URL}: unplugged")
    with pytest.raises(UserError, match=f"{URL}: unplugged; waited 5 s for it"):
        run.run(until=ANSWER_S)


def test_damage_is_counted_over_all_lines():
    run = Run()
    damaged = bytearray(frame(b"\x97\x01"))
    damaged[3] ^= 0xFF
    run.feed.receive(bytes(damaged) + b"\0half a", 0.1)
    run.feed.line_lost("unplugged")
    run.feed.line_opened(0.2)
    run.feed.receive(bytes(damaged), 0.3)
    run.feed.receive(b"\0\xff\xfe", 0.3)
    run.feed.poll(0.3 + FRAME_SILENCE_S)
    assert run.feed.account(read_lines(io.BytesIO()), 0).damaged == 3
    assert run.lines == ["half a"]


def test_what_a_board_says_to_a_gateway_or_to_sluice_set_is_no_damage():
    """A board that a gateway has once met reports each second, whoever listens."""
    run = answered(b"x")
    report, entry = b"\x98" + bytes(36), b"\x96" + bytes(9) + b"event=changed"
    for content in (report, entry, b"\x94" + bytes(6) + b"rate=500"):
        run.feed.receive(frame(content), run.now)
    account = run.feed.account(read_lines(io.BytesIO()), 0)
    assert account.damaged == 0
    assert "damaged" not in account.as_text()


def test_a_feed_that_is_stopped_waits_shortly_and_sends_nothing_more():
    run = answered(b"a", b"b", speed=1)
    run.add(b"due soon", at_s=0.12)  # before the board counts as silent
    under_way = len(run.sent_at)
    assert under_way == 2
    run.feed.stop(run.now)
    run.add(b"late")
    stopped_at = run.now
    assert not run.feed.over(run.now)
    run.run(until=60)
    assert run.now == stopped_at + STOP_S
    assert len(run.sent_at) == under_way
    account = run.feed.account(read_lines(io.BytesIO()), 0)
    assert (account.under_way, account.lost) == (under_way, 0)


def test_another_program_that_feeds_the_board_ends_it():
    run = answered(b"x")
    run.now += LATE_S
    content = b"\x91\x23\x09\x01\x02\x03\0\0\0" + bytes([64]) + (1000).to_bytes(3, "little")
    with pytest.raises(LinkError, match="another program has begun to feed this board"):
        run.say(frame(content))


def test_a_line_that_has_become_slow_is_told_once():
    run = answered(b"x", b"y")
    hellos = []
    while len(hellos) < 4:
        run.now = max(run.now + 0.01, min(run.now + 0.1, run.feed.deadline))
        sent = contents(run.feed.poll(run.now), from_host=True)
        hellos += [each for each in sent if each[0] == HELLO]
    for hello in hellos[:3]:
        place = b"\x91\x23" + hello[2:6] + b"\0\0\0"
        run.feed.receive(frame(place + bytes([64]) + (1000).to_bytes(3, "little")), run.now)
    (line,) = run.lines
    assert line.startswith("the line is slow: the board's answer took ")
