"""What a gateway and a board say to each other: the host's end against the firmware's."""

from desk import Frames

from host_sim import TickClock
from sluice.program.member import Member
from sluice.program.share import Share
from sluice.queue.ring import RingQueue
from sluice_tools.serial.frames import obeyed_by_a_repl
from sluice_tools.serial.member import BoardClock, grant, greet, read_report, watermark


class Desk:
    def __init__(self, start=(1 << 30) - 5):
        self.clock = TickClock(start)
        self.frames = Frames()
        self.rates = []
        share = Share(7, self.rates.append, lambda guaranteed: None, self.clock.ticks)
        self.ring = RingQueue(40, "B")
        self.member = Member(self.frames, share, self.ring, lambda ms: None, self.clock.ticks)

    def hear(self, content):
        self.frames.received[1 : 1 + len(content)] = content
        self.frames.contents = []
        assert self.member.receive(1 + len(content))
        return [read_report(each) for each in self.frames.contents]


def test_each_end_understands_the_other():
    desk = Desk()
    hello, content = greet()
    (report,) = desk.hear(content)
    assert (report.hello, report.epoch, report.number) == (hello, 1 << 24 | hello, 0)
    assert (report.guaranteed, report.tick, report.ticks_per_s) == (7, (1 << 30) - 5, 1000)
    assert (report.in_budget, report.watermark_ms, report.limit) == (True, 0, 40)
    clock = BoardClock(report.tick, report.ticks_per_s)
    until = clock.ticks(clock.ms(report.tick) + 100)
    (report,) = desk.hear(grant(report.epoch, 70_000, 1 << 29, 5, until))
    assert (report.number, report.guaranteed, desk.rates) == (70_000, 1 << 29, [(1 << 29) + 5])
    desk.clock.advance(99)
    desk.member.poll(desk.clock.ticks())
    assert len(desk.rates) == 1
    desk.clock.advance(1)
    desk.member.poll(desk.clock.ticks())
    assert desk.rates[1:] == [1 << 29]
    desk.ring.set_limit(39)
    (report,) = desk.hear(watermark(600_000))
    assert (report.watermark_ms, report.limit) == (600_000, 39)


def test_a_greeting_is_another_each_time_and_no_repl_obeys_it():
    greetings = [greet() for _ in range(1000)]
    assert len({hello for hello, _ in greetings}) > 990
    assert not any(obeyed_by_a_repl(content) for _, content in greetings)


def test_what_is_no_report_is_none():
    desk = Desk()
    desk.hear(greet()[1])
    (content,) = desk.frames.contents
    assert read_report(content[:-1]) is None
    assert read_report(b"\x97" + content[1:]) is None
    assert read_report(content[:19] + bytes(3) + content[22:]) is None  # a clock that stands still


def test_a_clock_goes_on_through_its_wraps_and_is_rounded_down():
    clock = BoardClock((1 << 30) - 1500, 1_000_000)
    assert clock.ms((1 << 30) - 1500) == 1_073_740
    assert clock.ms(500) == 1_073_742
    assert clock.ms(500) == 1_073_742
    assert clock.ms(499) == ((1 << 31) + 499) // 1000
    assert clock.ticks(1_073_742) % (1 << 30) == 1_073_742_000 - (1 << 30)
