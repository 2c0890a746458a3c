"""The board's program: reads config.json, builds the pipeline and runs it.

`board` is the module of boards/<name>/board.py that was flashed with this one.
"""

import gc
import json
import time

import board
import micropython

from sluice import OVERWRITE, REJECT, Pipeline, RecordRing, Stats, __version__
from sluice.config import (
    adopt_bucket,
    adopt_codel,
    adopt_limit,
    adopt_pid,
    adopt_tuner,
    load,
    make_bucket,
    make_limit,
    make_shed,
    make_tuner,
)
from sluice.frames import Frames
from sluice.link import Link
from sluice.load import LoadMeter
from sluice.logline import LogLine
from sluice.pulses import Pulses
from sluice.settings import Settings
from sluice.sinks import LinkSink, NullSink, UartSink

# The keys of what adapts by itself; those of a controller that is off wait until it is on.
_CONTROL = (
    "target_ms",
    "kp",
    "ki",
    "kd",
    "limit_floor",
    "calm",
    "rush",
    "interval_ms",
    "rate_low",
    "rate_step",
    "rate_keep",
)
_WINDOW = 32  # deliveries that the host need not have confirmed; each takes a slot more


class Program:
    """A pipeline with its source, sink, link and statistics line, as configured.

    config: a configuration that `sluice.config.check` returned.  line: see Frames.
    """

    def __init__(self, config, line):
        ticks, per_second = board.ticks, board.TICKS_PER_S
        overflow = OVERWRITE if config["overflow"] == "overwrite" else REJECT
        self._config = config  # as it was at the start
        self._line = line
        self._ticks = ticks
        self._bucket = make_bucket(config, ticks, per_second)
        self._ring = RecordRing(config["slots"], config["slot_size"], overflow, ticks)
        adopt_limit(self._ring, config)
        self._stats = Stats(ticks, per_second)
        self._frames = Frames(line, ticks, per_second // 10)
        self._log = LogLine(704)
        self._settings = Settings(
            config,
            per_second,
            self._adjustable(),
            self._stats,
            self._frames,
            line,
            self._log,
        )
        self._link = self._open_link()
        self._shed = make_shed(config, per_second)
        self._pipeline = Pipeline(
            self._ring,
            self._bucket,
            self._open_sink(),
            self._stats,
            config["cost"],
            config["tries"],
            self._given_up,
            ticks,
            per_second // 100,
            per_second,
            self._shed,
        )
        self._limit = make_limit(config, self._ring, per_second)
        self._tuner = make_tuner(config, self._bucket, per_second)
        self._meter = LoadMeter(ticks)
        self._load = 0  # of the last interval, in 1/1,000
        self._busy = False  # the last turn was
        self._ack_every = max(1, config["slots"] // 4)
        self._ack_within = per_second // 50
        self._cost = config["cost"].encode()
        self._report_every = config["stats_ms"] * per_second // 1000
        self._reported = ticks()
        self._per_ms = per_second // 1000

    def run(self) -> None:
        """Run until Ctrl-C, which raises KeyboardInterrupt.

        The loop allocates nothing but for a host's request to change the settings,
        and for the end of a change's trial.
        """
        self._open_source()
        while True:
            if not self.turn():
                board.idle()

    def turn(self) -> bool:
        """One turn of the loop; False when there was nothing to do. Hot."""
        self._meter.turn(self._busy)
        heard = self._link.poll()
        moved = self._pipeline.step() if self._link.ready() else 0
        if moved:
            self._link.processed(moved)
        busy = heard or moved > 0
        self._link.acknowledge(self._ack_every if busy else 1, self._ack_within)
        if time.ticks_diff(self._ticks(), self._reported) >= self._report_every:
            self._end_interval()
        self._busy = busy
        return busy

    def _adjustable(self):
        """The keys that a host can change, each group with what brings it in force."""
        return (
            (("rate", "per_ms", "burst"), self._adopt_bucket),
            (("limit",), self._adopt_limit),
            (_CONTROL, self._adopt_control),
        )

    def _adopt_bucket(self, config):
        adopt_bucket(self._bucket, config, board.TICKS_PER_S)
        if self._tuner is not None:
            adopt_tuner(self._tuner, config, board.TICKS_PER_S)
        self._pipeline.retry_now()

    def _adopt_limit(self, config):
        adopt_limit(self._ring, config)

    def _adopt_control(self, config):
        if self._limit is not None:
            adopt_pid(self._limit, config, board.TICKS_PER_S)
        if self._shed is not None:
            adopt_codel(self._shed, config, board.TICKS_PER_S)
        if self._tuner is not None:
            adopt_tuner(self._tuner, config, board.TICKS_PER_S)

    def _open_link(self):
        config = self._config
        fed_by_link = config["source"] == "link"
        returns = fed_by_link and config["sink"] == "link"
        return Link(
            self._frames,
            self._ring if fed_by_link else None,
            self._ticks,
            board.TICKS_PER_S,
            min(config["slots"], _WINDOW) if returns else 0,
            self._settings.take,
        )

    def _open_sink(self):
        name = self._config["sink"]
        if name == "link":
            return LinkSink(self._link, self._bucket)
        return UartSink(board.open_uart()) if name == "uart" else NullSink()

    def _open_source(self):
        name = self._config["source"]
        if name != "link":
            pulses = Pulses(self._ring, self._ticks)
            if name == "timer":
                board.start_timer(self._config["timer_ms"], pulses.pulse)
            else:
                board.pulse_irq(pulses.pulse)

    def _given_up(self, record, n):
        log = self._log
        log.word(b"event", b"given_up")
        log.number(b"bytes", n)
        log.write(self._line)

    def _end_interval(self):
        self._reported = time.ticks_add(self._reported, self._report_every)
        if time.ticks_diff(self._ticks(), self._reported) >= self._report_every:
            self._reported = self._ticks()  # the loop was held up: no lines in a row
        self._stats.close_interval(self._ticks())
        self._load = self._meter.close_interval()
        self._control()
        self._report()

    def _control(self):
        stats = self._stats
        if self._limit is not None:
            self._limit.update(stats.p95, self._load)
        if self._tuner is not None:
            before = self._bucket.rate
            after = self._tuner.update(stats.tried, stats.missed, stats.waited, stats.sink_ticks)
            if after > before:
                self._pipeline.retry_now()

    def _report(self):
        self._log.word(b"event", b"stats")
        self._report_flow()
        self._report_limits()
        self._report_losses()
        self._report_sojourn()
        self._log.write(self._line)
        self._settings.judge_trial()

    def _report_flow(self):
        log, stats = self._log, self._stats
        log.number(b"up_s", stats.up_s)
        log.number(b"qps", stats.qps)
        log.hundredths(b"mean_qps", stats.mean_qps_hundredths())
        log.number(b"admitted", stats.admitted)
        log.number(b"denied", stats.denied)
        log.hundredths(b"load", self._load // 10)

    def _report_limits(self):
        log, ring, bucket = self._log, self._ring, self._bucket
        log.number(b"depth", len(ring))
        log.number(b"limit", ring.limit)
        log.number(b"high_water", ring.high_water)
        log.number(b"capacity", ring.capacity)
        log.number(b"tokens", bucket.tokens())
        if bucket.rate is None:
            log.word(b"rate", b"none")
        else:
            log.number(b"rate", bucket.rate)
        log.number(b"per_ms", bucket.per // self._per_ms)
        log.number(b"burst", bucket.burst)
        log.word(b"cost", self._cost)

    def _report_losses(self):
        log, stats, ring = self._log, self._stats, self._ring
        log.number(b"rejected", ring.rejected)
        log.number(b"overwritten", ring.overwritten)
        log.number(b"failed", stats.failed)
        log.number(b"shed", stats.shed)
        log.number(b"retried", stats.retried)
        log.number(b"bad_frames", self._frames.bad)
        self._report_link()

    def _report_link(self):
        log, link = self._log, self._link
        log.number(b"strays", link.strays)
        log.number(b"duplicates", link.duplicates)
        log.number(b"repeated", link.repeated)
        log.number(b"refused", link.refused + link.unknown + link.malformed + link.versions)

    def _report_sojourn(self):
        log, stats, per_ms = self._log, self._stats, self._per_ms
        log.number(b"p50_ms", -1 if stats.p50 < 0 else stats.p50 // per_ms)
        log.number(b"p95_ms", -1 if stats.p95 < 0 else stats.p95 // per_ms)
        log.number(b"p99_ms", -1 if stats.p99 < 0 else stats.p99 // per_ms)


def say(line, text):
    """Send one line of text; for set-up and the end only, since it allocates."""
    data = (text + "\r\n").encode()
    line.write(data, len(data))


def main():
    """Run until Ctrl-C; then the REPL has the line again."""
    line = board.open_line()

    def report(key, value, allowed):
        say(
            line,
            'event=config_error key=%s value=%s allowed="%s"' % (key, json.dumps(value), allowed),
        )

    settings = load(board.TICKS_PER_S, report)
    micropython.kbd_intr(-1)
    try:
        program = Program(settings, line)
        gc.collect()
        say(
            line,
            "event=start version=%s board=%s source=%s sink=%s"
            % (__version__, board.NAME, settings["source"], settings["sink"]),
        )
        program.run()
    except KeyboardInterrupt:
        say(line, "event=stop")
    except MemoryError:
        say(
            line,
            'event=config_error key=slots value=%d allowed="slots * slot_size within %d bytes"'
            % (settings["slots"], gc.mem_free()),
        )
    finally:
        micropython.kbd_intr(3)


if __name__ in ("__main__", "main"):
    main()
