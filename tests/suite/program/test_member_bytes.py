"""A board and its gateway, byte by byte as docs/link.md has it."""

from clock import Clock
from desk import Frames

from sluice.program.member import Member
from sluice.program.share import Share
from sluice.queue.ring import RingQueue


class Desk:
    def __init__(self):
        self.clock = Clock(0x01020304)
        self.frames = Frames()
        self.ring = RingQueue(8, "B")
        self.rates = []
        self.watermarks = []
        share = Share(0, self.rates.append, lambda guaranteed: None, self.clock.ticks)
        self.member = Member(
            self.frames, share, self.ring, self.watermarks.append, self.clock.ticks
        )

    def hear(self, content):
        """Whether it was known, and what was answered."""
        for i in range(len(content)):
            self.frames.received[1 + i] = content[i]
        self.frames.contents = []
        return self.member.receive(1 + len(content)), self.frames.contents

    def poll(self):
        self.frames.contents = []
        self.member.poll(self.clock.ticks())
        return self.frames.contents


GREETED = b"\x98\x07\x08\x09\x01\0\0\0\0\0\0\0\0\0\0\x04\x03\x02\x01\xe8\x03\0\x01\0\0\0\x08\0"
GRANT = b"\x89\x07\x08\x09\x01\0\0\x05\0\0\0\x14\0\0\0\x50\0\0\0\x05\x03\x02\x01"


def test_a_greeting_is_answered_by_a_report():
    assert Desk().hear(b"\x88\x07\x08\x09") == (True, [GREETED])


def test_a_grant_is_taken_and_reported_and_again_it_is_not():
    desk = Desk()
    desk.hear(b"\x88\x07\x08\x09")
    known, said = desk.hear(GRANT)
    assert known and desk.rates == [100]
    assert said == [GREETED[:7] + b"\x05\0\0\0\x14\0\0\0" + GREETED[15:]]
    assert desk.hear(GRANT) == (True, [])
    desk.clock.advance(1)
    desk.poll()
    assert desk.rates == [100, 20]


def test_a_watermark_is_set_and_confirmed_with_the_limit_in_force():
    desk = Desk()
    desk.hear(b"\x88\x07\x08\x09")
    desk.ring.set_limit(3)
    known, said = desk.hear(b"\x8a\xf4\x01\0")
    assert (known, desk.watermarks, desk.member.watermark_ms) == (True, [500], 500)
    assert said == [GREETED[:23] + b"\xf4\x01\0\x03\0"]


def test_it_reports_once_a_second_from_the_first_greeting_on():
    desk = Desk()
    desk.clock.advance(5000)
    assert desk.poll() == []
    desk.hear(b"\x88\x07\x08\x09")
    desk.clock.advance(999)
    assert desk.poll() == []
    desk.clock.advance(1)
    assert len(desk.poll()) == 1
    assert desk.poll() == []


def test_what_has_another_length_or_is_out_of_bounds_is_not_known():
    desk = Desk()
    desk.hear(b"\x88\x07\x08\x09")
    beyond = [GRANT[:at] + b"\x40" + GRANT[at + 1 :] for at in (10, 14, 18, 22)]
    for content in beyond + [
        b"\x88\x07\x08",
        b"\x88\x07\x08\x09\x0a",
        GRANT[:-1],
        GRANT + b"\0",
        b"\x8a\0\0",
        b"\x8a\xc1\x27\x09",  # 600,001 ms
        b"\x8b\0\0\0",
    ]:
        assert desk.hear(content) == (False, []), content
    assert (desk.rates, desk.watermarks) == ([], [])
