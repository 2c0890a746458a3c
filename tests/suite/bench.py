"""A pipeline with everything around it, on a clock of its own."""

from clock import LAST, Clock

from sluice.flow.pipeline import Pipeline
from sluice.flow.stats import Stats
from sluice.limit.bucket import TokenBucket
from sluice.queue.records import RecordRing
from sluice.queue.ring import REJECT

START = LAST - 19


class Sink:
    """Takes records, unless its answers say otherwise.

    write_ticks: that each write takes, if the sink can advance the clock.
    """

    def __init__(self, ticks_since_start, advance=None):
        self._now = ticks_since_start
        self._advance = advance
        self.write_ticks = 0
        self.places = 1 << 20  # for records, of which the taken ones keep theirs
        self.answers = []
        self.tried_at = []
        self.taken = []  # (ticks since the start, record)

    def room(self):
        return self.places - len(self.taken)

    def write(self, record, n):
        self.tried_at.append(self._now())
        if self.write_ticks:
            self._advance(self.write_ticks)
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        if answer:
            self.taken.append((self._now(), bytes(record[:n])))
        return answer


class Bench:
    """given_up: what the degrade hook has got; now: ticks since the start."""

    def __init__(
        self, rate=None, burst=1, overflow=REJECT, slots=4, sink=None, ring=None, **options
    ):
        self.now = 0
        self.clock = Clock(START)
        ticks = self.clock.ticks
        self.ring = RecordRing(slots, 16, overflow, ticks) if ring is None else ring
        self.bucket = TokenBucket(rate, burst, 1000, ticks)
        self.stats = Stats(ticks)
        self.sink = sink or Sink(lambda: self.now, self.advance)
        self.given_up = []
        options.setdefault("degrade", self.give_up)
        self.pipeline = Pipeline(
            self.ring,
            self.bucket,
            self.sink,
            self.stats,
            ticks=ticks,
            **options,
        )

    def give_up(self, record, n):
        self.given_up.append(bytes(record[:n]))

    def put(self, *records):
        for record in records:
            self.ring.put(record, len(record))

    def run(self, ticks):
        """Step as often as there is something to do, at each tick; how many records left."""
        moved = 0
        for _ in range(ticks):
            while True:
                step = self.pipeline.step()
                if not step:
                    break
                moved += step
            self.advance(1)
        return moved

    def advance(self, ticks):
        self.clock.advance(ticks)
        self.now += ticks

    def records(self):
        return [record for _, record in self.sink.taken]
