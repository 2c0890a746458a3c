"""Records that spill to flash while the power fails: SegmentStore and TieredQueue from a seed.

A run is several lives of one board on one flash. In each, records are put, moved, taken and
flushed in an order drawn from the seed, until the power goes, somebody resets the board or the
store is closed; then the flash fails no more and everything is taken. Whenever a life ends, what
a copy of the flash gives back is held against what the store said that it had kept, and against
the ends that were told.
"""

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from host_sim import TickClock
from sluice.flow.pipeline import TAKEN
from sluice.queue import store as stores
from sluice.queue import tiered
from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT

from .flash import EIO, ENOSPC, Flash, PowerCut
from .violation import Violation

_FOLDER = "/spill"
_HEAD = 8  # bytes of a segment before its records
_AROUND = 8  # bytes of a record around its payload
_MOST_RECORDS = 250  # the first byte of a record is its number
_LAST_TICK = (1 << 30) - 1
_SHOWN = 15  # operations in the text of a violation
_FAULTS = ("open wb", "open ab", "open rb", "read", "write", "close", "remove")


def run(seed: int) -> None:
    """One run of some milliseconds; the same seed gives the same. Raises Violation."""
    _Run(random.Random(seed)).go()


@dataclass
class _Shape:
    """How a queue is made; drawn anew for some of the lives."""

    slots: int
    spill_at: int | None
    read_ahead: int | None
    segments: int
    segment_bytes: int
    batch_bytes: int
    store_overflow: int
    retry_ticks: int


def _draw_shape(draw: random.Random, size: int) -> _Shape:
    least = size + _AROUND
    segment_bytes = _HEAD + draw.choice(
        (least, least + 1, 2 * least, draw.randint(least, 6 * least + 60))
    )
    most = segment_bytes - _HEAD
    batch_bytes = draw.choice((least, most, draw.randint(least, most)))
    slots = draw.choice((1, 2, draw.randint(1, 12)))
    return _Shape(
        slots,
        draw.choice((None, 1, slots, draw.randint(1, slots))),
        draw.choice((None, 1, draw.randint(1, min(8, batch_bytes // least)))),
        draw.choice((1, 2, draw.randint(1, 8), 9999)),
        segment_bytes,
        batch_bytes,
        draw.choice((REJECT, REJECT, OVERWRITE)),
        draw.choice((1, 10, 1000, (1 << 29) - 1)),
    )


class _Life:
    """A queue between two resets, and the books of what it was given and gave.

    found:      numbers of the records that the flash has at its start, in order.
    unreadable: more of them that the store counts, and will find that it cannot read.
    base:       the number of the record that is put next.
    """

    def __init__(
        self, run: "_Run", shape: _Shape, found: list[int], unreadable: int, base: int
    ) -> None:
        self.run = run
        self.shape = shape
        self.flash = run.flash
        self.found = found
        self.unreadable = unreadable
        self.clock = run.clock
        self.waiting = deque(found)
        self.ticks = dict.fromkeys(found, run.clock.ticks())
        self.accepted = self.taken = 0
        self.queued: list[int] = []  # of those accepted, what was not handed over
        self.told = 0  # so many of those have ended, as the queue has said
        self.added: list[int] = []  # to the store, in order
        self.spilled = 0  # of those, so many from the ring
        self.kept = 0  # so many of those are on flash, as the store has said
        self.at_hand_given_way = 0
        self.skipped: set[int] = set()  # of those that waited, what was counted as lost
        self.store: Any = stores.SegmentStore(
            _FOLDER,
            run.size,
            shape.segments,
            shape.segment_bytes,
            shape.batch_bytes,
            shape.store_overflow,
            run.clock.ticks,
            shape.retry_ticks,
        )
        self._watch(self.store)
        self.ring = RecordRing(shape.slots, run.size, REJECT, run.clock.ticks)
        self.queue: Any = tiered.TieredQueue(
            self.ring,
            self.store,
            self if run.hands_over else None,
            shape.spill_at,
            shape.read_ahead,
            None if run.hands_over else self,
            base,
        )
        self.front: Any = self.queue.front
        self.relieves = False  # a batch is to be brought to flash, and was not yet
        self.spill_at = shape.spill_at or max(1, shape.slots * 3 // 4)
        self.handed = b""  # what the consumer took of the record that was put last
        self.overtaken = 0  # so many waited then
        self.base = base
        self.most_files = max(shape.segments, len(run.flash.files))
        self.most_bytes = max([shape.segment_bytes, *map(len, run.flash.files.values())])
        run.expect(len(self.store) == len(found) + unreadable, "the store counts what it has")

    def _watch(self, store: Any) -> None:
        """Note what the store is given and what it says that it has brought to flash."""
        add, copy, write = store.add, store.copy, store.write

        def watched_add(ring: RecordRing) -> bool:
            record = ring.peek()
            number = record[0] if record is not None else -1
            before = len(store)
            done = add(ring)
            if len(store) > before:
                self.added.append(number)
                self.spilled += 1
            return done

        def watched_copy(ring: RecordRing) -> None:
            for k in range(len(ring)):
                view: Any = ring.peek_behind(k)
                self.added.append(view[0])
            copy(ring)

        def watched_write() -> bool:
            files = set(self.flash.files)
            at_hand = self.at_hand()
            try:
                done = write()
            finally:
                if files - set(self.flash.files):  # what was at hand of it is in RAM alone
                    self.at_hand_given_way += at_hand
            if done:
                self.kept = len(self.added)
            return done

        store.add, store.copy, store.write = watched_add, watched_copy, watched_write

    def at_hand(self) -> int:
        """Records that nobody has taken of those in the front."""
        return len(self.front)

    # Who is told of ends

    def ended(self, how: int, n: int) -> None:
        self.run.expect(how == TAKEN and n > 0, "what is safe or taken has ended")
        self.told += n

    # The consumer

    def write(self, record: Any, n: int) -> bool:
        """Take a record out of the producer's hand, or refuse, or raise."""
        answer = self.run.draw.random()
        if answer < 0.4:
            return False
        if answer < 0.5:
            raise OSError(EIO, "busy")
        self.handed = bytes(record[:n])
        self.overtaken = len(self.queue)
        return True

    # Operations

    def put(self) -> None:
        run = self.run
        number = len(run.records)
        if number == _MOST_RECORDS:
            return
        record = run.draw_record()
        self.handed = b""
        free, rejected = self.ring.free(), self.ring.rejected
        done = self.queue.put(record, len(record))
        handed = self.handed != b""
        run.note("put", number, len(record), done, "handed over" if handed else "")
        run.expect(
            done == (handed or free > 0),
            "a record is refused when the ring is full, and only then",
        )
        run.expect(self.ring.rejected == rejected + (not done), "what is refused is counted")
        if not done:
            run.records.pop()
            return
        self.accepted += 1
        if handed:
            run.expect(self.overtaken == 0, "nothing overtakes what waits")
            run.expect_record(number, self.handed)
            self.taken += 1
            run.taken.add(number)
        else:
            self.waiting.append(number)
            run.numbers[number] = self.base + len(self.queued) & _LAST_TICK
            self.queued.append(number)
            self.ticks[number] = run.clock.ticks()

    def put_wrongly(self) -> None:
        n = self.run.draw.choice((-1, 0, self.run.size + 1))
        before = len(self.queue), self.ring.rejected
        done = self.queue.put(bytes(self.run.size + 1), n)
        self.run.note("put", n, "bytes", done)
        self.run.expect(not done, "a record of a wrong length is refused")
        self.run.expect(before == (len(self.queue), self.ring.rejected), "and not counted")

    def move(self) -> None:
        run, store, ring = self.run, self.store, self.ring
        at_hand, spilled, writes = self.at_hand(), self.spilled, store.writes
        waits = len(ring) + at_hand
        due = self.relieves or waits >= min(self.spill_at, ring.limit)
        moved = self.queue.move()
        run.note("move", moved)
        run.expect(
            moved == self.at_hand() - at_hand + self.spilled - spilled,
            "move says how many it moved",
        )
        run.expect(store.writes - writes <= 1, "one move writes one batch")
        run.expect(due or store.writes == writes, "the flash is spared while the ring can hold it")
        run.expect(due or self.spilled == spilled, "the ring keeps what it can hold")
        self.relieves = due and self.kept < len(self.added)

    def take(self, moves: bool = False) -> bool:
        """Take the record in front; False: there was none at hand. Perhaps move meanwhile."""
        run, front = self.run, self.front
        view = front.peek()
        if view is None:
            run.expect(self.at_hand() == 0, "what is at hand can be peeked at")
            return False
        n, tick, number = front.peek_len(), front.peek_ticks(), self.queue.number()
        if moves:
            self.move()
        record = bytes(view[:n])
        done = front.release()
        run.note("take", record[0], done)
        run.expect(done, "the record in front is released")
        run.expect(number == run.numbers[record[0]], "a record keeps its number")
        self._enter(record, tick)
        self.queue.ended(TAKEN, 1)
        return True

    def _enter(self, record: bytes, tick: int) -> None:
        run, number = self.run, record[0]
        run.expect_record(number, record)
        run.expect(number in self.waiting, "a record comes in order, and once in a life")
        while self.waiting[0] != number:
            self.skipped.add(self.waiting.popleft())
        self.waiting.popleft()
        run.expect(tick == self.ticks[number], "a record has the tick at which it was put")
        self.taken += 1
        run.taken.add(number)
        run.left_from_ram += number in self.added[self.kept :]
        self.count_skipped()

    def flush(self) -> bool:
        done = self.queue.flush()
        self.run.note("flush", done)
        if done:
            self.run.expect(len(self.ring) == 0, "a flush leaves nothing in the ring")
            self.kept = len(self.added)
        self.relieves = not done
        return done

    def set_limit(self) -> None:
        limit = self.run.draw.randint(1, self.shape.slots)
        self.ring.set_limit(limit)
        self.run.note("limit", limit)

    def second_store(self) -> None:
        try:
            stores.SegmentStore(_FOLDER + "/", 1)
        except ValueError:
            return
        self.run.expect(False, "a folder is that of one store")

    # The books

    def count_skipped(self) -> int:
        """Hold what was passed over against what was counted; how many of those are in doubt."""
        gone = self.store.lost + self.store.overwritten
        self.run.expect(len(self.skipped) <= gone, "what the store loses is counted")
        return gone - len(self.skipped)

    def check(self) -> None:
        """What holds between any two operations."""
        expect, store = self.run.expect, self.store
        come = len(self.found) + self.unreadable + self.accepted
        gone = store.lost + store.overwritten
        expect(come == self.taken + len(self.queue) + gone, "the books balance")
        expect(len(self.ring) <= self.shape.slots, "the ring keeps to its slots")
        expect(
            store.used() == len(self.flash.files) or self.run.failed_removals > 0,
            "each file is a segment",
        )
        expect(len(self.flash.files) <= self.most_files, "there are no more files than allowed")
        expect(
            max(map(len, self.flash.files.values()), default=0) <= self.most_bytes,
            "no file is longer than allowed",
        )
        expect(self.flash.open_files == 0, "no file stays open")
        if self.shape.store_overflow == REJECT:
            expect(store.overwritten == 0, "a store that rejects overwrites nothing")
        if not self.run.faulty:
            expect(store.errors == store.last_error == 0, "a flash that works has no errors")
        if self.run.failed_reads < 3:
            expect(store.lost <= self.unreadable, "a segment is given up after three attempts")
        self._check_heads()
        if not self.run.hands_over:
            self._check_told()

    def _check_heads(self) -> None:
        for content in self.flash.files.values():
            if len(content) >= _HEAD + _AROUND:
                first = int.from_bytes(content[2:6], "little")
                self.run.expect(
                    first == self.run.numbers.get(content[_HEAD + 6]),
                    "a segment has its first record's number",
                )

    def _check_told(self) -> None:
        """Told are all that are safe or taken, and what is older than those."""
        kept, taken = set(self.added[: self.kept]), self.run.taken
        self.run.expect(self.told <= len(self.queued), "each end is told once")
        for at, number in enumerate(self.queued):
            if number not in self.skipped:
                ended = number in kept or number in taken
                self.run.expect(
                    ended == (at < self.told), "what is safe or taken is told, and only that"
                )

    def check_end(self) -> None:
        """What holds when everything was taken."""
        come = len(self.found) + self.unreadable + self.accepted
        gone = self.store.lost + self.store.overwritten
        self.run.expect(come == self.taken + gone, "in the end the books balance")

    def owed(self) -> tuple[set[int], int]:
        """Records that have to come again after a cut, and how many of those need not."""
        kept = {*self.found, *self.added[: self.kept]}
        return kept - self.run.taken - self.skipped, self.count_skipped() + self.at_hand_given_way


class _Run:
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.flash = Flash(fat=draw.random() < 0.5)
        start = draw.choice((0, _LAST_TICK, _LAST_TICK - 50, draw.randint(0, _LAST_TICK)))
        self.clock = TickClock(start, strict=True)
        self.size = draw.choice((1, 2, 4, 8, 8, 13, 40, 241))
        self.hands_over = draw.random() < 0.4
        self.fails = draw.random() < 0.5
        self.faulty = False  # whether the flash has failed or been full by now
        self.failed_reads = 0  # in this life
        self.failed_removals = 0  # in all lives
        self.left_from_ram = 0  # records that were taken and never on flash, in all lives
        self.records: list[bytes] = []  # by number, all that were accepted
        self.numbers: dict[int, int] = {}  # those of the queue
        self.taken: set[int] = set()
        self.stored: set[int] = set()
        self.most_segment = 0  # bytes
        self.notes: deque[str] = deque(maxlen=_SHOWN)
        self.shape = _draw_shape(draw, self.size)

    def go(self) -> None:
        try:
            with self.flash:
                self.flash.reset()
                life = self._begin(set(), 0)
                for _ in range(self.draw.randint(1, 6)):
                    life = self._next(life, self._live(life))
                end = self._live(life)
                self._finish(self._next(life, end) if end == "cut" else life)
        except Violation:
            raise
        except Exception as error:
            raise self._violation(f"{type(error).__name__}: {error}") from error

    # What the lives need

    def expect(self, holds: bool, rule: str) -> None:
        if not holds:
            raise self._violation(rule)

    def note(self, *words: object) -> None:
        self.notes.append(" ".join(str(word) for word in words))

    def draw_record(self) -> bytes:
        """The next record, known by its first byte."""
        n = self.draw.choice((1, self.size, self.draw.randint(1, self.size)))
        number = len(self.records)
        record = bytes([number]) + bytes([(number + n) & 255]) * (n - 1)
        self.records.append(record)
        return record

    def draw_first(self) -> int:
        return self.draw.choice((0, _LAST_TICK, self.draw.randint(0, _LAST_TICK)))

    def expect_record(self, number: int, record: bytes) -> None:
        known = number < len(self.records) and record == self.records[number]
        self.expect(known, "a record is the one that was put")

    def _violation(self, rule: str) -> Violation:
        where = f"{'FAT' if self.flash.fat else 'littlefs'}, records of up to {self.size} bytes"
        return Violation("\n".join(["broken: " + rule, where, str(self.shape), *self.notes]))

    # Lives

    def _live(self, life: _Life) -> str:
        """Operate the queue until the life ends; how it did."""
        draw = self.draw
        if draw.random() < 0.6:
            self.flash.cut_at(draw.randint(0, draw.choice((30, 300, 2000))))
        try:
            for _ in range(draw.randint(1, 6)):
                names, weights = zip(*_draw_phase(draw, self.fails), strict=True)
                for operation in draw.choices(names, weights, k=draw.randint(1, 40)):
                    self._operate(life, operation)
                    life.check()
            if draw.random() < 0.5:
                return "reset"
            if draw.random() < 0.7:
                life.flush()
        except PowerCut:
            return "cut"
        return "close"

    def _operate(self, life: _Life, operation: str) -> None:
        draw = self.draw
        if operation == "put":
            for _ in range(draw.randint(1, 4)):
                life.put()
        elif operation == "take":
            for _ in range(draw.randint(1, 6)):
                if not life.take():
                    break
        elif operation == "move":
            life.move()
        elif operation == "take and move":
            life.take(moves=True)
        elif operation == "flush":
            life.flush()
        elif operation == "wait":
            ticks = draw.choice((1, draw.randint(1, 50), life.shape.retry_ticks, 1 << 28))
            self.clock.advance(ticks)
            self.note("wait", ticks)
        elif operation == "limit":
            life.set_limit()
        elif operation == "put wrongly":
            life.put_wrongly()
        elif operation == "second store":
            life.second_store()
        elif operation == "fail":
            self._fail(draw.sample(_FAULTS, draw.choice((1, 1, 2, 7))), draw.choice((0.2, 1)))
        elif operation == "fill":
            self.faulty = True
            self.flash.room = self.flash.used() + draw.randint(0, 60)
            self.note("room for", self.flash.room - self.flash.used())
        else:
            self.flash.heal()
            self.note("heal")

    def _fail(self, operations: list[str], chance: float) -> None:
        self.faulty = True
        self.note("fail", *operations, chance)

        def fails(operation: str, path: str) -> int:
            if operation not in operations or self.draw.random() >= chance:
                return 0
            self.failed_reads += operation in ("open rb", "read")
            self.failed_removals += operation == "remove"
            return self.draw.choice((EIO, ENOSPC))

        self.flash.fails = fails

    def _next(self, life: _Life, end: str) -> _Life:
        """The life after this one, which ended with "cut", "reset" or "close"."""
        self.note("===", end)
        owed, in_doubt = life.owed()
        self.stored |= {*life.found, *life.added}
        if end == "close":
            life.store.close()
        else:
            self.flash.reset()
        self.flash.cut_at(None)
        if self.draw.random() < 0.3:
            self.shape = _draw_shape(self.draw, self.size)
        return self._begin(owed, in_doubt)

    def _begin(self, owed: set[int], in_doubt: int) -> _Life:
        """Start on what is on flash, when that is all that it has to be."""
        found, unreadable, number = self._look()
        self.expect(found == sorted(set(found)), "what comes again is in order")
        self.expect(set(found) <= self.stored, "what comes again was stored")
        missing = owed - set(found)
        self.expect(len(missing) <= in_doubt, f"what was kept comes again: {sorted(missing)}")
        again = sum(len(self.records[each]) + _AROUND for each in self.taken.intersection(found))
        self.expect(
            again <= self.most_segment - _HEAD or self.failed_removals > 0 or not again,
            "of what was taken, one segment at most comes again",
        )
        self.failed_reads = 0
        self.most_segment = max(self.most_segment, self.shape.segment_bytes)
        try:
            return _Life(self, self.shape, found, unreadable, number)
        except OSError:
            self.expect(self.faulty, "a flash that works can be read at the start")
            self.note("not begun")
            self.flash.heal()
        return _Life(self, self.shape, found, unreadable, number)

    def _look(self) -> tuple[list[int], int, int]:
        """What a store would find now: numbers of records, how many more it would count as lost,
        and the number it would give the next."""
        with self.flash.copy() as copy:
            first = 0
            any_files = bool(copy.files)
            for name in sorted(copy.files):
                if copy.files[name][:2] == b"SQ" and len(copy.files[name]) >= _HEAD:
                    first = int.from_bytes(copy.files[name][2:6], "little")
                    break
            store: Any = stores.SegmentStore(
                _FOLDER, self.size, 1, _HEAD + self.size + _AROUND, self.size + _AROUND
            )
            count = len(store)
            self.expect(store.torn == _torn(copy), "what is torn is counted")
            ring = RecordRing(8, self.size)
            found: list[int] = []
            for _ in range(2 * _MOST_RECORDS + len(copy.files)):
                store.load(ring)
                while (view := ring.peek()) is not None:
                    self.expect_record(view[0], bytes(view[: ring.peek_len()]))
                    found.append(view[0])
                    ring.release()
            store.close()
            self.expect(len(store) == 0 and not copy.files, "everything is taken and deleted")
            self.expect(count == len(found) + store.lost, "the store counts what it finds")
            # Behind a taken segment that could not be deleted, they look like a part of it.
            most_lost = self.left_from_ram if self.failed_removals else 0
            self.expect(store.lost <= most_lost, "all that is found is whole")
            base = first + count & _LAST_TICK if any_files else self.draw_first()
        return found, store.lost, base

    def _finish(self, life: _Life) -> None:
        """Take everything, on a flash that works from here on."""
        self.note("=== finish")
        self.flash.cut_at(None)
        self.flash.heal()
        for _ in range(2 * _MOST_RECORDS):
            self.clock.advance(life.shape.retry_ticks)
            life.move()
            while life.take():
                pass
            life.check()
            if not len(life.queue) and not life.store.used():
                break
        self.expect(len(life.queue) == 0, "everything can be taken")
        # A begun segment that could be neither written nor deleted stays until the next is begun.
        most = 1 if self.failed_removals else 0
        self.expect(life.store.used() == 0, "what was taken is deleted")
        self.expect(len(self.flash.files) <= most, "nothing stays on flash")
        life.check_end()


def _torn(flash: Flash) -> int:
    """Heads that are not whole, and the end of the newest segment with a whole one."""
    torn = 0
    newest = True
    for name in sorted(flash.files, reverse=True):
        content = flash.files[name]
        at = _HEAD
        if len(content) < _HEAD:
            torn += len(content) > 0
        elif newest:
            newest = False
            while at < len(content):
                at += int.from_bytes(content[at : at + 2], "little") + _AROUND
            torn += at != len(content)
    return torn


def _draw_phase(draw: random.Random, fails: bool) -> list[tuple[str, int]]:
    """Operations with their weights: some phases fill the queue, others empty it."""
    phase = [
        ("put", draw.choice((1, 8, 20))),
        ("take", draw.choice((0, 4, 12))),
        ("move", draw.choice((2, 10, 20))),
        ("take and move", 1),
        ("flush", draw.choice((0, 1, 3))),
        ("wait", draw.choice((1, 3))),
        ("limit", 1),
        ("put wrongly", 1),
        ("second store", 1),
    ]
    if fails:
        phase += [("fail", 1), ("fill", 2), ("heal", draw.choice((1, 4)))]
    return phase
