# SPDX-License-Identifier: MIT
"""LoRa within 1% of air time, as the 868 MHz band asks for in Europe.

    mpremote mip install firmware/bucket.json
    mpremote mip install lora-sync lora-sx127x
    mpremote cp firmware/examples/lora_duty_cycle.py :main.py

The rule is about any hour: 36 s of air time. A token is a millisecond of it. A
bucket grants burst + rate in any stretch, so 6 s at once and 1 ms every 120 ms
come to 6 + 30 s in an hour: exactly what is allowed, whenever the hour begins.
"""

import time

from sluice import TokenBucket

HOUR_MS, SHARE = 3_600_000, 100  # 1 / SHARE of the time
BURST_MS = 6_000  # of air time at once


class DutyCycle:
    """Sends packets by a modem of micropython-lib's `lora` as long as the rule allows."""

    def __init__(self, modem):
        self._modem = modem
        refill = HOUR_MS // SHARE - BURST_MS  # ms of air time in an hour of ticks
        self._air = TokenBucket(refill, BURST_MS, per=HOUR_MS)

    def send(self, packet):
        """Send the packet now: 0. Or do not: the ms to wait before it may go, -1: never."""
        air_ms = (self._modem.get_time_on_air_us(len(packet)) + 999) // 1000
        if not self._air.try_acquire(air_ms):
            return self._air.wait_ticks(air_ms)
        self._modem.send(packet)
        return 0


def main():
    from lora import SX1276  # type: ignore
    from machine import SPI, Pin

    settings = {"freq_khz": 868100, "sf": 9, "bw": "125", "coding_rate": 5}
    spi = SPI(0, baudrate=2_000_000)
    modem = SX1276(spi, Pin(9), dio0=Pin(10), reset=Pin(13), lora_cfg=settings)
    radio = DutyCycle(modem)
    number = 0
    while True:
        wait = radio.send(b"reading %d" % number)
        if wait:
            print("wait %d ms" % wait)
            time.sleep_ms(wait)
        else:
            number += 1


if __name__ in ("__main__", "main"):
    main()
