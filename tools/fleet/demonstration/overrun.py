"""A downstream that all boards share and that gets more than it takes: does the fleet settle?"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..etcd import Etcd
from ..steady import Course, jain, means, settling
from .boards import Plan
from .downstream import RECORD, Downstream
from .local import LocalFleet, names
from .observer import Observer, meanwhile, until
from .servers import DEPLOY
from .timeline import Timeline

RATES = (8, 20, 50, 12, 30)
"""Records a second of the first board, the second ... and again from the start."""

OVERLOAD = 1.5
"""The sum of the boards' rates, of what the downstream takes."""

_FED = 1.25
"""What comes to each board, of its rate: each always has more than it may send."""

_VALUES: dict[str, Any] = {
    "source": "pin",
    "sink": "null",
    "burst": 10,
    "slots": 128,
    "slot_size": RECORD,
}

LATE_MS = 1000
"""A lag above this alerts, by rules.yml."""

_ALERT = "SluiceLag"
_START_S = _STEP_S = 120.0

FED, LATE, FIRES, IN_ETCD, CONFIRMED = "fed", "late", "alert", "watermark", "confirmed"
TEXTS = {
    FED: "{boards} boards begin to send {own:,} records a second to a downstream that takes "
    "{capacity:,}",
    LATE: "the downstream is a second late",
    FIRES: "the alert fires",
    IN_ETCD: "the watermark is in etcd",
    CONFIRMED: "the last board has confirmed it, and has slowed down",
}
"""What each mark of the timeline says, in the order of time."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """What was seen, and the course from second 0 on.

    capacity: what the downstream takes, and own: what the boards may send, records a second.
    sent, taken: records in all.  by_board: what each board had sent, at the start and after each
    second; rates: what it may send.  The steady state is the last third of the time.
    """

    boards: int
    gateways: int
    capacity: int
    own: int
    course: Course
    sent: int
    taken: int
    by_board: list[Counter[str]]
    rates: dict[str, int]
    seen: Timeline

    def steps(self) -> list[tuple[str, str, float]]:
        """Each mark, what it says, and the seconds since the boards were fed."""
        marks = self.seen.marks
        values = {"boards": self.boards, "own": self.own, "capacity": self.capacity}
        return [
            (mark, text.format(**values), marks[mark] - marks[FED])
            for mark, text in TEXTS.items()
            if mark in marks
        ]

    @property
    def steady_s(self) -> int:
        """From when on is the steady state."""
        return len(self.course.sent) * 2 // 3

    @property
    def used_percent(self) -> float:
        """What the downstream took in the steady state, of its capacity."""
        taken = self.course.taken[self.steady_s :]
        return 100 * sum(taken) / len(taken)

    @property
    def swing_percent(self) -> float:
        """Between the most and the least that was sent in the steady state, of the capacity."""
        sent = means(self.course.sent)[self.steady_s :] or self.course.sent[-1:]
        return 100 * (max(sent) - min(sent))

    @property
    def settling_s(self) -> int | None:
        """From when on what is sent stays near the capacity; None: it does not yet."""
        return settling(means(self.course.sent))

    @property
    def fairness(self) -> float:
        """Jain's index over what each board sent in the steady state, of its own rate."""
        before, after = self.by_board[self.steady_s], self.by_board[-1]
        return jain(
            (1, (after[board] - before[board]) / rate) for board, rate in self.rates.items()
        )


def show(
    folder: Path, boards: int, gateways: int, seconds: int, tell: Callable[[str], None]
) -> Overrun:
    """Starts everything in the folder, lets the boards feed the downstream for so many seconds at
    least, and ends everything.

    The files of tools/fleet/deploy are as they are deployed. tell: given what is done at present.
    UserError: something does not happen, or a server fails.
    """
    rates = {name: RATES[i % len(RATES)] for i, name in enumerate(names(boards))}
    own = sum(rates.values())
    downstream = Downstream(round(own / OVERLOAD))
    plans = [
        Plan(name, _VALUES | {"rate": rate}, 0, b"x" * RECORD, downstream.port)
        for name, rate in rates.items()
    ]
    tell(f"starting etcd, {boards} boards and {gateways} gateways")
    with LocalFleet(folder, plans, gateways) as fleet, ExitStack() as stack:
        tell("starting Prometheus, Alertmanager and the operator")
        rules = (DEPLOY / "rules.yml").read_text()
        _, alertmanager = fleet.monitored(stack, rules, "--rule", "settling")
        watch = _Watch(fleet, downstream, alertmanager.address, rates)
        course, by_board, seen = asyncio.run(watch.run(seconds, tell))
    return Overrun(
        boards,
        gateways,
        round(downstream.capacity),
        own,
        course,
        downstream.sent.total(),
        downstream.taken,
        by_board,
        rates,
        seen,
    )


class _Watch:
    """Feeds the boards, and notes second by second what becomes of it."""

    def __init__(
        self, fleet: LocalFleet, downstream: Downstream, alertmanager: str, rates: dict[str, int]
    ) -> None:
        self._fleet = fleet
        self._downstream = downstream
        self._alertmanager = alertmanager
        self._rates = rates
        self._course = Course()
        self._by_board: list[Counter[str]] = []

    async def run(
        self, seconds: int, tell: Callable[[str], None]
    ) -> tuple[Course, list[Counter[str]], Timeline]:
        """The course, what each board had sent second by second, and all marks."""
        addresses = [gateway.address for gateway in self._fleet.gateways]
        async with (
            Etcd([self._fleet.etcd.address], timeout_s=_STEP_S) as etcd,
            self._downstream.serving(),
        ):
            observer = Observer(etcd)
            seen = observer.seen
            async with (
                observer.thresholds(),
                observer.pressure(addresses, self._alertmanager, _ALERT),
            ):
                count = len(self._rates)
                tell(f"waiting until {count} boards are met")
                await until(lambda: len(seen.thresholds) == count, "all boards in etcd", _START_S)
                seen.marks[FED] = time.monotonic()
                for board, rate in self._rates.items():
                    self._fleet.feed(board, _FED * rate)
                async with meanwhile(self._rise(seen)):
                    await self._note(seen, seconds, tell)
        return self._course, self._by_board, seen

    async def _rise(self, seen: Timeline) -> None:
        marks = seen.marks
        await until(lambda: self._lag_ms >= LATE_MS, "a late sink", _STEP_S)
        marks[LATE] = time.monotonic()
        await until(lambda: seen.fires, "the alert", _STEP_S)
        marks[FIRES] = seen.alert[-1][0]
        await until(lambda: seen.watermark_ms > 0, "a watermark in etcd", _STEP_S)
        marks[IN_ETCD] = next(at for at, ms in seen.watermark if ms)
        marks[CONFIRMED] = await until(
            lambda: seen.confirmed(lambda it: it.watermark_ms > 0, marks[IN_ETCD]),
            "every board's threshold",
            _STEP_S,
        )

    async def _note(self, seen: Timeline, seconds: int, tell: Callable[[str], None]) -> None:
        """Notes each second until all have passed and the rise is over."""
        course, downstream = self._course, self._downstream
        self._by_board.append(Counter(downstream.sent))
        sent = taken = 0
        waited_s = 0.0
        at = fed = seen.marks[FED]
        while len(course.sent) < seconds or CONFIRMED not in seen.marks:
            await asyncio.sleep(fed + len(course.sent) + 1 - time.monotonic())
            now = time.monotonic()
            could = (now - at) * downstream.capacity
            took = downstream.taken - taken
            lag_ms = 1000 * (downstream.waited_s - waited_s) / took if took else self._lag_ms
            course.sent.append((downstream.sent.total() - sent) / could)
            course.taken.append(took / could)
            course.lag_ms.append(lag_ms)
            course.watermark_ms.append(seen.watermark_ms)
            at, sent, taken = now, downstream.sent.total(), downstream.taken
            waited_s = downstream.waited_s
            self._by_board.append(Counter(downstream.sent))
            tell(
                f"second {len(course.sent)} of {seconds}: {100 * course.sent[-1]:.0f} % of the "
                f"capacity sent, {lag_ms:,.0f} ms late, watermark {seen.watermark_ms:,} ms"
            )

    @property
    def _lag_ms(self) -> float:
        """The last."""
        return self._course.lag_ms[-1] if self._course.lag_ms else 0.0
