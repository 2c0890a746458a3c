# SPDX-License-Identifier: MIT
"""The virtual board, as the firmware sees it: module `board`."""

import time

from machine import ADC, UART, WDT, Pin, Timer, idle, lightsleep  # noqa: F401

NAME = "virtual"
TICKS_PER_S = 1000
PULSE_PIN = 2  # nothing drives it
SLEEPS_WITH = ("timer",)  # sources whose interrupts end a light sleep
FLASH = ""  # what the paths of the files on the flash begin with

ticks = time.ticks_ms


def open_line():
    """The serial line that the console is on."""
    return UART(0)


def open_uart():
    """The UART of the source and the sink "uart": files, see `sluice vboard --help`."""
    return UART(1)


def open_adc():
    """The analog input of the source "adc": a saw-tooth of one second."""
    return ADC(0)


def open_led():
    """None: there is none to look at."""
    return


def pulse_irq(handler):
    """Call handler(pin) in a soft interrupt at each rising edge of PULSE_PIN."""
    pin = Pin(PULSE_PIN, Pin.IN, Pin.PULL_DOWN)
    pin.irq(handler, Pin.IRQ_RISING)


def start_timer(period_ms: int, callback):
    """Call callback(timer) in a soft interrupt every period_ms."""
    Timer(period=period_ms, callback=callback)
