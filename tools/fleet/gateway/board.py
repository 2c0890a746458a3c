"""One board of a gateway: what it says, and what it is told.

Nothing here waits or touches a port or the event loop: time comes from the clock that a board is
given, in seconds. `connection.py` has what lies around it.
"""

import logging
import math
from collections.abc import Callable
from typing import Protocol

from ...board.console.events import printable
from ...serial import member
from ...serial.frames import FRAME_SILENCE_S, Frame, LineReader, Text, encode
from ...serial.logfmt import Stats, StatsReader, parse
from ...serial.member import BoardClock, Report
from ..budget.board import Grant
from ..logs import Ration, event
from .config import BoardConfig
from .sojourns import Sojourns
from .stream import BoardStream

TICK_S = 0.25
"""`tick` is called so often."""

SILENT_S = 5.0
"""A board that has said nothing for so long is down, and one that has not reported is lost."""

_AGAIN_S = (0.5, 8.0)  # until a greeting is said again, doubled each time
_WATERMARK_AGAIN_S = 0.5
_WATERMARK_LATE_S = 5.0  # a board that has not confirmed it by then is named in the log
_SAYS_MOST = 20  # lines of a board in a second that are logged, each of which costs some 0.1 ms
_STEADY_S = 10.0  # a board that was in touch for so long is greeted at once

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who wants to know what a board does."""

    def met(self, board: "Board", report: Report) -> None:
        """It has answered a greeting: a new epoch."""

    def reported(self, board: "Board", report: Report) -> None:
        """It says how it is, in the present epoch."""

    def lost(self, board: "Board") -> None:
        """It is out of reach, or was greeted by another, or reset. It was met before."""

    def measured(self, board: "Board", before: Stats | None, stats: Stats) -> None:
        """Its statistics line, and the one before, if it was not reset in between."""


class Board:
    """A board as its gateway knows it, from its greeting on.

    write: sends these bytes over the board's line; while that is not open they are dropped.
    clock: the time now.
    """

    def __init__(
        self,
        config: BoardConfig,
        listener: Listener,
        write: Callable[[bytes], None],
        clock: Callable[[], float],
    ) -> None:
        self.config = config
        self.name = config.name
        self.stats: Stats | None = None
        """The last statistics line; None: none since the port was opened or the board reset."""
        self.report: Report | None = None
        """The last report of the present epoch; None: it is not in touch."""
        self.sojourns = Sojourns()
        self.stream = BoardStream(config.name, self._send_all, clock) if config.stream else None
        """None: it is not fed through this gateway."""
        self.clock = BoardClock(0, 1000)
        self._listener = listener
        self._write = write
        self._now = clock
        self._says = Ration(log, _SAYS_MOST, 1.0, clock)
        self._open = False
        self._reader = LineReader()
        self._stats = StatsReader()
        self._heard_at = self._reported_at = self._met_at = 0.0
        self._hello = 0
        self._greet_at = 0.0
        self._again_s = _AGAIN_S[0]
        self._watermark_ms: int | None = None
        self._watermark_sent_at = -math.inf
        self._watermark_late_at = math.inf

    @property
    def up(self) -> bool:
        """Whether its line is open and it speaks."""
        return self._open and self._now() - self._heard_at < SILENT_S

    def tell(self, grant: Grant) -> None:
        """Sends a grant."""
        until = self.clock.ticks(grant.until)
        numbers = grant.epoch, grant.number, grant.guaranteed, grant.extra, until
        self._send(member.grant(*numbers))

    def set_watermark(self, ms: int) -> None:
        """Sends the watermark, until the board reports it, and whenever it reports another."""
        self._watermark_ms = ms
        self._watermark_sent_at = -math.inf
        self._watermark_late_at = self._now() + _WATERMARK_LATE_S
        self._send_watermark()

    def greet_anew(self) -> None:
        """Begins a new epoch, at once."""
        self._lose("")
        self._greet()

    def tick(self) -> None:
        """Does what is due: greets, sends the watermark again, and finds out who is silent."""
        now = self._now()
        if now >= self._watermark_late_at:
            self._watermark_late_at = math.inf
            self._say_unconfirmed()
        if not self._open:
            return
        if now - self._heard_at >= FRAME_SILENCE_S:
            self._hear(self._reader.idle(now - self._heard_at))
        # A board reports each second from its greeting on. One that was reset while its line was
        # stuck prints as before, but knows nothing of a gateway: its lines are no sign of it.
        if self.report and now - self._reported_at >= SILENT_S:
            self._lose("no reports")
        if self.report is None and now >= self._greet_at:
            self._greet()
        self._send_watermark()

    def line_opened(self) -> None:
        """The line to the board is open."""
        if self._open:
            return
        self._open = True
        self._reader = LineReader()
        self.stats = None
        event(log, logging.INFO, "port_opened", board=self.name, port=self.config.port)
        self._again_s = _AGAIN_S[0]
        self._greet()

    def line_lost(self, reason: str) -> None:
        """The line is closed, or could not be opened again, for this reason."""
        if self._open:
            self._open = False
            self._reader = LineReader()
            self.stats = None
            self._lose("port lost")
        reason = reason.removeprefix(f"{self.config.port}: ")
        event(log, logging.WARNING, "port_closed", board=self.name, reason=reason)

    def receive(self, data: bytes) -> None:
        """Receives what the board has sent."""
        self._heard_at = self._now()
        self._hear(self._reader.feed(data))

    def _hear(self, items: list[Text | Frame]) -> None:
        for item in items:
            if isinstance(item, Frame):
                if item.content[0] == member.REPORT:
                    self._receive_report(member.read_report(item.content))
                elif self.stream is not None:
                    self.stream.receive(item.content)
            else:
                self._hear_line(item.line)

    def _receive_report(self, report: Report | None) -> None:
        if report is None:
            return
        if report.hello != self._hello:
            if self.report is not None:
                self._lose("reset, or greeted by another gateway")
            return
        self._reported_at = self._now()
        if self.report is None:
            self._met_at = self._reported_at
            self.clock = BoardClock(report.tick, report.ticks_per_s)
            event(log, logging.INFO, "board_met", board=self.name, epoch=report.epoch)
        tell = self._listener.met if self.report is None else self._listener.reported
        self.report = report
        tell(self, report)
        self._send_watermark()

    def _hear_line(self, line: str) -> None:
        try:
            stats = self._stats.read(line)
        except ValueError as error:
            self._says.event(logging.WARNING, "stats_damaged", board=self.name, reason=error)
            return
        if stats is not None:
            before = self.stats if self.stats and self.stats.up_s <= stats.up_s else None
            self.stats = stats
            self.sojourns.add(stats.sojourns, reset=before is None)
            self._listener.measured(self, before, stats)
            return
        what = parse(line).get("event")
        if what == "start":
            self.stats = None
            if self.stream is not None:
                self.stream.restarted()
            self._lose("reset")
            self._again_s = _AGAIN_S[0]
            self._greet_at = self._now()
        if what and what != "given_up":  # that one may come with every record
            self._says.event(logging.INFO, "board_says", board=self.name, line=printable(line))

    def _lose(self, reason: str) -> None:
        """The epoch is over. A board that was in touch only shortly is not greeted at once."""
        now = self._now()
        self._hello = 0
        if self.report is None:
            return
        self.report = None
        if now - self._met_at >= _STEADY_S:
            self._again_s = _AGAIN_S[0]
            self._greet_at = now
        else:
            self._greet_at = now + self._again_s
            self._again_s = min(2 * self._again_s, _AGAIN_S[1])
        if reason:
            event(log, logging.WARNING, "board_lost", board=self.name, reason=reason)
        self._listener.lost(self)

    def _greet(self) -> None:
        self._hello, content = member.greet()
        self._greet_at = self._now() + self._again_s
        self._again_s = min(2 * self._again_s, _AGAIN_S[1])
        self._send(content)

    def _send_watermark(self) -> None:
        if self.report is None or self._watermark_ms in (None, self.report.watermark_ms):
            return
        now = self._now()
        if now - self._watermark_sent_at >= _WATERMARK_AGAIN_S:
            self._watermark_sent_at = now
            self._send(member.watermark(self._watermark_ms))

    def _say_unconfirmed(self) -> None:
        """Says why the watermark does not limit this board, if it does not."""
        if not self._open:
            reason = "its port is closed"
        elif self.report is None:
            reason = "it does not answer the gateway"
        elif self.report.watermark_ms != self._watermark_ms:
            reason = f"it still reports {self.report.watermark_ms} ms"
        elif self._watermark_ms and self.stats is not None and self.stats.rate is None:
            reason = "its rate is unlimited"
        else:
            return
        pairs = {"board": self.name, "ms": self._watermark_ms, "reason": reason}
        event(log, logging.WARNING, "watermark_has_no_effect", **pairs)

    def _send(self, content: bytes) -> None:
        self._send_all([content])

    def _send_all(self, contents: list[bytes]) -> None:
        self._write(b"".join(map(encode, contents)))
