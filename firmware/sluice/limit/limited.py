# SPDX-License-Identifier: MIT
"""Decorators: a function that may run only as often as a bucket grants."""

from micropython import const

from sluice.arguments import check_int

_SMALL_MAX = const((1 << 30) - 1)
_GENERATES = const(0x2A0)  # CPython's flags of what is a coroutine or a generator when called
_ABSENT = object()


def limited(bucket, n=1, wait=False, otherwise=None):
    """Let a function run for n tokens of the bucket a call; a decorator.

    bucket:    a TokenBucket, or another with its methods: TunableBucket, Pacer.
    n:         tokens a call, 1 to the bucket's burst.
    wait:      False: a call that gets no tokens returns `otherwise` at once, and the
               function does not run. True: it sleeps until it gets them, as
               `bucket.acquire` does; then it is for the main loop, never for an
               interrupt.
    otherwise: what a denied call returns.

    Arguments are passed on by position only. The decorator allocates nothing for up
    to two of them (a method's `self` is one), so what it decorates may be the handler
    of a hard interrupt. With a third, each call takes a tuple and two arrays of
    arguments from the heap.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed; also for a coroutine function, which is for `limited_async`. On
    MicroPython such a function inside another one, whose variables it uses, looks
    like any function and is not refused: then a denied call fails where it is awaited.
    A call that waits raises ValueError when its tokens will never come: rate 0, or a
    burst that was lowered.

    Ownership: that of the bucket; each call is one of its `try_acquire`.
    """
    _check(bucket, n, wait, otherwise)
    granted = _waiting(bucket, n) if wait else _asking(bucket, n)

    def decorate(function):
        if _generates(function):
            raise TypeError("limited is for functions; limited_async is for %r" % (function,))

        def call(_first=_ABSENT, _second=_ABSENT, *more):
            if not granted():
                return otherwise
            if _second is not _ABSENT:
                return function(_first, _second, *more) if more else function(_first, _second)
            return function() if _first is _ABSENT else function(_first)

        return call

    return decorate


def limited_async(bucket, n=1, wait=False, otherwise=None):
    """Let a coroutine function run for n tokens of the bucket a call; a decorator.

    As `limited`, for `async def`; all arguments are passed on. With wait=True a task
    waits in the bucket's line (`bucket.wait`): who came first is served first, and
    other tasks run meanwhile. Calls that do not wait pass the line by.

    There are two names because MicroPython cannot tell a coroutine function from
    others: an `async def` is a generator function there, and inside another function
    a closure.
    """
    _check(bucket, n, wait, otherwise)

    def decorate(function):
        async def call(*arguments, **named):
            if wait:
                await bucket.wait(n)
            elif not bucket.try_acquire(n):
                return otherwise
            return await function(*arguments, **named)

        return call

    return decorate


def _check(bucket, n, wait, otherwise):
    if not hasattr(bucket, "acquire"):
        raise TypeError("bucket must be a TokenBucket or one of its kind, not %r" % (bucket,))
    check_int("n", n, 1, _SMALL_MAX if bucket.rate is None else bucket.burst)
    if wait and otherwise is not None:
        raise ValueError(
            "otherwise must be None with wait=True, which denies no call, not %r" % (otherwise,)
        )


# A closure over three names may have two arguments of its own without the heap (sluice.guard).


def _asking(bucket, n):
    return lambda: bucket.try_acquire(n)


def _waiting(bucket, n):
    def granted():
        if not bucket.try_acquire(n) and not bucket.acquire(n):
            raise ValueError(
                "n is %d, but there will never be that many tokens: burst %d, rate %d"
                % (n, bucket.burst, bucket.rate)
            )
        return True

    return granted


async def _coroutine():
    pass


def _generates(function):
    """Whether it is a coroutine or generator function, as far as can be told."""
    if type(_coroutine) is not type(_generates):  # MicroPython
        return type(function) is type(_coroutine)
    code = getattr(function, "__code__", None)
    return bool(getattr(code, "co_flags", 0) & _GENERATES)
