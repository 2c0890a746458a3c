"""A gateway's share in a large fleet: what the others write costs it little, and is heeded."""

import pytest

from sluice_tools.fleet.budget import GatewayShare
from sluice_tools.fleet.budget.board import Grant, Report
from sluice_tools.fleet.budget.keys import Asked, GatewayEntry, write_entry
from sluice_tools.fleet.etcd.data import Event, KeyValue, Outcome, Snapshot, Transaction, Update

PEERS = 20


def entry(peer, turn, demand):
    boards = {f"{peer}.{i}": Asked(0, demand) for i in range(100)}
    return f"/budget/q/gateway/{peer}", write_entry(GatewayEntry(turn, boards))


class Etcd:
    """Makes what the share asks for at once, and tells it."""

    def __init__(self, share):
        self.revision = 1
        self.share = share
        share.saw(Snapshot(1, (KeyValue("/budget/q", b"20010", 1, 0),)), 0)

    def write(self, now, *writes):
        self.revision += 1
        events = tuple(Event(key, value, self.revision, 0) for key, value in writes)
        return self.share.saw(Update(self.revision, events), now)

    def poll(self, now):
        """The grants, each of which its board confirms."""
        grants = {}
        for todo in list(self.share.poll(now)):
            if isinstance(todo, Transaction):
                self.share.answered(Outcome(True, self.revision + 1), now)
                assert self.write(now, *((write.key, write.value) for write in todo.writes))
            else:
                grants[todo.board] = todo.extra
                report = Report(1, todo.number, todo.guaranteed, now)
                assert self.share.reported(todo.board, report, now)
                assert not self.share.reported(todo.board, report, now)
        return grants


@pytest.fixture
def etcd():
    share = GatewayShare("me", "q")
    etcd = Etcd(share)
    share.join("b", 0)
    share.connected("b", Report(1, 0, 0, 0), 0)
    share.ask("b", 500)
    for peer in range(PEERS):
        assert not etcd.write(0, entry(f"p{peer}", 1, 1))  # nothing that has to be done at once
    return etcd


def test_its_fair_shares_follow_the_others_within_a_time_that_grows_with_the_fleet(etcd):
    assert [etcd.poll(now) for now in (100, 200)][-1] == {"b": 500}
    for peer in range(PEERS):
        etcd.write(210, entry(f"p{peer}", 2, 400))  # 2001 boards want more than there is: 9 each
    late = next(now for now in range(220, 5000, 20) if etcd.poll(now))
    assert 100 + (PEERS * 100) // 5 <= late <= 600


def test_an_entry_is_read_when_it_is_needed_and_not_before(etcd, monkeypatch):
    read = []
    monkeypatch.setattr("sluice_tools.fleet.budget.gateway_share.read_entry", read.append)
    for turn in range(2, 50):
        etcd.write(turn, entry("p0", turn, 1))
    assert read == []


def test_a_board_that_has_begun_a_new_epoch_is_granted_its_rate_at_once(etcd):
    assert [etcd.poll(now) for now in (100, 200)][-1] == {"b": 500}
    etcd.share.disconnected("b")
    etcd.share.connected("b", Report(2, 0, 0, 210), 210)
    grants = [todo for todo in etcd.share.poll(220) if isinstance(todo, Grant)]
    assert [(grant.epoch, grant.extra) for grant in grants] == [(2, 500)]


def test_a_report_that_is_older_than_the_last_is_ignored(etcd):
    assert [etcd.poll(now) for now in (100, 200)][-1] == {"b": 500}
    assert not etcd.share.reported("b", Report(1, 0, 100, 150), 210)
    assert not etcd.share.reported("b", Report(1, 1, 0, 220), 220)


@pytest.mark.parametrize("ended", ["by another", "by none"])
def test_a_report_of_an_epoch_that_has_ended_confirms_nothing(ended):
    """It comes late, over a line that was replaced: the grant may still be in force."""
    share = GatewayShare("me", "q")
    etcd = Etcd(share)
    for board in ("a", "b"):
        share.join(board, 0)
        share.connected(board, Report(1, 0, 0, 0), 0)
    share.ask("a", 20010)
    assert [etcd.poll(now) for now in (100, 200)][-1] == {"a": 20010}
    share.disconnected("a")
    if ended == "by another":
        share.connected("a", Report(2, 0, 0, 300), 300)
    share.ask("a", 0)
    share.ask("b", 20010)
    assert not share.reported("a", Report(1, 1000, 0, 310), 310)
    for now in range(320, 1000, 60):
        granted = [todo.extra for todo in share.poll(now) if isinstance(todo, Grant)]
        assert not any(granted), "the board b has what a may be applying"
