# SPDX-License-Identifier: MIT
"""A queue that goes on in flash when its ring is full."""

from micropython import const

from sluice.arguments import check_int
from sluice.queue.records import RecordRing

_SMALL_MAX = const((1 << 30) - 1)


class TieredQueue:
    """A queue of records in three tiers: direct hand-off, ring, flash.

    A record goes to the consumer directly when nothing waits before it and the
    consumer takes it; else into the ring; and when that fills, its oldest
    records move on into the store. They come back from there before any that
    are still in the ring: records leave in the order in which they were put,
    whatever tiers they have been through.

    ring:       a RecordRing.  store: a SegmentStore for records of its size.
    consumer:   None, or an object with `write(record, n) -> bool`, called
                inside `put`, so in an interrupt if `put` is. True: it took the
                record. False or an exception: it is not ready. It must not be
                as long as it has anything in hand that was put earlier.
    spill_at:   depth from which the ring is relieved into the store, 1 to its
                capacity; None: three quarters. Also from its limit on. What is
                above it must be enough for what comes in between two calls of
                `move`.
    read_ahead: records brought back from the store at once, into slots made at
                the start, 1 or more.

    Only `move` and `flush` touch the flash, and block as long as it does. All
    else is hot. A queue that is full in all tiers refuses, and the ring counts
    that; the store says why it takes no more. The flash is spared as long as
    ring and batch can hold what waits.

    When the power goes, what was in the ring and in the store's batch is lost;
    records on flash come again after a reset, at least once: see SegmentStore.

    It has what a Pipeline asks of its ring, but for a sink that holds. Raises
    TypeError or ValueError that name the argument, its value and what is allowed.

    Read only: `ring`, `store`; `handed_over`, records that the consumer took in
    `put`, up to 2^30 - 1; `size` and `overflow`, those of the ring.

    Ownership: one producer, the main loop or one interrupt handler, which calls
    `put` alone (several with a guard on the ring, if there is no consumer). All
    else is for the main loop. `move` between `peek` and `release` may make
    `release` return False: the record is still in front, peek at it again.
    """

    def __init__(self, ring, store, consumer=None, spill_at=None, read_ahead=8):
        if store.size != ring.size:
            raise ValueError(
                "store must be for records of up to %d bytes, as the ring is, not %d"
                % (ring.size, store.size)
            )
        if spill_at is None:
            spill_at = max(1, ring.capacity * 3 // 4)
        check_int("spill_at", spill_at, 1, ring.capacity)
        check_int("read_ahead", read_ahead, 1, (1 << 29) - 1)
        self.ring = ring
        self.store = store
        self.size = ring.size
        self.overflow = ring.overflow
        self.handed_over = 0
        self._consumer = consumer
        self._offered = 0
        self._spill_at = spill_at
        self._returned = RecordRing(read_ahead, ring.size, ticks=store.loaded_ticks)
        # True while older records than the ring's may be in the store or returned from it.
        # Written by the main loop alone, and True before the first of them leaves the ring.
        self._spilled = len(store) > 0

    def put(self, record, n: int) -> bool:
        """Append the first n bytes of record; False: refused and counted by the ring. Hot.

        Also False, and not counted: n is not in 1..size.
        """
        if self._consumer is not None and 1 <= n <= self.size and self._hand_over(record, n):
            return True
        return self.ring.put(record, n)

    def peek(self):
        """A memoryview of the oldest record's whole slot, or None. Hot.

        Its first `peek_len()` bytes are the record. None: the queue is empty, or
        the oldest record is in the store, from where `move` brings it. From an
        overwriting ring: see RecordRing.
        """
        return self._returned.peek() if self._spilled else self.ring.peek()

    def peek_len(self) -> int:
        """Bytes in the record that `peek` gave; 0 when there is none. Hot."""
        return self._returned.peek_len() if self._spilled else self.ring.peek_len()

    def peek_ticks(self) -> int:
        """The tick at which the record that `peek` gave was put; 0 when there is none. Hot.

        For a record of an earlier run, the tick of the store's start.
        """
        return self._returned.peek_ticks() if self._spilled else self.ring.peek_ticks()

    def release(self) -> bool:
        """Drop the record that `peek` gave. Hot. False: it was not dropped; see RecordRing."""
        return self._returned.release() if self._spilled else self.ring.release()

    def __len__(self) -> int:
        """Records waiting in all tiers. Hot."""
        return len(self._returned) + len(self.store) + len(self.ring)

    def move(self) -> int:
        """Move records between the tiers, as far as it is due. Blocks.

        To be called in each turn of the main loop. Reads from one segment,
        deletes those taken and writes one batch, at most. Returns how many
        records it moved.
        """
        moved = 0
        if len(self._returned) == 0 and (self._spilled or self.store.used()):
            moved = self.store.load(self._returned)
            if moved == 0 and len(self.store) == 0:
                self._spilled = False
        return moved + self._spill()

    def flush(self) -> bool:
        """Bring everything from RAM to flash, before a reset that is known to come. Blocks.

        False: the flash would not take all of it.
        """
        self._spilled = True
        for _ in range(len(self.ring)):
            if not self.store.add(self.ring) and not (
                self.store.write() and self.store.add(self.ring)
            ):
                return False
        return self.store.write()

    def _hand_over(self, record, n):
        if self._spilled or len(self.ring):
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

    def _spill(self):
        ring = self.ring
        store = self.store
        moved = 0
        written = False
        while len(ring) >= self._spill_at or not ring.free():
            self._spilled = True
            if store.add(ring):
                moved += 1
            elif written or not store.write():
                break
            else:
                written = True
        return moved
