"""Limiters as they are often written, to compare with the library's.

Each has `try_acquire() -> bool` and, after a refusal, `wait() -> int`: ticks of a
ms until it is worth while to ask again, 1 or more.
"""

from collections.abc import Callable

import numpy as np

from host_sim.clock import PERIOD, ticks_diff
from sluice.limit.bucket import TokenBucket

_PERIOD_S = np.float32(PERIOD / 1000)


class Bucket:
    """One of the library's."""

    def __init__(self, bucket: TokenBucket) -> None:
        self.try_acquire = bucket.try_acquire
        self.wait = bucket.wait_ticks


class FixedWindow:
    """`rate` in each window of `per` ticks; a window begins with the first request after one."""

    def __init__(self, rate: int, per: int, ticks: Callable[[], int]) -> None:
        self._rate = rate
        self._per = per
        self._ticks = ticks
        self._begun = ticks()
        self._count = 0

    def try_acquire(self) -> bool:
        elapsed = ticks_diff(self._ticks(), self._begun)
        if elapsed < 0 or elapsed >= self._per:
            windows = elapsed // self._per if elapsed > 0 else 1
            self._begun = (self._begun + windows * self._per) % PERIOD
            self._count = 0
        if self._count == self._rate:
            return False
        self._count += 1
        return True

    def wait(self) -> int:
        return max(1, self._per - ticks_diff(self._ticks(), self._begun))


class NaiveFloat:
    """Seconds as floats, in single precision, which is what ESP32 and RP2040 have.

    wraps: what was written for the day on which the clock starts again from 0:
    False, nothing; True, the period is added to a negative difference.
    """

    def __init__(
        self, rate: int, burst: int, per: int, ticks: Callable[[], int], *, wraps: bool
    ) -> None:
        self._per_s = np.float32(rate) / np.float32(per / 1000)
        self._burst = np.float32(burst)
        self._tokens = self._burst
        self._ticks = ticks
        self._wraps = wraps
        self._last = self._now()

    def try_acquire(self) -> bool:
        now = self._now()
        elapsed = now - self._last
        if self._wraps and elapsed < 0:
            elapsed += _PERIOD_S
        self._last = now
        self._tokens = min(self._burst, self._tokens + elapsed * self._per_s)
        if self._tokens < 1:
            return False
        self._tokens -= np.float32(1)
        return True

    def wait(self) -> int:
        return max(1, int(float(1 - self._tokens) / float(self._per_s) * 1000))

    def _now(self) -> np.float32:
        return np.float32(self._ticks()) / np.float32(1000)
