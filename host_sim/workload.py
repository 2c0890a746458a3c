"""Made-up arrivals, the same for the same seed."""

import random
from array import array
from collections.abc import Iterator, Sequence

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


# What simulations are fed: the microseconds at which records arrive, below `seconds`.

_ON_S, _OFF_S = 0.25, 0.75  # mean lengths of `bursty`
_SHAPE = 1.6  # of their Pareto distribution: below 2 its variance is infinite


def steady(rate: float, seconds: float) -> "array[int]":
    """`rate` a second at even distances, the first at 0."""
    return array("q", (round(n * 1_000_000 / rate) for n in range(round(rate * seconds))))


def poisson(rate: float, seconds: float, seed: int) -> "array[int]":
    """`rate` a second, each independent of the others."""
    chance = random.Random(seed)
    times = array("q")
    now = chance.expovariate(rate)
    while now < seconds:
        times.append(round(now * 1_000_000))
        now += chance.expovariate(rate)
    return times


def stepped(rates: Sequence[tuple[float, float]], seconds: float, seed: int) -> "array[int]":
    """As `poisson`, with rates that change: (from that second on, rate), the first from 0."""
    chance = random.Random(seed)
    times = array("q")
    ends = [start for start, _ in rates[1:]] + [seconds]
    for (start, rate), end in zip(rates, ends, strict=True):
        now = start + chance.expovariate(rate)
        while now < min(end, seconds):
            times.append(round(now * 1_000_000))
            now += chance.expovariate(rate)
    return times


def bursty(rate: float, seconds: float, seed: int) -> "array[int]":
    """On and off in turn, with a heavy tail; `rate` a second over a long time.

    While on, Poisson arrivals at four times the rate; while off, none. Both have
    lengths of a Pareto distribution (0.25 s and 0.75 s on average, shape 1.6), as
    the traffic of many networks has: most are short, a few are very long.
    """
    chance = random.Random(seed)
    shortest = (_SHAPE - 1) / _SHAPE  # of a Pareto distribution whose mean is 1
    peak = rate * (_ON_S + _OFF_S) / _ON_S
    times = array("q")
    start = 0.0
    while start < seconds:
        end = start + _ON_S * shortest * chance.paretovariate(_SHAPE)
        now = start + chance.expovariate(peak)
        while now < min(end, seconds):
            times.append(round(now * 1_000_000))
            now += chance.expovariate(peak)
        start = end + _OFF_S * shortest * chance.paretovariate(_SHAPE)
    return times
