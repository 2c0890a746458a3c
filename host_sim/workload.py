"""Made-up arrivals, the same for the same seed."""

import random
from collections.abc import Iterator

_CALM_S, _CALM_RATE = 1.5, 120
_BURST_S, _BURST_RATE = 0.35, 1600
_DEVICES = 12


def arrivals(seconds: float, seed: int) -> Iterator[float]:
    """Seconds since the start at which events arrive: calm and bursts in turn.

    Both have lengths around a mean, and Poisson arrivals inside; the mean over
    a long time is about 400 a second.
    """
    chance = random.Random(seed)
    now = until = 0.0
    bursting = True
    while now < seconds:
        if now >= until:
            bursting = not bursting
            mean = _BURST_S if bursting else _CALM_S
            until = now + mean * chance.uniform(0.6, 1.4)
        now += chance.expovariate(_BURST_RATE if bursting else _CALM_RATE)
        if now < seconds:
            yield now


def readings(seconds: float, seed: int) -> Iterator[str]:
    """A CSV with the columns time, device and value, a row for each arrival."""
    chance = random.Random(seed + 1)
    yield "time,device,value"
    for at in arrivals(seconds, seed):
        yield f"{at:.6f},sensor-{chance.randrange(_DEVICES):02d},{chance.gauss(20, 5):.3f}"
