"""The board's program: reads config.json, builds the pipeline and runs it.

`board` is the module of boards/<name>/board.py that was flashed with this one.
"""

import gc
import json
import time

import board
import micropython

from sluice import OVERWRITE, REJECT, Pipeline, RecordRing, Stats, __version__
from sluice.flow.load import LoadMeter
from sluice.flow.pulses import Pulses
from sluice.flow.sinks import LinkSink, NullSink, UartSink
from sluice.link.frames import Frames
from sluice.link.logline import LogLine
from sluice.link.session import Link
from sluice.program.config import (
    adjustable,
    adopt_bucket,
    adopt_codel,
    adopt_limit,
    adopt_pid,
    adopt_tuner,
    keep_share,
    load,
    load_share,
    make_bucket,
    make_limit,
    make_shed,
    make_tuner,
)
from sluice.program.member import Member
from sluice.program.settings import Settings
from sluice.program.share import Share
from sluice.program.watermark import depth, per_second

_BATCH = 16  # records that a turn of the loop sends at most, if they have their tokens

_WINDOW = 32  # deliveries that the host need not have confirmed; each takes a slot more


class Program:
    """A pipeline with its source, sink, link and statistics line, as configured.

    config: a configuration that `sluice.program.config.check` returned.  line: see Frames.
    """

    def __init__(self, config, line):
        ticks, second = board.ticks, board.TICKS_PER_S
        overflow = OVERWRITE if config["overflow"] == "overwrite" else REJECT
        self._config = config  # as it was at the start
        self._uart = None
        self._line = line
        self._ticks = ticks
        budgeted = config["rate_from"] == "budget"
        adopt = self._adopt_share if budgeted else None
        self._share = Share(load_share(), adopt, keep_share, ticks)
        self._frames = Frames(line, ticks, second // 10)
        self._bucket = make_bucket(config, self._share.clock if budgeted else ticks, second)
        self._most_rate = config["rate"]  # of a budget
        self._ring = RecordRing(config["slots"], config["slot_size"], overflow, ticks)
        self._member = Member(self._frames, self._share, self._ring, self._watch, ticks, second)
        self._record_cost = config["slot_size"] if config["cost"] == "bytes" else 1  # tokens
        adopt_limit(self._ring, config)
        self._own_limit = self._ring.limit  # but for the watermark
        self._stats = Stats(ticks, second)
        self._log = LogLine(1024)
        self._settings = Settings(
            config,
            second,
            self._adjustable(),
            self._stats,
            self._frames,
            line,
            self._log,
        )
        self._link = self._open_link()
        self._shed = make_shed(config, second)
        self._pipeline = Pipeline(
            self._ring,
            self._bucket,
            self._open_sink(),
            self._stats,
            config["cost"],
            config["tries"],
            self._given_up,
            ticks,
            second // 100,
            second,
            self._shed,
            batch=_BATCH,
        )
        self._limit = make_limit(config, self._ring, second)
        self._tuner = make_tuner(config, self._bucket, second)
        self._meter = LoadMeter(ticks)
        self._load = 0  # of the last interval, in 1/1,000
        self._busy = False  # the last turn was
        self._ack_every = max(1, config["slots"] // 4)
        self._ack_within = second // 50
        self._cost = config["cost"].encode()
        self._report_every = config["stats_ms"] * second // 1000
        self._reported = ticks()
        self._per_ms = second // 1000
        self._watchdog = None
        self._led = board.open_led()
        self._lit = False
        self._sleep_most = self._longest_sleep()
        if budgeted:
            self._adopt_share(self._share.guaranteed)

    def run(self) -> None:
        """Run until Ctrl-C, which raises KeyboardInterrupt.

        The loop allocates nothing but for a host's request to change the settings,
        and for the end of a change's trial.
        """
        self._open_source()
        if self._config["watchdog_ms"] is not None:
            self._watchdog = board.WDT(timeout=self._config["watchdog_ms"])
        while True:
            if not self.turn():
                self._rest()

    def turn(self) -> bool:
        """One turn of the loop; False when there was nothing to do. Hot."""
        self._meter.turn(self._busy)
        heard = self._link.poll()
        moved = self._pipeline.step() if self._link.ready() else 0
        if moved:
            self._link.processed(moved)
        busy = heard or moved > 0
        self._link.acknowledge(self._ack_every if busy else 1, self._ack_within)
        now = self._ticks()
        if time.ticks_diff(now, self._reported) >= self._report_every:
            self._end_interval()
        self._member.poll(now)  # after the line, or both would report
        if self._watchdog is not None and self._progresses(moved):
            self._watchdog.feed()
        self._busy = busy
        return busy

    def _progresses(self, moved):
        """Whether the turn moved a record, or none was due that it could have moved. Hot.

        A link that is not ready waits for its host, which a reset would not bring back.
        """
        return moved > 0 or self._pipeline.wait_ticks() != 0 or not self._link.ready()

    def _rest(self):
        """Let time pass, as long as nothing is due, or until the next interrupt. Hot."""
        ms = self._sleep_most
        if ms:
            wait = self._pipeline.wait_ticks()
            left = time.ticks_diff(self._ticks(), self._reported)
            left = (self._report_every - left) // self._per_ms
            if left < ms:
                ms = left
            if 0 <= wait // self._per_ms < ms:
                ms = wait // self._per_ms
        # A sleep stops the UART's clock, with whatever it still has to send.
        if ms > 1 and (self._uart is None or self._uart.txdone()):
            board.lightsleep(ms)
        else:
            board.idle()

    def _adjustable(self):
        """The keys that a host can change, each group with what brings it in force."""
        return adjustable(
            (
                ("bucket", self._adopt_bucket),
                ("limit", self._adopt_limit),
                ("control", self._adopt_control),
            )
        )

    def _adopt_bucket(self, config):
        self._most_rate = config["rate"]
        if self._share.takes_part:
            config = config.copy()
            config["rate"] = min(self._most_rate, self._share.rate)
        adopt_bucket(self._bucket, config, board.TICKS_PER_S)
        if self._tuner is not None:
            adopt_tuner(self._tuner, config, board.TICKS_PER_S)
        self._pipeline.retry_now()
        self._keep_below_watermark()

    def _adopt_share(self, rate):
        self._bucket.set_rate(min(self._most_rate, rate))
        self._pipeline.retry_now()
        self._keep_below_watermark()

    def _adopt_limit(self, config):
        adopt_limit(self._ring, config)
        self._own_limit = self._ring.limit
        self._keep_below_watermark()

    def _watch(self, _watermark_ms):
        self._keep_below_watermark()

    def _keep_below_watermark(self):
        """Lower the queue's limit to the depth that the fleet's watermark is at the present rate.

        What controls the limit otherwise is followed up to there.
        """
        ring, bucket, limit = self._ring, self._bucket, self._limit
        most = depth(
            per_second(bucket.rate, bucket.per // self._per_ms, self._record_cost),
            self._member.watermark_ms,
            ring.capacity,
        )
        own = self._own_limit if limit is None else ring.limit
        ring.adapt_limit(most if most < own else own)

    def _adopt_control(self, config):
        if self._limit is not None:
            adopt_pid(self._limit, config, board.TICKS_PER_S)
        if self._shed is not None:
            adopt_codel(self._shed, config, board.TICKS_PER_S)
        if self._tuner is not None:
            adopt_tuner(self._tuner, config, board.TICKS_PER_S)

    def _longest_sleep(self):
        """ms; 0 when the board is to stay awake, or would lose what its source sends."""
        config = self._config
        most = config["light_sleep_ms"]
        if most is None or config["source"] not in board.SLEEPS_WITH:
            return 0
        if config["watchdog_ms"] is not None:
            most = min(most, config["watchdog_ms"] // 2)
        return most

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
            self._take_other,
        )

    def _take_other(self, end):
        return self._settings.take(end) or self._member.take(end)

    def _open_sink(self):
        name = self._config["sink"]
        if name == "link":
            return LinkSink(self._link, self._bucket)
        if name == "uart":
            self._uart = board.open_uart()
            return UartSink(self._uart)
        return NullSink()

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
        self._blink()
        self._member.report(self._ticks())  # then it comes with the line, and not by itself

    def _control(self):
        stats = self._stats
        if self._limit is not None:
            self._limit.update(stats.p95, self._load)
        if self._tuner is not None:
            before = self._bucket.rate
            after = self._tuner.update(stats.tried, stats.missed, stats.waited, stats.sink_ticks)
            if after > before:
                self._pipeline.retry_now()
        self._keep_below_watermark()

    def _blink(self):
        """Change the LED when the sink took records in the interval, light it when it took none."""
        led, stats = self._led, self._stats
        if led is not None:
            self._lit = not self._lit or stats.tried == stats.missed
            led(self._lit)

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
        log.number(b"watermark_ms", self._member.watermark_ms)
        log.number(b"backlog_bytes", ring.backlog())
        log.number(b"lag_ms", self._pipeline.lag() // self._per_ms)
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
        log.value(b"sojourns", stats.sojourns)  # not last, where a line that is cut is whole
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
    if settings["light_sleep_ms"] is not None and settings["source"] not in board.SLEEPS_WITH:
        sources = " or ".join(board.SLEEPS_WITH)
        allowed = "null on %s, or source %s" % (board.NAME, sources) if sources else "null"
        report("light_sleep_ms", settings["light_sleep_ms"], allowed)
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
