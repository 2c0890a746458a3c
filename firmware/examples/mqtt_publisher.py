# SPDX-License-Identifier: MIT
"""An MQTT publisher that turns bursts of readings into an even flow.

On a board with Wi-Fi (connected by its boot.py):

    mpremote mip install firmware/package.json
    mpremote mip install umqtt.simple
    mpremote cp firmware/examples/mqtt_publisher.py :main.py

A door that slams gives 30 readings in 100 ms. They wait in a queue, and one leaves every 100 ms,
which a broker with a quota takes. When the queue is full the oldest reading gives way.
"""

import time

from umqtt.simple import MQTTClient  # type: ignore

from sluice import OVERWRITE, Pacer, RingQueue

BROKER, TOPIC = "192.168.1.10", b"door/shock"
RATE, SLOTS = 10, 64


class Publisher:
    """Readings come by `put`, from an interrupt too; `run_once` sends what is due."""

    def __init__(self, client):
        self.queue = RingQueue(SLOTS, "i", OVERWRITE)
        self.put = self.queue.try_put  # taken once: in an interrupt it would allocate
        self._pace = Pacer(RATE, slack=20)  # the loop may be 20 ms late and lose nothing
        self._client = client

    def run_once(self):
        """Publish the oldest reading if its time has come; the ms until the next can go."""
        if not len(self.queue):
            return 1
        if self._pace.try_acquire():
            self._client.publish(TOPIC, b"%d" % self.queue.try_get())
        return self._pace.wait_ticks()


def main():
    from machine import ADC, Pin

    client = MQTTClient("door", BROKER)
    client.connect()
    publisher = Publisher(client)
    sensor = ADC(26)

    def shaken(_):
        publisher.put(sensor.read_u16())

    Pin(2, Pin.IN).irq(shaken, Pin.IRQ_RISING)
    while True:
        time.sleep_ms(publisher.run_once())


if __name__ in ("__main__", "main"):
    main()
