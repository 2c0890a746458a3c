# SPDX-License-Identifier: MIT
"""An MQTT publisher that turns bursts of readings into an even flow.

On a board with Wi-Fi (connected by its boot.py):

    mpremote mip install firmware/package.json
    mpremote mip install umqtt.simple
    mpremote cp firmware/examples/mqtt_publisher.py :main.py

A door that slams gives 30 readings in 100 ms. They wait in a queue, and one leaves every 100 ms,
which a broker with a quota takes. When the queue is full the oldest reading gives way. While the
broker is away they wait, too; docs/mqtt.md has a sink that learns which of them arrived (QoS 1).
"""

import time

from umqtt.simple import MQTTClient  # type: ignore

from sluice import OVERWRITE, Pacer, RingQueue

BROKER, TOPIC, RATE, SLOTS = "192.168.1.10", b"door/shock", 10, 64


class Publisher:
    """Readings come by `put`, from an interrupt too; `run_once` sends what is due."""

    def __init__(self, client):
        self.queue = RingQueue(SLOTS, "i", OVERWRITE)
        self.put = self.queue.try_put  # taken once: in an interrupt it would allocate
        self._pace = Pacer(RATE, slack=20)  # the loop may be 20 ms late and lose nothing
        self._client = client

    def run_once(self):
        """Publish the oldest reading if it is due, else keep it; the ms until the next can go."""
        if len(self.queue) and self._pace.try_acquire():
            self._client.publish(TOPIC, b"%d" % self.queue.peek())
            self.queue.release()  # not before: what `publish` raises leaves it where it is
        return self._pace.wait_ticks() if len(self.queue) else 1


def main():
    from machine import ADC, Pin

    client = MQTTClient("door", BROKER)
    publisher, sensor = Publisher(client), ADC(26)
    Pin(2, Pin.IN).irq(lambda _: publisher.put(sensor.read_u16()), Pin.IRQ_RISING)  # type: ignore
    while True:
        try:
            client.connect()
            while True:
                time.sleep_ms(publisher.run_once())
        except (OSError, IndexError):  # IndexError is umqtt's when the broker closes
            time.sleep_ms(1000)


if __name__ in ("__main__", "main"):
    main()
