"""A sink to a server, between the pipeline and the real one: what both do is held against the
contract of a sink that holds."""

import random
from collections import deque
from typing import Any, Protocol

from sluice.flow.pipeline import HELD

from .internet import Board, Internet
from .servers import Server


class Watched:
    """written, bytes: how many records it was given, and their bytes. taken: how many it has said
    to be taken."""

    def __init__(self, sink: Any, server: Server, internet: Internet, wrong: list[str]) -> None:
        self._sink = sink
        self._server = server
        self._internet = internet
        self._wrong = wrong
        self._held: deque[tuple[Any, bytes]] = deque()  # slot, and what was in it
        self._losses = 0
        self.written = self.bytes = self.taken = 0

    def room(self) -> int:
        return self._sink.room()

    def write(self, record: Any, n: int) -> int:
        if self._sink.room() <= 0:
            self._wrong.append("a sink is tried that has no room")
        if not self._server.takes(self._internet.streams):
            self._wrong.append("a sink is given a record whose server is away")
        answer = self._sink.write(record, n)
        if answer != HELD:
            self._wrong.append(f"a sink that has room answers {answer}")
            return answer
        self._held.append((record, bytes(memoryview(record)[:n])))
        self.written += 1
        self.bytes += n
        return answer

    def done(self) -> int:
        for slot, record in self._held:
            if bytes(memoryview(slot)[: len(record)]) != record:
                self._wrong.append("a record that a sink holds is written over")
        n = self._sink.done()
        server = self._server
        if n == -1:
            self._losses += 1
            self._held.clear()
            if self._losses > server.losses:
                self._wrong.append("a sink has lost its records without a reason")
            return n
        known, what = (server.confirmed, "taken") if n >= 0 else (server.refused, "refused")
        self.taken += max(n, 0)
        if n > len(self._held):
            self._wrong.append(f"{n} records are said to be taken, and {len(self._held)} are held")
            return n
        for _ in range(n if n >= 0 else -1 - n):
            _, record = self._held.popleft()
            if record not in known:
                self._wrong.append(f"record {record[:4].hex()} is said to be {what}, and is not")
        return n

    def check(self, stats: Any) -> None:
        """What the pipeline counts is what the sink has said."""
        if stats.admitted > self.taken:
            self._wrong.append(f"{stats.admitted} records are counted as taken, of {self.taken}")
        if stats.failed + stats.retried > self._server.failures:
            failed = stats.failed + stats.retried
            self._wrong.append(f"{failed} attempts have failed, of {self._server.failures}")


class TunerWatch:
    """Whether the rate follows what a server puts off."""

    def __init__(self, server: Server, wrong: list[str]) -> None:
        self._server = server
        self._wrong = wrong
        self._put_off = 0

    def judge(self, program: Any, before: int | None) -> None:
        """An interval has ended, at whose end the rate was `before`."""
        stats, tuner, rate = program.stats, program.controls.tuner, program.bucket.rate
        put_off, self._put_off = self._server.put_off - self._put_off, self._server.put_off
        if stats.missed < put_off:
            self._wrong.append(f"{put_off} records were put off, {stats.missed} are counted")
        if tuner is None or program.controls.watermark_ms or before is None:
            return
        if stats.missed > stats.tried // 100 and rate > max(tuner.low, before - 1):
            self._wrong.append(f"the rate is {rate} after {before}, with {stats.missed} put off")
        if not stats.tried and rate != before:
            self._wrong.append(f"the rate is {rate} after {before}, and nothing was tried")


class WatchedBoard(Board, Protocol):
    """wrong: what is found to be wrong."""

    wrong: list[str]


class Served:
    """A board's sink to a server, with all that it reaches; what Device knows of it."""

    def __init__(self, server: Server, chance: random.Random, tick: int) -> None:
        self.server = server
        self.internet = Internet(server, chance, tick)
        self._board: WatchedBoard | None = None
        self._sink: Watched | None = None
        self._tuner: TunerWatch | None = None

    def attach(self, board: WatchedBoard) -> None:
        self._board = self.internet.board = board

    def restart(self) -> None:
        """The board has lost its power."""
        self.internet.restart()
        self._sink = self._tuner = None

    def watch(self, sink: Any) -> Watched:
        """The sink of a program that is built, as its pipeline is to have it."""
        assert self._board is not None
        self.server.restart()  # what the sink of another one sent is not compared
        wrong = self.server.wrong = self._board.wrong
        self._tuner = TunerWatch(self.server, wrong)
        self._sink = Watched(sink, self.server, self.internet, wrong)
        return self._sink

    def judge(self, program: Any, before: int | None) -> None:
        """An interval has ended, at whose end the rate was `before`."""
        if self._tuner is not None:
            self._tuner.judge(program, before)

    def check(self, stats: Any) -> None:
        if self._sink is not None:
            self._sink.check(stats)

    def paid(self, by_bytes: bool) -> int:
        """Tokens that its records have cost."""
        if self._sink is None:
            return 0
        return self._sink.bytes if by_bytes else self._sink.written

    @property
    def said(self) -> int:
        """Records that the sink has said to be taken."""
        return 0 if self._sink is None else self._sink.taken

    def take(self) -> list[bytes]:
        """The records that the server took since the last call."""
        taken, self.server.stored = self.server.stored, []
        return taken

    def let_pass(self, ms: int) -> None:
        self.internet.let_pass(ms)

    def set_server(self, think_ms: int, *shares: object) -> None:
        """See Server.set."""
        self.server.set(think_ms, *shares)

    def keep_numbers(self, acknowledged: int) -> None:
        """See Server."""
        self.server.keep_numbers(acknowledged)

    def set_way(self, delay_ms: int, most: int, space: int) -> None:
        """See Internet."""
        self.internet.set_way(delay_ms, most, space)

    def set_outage(self, what: str) -> None:
        """See Internet."""
        self.internet.set_outage(what)

    def heal(self) -> None:
        """Nothing fails any more."""
        self.internet.heal()
