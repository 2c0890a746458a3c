"""MicroPython's: the board's program as it is, with the sink `mqtt` or `http`, on the unix port.

    station.py FLASH PULSES [TAKES]

FLASH: a folder with config.json and secrets.json, which the program reads. It ends when the sink
has taken or given up TAKES records, as many as PULSES if they are left out. Played are the board
(its pin's pulses, its watchdog, the line is standard output) and its Wi-Fi, network.WLAN: in range
while there is a file FLASH/range, else not; it joins at once. The sockets are real.
"""

import os
import sys
import time as own_time

_LAST = (1 << 30) - 1
_HALF = 1 << 29


class Time:
    """Its ticks wrap where those of boards do."""

    sleep_ms = own_time.sleep_ms
    gmtime = own_time.gmtime

    @staticmethod
    def ticks_ms():
        return own_time.ticks_ms() & _LAST

    @staticmethod
    def ticks_us():
        return own_time.ticks_us() & _LAST

    @staticmethod
    def ticks_add(ticks, delta):
        return ticks + delta & _LAST

    @staticmethod
    def ticks_diff(end, start):
        return (end - start + _HALF & _LAST) - _HALF


class Wlan:
    joined = None  # with what
    joins = 0

    def __init__(self, kind):
        self._active = False

    def active(self, on):
        self._active = on

    def disconnect(self):
        if Wlan.joined is None:
            raise OSError(1)  # some ports do
        Wlan.joined = None

    def connect(self, ssid, password):
        assert self._active
        Wlan.joins += 1
        Wlan.joined = ssid, password

    def isconnected(self):
        return Wlan.joined == ("home", "wlan s3cret") and exists("range")


class Network:
    WLAN = Wlan
    STA_IF = 0


class Machine:
    @staticmethod
    def unique_id():
        return b"\x0a\x0b"


sys.modules["network"] = Network
sys.modules["machine"] = Machine
sys.modules["time"] = Time

from sluice.program.program import stand  # noqa: E402

flash, pulses = sys.argv[1], int(sys.argv[2])
takes = int(sys.argv[3]) if len(sys.argv) > 3 else pulses


def exists(name):
    try:
        os.stat(flash + "/" + name)
    except OSError:
        return False
    return True


class Watchdog:
    def __init__(self, timeout):
        self.fed = 0

    def feed(self):
        self.fed += 1


class Line:
    def readinto(self, buf):
        return None

    def write(self, buf, n):
        sys.stdout.write(bytes(buf[:n]).decode())
        return n


class Board:
    NAME = "unix"
    TICKS_PER_S = 1000
    SLEEPS_WITH = ()
    FLASH = flash
    WDT = Watchdog

    ticks = staticmethod(Time.ticks_ms)

    def open_led(self):
        return None

    def pulse_irq(self, handler):
        self.pulse = handler

    def idle(self):
        own_time.sleep_ms(1)


board = Board()
program = stand(board, Line())
loaded = sorted([name for name in sys.modules if name.startswith("sluice.net")])
print("loaded", *loaded)
if takes:
    program.start()
    put = 0
    while program.stats.admitted + program.stats.failed < takes:
        if put < pulses and program.ring.free():
            board.pulse()
            put += 1
        if not program.turn():
            program.rest()
    stats = program.stats
    print("end", stats.admitted, stats.failed, stats.retried, "joins", Wlan.joins)
