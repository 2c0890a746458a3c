"""Interrupts at every opcode: the explorer itself, what it finds, and that it finds defects."""

import dis
import os
import subprocess
import sys
from dataclasses import replace

import machine
import pytest

from host_sim.interrupts import Interrupt
from sluice.flow.pipeline import BYTES, Pipeline
from sluice.guard import IrqGuard
from sluice.limit.debounce import Debounce
from sluice.limit.throttle import Throttle
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT, RingQueue
from sluice_tools.lab.explore import run
from sluice_tools.lab.explore.explorer import Scenario, explore, interruptible
from sluice_tools.lab.explore.history import Operation, linearizable
from sluice_tools.lab.explore.models import LOST, Queue
from sluice_tools.lab.explore.scenarios import (
    GAP,
    SCENARIOS,
    World,
    advance,
    aged,
    edge,
    event,
    get,
    of_bucket,
    of_debounce,
    of_pipeline,
    of_throttle,
    publish,
    pulse,
    put,
    steps,
    watch,
)


def test_no_interrupt_at_any_opcode_breaks_the_library_and_no_hot_method_is_forgotten():
    report = run(most=1)
    assert report.good, "\n".join(report.lines())
    assert sum(each.interleavings for each in report.explored) > 10_000


def test_nor_the_kernels():
    """Their words are read and written one by one here, as in machine code."""
    program = """
from sluice_tools.lab.explore import run
report = run(most=1)
assert not report.violations, "\\n".join(report.lines())
print(*{function for each in report.explored for function, _ in each.places})
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"SLUICE_NATIVE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bucket, ring = "limit.bucket_native", "queue.ring_native"
    bound = f"{bucket}.over.<locals>.TokenBucket.__init__.<locals>.acquire_up_to"
    kernels = {f"{bucket}._acquire", bound, f"{ring}._get"}
    assert kernels | {f"{ring}._ring.<locals>.Ring._claim"} <= set(done.stdout.split())


# The explorer itself.


@interruptible
def opcodes_of_main(world):
    world.seen = world.seen + 1


@interruptible
def opcodes_of_handler(world):
    world.inside = True
    world.inside = False


def note(world):
    world.call("holds", lambda: not getattr(world, "inside", False))


def at_rest(world):
    pass


def toy(main, *interrupts):
    return Scenario("toy", lambda: World(seen=0, inside=False), main, interrupts, at_rest, Queue(1))


def places_in(function):
    """Its opcodes; RESUME runs before a call can be traced."""
    names = [instruction.opname for instruction in dis.get_instructions(function)]
    return len(names) - names.count("RESUME")


def test_one_interrupt_comes_before_each_opcode_and_after_the_end():
    explored = explore(toy(opcodes_of_main, Interrupt(note)), (Interrupt(note),))
    assert explored.interleavings == places_in(opcodes_of_main) + 1
    assert len(explored.places) == places_in(opcodes_of_main)
    assert explored.violation is None


def test_two_interrupts_come_at_every_two_places_the_second_not_before_the_first():
    explored = explore(toy(opcodes_of_main), (Interrupt(note), Interrupt(note)))
    n = places_in(opcodes_of_main) + 1
    assert explored.interleavings == n * (n + 1) // 2
    assert explored.violation is None


def test_a_higher_priority_comes_within_a_lower_one_and_an_equal_one_does_not():
    handler = Interrupt(opcodes_of_handler, 1)
    assert explore(toy(opcodes_of_main), (handler, Interrupt(note, 1))).violation is None
    violation = explore(toy(opcodes_of_main), (handler, Interrupt(note, 2))).violation
    assert violation.what == "no order explains this"
    assert "opcodes_of_main before" in violation.interrupts[0]
    assert "opcodes_of_handler before" in violation.interrupts[1]


@interruptible
def switched_off(world):
    state = machine.disable_irq()
    world.inside = True
    world.inside = False
    machine.enable_irq(state)


def test_no_interrupt_comes_while_they_are_off():
    explored = explore(toy(switched_off), (Interrupt(note),))
    assert explored.violation is None
    assert 1 < explored.interleavings < places_in(switched_off)


def test_interrupts_left_off_are_a_violation():
    explored = explore(toy(lambda world: machine.disable_irq()), (Interrupt(note),))
    assert explored.violation.what == "interrupts were left off"


def test_an_exception_is_a_violation():
    explored = explore(toy(lambda world: world.ring), (Interrupt(note),))
    assert "raised AttributeError('this scenario has no ring')" in str(explored.violation)


def test_interrupts_are_on_again_after_an_exploration():
    explore(toy(lambda world: machine.disable_irq()), (Interrupt(note),))
    assert [machine.disable_irq(), machine.disable_irq()] == [1, 1]


# The judge.


def history(*calls):
    return tuple(Operation(*call) for call in calls)


@pytest.mark.parametrize(
    ("operations", "explained"),
    [
        (history(("put", 1, True, 1, 2), ("get", None, 1, 3, 4)), True),
        (history(("put", 1, True, 1, 2), ("get", None, None, 3, 4)), False),
        (history(("put", 1, True, 1, 4), ("get", None, None, 2, 3)), True),
        (history(("put", 1, True, 1, 4), ("get", None, 1, 2, 3)), True),
        (history(("get", None, 1, 1, 2), ("put", 1, True, 3, 4)), False),
        (history(("put", 1, True, 1, 2), ("put", 2, True, 3, 4), ("get", 0, 2, 5, 6)), False),
        (history(("put", 1, True, 1, 2), ("get", 0, 1, 3, 4), ("get", 0, 1, 5, 6)), False),
        (history(("put", 1, True, 1, 2), ("put", 2, True, 3, 4), ("put", 3, False, 5, 6)), True),
        (history(("put", 1, True, 1, 2), ("put", 2, False, 3, 4)), False),
    ],
)
def test_a_history_is_explained_or_not(operations, explained):
    assert linearizable(operations, Queue(2)) is explained


def test_a_record_is_lost_only_when_it_was_overwritten():
    first = ("put", 1, True, 1, 2), ("look", None, True, 3, 4)
    lost = ("take", None, LOST, 5, 8)
    queue = Queue(1, overwrite=True)
    assert linearizable(history(*first, lost, ("put", 2, True, 6, 7)), queue)
    assert not linearizable(history(*first, lost), queue)


# Planted defects.


class PublishesFirst(RingQueue):
    @interruptible
    def try_put(self, item):
        slot = self._claim()
        if slot < 0:
            return False
        self._tail = (self._tail + 1) % self._wrap
        self._slots[slot] = item
        return True


class MovesTheHead(RingQueue):
    @interruptible
    def _claim(self):
        if len(self) == self.capacity:
            self._head = (self._head + 1) % self._wrap
            self.overwritten += 1
        return self._tail % self.capacity


class IgnoresLapping(RecordRing):
    @interruptible
    def release(self):
        if self._head == self._tail:
            return False
        self._head = (self._head + 1) % self._wrap
        return True


class OneFlag(RingQueue):
    _flag = False

    @interruptible
    def _rise(self):
        if len(self) >= self._high:
            self._flag = True

    @interruptible
    def try_get(self, default=None):
        item = RingQueue.try_get(self, default)
        if len(self) <= self._low:
            self._flag = False
        return item

    def above(self):
        return self._flag


class UndoesOnce(RingQueue):
    @interruptible
    def _fall(self):
        if len(self) > self._low:
            return
        self._lowered = self._raised
        if len(self) >= self._high:
            self._lowered = 1 - self._raised


class ReadsTheTailFirst(RingQueue):
    @interruptible
    def __len__(self):
        depth = self._tail - self._oldest()
        return depth if depth >= 0 else depth + self._wrap


class GivesUpUnheld(Pipeline):
    @interruptible
    def _deny(self, n, cost, now):
        return self._give_up(n)


class ForgetsTheNewGap(Throttle):
    @interruptible
    def refill(self):
        if self._ticks() - self._went_at >= self.gap_ticks:
            self._over = self._went


class ForgetsNoEdge(Debounce):
    @interruptible
    def poll(self):
        quiet = self._ticks() - self._edge_at
        if self._edges == self._told or quiet < self.quiet_ticks:
            return False
        self._told = self._edges
        return True


class MasksNothing(IrqGuard):
    def __init__(self):
        self._enter = lambda: True
        self._leave = lambda state: None


def world_of(ring, *before):
    return lambda: World(ring=aged(ring())).after(*before)


def records(*before):
    def build():
        world = World(tick=lambda: world.number)
        world.ring = aged(IgnoresLapping(2, 2, OVERWRITE, world.tick))
        return world.after(*before)

    return build


def pipeline_that_gives_up_unheld():
    world = of_pipeline(OVERWRITE, BYTES, pulse, pulse)()
    world.pipeline.__class__ = GivesUpUnheld
    return world


def bucket_without_masks():
    world = of_bucket()()
    MasksNothing().protect(
        world.bucket, [("try_acquire", "amount"), ("reserve", "amount, max_wait")]
    )
    return world


def made(kind, build):
    """The same with an object of this kind, that is broken."""

    def broken():
        world = build()
        (world.throttle if kind is ForgetsTheNewGap else world.debounce).__class__ = kind
        return world

    return broken


DEFECTS = {
    "a gap is forgotten that has just begun": (
        "throttle: main forgets a gap that is over, an interrupt's events come",
        made(ForgetsTheNewGap, of_throttle(advance(4), event, advance(GAP))),
        1,
    ),
    "an edge that comes meanwhile is told with those before": (
        "debounce: main asks, an interrupt's edges come",
        made(ForgetsNoEdge, of_debounce(advance(4), edge, advance(GAP))),
        1,
    ),
    "the index is published before the item": (
        "queue, empty: main puts, an interrupt gets",
        world_of(lambda: PublishesFirst(2, "H")),
        1,
    ),
    "an overwriting put moves the consumer's index": (
        "overwriting queue: main gets, an interrupt puts",
        world_of(lambda: MovesTheHead(2, "H", OVERWRITE), put, put),
        1,
    ),
    "a release ignores that the record was overwritten": (
        "overwriting records: main takes, an interrupt fills in place",
        records(publish, publish),
        1,
    ),
    "both sides write the watermark flag": (
        "watermarks: main gets down to the low one, an interrupt puts",
        world_of(lambda: OneFlag(4, "H"), watch, put, put, put, get),
        1,
    ),
    "the watermark flag is put right once only": (
        "watermarks: main gets down to the low one, an interrupt puts",
        world_of(lambda: UndoesOnce(4, "H"), watch, put, put, put, get),
        2,
    ),
    "the depth is taken from a tail read before the head": (
        "overwriting queue: main, the consumer, asks for its depth, an interrupt puts",
        world_of(lambda: ReadsTheTailFirst(2, "H", OVERWRITE), put, put),
        1,
    ),
    "a pipeline gives up a record that may be overwritten": (
        "overwriting pipeline of records that cost too much: main steps, an interrupt pulses",
        pipeline_that_gives_up_unheld,
        1,
    ),
    "two producers count refusals without a guard": (
        "guarded queue, full: everybody is refused",
        world_of(lambda: RingQueue(1, "H"), put),
        1,
    ),
    "two producers put without a guard": (
        "guarded queue: everybody puts and gets",
        world_of(lambda: RingQueue(2, "H"), put),
        1,
    ),
    "two producers put under a guard that does not mask": (
        "guarded queue: everybody puts and gets",
        world_of(lambda: RingQueue(2, "H", REJECT, MasksNothing()), put),
        1,
    ),
    "a bucket's guard does not mask": (
        "guarded bucket: everybody takes",
        bucket_without_masks,
        1,
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect):
    name, build, interrupts = DEFECTS[defect]
    sound = next(scenario for scenario in SCENARIOS if scenario.name == name)
    broken = replace(sound, build=build)
    found = {1: [], 2: []}
    for order in broken.orders(interrupts):
        together = tuple(broken.interrupts[at] for at in order)
        found[len(order)].append(explore(broken, together).violation)
    assert any(found[interrupts])
    assert interrupts == 1 or not any(found[1]), "one interrupt would have found it"


def test_steps_are_named_after_their_parts():
    assert steps(put, get).__name__ == "put, get"
