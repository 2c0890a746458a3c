"""A server that answers 429 when it is given too much teaches the board's RateTuner its rate."""

import json

import pytest
from streams import Stream

from host_sim import TickClock
from sluice.control.tuning import RateTuner
from sluice.flow.pipeline import Pipeline
from sluice.flow.stats import Stats
from sluice.limit.tunable import TunableBucket
from sluice.net.batch import request
from sluice.net.http import HttpSink
from sluice.program.controls import Controls
from sluice.queue.records import RecordRing

HEAD = request("host", "/in")
ALLOWED = 100  # records a second
START = 1_000


class Server(Stream):
    """Takes as many records a second as are allowed, and puts off a request that has more."""

    def __init__(self, clock: TickClock, status: int, retry: bytes) -> None:
        super().__init__()
        self.put_off: list[int] = []  # at which second
        self.taken: list[int] = []
        self.seconds = 0
        self._left = ALLOWED
        self._clock = clock
        self._no = b"HTTP/1.1 %d no\r\n%sContent-Length: 0\r\n\r\n" % (status, retry)

    def next_second(self) -> None:
        self.seconds += 1
        self._left = ALLOWED

    def write(self, buf, at, n):
        super().write(buf, at, n)
        head, _, body = self.sent.partition(b"\r\n\r\n")
        assert head.startswith(HEAD) and int(head[len(HEAD) :]) == len(body)
        self.sent = b""
        rows = [json.loads(line) for line in body.splitlines()]
        if len(rows) > self._left:
            self.put_off.append(self.seconds)
            self.incoming.append(self._no)
        else:
            self._left -= len(rows)
            self.taken += [int(row["data"]) for row in rows]
            self.incoming.append(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return n


@pytest.mark.parametrize(
    "status, retry",
    [(429, b"Retry-After: 1\r\n"), (503, b"")],
)
def test_the_rate_settles_about_what_the_server_takes(status, retry) -> None:
    with TickClock() as clock:
        server = Server(clock, status, retry)
        bucket = TunableBucket(START, 10, 1000, clock.ticks)
        # Not by the time that an attempt takes: an hour is allowed.
        tuner = RateTuner(bucket, 1, START, 2, latency=3_600_000)
        ring, stats = RecordRing(64, 16, ticks=clock.ticks), Stats(clock.ticks)
        sink = HttpSink(lambda: server, HEAD, 16, lambda *_: None, stats, 100, clock.ticks)
        pipeline = Pipeline(ring, bucket, sink, stats, ticks=clock.ticks, batch=16)
        controls = Controls(ring, bucket, stats, pipeline, clock.ticks, tuner=tuner)
        rates, put = [], 0
        for tick in range(100_000):
            while ring.free():
                text = b"%d" % put
                ring.put(text, len(text))
                put += 1
            if tick % 10 == 0:
                sink.tend()
            pipeline.step()
            clock.advance(1)
            if tick % 1000 == 999:
                server.next_second()
                controls.close_interval(clock.ticks())
                rates.append(bucket.rate)
        settled = rates[20:]
        assert min(settled) > ALLOWED // 3 and max(settled) < 2 * ALLOWED
        assert ALLOWED * 0.6 < sum(settled) / len(settled) < ALLOWED * 1.2
        late = [second for second in server.put_off if second >= 20]
        assert 0 < len(late) < 10  # in 80 s; at the rate of the start it would be each second
        assert server.taken == list(range(len(server.taken)))
        assert (stats.failed, stats.retried) == (0, 0)
        assert len(server.taken) > 50 * ALLOWED
