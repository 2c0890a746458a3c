"""A board's settings without the link around them: contents of frames in, contents and text out."""

from clock import LAST, Clock
from line import Line

from sluice.flow.stats import Stats
from sluice.link.logline import LogLine
from sluice.program.config import adopt_bucket, adopt_limit, check, make_bucket
from sluice.program.settings import Settings
from sluice.queue.ring import RingQueue


class Frames:
    """The buffers of sluice.link.frames.Frames, and the contents that were sent."""

    def __init__(self):
        self.received = bytearray(254)
        self.sent = bytearray(256)
        self.contents = []

    def send(self, end):
        assert end <= 253
        self.contents.append(bytes(self.sent[2:end]))
        return True


class Desk:
    """rate 500 per second, burst 10, 8 slots, an interval of statistics a second.

    more: keys that can be changed besides, to no effect.
    """

    more = ()

    def __init__(self, **values):
        self.clock = Clock(LAST - 500)
        ticks = self.clock.ticks
        config = check(dict({"slots": 8}, **values), 1000)
        self.bucket = make_bucket(config, ticks, 1000)
        self.ring = RingQueue(8, "B")
        self.stats = Stats(ticks)
        self.frames = Frames()
        self.line = Line()
        self.refuses = ""  # what the bucket says to the next change, half done
        adjustable = (
            (("limit",), lambda config: adopt_limit(self.ring, config)),
            (("rate", "per_ms", "burst"), self.adopt_bucket),
            (self.more, lambda config: None),
        )
        log = LogLine(512)
        self.settings = Settings(config, 1000, adjustable, self.stats, self.frames, self.line, log)

    def adopt_bucket(self, config):
        adopt_bucket(self.bucket, config, 1000)
        if self.refuses:
            reason = self.refuses
            self.refuses = ""
            raise ValueError(reason)

    def hear(self, content):
        """Whether the content was known, and the contents of the answers."""
        for i in range(len(content)):
            self.frames.received[1 + i] = content[i]
        self.frames.contents = []
        known = self.settings.receive(1 + len(content))
        return known, self.frames.contents

    def ask(self, pairs, number=7):
        """The answers to a SET."""
        known, contents = self.hear(b"\x83" + bytes([number, 0, 0]) + pairs)
        assert known
        return contents

    def entry(self, index):
        """The text of the entry at the index or, if there is none, of the oldest."""
        known, contents = self.hear(b"\x85" + bytes([index & 255, index >> 8 & 255, index >> 16]))
        assert known and len(contents) == 1
        return contents[0]

    def in_force(self):
        limit = self.ring.limit
        return (self.bucket.rate, self.bucket.per, self.bucket.burst, limit)

    def second(self, admitted=0, failed=0, sojourn=10):
        """A second goes by in which so many events leave; what the console says."""
        for _ in range(admitted):
            self.stats.admit(self.clock.ticks(), sojourn)
        for _ in range(failed):
            self.stats.fail()
        self.clock.advance(1000)
        self.stats.close_interval(self.clock.ticks())
        self.settings.judge_trial()
        return self.said()

    def said(self):
        said = self.line.sent
        self.line.sent = b""
        return said.decode().split("\r\n")[:-1]
