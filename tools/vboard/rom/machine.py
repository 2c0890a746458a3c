"""The module `machine` of the Sluice virtual board. Handlers are soft, as on an ESP32."""

import io
import time

import _board
from micropython import const

_UARTS = {0: 1000, 1: 1001}  # file descriptors of processor.js
_STREAM_POLL = const(3)  # request of a stream's ioctl, and its bits
_POLL_RD = const(1)
_POLL_WR = const(4)

_mask = _board["mask"]
_start_timer = _board["startTimer"]
_stop_timer = _board["stopTimer"]
_waiting = _board["waiting"]
_waiting_uart1 = _board["waitingUart1"]
_feed_watchdog = _board["watchdog"]

idle = _board["idle"]
lightsleep = _board["lightSleep"]  # a timer wakes it
reset = _board["reset"]


def soft_reset():
    raise SystemExit


def unique_id():
    return bytes(_board["uniqueId"])


def freq():
    return 125_000_000


def disable_irq():
    """Holds timers back; returns the state for enable_irq."""
    return _mask(True)


def enable_irq(state):
    _mask(state)


class WDT:
    """Presses the reset button unless it is fed every `timeout` ms; nothing stops it."""

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError(f"WDT({id}) doesn't exist; there is 0")
        self._timeout = timeout
        self.feed()

    def feed(self):
        _feed_watchdog(self._timeout)


class Timer:
    """Calls back from wherever the program calls the board: time, machine, files, the console."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **settings):
        if id != -1:
            raise ValueError(f"Timer({id}) doesn't exist; there is -1")
        self._running = None
        if settings:
            self.init(**settings)

    def init(self, mode=PERIODIC, freq=None, period=-1, callback=None, hard=False):
        """freq in Hz goes before period in ms; at least one of them."""
        if hard:
            raise ValueError("hard timers are not implemented")
        if freq is not None:
            period = 1000 / freq
        if period <= 0:
            raise ValueError(f"invalid period: {period}; more than 0 ms")
        self.deinit()
        if callback is not None:
            self._running = _start_timer(period, mode == self.PERIODIC, lambda: callback(self))

    def deinit(self):
        if self._running is not None:
            _stop_timer(self._running)
            self._running = None


class Pin:
    """A pin that nothing drives: an input reads its pull, an output what it was set to."""

    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 4
    IRQ_RISING = 8

    def __init__(self, id, mode=IN, pull=None, value=None):
        self._value = int(pull == self.PULL_UP) if value is None else int(bool(value))
        self._output = mode == self.OUT

    def value(self, x=None):
        if x is None:
            return self._value
        if self._output:
            self._value = int(bool(x))
        return None

    def irq(self, handler=None, trigger=IRQ_FALLING | IRQ_RISING):
        """Taken; with nothing to drive the pin, the handler is never called."""


class ADC:
    """An input on which a saw-tooth is: it rises from 0 to 65,535 in a second."""

    def __init__(self, id):
        pass

    def read_u16(self):
        return time.ticks_ms() % 1000 * 65535 // 999


class UART(io.IOBase):
    """UART(0) is the serial line that the REPL uses too; UART(1) is files of the host.

    Reading never waits: None when nothing has come.
    """

    def __init__(self, id, baudrate=115200, **settings):
        if id not in _UARTS:
            raise ValueError(f"UART({id}) doesn't exist; there are 0 and 1")
        line = open(_UARTS[id], "r+b")  # noqa: SIM115
        self.read = line.read
        self.readinto = line.readinto
        self.readline = line.readline
        self.write = line.write
        self.any = _waiting if id == 0 else _waiting_uart1

    def init(self, baudrate=115200, **settings):
        """Taken and ignored: nothing is slower than the host lets it be."""

    def deinit(self):
        pass

    def txdone(self):
        return True

    def ioctl(self, request, flags):
        if request != _STREAM_POLL:
            return -1
        return flags & (_POLL_WR | (_POLL_RD if self.any() else 0))
