# SPDX-License-Identifier: MIT
"""The statistics line on the console, once an interval."""

from micropython import const

from sluice.link.logline import LogLine

_LONGEST = const(1024)  # bytes


class StatsLine:
    """Says how the last interval went, as `event=stats key=value ...`.

    controls: a Controls, with the ring, the bucket and the statistics that it has.
    pipeline, link, frames: a Pipeline, a Session and the Frames of it.
    line:       the console's.
    per_second: ticks in a second, a multiple of 1,000.
    cost:       what a token stands for, "record" or "bytes".
    tell_store: a function of (log) that appends what is on flash, or None.

    config_errors: how much of the board's configuration was refused at the start; set by the
                program's start, and told.

    Ownership: the main loop alone.
    """

    def __init__(self, controls, pipeline, link, frames, line, per_second, cost, tell_store):
        self.config_errors = 0
        self._controls = controls
        self._stats = controls.stats
        self._ring = controls.ring
        self._bucket = controls.bucket
        self._pipeline = pipeline
        self._link = link
        self._frames = frames
        self._log = LogLine(_LONGEST)
        self._begun = False
        self._line = line
        self._per_ms = per_second // 1000
        self._cost = cost.encode()
        self._tell_store = tell_store

    def write(self) -> bool:
        """Do the next half of the line; whether it is whole, and written. Hot.

        To be called when the interval is closed, until it is. A half takes an RP2040
        2 to 3 ms, so each can have a turn of the loop.
        """
        self._begun = not self._begun
        if self._begun:
            self._log.word(b"event", b"stats")
            self._flow()
            self._limits()
            return False
        self._losses()
        self._refusals()
        if self._tell_store is not None:
            self._tell_store(self._log)
        self._sojourn()
        self._log.write(self._line)
        return True

    def _flow(self):
        log, stats = self._log, self._stats
        log.number(b"up_s", stats.up_s)
        log.number(b"qps", stats.qps)
        log.hundredths(b"mean_qps", stats.mean_qps_hundredths())
        log.number(b"admitted", stats.admitted)
        log.number(b"denied", stats.denied)
        log.hundredths(b"load", self._controls.load // 10)
        log.number(b"longest_turn_us", self._controls.longest_us)

    def _limits(self):
        log, ring, bucket = self._log, self._ring, self._bucket
        log.number(b"depth", len(ring))
        log.number(b"limit", ring.limit)
        log.number(b"high_water", ring.high_water)
        log.number(b"capacity", ring.capacity)
        log.number(b"watermark_ms", self._controls.watermark_ms)
        log.number(b"part", self._controls.part)
        log.number(b"backlog_bytes", ring.backlog())
        log.number(b"lag_ms", self._pipeline.lag() // self._per_ms)
        log.number(b"sink_ms", self._stats.sink_ticks // self._per_ms)
        log.number(b"tokens", bucket.tokens())
        if bucket.rate is None:
            log.word(b"rate", b"none")
        else:
            log.number(b"rate", bucket.rate)
        log.number(b"per_ms", bucket.per // self._per_ms)
        log.number(b"burst", bucket.burst)
        log.word(b"cost", self._cost)

    def _losses(self):
        log, stats, ring = self._log, self._stats, self._ring
        log.number(b"rejected", ring.rejected)
        log.number(b"overwritten", ring.overwritten)
        log.number(b"failed", stats.failed)
        log.number(b"shed", stats.shed)
        log.number(b"retried", stats.retried)
        log.number(b"bad_frames", self._frames.bad)
        log.number(b"config_errors", self.config_errors)

    def _refusals(self):
        log, link = self._log, self._link
        log.number(b"strays", link.strays)
        log.number(b"duplicates", link.duplicates)
        log.number(b"repeated", link.repeated)
        log.number(b"refused", link.refused + link.unknown + link.malformed + link.versions)

    def _sojourn(self):
        log, stats, per_ms = self._log, self._stats, self._per_ms
        log.value(b"sojourns", stats.sojourns)  # not last, where a line that is cut is whole
        log.number(b"p50_ms", -1 if stats.p50 < 0 else stats.p50 // per_ms)
        log.number(b"p95_ms", -1 if stats.p95 < 0 else stats.p95 // per_ms)
        log.number(b"p99_ms", -1 if stats.p99 < 0 else stats.p99 // per_ms)
