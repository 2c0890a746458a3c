"""What the board's program is given as its board, on a clock that the test moves."""

import machine
from wire import MemoryLine

from sluice.program.config import check
from sluice.program.program import Program


class Watchdog:
    """A board's watchdog: whether it has bitten by now."""

    def __init__(self, clock, timeout):
        self.clock = clock
        self.timeout = timeout
        self.fed = clock.passed_us()

    def feed(self):
        self.fed = self.clock.passed_us()

    @property
    def bites(self):
        return self.clock.passed_us() - self.fed > self.timeout * 1000


class Adc:
    """An analog input: `value` is what it reads."""

    value = 0

    def read_u16(self):
        return self.value


class BoardTwin:
    """A board with the names of boards/<name>/board.py, which does not sleep.

    clock: a TickClock, in force.  flash: the folder of its files.
    pulse: the handler of its pin.  lit: what its LED was told.  watchdog: None until it is started.
    """

    NAME = "rig"
    TICKS_PER_S = 1000
    SLEEPS_WITH = ()

    def __init__(self, clock, flash):
        self.FLASH = str(flash)
        self.clock = clock
        self.flash = flash
        self.ticks = clock.ticks
        self.line = MemoryLine()
        self.uart = MemoryLine()
        self.adc = Adc()
        self.lit = []
        self.pulse = None
        self.watchdog = None

    def open_line(self):
        return self.line

    def open_uart(self):
        return self.uart

    def open_adc(self):
        return self.adc

    def open_led(self):
        return self.lit.append

    def start_timer(self, period_ms, callback):
        machine.Timer(period=period_ms, callback=callback)

    def pulse_irq(self, handler):
        self.pulse = handler

    def WDT(self, timeout):
        self.watchdog = Watchdog(self.clock, timeout)
        return self.watchdog

    def idle(self):
        self.clock.advance(1)


class SleepingBoardTwin(BoardTwin):
    """One that sleeps: `slept` has each sleep's ms; a timer's interrupt ends it."""

    SLEEPS_WITH = ("timer",)

    def __init__(self, clock, flash):
        super().__init__(clock, flash)
        self.slept = []
        self.uart.txdone = lambda: True

    def lightsleep(self, ms):
        before = self.clock.passed_us()
        due = self.clock.alarms.next_due()
        left = ms if due is None else max(0, min(ms, (due - before) // 1000))
        self.clock.advance(left)
        self.slept.append(left)


def start(board, **values):
    """The program with this configuration, started on the board; its line has nothing sent."""
    program = Program(check(values, 1000), board, board.line)
    program.start()
    board.line.sent.clear()
    return program
