"""What happens in a run whose board keeps on flash what its queue cannot hold, drawn apart from the
other runs."""

import random
from dataclasses import replace

from . import device
from .internet import OUTAGES
from .scenario import Event, Scenario, allowed, busy_ms, draw, in_order, known
from .servers import NEVER
from .serving import draw_served

_APART = 1 << 41
"""The rest of it is what is drawn from a seed so far from those of the other runs."""

_NOT_HERE = ("hold", "grant", "pulses")
_SURE = ("store", "tries", "slots", "slot_size")
_DROPPED = ("overflow", "light_sleep_ms", "rate_from", "limit", "limit_floor")


def draw_stored(seed: int) -> Scenario:
    """The scenario of a seed, always the same. No record is given up, and none is overwritten, so
    in the end the sink has taken all."""
    chance = random.Random(f"{seed} stored")
    base = (draw_served if chance.random() < 0.5 else draw)(_APART + seed)
    config: dict[str, object] = {
        "store": chance.choice([1, 20, 300, 5000]),
        "tries": 1000,
        "slots": chance.choice([1, 2, 4, 8, 16, 64]),
        "slot_size": chance.choice([8, 9, 64, 241]),
    }
    config |= {key: value for key, value in base.config.items() if key not in (*_SURE, *_DROPPED)}
    if not base.served:
        config |= {"source": "link", "sink": "uart"}
    if config.get("control") in ("pid", "codel"):
        del config["control"]
    if chance.random() < 0.7:
        config |= {"rate": chance.choice([20, 100, 600, None]), "per_ms": 1000}
    config = allowed(config)
    most = int(config["slot_size"])  # type: ignore[call-overload]
    records = known(base.records, most)
    calm_ms = max(base.calm_ms, chance.choice([3000, 20_000]))
    events = [_without_refusals(event) for event in base.events if event.what not in _NOT_HERE]
    events += _draw_events(chance, base.served, records, calm_ms)
    return replace(
        base,
        seed=seed,
        config=config,
        records=records,
        events=in_order(events),
        calm_ms=calm_ms,
    )


def _draw_events(
    chance: random.Random, served: bool, records: tuple[tuple[int, int], ...], calm_ms: int
) -> list[Event]:
    """Outages of the sink, a flash that is full, and cuts of the power at a step of the flash."""
    ends = [calm_ms, min(calm_ms, busy_ms(records, calm_ms) + 1000)]
    events = []
    value: tuple[object, ...]
    for _ in range(chance.choice([1, 1, 2, 4])):
        what, value = "outage", (chance.choice(OUTAGES), chance.choice([300, 2000, 20_000]))
        if not served:
            what, value = "sink", (device.REFUSE, 1, chance.choice([300, 2000, 20_000]))
        events.append(Event(chance.randrange(chance.choice(ends)), what, value))
    for _ in range(chance.choice([0, 0, 1, 2])):
        value = (chance.choice([1, 300, 2000, 20_000]),)
        events.append(Event(chance.randrange(chance.choice(ends)), "full", value))
    for _ in range(chance.choice([0, 1, 2, 4])):
        steps = chance.choice([1, 2, 5, 20, 100, 300, 1000, 3000])
        value = (steps, chance.choice([1, 300, 2000]))
        events.append(Event(chance.randrange(chance.choice(ends)), "power", value))
    return events


def _without_refusals(event: Event) -> Event:
    """The same, but that its server gives no record up."""
    if event.what != "server" or NEVER not in event.value:
        return event
    at = event.value.index(NEVER)
    return replace(event, value=event.value[:at] + event.value[at + 2 :])
