"""How records ended, as acknowledgements say it: a real board's session and a host's, with messages
that are lost, doubled and late, and resets of the board between."""

import random
from collections import deque

import pytest
from session_board import Board

from sluice.flow.pipeline import GIVEN_UP, OVERWRITTEN, SHED, TAKEN
from sluice_tools.serial.session import ACK, HELLO, RECORDS, Session, SessionState
from sluice_tools.serial.window import SEQ_PERIOD

WAYS = (TAKEN, GIVEN_UP, SHED, OVERWRITTEN)
LAST = SEQ_PERIOD - 1


class Epoch:
    """What a board knows from one beginning of a session on: how each record before ended."""

    def __init__(self, ends_before):
        self.ends = list(ends_before)


class World:
    """A line that carries each message with what it tells, in an order that the test chooses.

    told: how each acknowledged record ended, by the words of the board that the host took.
    """

    def __init__(self, records, base=LAST):
        self.host = Session(1, base)
        self.waiting = deque(records)
        self.told = []
        self.to_board = deque()  # (content, how the records before a HELLO's base ended)
        self.to_host = deque()  # (content, how the records before an ACK's end ended)
        self.now = 0.0
        self.queue = deque()  # the epoch of each record in the board's ring
        self.reset()

    def reset(self):
        self.board = Board(slots=8)
        self.epoch = Epoch([])
        self.queue.clear()

    def run_host(self):
        contents = self.host.poll(self.now)
        while self.waiting and self.host.room:
            contents.append(self.host.send(self.waiting.popleft(), self.now))
        self.to_board.extend((content, list(self.told)) for content in contents)

    def hear_board(self, content, told):
        link, ring = self.board.link, self.board.ring
        session, waiting = link._session, len(ring)
        answers = self.board.hear(content)
        if content[0] == HELLO and link._session != session:
            self.epoch = Epoch(told)
        elif content[0] == RECORDS and len(ring) > waiting:
            self.queue.append(self.epoch)
        self._answer(answers)

    def hear_host(self, content, ends):
        before = self.host.first_seq
        self.host.receive(content, self.now)
        if self.host.first_seq != before:
            assert content[0] == ACK
            self.told = ends
        counts = self.host.given_up, self.host.shed, self.host.overwritten
        assert counts == tuple(self.told.count(how) for how in WAYS[1:])
        assert len(self.told) == (self.host.first_seq - self.host.base) % SEQ_PERIOD

    def end_record(self, how):
        if self.queue:
            epoch = self.queue.popleft()
            self.board.release(1, how)
            if epoch is self.epoch:
                epoch.ends.append(how)

    def acknowledge(self):
        self.board.link.acknowledge(1, 0)
        self._answer(self.board.answers())

    def _answer(self, contents):
        self.to_host.extend((content, list(self.epoch.ends)) for content in contents)

    @property
    def over(self):
        return not self.waiting and not self.host.under_way


def run(seed, faults, late):
    """Faults until some of the records are left, then none; a message is overtaken by `late`."""
    chance = random.Random(seed)
    world = World([b"%d" % number for number in range(60)])
    for step in range(100_000):
        if world.over:
            return world
        faulty = len(world.waiting) > 10 and step < 3000
        action = chance.randrange(6)
        if action == 0:
            world.run_host()
        elif action == 1:
            world.now += 0.05
        elif action == 2:
            world.end_record(chance.choice(WAYS))
        elif action == 3:
            world.acknowledge()
        elif faulty and chance.random() < faults / 10:
            world.reset()
        else:
            line, hear = (
                (world.to_board, world.hear_board)
                if action == 4
                else (world.to_host, world.hear_host)
            )
            if line:
                at = chance.randrange(min(late, len(line))) if faulty else 0
                fault = chance.random() if faulty else 1
                message = line[at]
                if fault > faults:  # otherwise it comes once more
                    del line[at]
                if fault <= 1 - faults or not faulty:  # otherwise it is lost
                    hear(*message)
    raise AssertionError("it does not come to an end")


@pytest.mark.parametrize("late", [1, 3, 12])
@pytest.mark.parametrize("faults", [0, 0.1, 0.3])
def test_the_host_counts_each_record_as_the_board_told_it_in_any_order(faults, late, long):
    for seed in range(1000 if long else 20):
        world = run(seed, faults, late)
        assert len(world.told) == 60


def opened(base=LAST):
    world = World([b"%d" % number for number in range(8)], base)
    world.run_host()
    settle(world)
    return world


def settle(world):
    while world.to_board or world.to_host:
        while world.to_board:
            world.hear_board(*world.to_board.popleft())
        while world.to_host:
            world.hear_host(*world.to_host.popleft())
        world.run_host()


def counts(world):
    return world.host.given_up, world.host.shed, world.host.overwritten


def end(world, *ways):
    """These records end, and an acknowledgement is on its way."""
    for how in ways:
        world.end_record(how)
    world.acknowledge()


def test_a_lost_acknowledgement_is_made_good_by_the_next():
    world = opened()
    end(world, SHED, TAKEN)
    world.to_host.clear()
    end(world, GIVEN_UP, OVERWRITTEN)
    settle(world)
    assert counts(world) == (1, 1, 1)


def test_a_doubled_or_late_acknowledgement_counts_nothing():
    world = opened()
    end(world, SHED)
    first = world.to_host[0]
    end(world, GIVEN_UP, SHED)
    settle(world)
    for late in (first, first):
        world.hear_host(*late)
    assert counts(world) == (1, 2, 0)


@pytest.mark.parametrize("welcome_lost", [False, True])
def test_after_a_reset_it_is_counted_on(welcome_lost):
    world = opened()
    end(world, SHED, GIVEN_UP, TAKEN)
    settle(world)
    end(world, SHED, SHED)
    world.to_host.clear()
    world.reset()
    world.host.restarted(world.now)
    world.run_host()
    while world.to_board:
        world.hear_board(*world.to_board.popleft())
    if welcome_lost:
        del world.to_host[0]  # and the ACK behind it comes
        settle(world)
        assert (counts(world), world.host.state) == ((1, 1, 0), SessionState.GREETING)
        world.now += 2
        world.run_host()
    settle(world)
    end(world, *[TAKEN] * 4, OVERWRITTEN)
    settle(world)
    assert (counts(world), world.host.under_way) == ((1, 1, 1), deque())


def test_a_late_acknowledgement_of_before_a_reset_tells_all_that_is_before_its_end():
    world = opened()
    end(world, SHED)
    settle(world)
    end(world, SHED, TAKEN, GIVEN_UP)
    late = world.to_host.pop()
    world.reset()
    world.host.restarted(world.now)
    world.run_host()
    settle(world)
    world.hear_host(*late)
    assert counts(world) == (1, 2, 0)
    end(world, TAKEN, TAKEN, SHED)  # once more: the board knows nothing of that
    settle(world)
    assert counts(world) == (1, 2, 0)
    end(world, TAKEN, OVERWRITTEN)  # now it has ended more, and all that it says is right
    settle(world)
    assert counts(world) == (0, 2, 1)


def test_an_acknowledgement_of_an_earlier_session_counts_nothing_in_one_that_goes_on_from_it():
    world = opened(base=100)
    end(world, SHED, SHED)
    settle(world)
    end(world, SHED)
    late = world.to_host.pop()
    world.host = Session(2, 102)
    world.told = []
    world.waiting.extend([b"x"] * 3)
    world.to_board.clear()
    world.run_host()
    settle(world)
    world.hear_host(*late)
    assert (counts(world), world.host.first_seq) == ((0, 0, 0), 102)
