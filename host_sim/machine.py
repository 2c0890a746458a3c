"""MicroPython's module `machine`, as far as the firmware uses it."""

from collections.abc import Callable

from host_sim import clock
from host_sim.interrupts import disable_irq, enable_irq

__all__ = ["Timer", "disable_irq", "enable_irq", "idle"]


class Timer:
    """A timer on the clock in force. Its handler runs while the program sleeps, idles,
    or a TickClock is advanced."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id: int = -1, **settings: object) -> None:
        self._alarm: clock.Alarm | None = None
        if settings:
            self.init(**settings)  # type: ignore[arg-type]

    def init(
        self,
        *,
        mode: int = PERIODIC,
        period: int = -1,
        freq: float = -1,
        callback: Callable[["Timer"], object] | None = None,
        hard: bool = False,
    ) -> None:
        """period: milliseconds, or freq: hertz."""
        self.deinit()
        if callback is None:
            return
        after_us = round(1_000_000 / freq) if freq > 0 else period * 1000
        if after_us <= 0:
            raise ValueError("period must be 1 or more milliseconds, or freq above 0")
        self._alarm = clock.set_alarm(after_us, lambda: callback(self), mode == self.PERIODIC)

    def deinit(self) -> None:
        if self._alarm is not None:
            self._alarm.cancelled = True
            self._alarm = None


def idle() -> None:
    """Let a millisecond pass."""
    clock.sleep_ms(1)


def unique_id() -> bytes:
    """The twin is one and the same everywhere."""
    return b"\x01\x02\x03\x04\x05\x06\x07\x08"
