"""What the screen shows: the last sample, the plot's past and the log, all bounded."""

from collections import deque
from dataclasses import dataclass
from itertools import islice

from ...serial.logfmt import Stats, parse
from ..flash.verdict import verdict
from .events import Event, Kernels, LinkDown, LinkUp, Sample, TextLine, kernels_in

SAMPLES = 1200
LOG_LINES = 1000
IDLE_SAMPLES = 5
"""After so many without a record the board is idle."""


@dataclass(frozen=True, slots=True)
class Break:
    """Where the samples before and after do not belong together: the board was reset or gone."""

    at: float
    why: str


class History:
    """Keeps the newest of each kind of a board's events, which are added in their order."""

    def __init__(self) -> None:
        self.link: LinkUp | LinkDown | None = None
        self.last: Sample | None = None
        self.kernels: Kernels | None = None
        """Those of the program that started last, if it was seen to start."""
        self.source = ""
        """Where its records come from, as it said; empty: not known."""
        self._refused = ""  # what is wrong with its configuration, as it said at its start
        self._errors: list[str] = []  # of the configuration with which a program is about to start
        self.resets = 0
        self.past: deque[Sample | Break] = deque(maxlen=SAMPLES)
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.logged = 0
        """Lines ever put into `log`."""

    def add(self, event: Event) -> None:
        match event:
            case Sample():
                self._sample(event)
            case TextLine(_, text):
                self._started(text)
                self.log.append(text)
                self.logged += 1
            case LinkDown(at, _):
                self.past.append(Break(at, "gone"))
                self.link = event
            case LinkUp():
                self.link = event

    def _started(self, line: str) -> None:
        """Takes in what a program says when it starts."""
        self.kernels = kernels_in(line) or self.kernels
        if line.startswith("event=config_error "):
            self._errors.append(line)
        elif line.startswith("event=start "):
            self.source = parse(line).get("source", "")
            self._refused = verdict("\n".join([*self._errors, line]))
            self._errors.clear()

    @property
    def refused(self) -> str:
        """What is wrong with its configuration; empty: nothing, or not known."""
        if not self._refused and self.stats is not None and self.stats.config_errors:
            return "the board refused its configuration when it started; `sluice doctor` says why"
        return self._refused

    @property
    def idle(self) -> bool:
        """Whether nothing came in the last samples that could come from a host."""
        newest = list(islice(reversed(self.past), IDLE_SAMPLES))
        return (
            self.source in ("", "link")
            and len(newest) == IDLE_SAMPLES
            and all(
                isinstance(entry, Sample) and entry.stats.qps == entry.stats.depth == 0
                for entry in newest
            )
        )

    def _sample(self, sample: Sample) -> None:
        if self.last is not None and sample.stats.up_s < self.last.stats.up_s:
            self.past.append(Break(sample.at, "reset"))
            self.resets += 1
        self.past.append(sample)
        self.last = sample

    @property
    def stats(self) -> Stats | None:
        return None if self.last is None else self.last.stats

    def clear(self) -> None:
        """Forgets the past and the log. The last sample stays: its totals are the board's."""
        self.past.clear()
        self.log.clear()
