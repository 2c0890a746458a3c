# A board's program: events wait in a ring queue and leave at the rate that a token bucket allows.
# It runs in MicroPython, on the modules that go onto a board. Change it, and press Run.
from time import ticks_add, ticks_diff

from playground import run, setting, sleep_ms, ticks

from sluice import (
    OVERWRITE,
    REJECT,
    AdaptiveLimit,
    CoDel,
    Pipeline,
    RateTuner,
    RecordRing,
    Stats,
    TunableBucket,
)
from sluice.program.controls import Controls


class Sink:
    """What is behind the limiter: slow, and with a quota of records a second, if there is one."""

    def __init__(self):
        self._second = ticks()
        self._tried = 0  # in this second

    def room(self):
        return 1 << 20

    def write(self, record, n):
        sleep_ms(setting("service_ms"))
        quota = setting("quota")
        while ticks_diff(ticks(), self._second) >= 1000:
            self._second = ticks_add(self._second, 1000)
            self._tried = 0
        self._tried += 1
        return quota == 0 or self._tried <= quota


overflow = OVERWRITE if setting("overflow") == "OVERWRITE" else REJECT
ring = RecordRing(setting("capacity"), 8, overflow, ticks)
bucket = TunableBucket(setting("rate"), setting("burst"), 1000, ticks)
stats = Stats(ticks)

controller = setting("controller")
limit = AdaptiveLimit(ring, 200) if controller == "pid" else None
shed = CoDel(20, 200) if controller == "codel" else None
tuner = RateTuner(bucket, 1, setting("rate"), latency=20) if controller == "rate" else None
pipeline = Pipeline(ring, bucket, Sink(), stats, ticks=ticks, shed=shed)
controls = Controls(ring, bucket, stats, pipeline, ticks, limit=limit, shed=shed, tuner=tuner)
load = controls.meter


def arrive():
    """An event has come, as in an interrupt."""
    if ring.claim() is not None:
        ring.publish(1)


def turn():
    """A turn of the board's loop."""
    load.turn(False)  # it has slept until now
    load.turn(pipeline.step() > 0)


def interval():
    """Every 250 ms: the controller is told what was measured."""
    controls.close_interval(ticks())


def changed():
    """A slider has moved."""
    bucket.set_rate(setting("rate"))
    bucket.set_burst(setting("burst"))
    if tuner:
        tuner.set_range(1, setting("rate"))
    controls.rate_changed()


run(ring, bucket, stats, arrive, turn, pipeline.wait_ticks, interval, changed)
