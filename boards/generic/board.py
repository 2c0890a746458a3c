# SPDX-License-Identifier: MIT
"""Any board with a REPL, as the firmware sees it: module `board`. README.md has what is missing.

What a board has not, or nobody knows of it, is None here, and the program says so when it is
configured.
"""

import time

import machine

from sluice.link.stdio import StdioLine

NAME = "generic"
TICKS_PER_S = 1000
PULSE_PIN = None  # which pin would be free?
SLEEPS_WITH = ()  # sources whose interrupts end a light sleep: none that is known
FLASH = ""  # what the paths of the files on the flash begin with

ticks = time.ticks_ms
open_line = StdioLine
open_uart = open_adc = None  # on which pins?
pulse_irq = None
WDT = getattr(machine, "WDT", None)

_timers = []  # a timer that nothing refers to is collected, and stops


def idle():
    """Let a ms pass. Where `machine.idle` waits for the next interrupt, take that."""
    time.sleep_ms(1)


def lightsleep(ms: int):
    """Wait; no source lets this board sleep."""
    time.sleep_ms(ms)


def open_led():
    """None: which pin would it be on?"""
    return


def _start_timer(period_ms: int, callback):
    """Call callback(timer) in a soft interrupt every period_ms."""
    timer = machine.Timer(-1)
    timer.init(mode=machine.Timer.PERIODIC, period=period_ms, callback=callback)
    _timers.append(timer)


def _has_soft_timers():
    try:
        timer = machine.Timer(-1)
        timer.init(mode=machine.Timer.PERIODIC, period=60000, callback=print)
        timer.deinit()
    except (AttributeError, ValueError, TypeError, OSError):  # each port has its own word for it
        return False
    return True


start_timer = _start_timer if _has_soft_timers() else None
