"""MicroPython's: sends records by a pipeline and the sink `mqtt` or `http` as they are.

    publisher.py PORT RECORDS [key=value ...]

path: the sink is `http`, which posts to it.  rate: records a second.  speed: the sink's clock goes
so many times as fast, so that 10 s are over sooner.  user, password, token, ca (a file): of the
connection.

Prints `up`, `down REASON`, `taken N` after each 10 records, and at the end how they ended.
"""

import sys
import time

from sluice import Pipeline, RecordRing, Stats, TokenBucket
from sluice.net.dialer import Dialer

port, total = int(sys.argv[1]), int(sys.argv[2])
options = dict([argument.split("=", 1) for argument in sys.argv[3:]])
speed = int(options.get("speed", 1))


def ticks():
    return time.ticks_ms() * speed  # they wrap at 2^62 here


def tell(state, reason):
    print(state, reason)


ca = None
if "ca" in options:
    with open(options["ca"], "rb") as file:
        ca = file.read()
dialer = Dialer("localhost", port, ca)
ring, stats = RecordRing(16, 200), Stats()
if "path" in options:
    from sluice.net.batch import request
    from sluice.net.http import HttpSink

    head = request(f"localhost:{port}", options["path"], options.get("token"))
    sink = HttpSink(dialer.dial, head, 200, tell, stats, 100, ticks)
else:
    from sluice.net.mqtt import MqttSink, greeting

    hello = greeting("publisher", options.get("user"), options.get("password"))
    sink = MqttSink(dialer.dial, hello, "t/{number}/x", 200, tell, ticks)
rate = int(options.get("rate", 1000))
pipeline = Pipeline(ring, TokenBucket(rate, 10), sink, stats, batch=16)
put = 0
while stats.admitted + stats.failed < total:
    slot = ring.claim() if put < total else None
    if slot is not None:
        text = b"%d" % put
        slot[: len(text)] = text
        n = 200 if put % 7 == 0 else len(text)  # each length of a packet's length
        ring.publish(n)
        put += 1
    sink.tend()
    before = stats.admitted // 10
    pipeline.step()
    if stats.admitted // 10 != before:
        print("taken", stats.admitted // 10 * 10)
    time.sleep_ms(1)
print("end", stats.admitted, stats.failed, stats.retried)
