# SPDX-License-Identifier: MIT
"""A pipeline's step for a sink that answers later: what it holds, and what comes behind.

A record that the sink holds keeps its slot in the ring, and others are offered
meanwhile, in order. What ends behind a held record waits there, with a mark,
until its turn to leave: records leave the ring, and are told of, in its order.
"""

import time
from array import array

from micropython import const

# The pipeline's.
_TAKEN = const(1)
_GIVEN_UP = const(2)
_SHED = const(4)
_HELD = const(16)

_ticks_diff = time.ticks_diff


class Holding:
    """Takes the place of a pipeline's step for several records, and of its look at the sink's room.

    pipeline: made for a sink that holds.  done: the sink's.

    A step drops up to `batch` records from the front, which have ended, and
    offers the sink up to `batch`. An attempt counts in the statistics when its
    answer has come: from `write` until then it has taken. When the sink says that
    what it holds is lost, that is one failed attempt, of the oldest; the others
    are offered again as if for the first time, a shedding control included. Of
    records that it will never take each is a failed attempt, and given up.

    Read only: `ahead`, the records in front of the one to offer next: they are held, or have ended
    behind a held one.

    Raises ValueError for a queue that neither overwrites nor lets look behind its
    oldest record.

    Ownership: the pipeline's.
    """

    def __init__(self, pipeline, done):
        ring, sink = pipeline._ring, pipeline._sink
        if not pipeline._copy and not hasattr(ring, "peek_behind"):
            raise ValueError("a sink that holds needs a RecordRing, not %r" % (ring,))
        self._pipeline = pipeline
        self._ring = ring
        self._sink = sink
        self._done = done
        self._room = sink.room
        # Of an overwriting ring the pipeline has one record, in its copy; else all keep their
        # slots. For each: how often an attempt failed, or how it has ended, negative; and the tick
        # of its attempt while it is held.
        slots = self._slots = 1 if pipeline._copy else ring.capacity
        self._marks = array("i", [0] * slots)
        self._starts = array("i", [0] * slots)
        self._first = 0  # place of the front record's mark
        self.ahead = 0
        self._held = 0
        self._over = 0  # of the held, the oldest so many have ended, and not left yet
        self._how = _TAKEN  # how those ended
        self._left = 0  # records that left in the present step
        self._denied = False  # the record to offer next was counted as denied
        self._wait = 0  # ticks from _wait_from on in which to offer nothing behind those ahead
        self._wait_from = 0

    def step(self) -> int:
        """Bring what is held up to date, then offer what comes behind. Hot."""
        pipeline = self._pipeline
        self._left = 0
        if self._held and self._over == 0 and self._marks[self._first] >= 0:
            self._ask()  # the front record is the oldest held
        batch = pipeline._batch
        while batch and self._leave():
            batch -= 1
        if self._waits() or pipeline._wait:  # the pipeline's: what was held is lost
            return self._left
        batch = pipeline._batch
        while batch and self._offer() and pipeline._in_time():
            batch -= 1
        return self._left

    def room(self) -> int:
        """How many records the sink can take now; 0 also when there is none to offer. Hot.

        1 or more when records can leave.
        """
        if self._over or self._marks[self._first] < 0:
            return 1
        ahead = self.ahead
        if self._waits() or ahead and (ahead == self._slots or ahead == len(self._ring)):
            return 0
        return self._room()

    def _waits(self):
        if self._wait:
            if 0 <= _ticks_diff(self._pipeline._ticks(), self._wait_from) < self._wait:
                return True
            self._wait = 0
        return False

    def _ask(self):
        n = self._done()
        if n == -1:
            self._lose()
            return
        self._how = _TAKEN
        if n < 0:
            self._how = _GIVEN_UP
            n = -1 - n
        self._over = n if n < self._held else self._held

    def _lose(self):
        """The oldest is in front; the ones that ended behind it keep their marks."""
        self._held = self.ahead = self._wait = 0
        self._denied = False
        self._refused(self._count(False, self._first), self._next_len())

    def _leave(self):
        """Whether the front record has ended, behind a held one or as one; drop it."""
        if self.ahead == 0:
            return False
        how = -self._marks[self._first]
        if how <= 0:
            if self._over == 0:
                return False
            how = self._how
            self._end_held(how)
            self._over -= 1
            self._held -= 1
        self.ahead -= 1
        self._drop(how)
        return True

    def _end_held(self, how):
        """The front record, which was held, has ended."""
        pipeline = self._pipeline
        if how == _GIVEN_UP:
            self._hand_down(pipeline._in_front(), pipeline._copied or self._ring.peek_len())
            self._count(False, self._first)
        else:
            self._admit(self._count(True, self._first), pipeline._put_ticks())

    def _count(self, taken, at):
        """Count an attempt that is answered now; the tick."""
        now = self._pipeline._ticks()
        self._pipeline._stats.attempt(taken, _ticks_diff(now, self._starts[at]))
        return now

    def _admit(self, now, put):
        self._pipeline._stats.admit(now, _ticks_diff(now, put))

    def _drop(self, how):
        first = self._first
        self._marks[first] = 0
        first += 1
        self._first = first if first != self._slots else 0
        self._left += 1
        self._pipeline._drop(how)

    def _next(self):
        """The place of the mark of the record to offer next."""
        at = self._first + self.ahead
        return at if at < self._slots else at - self._slots

    def _next_len(self):
        """Its bytes; 0: there is none."""
        pipeline = self._pipeline
        if self.ahead:
            return 0 if self._slots == self.ahead else self._ring.peek_behind_len(self.ahead)
        if pipeline._copied:
            return pipeline._copied
        return self._ring.peek_len() if pipeline._peek() is not None else 0

    def _next_view(self):
        return self._ring.peek_behind(self.ahead) if self.ahead else self._pipeline._in_front()

    def _put_ticks(self):
        if self.ahead:
            return self._ring.peek_behind_ticks(self.ahead)
        return self._pipeline._put_ticks()

    def _offer(self):
        """Whether the record to offer next, if there is one, was passed on or has ended."""
        n = self._next_len()
        if n == 0:
            return False
        mark = self._marks[self._next()]
        if mark < 0:
            return self._end(-mark)  # before what was held in front of it was lost
        if self._room() <= 0:
            return self._stalled(n)
        return self._try(n, n if self._pipeline._by_bytes else 1)

    def _try(self, n, cost):
        pipeline = self._pipeline
        bucket = pipeline._bucket
        if not bucket.try_acquire(cost):
            return self._deny(n, cost)
        if not pipeline._hold(n):
            bucket.cancel(cost)  # the producer replaced the record meanwhile
            return False
        if self._marks[self._next()]:
            pipeline._stats.retry()
        elif pipeline._shed is not None and self._sheds(pipeline._shed):
            bucket.cancel(cost)
            return True
        return self._send(n)

    def _stalled(self, n):
        pipeline = self._pipeline
        if pipeline._shed is None or self._marks[self._next()] or not pipeline._hold(n):
            return False
        return self._sheds(pipeline._shed)

    def _sheds(self, codel):
        pipeline = self._pipeline
        now = pipeline._ticks()
        behind = len(self._ring) - self.ahead - (0 if pipeline._copied else 1)
        if not codel.should_drop(_ticks_diff(now, self._put_ticks()), now, behind):
            return False
        pipeline._stats.shed_one()
        return self._end(_SHED)

    def _deny(self, n, cost):
        pipeline = self._pipeline
        if not self._denied:
            self._denied = True
            pipeline._stats.deny()
        now = pipeline._ticks()
        wait = pipeline._bucket.wait_ticks(cost)
        if wait < 0 and cost > pipeline._bucket.burst:
            return self._give_up(n) if pipeline._hold(n) else False
        # Behind others a tick: the pipeline's `retry_now` ends its own wait alone.
        self._wait_for(now, wait if wait > 0 and self.ahead == 0 else 1)
        return False

    def _wait_for(self, now, wait):
        # The pipeline's own wait would keep the step from asking what became of the held.
        owner = self if self.ahead else self._pipeline
        owner._wait_from = now
        owner._wait = wait

    def _send(self, n):
        self._starts[self._next()] = self._pipeline._ticks()
        answer = self._write(n)
        if answer == _HELD:
            self._held += 1
            return self._pass()
        return self._answered(n, answer)

    def _answered(self, n, taken):
        now = self._count(taken, self._next())
        if not taken:
            return self._refused(now, n)
        self._admit(now, self._put_ticks())
        return self._end(_TAKEN)

    def _write(self, n):
        try:
            return self._sink.write(self._next_view(), n)
        except Exception:  # whatever a sink raises: not taken, counted by the caller
            return False

    def _refused(self, now, n):
        failures = self._fail()
        if failures >= self._pipeline._tries:
            return self._give_up(n)
        self._wait_for(now, self._pipeline._backoff(failures))
        return False

    def _fail(self):
        at = self._next()
        failures = self._marks[at] = self._marks[at] + 1
        return failures

    def _give_up(self, n):
        self._hand_down(self._next_view(), n)
        return self._end(_GIVEN_UP)

    def _hand_down(self, record, n):
        pipeline = self._pipeline
        if pipeline._degrade is not None:
            pipeline._degrade(record, n)
        pipeline._stats.fail()

    def _end(self, how):
        """The record to offer next has ended: it leaves, or is marked behind those ahead."""
        if self.ahead == 0:
            self._denied = False
            self._drop(how)
            return True
        self._marks[self._next()] = -how
        return self._pass()

    def _pass(self):
        """Leave it among those ahead, and go on to the one behind it."""
        self.ahead += 1
        self._denied = False
        return True
