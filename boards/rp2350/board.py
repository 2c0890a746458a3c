# SPDX-License-Identifier: MIT
"""RP2350 boards, as the firmware sees them: module `board`. README.md has the wiring."""

import time

from machine import ADC, UART, WDT, Pin, Timer, idle, lightsleep  # noqa: F401

from sluice.link.usb import UsbLine

NAME = "rp2350"
TICKS_PER_S = 1000
PULSE_PIN = 2
SLEEPS_WITH = ("timer",)  # sources whose interrupts end a light sleep
FLASH = ""  # what the paths of the files on the flash begin with

ticks = time.ticks_ms
open_line = UsbLine

_timers = []  # a timer that nothing refers to is collected, and stops


def open_uart():
    """The UART of the source and the sink "uart": 115200 baud, 8N1, TX on GP0, RX on GP1."""
    return UART(0, 115200, tx=Pin(0), rx=Pin(1))


def open_adc():
    """The analog input of the source "adc": GP26, 0 to 3.3 V."""
    return ADC(Pin(26))


def open_led():
    """The board's LED, to be called with 0 or 1; None where MicroPython knows of none."""
    try:
        return Pin("LED", Pin.OUT)
    except ValueError:
        return None


def pulse_irq(handler):
    """Call handler(pin) in a hard interrupt at each rising edge of PULSE_PIN."""
    pin = Pin(PULSE_PIN, Pin.IN, Pin.PULL_DOWN)
    pin.irq(handler, Pin.IRQ_RISING, hard=True)


def start_timer(period_ms: int, callback):
    """Call callback(timer) in a hard interrupt every period_ms."""
    timer = Timer(-1)
    timer.init(mode=Timer.PERIODIC, period=period_ms, callback=callback, hard=True)
    _timers.append(timer)
