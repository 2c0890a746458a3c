"""One gateway's part in a budget that the gateways of a fleet share out over their boards.

Nothing here waits, reads a clock or knows of a network: what happens is told, with the time in ms
of one clock (tools/fleet/budget/terms.py says which), and `poll` returns what is to be done. The
protocol, and why the rates in force never exceed the budget, is docs/fleet.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from ...errors import UserError
from ..etcd.data import Compare, Is, Outcome, Snapshot, Transaction, Update, Write, prefix_end
from ..etcd.mirror import Mirror
from .board import BoardShare, Grant, Report
from .fair import extras
from .keys import (
    RATE_MAX,
    Asked,
    GatewayEntry,
    Keys,
    Reservation,
    check_name,
    read_claim,
    read_entry,
    read_rate,
    read_reservation,
    write_count,
    write_entry,
    write_reservation,
)
from .terms import EXPIRED_MS, LEASE_MS, RENEW_MS

_T = TypeVar("_T")

POLL_MS = 100
"""`poll` is called at least so often."""

_PACE_MS = 50  # between two transactions
_AGAIN_MS = 300  # until a grant that was not confirmed is sent again
_BOARDS_AT_ONCE = 40  # etcd takes 128 operations in a transaction
_BOARDS_PER_MS = 5  # of the fleet: its fair shares are computed the less often the more there are


@dataclass(frozen=True, slots=True)
class _Turn:
    """A renewal that was asked for, and that may be made, now or later."""

    asked_at: int
    claim: int
    guaranteed: dict[str, int]


@dataclass(slots=True)
class _Peer:
    """A gateway's entry, as last seen; of a large fleet's most are never read."""

    value: bytes
    mod_revision: int
    seen_at: int
    tried_at: int | None = None
    read: GatewayEntry | None = None

    @property
    def entry(self) -> GatewayEntry:
        if self.read is None:
            self.read = read_entry(self.value)
        return self.read


@dataclass(slots=True)
class _Plan:
    """What a transaction is to change besides the gateway's own entry."""

    claim: int
    boards: dict[str, Reservation | None] = field(default_factory=dict)
    raises: bool = False


class GatewayShare:
    """The part of one gateway in one budget.

    gateway: a name that no other process has or had, so that nobody takes this one's claim for his.
    budget:  the NAME of /budget/NAME.

    The caller feeds it `Etcd.follow("/budget/")`, and what its boards report; sends each Grant to
    its board; and asks etcd each Transaction, one at a time, and tells the answer.
    """

    def __init__(self, gateway: str, budget: str) -> None:
        """UserError: one of the names cannot stand in a key."""
        check_name("gateway", gateway)
        self._me = gateway
        self._keys = Keys(budget)
        self._mirror = Mirror()
        self._rate = 0
        self._reserved: dict[str, Reservation] = {}
        self._claims: dict[str, int] = {}
        self._spare = 0  # of the rate, what is not guaranteed
        self._claimed = 0
        self._peers: dict[str, _Peer] = {}
        self._boards: dict[str, BoardShare] = {}
        self._leaving: set[str] = set()
        self._turn = 0
        self._turns: dict[int, _Turn] = {}  # those that may be made on what the mirror shows
        self._lease: _Turn | None = None  # the last that was made
        self._asking = False
        self._asked_at: int | None = None
        self._refused = False
        self._known_from = 0  # the revision that the mirror has to reach for the next turn
        self._targets: dict[str, int] = {}  # each own board's fair share above what is guaranteed
        self._targets_stale = True  # what they hang on has changed
        self._targets_due = 0  # when they may be computed again
        self._admitted: set[str] = set()
        self._stopping = False

    # What the boards do.

    def join(self, board: str, guaranteed: int) -> None:
        """Lets the board take part with this share guaranteed; again: with another share.

        UserError: the name cannot stand in a key, or the share is not 0 .. RATE_MAX.
        """
        check_name("board", board)
        if not 0 <= guaranteed <= RATE_MAX:
            raise UserError(f"board {board}: guaranteed {guaranteed}: expected 0 to {RATE_MAX}")
        self._boards.setdefault(board, BoardShare(board)).wanted = guaranteed
        self._leaving.discard(board)
        self._targets_stale = True

    def leave(self, board: str) -> None:
        """Ends the board's part. Its guaranteed share stays reserved until it confirms 0."""
        self._boards[board].wanted = self._boards[board].demand = 0
        self._leaving.add(board)
        self._targets_stale = True

    def ask(self, board: str, demand: int) -> None:
        """Notes the rate that the board could use, 0 or more; above RATE_MAX it counts as that."""
        demand = min(demand, RATE_MAX)
        if board not in self._leaving and self._boards[board].demand != demand:
            self._boards[board].demand = demand
            self._targets_stale = True

    def connected(self, board: str, report: Report, now: int) -> None:
        """Notes the report with which the board has answered this connection's hello."""
        self._boards[board].connect(report, now)
        self._targets_stale = True

    def reported(self, board: str, report: Report, now: int) -> bool:
        """Notes what a board reports, in its order. A report of another epoch is ignored.

        Whether that gives `poll` anything new to do.
        """
        return self._boards[board].hear(report, now)

    def disconnected(self, board: str) -> None:
        """Notes that the board cannot be reached. By itself it falls back to what is guaranteed."""
        self._boards[board].epoch = None
        self._targets_stale = True

    def stop(self) -> None:
        """Begins to give back all that is not guaranteed; then the gateway leaves."""
        self._stopping = True
        self._targets_stale = True

    @property
    def stopped(self) -> bool:
        """Whether this gateway has left: nothing of it stands in etcd, or will."""
        return self._stopping and self._me not in self._peers and not self._turns

    @property
    def waiting(self) -> set[str]:
        """The connected boards whose guaranteed share the budget has no room for, or not yet."""
        return {
            board.name
            for board in self._boards.values()
            if board.epoch is not None and board.wanted > self._guaranteed_by_ledger(board.name)
        }

    # What etcd says.

    def saw(self, news: Snapshot | Update, now: int) -> bool:
        """Receives the next of what `Etcd.follow` yields.

        Whether that gives `poll` anything to do at once: not what other gateways ask and claim.
        """
        spare_is_known = True
        about_me = False
        for key in self._mirror.apply(news):
            kv = self._mirror.kvs.get(key)
            if key == self._keys.rate:
                self._rate = read_rate(kv.value if kv else None)
                spare_is_known = False
            elif board := _after(key, self._keys.boards):
                _put(self._reserved, board, kv and read_reservation(kv.value))
                spare_is_known = False
            elif gateway := _after(key, self._keys.claims):
                _put(self._claims, gateway, kv and read_claim(kv.value))
            elif gateway := _after(key, self._keys.gateways):
                peer = kv and _Peer(kv.value, kv.mod_revision, now)
                self._put_peer(gateway, peer)
                about_me |= gateway == self._me
        self._claimed = sum(self._claims.values())
        if not spare_is_known:
            self._spare = self._rate - sum(kept.guaranteed for kept in self._reserved.values())
            self._targets_stale = True
        return about_me or not spare_is_known

    def answered(self, outcome: Outcome | None, now: int) -> None:
        """Receives the outcome of the last transaction; None: unknown, it may still be made."""
        self._asking = False
        if outcome is not None:
            self._refused = not outcome.committed
            if outcome.committed:
                self._known_from = outcome.revision

    # What is to be done.

    def poll(self, now: int) -> Iterator[Transaction | Grant]:
        """Returns what has to be asked of etcd, and told to boards, now."""
        for board in self._boards.values():
            board.expire(now)
        for name in sorted(self._leaving):
            self._forget(self._boards[name])
        transaction = self._next_transaction(now)
        if transaction is not None:
            self._asking = True
            yield transaction
        yield from self._grants(now)

    def _put_peer(self, gateway: str, peer: _Peer | None) -> None:
        _put(self._peers, gateway, peer)
        if gateway == self._me:
            self._own_entry_changed()
        else:
            self._targets_stale = True

    def _own_entry_changed(self) -> None:
        # Each turn asked for so far was to be made on the entry as it was: all but this are void.
        peer = self._peers.get(self._me)
        self._lease = self._turns.get(peer.entry.turn) if peer else None
        self._turns.clear()

    def _next_transaction(self, now: int) -> Transaction | None:
        if self._asking or self._mirror.revision == 0:
            return None
        if self._asked_at is not None and now - self._asked_at < _PACE_MS:
            return None
        late = self._asked_at is None or now - self._asked_at >= RENEW_MS
        if self._mirror.revision < self._known_from and not late:
            return None
        return self._own_turn(now) or self._clear_away(now)

    def _own_turn(self, now: int) -> Transaction | None:
        peer = self._peers.get(self._me)
        if self._stopping and self._exposed() == 0:
            return self._farewell(now) if peer else None
        due = self._lease is None or now - self._lease.asked_at >= RENEW_MS
        plan = self._plan(now, may_raise=not (self._refused and due))
        boards = {b.name: self._asked(b) for b in self._boards.values()}
        same = plan.claim == self._claims.get(self._me, 0) and not plan.boards
        if peer and not due and same and boards == peer.entry.boards:
            return None
        return self._renewal(plan, boards, now)

    def _plan(self, now: int, may_raise: bool) -> _Plan:
        targets = self._fair_targets(now)
        claim = self._claims.get(self._me, 0)
        spare = self._spare - self._claimed if may_raise else 0
        plan = _Plan(claim)
        for board in self._boards.values():
            if board.epoch is None or len(plan.boards) == _BOARDS_AT_ONCE:
                continue
            ledger = self._reserved.get(board.name)
            held = ledger.guaranteed if ledger else 0
            more = board.wanted - held
            if more > 0 and board.name in self._admitted and more <= spare:
                spare -= more
                plan.raises = True
                share = board.wanted
            elif self._is_adopted(board):
                share = min(held, max(board.wanted, board.guaranteed))
            else:
                share = held
            if ledger is None and share == 0:
                continue
            if share != held or not self._is_adopted(board):
                kept = Reservation(share, self._me, board.epoch) if share else None
                plan.boards[board.name] = kept
        wanted = min(sum(targets.values()), claim + max(0, spare))
        plan.claim = max(self._exposed(), wanted)
        plan.raises |= plan.claim > claim
        return plan

    def _renewal(self, plan: _Plan, boards: dict[str, Asked], now: int) -> Transaction:
        self._turn += 1
        guaranteed = {name: kept.guaranteed if kept else 0 for name, kept in plan.boards.items()}
        self._turns[self._turn] = _Turn(now, plan.claim, guaranteed)
        self._asked_at = now
        entry = write_entry(GatewayEntry(self._turn, boards))
        writes = [
            Write(self._keys.gateways + self._me, entry),
            Write(self._keys.claims + self._me, write_count(plan.claim)),
        ]
        compares = [self._unchanged(self._keys.gateways + self._me)]
        for name, kept in plan.boards.items():
            key = self._keys.boards + name
            compares.append(self._unchanged(key))
            writes.append(Write(key, write_reservation(kept) if kept else None))
        if plan.raises:
            compares += self._nobody_else_took()
        return Transaction(tuple(compares), tuple(writes))

    def _nobody_else_took(self) -> list[Compare]:
        """Returns the conditions that no term of the sum was written since it was computed.

        What was deleted since does not matter: the sum only fell. The own claim is left out: it
        has changed only if the own entry has.
        """
        since = self._mirror.revision + 1
        mine = self._keys.claims + self._me
        return [
            self._unchanged(self._keys.rate),
            Compare(self._keys.boards, Is.LESS, since, prefix_end(self._keys.boards)),
            Compare(self._keys.claims, Is.LESS, since, mine),
            Compare(mine + "\0", Is.LESS, since, prefix_end(self._keys.claims)),
        ]

    def _unchanged(self, key: str) -> Compare:
        kv = self._mirror.kvs.get(key)
        return Compare(key, Is.EQUAL, kv.mod_revision if kv else 0)

    def _farewell(self, now: int) -> Transaction:
        self._asked_at = now
        return self._removal(self._me)

    def _clear_away(self, now: int) -> Transaction | None:
        """Takes back what a gateway held whose lease has certainly ended."""
        for gateway, peer in self._peers.items():
            if gateway == self._me or now - peer.seen_at < EXPIRED_MS:
                continue
            if peer.tried_at is None or now - peer.tried_at >= _AGAIN_MS:
                peer.tried_at = self._asked_at = now
                return self._removal(gateway)
        return None

    def _removal(self, gateway: str) -> Transaction:
        key = self._keys.gateways + gateway
        writes = (Write(key, None), Write(self._keys.claims + gateway, None))
        return Transaction((self._unchanged(key),), writes)

    def _grants(self, now: int) -> Iterator[Grant]:
        boards = [board for board in self._boards.values() if self._may_tell(board)]
        if not boards:
            return
        limit, ends_at = self._limit(now)
        targets = self._fair_targets(now)
        asked = [(0, targets.get(board.name, 0)) for board in boards]
        allowed = dict(zip((b.name for b in boards), extras(limit, asked), strict=True))
        room = limit - self._exposed()
        for board in boards:
            held, extra = board.extra, allowed[board.name]
            if extra > held:
                extra = held + max(0, min(extra - held, room))
                room -= extra - held
            guaranteed = self._guaranteed_share(board)
            if board.needs(guaranteed, extra, ends_at, now, _AGAIN_MS):
                grant = board.grant(guaranteed, extra, ends_at, now)
                if grant is not None:
                    yield grant

    def _limit(self, now: int) -> tuple[int, int]:
        """Returns what may be granted above the guaranteed shares, and until when."""
        if self._lease is None:
            return 0, now
        ends_at = self._lease.asked_at + LEASE_MS
        if now >= ends_at:
            return 0, now
        turns = (turn.claim for turn in self._turns.values())
        return min(self._claims.get(self._me, 0), self._fits(), *turns), ends_at

    def _fits(self) -> int:
        """Returns how much of the own claim fits if the budget was lowered below all claims.

        The gateways keep theirs in the order of their names, as far as they fit.
        """
        before = sum(claim for name, claim in self._claims.items() if name < self._me)
        return max(0, self._spare - before)

    def _exposed(self) -> int:
        return sum(board.extra for board in self._boards.values())

    def _fair_targets(self, now: int) -> dict[str, int]:
        """Returns what each own board is due above its guaranteed share."""
        if self._stopping:
            return {}
        if self._targets_stale and now >= self._targets_due:
            self._targets = self._compute_targets()
            self._targets_stale = False
            boards = sum(len(peer.entry.boards) for peer in self._peers.values())
            self._targets_due = now + boards // _BOARDS_PER_MS
        return self._targets

    def _compute_targets(self) -> dict[str, int]:
        asked = {
            (board, gateway): asked
            for gateway, peer in self._peers.items()
            if gateway != self._me
            for board, asked in peer.entry.boards.items()
        }
        asked |= {(b.name, self._me): self._asked(b) for b in self._boards.values()}
        order = sorted(asked)
        guaranteed = {name: kept.guaranteed for name, kept in self._reserved.items()}
        left = self._spare
        self._admitted = set()
        for name, gateway in order:
            more = asked[name, gateway].guaranteed - guaranteed.get(name, 0)
            if 0 < more <= left:
                guaranteed[name] = asked[name, gateway].guaranteed
                left -= more
                self._admitted.add(name)
        demands = [(guaranteed.get(name, 0), asked[name, gw].demand) for name, gw in order]
        shares = dict(zip(order, extras(max(0, left), demands), strict=True))
        return {name: shares[name, self._me] for name in self._boards}

    def _asked(self, board: BoardShare) -> Asked:
        if board.epoch is None or self._stopping:
            return Asked(0, 0)
        return Asked(board.wanted, board.demand)

    def _guaranteed_by_ledger(self, board: str) -> int:
        kept = self._reserved.get(board)
        return kept.guaranteed if kept else 0

    def _is_adopted(self, board: BoardShare) -> bool:
        kept = self._reserved.get(board.name)
        return kept is not None and (kept.gateway, kept.epoch) == (self._me, board.epoch)

    def _may_tell(self, board: BoardShare) -> bool:
        """Whether the ledger names this connection: before, an older one may lower the share."""
        return board.epoch is not None and (
            board.name not in self._reserved or self._is_adopted(board)
        )

    def _guaranteed_share(self, board: BoardShare) -> int:
        """Returns the share that the board may fall back to, however the turns under way end."""
        kept = self._guaranteed_by_ledger(board.name)
        least = min(board.wanted, kept)
        for turn in self._turns.values():
            least = min(least, turn.guaranteed.get(board.name, kept))
        return least

    def _forget(self, board: BoardShare) -> None:
        gone = board.name not in self._reserved and not any(
            board.name in turn.guaranteed for turn in self._turns.values()
        )
        if gone and board.extra == 0 and board.guaranteed == 0:
            del self._boards[board.name]
            self._leaving.discard(board.name)


def _after(key: str, prefix: str) -> str | None:
    return key[len(prefix) :] if key.startswith(prefix) else None


def _put(table: dict[str, _T], key: str, value: _T | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
