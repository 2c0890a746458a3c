"""What happens in a run whose sink is a server in the network, drawn apart from the other runs."""

import random
from dataclasses import replace

from .internet import OUTAGES, WIFI
from .scenario import Event, Scenario, allowed, busy_ms, draw, in_order, known
from .servers import BROKER_KINDS, FAIL, NEVER, PUT_OFF, URLS, WEB_KINDS, Broker, Server, Web

_APART = 1 << 40
"""The rest of it is what is drawn from a seed so far from those of the other runs."""

_LEAST_WATCHDOG_MS = 5000  # the sinks stand still for 3 s
_NOT_HERE = ("hold", "sink", "grant")
_SENT_AGAIN = ("kill", "reset", "power", "suspend", "stall", "stuck", "unplug")
"""Behind these a host may send what it has sent."""

_DRAWN_HERE = ("sink", "light_sleep_ms", "rate_from", "watchdog_ms", "slot_size")


def draw_served(seed: int) -> Scenario:
    """The scenario of a seed, always the same."""
    chance = random.Random(f"{seed} served")
    base = draw(_APART + seed)
    kind = chance.choice(["mqtt", "http"])
    config: dict[str, object] = {
        "sink": kind,
        kind: URLS[kind],
        "slot_size": chance.choice([8, 9, 64, 241]),
        "watchdog_ms": chance.choice([None, _LEAST_WATCHDOG_MS]),
    }
    config |= {key: value for key, value in base.config.items() if key not in _DRAWN_HERE}
    if chance.random() < 0.7:
        config |= {"rate": chance.choice([20, 100, 600, None]), "per_ms": 1000}
        config["slots"] = chance.choice([4, 16, 64, 200])
    if kind == "http" and chance.random() < 0.2:
        config |= {"control": "rate", "rate": 100, "stats_ms": chance.choice([100, 1000])}
    config = allowed(config)
    most = int(config.get("slot_size", 64))  # type: ignore[call-overload]
    records = known(base.records, most)
    events = [event for event in base.events if event.what not in _NOT_HERE]
    calm_ms = max(base.calm_ms, chance.choice([5000, 20_000, 40_000]))
    events += _draw_events(chance, kind, records, calm_ms)
    return replace(
        base,
        seed=seed,
        config=config,
        records=records,
        events=in_order(events),
        calm_ms=calm_ms,
    )


def _draw_events(
    chance: random.Random, kind: str, records: tuple[tuple[int, int], ...], calm_ms: int
) -> list[Event]:
    events = [Event(0, "way", _draw_way(chance)), Event(0, "server", _draw_server(chance, kind))]
    ends = [calm_ms, min(calm_ms, busy_ms(records, calm_ms) + 1000)]

    def add(what: str, value: tuple[object, ...]) -> None:
        events.append(Event(chance.randrange(chance.choice(ends)), what, value))

    for _ in range(chance.choice([0, 1, 3])):
        add("server", _draw_server(chance, kind))
    for _ in range(chance.choice([0, 0, 1])):
        add("way", _draw_way(chance))
    for _ in range(chance.choice([0, 1, 2, 5])):
        add("outage", (chance.choice(OUTAGES), chance.choice([1, 300, 2000, 20_000])))
    return events


def _draw_way(chance: random.Random) -> tuple[object, ...]:
    """Delay, bytes at once, bytes on the way."""
    delay_ms = chance.choice([0, 1, 5, 20, 150])
    return delay_ms, chance.choice([1, 7, 64, 1 << 20]), chance.choice([40, 300, 1 << 20])


def _draw_server(chance: random.Random, kind: str) -> tuple[object, ...]:
    kinds = BROKER_KINDS if kind == "mqtt" else (*WEB_KINDS, PUT_OFF, PUT_OFF, FAIL, NEVER)
    some = dict.fromkeys(chance.choices(kinds, k=chance.choice([0, 1, 2, 3])))
    shares = [part for each in some for part in (each, chance.choice([0.05, 0.3, 0.6, 1]))]
    return chance.choice([0, 5, 5, 100, 100, 1000, 12_000]), *shares


def make_server(scenario: Scenario, chance: random.Random) -> Server:
    """That of its sink."""
    lenient = scenario.has(*_SENT_AGAIN)
    return (Broker if scenario.config["sink"] == "mqtt" else Web)(chance, lenient, scenario.stores)


def has_wifi(scenario: Scenario) -> bool:
    """Whether its board joins a Wi-Fi by itself."""
    return any(event.what == "outage" and event.value[0] == WIFI for event in scenario.events)
