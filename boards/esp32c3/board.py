# SPDX-License-Identifier: MIT
"""ESP32-C3 boards, as the firmware sees them: module `board`. README.md has the wiring."""

import time

from machine import (  # noqa: F401
    ADC,
    UART,
    WDT,
    Pin,
    Timer,
    bitstream,
    idle,
    lightsleep,
)

from sluice.link.stdio import StdioLine

NAME = "esp32c3"
TICKS_PER_S = 1000
PULSE_PIN = 10
SLEEPS_WITH = ()  # sources whose interrupts end a light sleep: none, see README.md
FLASH = ""  # what the paths of the files on the flash begin with

ticks = time.ticks_ms
open_line = StdioLine

_WS2812 = (400, 850, 800, 450)  # ns high and low of a 0, of a 1; datasheet of the WS2812B
_DARK = b"\0\0\0"
_GREEN = b"\x08\0\0"  # green comes first


def open_uart():
    """The UART of the source and the sink "uart": 115200 baud, 8N1, TX on GPIO6, RX on GPIO7."""
    return UART(1, 115200, tx=6, rx=7)


def open_adc():
    """The analog input of the source "adc": GPIO3, 0 to some 3.1 V."""
    return ADC(Pin(3), atten=ADC.ATTN_11DB)


def open_led():
    """The RGB LED on GPIO8, to be called with 0 or 1: dark, or a dim green."""
    pin = Pin(8, Pin.OUT)

    def led(on):
        bitstream(pin, 0, _WS2812, _GREEN if on else _DARK)

    return led


def pulse_irq(handler):
    """Call handler(pin) in a soft interrupt at each rising edge of PULSE_PIN."""
    pin = Pin(PULSE_PIN, Pin.IN, Pin.PULL_DOWN)
    pin.irq(handler, Pin.IRQ_RISING)


def start_timer(period_ms: int, callback):
    """Call callback(timer) in a soft interrupt every period_ms."""
    Timer(0, mode=Timer.PERIODIC, period=period_ms, callback=callback)
