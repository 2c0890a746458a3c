"""The board under a program of the playground: a clock that the page moves, and what arrives.

The clock is virtual: it passes at once to the next thing that happens, an arrival, the moment
that the program waits for, the end of an interval. host_sim/simulation.py does the same on
CPython, step for step.
"""

import _page

INTERVAL_MS = 250  # how often `interval` is called
SAMPLE_MS = 100  # how often the page is told where things stand

_TICKS = (1 << 30) - 1
_FIRST_TICK = _TICKS + 1 - 5000  # the ticks wrap after 5 s
_TURNS = 16  # between two looks at whether the page waits


class _Program:
    def __init__(self, ring, bucket, stats, arrive, turn, wait, interval, changed):
        self.ring = ring
        self.bucket = bucket
        self.stats = stats
        self.arrive = arrive
        self.turn = turn
        self.wait = wait
        self.interval = interval
        self.changed = changed


class _Board:
    def __init__(self):
        self._now_us = 0
        self._interval_us = INTERVAL_MS * 1000
        self._sample_us = SAMPLE_MS * 1000
        self._next_us = 0  # when the next event arrives
        self._offered = 0
        self._program = None

    def ticks(self) -> int:
        """The board's clock: milliseconds that wrap at 2^30."""
        return self._now_us // 1000 + _FIRST_TICK & _TICKS

    def sleep_ms(self, ms: int) -> None:
        """Let time pass; events arrive on the way, as by an interrupt."""
        self._pass_to(self._now_us + ms * 1000)

    def run(self, ring, bucket, stats, arrive, turn, wait, interval, changed) -> None:
        """Hand the program to the board, which runs it when the whole text has been read.

        ring, bucket, stats: what the page shows.
        arrive():   an event has come; as in an interrupt.
        turn():     a turn of the board's loop.
        wait():     ticks for which the loop may sleep then; 0: none, -1: until the next event.
        interval(): INTERVAL_MS have passed.
        changed():  a control of the page has moved.
        """
        names = ("arrive", "turn", "wait", "interval", "changed")
        functions = (arrive, turn, wait, interval, changed)
        for i in range(len(names)):
            if not callable(functions[i]):
                raise TypeError("%s must be a function, not %r" % (names[i], functions[i]))
        self._program = _Program(ring, bucket, stats, *functions)

    # The rest is for the page.

    def start(self) -> bool:
        """Whether there is a program to run; what arrives at the very start has arrived."""
        if self._program is None:
            return False
        self._next_us = _page.next_arrival()
        self._pass_to(0)
        return True

    def changed(self) -> None:
        """A control has moved."""
        self._program.changed()

    def advance(self, until_us: int) -> int:
        """Let the program run until then, or until the page waits.

        Returns how far it has come, in microseconds.
        """
        program = self._program
        turns = 0
        while self._now_us < until_us:
            turns += 1
            if turns % _TURNS == 0 and _page.waits():
                break
            program.turn()
            while self._now_us >= self._interval_us:
                self._interval_us += INTERVAL_MS * 1000
                program.interval()
            while self._now_us >= self._sample_us:
                self._sample(self._sample_us)
                self._sample_us += SAMPLE_MS * 1000
            wait = program.wait()
            if wait:
                at = (self._now_us // 1000 + wait) * 1000 if wait > 0 else self._next_us
                soonest = min(at, until_us, self._interval_us, self._sample_us)
                self._pass_to(max(self._now_us, soonest))
        return self._now_us

    def finish(self) -> None:
        """The time is over: say where things stand."""
        if self._now_us >= self._interval_us:
            self._program.interval()
        self._sample(self._now_us)

    def _pass_to(self, until_us):
        while self._next_us <= until_us:
            self._now_us = self._next_us
            self._offered += 1
            self._program.arrive()
            self._next_us = _page.next_arrival()
        self._now_us = until_us

    def _sample(self, at_us):
        program = self._program
        ring, bucket, stats = program.ring, program.bucket, program.stats
        _page.sample(
            at_us // 1000,
            self._offered,
            stats.admitted,
            len(ring),
            ring.limit,
            stats.p50,
            stats.p95,
            ring.rejected,
            ring.overwritten,
            stats.shed,
            stats.failed,
            bucket.tokens(),
            -1 if bucket.rate is None else bucket.rate,
        )


board = _Board()
ticks = board.ticks
sleep_ms = board.sleep_ms
run = board.run


def setting(name: str):
    """What a control of the page says: rate, burst, capacity, overflow, controller,
    service_ms, or quota (0: none)."""
    return _page.setting(name)
