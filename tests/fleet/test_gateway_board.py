"""A gateway's board, and its stream, without port and event loop: on a clock that the test sets."""

import pytest
from stats_lines import VALUES
from wire import contents, frame

from sluice_tools.fleet.budget import Grant
from sluice_tools.fleet.gateway.board import SILENT_S, TICK_S, Board
from sluice_tools.fleet.gateway.config import BoardConfig
from sluice_tools.fleet.gateway.stream import AGAIN_S
from sluice_tools.serial.ack_pb2 import AckRequest
from sluice_tools.serial.frames import FRAME_SILENCE_S
from sluice_tools.serial.logfmt import write
from sluice_tools.serial.member import grant, watermark
from sluice_tools.serial.session import LATE_S

GREET, HELLO = 0x88, 0x81


class Rig:
    """A board and what becomes of it: `told` is what its listener hears, `sent` what it is sent."""

    def __init__(self, stream=False):
        self.now = 1000.0
        self.told = []
        self.sent = []
        config = BoardConfig(name="b1", port="socket://b1:1", topic="t", stream=stream)
        self.board = Board(config, self, self._write, lambda: self.now)

    def _write(self, data):
        self.sent += contents(data, from_host=True)

    def met(self, board, report):
        self.told.append(("met", report.epoch))

    def reported(self, board, report):
        self.told.append(("reported", report.watermark_ms))

    def lost(self, board):
        assert board.report is None
        self.told.append("lost")

    def measured(self, board, before, stats):
        self.told.append((before and before.up_s, stats.up_s))

    def events(self):
        """What was told since this was last called."""
        told, self.told = self.told, []
        return told

    def messages(self):
        """What was sent since this was last called."""
        sent, self.sent = self.sent, []
        return sent

    def wait(self, seconds):
        """Time passes, and the board is called as the gateway does it."""
        until = self.now + seconds
        while self.now < until:
            self.now += TICK_S
            self.board.tick()

    def report(self, hello=None, epochs=1, ms=0):
        """The board reports, in the epoch of the last greeting if none is named."""
        if hello is None:
            hello = self.greetings()[-1]
        content = b"\x98" + hello + epochs.to_bytes(3, "little") + bytes(8)
        content += (77).to_bytes(4, "little") + (1000).to_bytes(3, "little") + b"\x01"
        self.board.receive(frame(content + ms.to_bytes(3, "little") + b"\x28\0"))

    def greetings(self):
        return [content[1:4] for content in self.messages() if content[0] == GREET]

    def meet(self):
        self.board.line_opened()
        hello = self.greetings()[-1]
        self.report(hello)
        assert [event[0] for event in self.events()] == ["met"]
        return hello

    def measure(self, **values):
        self.board.receive(write(dict(event="stats", **VALUES) | values).encode() + b"\n")


@pytest.fixture
def rig():
    return Rig()


def test_a_board_that_does_not_answer_is_greeted_at_growing_intervals(rig):
    rig.wait(1)
    assert rig.messages() == []
    rig.board.line_opened()
    rig.board.line_opened()
    greeted_at = []
    for _ in range(int(40 / TICK_S)):
        greeted_at += [rig.now - 1001] * len(rig.greetings())
        rig.wait(TICK_S)
    assert greeted_at == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 23.5, 31.5, 39.5]
    assert rig.events() == [] and not rig.board.up


def test_an_answer_to_the_last_greeting_begins_an_epoch(rig):
    rig.board.line_opened()
    rig.wait(0.5)
    first, second = rig.greetings()
    rig.report(first)
    assert rig.events() == []
    rig.report(second, epochs=9)
    assert rig.events() == [("met", int.from_bytes(second + b"\x09\0\0", "little"))]
    rig.report(second, epochs=9)
    assert rig.events() == [("reported", 0)]
    rig.wait(SILENT_S - 1)
    assert rig.board.up and rig.messages() == []


def test_a_watermark_is_sent_until_the_board_reports_it_and_when_it_reports_another(rig):
    hello = rig.meet()
    rig.board.set_watermark(500)
    assert rig.messages() == [watermark(500)]
    rig.wait(1)
    assert rig.messages() == [watermark(500)] * 2
    rig.report(hello, ms=500)
    rig.wait(2)
    assert rig.messages() == []
    rig.report(hello, ms=400)
    assert rig.messages() == [watermark(500)]


def test_a_watermark_that_is_known_before_the_board_is_sent_when_it_is_met(rig):
    rig.board.set_watermark(500)
    assert rig.messages() == []
    rig.meet()
    assert rig.messages() == [watermark(500)]


def test_a_watermark_that_is_not_confirmed_is_logged_once(rig, caplog):
    rig.meet()
    rig.board.set_watermark(500)
    rig.wait(4.5)
    assert not caplog.records
    rig.wait(9)
    late = [it.pairs for it in caplog.records if it.message == "watermark_has_no_effect"]
    assert late == [{"board": "b1", "ms": 500, "reason": "it still reports 0 ms"}]


def test_a_grant_is_sent_with_the_ticks_of_the_boards_clock(rig):
    hello = rig.meet()
    epoch = int.from_bytes(hello + b"\x01\0\0", "little")
    rig.board.tell(Grant("b1", epoch, 3, 10, 20, until=500))
    assert rig.messages() == [grant(epoch, 3, 10, 20, 500)]


def test_a_silent_board_is_lost_and_greeted(rig):
    rig.meet()
    rig.wait(SILENT_S - TICK_S)
    assert rig.board.up
    rig.wait(TICK_S)
    assert rig.events() == ["lost"] and not rig.board.up
    rig.wait(1)
    assert rig.greetings()


def test_a_board_that_speaks_and_does_not_report_is_lost_and_greeted(rig):
    rig.meet()
    for _ in range(int(SILENT_S)):
        rig.wait(1)
        rig.board.receive(b"a line of a board that was reset unseen\r\n")
    assert rig.events() == ["lost"] and rig.board.up
    rig.wait(1)
    assert rig.greetings()


@pytest.mark.parametrize("end", ["port", "start", "another"])
def test_an_epoch_ends_with_the_line_a_reset_or_another_gateway(rig, end):
    hello = rig.meet()
    if end == "port":
        rig.board.line_lost("socket://b1:1: unplugged")
    elif end == "start":
        rig.board.receive(b"event=start version=1\r\n")
    else:
        rig.report(b"\x01\x02\x03")
    assert rig.events() == ["lost"]
    rig.board.line_opened()
    rig.wait(1)
    assert hello not in rig.greetings()
    rig.report(hello)
    assert rig.events() == []


def test_a_board_that_is_lost_again_and_again_is_greeted_ever_less_often(rig):
    rig.board.line_opened()
    waits = []
    for _ in range(3):
        rig.report()
        rig.report(b"\x01\x02\x03")
        lost_at = rig.now
        while not rig.sent:
            rig.wait(TICK_S)
        waits.append(rig.now - lost_at)
    assert waits == [1, 4, 8]


def test_statistics_are_told_with_those_before_unless_it_was_reset(rig):
    rig.meet()
    rig.measure(up_s="5")
    rig.measure(up_s="6")
    rig.measure(up_s="2")
    assert rig.events() == [(None, 5), (5, 6), (None, 2)]
    rig.board.receive(b"event=start version=1\n")
    assert rig.board.stats is None


def test_what_a_lost_line_has_left_unfinished_is_dropped(rig):
    rig.board.line_opened()
    rig.board.receive(b"\0\x05half a frame")
    rig.board.line_lost("unplugged")
    rig.board.line_opened()
    rig.report()
    assert [event[0] for event in rig.events()] == ["met"]


def test_half_a_frame_is_given_up_after_silence(rig):
    rig.meet()
    rig.board.receive(b"\0\xff\xfe")
    rig.wait(FRAME_SILENCE_S)
    rig.measure()
    assert [event[1] for event in rig.events()] == [int(VALUES["up_s"])]


class StreamRig(Rig):
    def __init__(self):
        super().__init__(stream=True)
        self.stream = self.board.stream

    def poll(self):
        """Goes to the stream's deadline; what it sends there."""
        self.now = max(self.now, self.stream.deadline)
        self.stream.poll()
        return self.messages()

    def welcome(self, hello, session=None):
        session = hello[3:6] if session is None else session
        rest = hello[6:9] + bytes([64]) + (1000).to_bytes(3, "little")
        self.board.receive(frame(b"\x91" + hello[1:3] + session + rest))

    def open(self):
        (hello,) = self.poll()
        self.welcome(hello)
        session, base = (int.from_bytes(hello[at : at + 3], "little") for at in (3, 6))
        ack = AckRequest(processed_count=base, available_capacity=8, session=session)
        self.board.receive(frame(b"\x92" + ack.SerializeToString()))
        return hello


def test_a_stream_says_hello_until_the_board_answers_and_sends_what_it_has_room_for():
    rig = StreamRig()
    hello, again = rig.poll()[0], rig.poll()[0]
    assert hello == again and hello[0] == HELLO
    rig.now += 0.1
    rig.welcome(hello)
    assert (rig.stream.records.record_size, rig.stream.records.room) == (64, 0)


def test_a_stream_that_lost_its_board_is_silent_for_a_while_and_begins_anew():
    rig = StreamRig()
    hello = rig.open()
    records = rig.stream.records
    assert records.room == 8
    before = records.session
    rig.now += LATE_S  # before that it could be a late answer to the feed before
    lost_at = rig.now
    rig.welcome(hello, session=b"\x01\x02\x03")
    assert records.session != before and records.room == 0
    rig.stream.restarted()
    rig.stream.poll()
    rig.welcome(hello)
    assert rig.messages() == []
    assert rig.stream.deadline == lost_at + AGAIN_S
    (anew,) = rig.poll()
    assert anew[0] == HELLO and anew[3:6] == records.session.to_bytes(3, "little")


def test_of_a_board_that_prints_without_end_few_lines_are_logged(rig, caplog):
    caplog.set_level("INFO")
    rig.board.line_opened()
    rig.board.receive(b"event=said n=1\n" * 10_000 + b"event=stats\n" * 10_000)
    assert len(caplog.records) < 30
    rig.wait(1)
    rig.board.receive(b"event=said n=2\n")
    assert caplog.records[-1].pairs["line"] == "event=said n=2"
    assert caplog.records[-1].pairs["left_out"] > 19_900
