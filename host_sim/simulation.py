"""The firmware's pipeline on virtual time, as discrete events.

Nothing here decides what becomes of a record: the firmware's own Pipeline and
Controls do, made of a configuration as the board's program makes them. The
simulation only lets time pass at once to the next thing that happens: an
arrival, the moment that the pipeline waits for, the end of what the sink does,
the end of an interval. In between the board's loop would find nothing to do.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from struct import pack_into, unpack_from
from typing import Any

from host_sim.clock import PERIOD, Clock
from sluice.flow.pipeline import Pipeline
from sluice.flow.stats import Stats
from sluice.program.config import adopt_limit, check, make_bucket
from sluice.program.controllers import make_controller
from sluice.program.controls import Controls
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT

FIRST_TICK = PERIOD - 5000
"""Where a simulation's ticks of a ms begin: they wrap after 5 s, in every run."""

RECORD_BYTES = 32
"""The length of a simulated record. It begins with its number, 32 bits."""

_NEVER = 1 << 62
_TICKS = PERIOD - 1


class SimClock(Clock):
    """Virtual time in microseconds, with ticks of a ms, on which records arrive.

    start: the tick it begins with, 0 to 2^30 - 1.
    """

    def __init__(self, start: int = FIRST_TICK) -> None:
        super().__init__()
        self.now_us = 0
        self._start = start
        self._tick = start
        self._arrivals: Iterator[int] = iter(())
        self._arrive: Callable[[], object] = lambda: None
        self.next_us = _NEVER
        """When the next record arrives."""

    def ticks(self) -> int:
        return self._tick

    ticks_ms = ticks

    def passed_us(self) -> int:
        return self.now_us

    def sleep_us(self, us: int) -> None:
        """Let time pass; records arrive on the way, as by an interrupt."""
        self.pass_to(self.now_us + us)

    def receive(self, arrivals: Iterable[int], arrive: Callable[[], object]) -> None:
        """Call `arrive` at each of these times: microseconds, not in the past, never falling."""
        self._arrivals = iter(arrivals)
        self._arrive = arrive
        self.next_us = next(self._arrivals, _NEVER)

    def pass_to(self, until_us: int) -> None:
        """Let time pass up to then; see sleep_us."""
        while (at := self.next_us) <= until_us:
            self.now_us = at
            self._tick = at // 1000 + self._start & _TICKS
            self._arrive()
            self.next_us = next(self._arrivals, _NEVER)
        self.now_us = until_us
        self._tick = until_us // 1000 + self._start & _TICKS


class Journey:
    """When each record was put and when the sink took it, in microseconds."""

    def __init__(self) -> None:
        self.put_us = array("q")
        """By number: when it was put, or refused."""
        self.taken = array("q")
        """The numbers of the records that the sink took, in its order."""
        self.taken_us = array("q")

    def latencies_ms(self) -> list[float]:
        """From put to taken, in the sink's order."""
        put = self.put_us
        return [
            (at - put[number]) / 1000 for number, at in zip(self.taken, self.taken_us, strict=True)
        ]


class Simulation:
    """One board: a pipeline with what it is made of and what controls it, a clock, and arrivals.

    pipeline, controls: the firmware's, all on `clock.ticks`.
    journey:  that of the pipeline's sink.
    arrivals: when records come: microseconds, never falling.
    waits:    whoever sends has credit: a record that finds no room waits outside,
              in order, and is put when there is room. Otherwise it is put at
              once, and the ring refuses or overwrites.
    on_interval: called every `interval_ms` by the board's loop, after the controls have
              closed the interval; what it is given is the simulation.
    """

    def __init__(
        self,
        clock: SimClock,
        pipeline: Pipeline,
        controls: Controls,
        journey: Journey,
        arrivals: Iterable[int],
        *,
        waits: bool = False,
        interval_ms: int = 1000,
        on_interval: Callable[["Simulation"], object] | None = None,
    ) -> None:
        ring = controls.ring
        if ring.size < RECORD_BYTES:
            raise ValueError(f"the ring's size must be {RECORD_BYTES} or more, not {ring.size}")
        self.clock = clock
        self.ring = ring
        self.bucket = controls.bucket
        self.stats = controls.stats
        self.pipeline = pipeline
        self.controls = controls
        self.journey = journey
        self.offered = 0
        """Records that have come so far."""
        self._outside: deque[None] | None = deque() if waits else None
        self._interval_us = interval_ms * 1000
        self._interval_at = clock.now_us + self._interval_us
        self._on_interval = on_interval
        clock.receive(arrivals, self._arrive)

    @property
    def outside(self) -> int:
        """Records that wait for credit."""
        return len(self._outside or ())

    def run(self, seconds: float) -> None:
        """Let so many seconds pass, from event to event."""
        clock, step, wait_ticks = self.clock, self.pipeline.step, self.pipeline.wait_ticks
        pass_to, on_turn = clock.pass_to, self.controls.meter.turn
        end = clock.now_us + round(seconds * 1_000_000)
        limit = min(end, self._interval_at)
        pass_to(clock.now_us)  # what arrives at this very moment
        while clock.now_us < end:
            moved = step()
            if moved and self._outside:
                self._let_in()
            on_turn(moved > 0)
            if clock.now_us >= limit:
                limit = self._close_interval(end)
            wait = wait_ticks()
            if wait:
                at = (clock.now_us // 1000 + wait) * 1000 if wait > 0 else clock.next_us
                pass_to(at if at < limit else limit)
                on_turn(False)
        self._close_interval(end)

    def _arrive(self) -> None:
        self.offered += 1
        if self._outside is None:
            self._put()
        else:
            self._outside.append(None)
            self._let_in()

    def _let_in(self) -> None:
        outside = self._outside
        while outside and self.ring.free():
            outside.popleft()
            self._put()

    def _put(self) -> None:
        put_us = self.journey.put_us
        number = len(put_us)
        put_us.append(self.clock.now_us)
        slot = self.ring.claim()
        if slot is not None:
            pack_into("<I", slot, 0, number)
            self.ring.publish(RECORD_BYTES)

    def _close_interval(self, end: int) -> int:
        """Close the interval if it is over; until when time may pass in one go."""
        if self.clock.now_us >= self._interval_at:
            self._interval_at += self._interval_us
            self.controls.close_interval(self.clock.ticks())
            if self._on_interval:
                self._on_interval(self)
        return min(end, self._interval_at)


class Phase:
    """How a sink is from `start_s` on.

    service_ms: how long an attempt on it takes, 0 or more; the loop is held up.
    failing:    of how many attempts one fails, evenly spread: 0 none, 1 each.
    quota:      what it takes in a second; then it fails until the next. None: no end.
    """

    def __init__(
        self, start_s: float, service_ms: float, failing: int = 0, quota: int | None = None
    ) -> None:
        self.start_us = round(start_s * 1_000_000)
        self.service_us = round(service_ms * 1000)
        self.failing = failing
        self.quota = quota


class ModelSink:
    """A sink whose speed and failures follow its phases, the first of which starts at 0."""

    def __init__(self, clock: SimClock, *phases: Phase) -> None:
        if not phases or phases[0].start_us != 0:
            raise ValueError("the first phase must start at 0 s")
        self.journey = Journey()
        self.attempts = 0
        self._clock = clock
        self._phases = deque(phases)
        self._phase = self._phases.popleft()
        self._next_us = 0
        self._second = -1
        self._in_second = 0  # attempts, counted under a quota
        self._enter()

    def room(self) -> int:
        """Always more than one step moves: a full one fails."""
        return 1 << 20

    def write(self, record: memoryview, n: int) -> bool:
        """Take the record after the service time, unless the attempt is one that fails."""
        clock = self._clock
        if clock.now_us >= self._next_us:
            self._enter()
        phase = self._phase
        if phase.service_us:
            clock.sleep_us(phase.service_us)
        self.attempts += 1
        if phase.failing and self.attempts % phase.failing == 0:
            return False
        if phase.quota is not None and not self._within(phase.quota):
            return False
        self.journey.taken.append(unpack_from("<I", record)[0])
        self.journey.taken_us.append(clock.now_us)
        return True

    def _within(self, quota: int) -> bool:
        second = self._clock.now_us // 1_000_000
        if second != self._second:
            self._second = second
            self._in_second = 0
        self._in_second += 1
        return self._in_second <= quota

    def _enter(self) -> None:
        while self._phases and self._phases[0].start_us <= self._clock.now_us:
            self._phase = self._phases.popleft()
        self._next_us = self._phases[0].start_us if self._phases else _NEVER


def simulated_board(
    values: Mapping[str, Any],
    arrivals: Iterable[int],
    *phases: Phase,
    waits: bool = False,
    on_interval: Callable[[Simulation], object] | None = None,
) -> Simulation:
    """The board's program with a configuration, records of RECORD_BYTES and that sink.

    values: of the configuration; its source and its sink are the arrivals and the phases.
    phases: of the sink; none: it takes everything at once.  waits, on_interval: see Simulation.
    """
    clock = SimClock()
    ticks, second = clock.ticks, 1000
    config: dict[str, Any] = check(dict(values), second)  # type: ignore[assignment]
    overflow = OVERWRITE if config["overflow"] == "overwrite" else REJECT
    ring = RecordRing(config["slots"], config["slot_size"], overflow, ticks)
    adopt_limit(ring, config)
    bucket = make_bucket(config, ticks, second)
    stats = Stats(ticks)
    sink = ModelSink(clock, *(phases or (Phase(0, 0),)))
    limit = shed = tuner = None
    if config["control"] is not None:
        limit, shed, tuner = make_controller(config, ring, bucket, second)
    pipeline = Pipeline(
        ring, bucket, sink, stats, config["cost"], config["tries"], ticks=ticks, shed=shed
    )
    controls = Controls(
        ring,
        bucket,
        stats,
        pipeline,
        ticks,
        limit=limit,
        shed=shed,
        tuner=tuner,
    )
    return Simulation(
        clock,
        pipeline,
        controls,
        sink.journey,
        arrivals,
        waits=waits,
        interval_ms=config["stats_ms"],
        on_interval=on_interval,
    )
