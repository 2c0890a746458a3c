# SPDX-License-Identifier: MIT
"""ESP32 boards, as the firmware sees them: module `board`. README.md has the wiring."""

import time

from machine import ADC, UART, WDT, Pin, Timer, idle, lightsleep  # noqa: F401

from sluice.link.stdio import StdioLine

NAME = "esp32"
TICKS_PER_S = 1000
PULSE_PIN = 27
SLEEPS_WITH = ()  # sources whose interrupts end a light sleep: none, see README.md
FLASH = ""  # what the paths of the files on the flash begin with

ticks = time.ticks_ms
open_line = StdioLine


def open_uart():
    """The UART of the source and the sink "uart": 115200 baud, 8N1, TX on GPIO33, RX on GPIO32."""
    return UART(1, 115200, tx=33, rx=32)


def open_adc():
    """The analog input of the source "adc": GPIO34, 0 to some 3.1 V."""
    return ADC(Pin(34), atten=ADC.ATTN_11DB)


def open_led():
    """The LED of many development boards, on GPIO2, to be called with 0 or 1."""
    return Pin(2, Pin.OUT)


def pulse_irq(handler):
    """Call handler(pin) in a soft interrupt at each rising edge of PULSE_PIN."""
    pin = Pin(PULSE_PIN, Pin.IN, Pin.PULL_DOWN)
    pin.irq(handler, Pin.IRQ_RISING)


def start_timer(period_ms: int, callback):
    """Call callback(timer) in a soft interrupt every period_ms."""
    Timer(0, mode=Timer.PERIODIC, period=period_ms, callback=callback)
