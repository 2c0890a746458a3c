"""A fleet that shares a budget, on a virtual clock: etcd, gateways, boards, and all that can fail.

The gateways run tools/fleet/budget as a real one does. What is simulated is what surrounds them:
the network to etcd, the lines to the boards, the boards, and the clocks. The same seed is the
same run.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from etcd_twin import EtcdTwin

import host_sim  # noqa: F401  (first: it brings the firmware's modules)
import sluice.program.share as firmware
from sluice_tools.fleet.budget import POLL_MS, GatewayShare, Grant, Report
from sluice_tools.fleet.budget.fair import extras
from sluice_tools.fleet.budget.keys import (
    Keys,
    read_claim,
    read_rate,
    read_reservation,
    write_count,
)
from sluice_tools.fleet.budget.terms import DRIFT_PERCENT, EXPIRED_MS, LEASE_MS
from sluice_tools.fleet.etcd import Compare, Transaction, Write, prefix_end
from sluice_tools.fleet.etcd.data import Is

BUDGET = "qps"
KEYS = Keys(BUDGET)
DRIFT = DRIFT_PERCENT / 100

GUARANTEES = [0, 0, 5, 20, 60]
DEMANDS = [0, 20, 100, 300, 1000, 2000]

_TICKS = (1 << 30) - 1
_CALL_MS = 1000  # how long a gateway waits for etcd's answer
_HELLO_MS = 500
_REPORT_MS = 1000


class OverBudgetError(AssertionError):
    """The sum of the rates that boards apply is above the budget."""


class Clock:
    """A monotonic clock that started at some time and is off by up to the drift."""

    def __init__(self, world: "World") -> None:
        chance = world.chance
        self._world = world
        self._rate = 1 + chance.choice([-DRIFT, 0, DRIFT, chance.uniform(-DRIFT, DRIFT)])
        self._start = world.now
        self._first = (1 << 30) - chance.randrange(1 << 20)  # a board's ticks wrap on the way

    def __call__(self) -> int:
        return int(self._first + (self._world.now - self._start) * self._rate)

    def when(self, reading: int) -> float:
        """The time at which it shows this."""
        return self._start + (reading - self._first) / self._rate


class Board:
    """A board: the firmware's own share, on this world's clock, and what it keeps on flash."""

    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.wanted = world.chance.choice(GUARANTEES)
        self.demand = 0
        self.line: Line | None = None
        self._world = world
        self._flash = 0
        self._boot()

    def _boot(self) -> None:
        self._clock = Clock(self._world)
        self.source = ""  # the gateway that its extra comes from
        self.share = firmware.Share(self._flash, self._adopt, self._keep, self.ticks)
        self._rate = self._flash

    def ticks(self) -> int:
        return self._clock() & _TICKS

    def _adopt(self, rate: int) -> None:
        self._rate = rate

    def _keep(self, guaranteed: int) -> None:
        self._flash = guaranteed

    @property
    def rate(self) -> int:
        """What its bucket has now."""
        self.share.poll(self.ticks())
        return self._rate

    @property
    def guaranteed(self) -> int:
        """What it falls back to, now or after a reset."""
        return max(self.share.guaranteed, self._flash)

    @property
    def extra(self) -> int:
        return self.rate - self.share.guaranteed

    def reset(self) -> None:
        self._boot()

    def hello(self, nonce: int) -> None:
        self.share.greet(nonce)

    def take(self, grant: Grant, gateway: str) -> bool:
        count, hello = divmod(grant.epoch, 1 << 24)
        numbers = (grant.number, grant.guaranteed, grant.extra, grant.until & _TICKS)
        if not self.share.apply(hello, count, *numbers):
            return False
        self.source = gateway
        self._world.check(f"{self.name} took {grant}")
        return True

    def report(self) -> tuple[int, Report]:
        share = self.share
        epoch = share.count << 24 | share.hello
        return share.hello, Report(epoch, share.number, share.guaranteed, self._clock())


class Line:
    """A serial line between a gateway and a board. It keeps the order, and may lose or stall."""

    def __init__(self, world: "World", gateway: "Gateway", board: Board) -> None:
        self._world, self._gateway, self._board = world, gateway, board
        self._nonce = 0
        self._epoch: int | None = None
        self.dead = False  # nothing comes through
        self._free = [0.0, 0.0]
        self._open = True
        gateway.lines[board.name] = self
        board.line = self
        gateway.share.join(board.name, board.wanted)
        gateway.share.ask(board.name, board.demand)
        self._say_hello()
        self._report_again()

    @property
    def gateway(self) -> "Gateway":
        return self._gateway

    def grant(self, grant: Grant) -> None:
        gateway = self._gateway.id
        self._send(0, lambda: self._board.take(grant, gateway) and self._report())

    def unplug(self) -> None:
        """What is under way may still arrive, as through a socket."""
        self._open = False
        self._board.line = None
        if self._gateway.alive:
            del self._gateway.lines[self._board.name]
            self._gateway.share.disconnected(self._board.name)

    def _say_hello(self) -> None:
        if self._open and self._gateway.alive and self._epoch is None:
            nonce = self._nonce = next(self._world.epochs)

            def hear() -> None:
                self._board.hello(nonce)
                self._report()

            self._send(0, hear)
            self._world.after(_HELLO_MS, self._say_hello)

    def _report_again(self) -> None:
        if self._open:
            self._report()
            self._world.after(_REPORT_MS, self._report_again)

    def _report(self) -> None:
        nonce, report = self._board.report()
        self._send(1, lambda: self._hear(nonce, report))

    def _hear(self, nonce: int, report: Report) -> None:
        self._gateway.run(lambda: self._open and self._heard(nonce, report))

    def _heard(self, nonce: int, report: Report) -> None:
        share, board = self._gateway.share, self._board.name
        if nonce == self._nonce:
            told = share.connected if self._epoch is None else share.reported
            self._epoch = report.epoch
            told(board, report, self._gateway.clock())
        elif self._epoch is not None:  # it was reset, or another gateway has greeted it
            self._epoch = None
            share.disconnected(board)
            self._say_hello()

    def _send(self, way: int, deliver: Callable[[], object]) -> None:
        chance = self._world.chance
        if self.dead or (not self._world.calm and chance.random() < 0.02):
            return
        stalls = not self._world.calm and chance.random() < 0.01
        delay = chance.uniform(0, 4000) if stalls else chance.uniform(1, 20)
        at = self._free[way] = max(self._free[way], self._world.now + delay)
        still = chance.random() < 0.5
        self._world.at(at, lambda: (self._open or still) and deliver())


class Gateway:
    """A gateway's process: its clock, its connection to etcd, its boards' lines."""

    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.alive = True
        self.connected = True
        self.lines: dict[str, Line] = {}
        self._world = world
        self._frozen_until = 0.0
        self._mute_until = 0.0
        self._deaf_until = 0.0
        self._inbox: deque[Callable[[], object]] = deque()
        self.clock = Clock(world)
        self.id = f"{name}.{next(world.epochs)}"
        self.share = GatewayShare(self.id, BUDGET)
        self._poll_again()

    def die(self) -> None:
        self.alive = False
        for line in [*self.lines.values()]:
            line.unplug()

    def freeze(self, span_ms: float) -> None:
        """The process stands still; what comes in meanwhile waits."""
        self._frozen_until = self._world.now + span_ms

    def be_mute(self, span_ms: float) -> None:
        """What it asks of etcd does not get there."""
        self._mute_until = self._world.now + span_ms

    def be_deaf(self, span_ms: float) -> None:
        """What it asks of etcd is done, and the answers are lost."""
        self._deaf_until = self._world.now + span_ms

    def run(self, work: Callable[[], object]) -> None:
        """Does something in the process, when it runs, in the order in which it came."""
        self._inbox.append(work)
        self._work()

    def _work(self) -> None:
        if self._world.now < self._frozen_until:
            self._world.at(self._frozen_until, self._work)
        elif self.alive and self._inbox:
            while self._inbox:
                self._inbox.popleft()()
            self._poll()

    def _poll(self) -> None:
        for todo in self.share.poll(self.clock()):
            if isinstance(todo, Grant):
                if todo.board in self.lines:
                    self.lines[todo.board].grant(todo)
            else:
                self._transact(todo)

    def _poll_again(self) -> None:
        if self.alive:
            self.run(lambda: None)
            self._world.after(POLL_MS, self._poll_again)

    def _transact(self, transaction: Transaction) -> None:
        world, chance = self._world, self._world.chance
        open_call = [True]

        def answer(outcome: object) -> None:
            if open_call[0]:
                open_call[0] = False
                self.run(lambda: self.share.answered(outcome, self.clock()))

        def reach() -> None:
            if not world.etcd_up:
                return
            outcome = world.transact(transaction)
            hears = self.connected and world.now >= self._deaf_until
            if hears and (world.calm or chance.random() > 0.03):
                world.after(chance.uniform(1, 20), lambda: answer(outcome))

        world.after(_CALL_MS, lambda: answer(None))
        lost = not world.calm and chance.random() < 0.03
        if self.connected and not lost and world.now >= self._mute_until:
            late = not world.calm and chance.random() < 0.03
            # It may wait in a buffer long after the gateway has given it up.
            world.after(chance.uniform(0, 15000) if late else chance.uniform(1, 20), reach)


@dataclass
class Tally:
    """What happened in a run."""

    actions: int = 0
    events: int = 0
    checks: int = 0
    busiest: int = 0
    """The largest sum of rates in percent of what was allowed at that moment."""


class World:
    """Time, etcd, and everything that acts."""

    def __init__(self, seed: int, gateways: int = 4, boards: int = 12, rate: int = 1000) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.calm = False
        self.etcd_up = True
        self.tally = Tally()
        self.epochs = itertools.count(1)
        self.etcd = EtcdTwin()
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._rates: list[tuple[float, int]] = []  # since when which budget
        self.gateways: list[Gateway] = []
        self.boards = [Board(self, f"b{i}") for i in range(boards)]
        self.set_budget(rate)
        self._names = itertools.count()
        for _ in range(gateways):
            self.start_gateway()

    def at(self, time: float, do: Callable[[], object]) -> None:
        heapq.heappush(self._events, (time, next(self._order), do))

    def after(self, span_ms: float, do: Callable[[], object]) -> None:
        self.at(self.now + span_ms, do)

    def run_until(self, time: float) -> None:
        while self._events and self._events[0][0] <= time:
            self.now, _, do = heapq.heappop(self._events)
            self.tally.events += 1
            do()
        self.now = time

    def run_for(self, span_ms: float) -> None:
        self.run_until(self.now + span_ms)

    def start_gateway(self) -> Gateway:
        gateway = Gateway(self, f"g{next(self._names)}")
        self.gateways.append(gateway)
        return gateway

    def plug(self, board: Board, gateway: Gateway) -> None:
        if board.line is not None:
            board.line.unplug()
        Line(self, gateway, board)

    def ask(self, board: Board, demand: int) -> None:
        board.demand = demand
        if board.line is not None:
            line = board.line
            line.gateway.run(lambda: line.gateway.share.ask(board.name, board.demand))

    def transact(self, transaction: Transaction) -> object:
        outcome = self.etcd.transact(transaction)
        if outcome.committed:
            self._check_ledger()
        return outcome

    def set_budget(self, rate: int) -> bool:
        """As an operator does it: not below what is guaranteed."""
        since = self.etcd.revision + 1
        if rate < sum(self.reserved().values()):
            return False
        end = prefix_end(KEYS.boards)
        unchanged = Compare(KEYS.boards, Is.LESS, since, end)
        self._rates.append((self.now, rate))
        self.transact(Transaction((unchanged,), (Write(KEYS.rate, write_count(rate)),)))
        return True

    def budget(self) -> int:
        return read_rate(self.etcd.kvs[KEYS.rate].value)

    def reserved(self) -> dict[str, int]:
        kvs = self.etcd.snapshot(KEYS.boards).kvs
        return {kv.key[len(KEYS.boards) :]: read_reservation(kv.value).guaranteed for kv in kvs}

    def claims(self) -> dict[str, int]:
        kvs = self.etcd.snapshot(KEYS.claims).kvs
        return {kv.key[len(KEYS.claims) :]: read_claim(kv.value) for kv in kvs}

    def check(self, what: str) -> None:
        """The sum is within the budget. A lowered one is in force a lease later."""
        self.tally.checks += 1
        total = sum(board.rate for board in self.boards)
        allowed = self._allowed()
        self.tally.busiest = max(self.tally.busiest, 100 * total // allowed)
        if total > allowed:
            raise OverBudgetError(f"{self.now:.0f} ms: {what}: {total} > {allowed}")
        self._check_cover(what)

    def _check_cover(self, what: str) -> None:
        """What each board applies stands in the ledger, so that the sum is within the budget."""
        reserved, claims = self.reserved(), self.claims()
        used = dict.fromkeys(claims, 0)
        for board in self.boards:
            if board.guaranteed > reserved.get(board.name, 0):
                raise OverBudgetError(
                    f"{self.now:.0f} ms: {what}: {board.name} falls back to {board.guaranteed}, "
                    f"{reserved.get(board.name, 0)} is reserved"
                )
            if board.extra:
                used[board.source] = used.get(board.source, 0) + board.extra
        for gateway, extra in used.items():
            if extra > claims.get(gateway, 0):
                raise OverBudgetError(
                    f"{self.now:.0f} ms: {what}: boards of {gateway} apply {extra}, "
                    f"{claims.get(gateway, 0)} is claimed"
                )

    def _allowed(self) -> int:
        since = self.now - LEASE_MS / (1 - DRIFT)
        later = [rate for time, rate in self._rates if time >= since]
        before = [rate for time, rate in self._rates if time < since]
        return max(later + before[-1:])

    def _check_ledger(self) -> None:
        total = sum(self.reserved().values()) + sum(self.claims().values())
        if total > self._allowed_claims(total):
            raise OverBudgetError(f"{self.now:.0f} ms: the ledger holds {total}")
        self._check_cover("a transaction")

    def _allowed_claims(self, total: int) -> int:
        """What is claimed may be above a budget that was lowered, but never rises there."""
        allowed = max(self.budget(), getattr(self, "_claimed", 0))
        self._claimed = total
        return allowed

    def fair_rates(self) -> dict[str, int]:
        """What every plugged-in board has to apply when all is calm."""
        reserved = self.reserved()
        spare = self.budget() - sum(reserved.values())
        on_line = sorted(
            (board.line.gateway.id, board.name, board.demand)
            for board in self.boards
            if board.line is not None
        )
        demands = [(reserved.get(name, 0), demand) for _, name, demand in on_line]
        shares = extras(max(0, spare), demands)
        return {
            name: reserved.get(name, 0) + share
            for (_, name, _), share in zip(on_line, shares, strict=True)
        }

    def rates(self) -> dict[str, int]:
        return {board.name: board.rate for board in self.boards if board.line is not None}

    # All that may happen.

    def act(self) -> None:
        """One random thing."""
        self.tally.actions += 1
        chance = self.chance
        living = [gateway for gateway in self.gateways if gateway.alive]
        board = chance.choice(self.boards)
        deed = chance.random()
        if deed < 0.45:
            self.ask(board, chance.choice([*DEMANDS, chance.randrange(2000)]))
        elif deed < 0.65:
            if living and (board.line is None or chance.random() < 0.6):
                self._move(board)
            elif board.line is not None:
                board.line.unplug()
        elif deed < 0.70:
            board.reset()
        elif deed < 0.75:
            self._reconfigure(board)
        elif deed < 0.79:
            self._kill_or_start(living)
        elif deed < 0.90:
            if living:
                self._cut_off(chance.choice(living))
        elif deed < 0.93:
            if living:
                chance.choice(living).freeze(chance.choice([300, 3000, 12000]))
        elif deed < 0.97:
            self.etcd_up = False
            self.after(self._short_or_long(), self._start_etcd)
        else:
            self.set_budget(chance.choice([200, 500, 1000, 1500]))

    def _move(self, board: Board, times: int = 0) -> None:
        """To any gateway, and sometimes on to another, and another, before it settles."""
        chance = self.chance
        living = [gateway for gateway in self.gateways if gateway.alive]
        if chance.random() < 0.3:
            board.wanted = chance.choice(GUARANTEES)
        self.plug(board, chance.choice(living))
        if times or chance.random() < 0.25:
            self.after(chance.uniform(1, 150), lambda: self._move(board, (times or 4) - 1))

    def _reconfigure(self, board: Board) -> None:
        board.wanted = self.chance.choice(GUARANTEES)
        if board.line is not None:
            line = board.line
            line.gateway.run(lambda: line.gateway.share.join(board.name, board.wanted))
        if not self.calm and self.chance.random() < 0.6:
            self.after(self.chance.uniform(1, 150), lambda: self._reconfigure(board))

    def _cut_off(self, gateway: Gateway) -> None:
        span = self._short_or_long()
        way = self.chance.randrange(4)
        if way == 0:
            gateway.be_mute(span)
        elif way == 1:
            gateway.be_deaf(span)
        else:
            gateway.connected = False
            self.after(span, lambda: setattr(gateway, "connected", True))

    def _kill_or_start(self, living: list[Gateway]) -> None:
        if len(living) > 1 and self.chance.random() < 0.5:
            gateway = self.chance.choice(living)
            gateway.die()
            self.gateways.remove(gateway)
        elif len(living) < 6:
            self.start_gateway()

    def _start_etcd(self) -> None:
        self.etcd_up = True

    def _short_or_long(self) -> float:
        return self.chance.choice([300, 2000, LEASE_MS, 3 * LEASE_MS]) * self.chance.random()

    def be_calm(self) -> None:
        """From now on nothing fails."""
        self.calm = True
        self.etcd_up = True
        for gateway in self.gateways:
            gateway.be_mute(0)
            gateway.be_deaf(0)
            gateway.connected = True


def run_seed(seed: int, actions: int) -> World:
    """A run of so many random actions, and then calm until everything has to be shared out."""
    shape = random.Random(seed)
    world = World(seed, gateways=shape.randint(2, 5), boards=shape.choice([3, 6, 12]))
    for _ in range(actions):
        world.run_for(world.chance.expovariate(1 / 150))
        world.act()
    world.be_calm()
    world.run_for(12000 + 3 * EXPIRED_MS)
    return world


def lower_the_budget_at_the_worst_time() -> None:
    """Two gateways hold what they have claimed, because boards do not confirm that they take less.

    Then the budget is lowered; both renew once more, are cut off, and their boards ask for more:
    neither hears what the other's boards ask for.
    """
    world = World(0, gateways=2, boards=2)
    world.calm = True
    world.run_for(1000)
    for board, gateway in zip(world.boards, world.gateways, strict=True):
        board.wanted = 0
        world.plug(board, gateway)
        world.ask(board, 500)
    world.run_for(4000)
    assert [board.rate for board in world.boards] == [500, 500]
    for board in world.boards:
        board.line.dead = True
        world.ask(board, 100)
    world.run_for(200)
    turns = [gateway.share._turn for gateway in world.gateways]
    assert world.set_budget(500)
    while any(g.share._turn <= turn for g, turn in zip(world.gateways, turns, strict=True)):
        world.run_for(20)
    world.run_for(100)
    for gateway in world.gateways:
        gateway.be_mute(60000)
    for board in world.boards:
        board.line.dead = False
        world.ask(board, 500)
    while world.now < world._rates[-1][0] + 4 * LEASE_MS:
        world.run_for(50)
        world.check("later")
