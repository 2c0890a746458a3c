# SPDX-License-Identifier: MIT
"""A queue that goes on in flash when its ring is full."""

from micropython import const

from sluice.arguments import check_int
from sluice.queue.records import RecordRing
from sluice.queue.ring import REJECT

_SMALL_MAX = const((1 << 30) - 1)
_TAKEN = const(1)  # of a record's ends, see Pipeline


class TieredQueue:
    """A queue of records in three tiers: direct hand-off, memory, flash.

    A record goes to the consumer directly when nothing waits before it and the
    consumer takes it; else into the ring. `move` brings it from there to the
    front, a RecordRing from which a Pipeline takes. When memory fills, what
    waits goes to the store on flash, a batch at a time, and comes back to the
    front from there, before any that came later: records leave in the order in
    which they were put, whatever tiers they have been through.

    ring:       a RecordRing that rejects.  store: a SegmentStore for records of its size.
    consumer:   None, or an object with `write(record, n) -> bool`, called
                inside `put`, so in an interrupt if `put` is. True: it took the
                record. False or an exception: it is not ready. It must not be
                as long as it has anything in hand that was put earlier.
    spill_at:   as many records waiting in memory, in the ring and in the front
                from there, are brought to flash: 1 to the ring's capacity;
                None: three quarters of it. Also as many as its limit. What is
                above it must be enough for what comes in between two calls of
                `move`.
    read_ahead: slots of the front, made at the start: from 1 to the number of
                the longest records that the store's batch holds; None: 8, if
                it holds so many.
    ends:       None, or what is told of each record's end, in the order of the
                ring, by `ended(how, n)`. The pipeline's own `ends` is this
                queue then. A record that is on flash has ended (TAKEN): it is
                safe, and what becomes of it later is not told. Not together
                with a consumer.
    first:      the number of the first record, if the store is empty.

    Records are numbered, modulo 2^30, also through resets: one that comes again
    from the flash has the number that it had.

    Only `move` and `flush` touch the flash, and block as long as it does. All
    else is hot. A queue that is full in all tiers refuses, and the ring counts
    that; the store says why it takes no more. The flash is spared as long as
    ring and front can hold what waits.

    When the power goes, what was in the ring, in the front from there, and in
    the store's batch is lost, none of which was told as ended; records on flash
    come again after a reset, at least once: see SegmentStore.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed.

    Read only: `ring`, `store`, `front`; `handed_over`, records that the consumer
    took in `put`, up to 2^30 - 1.

    Ownership: one producer, the main loop or one interrupt handler, which calls
    `put` alone (several with a guard on the ring, if there is no consumer), or
    `claim` and `publish` of the ring. All else, the front too, is for the main loop.
    """

    def __init__(
        self, ring, store, consumer=None, spill_at=None, read_ahead=None, ends=None, first=0
    ):
        if store.size != ring.size:
            raise ValueError(
                "store must be for records of up to %d bytes, as the ring is, not %d"
                % (ring.size, store.size)
            )
        if ring.overflow != REJECT:
            raise ValueError("ring must reject: what is to be overwritten, the store overwrites")
        if consumer is not None and ends is not None:
            raise ValueError("consumer must be None with ends, which would not be told of all")
        if spill_at is None:
            spill_at = max(1, ring.capacity * 3 // 4)
        check_int("spill_at", spill_at, 1, ring.capacity)
        most = store.most_copied()
        if read_ahead is None:
            read_ahead = min(8, most)
        check_int("read_ahead", read_ahead, 1, most)
        check_int("first", first, 0, _SMALL_MAX)
        self.ring = ring
        self.store = store
        self.front = RecordRing(read_ahead, ring.size, ticks=self._put_ticks)
        self.handed_over = 0
        self._consumer = consumer
        self._offered = 0
        self._spill_at = spill_at
        self._ended = None if ends is None else ends.ended
        # True while records that are older than the ring's may be in the store. Written by the
        # main loop alone, and True before the first of them leaves the ring.
        self._spilled = store.used() > 0
        self._relieving = False  # a batch is to be brought to flash, and is not there yet
        # Records before this number are on flash or have ended, and were told. It is never behind
        # the number of the front's oldest.
        self._safe = store.next_number() if self._spilled else first
        # The number of the record that comes to the front next.
        self._next = self._safe - len(store) & _SMALL_MAX

    def put(self, record, n: int) -> bool:
        """Append the first n bytes of record; False: refused and counted by the ring. Hot.

        Also False, and not counted: n is not in 1..size.
        """
        if self._consumer is not None and 1 <= n <= self.ring.size and self._hand_over(record, n):
            return True
        return self.ring.put(record, n)

    def number(self, behind: int = 0) -> int:
        """The number of the record `behind` the oldest in the front, below 2^30. Hot.

        behind: 0 to the number of those records.
        """
        return self._next - (len(self.front) - behind) & _SMALL_MAX

    def __len__(self) -> int:
        """Records waiting in all tiers. Hot."""
        return len(self.front) + len(self.store) + len(self.ring)

    def move(self) -> int:
        """Move records between the tiers, as far as it is due. Blocks.

        To be called in each turn of the main loop. Reads from one segment,
        deletes those taken and writes one batch, at most. Returns how many
        records it moved. It allocates only where it touches the flash.
        """
        moved = self._load() if self._spilled else self._pass()
        ring = self.ring
        waits = len(ring) if self._spilled else len(ring) + len(self.front)
        if self._relieving or waits >= self._spill_at or waits >= ring.limit:
            moved += self._relieve()
        return moved

    def flush(self) -> bool:
        """Bring everything from RAM to flash, before a reset that is known to come. Blocks.

        False: the flash would not take all of it.
        """
        for _ in range(len(self.ring) + 1):
            self._gather()
            if not self._write():
                return False
            if not len(self.ring):
                break
        return True

    def ended(self, how: int, n: int) -> None:
        """Take from a Pipeline how the front's records ended; pass on what is not told yet. Hot."""
        number = self.number()
        told = self._safe - (number - n & _SMALL_MAX) & _SMALL_MAX
        if told < n:
            self._safe = number
            ended = self._ended
            if ended is not None:
                ended(how, n - told)

    def _put_ticks(self):
        """The clock of the front: the tick at which the record that comes there was put."""
        return self.store.loaded_ticks() if self._spilled else self.ring.peek_ticks()

    def _hand_over(self, record, n):
        if self._spilled or len(self.ring) or len(self.front):
            return False
        self._offered = n
        if not self._offer(record):
            return False
        if self.handed_over != _SMALL_MAX:
            self.handed_over += 1
        return True

    def _offer(self, record):
        try:  # with n as an argument too, the frame would be too large for the stack
            return self._consumer.write(record, self._offered)  # type: ignore[union-attr]
        except Exception:  # whatever it raises: not taken, so the record waits in the ring
            return False

    def _pass(self):
        """Move records from the ring to the front, as far as there is room."""
        ring, front = self.ring, self.front
        moved = 0
        # bound: the front's slots
        while front.free():
            record = ring.peek()
            if record is None:
                break
            front.put(record, ring.peek_len())
            ring.release()
            self._advance()
            moved += 1
        return moved

    def _advance(self):
        following = self._next
        self._next = following + 1 if following != _SMALL_MAX else 0

    def _load(self):
        """Move records from the store to the front, when that is empty."""
        if len(self.front):
            return 0
        store = self.store
        moved = store.load(self.front)
        if moved:
            self._next = store.loaded_number()
            self._advance()
        elif len(store) == 0 and store.used() == 0 and not self._relieving:
            self._next = store.next_number()  # ahead of it, if the last could not be read
            self._spilled = False
        return moved

    def _relieve(self):
        """Bring a batch of what waits to flash; how many records left the ring."""
        moved = self._gather()
        self._write()
        return moved

    def _gather(self):
        """Move records from the ring to the batch, as many as that holds."""
        if not self._relieving:
            self._begin()
        ring, store = self.ring, self.store
        moved = 0
        # bound: the batch
        while len(ring) and store.add(ring):
            moved += 1
        return moved

    def _begin(self):
        """What waits goes to flash from here on, and what is in the front is the oldest of it."""
        self._relieving = True
        if not self._spilled:
            self._spilled = True
            self.store.set_number(self.number())
            self.store.copy(self.front)

    def _write(self):
        """Bring the batch to flash; False: it stays where it is."""
        store = self.store
        if not store.write():
            return False
        self._relieving = False
        self._tell(store.next_number())
        return True

    def _tell(self, end):
        """All records before that number are on flash: those that were not told have ended."""
        n = end - self._safe & _SMALL_MAX
        self._safe = end
        if n and self._ended is not None:
            self._ended(_TAKEN, n)
