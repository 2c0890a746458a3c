"""A board with the program on it, on a clock that its simulation moves.

In the MicroPython subset: it runs in the simulation's process, or in one of MicroPython.
"""

from sluice.flow.pipeline import HELD
from sluice.flow.uart_sink import UartSink
from sluice.program.config import PATH, keep
from sluice.program.program import Program, stand
from sluice.queue.limits import limits_of

_PERIOD = 1 << 30
_SERVED_MS = 15

TAKE = "take"
REFUSE = "refuse"
PART = "part"
RAISE = "raise"
SLOW = "slow"


class Line:
    """The board's end of its serial line."""

    def __init__(self):
        self.stuck = False  # whether it takes nothing more
        self.clear()

    def clear(self):
        self.incoming = bytearray()
        self.sent = bytearray()

    def readinto(self, buffer):
        n = min(len(buffer), len(self.incoming))
        buffer[:n] = self.incoming[:n]
        self.incoming = self.incoming[n:]
        return n or None

    def write(self, buffer, n):
        if self.stuck:
            return None
        self.sent.extend(memoryview(buffer)[:n])
        return n


class Uart:
    """What the sink "uart" writes to: takes each record, or does not, as it is told.

    taken: the records that it took since they were fetched, each in one piece.
    records, bytes: how many it took since the board's start.
    """

    def __init__(self, device):
        self._device = device
        self.mode = TAKE
        self.ms = 0
        self.taken = []
        self.records = 0
        self.bytes = 0

    def write(self, record, n):
        if self.mode == REFUSE:
            return None
        if self.mode == PART:
            return n // 2
        if self.mode == RAISE:
            raise OSError(5)
        if self.mode == SLOW:
            self._device.spend(self.ms)
        self.taken.append(bytes(memoryview(record)[:n]))
        self.records += 1
        self.bytes += n
        return n

    def txdone(self):
        return True


class Holder:
    """A sink that holds what the UART has taken, until what is behind that has confirmed it.

    So the UART's records are taken, in order, only when they are confirmed.
    """

    def __init__(self, device):
        self._device = device
        self.set(1, 0, 0, 0)
        self.clear()

    def set(self, places, ms, at_once, losses):
        """Hold `places` records at most, each for `ms`. Of `at_once` records one is taken at once;
        of `losses` answers one is that all are lost; 0: none."""
        self._places, self._ms, self._at_once, self._losses = places, ms, at_once, losses
        self._written = self._answered = 0

    def clear(self):
        """Forget what it holds."""
        self._kept = []  # slot, record, and the ms of its answer; what was taken has no slot
        self._held = 0

    def room(self):
        return self._places - self._held

    def write(self, record, n):
        device = self._device
        if self.room() <= 0:
            device.wrong.append("a sink is tried that has no room")
        if device.uart.write(record, n) != n:
            return False
        self._written += 1
        sent, until = device.uart.taken.pop(), device.ms + self._ms
        if self._at_once and self._written % self._at_once == 0:
            self._kept.append((None, sent, until))
            self._pass_taken()
            return True
        self._kept.append((record, sent, until))
        self._held += 1
        return HELD

    def done(self):
        for slot, record, _ in self._kept:
            if slot is not None and bytes(memoryview(slot)[: len(record)]) != record:
                self._device.wrong.append("a record that a sink holds is written over")
        if self._kept[0][2] > self._device.ms:
            return 0
        self._answered += 1
        if self._losses and self._answered % self._losses == 0:
            self.clear()
            return -1
        n = 0
        while self._kept and self._kept[0][2] <= self._device.ms:
            self._device.uart.taken.append(self._kept.pop(0)[1])
            self._held -= 1
            n += 1
            self._pass_taken()
        return n

    def _pass_taken(self):
        """What it took at once comes behind what it holds."""
        while self._kept and self._kept[0][0] is None:
            self._device.uart.taken.append(self._kept.pop(0)[1])


class HoldingProgram(Program):
    """A program that writes to a holder, not to the UART."""

    def open_sink(self):
        sink = Program.open_sink(self)
        return self._board.holder if isinstance(sink, UartSink) else sink


class ServedProgram(Program):
    """A program whose sink's server, and the way there, are simulated."""

    def open_sink(self):
        return self._board.served.watch(Program.open_sink(self))

    def _end_interval(self):
        before = self.bucket.rate
        Program._end_interval(self)
        self._board.served.judge(self, before)


class Watchdog:
    """Bites when it was not fed for `timeout` ms."""

    def __init__(self, device, timeout):
        self._device = device
        self.timeout = timeout
        self.feed()

    def feed(self):
        self._fed = self._device.ms

    def bites(self):
        return self._device.ms - self._fed > self.timeout


class Allowance:
    """What a bucket may have granted at most: as a token bucket, in units of 1/per token.

    A turn's grants are counted at its end, so the burst is larger by what `late` ms are worth.
    """

    def __init__(self):
        self._terms = None
        self._left = 0
        self._at = 0

    def spend(self, n, ms, late, rate, per, burst):
        """n tokens more were spent by `ms`; False: that is too many."""
        if self._terms is not None and self._terms[0] is not None:
            self._left += (ms - self._at) * self._terms[0]
            self._left = min(self._left, self._most(self._terms, late))
        self._at = ms
        terms = rate, per, burst
        if terms != self._terms:
            self._change(terms, late)
        if rate is None:
            return True
        self._left -= n * per
        return self._left >= 0

    def _change(self, terms, late):
        before, self._terms = self._terms, terms
        if terms[0] is None:
            return
        most = self._most(terms, late)
        if before is None or before[0] is None:
            self._left = most
            return
        self._left = min(self._left * terms[1] // before[1] + 1, most + late * terms[0])

    def _most(self, terms, late):
        rate, per, burst = terms
        return burst * per + (late + 2) * rate


class Device:
    """A board with the names of boards/<name>/board.py.

    root: the path of its files.  tick: of its clock at the start, 0 to 2^30 - 1.
    holds: whether its program's sink is a holder, if it is to write to the UART.
    served: its sink's server, and the way there, see watched.py; None: it has no such sink.
    sockets: those of its line over TCP, see listening.py; None: it does not listen.
    ms: since then.  idle_ms: how long its loop stands still at most when it has nothing to do.
    program: None while it is off, or has ended.
    """

    NAME = "simulated"
    TICKS_PER_S = 1000

    def __init__(
        self, root, tick, turns_per_ms=4, sleeps=False, holds=False, served=None, sockets=None
    ):
        self.FLASH = root
        self.SLEEPS_WITH = ("timer",) if sleeps else ()
        self.ms = 0
        self.program = None
        self.wrong = []  # what the board found to be wrong itself
        self._offset = tick
        self._turns_per_ms = turns_per_ms
        self._by_bytes = False
        self.line = Line()
        self.uart = Uart(self)
        self.holder = Holder(self) if holds else None
        self.served = served
        if served is not None:
            served.attach(self)
        self.sockets = sockets
        self.idle_ms = 20
        self._ahead = 0  # ms by which its own clock is ahead of the simulation's
        self.power_off()

    # What the program uses.

    def ticks(self):
        return self.ms + self._offset & _PERIOD - 1

    def open_line(self):
        return self.line

    def open_uart(self):
        return self.uart

    def open_led(self):
        return None

    def WDT(self, timeout):
        self.watchdog = Watchdog(self, timeout)
        return self.watchdog

    def start_timer(self, period_ms, callback):
        self._timer = period_ms, callback
        self._timer_at = self.ms + period_ms

    def pulse_irq(self, handler):
        self._pin = handler

    def lightsleep(self, ms):
        self._slept = ms

    def idle(self):
        self._slept = 1

    # What the simulation does.

    def spend(self, ms):
        """The program takes so long."""
        self._ahead += ms
        self._let_pass(ms)

    def power_off(self):
        """Nothing but the flash is left, and what its line and its UART lead to."""
        self.program = None
        self.line.clear()
        self.watchdog = None
        self._timer = None
        self._pin = None
        self._slept = 0
        self.uart.records = self.uart.bytes = 0
        if self.holder is not None:
            self.holder.clear()
        if self.served is not None:
            self.served.restart()
        if self.sockets is not None:
            self.sockets.restart()
        self._paid = 0  # of what has cost tokens, what is accounted for
        self._allowance = Allowance()

    def power_on(self):
        """Start the program that the flash configures."""
        self.power_off()
        kind = Program if self.holder is None else HoldingProgram
        if self.served is not None:
            kind = ServedProgram
        self.program = stand(self, self.line, kind)
        if self.program is not None:
            self.program.start()

    def configure(self, values):
        """Write config.json, and what it needs."""
        self._by_bytes = values.get("cost") == "bytes"
        keep(values, self.FLASH + PATH)

    def pulse(self):
        """Its pin sees an edge."""
        if self._pin is not None:
            self._pin(None)

    def set_uart(self, mode, ms):
        """What its UART does with a record from now on, and how long it takes."""
        self.uart.mode, self.uart.ms = mode, ms

    def set_holder(self, places, ms, at_once, losses):
        """See Holder."""
        assert self.holder is not None
        self.holder.set(places, ms, at_once, losses)

    def set_served(self, what, *values):
        """Call this method of what its sink is served by."""
        getattr(self.served, what)(*values)

    def set_stuck(self, stuck):
        """Whether its line takes nothing more."""
        self.line.stuck = stuck

    def run(self, ms, received):
        """Let so many ms pass, then turn the loop on what has come, until it rests or the ms is
        over; returns what it has sent, the ms after which it has to turn again (0: never), the
        records that its UART took, what is wrong, and its state."""
        passed = min(ms, self._ahead)
        self._ahead -= passed
        self._let_pass(ms - passed)
        if self.sockets is None:
            self.line.incoming.extend(received)
        else:
            self.sockets.exchange(received)
        wake = 0
        if self.program is not None:
            wake = self._turn() if self._ahead == 0 else 1
        sent = bytes(self.line.sent)
        self.line.sent = bytearray()
        if self.sockets is not None:
            if b"event=config_error" in sent:
                self.wrong.append("the board cannot read its configuration")
            sent = self.sockets.take()
        taken = self.uart.taken
        self.uart.taken = []
        if self.served is not None:
            taken = self.served.take()
        return sent, wake, taken, self.wrong, self.state()

    def state(self):
        """Figures of the program by name; None: it does not run."""
        program = self.program
        if program is None:
            return None
        stats, ring, bucket = program.stats, program.ring, program.bucket
        limits = limits_of(ring)
        return {
            "ms": self.ms,
            "admitted": stats.admitted,
            "failed": stats.failed,
            "shed": stats.shed,
            "retried": stats.retried,
            "overwritten": ring.overwritten,
            "depth": self._waiting(),
            "limit": ring.limit,
            "capacity": ring.capacity,
            "own_limit": min(limits.user, limits.controller),
            "rate": bucket.rate,
            "per": bucket.per,
            "num": bucket._num,  # of num / den tokens a tick, which are granted
            "den": bucket._den,
            "burst": bucket.burst,
            "refused": program.link.refused,
            "watermark_ms": program.controls.watermark_ms,
            "half_ms": program.controls._half_ms,
            "part": program.controls.part,
            "wait": program.pipeline.wait_ticks(),
            "said": -1 if self.served is None else self.served.said,
        }

    def _waiting(self):
        """Records in the queue, and on flash."""
        program = self.program
        assert program is not None
        parts = program._parts
        spill = None if parts is None else parts._spill
        return len(program.ring) if spill is None else len(spill._tiers)

    def _turn(self):
        program = self.program
        assert program is not None
        turns = 0
        try:
            while program.turn():
                turns += 1
                self._account()
                if turns >= self._turns_per_ms:
                    return 1
            self._account()
            self._slept = 1
            program.rest()
            rest = self._rest(program.pipeline.wait_ticks())
        except KeyboardInterrupt:
            self.program = None
            return 0
        if self.watchdog is not None and self.watchdog.bites():
            self.wrong.append("the watchdog bites")
        return rest

    def _rest(self, wait):
        """ms for which a loop that has nothing to do may stand still here.

        What it does by the clock comes later by that: a slow loop, as there may be one.
        """
        if self._slept > 1 or wait == 0:
            return self._slept
        if wait == 1 and self.served is not None:
            return _SERVED_MS  # a server answers later; each ms would be a step
        return self.idle_ms if wait < 0 else min(wait, self.idle_ms)

    def _account(self):
        program = self.program
        assert program is not None
        bucket = program.bucket
        if self.served is not None:
            self.served.check(program.stats)
            paid = self.served.paid(self._by_bytes)
        elif self._by_bytes:
            paid = self.uart.bytes  # 0 with another sink
        elif self.holder is not None:
            paid = self.uart.records
        else:
            paid = program.stats.admitted
        n = paid - self._paid
        self._paid = paid
        slack = getattr(bucket, "slack", 0)
        rate = None if bucket.rate is None else bucket._num  # of what is granted, as _den
        late = self._ahead + slack
        if not self._allowance.spend(n, self.ms, late, rate, bucket._den, bucket.burst):
            text = "%d tokens at %d ms are above the bucket's bound"
            self.wrong.append(text % (n, self.ms))

    def _let_pass(self, ms):
        end = self.ms + ms
        while self._timer is not None and self._timer_at <= end:
            self.ms = self._timer_at
            self._timer_at += self._timer[0]
            self._timer[1](None)
        self.ms = end
        for other in (self.served, self.sockets):
            if other is not None:
                other.let_pass(ms)
