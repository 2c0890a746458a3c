# SPDX-License-Identifier: MIT
"""The board's program: a pipeline with all that a configuration asks for, and its loop."""

import gc
import time

import micropython
from micropython import const

import sluice.kernels as kernels
from sluice import __version__
from sluice.flow.pipeline import Pipeline
from sluice.flow.sinks import LinkSink, NullSink
from sluice.flow.stats import Stats
from sluice.link.frames import Frames
from sluice.link.logline import LogLine
from sluice.link.session import Session
from sluice.program.config import (
    DEFAULTS,
    ConfigError,
    adjustable,
    adopt_bucket,
    adopt_limit,
    keep_good,
    keep_share,
    load,
    load_good,
    load_share,
    make_bucket,
    printable,
    shown,
)
from sluice.program.controls import Controls
from sluice.program.member import Member
from sluice.program.settings import Settings
from sluice.program.share import Share
from sluice.program.statsline import StatsLine
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT

_BATCH = 16  # records that a turn of the loop sends at most, if they have their tokens

_TICKS_MASK = const((1 << 30) - 1)

_LONGEST_LINE = const(256)  # bytes, but for the statistics

_WINDOW = 32  # deliveries that the host need not have confirmed; each takes a slot more


class Program:
    """A pipeline with its source, sink, link and statistics line, as configured.

    config: a configuration that `sluice.program.config.check` returned.
    board:  the module of boards/<name>/board.py, or whatever has its names.
    line:   the console's line, see Frames.

    Read only: ring, bucket, stats, link, pipeline, controls and stats_line, the parts that it is
    made of.

    Ownership: the main loop alone, except for the interrupts of the source.
    """

    def __init__(self, config, board, line):
        ticks, second = board.ticks, board.TICKS_PER_S
        self._config = config  # as it was at the start
        self._board = board
        self._network = network = None
        if config["listen"] is not None or config["sink"] in ("mqtt", "http"):
            from sluice.program.network import Network

            self._network = network = Network(config, board, self._tell)
            line = network.line(line)
        self._line = line
        self._ticks = ticks
        self._parts = self._source = None
        self._tend = None  # of a sink that has to be tended also while nothing is sent
        self._most_rate = config["rate"]  # of a budget
        budgeted = config["rate_from"] == "budget"
        adopt = self._adopt_share if budgeted else None
        self._share = Share(load_share(board.FLASH), adopt, self._keep_share, ticks)
        self._frames = Frames(line, ticks, second // 10)
        self.bucket = make_bucket(config, self._share.clock if budgeted else ticks, second)
        stores = config["store"] is not None  # and then that is what overwrites
        overflow = OVERWRITE if config["overflow"] == "overwrite" and not stores else REJECT
        self.ring = RecordRing(config["slots"], config["slot_size"], overflow, ticks)
        adopt_limit(self.ring, config)
        self.stats = Stats(ticks, second)
        self.link = self._open_link()
        if config["source"] != "link" or config["sink"] not in ("link", "null") or stores:
            from sluice.program.parts import Parts

            self._parts = Parts(config, board, self._tell, network)
        self.pipeline, self.controls = self._build()
        if self._parts is not None:
            self._source = self._parts.open_source(self.ring, self._frames.count_bad, self.pipeline)
            self._attend(self._parts.tend)
        if network is not None:
            self._attend(network.tending(self._tend))
        self._member = Member(
            self._frames, self._share, self.ring, self.controls.set_watermark, ticks, second
        )
        self._log = LogLine(_LONGEST_LINE)
        self._settings = Settings(
            config,
            second,
            self._adjustable(),
            self.stats,
            self._frames,
            line,
            self._log,
            board.FLASH,
        )
        self.stats_line = StatsLine(
            self.controls,
            self.pipeline,
            self.link,
            self._frames,
            line,
            second,
            config["cost"],
            None if self._parts is None else self._parts.tell_store,
        )
        # What each turn calls is found at once: a method is looked for on the object first.
        self._count = self.controls.meter.turn
        self._step = self.pipeline.step
        self._poll = self.link.poll
        self._acknowledge = self.link.acknowledge
        self._busy = False  # the last turn was
        self._has_moved = False  # a record, since the last look
        self._ack_every = max(1, config["slots"] // 4)
        self._ack_within = second // 50
        self._report_every = config["stats_ms"] * second // 1000
        self._reported = self._attended = ticks()
        self._attend_every = second // 100
        self._tells = False  # an interval is closed, and its line is due
        self._per_ms = second // 1000
        self._led = board.open_led()
        self._lit = False
        self._sleep_most = self._longest_sleep()
        # Where nothing comes or goes on the line but requests, they can wait a little. Before a
        # sleep, which is long, none may be left.
        linked = "link" in (config["source"], config["sink"])
        self._listens = self._always_listens = linked or self._sleep_most > 0
        if budgeted:
            self._adopt_share(self._share.guaranteed)
        self._watchdog = None
        if config["watchdog_ms"] is not None:  # last: nothing stops it, whatever else fails
            from sluice.program.watchdog import open_watchdog

            self._watchdog = open_watchdog(config["watchdog_ms"], board)

    def run(self) -> None:
        """Run until Ctrl-C, which raises KeyboardInterrupt.

        The loop allocates only for a host's request to change the settings,
        for the end of a change's trial, for a connection that begins or ends, and
        for what goes over TCP.
        """
        self.start()
        turn, rest = self.turn, self.rest
        try:
            while True:
                if not turn():
                    rest()
        finally:
            if self._network is not None:
                self._network.close()

    def start(self) -> None:
        """Say on the console what starts; then let the source's events begin."""
        config = self._config
        say(
            self._line,
            "event=start version=%s board=%s source=%s sink=%s kernels=%d/%d"
            % (
                (__version__, self._board.NAME, config["source"], config["sink"]) + kernels.counts()
            ),
        )
        if self._parts is not None:
            self._parts.begin()

    def turn(self) -> bool:
        """One turn of the loop; False when there was nothing to do. Hot."""
        self._count(self._busy)
        now = self._ticks()
        due = now - self._attended & _TICKS_MASK >= self._attend_every
        # An interval's end and each half of its line take milliseconds: these turns do not listen.
        busy = due and self._tells
        if busy:  # before a step, so that the line's counts are those of the interval
            due = False  # until the line is told
            self._tells = not self.stats_line.write()
        ends = due and self._interval_is_over(now)
        if ends:
            busy = True
        listens = not busy and (due or self._listens)
        if listens:
            busy = self._poll()
            self._listens = busy or self._always_listens
        if self._source is not None and self._source.poll():
            busy = True
        if self._step() > 0:
            busy = self._has_moved = True
        if listens and self._acknowledge(self._ack_every if busy else 1, self._ack_within):
            busy = True
        if ends:
            self._end_interval()
        if due and self._look_after(now):
            busy = True
        self._busy = busy
        return busy

    def rest(self) -> None:
        """Let time pass, as long as nothing is due, or until the next interrupt. Hot.

        To be called after a turn with nothing to do.
        """
        ms = self._sleep_most
        if ms:
            wait = self.pipeline.wait_ticks()
            left = time.ticks_diff(self._ticks(), self._reported)
            left = (self._report_every - left) // self._per_ms
            if left < ms:
                ms = left
            if 0 <= wait // self._per_ms < ms:
                ms = wait // self._per_ms
        # A sleep stops the UART's clock, with whatever it still has to send.
        if ms > 1 and (self._parts is None or self._parts.has_sent()):
            self._board.lightsleep(ms)
        else:
            self._board.idle()

    def open_sink(self):
        """The sink that the configuration names; a program with another overrides this."""
        name = self._config["sink"]
        if name == "link":
            return LinkSink(self.link, self.bucket)
        return NullSink() if self._parts is None else self._parts.open_sink(self.stats)

    def _tell(self, text):
        say(self._line, text)

    def _attend(self, tend):
        """Call it every few ms: it may allocate, where a connection begins or ends."""
        self._tend = tend

    def _interval_is_over(self, now):
        self._attended = now
        return time.ticks_diff(now, self._reported) >= self._report_every

    def _look_after(self, now):
        """Do what is due every few ms; whether it took its time."""
        self._member.poll(now)
        if self._watchdog is not None and self._progresses():
            self._watchdog.feed()
        return self._tend is not None and self._tend()

    def _progresses(self):
        """Whether a record was moved since the last look, or none is due that could be. Hot.

        Since then, not in this turn: a timer's record may come behind the step of each turn that
        looks. A sink without room waits for whoever takes from it, which a reset would not bring
        back.
        """
        moved, self._has_moved = self._has_moved, False
        return moved or self.pipeline.wait_ticks() != 0

    def _build(self):
        """The pipeline from ring to sink, and what controls it."""
        config, ticks, second = self._config, self._ticks, self._board.TICKS_PER_S
        ring, bucket, stats = self.ring, self.bucket, self.stats
        queue, ends = ring, (self.link if config["source"] == "link" else None)
        if config["store"] is not None:
            ends = self._parts.open_tiers(ring, ends)  # type: ignore  # there is one
            queue = ends.front
        limit = shed = tuner = None
        if config["control"] is not None:
            from sluice.program.controllers import make_controller

            limit, shed, tuner = make_controller(config, ring, bucket, second)
        pipeline = Pipeline(
            queue,
            bucket,
            self.open_sink(),
            stats,
            config["cost"],
            config["tries"],
            self._given_up,
            ticks,
            second // 100,
            second,
            shed,
            batch=_BATCH,
            ends=ends,
        )
        controls = Controls(
            ring,
            bucket,
            stats,
            pipeline,
            ticks,
            second,
            limit,
            shed,
            tuner,
        )
        controls.set_half(config["watermark_half_ms"])
        return pipeline, controls

    def _open_link(self):
        config = self._config
        fed_by_link = config["source"] == "link"
        returns = fed_by_link and config["sink"] == "link"
        return Session(
            self._frames,
            self.ring if fed_by_link else None,
            self._ticks,
            self._board.TICKS_PER_S,
            min(config["slots"], _WINDOW) if returns else 0,
            self._receive_other,
        )

    def _receive_other(self, end):
        return self._settings.receive(end) or self._member.receive(end)

    def _longest_sleep(self):
        """ms; 0 when the board is to stay awake, or would lose what its source sends."""
        config = self._config
        most = config["light_sleep_ms"]
        if most is None or config["source"] not in self._board.SLEEPS_WITH:
            return 0
        if config["watchdog_ms"] is not None:
            most = min(most, config["watchdog_ms"] // 2)
        return most

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
        second, tuner = self._board.TICKS_PER_S, self.controls.tuner
        self._most_rate = config["rate"]
        if self._share.takes_part:
            config = config.copy()
            config["rate"] = min(self._most_rate, self._share.rate)
        adopt_bucket(self.bucket, config, second)
        if tuner is not None:
            from sluice.program.controllers import adopt_tuner

            adopt_tuner(tuner, config, second)
        self.controls.rate_changed()

    def _adopt_share(self, rate):
        self.bucket.set_rate(min(self._most_rate, rate))
        self.controls.rate_changed()

    def _keep_share(self, guaranteed):
        keep_share(guaranteed, self._board.FLASH)

    def _adopt_limit(self, config):
        adopt_limit(self.ring, config)

    def _adopt_control(self, config):
        second, controls = self._board.TICKS_PER_S, self.controls
        controls.set_half(config["watermark_half_ms"])
        if self._config["control"] is not None:
            from sluice.program.controllers import adopt_controller

            adopt_controller(controls, config, second)

    def _given_up(self, record, n):
        log = self._log
        log.word(b"event", b"given_up")
        log.number(b"bytes", n)
        log.write(self._line)

    def _end_interval(self):
        self._reported = time.ticks_add(self._reported, self._report_every)
        if time.ticks_diff(self._ticks(), self._reported) >= self._report_every:
            self._reported = self._ticks()  # the loop was held up: no lines in a row
        self.controls.close_interval(self._ticks())
        self._tells = True
        self._settings.judge_trial()
        self._blink()
        self._member.report(self._attended)  # then it comes with the line, and not by itself
        self._attended = time.ticks_add(self._attended, -self._attend_every)  # the next turn tells

    def _blink(self):
        """Change the LED when the sink took records in the interval, light it when it took none."""
        led, stats = self._led, self.stats
        if led is not None:
            self._lit = not self._lit or stats.tried == stats.missed
            led(self._lit)


def say(line, text):
    """Send one line of text; for set-up and the end only, since it allocates."""
    data = (text + "\r\n").encode()
    line.write(data, len(data))


def main(board):
    """Run what the board's files configure until Ctrl-C; then the REPL has the line again.

    What is wrong with the configuration is said on the console.
    """
    line = board.open_line()
    micropython.kbd_intr(-1)
    try:
        program = stand(board, line)
        if program is not None:
            program.run()
    except KeyboardInterrupt:
        say(line, "event=stop")
    finally:
        micropython.kbd_intr(3)


def stand(board, line, kind=Program):
    """The program of config.json, which is then kept as the last good one; where that is bad, or
    the memory not enough for it, of the last good one, or of the defaults; None: of none.

    What is wrong with the configuration is said on the line, and how much of it is in each
    statistics line from then on.  kind: the class, made as Program is.
    """
    errors = []

    def report(key, value, allowed):
        errors.append(key)
        values = printable(key), shown(value), allowed
        say(line, 'event=config_error key=%s value=%s allowed="%s"' % values)

    program = _first_to_stand(kind, board, line, report)
    if program is not None:
        program.stats_line.config_errors = len(errors)
    return program


def _first_to_stand(kind, board, line, report):
    second, root = board.TICKS_PER_S, board.FLASH
    config = load(second, report, root)
    program = _build(kind, config, board, line, report)
    if program is not None:
        keep_good(config, report, root)
        return program
    program = _build(kind, load_good(second, root), board, line, report)
    if program is not None:
        return program
    return _build(kind, DEFAULTS.copy(), board, line, report)


def _build(kind, config, board, line, report):
    """The program of a configuration; None if there is none, a part of it cannot be opened, or
    there is too little memory for it."""
    if config is None:
        return None
    try:
        program = kind(config, board, line)
    except ConfigError as error:  # of what the board has to have for it
        report(error.key, error.value, error.allowed)
        return None
    except MemoryError:
        program = None
    gc.collect()
    if program is None:
        allowed = "slots * slot_size within %d bytes" % gc.mem_free()
        report("slots", config["slots"], allowed)
    elif config["light_sleep_ms"] is not None and config["source"] not in board.SLEEPS_WITH:
        sources = " or ".join(board.SLEEPS_WITH)
        allowed = "null on %s, or source %s" % (board.NAME, sources) if sources else "null"
        report("light_sleep_ms", config["light_sleep_ms"], allowed)
    return program
