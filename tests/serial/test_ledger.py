"""The ledger of deliveries: each counted once, confirmed in order, missing ones asked for."""

import pytest

from sluice_tools.serial.ledger import REPORT_EVERY, REPORT_WITHIN_S, Ledger, Receipt
from sluice_tools.serial.window import GIVEN_UP, SEQ_PERIOD, Window

SPREAD_S = 0.3
NEVER = float("inf")


class Books:
    """A window with records 0, 1, 2 ... from `base` on under way, and its ledger."""

    def __init__(self, count, base=0, held=False):
        self.base = base
        self.window = Window(base)
        self.ledger = Ledger(self.window, held)
        self.window.acknowledge(base, count, 0)
        for i in range(count):
            self.window.add(b"%d" % i, 0)

    def deliver(self, *places, now=0.1, tick=5):
        receipts = [
            self.ledger.receive((self.base + i) % SEQ_PERIOD, tick, b"%d" % i, now) for i in places
        ]
        return receipts[-1]

    def acknowledge(self, count, now=0.1):
        records = self.window.acknowledge(self.window.first + count, self.window.credit, now)
        self.ledger.acknowledge(records, now)
        return records

    @property
    def confirmed(self):
        return self.ledger.confirmed - self.base

    def report(self, now):
        return self.ledger.report(now, SPREAD_S)


@pytest.mark.parametrize("base", [0, SEQ_PERIOD - 2])
def test_deliveries_are_confirmed_in_order(base):
    books = Books(4, base)
    for place, confirmed in ((1, 0), (3, 0), (0, 2), (2, 4)):
        assert books.deliver(place) is Receipt.NEW
        assert books.confirmed == confirmed
    assert books.ledger.delivered == 4


def test_each_is_counted_once_and_a_second_one_is_reported_at_once():
    books = Books(2)
    books.deliver(0)
    assert books.report(0.2) == 0
    assert books.deliver(0, now=0.3) is Receipt.AGAIN
    assert (books.ledger.delivered, books.ledger.delivered_again) == (1, 1)
    assert books.report(0.3) == 0
    assert books.report(0.4) is None


def test_what_is_of_no_record_under_way_changes_nothing():
    books = Books(2)
    books.deliver(0)
    books.acknowledge(1)
    assert books.deliver(0) is Receipt.STRAY
    assert books.deliver(2) is Receipt.STRAY
    assert (books.ledger.delivered, books.ledger.delivered_again) == (1, 0)


def test_a_changed_record_is_asked_for_again_and_then_entered_without_its_tick():
    books = Books(1)
    assert books.ledger.receive(0, 7, b"x", 0.1) is Receipt.CHANGED
    assert (books.confirmed, books.report(0.1)) == (0, 0)
    assert books.ledger.receive(0, 7, b"y", 0.2) is Receipt.CHANGED
    assert books.ledger.receive(0, 7, b"y", 0.3) is Receipt.NEW
    (record,) = books.acknowledge(1)
    assert (record.tick, record.delivered_at, books.ledger.delivered) == (None, None, 0)


def test_one_that_was_given_up_is_confirmed_and_not_counted():
    books = Books(1)
    assert books.ledger.end(0, 1, GIVEN_UP, 0.1) is Receipt.NEW
    (record,) = books.acknowledge(1)
    assert (record.returned, record.tick, books.ledger.delivered) == (True, None, 0)


def test_the_board_is_told_of_several_together_or_soon_after_the_first():
    books = Books(REPORT_EVERY + 1)
    books.window.acknowledge(0, 4 * REPORT_EVERY, 1)
    books.deliver(*range(REPORT_EVERY - 1), now=1)
    assert books.report(1) is None
    assert books.ledger.deadline(SPREAD_S) == 1 + REPORT_WITHIN_S
    books.deliver(REPORT_EVERY - 1, now=1)
    assert books.report(1) == 0
    assert books.ledger.deadline(SPREAD_S) == NEVER
    books.deliver(REPORT_EVERY, now=2)
    assert books.report(2 + REPORT_WITHIN_S) == 0


def test_what_was_told_by_other_means_is_not_reported():
    books = Books(1)
    books.deliver(0)
    books.ledger.reported()
    assert books.report(9) is None


def test_missing_ones_are_asked_for_at_once_and_again_after_a_round_trip():
    books = Books(6)
    books.deliver(0, 3, now=1)
    assert books.report(1) == 2
    assert books.ledger.deadline(SPREAD_S) == 1 + SPREAD_S
    books.deliver(4, now=1.1)
    assert books.report(1.2) is None
    assert books.report(1 + SPREAD_S) == 2
    books.deliver(1, now=1.4)
    assert books.report(1.4) == 1  # another one is the first that is missing
    books.deliver(2, now=1.5)
    assert books.report(1.5 + REPORT_WITHIN_S) == 0
    assert (books.confirmed, books.ledger.deadline(SPREAD_S)) == (5, NEVER)


def test_no_more_are_said_to_be_missing_than_a_frame_can_say():
    books = Books(400)
    books.deliver(399)
    assert books.report(0.1) == 255


def test_held_ones_are_confirmed_as_far_as_they_are_done_with():
    books = Books(4, held=True)
    books.deliver(0, 1, 2)
    assert (books.confirmed, books.report(9)) == (0, None)
    books.ledger.confirm(2, 1)
    assert books.confirmed == 2
    books.ledger.confirm(1, 1)
    assert books.confirmed == 2
    assert books.report(1 + REPORT_WITHIN_S) == 0
    books.acknowledge(2)
    books.ledger.confirm(3, 2)
    assert books.confirmed == 3


def test_a_sink_that_does_not_report_back_confirms_by_acknowledging():
    books = Books(4)
    books.acknowledge(3)
    assert (books.confirmed, books.report(9)) == (3, None)


def test_grants_that_are_not_in_the_order_of_sending_are_counted():
    books = Books(4)
    for place, tick in ((0, (1 << 30) - 1), (1, 5), (2, 4), (3, 4)):
        books.deliver(place, tick=tick)
    books.acknowledge(4)
    assert books.ledger.out_of_order == 1


def test_ticks_that_are_days_apart_are_not_compared():
    books = Books(2)
    books.deliver(0, tick=5, now=0.1)
    books.acknowledge(1)
    week_s = 7 * 24 * 3600
    books.deliver(1, tick=5 + week_s * 1000, now=week_s)
    books.acknowledge(1, now=week_s)
    assert books.ledger.out_of_order == 0


def test_a_reset_begins_the_order_and_what_is_missing_anew():
    books = Books(4)
    books.deliver(0, tick=900)
    books.deliver(2, tick=901)
    assert books.ledger.has_passed(1) and books.ledger.has_passed(2)
    assert books.report(0.1) == 1
    books.ledger.reset()
    assert not books.ledger.has_passed(0)
    assert books.report(9) is None
    books.deliver(1, 3, tick=3)
    records = books.acknowledge(4)
    assert [record.boot for record in records] == [0, 1, 0, 1]
    assert (books.ledger.resets, books.ledger.out_of_order) == (1, 0)
