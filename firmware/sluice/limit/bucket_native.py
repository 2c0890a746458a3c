"""TokenBucket in viper: `try_acquire`, `take_up_to` and `refill`."""

import sys
import time
from array import array

import micropython
from micropython import const

from sluice.kernels import word
from sluice.limit.bucket import PlainBucket as Plain

_SMALL_MAX = const((1 << 30) - 1)
_STEP_BACK = const((1 << 30) - 65536)  # from here on it is a step back

# The words of the state.
_DEBT = const(0)
_SETTLED = const(1)
_NUM = const(2)
_DEN = const(3)  # 0: unlimited
_FULL = const(4)
_MOST = const(5)
_PAYS_ALL = const(6)  # 0 when num is 0
_TIMER = const(7)  # address of a register that counts what `ticks` returns, or 0
_WORDS = const(8)

# The RP2040's microseconds, lower half: what its ticks_us is made of.
_TIMERAWL = 0x40054028 if "RP2040" in getattr(sys.implementation, "_machine", "") else 0


@micropython.viper
def _settle(s: ptr32, ticks) -> int:
    """Bring the state up to date; the debt."""
    now = ptr32(s[_TIMER])[0] & _SMALL_MAX if s[_TIMER] else int(ticks())
    elapsed = now - s[_SETTLED] & _SMALL_MAX
    debt = s[_DEBT]
    if elapsed < s[_PAYS_ALL]:
        debt -= elapsed * s[_NUM]
        if debt < 0:
            debt = 0
        s[_DEBT] = debt
        s[_SETTLED] = now
    elif elapsed < _STEP_BACK:
        if s[_NUM]:
            debt = 0
            s[_DEBT] = 0
        s[_SETTLED] = now
    return debt


@micropython.viper
def _acquire(s: ptr32, n: int, ticks) -> bool:
    if uint(n - 1) >= uint(s[_MOST]):
        return n <= 0
    # _settle, here because a call takes longer than the rest.
    now = ptr32(s[_TIMER])[0] & _SMALL_MAX if s[_TIMER] else int(ticks())
    elapsed = now - s[_SETTLED] & _SMALL_MAX
    debt = s[_DEBT]
    if elapsed < s[_PAYS_ALL]:
        debt -= elapsed * s[_NUM]
        if debt < 0:
            debt = 0
        s[_SETTLED] = now
    elif elapsed < _STEP_BACK:
        if s[_NUM]:
            debt = 0
        s[_SETTLED] = now
    n = debt + n * s[_DEN]  # below 2^31, since each part is below 2^30
    if n > s[_FULL]:
        s[_DEBT] = debt
        return False
    s[_DEBT] = n
    return True


@micropython.viper
def _take(s: ptr32, most: int, ticks) -> int:
    if most <= 0:
        return 0
    held = s[_FULL] - int(_settle(s, ticks))
    den = s[_DEN]
    if den == 0:
        return most
    if held < den:
        return 0
    if most > s[_MOST] or most * den > held:
        most = held // den
    s[_DEBT] += most * den
    return most


@micropython.viper
def _give_back(s: ptr32, n: int):
    if n > 0:
        if n > s[_DEBT] // s[_DEN]:
            s[_DEBT] = 0
        else:
            s[_DEBT] -= n * s[_DEN]


class TokenBucket(Plain):
    """sluice.limit.bucket.TokenBucket."""

    _debt = word(_DEBT)
    settled = word(_SETTLED)

    def __init__(self, rate, burst, per=None, ticks=time.ticks_ms, guard=None):
        state = self._state = array("i", [0] * _WORDS)
        if ticks is time.ticks_us:
            state[_TIMER] = _TIMERAWL

        # Found on the object, it needs no bound method; and it is not viper itself, which knows
        # no default arguments. The arguments behind n are nobody else's: as such they cost less
        # than as variables of a closure.
        @micropython.native
        def try_acquire(n=1, acquire=_acquire, state=state, ticks=ticks):
            return acquire(state, n, ticks)

        self.try_acquire = try_acquire
        Plain.__init__(self, rate, burst, per, ticks, guard)

    def take_up_to(self, most: int) -> int:
        """See TokenBucket. Hot."""
        return _take(self._state, most, self._ticks)  # type: ignore[arg-type]

    def cancel(self, n: int) -> None:
        """See TokenBucket. Hot."""
        if self.rate is None:  # its state has no den
            Plain.cancel(self, n)
        else:
            _give_back(self._state, n)  # type: ignore[arg-type]

    def _refill(self) -> int:
        """See TokenBucket. Hot."""
        return _settle(self._state, self._ticks)  # type: ignore[arg-type]

    def _adopt(self, rate, per, burst, terms, debt):
        Plain._adopt(self, rate, per, burst, terms, debt)
        state = self._state
        state[_NUM] = self._num
        state[_DEN] = self._den if rate is not None else 0
        state[_FULL] = self._full
        state[_MOST] = burst if rate is not None else _SMALL_MAX
        state[_PAYS_ALL] = self._pays_all if self._num else 0
