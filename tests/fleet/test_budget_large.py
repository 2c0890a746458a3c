"""A gateway's share in a large fleet: what the others write costs it little, and is heeded."""

import pytest
from etcd_twin import EtcdTwin

from sluice_tools.fleet.budget import GatewayShare
from sluice_tools.fleet.budget import ledger as ledger_module
from sluice_tools.fleet.budget.board import Grant, Report
from sluice_tools.fleet.budget.keys import GatewayEntry, write_entry
from sluice_tools.fleet.budget.terms import RENEW_MS
from sluice_tools.fleet.etcd import Transaction, Write

PEERS = 20


def entry(peer, turn, demand):
    return Write(f"/budget/q/gateway/{peer}", write_entry(GatewayEntry(turn, (demand,) * 100)))


class Etcd:
    """Answers what the share asks for at once."""

    def __init__(self, share):
        self.share = share
        self.asked = []
        self._twin = EtcdTwin()
        self.write(Write("/budget/q", b"20010"))

    def write(self, *writes):
        self._twin.transact(Transaction((), writes))

    def poll(self, now):
        """The grants, each of which its board confirms."""
        grants = {}
        for todo in list(self.share.poll(now)):
            if isinstance(todo, Transaction):
                self.asked.append(todo)
                self.share.answered(self._twin.transact(todo), now)
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
    etcd.write(*(entry(f"p{peer}", 1, 1) for peer in range(PEERS)))
    return etcd


def settled(etcd):
    return [etcd.poll(now) for now in (50, 100, 200)][-1]


def test_its_fair_shares_follow_the_others(etcd):
    assert settled(etcd) == {"b": 500}
    etcd.write(*(entry(f"p{peer}", 2, 400) for peer in range(PEERS)))
    late = next(now for now in range(220, 5000, 20) if etcd.poll(now))
    assert late <= 200 + 20 * (PEERS + 1) + 20
    assert etcd.poll(late + 50) == {}
    board = etcd.share._boards["b"]
    assert board.extra == 10, "2,001 boards share 20,010"


def test_however_much_the_others_write_it_reads_their_last_word_now_and_then(etcd, monkeypatch):
    read = []
    original = ledger_module.read_entry
    monkeypatch.setattr(
        ledger_module, "read_entry", lambda value: read.append(value) or original(value)
    )
    settled(etcd)
    etcd.asked.clear()
    read.clear()
    for turn in range(200):
        etcd.write(*(entry(f"p{peer}", 2 + turn, 1 + turn % 3) for peer in range(PEERS)))
        for now in (0, 50):
            etcd.poll(300 + 100 * turn + now)
    looks, renewals = 20000 / (20 * (PEERS + 1)), 20000 / RENEW_MS
    assert len(etcd.asked) <= looks + renewals + 1
    assert len(read) <= (PEERS + 1) * len(etcd.asked)


def test_what_got_no_answer_is_asked_again_at_once(etcd):
    settled(etcd)
    etcd.share.ask("b", 600)
    lost, *_ = etcd.share.poll(300)
    assert b"[600]" in lost.writes[0].value
    etcd.share.answered(None, 310)
    again, *_ = etcd.share.poll(360)
    assert again.compares == lost.compares and b"[600]" in again.writes[0].value


def test_a_board_that_has_begun_a_new_epoch_is_granted_its_rate_at_once(etcd):
    assert settled(etcd) == {"b": 500}
    etcd.share.disconnected("b")
    etcd.share.connected("b", Report(2, 0, 0, 210), 210)
    grants = [todo for todo in etcd.share.poll(220) if isinstance(todo, Grant)]
    assert [(grant.epoch, grant.extra) for grant in grants] == [(2, 500)]


def test_a_report_that_is_older_than_the_last_is_ignored(etcd):
    assert settled(etcd) == {"b": 500}
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
    assert settled(etcd) == {"a": 20010}
    share.disconnected("a")
    if ended == "by another":
        share.connected("a", Report(2, 0, 0, 300), 300)
    share.ask("a", 0)
    share.ask("b", 20010)
    assert not share.reported("a", Report(1, 1000, 0, 310), 310)
    for now in range(320, 1000, 60):
        granted = [todo.extra for todo in share.poll(now) if isinstance(todo, Grant)]
        assert not any(granted), "the board b has what a may be applying"
