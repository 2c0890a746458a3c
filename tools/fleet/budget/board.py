"""What a gateway knows of one of its boards: what it asks for, and what it may be applying."""

from dataclasses import dataclass

from .terms import RENEW_MS, on_board


@dataclass(frozen=True, slots=True)
class Grant:
    """What a gateway tells a board: the rate is guaranteed + extra until a tick, then guaranteed.

    The board ignores a grant of another epoch than its own, one whose number is not greater than
    that of the last it took in this epoch, and one whose `until` has come. Otherwise it takes it
    whole, and reports.

    until: on the board's own clock, in ms since it started.
    """

    board: str
    epoch: int
    number: int
    guaranteed: int
    extra: int
    until: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a board says: after each grant that it takes, and once a second.

    epoch:      a number that it drew when it answered the hello of this connection.
    number:     the last grant that it took in this epoch, 0: none.
    guaranteed: the share that it falls back to.
    tick:       its clock, in ms since it started.
    """

    epoch: int
    number: int
    guaranteed: int
    tick: int


@dataclass(frozen=True, slots=True)
class _Sent:
    grant: Grant
    at: int
    ends_at: int


class BoardShare:
    """A board of this gateway."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wanted = 0
        """The guaranteed share that it shall have."""
        self.demand = 0
        self.epoch: int | None = None
        """None: it is not connected."""
        self.extra = 0
        """The most above its guaranteed share that it may be applying, now or later."""
        self.guaranteed = 0
        """The most that it may be falling back to, now or later."""
        self._reported = Report(0, 0, 0, 0)
        self._reported_at = 0
        self._number = 0
        self._sent: list[_Sent] = []  # those that it may be applying, or may still take

    def connect(self, report: Report, now: int) -> None:
        """Notes the answer to this connection's hello. Grants sent before may still apply."""
        self.epoch = report.epoch
        self._receive(report, now)

    def hear(self, report: Report, now: int) -> bool:
        """Notes a later report; ignores one of another connection, or an older one.

        Returns whether it differs from the one before in more than the clock.
        """
        if report.epoch != self.epoch or report.tick < self._reported.tick:
            return False
        before = self._reported
        self._receive(report, now)
        return (report.number, report.guaranteed) != (before.number, before.guaranteed)

    def expire(self, now: int) -> bool:
        """Forgets the grants that are over; whether there were any. Called before the figures are
        used.
        """
        over = bool(self._sent) and self._sent[0].ends_at <= now
        if over:
            self._keep([sent for sent in self._sent if sent.ends_at > now])
        return over

    @property
    def unconfirmed(self) -> bool:
        """Whether the board has not reported the last grant."""
        return bool(self._sent) and self._sent[-1].grant.number > self._reported.number

    def grant(self, guaranteed: int, extra: int, ends_at: int, now: int) -> Grant | None:
        """Returns the next grant, which ends before `ends_at`, by the gateway's clock.

        None: there is no time left for one.
        """
        assert self.epoch is not None
        span = on_board(ends_at - self._reported_at)
        if ends_at <= now or span <= 0:
            return None
        until = self._reported.tick + span
        self._number = max(self._number, self._reported.number) + 1
        grant = Grant(self.name, self.epoch, self._number, guaranteed, extra, until)
        self._keep([*self._sent, _Sent(grant, now, ends_at)])
        return grant

    def needs(self, guaranteed: int, extra: int, ends_at: int, now: int, again_ms: int) -> bool:
        """Whether the board needs a grant: the rate changed, time runs out, or one may be lost.

        A grant is not repeated at each turn of a busy gateway: the last one may end up to RENEW_MS
        before the lease does, when there are still several seconds to go.
        """
        if not self._sent:
            return extra > 0 or guaranteed != self._reported.guaranteed
        last = self._sent[-1]
        if (last.grant.guaranteed, last.grant.extra) != (guaranteed, extra):
            return True
        if last.grant.epoch != self.epoch or (extra and last.ends_at + RENEW_MS <= ends_at):
            return True
        return self.unconfirmed and now - last.at >= again_ms

    def _receive(self, report: Report, now: int) -> None:
        self._reported, self._reported_at = report, now
        self._keep([sent for sent in self._sent if sent.grant.number >= report.number])

    def _keep(self, sent: list[_Sent]) -> None:
        self._sent = sent
        self.extra = max((each.grant.extra for each in sent), default=0)
        kept = max((each.grant.guaranteed for each in sent), default=0)
        self.guaranteed = max(kept, self._reported.guaranteed)
