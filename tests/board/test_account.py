"""The account: what counts as delivered and lost, rates, latencies, and how it reads."""

import io
import json

import pytest
from wire import delivered

from sluice_tools.board.feed.account import Tally
from sluice_tools.board.feed.arrivals import read_lines
from sluice_tools.serial.ack_pb2 import AckRequest
from sluice_tools.serial.session import Session

START = "event=start version=0.1.0 board=virtual source=link sink="


class Told:
    """A feed of so many records to a board that the test speaks for; a tick is a millisecond."""

    def __init__(self, count):
        lines = b"".join(b"%d\n" % number for number in range(count))
        self.arrivals = read_lines(io.BytesIO(lines))
        self.payloads = [arrival.payload for arrival in self.arrivals]
        self.tally = Tally()
        self.session = Session(1, 0)
        self.session.poll(0)
        place = b"\x91\x23\x20\x01\0\0" + bytes(3)
        self.hear(place + b"\x20" + (1000).to_bytes(3, "little"), 0)
        self.acknowledge(0, 0)
        for payload in self.payloads:
            self.session.send(payload, 0)

    def hear(self, content, now):
        records = self.session.receive(content, now)
        self.tally.add_acknowledged(records, self.session.ticks_per_s)

    def deliver(self, number, tick, now):
        self.hear(delivered(number, self.payloads[number], tick=tick % (1 << 30)), now)

    def acknowledge(self, processed, now, **not_taken):
        ack = AckRequest(processed_count=processed, available_capacity=5000, session=1, **not_taken)
        self.hear(b"\x92" + ack.SerializeToString(), now)

    def account(self, interrupted=False, resumed=0):
        return self.tally.account(self.arrivals, self.session, resumed, 0, interrupted)


def test_delivered_is_what_came_back_with_the_board_s_rate():
    told = Told(4)
    for number, tick in enumerate((0, 500, 1000, 1500)):
        told.deliver(number, tick - 100, now=(number + 1) / 10)
    told.acknowledge(4, 9)
    account = told.account()
    assert account.counted == "delivered"
    assert (account.sent, account.delivered, account.lost) == (4, 4, 0)
    assert (account.mean_qps, account.worst_second) == (2, 2)
    assert (account.p50_ms, account.p95_ms) == (pytest.approx(200), pytest.approx(400))
    assert account.seconds == pytest.approx(0.4)


def test_an_acknowledged_record_that_never_came_back_is_lost():
    told = Told(3)
    told.deliver(0, 1, 0.1)
    told.deliver(2, 3, 0.1)
    told.acknowledge(3, 0.2)
    account = told.account()
    assert (account.delivered, account.lost) == (2, 1)


def test_a_record_without_an_acknowledgement_is_lost_unless_it_came_back():
    told = Told(3)
    told.deliver(0, 1, 0.1)
    account = told.account()
    assert (account.delivered, account.lost, account.under_way) == (1, 2, 0)


def test_after_an_interruption_the_rest_is_under_way():
    told = Told(3)
    told.deliver(0, 1, 0.1)
    account = told.account(interrupted=True)
    assert (account.delivered, account.lost, account.under_way) == (1, 0, 2)


def test_with_a_sink_that_reports_nothing_acknowledged_counts():
    told = Told(3)
    told.acknowledge(1, 0.25)
    told.acknowledge(3, 0.75)
    account = told.account()
    assert (account.counted, account.delivered, account.lost) == ("acknowledged", 3, 0)
    assert account.mean_qps == pytest.approx(4)
    assert (account.p50_ms, account.p99_ms) == (pytest.approx(750), pytest.approx(750))
    assert "acknowledged by the board" in account.as_text()
    assert "by the host's clock" in account.as_text()


def test_a_link_sink_that_delivered_nothing_lost_everything():
    told = Told(2)
    told.tally.add_line(START + "link")
    told.acknowledge(2, 1)
    account = told.account()
    assert (account.counted, account.delivered, account.lost) == ("delivered", 0, 2)
    assert (account.mean_qps, account.p50_ms) == (None, None)


def test_failures_of_a_silent_sink_are_lost_records():
    told = Told(9)
    for line in (START + "uart", "event=stats failed=7 shed=8", "event=given_up bytes=1", "text"):
        told.tally.add_line(line)
    told.acknowledge(5, 1, given_up=1)
    told.acknowledge(8, 1, given_up=2, shed=1, overwritten=3)
    account = told.account(interrupted=True)
    assert (account.delivered, account.lost, account.under_way) == (2, 6, 1)
    assert (account.given_up, account.shed, account.overwritten) == (2, 1, 3)
    text = account.as_text().splitlines()
    assert "lost                    6  2 given up, 1 shed, 3 overwritten" in text


def test_what_ended_without_a_delivery_is_lost_and_not_under_way():
    told = Told(4)
    told.deliver(0, 1, 0.1)
    told.hear(b"\x99\x01\0\0\x02\0\0\x04", 0.1)
    account = told.account(interrupted=True)
    assert (account.delivered, account.lost, account.under_way) == (1, 2, 1)
    assert "lost                    2  2 shed" in account.as_text().splitlines()


def test_rates_leave_out_the_time_of_a_reset():
    told = Told(4)
    told.deliver(0, 1_000_000, 0.1)
    told.deliver(1, 1_000_500, 0.2)
    told.session.restarted(1)
    told.deliver(2, 10, 20)
    told.deliver(3, 510, 20.5)
    told.acknowledge(4, 21)
    account = told.account()
    assert (account.mean_qps, account.worst_second, account.resets) == (2, 2, 1)


def test_the_account_as_text_and_json():
    told = Told(1200)
    told.tally.cut = 3
    for number in range(1200):
        told.deliver(number, 2 * number, 1)
    told.acknowledge(1200, 1)
    account = told.account()
    assert account.as_text().splitlines() == [
        "read                1,200",
        "malformed               0",
        "sent                1,200  3 cut to 32 bytes, the board's slot_size",
        "delivered           1,200  in order",
        "lost                    0",
        "mean QPS            500.0  from the first to the last, by the board's clock",
        "busiest second        500  records",
        "p50            1,000.0 ms  from sent to delivered",
        "p95            1,000.0 ms  from sent to delivered",
        "p99            1,000.0 ms  from sent to delivered",
    ]
    figures = json.loads(json.dumps(account.as_dict()))
    assert figures["delivered"] == 1200
    assert figures["malformed_lines"] == []


def test_the_account_tells_what_was_unusual():
    told = Told(4)
    told.arrivals.read, told.arrivals.malformed = 20, 7
    told.arrivals.first_malformed = [f"line {n}: empty" for n in (2, 3, 5, 8, 9)]
    told.arrivals.timeline.jumps, told.arrivals.first_jumps = 2, ["line 4", "line 6"]
    told.deliver(0, 2, 0.1)
    told.deliver(1, 1, 0.1)
    told.deliver(1, 1, 0.1)
    told.acknowledge(2, 0.1)
    told.hear(b"\x55", 0.1)
    told.session.poll(10)
    told.session.restarted(10)
    lines = told.account(interrupted=True, resumed=3).as_text().splitlines()
    for line in (
        "malformed               7  line 2: empty",
        "                           line 9: empty",
        "                           ...",
        "time jumps              2  line 4, line 6: more than a day from the line before; "
        "--longest-gap shortens gaps",
        "resumed                 3  acknowledged by earlier feeds",
        "sent                    4  6 not",
        "delivered               2  1 out of order, 1 again",
        "under way               2  when the feed was ended",
        "resets                  1  of the board",
        "damaged                 1  frames from the board",
    ):
        assert line in lines
    told.arrivals.timeline.longest_gap_s, told.arrivals.timeline.shortened = 0.5, 3
    lines = told.account().as_text().splitlines()
    assert "shortened               3  gaps, to 0.5 s" in lines
    assert (
        "time jumps              2  line 4, line 6: more than a day from the line before" in lines
    )
