"""One gateway's part in a budget that the gateways of a fleet share out over their boards.

Nothing here waits, reads a clock or knows of a network: what happens is told, with the time in ms
of one clock (tools/fleet/budget/terms.py says which), and `poll` returns what is to be done. The
protocol, and why the rates in force never exceed the budget, is docs/fleet.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from ...errors import UserError
from ..etcd.data import Outcome, Transaction, Write
from .board import BoardShare, Grant, Report
from .claim import next_claim
from .fair import Demands, extras, shares, water_level
from .keys import (
    RATE_MAX,
    GatewayEntry,
    Keys,
    Reservation,
    check_name,
    write_count,
    write_entry,
    write_reservation,
)
from .ledger import Ledger, Peer
from .terms import EXPIRED_MS, LEASE_MS, RENEW_MS

POLL_MS = 100
"""`poll` is called at least so often."""

_PACE_MS = 50  # between two transactions
_AT_ONCE = 3  # refusals after which the next one is asked without a pause
_AGAIN_MS = 300  # until a grant that was not confirmed is sent again
_BOARDS_AT_ONCE = 40  # etcd takes 128 operations in a transaction
_LOOK_MS = 200  # how often it looks at what the others do, where there are others
_LOOK_MS_EACH = 20  # the same for each gateway: all of them together read as much in any fleet


@dataclass(frozen=True, slots=True)
class _Turn:
    """A renewal that was asked for, and that may be made, now or later."""

    asked_at: int
    claim: int
    guaranteed: dict[str, int]


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

    The caller tells it what its boards report; sends each Grant to its board; and asks etcd each
    Transaction, one at a time, and tells the answer.
    """

    def __init__(self, gateway: str, budget: str) -> None:
        """UserError: one of the names cannot stand in a key."""
        check_name("gateway", gateway)
        self._me = gateway
        self._keys = Keys(budget)
        self._ledger = Ledger(self._keys)
        self._boards: dict[str, BoardShare] = {}
        self._leaving: set[str] = set()
        self._turn = 0
        self._turns: dict[int, _Turn] = {}  # those that may be made on what the ledger shows
        self._lease: _Turn | None = None  # the last that was made
        self._asking: Transaction | None = None
        self._asked_at: int | None = None
        self._again_ms = _PACE_MS  # when to look again for room
        self._refusals = 0  # of the last transactions, those in a row that etcd refused
        self._targets: dict[str, int] = {}  # each own board's fair share above what is guaranteed
        self._targets_stale = True  # what they hang on has changed
        self._changed = True  # something has, since it was last seen whether a turn is due
        self._others: dict[str, Peer] = {}  # the other gateways, as they were when they were
        self._others_at: int | None = None  # last read, and
        self._others_ask = Demands((), ())  # what their boards ask for together
        self._admitted: dict[str, int] = {}  # boards and the larger guaranteed share that has room
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
        self._changed = self._targets_stale = True

    def leave(self, board: str) -> None:
        """Ends the board's part. Its guaranteed share stays reserved until it confirms 0."""
        self._boards[board].wanted = self._boards[board].demand = 0
        self._leaving.add(board)
        self._changed = self._targets_stale = True

    def ask(self, board: str, demand: int) -> None:
        """Notes the rate that the board could use, 0 or more; above RATE_MAX it counts as that."""
        demand = min(demand, RATE_MAX)
        if board not in self._leaving and self._boards[board].demand != demand:
            self._boards[board].demand = demand
            self._changed = self._targets_stale = True

    def connected(self, board: str, report: Report, now: int) -> None:
        """Notes the report with which the board has answered this connection's hello."""
        self._boards[board].connect(report, now)
        self._changed = self._targets_stale = True

    def reported(self, board: str, report: Report, now: int) -> bool:
        """Notes what a board reports, in its order. A report of another epoch is ignored.

        Whether that gives `poll` anything new to do.
        """
        is_news = self._boards[board].hear(report, now)
        self._changed |= is_news
        return is_news

    def disconnected(self, board: str) -> None:
        """Notes that the board cannot be reached. By itself it falls back to what is guaranteed."""
        self._boards[board].epoch = None
        self._changed = self._targets_stale = True

    def stop(self) -> None:
        """Begins to give back all that is not guaranteed; then the gateway leaves."""
        self._stopping = True
        self._changed = self._targets_stale = True

    @property
    def stopped(self) -> bool:
        """Whether this gateway has left: nothing of it stands in etcd, or will."""
        return self._stopping and self._me not in self._ledger.gateways and not self._turns

    @property
    def waiting(self) -> set[str]:
        """The connected boards whose guaranteed share the budget has no room for, or not yet."""
        return {*self._waiting()}

    # What etcd says.

    def answered(self, outcome: Outcome | None, now: int) -> None:
        """Receives the outcome of the last transaction; None: unknown, it may still be made."""
        asked, self._asking = self._asking, None
        if asked is None:
            return
        if outcome is None:
            self._changed = True  # what was asked is still to be done
            return
        self._refusals = 0 if outcome.committed else self._refusals + 1
        mine = self._ledger.gateways.get(self._me)
        reads = asked.reads if outcome.committed else asked.instead
        self._ledger.take_in(reads, outcome, now)
        if self._ledger.gateways.get(self._me) is not mine:
            self._own_entry_changed()
        if self._read_others(now) or any(found.kvs for found in outcome.found):
            self._changed = self._targets_stale = True

    # What is to be done.

    def poll(self, now: int) -> Iterator[Transaction | Grant]:
        """Returns what has to be asked of etcd, and told to boards, now."""
        for board in self._boards.values():
            self._changed |= board.expire(now)
        changed = self._changed
        for name in sorted(self._leaving):
            self._forget(self._boards[name])
        transaction = self._next_transaction(now)
        if transaction is not None:
            self._asking = transaction
            self._asked_at = now
            yield transaction
        if changed or any(board.unconfirmed for board in self._boards.values()):
            yield from self._grants(now)

    def _read_others(self, now: int) -> bool:
        """Reads what the others say, where it is something new and that was not done just now;
        whether it did.
        """
        peers = {name: peer for name, peer in self._ledger.gateways.items() if name != self._me}
        just_now = self._others_at is not None and now - self._others_at < self._look_every()
        if peers == self._others or (just_now and peers.keys() == self._others.keys()):
            return False
        self._others_at = now
        self._others = peers
        self._others_ask = Demands(
            chain.from_iterable(peer.entry.demands for peer in peers.values()),
            chain.from_iterable(peer.entry.guaranteed for peer in peers.values()),
        )
        return True

    def _own_entry_changed(self) -> None:
        # Each turn asked for so far was to be made on the entry as it was: all but this are void.
        peer = self._ledger.gateways.get(self._me)
        self._lease = self._turns.get(peer.entry.turn) if peer else None
        self._turns.clear()

    def _next_transaction(self, now: int) -> Transaction | None:
        if self._asking is not None:
            return None
        # What was refused has a chance at once, when it is known what stands: later the others have
        # written again.
        pace = 0 if 0 < self._refusals <= _AT_ONCE else _PACE_MS
        if self._asked_at is not None and now - self._asked_at < pace:
            return None
        if self._ledger.revision == 0:
            return self._look()
        due = self._lease is None or now - self._lease.asked_at >= RENEW_MS
        changed, self._changed = self._changed, False
        turn = self._own_turn(due, now) if due or changed else None
        return turn or self._clear_away(now) or self._due_look(now)

    def _own_turn(self, due: bool, now: int) -> Transaction | None:
        peer = self._ledger.gateways.get(self._me)
        if self._stopping and self._exposed() == 0:
            return self._removal(self._me) if peer else None
        plan = self._plan(now, may_raise=not (self._refusals and due))
        same = plan.claim == self._ledger.claims.get(self._me, 0) and not plan.boards
        entry = self._entry()
        if peer and not due and same and replace(entry, turn=peer.entry.turn) == peer.entry:
            return None
        return self._renewal(plan, entry, now)

    def _due_look(self, now: int) -> Transaction | None:
        """Reads what the others have written; sooner, and then later and later, while they have to
        make room.
        """
        assert self._asked_at is not None
        every = self._look_every()
        if sum(self._fair_targets().values()) > self._ledger.claims.get(self._me, 0):
            every = min(every, self._again_ms)
        else:
            self._again_ms = _PACE_MS
        if self._ledger.complete and now - self._asked_at < every:
            return None
        self._again_ms *= 2
        return self._look()

    def _look_every(self) -> int:
        """Returns after how many ms it reads what the others say: the more they are, the later."""
        others = len(self._ledger.gateways) - (self._me in self._ledger.gateways)
        if not others:
            return RENEW_MS
        return min(RENEW_MS, max(_LOOK_MS, _LOOK_MS_EACH * (others + 1)))

    def _look(self) -> Transaction:
        ledger = self._ledger
        mine = ledger.unchanged(self._keys.gateways + self._me)
        return Transaction((mine,), (), ledger.news(), ledger.everything())

    def _plan(self, now: int, may_raise: bool) -> _Plan:
        targets = self._fair_targets()
        claim = self._ledger.claims.get(self._me, 0)
        spare = self._ledger.spare - self._ledger.claimed if may_raise else 0
        plan = _Plan(claim)
        for board in self._boards.values():
            if board.epoch is None or len(plan.boards) == _BOARDS_AT_ONCE:
                continue
            known = board.name in self._ledger.reserved
            held = self._ledger.guaranteed(board.name)
            more = board.wanted - held
            if more > 0 and board.name in self._admitted and more <= spare:
                spare -= more
                plan.raises = True
                share = board.wanted
            elif self._is_adopted(board):
                share = min(held, max(board.wanted, board.guaranteed))
            else:
                share = held
            if not known and share == 0:
                continue
            if share != held or not self._is_adopted(board):
                kept = Reservation(share, self._me, board.epoch) if share else None
                plan.boards[board.name] = kept
        wanted = next_claim(claim, sum(targets.values()), self._ledger.spare, spare)
        plan.claim = max(self._exposed(), wanted)
        plan.raises |= plan.claim > claim
        return plan

    def _renewal(self, plan: _Plan, entry: GatewayEntry, now: int) -> Transaction:
        ledger = self._ledger
        guaranteed = {name: kept.guaranteed if kept else 0 for name, kept in plan.boards.items()}
        self._turn = entry.turn
        self._turns[entry.turn] = _Turn(now, plan.claim, guaranteed)
        key = self._keys.gateways + self._me
        compares, writes = [ledger.unchanged(key)], [Write(key, write_entry(entry))]
        if plan.claim != ledger.claims.get(self._me):
            writes.append(Write(self._keys.claims + self._me, write_count(plan.claim)))
        for name, kept in plan.boards.items():
            key = self._keys.boards + name
            compares.append(ledger.unchanged(key))
            writes.append(Write(key, write_reservation(kept) if kept else None))
        if plan.raises:
            compares += ledger.nobody_else_took(self._me)
        # What was deleted shows only when all is read.
        reads = ledger.everything() if None in plan.boards.values() else ledger.news()
        return Transaction(tuple(compares), tuple(writes), reads, ledger.everything())

    def _clear_away(self, now: int) -> Transaction | None:
        """Takes back what a gateway held whose lease has certainly ended."""
        for gateway, peer in self._ledger.gateways.items():
            if gateway == self._me or now - peer.seen_at < EXPIRED_MS:
                continue
            if peer.tried_at is None or now - peer.tried_at >= _AGAIN_MS:
                peer.tried_at = now
                return self._removal(gateway)
        return None

    def _removal(self, gateway: str) -> Transaction:
        ledger = self._ledger
        key = self._keys.gateways + gateway
        writes = (Write(key, None), Write(self._keys.claims + gateway, None))
        return Transaction(
            (ledger.unchanged(key),), writes, ledger.everything(), ledger.everything()
        )

    def _grants(self, now: int) -> Iterator[Grant]:
        boards = [board for board in self._boards.values() if self._may_tell(board)]
        if not boards:
            return
        limit, ends_at = self._limit(now)
        targets = self._fair_targets()
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
        return min(self._ledger.claims.get(self._me, 0), self._fits(), *turns), ends_at

    def _fits(self) -> int:
        """Returns how much of the own claim fits if the budget was lowered below all claims.

        The gateways keep theirs in the order of their names, as far as they fit.
        """
        before = sum(claim for name, claim in self._ledger.claims.items() if name < self._me)
        return max(0, self._ledger.spare - before)

    def _exposed(self) -> int:
        return sum(board.extra for board in self._boards.values())

    def _fair_targets(self) -> dict[str, int]:
        """Returns what each own board is due above its guaranteed share."""
        if self._stopping:
            return {}
        if self._targets_stale:
            self._targets = self._compute_targets()
            self._targets_stale = False
        return self._targets

    def _compute_targets(self) -> dict[str, int]:
        left = self._admit()
        names = sorted(name for name, board in self._boards.items() if board.epoch is not None)
        boards = [(self._due_guarantee(name), self._boards[name].demand) for name in names]
        level, rest = water_level(max(0, left), [self._others_ask, Demands.of(boards)])
        # What is less than a unit for each board goes to the first gateways, by their names.
        for name, peer in self._others.items() if rest else ():
            if name < self._me:
                rest -= Demands(peer.entry.demands, peer.entry.guaranteed).asking(level)
        return dict(zip(names, shares(boards, level, rest), strict=True))

    def _admit(self) -> int:
        """Notes which larger guaranteed shares have room; returns the rate that is spare then."""
        waiting = {name: peer.entry.waiting for name, peer in self._others.items()}
        waiting[self._me] = {} if self._stopping else self._waiting()
        guaranteed: dict[str, int] = {}
        left = self._ledger.spare
        for name, _, wanted in sorted(
            (board, gateway, wanted)
            for gateway, boards in waiting.items()
            for board, wanted in boards.items()
        ):
            more = wanted - guaranteed.get(name, self._ledger.guaranteed(name))
            if 0 < more <= left:
                guaranteed[name] = wanted
                left -= more
        self._admitted = guaranteed
        return left

    def _due_guarantee(self, board: str) -> int:
        return self._admitted.get(board, self._ledger.guaranteed(board))

    def _entry(self) -> GatewayEntry:
        """Returns what the next turn is to say."""
        if self._stopping:
            return GatewayEntry(self._turn + 1)
        asked = Demands.of(
            (self._ledger.guaranteed(name), board.demand)
            for name, board in self._boards.items()
            if board.epoch is not None
        )
        demands, guaranteed = tuple(asked.demands), tuple(asked.guaranteed)
        return GatewayEntry(self._turn + 1, demands, guaranteed, self._waiting())

    def _waiting(self) -> dict[str, int]:
        """Returns the boards that shall have more guaranteed than they have, and how much."""
        return {
            name: board.wanted
            for name, board in self._boards.items()
            if board.epoch is not None and board.wanted > self._ledger.guaranteed(name)
        }

    def _is_adopted(self, board: BoardShare) -> bool:
        kept = self._ledger.reserved.get(board.name)
        return kept is not None and (kept.gateway, kept.epoch) == (self._me, board.epoch)

    def _may_tell(self, board: BoardShare) -> bool:
        """Whether the ledger names this connection: before, an older one may lower the share."""
        return board.epoch is not None and (
            board.name not in self._ledger.reserved or self._is_adopted(board)
        )

    def _guaranteed_share(self, board: BoardShare) -> int:
        """Returns the share that the board may fall back to, however the turns under way end."""
        kept = self._ledger.guaranteed(board.name)
        least = min(board.wanted, kept)
        for turn in self._turns.values():
            least = min(least, turn.guaranteed.get(board.name, kept))
        return least

    def _forget(self, board: BoardShare) -> None:
        gone = board.name not in self._ledger.reserved and not any(
            board.name in turn.guaranteed for turn in self._turns.values()
        )
        if gone and board.extra == 0 and board.guaranteed == 0:
            del self._boards[board.name]
            self._leaving.discard(board.name)
