"""The discrete-event simulation: the firmware's pipeline, event by event."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import TickClock
from host_sim.clock import Alarm
from host_sim.simulation import (
    FIRST_TICK,
    ModelSink,
    Phase,
    SimClock,
    simulated_board,
)
from host_sim.workload import bursty, poisson, steady
from sluice.flow.pipeline import Pipeline
from sluice.flow.stats import Stats
from sluice.limit.bucket import TokenBucket
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT


def simulate(arrivals_ms, seconds, *phases, waits=False, on_interval=None, **values):
    """A simulation that is over; values: of the configuration."""
    values = {"rate": None, "burst": 1, "slots": 16} | values
    arrivals = [at * 1000 for at in arrivals_ms]
    simulation = simulated_board(values, arrivals, *phases, waits=waits, on_interval=on_interval)
    simulation.run(seconds)
    return simulation


def taken_ms(simulation):
    journey = simulation.journey
    return [(number, at / 1000) for number, at in zip(journey.taken, journey.taken_us, strict=True)]


def test_tokens_say_when_records_leave():
    simulation = simulate([0] * 5, 1, rate=10, burst=2)
    assert taken_ms(simulation) == [(0, 0), (1, 0), (2, 100), (3, 200), (4, 300)]
    assert simulation.stats.admitted == 5
    assert simulation.clock.passed_us() == 1_000_000


def test_a_slow_sink_holds_the_loop_up_while_records_arrive():
    simulation = simulate([0, 1, 2, 30], 1, Phase(0, 5))
    assert taken_ms(simulation) == [(0, 5), (1, 10), (2, 15), (3, 35)]
    assert simulation.ring.high_water == 3  # that in the sink counts until it was taken
    assert simulation.journey.latencies_ms() == [5, 9, 13, 5]


def test_a_full_ring_refuses():
    simulation = simulate([0] * 5, 1, rate=10, burst=1, slots=2)
    assert taken_ms(simulation) == [(0, 0), (1, 100)]
    assert (simulation.ring.rejected, simulation.offered) == (3, 5)


def test_a_full_ring_overwrites():
    # The first is copied out with its token at 0; the pipeline holds no other meanwhile.
    simulation = simulate([0, 1, 2, 3], 1, rate=10, burst=1, slots=2, overflow="overwrite")
    assert taken_ms(simulation) == [(0, 0), (2, 100), (3, 200)]
    assert simulation.ring.overwritten == 1


def test_with_credit_records_wait_outside_and_none_is_refused():
    simulation = simulate([0] * 5, 1, rate=10, burst=1, slots=2, waits=True)
    assert taken_ms(simulation) == [(0, 0), (1, 100), (2, 200), (3, 300), (4, 400)]
    assert simulation.ring.rejected == 0
    # Put when there was room: the third at 0, when the first had left.
    assert simulation.journey.latencies_ms() == [0, 100, 200, 200, 200]
    assert simulate([0] * 9, 0.35, rate=10, slots=2, waits=True).outside == 3


def test_a_failing_sink_is_tried_again_after_the_backoff():
    simulation = simulate([0], 1, Phase(0, 0, failing=1), Phase(0.065, 0))
    # Failures at 0, 10, 30 ms (backoff 10, 20, 40), taken at 70.
    assert taken_ms(simulation) == [(0, 70)]
    assert simulation.stats.retried == 3


def test_a_record_is_given_up_after_its_tries():
    simulation = simulate([0, 1], 1, Phase(0, 0, failing=1), Phase(0.02, 0), tries=2)
    # The first fails at 0 and 10 ms, the second at 10, and is taken at 20.
    assert taken_ms(simulation) == [(1, 20)]
    assert simulation.stats.failed == 1


def test_every_third_attempt_fails():
    simulation = simulate([0, 100, 200, 300], 1, Phase(0, 0, failing=3))
    assert taken_ms(simulation) == [(0, 0), (1, 100), (2, 210), (3, 300)]


def test_a_quota_is_for_a_second_of_the_clock():
    simulation = simulate([0, 100, 200, 1500], 2, Phase(0, 0, quota=2), tries=2)
    # The third fails at 200 and 210 ms, and is given up.
    assert taken_ms(simulation) == [(0, 0), (1, 100), (3, 1500)]
    assert (simulation.stats.failed, simulation.stats.retried) == (1, 1)


def test_intervals_close_when_they_are_over_and_ticks_wrap():
    seen = []

    def look(simulation):
        seen.append((simulation.clock.passed_us(), simulation.stats.qps, simulation.stats.p50))

    simulation = simulate(range(0, 9000, 2), 9, rate=400, burst=1, slots=4, on_interval=look)
    assert [at for at, *_ in seen] == [n * 1_000_000 for n in range(1, 10)]
    assert all(qps == 333 or qps == 334 for _, qps, _ in seen)
    assert simulation.clock.ticks() == (FIRST_TICK + 9000) % (1 << 30) == 4000


def test_the_load_is_what_the_turns_with_work_took():
    assert simulate([0, 50], 1, Phase(0, 5)).controls.load == 10


@pytest.mark.parametrize("control", [None, "pid"])
def test_what_adapts_does_so_at_the_end_of_each_interval(control):
    """A queue that nobody needs gives an eighth of its room back, down to an eighth."""
    limits = []
    simulate(
        [],
        3,
        control=control,
        slots=64,
        stats_ms=500,
        limit_floor=40,
        on_interval=lambda simulation: limits.append(simulation.ring.limit),
    )
    assert limits == ([56, 49, 42, 40, 40, 40] if control else [64] * 6)


def test_bad_arguments():
    clock = SimClock()
    with pytest.raises(ValueError, match="first phase"):
        ModelSink(clock, Phase(1, 0))
    with pytest.raises(ValueError, match="size must be 32"):
        simulated_board({"slot_size": 16}, [])


def test_the_same_again():
    def run():
        arrivals = bursty(400, 20, seed=3)
        simulation = simulate([], 0)
        clock = simulation.clock
        clock.receive(arrivals, simulation._arrive)
        simulation.run(20)
        return bytes(simulation.journey.taken_us), simulation.ring.rejected

    assert run() == run()


def stepped(arrivals_ms, ticks, service_ms, failing, rate, burst, slots, overflow, tries):
    """What the simulation skips is done here: the loop turns at every tick."""
    clock = TickClock(start=FIRST_TICK)
    ring = RecordRing(slots, 16, overflow, clock.ticks)
    stats = Stats(clock.ticks)
    taken = []
    attempts = 0

    class Sink:
        def room(self):
            return 1 << 20

        def write(self, record, n):
            nonlocal attempts
            attempts += 1
            clock.advance(service_ms)
            if failing and attempts % failing == 0:
                return False
            taken.append((record[0] + 256 * record[1], clock.passed_us() / 1000))
            return True

    bucket = TokenBucket(rate, burst, 1000, clock.ticks)
    pipeline = Pipeline(ring, bucket, Sink(), stats, tries=tries, ticks=clock.ticks)
    for number, at in enumerate(arrivals_ms):
        record = number.to_bytes(2, "little")
        clock.alarms.add(at * 1000, Alarm(lambda record=record: ring.put(record, 2), None))
    clock.alarms.fire(0)
    while clock.passed_us() < ticks * 1000:
        if not pipeline.step():
            clock.advance(1)
    return taken, ring.rejected, ring.overwritten, stats.admitted, stats.failed, stats.denied


@given(
    arrivals=st.lists(st.integers(0, 300), max_size=40).map(sorted),
    service_ms=st.integers(0, 12),
    failing=st.integers(0, 4),
    rate=st.one_of(st.none(), st.integers(0, 1000)),
    burst=st.integers(1, 5),
    slots=st.integers(1, 6),
    overflow=st.sampled_from([REJECT, OVERWRITE]),
    tries=st.integers(1, 4),
)
@settings(max_examples=200)
def test_jumping_is_the_same_as_stepping_at_every_tick(
    arrivals, service_ms, failing, rate, burst, slots, overflow, tries
):
    ticks = 400
    simulation = simulate(
        arrivals,
        ticks / 1000,
        Phase(0, service_ms, failing),
        rate=rate,
        burst=burst,
        slots=slots,
        overflow="overwrite" if overflow == OVERWRITE else "reject",
        tries=tries,
    )
    ring, stats = simulation.ring, simulation.stats
    assert (
        taken_ms(simulation),
        ring.rejected,
        ring.overwritten,
        stats.admitted,
        stats.failed,
        stats.denied,
    ) == stepped(arrivals, ticks, service_ms, failing, rate, burst, slots, overflow, tries)


@pytest.mark.parametrize("make", [lambda: poisson(400, 500, 1), lambda: bursty(400, 4000, 1)])
def test_workloads_have_their_mean_and_never_fall(make):
    times = make()
    assert list(times) == sorted(times)
    assert make() == times
    seconds = times[-1] / 1_000_000
    assert 0.85 * 400 < len(times) / seconds < 1.15 * 400


def test_a_steady_workload():
    assert list(steady(4, 1)) == [0, 250_000, 500_000, 750_000]
