# SPDX-License-Identifier: MIT
"""A change on trial: has it made things worse than they were?"""

from micropython import const

from sluice.program.audit import KEPT, ROLLED_BACK

LONGEST_S = const(3600)

# Below these, the products are small integers.
_MOST_EVENTS = const(1 << 15)
_MOST_TICKS = const(1 << 20)


class Trial:
    """Compares what follows a change with the last interval of the statistics before it.

    stats: a Stats.
    slack: ticks by which p95 may grow in any case, since it counts whole ticks.
    ended: a function of (result): KEPT or ROLLED_BACK. It may allocate.

    Errors are events given up over all that left; in a trial all since the
    change count. p95 is that of each interval that ends in the trial. What is not
    known before (p95, when nothing left the queue then) is not compared.

    Read only, as of the last `judge`:
      errors_before, errors   hundredths of a percent
      p95_before, p95         ticks; -1: not known

    Ownership: the main loop alone.
    """

    def __init__(self, stats, slack, ended):
        self._stats = stats
        self._slack = slack
        self._ended = ended
        self._window_s = 0  # 0: no trial
        self._begun_s = 0
        self._admitted = 0  # of the statistics, when counting began
        self._failed = 0
        self._more_errors = 0
        self._more_p95 = 0
        self.errors_before = self.errors = 0
        self.p95_before = self.p95 = -1

    def set_thresholds(self, errors_pct, p95_pct) -> None:
        """Set what is worse: errors grown by more than so many percentage points, 0 to 100,
        or p95 by more than so many percent, 0 to 1,000, and by more than the slack."""
        self._more_errors = errors_pct * 100
        self._more_p95 = p95_pct

    def begin(self, window_s) -> None:
        """Judge from now on, and keep the change with the first interval that ends after window_s
        seconds, 1 to LONGEST_S."""
        self._window_s = window_s
        self._begun_s = self._stats.up_s
        self._count_anew()

    def stop(self) -> None:
        """There is no trial any more."""
        self._window_s = 0
        self._count_anew()

    def runs(self) -> bool:
        """Whether a change is on trial."""
        return self._window_s > 0

    def left_s(self) -> int:
        """Seconds that the trial goes on, at least 1; 0 when there is none."""
        if self._window_s == 0:
            return 0
        return max(1, self._window_s - (self._stats.up_s - self._begun_s))

    def judge(self) -> None:
        """To be called when the statistics have closed an interval. Hot.

        May call `ended`.
        """
        stats = self._stats
        errors = self._error_ratio()
        if self._window_s == 0:
            self.errors_before = errors
            self.p95_before = stats.p95
            self._count_anew()
            return
        self.errors = errors
        self.p95 = stats.p95
        if errors > self.errors_before + self._more_errors or self._is_slower():
            self.stop()
            self._ended(ROLLED_BACK)
        elif stats.up_s - self._begun_s >= self._window_s:
            self.stop()
            self._ended(KEPT)

    def _count_anew(self):
        self._admitted = self._stats.admitted
        self._failed = self._stats.failed

    def _error_ratio(self):
        failed = self._stats.failed - self._failed
        admitted = self._stats.admitted - self._admitted
        while failed >= _MOST_EVENTS or admitted >= _MOST_EVENTS:  # bound: halved, 15 times at most
            failed >>= 1
            admitted >>= 1
        every = failed + admitted
        return failed * 10000 // every if every else 0

    def _is_slower(self):
        before, now = self.p95_before, self.p95
        if before < 0 or now - before <= self._slack:
            return False
        while before >= _MOST_TICKS:  # bound: halved, 9 times at most
            before >>= 1
            now >>= 1
        return now - before > before * self._more_p95 // 100
