# SPDX-License-Identifier: MIT
"""The one loop: ring, token bucket, sink."""

import time

from micropython import const

from sluice.kernels import kernel
from sluice.queue.ring import OVERWRITE

RECORD = "record"
BYTES = "bytes"

# What a sink's `write` answers, besides TAKEN. False is REFUSED, and True is TAKEN.
REFUSED = const(0)
HELD = const(16)

# How a record ended. Those that the sink did not take are a bit each, so that a run of them can
# say all that happened in it.
TAKEN = const(1)
GIVEN_UP = const(2)
SHED = const(4)
OVERWRITTEN = const(8)

_MOST_TICKS = const((1 << 29) - 1)

_ticks_diff = time.ticks_diff


class Pipeline:
    """Moves records from a ring to a sink at the rate that a bucket allows.

    ring:    a RecordRing with the same clock as `ticks`.
    bucket:  a TokenBucket.
    sink:    `sink.room() -> int` says how many records it can take now; 0 or less:
             none. It is asked before tokens are taken, and while it says 0 the
             pipeline waits: no attempt, nothing denied, no failure; a CoDel goes
             on to shed. What it raises is not caught. `sink.write(record, n)` is
             given a memoryview and the record's length in bytes. It answers TAKEN
             or True; or REFUSED, False, None or an exception: a failed attempt. A
             sink that has `done() -> int` may also answer HELD: it keeps the view,
             and says later. `done` is asked in each step while something is held,
             and says how many of the oldest held are taken now; -1: all held are
             lost, write them again; -1 - n: it will never take the n oldest, which
             are given up. What it raises is not caught.
    stats:   a Stats.
    cost:    "record": each attempt costs one token. "bytes": as many as the
             record has bytes.
    tries:   attempts on the sink, 1 or more, before a record is given up: then
             it is counted in `stats.failed` and `degrade(record, n)` has it last.
    degrade: a function of (record, n), or None.
    ticks:   the clock.
    first_backoff, last_backoff: ticks to wait after the first failed attempt,
             doubled at each further one up to the last.
    shed:    None, or a CoDel, which is asked once for each record, when it could
             be sent. What it drops counts in `stats.shed` and takes no tokens.
    batch:   records that one step may move, 1 or more. A step ends when it sees a
             tick beyond the one after its first, so a record is offered at most a
             tick after its tokens were granted, and a sink that takes long delays
             the loop by one write. Where each costs one token, none can be replaced
             and none is shed, their tokens are taken together, and those of
             records that were not offered are given back.
    ends:    None, or what is told of each record's end, in the order of the ring
             and at the moment that it happens: `ends.ended(how, n)`, n records in
             a row that were TAKEN, GIVEN_UP, SHED or OVERWRITTEN. What was
             overwritten is told when the pipeline passes it, as long as
             `ring.overwritten` has not reached its end.

    A record stays at the front of the ring until the sink took it, so records
    leave in the order of their arrival. From an overwriting ring it is copied
    out when it has its tokens, since it could be replaced while it is sent; so
    of these a sink holds one at most. Held records count as waiting.

    A record that costs more than the bucket can ever hold is given up at once.

    Read only: `holding`, a Holding; there is one only for a sink that has `done`.

    Ownership: the consumer of the ring and the owner of the bucket.
    """

    def __init__(
        self,
        ring,
        bucket,
        sink,
        stats,
        cost=RECORD,
        tries=5,
        degrade=None,
        ticks=time.ticks_ms,
        first_backoff=10,
        last_backoff=1000,
        shed=None,
        batch=1,
        ends=None,
    ):
        if cost != RECORD and cost != BYTES:
            raise ValueError('cost must be "record" or "bytes", not %r' % (cost,))
        if tries < 1:
            raise ValueError("tries must be 1 or more, not %r" % (tries,))
        if batch < 1:
            raise ValueError("batch must be 1 or more, not %r" % (batch,))
        self._ring = ring
        self._bucket = bucket
        self._sink = sink
        self._room = sink.room
        self._stats = stats
        self._by_bytes = cost == BYTES
        self._tries = tries
        self._degrade = degrade
        self._ticks = ticks
        self._first_backoff = first_backoff
        self._last_backoff = last_backoff
        self._shed = shed
        self._batch = batch
        self._copy = bytearray(ring.size if ring.overflow == OVERWRITE else 0)
        self._overwritten = ring.overwritten if self._copy else 0  # of which `ends` was told
        self._together = batch > 1 and cost == RECORD and not self._copy and shed is None
        self._ended = None if ends is None else ends.ended
        self._attempts = 0  # on the sink in the present batch
        self._tick = 0  # at which the present step began
        self._copied = 0  # bytes of the record in the copy, 0: none
        self._copied_at = 0  # the tick of its put
        self._failures = 0  # of the record in front
        self._denied = False  # the record in front was counted as denied
        self._wait = 0  # ticks from _wait_from on in which there is nothing to try
        self._wait_from = 0
        if hasattr(sink, "done"):
            from sluice.flow.holding import Holding

            holding = Holding(self, sink.done)
            self.holding = holding
            self._together = True
            self._several = holding.step
            self._room = holding.room

    def step(self) -> int:
        """Offer the sink the oldest records, as many as have their tokens, up to `batch`. Hot.

        Returns how many records left the ring for good: the sink took them, or
        they were given up or shed; 0 when there is none or the first has to wait.
        Never blocks longer than the sink does. What the sink raises is caught and
        counts as not taken; what `degrade` raises is not caught, and the record
        stays. docs/speed.md tells what an event costs.
        """
        now = self._ticks()
        self._stats.roll(now)
        if self._wait:
            if 0 <= _ticks_diff(now, self._wait_from) < self._wait:
                return 0
            self._wait = 0
        self._tick = now
        if self._together and not self._failures:
            return self._several()
        moved = self._one()
        # bound: a turn moves a record, `batch` at most
        while 0 < moved < self._batch and self._in_time() and self._one():
            moved += 1
        return moved

    def retry_now(self) -> None:
        """Forget the present wait, because rate or burst have changed. Hot."""
        self._wait = 0

    def lag(self) -> int:
        """Ticks for which the record in front has waited, below 2^29; 0 when none waits. Hot."""
        if self._copied == 0 and self._ring.peek() is None:
            return 0
        lag = _ticks_diff(self._ticks(), self._put_ticks())
        return lag if lag >= 0 else _MOST_TICKS

    def wait_ticks(self) -> int:
        """Ticks for which `step` has nothing to do, unless a record is put. Hot.

        0: step now. k: step again in k ticks, below 2^29, and at least once a
        second; 1 while the sink has no room, or holds all that there is. -1: the
        ring is empty. A loop may sleep for so long; put records do not shorten k,
        since what waits is the record in front.
        """
        wait = self._wait
        if wait:
            wait -= _ticks_diff(self._ticks(), self._wait_from)
            return wait if 0 < wait <= self._wait else 0
        if not self._copied and len(self._ring) == 0:
            return -1
        return 0 if self._room() > 0 else 1

    def _one(self):
        n = self._copied
        if n == 0:
            if self._peek() is None:
                return 0
            n = self._ring.peek_len()
        if self._room() <= 0:
            return self._stalled(n)
        cost = n if self._by_bytes else 1
        if self._bucket.try_acquire(cost):
            return self._offer(n, cost)
        return self._deny(n, cost)

    def _stalled(self, n):
        """The sink has no room: a record leaves the ring only if it is to be shed."""
        if self._shed is None or self._failures or not self._hold(n):
            return 0
        return 1 if self._sheds(self._shed) else 0

    def _peek(self):
        """As the ring's, and what was overwritten before the record that it gives has ended."""
        record = self._ring.peek()
        if self._copy and self._ended is not None and self._ring.overwritten != self._overwritten:
            self._pass_overwritten(self._ended)
        return record

    def _pass_overwritten(self, ended):
        before = self._overwritten
        self._overwritten = self._ring.overwritten
        ended(OVERWRITTEN, self._overwritten - before)

    def _several(self):
        """A step of records that cost one token each, cannot be replaced and are not shed."""
        ring = self._ring
        if ring.peek() is None:
            return 0
        n = self._room()
        if n <= 0:
            return 0
        if n > len(ring):
            n = len(ring)
        granted = self._bucket.acquire_up_to(n if n < self._batch else self._batch)
        if granted == 0:
            return self._deny(ring.peek_len(), 1)
        return self._use(granted)

    def _use(self, granted):
        self._attempts = 0
        try:
            return self._pass_on(granted)
        finally:
            self._bucket.cancel(granted - self._attempts)  # an attempt is paid, also a failed one

    def _pass_on(self, granted):
        """Offer the sink so many records, while the step may last; how many left the ring."""
        ring = self._ring
        # bound: a turn is an attempt, `granted` at most
        while self._attempts < granted and ring.peek() is not None:
            self._attempts += 1
            if not self._send(ring.peek_len()):
                return self._attempts - 1
            if not self._in_time():
                break
        return self._attempts

    def _in_time(self):
        """Whether the step may offer another record."""
        return 0 <= _ticks_diff(self._ticks(), self._tick) <= 1

    def _deny(self, n, cost):
        if not self._denied:
            self._denied = True
            self._stats.deny()
        bucket = self._bucket
        now = self._ticks()
        wait = bucket.wait_ticks(cost)
        if wait < 0 and cost > bucket.burst:
            return self._give_up(n) if self._hold(n) else 0
        self._wait_from = now
        self._wait = wait if wait > 0 else 1
        return 0

    def _offer(self, n, cost):
        if not self._hold(n):
            self._bucket.cancel(cost)  # the producer replaced the record meanwhile
            return 0
        if self._failures:
            self._stats.retry()
        elif self._shed is not None and self._sheds(self._shed):
            self._bucket.cancel(cost)
            return 1
        return self._send(n)

    def _sheds(self, codel):
        """Drop the record in front if its turn has come to be shed."""
        now = self._ticks()
        behind = len(self._ring) if self._copied else len(self._ring) - 1
        if not codel.should_drop(_ticks_diff(now, self._put_ticks()), now, behind):
            return False
        self._stats.shed_one()
        self._drop(SHED)
        return True

    def _send(self, n):
        start = self._ticks()
        taken = self._write(n)
        now = self._ticks()
        self._stats.attempt(taken, _ticks_diff(now, start))
        if taken:
            return self._taken(now)
        return self._refused(now, n)

    def _refused(self, now, n):
        self._failures += 1
        if self._failures >= self._tries:
            return self._give_up(n)
        self._wait_from = now
        self._wait = self._backoff(self._failures)
        return 0

    def _taken(self, now):
        self._stats.admit(now, _ticks_diff(now, self._put_ticks()))
        self._drop(TAKEN)
        return 1

    def _write(self, n):
        try:
            return self._sink.write(self._in_front(), n)
        except Exception:  # whatever a sink raises: not taken, counted by the caller
            return False

    def _give_up(self, n):
        if self._degrade is not None:
            self._degrade(self._in_front(), n)
        self._stats.fail()
        self._drop(GIVEN_UP)
        return 1

    def _backoff(self, failures):
        wait = self._first_backoff
        for _ in range(failures - 1):
            if wait >= self._last_backoff:
                break
            wait += wait
        return wait if wait < self._last_backoff else self._last_backoff

    def _in_front(self):
        return self._copy if self._copied else self._ring.peek()

    def _put_ticks(self):
        return self._copied_at if self._copied else self._ring.peek_ticks()

    def _hold(self, n):
        """Make sure that the producer cannot replace the record in front any more."""
        if not self._copy or self._copied:
            return True
        ring = self._ring
        record = self._peek()
        if record is None or ring.peek_len() != n:
            return False
        copy = self._copy
        for i in range(n):
            copy[i] = record[i]
        self._copied_at = ring.peek_ticks()
        if not ring.release():
            return False
        self._copied = n
        return True

    def _drop(self, how):
        if self._copied:
            self._copied = 0
        else:
            self._ring.release()
        self._failures = 0
        self._denied = False
        ended = self._ended
        if ended is not None:
            ended(how, 1)


Pipeline = kernel("flow.pipeline", "Pipeline", Pipeline)
