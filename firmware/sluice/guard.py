# SPDX-License-Identifier: MIT
"""Guards: what lets several users share one bucket or ring.

A guard is given to a TokenBucket, a RingQueue or a RecordRing when it is made.
It puts itself around each of the object's methods, so that an object without a
guard pays nothing for it.

No guard: one producer and one consumer, or one owner; see each class.
IrqGuard: interrupts and the main loop, on one core.
LockGuard: threads and cores, never an interrupt.
"""


class IrqGuard:
    """Holds interrupts off while a guarded method runs.

    Lets interrupt handlers of any priority and the main loop share an object.
    RP2040: off on the calling core only, so all users must be on that core.
    ESP32: a critical section of both cores; handlers there are soft, so it is
    the other tasks that wait. The time is that of the method, tens of
    microseconds in bytecode.
    """

    def __init__(self):
        import machine

        self._enter = machine.disable_irq
        self._leave = machine.enable_irq

    def protect(self, owner, methods) -> None:
        """Put the guard around methods of owner, given as (name, kind) with a kind of `KINDS`."""
        _protect(owner, methods, self._enter, self._leave)


class LockGuard:
    """Holds a lock while a guarded method runs.

    Lets threads, and the two cores of an RP2040, share an object. Never call a
    guarded method from an interrupt: it would wait for ever for the lock that
    the interrupted code holds.

    lock: an object with `acquire()` and `release()`; None: a new one of `_thread`.
    """

    def __init__(self, lock=None):
        if lock is None:
            import _thread

            lock = _thread.allocate_lock()
        self._enter = lock.acquire
        release = lock.release
        self._leave = lambda _: release()

    def protect(self, owner, methods) -> None:
        """Put the guard around methods of owner, given as (name, kind) with a kind of `KINDS`."""
        _protect(owner, methods, self._enter, self._leave)


def _protect(owner, methods, enter, leave):
    for name, kind in methods:
        setattr(owner, name, KINDS[kind](owner, getattr(owner, name), enter, leave))


# A wrapper for each kind of arguments, since *args allocates at each call, and a
# closure over three names may have two arguments of its own. `try` needs a frame
# too large for the stack, so the wrappers of hot methods have none: instead they
# use their arguments, before interrupts are off, in a way that raises what the
# method would raise.


def _without_arguments(owner, method, enter, leave):
    def guarded():
        state = enter()
        result = method()
        leave(state)
        return result

    return guarded


def _amount(owner, method, enter, leave):
    def guarded(n=1):
        if n <= 0:
            return method(n)
        state = enter()
        result = method(n)
        leave(state)
        return result

    return guarded


def _amount_and_wait(owner, method, enter, leave):
    def guarded(n=1, max_wait=-1):
        if n <= 0 or max_wait < -1:
            max_wait = -1
        state = enter()
        result = method(n, max_wait)
        leave(state)
        return result

    return guarded


def _default(owner, method, enter, leave):
    def guarded(default=None):
        state = enter()
        result = method(default)
        leave(state)
        return result

    return guarded


def _item(owner, method, enter, leave):
    scratch = owner._slots[:1]  # takes what the slots take

    def guarded(item):
        scratch[0] = item
        state = enter()
        result = method(item)
        leave(state)
        return result

    return guarded


def _record(owner, method, enter, leave):
    def guarded(record, n):
        if n > 0:
            record[n - 1]
        state = enter()
        result = method(record, n)
        leave(state)
        return result

    return guarded


def _setup(owner, method, enter, leave):
    def guarded(*arguments, **named):
        state = enter()
        try:
            return method(*arguments, **named)
        finally:
            leave(state)

    return guarded


KINDS = {
    "": _without_arguments,
    "amount": _amount,
    "amount, max_wait": _amount_and_wait,
    "default": _default,
    "item": _item,
    "record, n": _record,
    "setup": _setup,
}
