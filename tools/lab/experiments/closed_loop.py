"""A fleet, its downstream, its alerts and its watermark, closed to a loop on virtual time.

The boards' part is the firmware's own Controls and TunableBucket; the rule, and how an alert comes
to it, are the operator's own. The downstream is a model: a queue that is emptied at a fixed rate.
The alerts are those of tools/fleet/deploy/rules.yml, evaluated here.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from host_sim.simulation import simulated_board

from ...fleet.budget.fair import extras
from ...fleet.operator.notification import Alert
from ...fleet.steady import Course, jain
from ...fleet.watermark import Changing, Rule, Watermark, after

RATES = (8, 20, 50, 12, 30)
"""Tokens a second of the boards; a fleet of n boards has n / 5 of each, or so."""

STEP_S = 0.1
BURST = 10
SLOTS, RECORD = 128, 32

WINDOW_S, FOR_S, KEEP_S = 10, 30, 10  # of the deployed alerts
LAG_MS, BACKLOG = 1000, 2048
REPEAT_S = 10  # of the deployed Alertmanager


@dataclass(frozen=True)
class Loop:
    """What is modelled.

    boards: 3 or more.  overload: the sum of their own rates, of the capacity.  delay_s: from a lag
    to what all boards make of it, a multiple of STEP_S.  rule: None: no watermark.  half_ms: the
    boards' watermark_half_ms.  in_flight: records that a board may have given to the downstream
    and not yet seen taken; None: any number.  budget: the rate that all boards share, of the
    capacity; None: none.
    """

    boards: int
    overload: float
    delay_s: float
    rule: Rule | None
    half_ms: int = 500
    in_flight: int | None = None
    budget: float | None = None


class Boards:
    """So many boards that are equal and do the same at the same time: one of them is run.

    Each always has more to send than it may.
    """

    def __init__(self, number: int, rate: int, half_ms: int) -> None:
        board = simulated_board(
            {"rate": rate, "burst": BURST, "slots": SLOTS, "slot_size": RECORD}, ()
        )
        self.number = number
        self.rate = rate
        self.sent = 0
        """Records of one of them so far."""
        self.in_flight = 0.0
        """Records of all of them that the downstream has, and has not taken."""
        self.controls = board.controls
        self._bucket = board.bucket
        self._clock = board.clock
        self._bounded = 0  # steps of this second in which the sink was the bound, not the bucket
        self._sink_bound: deque[int] = deque(maxlen=WINDOW_S)
        self._held_s = 0
        self._let_go_s = 0
        self._backlog = False
        self.controls.set_half(half_ms)

    def send(self, now_s: float, most: int | None) -> int:
        """What one of them gives to the downstream up to now, when it may have so many there."""
        self._clock.pass_to(round(now_s * 1_000_000))
        room = BURST if most is None else max(0, int(most - self.in_flight / self.number))
        sent = self._bucket.acquire_up_to(min(room, BURST))
        self._bounded += self._bucket.tokens() > 0
        self.sent += sent
        return sent

    def backlog(self) -> bool:
        """Whether their backlog alert fires; to be asked once a second.

        The queue of each is full. It counts if at most 1 record in 20 waited for tokens.
        """
        self._sink_bound.append(self._bounded)
        self._bounded = 0
        steps = WINDOW_S / STEP_S
        waits = SLOTS * RECORD > BACKLOG and sum(self._sink_bound) >= 0.95 * steps
        self._held_s = self._held_s + 1 if waits else 0
        self._let_go_s = 0 if waits else self._let_go_s + 1
        if self._held_s > FOR_S:
            self._backlog = True
        elif self._let_go_s > KEEP_S:
            self._backlog = False
        return self._backlog


class Downstream:
    """Takes records one after the other, at a fixed rate, and keeps what it has not taken yet."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self._waiting: deque[list[float]] = deque()  # of which boards, how many, since when
        self._lag_ms = 0.0

    def give(self, boards: int, records: float, now_s: float) -> None:
        if records:
            self._waiting.append([boards, records, now_s])

    def take(self, fleet: Sequence[Boards], now_s: float) -> tuple[float, float]:
        """Work for a step; the records taken, and the sum of the ms that they took."""
        room, waited = self.capacity * STEP_S, 0.0
        left = room
        while self._waiting and left > 1e-9:
            entry = self._waiting[0]
            records = min(entry[1], left)
            fleet[int(entry[0])].in_flight -= records
            waited += records * 1000 * (now_s - entry[2])
            left -= records
            entry[1] -= records
            if entry[1] <= 1e-9:
                self._waiting.popleft()
        return room - left, waited


class Fleet:
    """Boards, downstream, alerts and watermark."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.course = Course()
        self.boards = _boards(loop)
        self.own = sum(count * rate for count, rate in _classes(loop.boards))
        """The sum of the boards' own rates, without a budget."""
        self.downstream = Downstream(self.own / loop.overload)
        self._capacity = self.downstream.capacity
        self._mark = Watermark()
        self._lags: deque[float] = deque(maxlen=WINDOW_S)
        self._lag_ms = 0.0
        self._news: deque[tuple[float, list[Alert]]] = deque()  # on their way, and when they arrive
        self._firing: dict[str, Alert] = {}
        self._repeat_at = 0
        self._taken = self._waited = self._sent = 0.0
        self._step = 0

    def run(self, seconds: float) -> None:
        """Let so many whole seconds pass."""
        steps = round(1 / STEP_S)
        for _ in range(round(seconds)):
            for _ in range(steps):
                self._step += 1
                self._pass_step(self._step * STEP_S)
            self._close_second(self._step // steps)

    def fairness(self, sent: Sequence[int]) -> float:
        """Jain's index over what each board has sent beyond these, of its own rate."""
        return jain(
            (each.number, (each.sent - before) / each.rate)
            for each, before in zip(self.boards, sent, strict=True)
        )

    def _pass_step(self, now_s: float) -> None:
        for place, each in enumerate(self.boards):
            records = each.number * each.send(now_s, self.loop.in_flight)
            each.in_flight += records
            self._sent += records
            self.downstream.give(place, records, now_s)
        taken, waited = self.downstream.take(self.boards, now_s)
        self._taken += taken
        self._waited += waited
        while self._news and self._news[0][0] <= now_s + 1e-6:
            self._tell(now_s, self._news.popleft()[1])

    def _close_second(self, second: int) -> None:
        if self._taken:
            self._lag_ms = self._waited / self._taken
        self._lags.append(self._lag_ms)
        self.course.sent.append(self._sent / self._capacity)
        self.course.taken.append(self._taken / self._capacity)
        self.course.lag_ms.append(self._lag_ms)
        self.course.watermark_ms.append(self._mark.ms)
        self._taken = self._waited = self._sent = 0.0
        if self.loop.rule:
            self._evaluate(second)
            self._tell(second, [])

    def _evaluate(self, second: int) -> None:
        """What Prometheus finds, and Alertmanager tells: what is new at once, and all again."""
        firing = {alert.fingerprint: alert for alert in self._alerts()}
        gone = [
            Alert(alert.name, name, alert.kind, firing=False)
            for name, alert in self._firing.items()
            if name not in firing
        ]
        again = second >= self._repeat_at
        told = [alert for name, alert in firing.items() if again or name not in self._firing]
        if again or not self._firing:
            self._repeat_at = second + REPEAT_S
        self._firing = firing
        if told or gone:
            self._news.append((second + self.loop.delay_s, told + gone))

    def _alerts(self) -> list[Alert]:
        found = []
        lag_ms = max(self._lags)
        if lag_ms > LAG_MS:
            # Each board has this alert; of equal lags one counts.
            found.append(Alert("SluiceLag", "lag", "lag", firing=True, lag_ms=round(lag_ms)))
        for place, each in enumerate(self.boards):
            if each.backlog():
                found += [
                    Alert("SluiceBacklog", f"{place}-{n}", "backlog", firing=True)
                    for n in range(each.number)
                ]
        return found

    def _tell(self, now_s: float, alerts: list[Alert]) -> None:
        """What the operator makes of it, and the boards."""
        assert self.loop.rule
        now = round(1000 * now_s)
        mark = self._mark
        if alerts:
            changing = Changing(mark, now, self.loop.rule)
            for alert in alerts:
                alert.apply(changing)
            mark = changing.mark
        mark = after(mark, now, self.loop.rule)
        if mark.ms != self._mark.ms:
            for each in self.boards:
                each.controls.set_watermark(mark.ms)
        self._mark = mark


def _classes(boards: int) -> list[tuple[int, int]]:
    """How many boards have which rate."""
    number = min(boards, len(RATES))
    each, more = divmod(boards, number)
    return [(each + (place < more), rate) for place, rate in enumerate(RATES[:number])]


def _boards(loop: Loop) -> list[Boards]:
    classes = _classes(loop.boards)
    if loop.budget is None:
        return [Boards(count, rate, loop.half_ms) for count, rate in classes]
    capacity = sum(count * rate for count, rate in classes) / loop.overload
    demands = [(0, rate) for count, rate in classes for _ in range(count)]
    shares = extras(int(loop.budget * capacity), demands)
    made: dict[tuple[int, int], int] = {}
    for (_, rate), share in zip(demands, shares, strict=True):
        made[rate, share] = made.get((rate, share), 0) + 1
    return [Boards(count, share, loop.half_ms) for (_, share), count in made.items()]
