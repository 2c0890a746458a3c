"""MicroPython's: a board on the unix port, whose Wi-Fi, clock and machine are played.

FLASH, the program's first argument: a folder with config.json and secrets.json. network.WLAN is in
range while there is a file FLASH/range, else not; it joins at once. Importing this puts the twins
into the places of the modules; the sockets are real.
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


class Board:
    NAME = "unix"
    TICKS_PER_S = 1000
    SLEEPS_WITH = ()
    FLASH = sys.argv[1]
    WDT = Watchdog

    ticks = staticmethod(Time.ticks_ms)

    def open_led(self):
        return None

    def idle(self):
        own_time.sleep_ms(1)


flash = Board.FLASH
sys.modules["network"] = Network
sys.modules["machine"] = Machine
sys.modules["time"] = Time
