"""The fixture `interrupts`: what it finds in a user's program, and what it lets pass."""

import time

import pytest
from machine import Timer, disable_irq, enable_irq

from host_sim import TickClock
from sluice import IrqGuard, RingQueue


class Counter:
    """Counts in an interrupt and reports in the loop."""

    def __init__(self):
        self.count = self.told = self.reported = 0

    def on_event(self):
        self.count += 1

    def report(self):
        count = self.count
        self.reported += count - self.told
        self.told = count

    def all_of_it(self):
        self.report()
        assert self.reported == 1


class Forgetful(Counter):
    """Both sides write the count."""

    def report(self):
        self.reported += self.count
        self.count = 0


class Masked(Forgetful):
    def report(self):
        state = disable_irq()
        Forgetful.report(self)
        enable_irq(state)


class MaskedTooShort(Forgetful):
    def mask(self):
        self.state = disable_irq()

    def report(self):
        self.mask()
        self.reported += self.count
        self.clear()

    def clear(self):
        """Was called while they were off."""
        enable_irq(self.state)
        self.count = 0


@pytest.mark.parametrize("program", [Counter, Masked])
def test_a_program_that_keeps_to_the_rules_passes(interrupts, program):
    interrupts(program, program.report, program.on_event, program.all_of_it)


@pytest.mark.parametrize("program", [Forgetful, MaskedTooShort])
def test_a_lost_update_is_found(interrupts, program):
    with pytest.raises(AssertionError, match="0 == 1") as found:
        interrupts(program, program.report, program.on_event, program.all_of_it)
    (place,) = found.value.__notes__
    assert place.startswith("the interrupt came at test_interrupts.py:")
    assert f" in {program.__name__}." in place


def test_it_comes_at_each_opcode_and_once_behind_the_end(interrupts):
    order = []

    def run(world):
        world.append("a")
        world.append("b")

    interrupts(
        list, run, lambda world: world.append("!"), lambda world: order.append("".join(world))
    )
    assert {"!ab", "a!b", "ab!"} == set(order) and order[-1] == "ab!"
    assert order == sorted(order)  # "!" comes before letters: it moves to the end


def two_producers(guard):
    def check(queue):
        assert {queue.try_get(0), queue.try_get(0)} == {1, 2}

    return (
        lambda: RingQueue(4, "H", guard=guard and guard()),
        lambda queue: queue.try_put(1),
        lambda queue: queue.try_put(2),
        check,
    )


def test_it_comes_within_the_library_where_a_rule_is_broken(interrupts):
    interrupts(*two_producers(IrqGuard))
    with pytest.raises(AssertionError) as found:
        interrupts(*two_producers(None))
    assert "ring.py:" in found.value.__notes__[0]


def test_interrupts_left_off_are_told(interrupts):
    with pytest.raises(AssertionError, match="^interrupts were left off"):
        interrupts(list, lambda world: disable_irq(), lambda world: None, lambda world: None)
    assert [disable_irq(), disable_irq()] == [1, 1]  # they are on again


def test_what_cannot_be_interrupted_is_told_and_not_passed(interrupts):
    with pytest.raises(ValueError, match="run has no opcode"):
        interrupts(list, list.clear, lambda world: None, lambda world: None)


def test_an_error_of_the_program_without_any_interrupt_is_its_own(interrupts):
    with pytest.raises(IndexError) as raised:
        interrupts(list, list.pop, lambda world: None, lambda world: None)
    assert raised.value.__notes__ == ["no interrupt had come yet"]


def test_each_run_begins_at_the_same_tick_with_no_timer(interrupts, tick_clock):
    tick_clock.set(5)

    def build():
        counter = Counter()
        counter.began = time.ticks_ms()
        Timer(period=1, callback=lambda timer: counter.on_event())
        return counter

    def run(counter):
        time.sleep_ms(2)
        tick_clock.advance(3)

    def check(counter):
        assert (counter.began, time.ticks_ms(), counter.count) == (5, 10, 6)

    interrupts(build, run, Counter.on_event, check)
    assert tick_clock.ticks() == 5
    tick_clock.advance(10)


def test_without_a_clock_time_stands_still(interrupts):
    seen = set()
    interrupts(
        list,
        lambda world: world.append(time.ticks_us()),
        lambda world: time.sleep_ms(1),
        seen.update,
    )
    assert seen == {0, 1000}
    with TickClock(7):
        interrupts(list, lambda _: seen.add(time.ticks_ms()), lambda _: None, lambda _: None)
    assert 7 in seen
