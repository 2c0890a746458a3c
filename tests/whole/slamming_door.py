"""MicroPython's: `slamming_door.py PORT [BREAK]` runs the MQTT example, with a door that slams.

The example and umqtt.simple are as they are; played are the sensor, which gives the readings 0 to
29 at once, the broker's address and the end. Printed are the ticks in ms at the start and at each
publish. Behind BREAK publishes the connection breaks, and the next attempt to connect fails.
"""

import sys
import time

import mqtt_publisher
from umqtt.simple import MQTTClient

READINGS = 30


class Sensor:
    def __init__(self, _):
        self._reading = -1

    def read_u16(self):
        self._reading += 1
        return self._reading


class Pin:
    IN = IRQ_RISING = 1

    def __init__(self, number, mode):
        pass

    def irq(self, shaken, trigger):
        for _ in range(READINGS):
            shaken(self)


class Machine:
    ADC = Sensor
    Pin = Pin


class Client(MQTTClient):
    def __init__(self, name, server):
        super().__init__(name, server, int(sys.argv[1]))
        self._published = 0
        self._break = int(sys.argv[2]) if len(sys.argv) > 2 else -1
        self._fails = False

    def connect(self):
        if self._fails:
            self._fails = False
            raise OSError(111)
        super().connect()

    def publish(self, topic, message):
        print(time.ticks_ms())
        if self._published == self._break:
            self._break = -1
            self._fails = True
            self.sock.close()
        super().publish(topic, message)
        self._published += 1
        if self._published == READINGS:
            self.disconnect()
            sys.exit()


sys.modules["machine"] = Machine
mqtt_publisher.BROKER = "127.0.0.1"
mqtt_publisher.MQTTClient = Client
print(time.ticks_ms())
mqtt_publisher.main()
