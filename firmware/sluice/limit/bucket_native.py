# SPDX-License-Identifier: MIT
"""TokenBucket in viper: `try_acquire`, `acquire_up_to` and `refill`."""

import sys
import time
from array import array

import micropython
from micropython import const

from sluice.kernels import word

_SMALL_MAX = const((1 << 30) - 1)
_STEP_BACK = const((1 << 30) - 65536)  # from here on it is a step back

# The words of the state.
_BUCKET_DEBT = const(0)
_BUCKET_SETTLED = const(1)
_BUCKET_NUM = const(2)
_BUCKET_DEN = const(3)  # 0: unlimited
_BUCKET_FULL = const(4)
_BUCKET_MOST = const(5)
_BUCKET_PAYS_ALL = const(6)  # 0 when num is 0
_BUCKET_TIMER = const(7)  # address of a register that counts what `ticks` returns, or 0
_BUCKET_WORDS = const(8)

# The RP2040's microseconds, lower half: what its ticks_us is made of.
_TIMERAWL = 0x40054028 if "RP2040" in getattr(sys.implementation, "_machine", "") else 0


@micropython.viper
def _settle(s: ptr32, ticks) -> int:
    """Bring the state up to date; the debt."""
    now = ptr32(s[_BUCKET_TIMER])[0] & _SMALL_MAX if s[_BUCKET_TIMER] else int(ticks())
    elapsed = now - s[_BUCKET_SETTLED] & _SMALL_MAX
    debt = s[_BUCKET_DEBT]
    if elapsed < s[_BUCKET_PAYS_ALL]:
        debt -= elapsed * s[_BUCKET_NUM]
        if debt < 0:
            debt = 0
        s[_BUCKET_DEBT] = debt
        s[_BUCKET_SETTLED] = now
    elif elapsed < _STEP_BACK:
        if s[_BUCKET_NUM]:
            debt = 0
            s[_BUCKET_DEBT] = 0
        s[_BUCKET_SETTLED] = now
    return debt


@micropython.viper
def _acquire(s: ptr32, n: int, ticks) -> bool:
    if uint(n - 1) >= uint(s[_BUCKET_MOST]):
        return n <= 0
    # _settle, here because a call takes longer than the rest.
    now = ptr32(s[_BUCKET_TIMER])[0] & _SMALL_MAX if s[_BUCKET_TIMER] else int(ticks())
    elapsed = now - s[_BUCKET_SETTLED] & _SMALL_MAX
    debt = s[_BUCKET_DEBT]
    if elapsed < s[_BUCKET_PAYS_ALL]:
        debt -= elapsed * s[_BUCKET_NUM]
        if debt < 0:
            debt = 0
        s[_BUCKET_SETTLED] = now
    elif elapsed < _STEP_BACK:
        if s[_BUCKET_NUM]:
            debt = 0
        s[_BUCKET_SETTLED] = now
    n = debt + n * s[_BUCKET_DEN]  # below 2^31, since each part is below 2^30
    if n > s[_BUCKET_FULL]:
        s[_BUCKET_DEBT] = debt
        return False
    s[_BUCKET_DEBT] = n
    return True


@micropython.viper
def _give_back(s: ptr32, n: int):
    if n > 0:
        if n > s[_BUCKET_DEBT] // s[_BUCKET_DEN]:
            s[_BUCKET_DEBT] = 0
        else:
            s[_BUCKET_DEBT] -= n * s[_BUCKET_DEN]


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the TokenBucket.
    """

    class TokenBucket(plain):
        """sluice.limit.bucket.TokenBucket."""

        debt = word(_BUCKET_DEBT)
        settled = word(_BUCKET_SETTLED)

        def __init__(self, rate, burst, per=None, ticks=time.ticks_ms, guard=None):
            state = self._state = array("i", [0] * _BUCKET_WORDS)
            if ticks is time.ticks_us:
                state[_BUCKET_TIMER] = _TIMERAWL

            if type(self).try_acquire is plain.try_acquire:
                # Found on the object, it needs no bound method; and it is not viper itself,
                # which knows no default arguments. The arguments behind n are nobody else's: as
                # such they cost less than as variables of a closure.
                @micropython.native
                def try_acquire(n=1, acquire=_acquire, state=state, ticks=ticks):
                    return acquire(state, n, ticks)

                self.try_acquire = try_acquire
            if type(self).acquire_up_to is plain.acquire_up_to:

                @micropython.viper
                def acquire_up_to(most: int) -> int:
                    if most <= 0:
                        return 0
                    s = ptr32(state)
                    # The array itself: a pointer is passed on as an int, a big one from 2^30 on.
                    held = s[_BUCKET_FULL] - int(_settle(state, ticks))  # type: ignore[arg-type]
                    den = s[_BUCKET_DEN]
                    if den == 0:
                        return most
                    if held < den:
                        return 0
                    if most > s[_BUCKET_MOST] or most * den > held:
                        most = held // den
                    s[_BUCKET_DEBT] += most * den
                    return most

                self.acquire_up_to = acquire_up_to
            plain.__init__(self, rate, burst, per, ticks, guard)

        def cancel(self, n: int) -> None:
            """See TokenBucket. Hot."""
            if self.rate is None:  # its state has no den
                plain.cancel(self, n)
            else:
                _give_back(self._state, n)  # type: ignore[arg-type]

        def _refill(self) -> int:
            """See TokenBucket. Hot."""
            return _settle(self._state, self._ticks)  # type: ignore[arg-type]

        def _adopt(self, terms, debt):
            plain._adopt(self, terms, debt)
            limited = terms.rate is not None
            state = self._state
            state[_BUCKET_NUM] = terms.num
            state[_BUCKET_DEN] = terms.den if limited else 0
            state[_BUCKET_FULL] = self._full
            state[_BUCKET_MOST] = terms.burst if limited else _SMALL_MAX
            state[_BUCKET_PAYS_ALL] = self._pays_all if terms.num else 0

    return TokenBucket
