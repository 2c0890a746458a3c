# SPDX-License-Identifier: MIT
"""Records on flash, in the order in which they came.

The store is a folder of segment files. Records are gathered in RAM, in a batch;
a full batch is appended to the newest segment by one write, or begins the next.
A segment is deleted when all its records have been taken.

A segment file is named by its number, 00000000.seg, and holds
    head     "SQ", number of its first record u32, crc u16
    records  length u16, ticks u32, payload, crc u16
all little-endian. A crc is over what stands before it in its head or record.
Records are numbered through all segments, also those that left from RAM, modulo
2^30: that tells how many a segment had that cannot be read any more.
"""

import os
import time
from struct import pack_into, unpack_from

from micropython import const

from sluice.arguments import check_int
from sluice.crc16 import crc16
from sluice.limit.bucket import TokenBucket
from sluice.queue.ring import OVERWRITE, REJECT

_SMALL_MAX = const((1 << 30) - 1)
_MAX_SIZE = const(65535)
HEAD = const(8)  # bytes of a segment before its records
_PREFIX = const(6)  # bytes of a record before its payload
AROUND = const(8)  # bytes that a record takes besides its own
_READ_TRIES = const(3)

_ENOENT = const(2)  # the module errno has not all of them on every board
_EEXIST = const(17)
_ENOSPC = const(28)

_in_use = []  # the folders of the stores that are not closed


class SegmentStore:
    """A queue of records on flash, for the main loop.

    folder:        its own folder; made if need be, in a folder that is there. Two
                   stores would delete each other's segments: the second is refused
                   until the first is closed.
    size:          bytes of the longest record, 1 to 65,535.
    segments:      files at most, 1 to 9,999.
    segment_bytes: bytes of a file at most, best a whole number of flash blocks.
    batch_bytes:   RAM in which records gather before they are written, from
                   size + 8 to segment_bytes - 8. The larger, the fewer writes.
    overflow:      when the last segment is full. REJECT: no more is written.
                   OVERWRITE: the oldest segment gives way.
    ticks:         the clock.
    retry_ticks:   what has failed (to write, to read, to delete) is tried once
                   more at once, then every so many ticks, 1 to 2^29 - 1.

    After a reset the store begins with what the last run has left in the
    folder, in order. What was in RAM is lost. Records come at least once: the
    segment of which a part was taken comes again from its start, and so do one
    that was taken wholly but not deleted yet, and what a write that failed half
    way has left. A torn record at the end of the newest segment is dropped,
    with what may stand behind it.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed, and OSError if the folder cannot be made or read. Afterwards a
    flash that fails or is full never raises: it is counted, and records stay
    where they are. A segment that cannot be read three times in a row, or is
    damaged, is given up, and the rest of its records counted as lost.

    Read only:
      writes       batches given to the flash, failed ones too
      kept         records that were brought to flash, up to 2^30 - 1
      kept_bytes   bytes written for these, up to 2^30 - 1: kept_bytes / kept is the wear by a
                   record, to which the file system adds its own
      errors       failures of the flash
      last_error   the error number of the latest, 0: none
      torn         torn records and heads found at the start
      lost         records that could not be read back
      overwritten  records lost under OVERWRITE

    Ownership: the main loop alone.
    """

    def __init__(
        self,
        folder,
        size,
        segments=16,
        segment_bytes=4096,
        batch_bytes=1024,
        overflow=REJECT,
        ticks=time.ticks_ms,
        retry_ticks=1000,
    ):
        check_int("size", size, 1, _MAX_SIZE)
        check_int("segments", segments, 1, 9999)
        check_int("segment_bytes", segment_bytes, size + AROUND + HEAD, _SMALL_MAX)
        check_int("batch_bytes", batch_bytes, size + AROUND, segment_bytes - HEAD)
        if overflow != REJECT and overflow != OVERWRITE:
            raise ValueError("overflow must be REJECT or OVERWRITE, not %r" % (overflow,))
        check_int("retry_ticks", retry_ticks, 1, (1 << 29) - 1)
        self.size = size
        self.writes = self.kept = self.kept_bytes = 0
        self.errors = self.last_error = 0
        self.torn = self.lost = self.overwritten = 0
        self._folder = folder
        self._limit = segments
        self._segment_bytes = segment_bytes
        self._overflow = overflow
        self._start = ticks()
        self._writing = _Attempts(ticks, retry_ticks)
        self._reading = _Attempts(ticks, retry_ticks)
        self._removing = _Attempts(ticks, retry_ticks)
        self._record = memoryview(bytearray(size + AROUND))  # the one that is being read
        self._loaded_ticks = 0
        self._loaded_number = 0
        self._batch = memoryview(bytearray(HEAD + batch_bytes))  # with room for a segment's head
        self._fill = HEAD
        self._at = HEAD  # what lies before it in the batch has been loaded
        self._gathered = 0  # records in the batch
        self._unread = 0  # those of them that have not been loaded
        self._first = 0  # number of the first record in the batch
        self._segments = []  # oldest first; all that were loaded wholly stand in front
        self._newest = None  # the one to append to; None: begin another
        self._number = 0  # of the next segment
        self._waiting = 0
        place = _absolute(folder)
        if place in _in_use:
            raise ValueError(
                "folder %r is in use by another SegmentStore: close that first" % folder
            )
        self._recover()
        self._place = place
        _in_use.append(place)

    def __len__(self) -> int:
        """Records that have not been loaded, on flash and in the batch. Hot."""
        return self._waiting

    def close(self) -> None:
        """Let another store have the folder, which finds there what a reset would leave.

        What is in the batch is not written: `write` it before. Nothing else may be
        called afterwards.
        """
        _in_use.remove(self._place)

    def used(self) -> int:
        """Segments on flash."""
        return len(self._segments)

    def loaded_ticks(self) -> int:
        """The tick at which the record loaded last was put. Hot.

        That of the store's start for a record of an earlier run. The clock for
        the ring that `load` fills.
        """
        return self._loaded_ticks

    def loaded_number(self) -> int:
        """The number of the record loaded last, below 2^30. Hot."""
        return self._loaded_number

    def next_number(self) -> int:
        """The number that the record added next will have, below 2^30."""
        return self._first + self._gathered & _SMALL_MAX

    def set_number(self, number: int) -> None:
        """Number the record added next, 0 to 2^30 - 1. To be called while the store is empty."""
        self._first = number

    def most_copied(self) -> int:
        """Slots that the ring of `copy` may have."""
        return (len(self._batch) - HEAD) // (self.size + AROUND)

    def copy(self, ring) -> None:
        """Copy all records of a RecordRing into the batch, while the store is empty. No flash.

        For the ring that `load` fills: they count as loaded, as if they had come from here.
        """
        for k in range(len(ring)):
            record, n = ring.peek_behind(k), ring.peek_behind_len(k)
            self._append_to_batch(record, n, ring.peek_behind_ticks(k))
        self._at = self._fill

    def add(self, ring) -> bool:
        """Move the oldest record of a RecordRing into the batch. No flash.

        False: the batch has no room; `write` makes some. What an overwriting
        ring replaces meanwhile is not moved: the ring has counted it.
        """
        record = ring.peek()
        if record is None:
            return True
        n = ring.peek_len()
        if self._fill + n + AROUND > len(self._batch):
            return False
        at = self._fill
        self._append_to_batch(record, n, ring.peek_ticks())
        if ring.release():
            self._unread += 1
            self._waiting += 1
        else:
            self._fill = at
            self._gathered -= 1
        return True

    def write(self) -> bool:
        """Bring the batch to flash by one write. Blocks as long as the flash does.

        False: it stays in RAM, because all segments are full, or the flash
        fails or did so less than retry_ticks ago.
        """
        if self._fill == HEAD:
            return True
        if not self._writing.allowed():
            return False
        segment = self._newest
        if segment is None or segment.end + self._fill - HEAD > self._segment_bytes:
            if not self._make_place():
                return False
            segment = _Segment(self._number, 0, self._first)
        begins = segment is not self._newest
        try:
            self._append(segment, begins)
        except OSError as error:
            self._newest = None  # how it ends now is not known
            self._count_failure(error, self._writing)
            if begins:
                self._delete(segment)  # its records are still in the batch
            return False
        self._writing.failures = 0
        if begins:
            self._segments.append(segment)
            self._newest = segment
            self._number += 1
        if segment.unread == 0:
            segment.at = segment.end + self._at - HEAD
            segment.next = self._first + self._gathered - self._unread & _SMALL_MAX
        self.kept = _sum(self.kept, self._gathered)
        self.kept_bytes = _sum(self.kept_bytes, self._fill - (0 if begins else HEAD))
        segment.end += self._fill - HEAD
        segment.unread += self._unread
        self._first = self._first + self._gathered & _SMALL_MAX
        self._fill = self._at = HEAD
        self._gathered = self._unread = 0
        return True

    def load(self, ring) -> int:
        """Move the oldest records into an empty RecordRing, as many as it holds.

        All that was loaded before counts as taken from now on: segments that
        hold nothing else are deleted. Returns how many records it moved; 0 also
        when the flash fails. Blocks as long as the flash does: it reads from
        one segment, and deletes those read.
        """
        self._forget_taken()
        for segment in self._segments:
            if segment.unread:
                return self._load_segment(segment, ring)
        return self._load_batch(ring)

    def _append_to_batch(self, record, n, ticks):
        batch, at = self._batch, self._fill
        end = at + n + AROUND
        pack_into("<HI", batch, at, n, ticks)
        batch[at + _PREFIX : end - 2] = record[:n]
        pack_into("<H", batch, end - 2, crc16(batch, at, end - 2))
        self._fill = end
        self._gathered += 1

    def _make_place(self):
        while len(self._segments) >= self._limit:
            if self._overflow == REJECT:
                return False
            oldest = self._segments[0]
            if not self._remove(oldest):
                return False
            self.overwritten += oldest.unread
            self._waiting -= oldest.unread
        return True

    def _append(self, segment, begins):
        batch = self._batch
        if begins:
            batch[:2] = b"SQ"
            pack_into("<I", batch, 2, self._first)
            pack_into("<H", batch, 6, crc16(batch, 0, 6))
        part = batch[0 if begins else HEAD : self._fill]
        self.writes += 1
        with open(self._path(segment.number), "wb" if begins else "ab") as file:
            if file.write(part) != len(part):
                raise OSError(_ENOSPC, "written in part")

    def _forget_taken(self):
        while self._segments and self._segments[0].unread == 0:
            if not self._remove(self._segments[0]):
                break  # nor the next: after a reset, a gap would look like a loss
        taken = self._at - HEAD
        if taken:
            batch = self._batch
            batch[HEAD : self._fill - taken] = batch[self._at : self._fill]
            self._fill -= taken
            self._at = HEAD
            self._first = self._first + self._gathered - self._unread & _SMALL_MAX
            self._gathered = self._unread

    def _load_segment(self, segment, ring):
        moved = 0
        if not self._reading.allowed():
            return moved
        try:
            with open(self._path(segment.number), "rb") as file:
                file.seek(segment.at)
                while segment.unread and ring.free():
                    n = self._read_record(file)
                    if n == 0:
                        self._give_up(segment)
                        break
                    if segment.earlier_run:
                        self._loaded_ticks = self._start
                    else:
                        self._loaded_ticks = unpack_from("<I", self._record, 2)[0]
                    self._loaded_number = segment.next
                    segment.next = segment.next + 1 & _SMALL_MAX
                    ring.put(self._record[_PREFIX:], n)
                    segment.at += n + AROUND
                    segment.unread -= 1
                    self._waiting -= 1
                    moved += 1
        except OSError as error:
            self._count_failure(error, self._reading)
            if self._reading.failures < _READ_TRIES and error.errno != _ENOENT:
                return moved
            self._give_up(segment)
        self._reading.failures = 0
        return moved

    def _load_batch(self, ring):
        moved = 0
        batch = self._batch
        while self._unread and ring.free():
            n, self._loaded_ticks = unpack_from("<HI", batch, self._at)
            self._loaded_number = self._first + self._gathered - self._unread & _SMALL_MAX
            ring.put(batch[self._at + _PREFIX :], n)
            self._at += n + AROUND
            self._unread -= 1
            self._waiting -= 1
            moved += 1
        return moved

    def _give_up(self, segment):
        self.lost += segment.unread
        self._waiting -= segment.unread
        segment.unread = 0
        if segment is self._newest:
            self._newest = None

    def _read_record(self, file):
        """Read the next record; its payload's length, or 0: there is none, or a damaged one."""
        record = self._record
        if file.readinto(record[:_PREFIX]) != _PREFIX:
            return 0
        n = record[0] | record[1] << 8
        if n < 1 or n > self.size or file.readinto(record[_PREFIX : n + AROUND]) != n + 2:
            return 0
        crc = record[n + _PREFIX] | record[n + _PREFIX + 1] << 8
        return n if crc16(record, 0, n + _PREFIX) == crc else 0

    def _remove(self, oldest):
        if not (self._removing.allowed() and self._delete(oldest)):
            return False
        self._removing.failures = 0
        self._segments.pop(0)
        if oldest is self._newest:
            self._newest = None
        return True

    def _delete(self, segment):
        try:
            os.remove(self._path(segment.number))
        except OSError as error:
            if error.errno != _ENOENT:
                self._count_failure(error, self._removing)
                return False
        return True

    def _count_failure(self, error, attempts):
        attempts.fail()
        self.errors += 1
        self.last_error = error.errno

    def _path(self, number):
        return "%s/%08d.seg" % (self._folder, number)

    def _recover(self):
        try:
            os.mkdir(self._folder)
        except OSError as error:
            if error.errno != _EEXIST:
                raise
        numbers = sorted(int(name[:8]) for name in os.listdir(self._folder) if _is_segment(name))
        if numbers:
            self._number = numbers[-1] + 1
        following = -1  # number of the first record of the next segment, -1: there is none
        for number in reversed(numbers):
            with open(self._path(number), "rb") as file:
                first = self._read_head(file)
                if first < 0:
                    count = 0
                elif following < 0:
                    count = self._count_records(file)
                    self._first = first + count & _SMALL_MAX
                else:
                    count = following - first & _SMALL_MAX
            if first >= 0:
                following = first
            self._segments.insert(0, _Segment(number, count, first, True))
            self._waiting += count

    def _read_head(self, file):
        """The number of a segment's first record, or -1."""
        head = bytearray(HEAD)
        n = file.readinto(head)
        magic, first, crc = unpack_from("<2sIH", head)
        if n == HEAD and magic == b"SQ" and crc == crc16(head, 0, 6) and first <= _SMALL_MAX:
            return first
        if n:
            self.torn += 1
        return -1

    def _count_records(self, file):
        count = 0
        end = HEAD
        while True:
            n = self._read_record(file)
            if n == 0:
                break
            count += 1
            end += n + AROUND
        if file.seek(0, 2) > end:
            self.torn += 1
        return count


class _Segment:
    def __init__(self, number, unread, first, earlier_run=False):
        self.number = number
        self.next = first  # number of the next unread record
        self.earlier_run = earlier_run
        self.unread = unread  # records
        self.at = HEAD  # where the next unread one begins
        self.end = HEAD  # where the next batch is appended


class _Attempts:
    """Whether to try: always, but after a failure once at once and then every so many ticks."""

    def __init__(self, ticks, retry_ticks):
        self._bucket = TokenBucket(1, 1, retry_ticks, ticks)
        self.failures = 0  # in a row

    def fail(self):
        if self.failures == 0:
            self._bucket.reset()  # nobody has brought it up to date since the last failure
        self.failures += 1

    def allowed(self):
        return self.failures == 0 or self._bucket.try_acquire()


def free(folder) -> None:
    """Let another store have the folder, if the one that has it is of no use any more.

    For a program that was begun and did not stand.
    """
    place = _absolute(folder)
    if place in _in_use:
        _in_use.remove(place)


def _sum(count, n):
    return count + n if count <= _SMALL_MAX - n else _SMALL_MAX


def _is_segment(name):
    return len(name) == 12 and name.endswith(".seg") and name[:8].isdigit()


def _absolute(folder):
    if not folder.startswith("/"):
        folder = os.getcwd().rstrip("/") + "/" + folder
    return folder.rstrip("/")
