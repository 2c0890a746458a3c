"""What happens in a run, all of it drawn from a seed before it begins."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sluice.flow.pulses import SIZE
from sluice.program.config import ConfigError, check
from sluice.program.keys import ROWS

from . import device

TICK_PERIOD = 1 << 30

_DAY_MS = 24 * 3600 * 1000
_QUICK_MS = 70
_PRINTED = 6  # records of a list that are shown
_LEAST_KNOWN = 4  # bytes of a record that is known by its content


@dataclass(frozen=True)
class Faults:
    """What one direction of the line does: a delay in ms, and shares of what passes."""

    delay_ms: int = 0
    jitter_ms: int = 0
    drop: float = 0
    corrupt: float = 0
    double: float = 0
    reorder: float = 0
    split: float = 0


@dataclass(frozen=True)
class Event:
    """Something that happens to the system. The world says what each `what` is."""

    at_ms: int
    what: str
    value: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.at_ms} ms {self.what} {' '.join(map(str, self.value))}".rstrip()


@dataclass(frozen=True)
class Scenario:
    """A run. seed: of what is drawn while it lasts: which frames the line's faults meet.

    config: of the board.  tick: of its clock at the start.  turns_per_ms: how quick its loop is.
    records: when each arrives, in ms, and its bytes.  host: "feed" or "gateway".
    calm_ms: from then on the line is whole and nothing happens any more.
    """

    seed: int
    config: dict[str, object]
    tick: int
    turns_per_ms: int
    records: tuple[tuple[int, int], ...]
    host: str
    to_board: Faults
    to_host: Faults
    events: tuple[Event, ...]
    calm_ms: int

    @property
    def sleeps(self) -> bool:
        """Whether the board may sleep."""
        return self.config.get("light_sleep_ms") is not None

    @property
    def holds(self) -> bool:
        """Whether the board's sink answers later."""
        return self.has("hold")

    @property
    def stores(self) -> bool:
        """Whether the board keeps on flash what its queue cannot hold."""
        return self.config.get("store") is not None

    @property
    def listens(self) -> bool:
        """Whether the board's line goes over TCP."""
        return self.config.get("listen") is not None

    @property
    def served(self) -> bool:
        """Whether the board's sink is a server in the network."""
        return self.config["sink"] in ("mqtt", "http")

    def has(self, *kinds: str) -> bool:
        """Whether an event of these kinds happens."""
        return any(event.what in kinds for event in self.events)

    @property
    def quick(self) -> bool:
        """Whether the line loses nothing, and takes far less than half a second."""
        return all(
            way == Faults(way.delay_ms) and way.delay_ms <= _QUICK_MS
            for way in (self.to_board, self.to_host)
        )

    @property
    def damages(self) -> bool:
        """Whether the line changes bytes."""
        return bool(self.to_board.corrupt or self.to_host.corrupt)

    def __str__(self) -> str:
        shown = ", ".join(f"{size} bytes at {ms} ms" for ms, size in self.records[:_PRINTED])
        more = ", ..." if len(self.records) > _PRINTED else ""
        return "\n".join(
            [
                f"seed {self.seed}, {self.host}, tick {self.tick}, {self.turns_per_ms} turns a ms",
                f"config {self.config}",
                f"{len(self.records)} records: {shown}{more}",
                f"to the board: {self.to_board}",
                f"to the host: {self.to_host}",
                *map(str, self.events),
                f"{self.calm_ms} ms calm",
            ]
        )


def draw(seed: int) -> Scenario:
    """The scenario of a seed, always the same."""
    chance = random.Random(seed)
    config = _draw_config(chance)
    calm_ms = chance.choice([500, 3000, 10000, 20000])
    size_most = int(config.get("slot_size", 64))  # type: ignore[call-overload]
    records = _draw_records(chance, size_most, calm_ms)
    clean = chance.random() < 0.25
    host = "gateway" if chance.random() < 0.3 else "feed"
    holds = _draw_holds(random.Random(f"{seed} holding"), config, calm_ms)
    scenario = Scenario(
        seed,
        config,
        chance.choice([0, TICK_PERIOD - chance.randrange(1, 30000), chance.randrange(TICK_PERIOD)]),
        chance.choice([1, 2, 4, 16]),
        records,
        host,
        _draw_faults(chance, clean),
        _draw_faults(chance, clean),
        in_order(holds + _draw_events(chance, config, records, calm_ms)),
        calm_ms,
    )
    return _with_uart(
        random.Random(f"{seed} uart"), _with_half(random.Random(f"{seed} half"), scenario)
    )


def _draw_config(chance: random.Random) -> dict[str, object]:
    """Some keys, each alone and all together allowed."""
    values: dict[str, object] = {"source": "link", "sink": chance.choice(["link", "uart", "null"])}
    if chance.random() < 0.05:
        values["source"] = chance.choice(["timer", "pin"])
    for name, theme in chance.choice(_THEMES).items():
        values[name] = chance.choice(theme)
    share = chance.choice([0.02, 0.1, 0.4])
    for name in _VALUES:
        if chance.random() < share:
            values[name] = _draw_value(name, chance)
    return allowed(values)


def is_allowed(config: dict[str, object]) -> bool:
    """Whether a board takes it."""
    try:
        _check(config)
    except ConfigError:
        return False
    return True


def _check(values: dict[str, object]) -> None:
    """ConfigError: a board's program does not start with it."""
    config = check(values, device.Device.TICKS_PER_S)
    if config["source"] in ("timer", "pin") and config["slot_size"] < SIZE:
        raise ConfigError("slot_size", config["slot_size"], f"{SIZE} or more")


def allowed(values: dict[str, object]) -> dict[str, object]:
    """The keys of these that a board takes together, the last left out first."""
    values = dict(values)
    while True:
        try:
            _check(values)
        except ConfigError as error:
            last = list(values)[-1]  # what came first is the theme
            del values[error.key if error.key in values else last]
        else:
            return values


# What a key is drawn from: its edges, what people set, and what is near to the others' values.
_RATES = [0, 1, 2, 10, 100, 500, 1000, 4000, 100000, None]
_COUNTS = [1, 2, 3, 4, 5, 8, 16, 33, 64, 200]
_TIMES = [1, 2, 5, 20, 100, 200, 1000, 5000]
_VALUES: dict[str, Sequence[object]] = {
    "rate": [*_RATES, 600, 7, 33],
    "per_ms": [1, 7, 100, 1000, 60000, 86400000],
    "burst": [*_COUNTS, 243, 1000, 100000],
    "rate_from": ["config", "config", "budget"],
    "cost": ["record", "bytes"],
    "slots": [*_COUNTS, 1000],
    "slot_size": [1, 2, 7, 8, 9, 32, 64, 240, 241],
    "limit": [None, *_COUNTS],
    "overflow": ["reject", "overwrite"],
    "timer_ms": [1, 2, 10, 100, 5000],
    "tries": [1, 1, 2, 3, 5, 20],
    "stats_ms": [100, 101, 1000, 7000, 3600000],
    "watchdog_ms": [None, 1000, 8388],
    "light_sleep_ms": [None, 2, 50, 60000],
    "smooth_ms": [None, 1, 3, 20, 1000],
    "control": ["pid", "codel", "rate", None],
    "target_ms": _TIMES,
    "kp": [[0, 1], [1, 4], [65535, 1], [1, 65535]],
    "ki": [[0, 1], [1, 8], [65535, 1], [1, 65535]],
    "kd": [[0, 1], [1, 1], [65535, 1]],
    "limit_floor": [None, *_COUNTS],
    "calm": [None, [300, 100, -125], [1000, 3600000, -1000]],
    "rush": [None, [850, 300, 500], [0, 0, 1000]],
    "interval_ms": [*_TIMES, 2000],
    "rate_low": [1, 2, 50, 500],
    "rate_step": [None, 1, 100],
    "rate_keep": [[1, 2], [0, 1], [1, 1], [9, 10]],
    "trial_errors_pct": [0, 5, 100],
    "trial_p95_pct": [0, 50, 1000],
}
# What belongs together, and seldom comes together by chance.
_THEMES: list[dict[str, Sequence[object]]] = [
    {},
    {"rate": [10, 100, 600, None], "slots": [4, 8, 64, 200]},
    {
        "control": ["codel"],
        "rate": [10, 100, 600],
        "burst": [1, 10],
        "slots": [16, 64, 200],
        "target_ms": [1, 5, 20, 100],
        "interval_ms": [5, 20, 100],
    },
    {"control": ["rate"], "rate": [100, 600], "slots": [64, 200], "stats_ms": [100, 1000]},
    {"control": ["pid"], "slots": [8, 64], "stats_ms": [100, 101], "rate": [33, 600]},
    {"overflow": ["overwrite"], "slots": [1, 2, 5, 16], "rate": [7, 100, None]},
    {"tries": [1, 2], "slots": [16, 64, 200], "rate": [600, None], "sink": ["link", "uart"]},
    {"rate_from": ["budget"], "rate": [1000], "burst": [1, 5]},
]
_CHANGES = [row[0] for row in ROWS if row[0] in _VALUES and row[5]]


def _draw_value(name: str, chance: random.Random) -> object:
    return chance.choice(_VALUES[name])


def _draw_records(
    chance: random.Random, size_most: int, calm_ms: int
) -> tuple[tuple[int, int], ...]:
    """Arrivals in bursts, now and then a long idle time between, at most days."""
    records = []
    at = 0
    gap = chance.choice([0, 1, 10, 100])
    pauses = chance.choice([0, 0, 0.03, 0.1])
    sizes = sorted({1, size_most, chance.randint(1, size_most)})
    for _ in range(chance.choice([0, 1, 5, 40, 120, 300])):
        if chance.random() < pauses:
            at += chance.choice([200, 700, 2000])
        at += int(chance.expovariate(1 / gap)) if gap else 0
        records.append((at, chance.choice(sizes)))
    if records and chance.random() < 0.1:
        at = max(at, calm_ms) + chance.choice([60000, _DAY_MS // 2, 5 * _DAY_MS, 7 * _DAY_MS])
        records += [(at + i, sizes[0]) for i in range(chance.choice([1, 30]))]
    return tuple(records)


def _draw_faults(chance: random.Random, clean: bool) -> Faults:
    delay_ms = chance.choice([0, 0, 1, 5, 25, 70, 250, 500])
    if clean:
        return Faults(delay_ms)
    share = chance.choice([0.01, 0.03, 0.1])
    kinds = ["drop", "corrupt", "double", "reorder", "split"]
    drawn = {kind: share for kind in kinds if chance.random() < 0.4}
    return Faults(delay_ms, chance.choice([0, 0, 3, 30]), **drawn)


def _draw_events(
    chance: random.Random,
    config: dict[str, object],
    records: tuple[tuple[int, int], ...],
    calm_ms: int,
) -> list[Event]:
    events = []
    copies = config.get("overflow") == "overwrite"  # the record to send, while the sink refuses it
    if config["sink"] == "uart" and chance.random() < (0.9 if copies else 0.3):
        # The sink takes nothing while its feed is killed and resumed.
        begin = chance.randrange(busy_ms(records, calm_ms) if copies else calm_ms)
        events.append(Event(begin, "sink", (device.REFUSE, 1, 3000)))
        killed = min(begin + chance.choice([1, 50, 500]), calm_ms - 1)
        events.append(Event(killed, "kill", (1,)))
    kinds = chance.sample(list(_EVENTS), chance.randint(0, 4))
    for what in kinds:
        for _ in range(chance.choice([1, 2, 5])):
            value = _EVENTS[what](chance, config)
            if value is not None:
                events.append(Event(chance.randrange(calm_ms), what, value))
    return events


def known(records: tuple[tuple[int, int], ...], size_most: int) -> tuple[tuple[int, int], ...]:
    """The same, none longer than a slot, and each long enough to be known by its content."""
    return tuple((at, min(max(size, _LEAST_KNOWN), size_most)) for at, size in records)


def in_order(events: list[Event]) -> tuple[Event, ...]:
    """By their times."""
    return tuple(sorted(events, key=lambda event: event.at_ms))


def busy_ms(records: tuple[tuple[int, int], ...], calm_ms: int) -> int:
    """Until when records arrive, but for those after a long idle time."""
    return max([ms + 1 for ms, _ in records if ms < calm_ms], default=1)


def _draw_holds(chance: random.Random, config: dict[str, object], calm_ms: int) -> list[Event]:
    """How its sink holds records, if it does, and how that changes.

    It takes some at once, or loses some: then those that it took at once would come before others.
    """
    if config["sink"] != "uart" or chance.random() < 0.5:
        return []
    ways = chance.choice([(0, 0), (2, 0), (5, 0), (0, 1), (0, 2), (0, 7)])
    times = [0, *(chance.randrange(calm_ms) for _ in range(chance.choice([0, 0, 3])))]
    return [
        Event(
            at,
            "hold",
            (chance.choice([1, 2, 5, 1000]), chance.choice([0, 1, 20, 200, 1500]), *ways),
        )
        for at in times
    ]


def _with_half(chance: random.Random, scenario: Scenario) -> Scenario:
    """At which watermark it works at half, and how that changes under one."""
    if chance.random() < 0.5:
        return scenario
    halves = [1, 100, 500, 2000, 60000]
    config = {**scenario.config, "watermark_half_ms": chance.choice(halves)}
    events = list(scenario.events)
    if scenario.has("watermark") and chance.random() < 0.5:
        pairs = f"watermark_half_ms={chance.choice(halves)}"
        events.append(Event(chance.randrange(scenario.calm_ms), "set", (pairs,)))
    return replace(scenario, config=config, events=in_order(events))


def _with_uart(chance: random.Random, scenario: Scenario) -> Scenario:
    """The keys of a source that is none of these, at times: they change nothing."""
    if chance.random() < 0.95:
        return scenario
    values = {
        "uart_length": chance.choice([None, 1, 64, 241]),
        "uart_silence_ms": chance.choice([None, 1, 60000]),
    }
    return replace(scenario, config={**scenario.config, **values})


def _short_ms(chance: random.Random) -> int:
    return chance.choice([1, 20, 300, 2000])


def _change(chance: random.Random, config: dict[str, object]) -> tuple[object, ...] | None:
    """Pairs of a request; the board may refuse what does not fit together."""
    names = chance.sample(_CHANGES, chance.randint(1, 3))
    values = {name: _draw_value(name, chance) for name in names}
    pairs = " ".join(f"{name}={_written(value)}" for name, value in values.items())
    extra = chance.choice(["", "", "", " trial_s=1", " trial_s=5", " keep=1"])
    return (pairs + extra,)


def _written(value: object) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _sink(chance: random.Random, config: dict[str, object]) -> tuple[object, ...] | None:
    if config["sink"] != "uart":
        return None
    modes = [device.TAKE, device.REFUSE, device.PART, device.RAISE, device.SLOW]
    return chance.choice(modes), chance.choice([1, 3, 50, 700]), _short_ms(chance)


_EVENTS = {
    "kill": lambda chance, config: (_short_ms(chance),),
    "suspend": lambda chance, config: (chance.choice([300, 3000, 20000]),),
    "reset": lambda chance, config: (_short_ms(chance),),
    "power": lambda chance, config: (chance.choice([1, 2, 5, 20, 100, 300]), _short_ms(chance)),
    "full": lambda chance, config: (_short_ms(chance),),
    "unplug": lambda chance, config: (_short_ms(chance),),
    "stall": lambda chance, config: (chance.choice(["board", "host"]), _short_ms(chance)),
    "stuck": lambda chance, config: (_short_ms(chance),),
    "sink": _sink,
    "set": _change,
    "watermark": lambda chance, config: (chance.choice([0, 1, 500, 1500, 600000]),),
    "grant": lambda chance, config: (
        chance.choice([0, 1, 20, 400]),
        chance.choice([0, 5, 100]),
        chance.choice([100, 1000, 4000]),
    ),
    "pulses": lambda chance, config: (chance.choice([1, 10, 100]),),
}
