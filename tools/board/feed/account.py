"""What became of a feed's records: the account that is given at its end."""

from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from host_sim.percentile import percentile

from ...serial.logfmt import parse
from ...serial.session import Session
from ...serial.window import Record
from .arrivals import Arrivals
from .pace import Pace, Unwrapped


@dataclass(frozen=True)
class Account:
    """The figures of a feed that is over. Every record that was sent is in one of `delivered`,
    `lost` and `under_way`."""

    read: int
    """Lines read from the log."""
    malformed: int
    """Lines among them that were not sent, because they have no record or no time."""
    malformed_lines: list[str]
    """The first few of them, each with its number and why."""
    jumps: int
    """Lines whose time is more than a day after or before that of the line before."""
    jump_lines: list[str]
    """The numbers of the first few of them."""
    longest_gap_s: float | None
    """What longer gaps between lines were shortened to, in the log's own time; None: none were."""
    shortened: int
    """Gaps that were shortened."""
    resumed: int
    """Records not sent, because earlier feeds had them acknowledged."""
    sent: int
    """Records sent, each counted once."""
    sent_again: int
    """Times that a record was sent again."""
    cut: int
    """Records that were cut to the board's record size."""
    record_size: int
    """Bytes that the board takes of a record."""
    counted: str
    """What counts as delivered: "delivered", that the record came back from the board's sink, or
    "acknowledged", that the board said so, when its sink is another than the link."""
    delivered: int
    delivered_again: int
    """Times that a delivered record came back again, after a reset of the board."""
    out_of_order: int
    """Delivered records that the board granted before one that was sent earlier."""
    lost: int
    given_up: int
    """Records among those lost that the board says it gave up,"""
    shed: int
    """dropped early,"""
    overwritten: int
    """or replaced by newer ones."""
    under_way: int
    """Records of which nothing was heard before the user ended the feed."""
    resets: int
    """Times that the board was reset."""
    damaged: int
    """Frames from the board that arrived damaged."""
    seconds: float | None
    """From the first record sent to the last delivered, by the host's clock."""
    mean_qps: float | None
    """Records delivered in a second: by the ticks of the board's grants if they came back,
    otherwise by the host's clock."""
    worst_second: int
    """The most records delivered in any second, by the same clock."""
    p50_ms: float | None
    """Latency from the first sending to the delivery, nearest rank."""
    p95_ms: float | None
    p99_ms: float | None

    @property
    def unsent(self) -> int:
        """Records that were read and not sent, since the feed was ended."""
        return self.read - self.malformed - self.resumed - self.sent

    @property
    def complete(self) -> bool:
        """Whether there was something to send, and all of it was, and came to its end."""
        idle = not self.sent and not self.resumed
        return not (idle or self.unsent or self.under_way or self.lost)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def as_text(self) -> str:
        """The account for a reader, in a few lines."""
        by_ticks = self.counted == "delivered"
        rows = [
            ("read", f"{self.read:,}", ""),
            *self._malformed_rows(),
            *self._time_rows(),
            *self._resumed_row(),
            ("sent", f"{self.sent:,}", self._sent_note()),
            ("delivered", f"{self.delivered:,}", self._delivered_note()),
            ("lost", f"{self.lost:,}", self._lost_note()),
        ]
        if self.under_way:
            rows.append(("under way", f"{self.under_way:,}", "when the feed was ended"))
        if self.resets:
            rows.append(("resets", f"{self.resets:,}", "of the board"))
        if self.damaged:
            rows.append(("damaged", f"{self.damaged:,}", "frames from the board"))
        if self.mean_qps is not None:
            clock = "by the board's clock" if by_ticks else "by the host's clock"
            clock = f"from the first to the last, {clock}"
            rows.append(("mean QPS", f"{self.mean_qps:,.1f}", clock))
            rows.append(("busiest second", f"{self.worst_second:,}", "records"))
        for name, value in (("p50", self.p50_ms), ("p95", self.p95_ms), ("p99", self.p99_ms)):
            if value is not None:
                rows.append((name, f"{value:,.1f} ms", "from sent to delivered"))
        return "\n".join(f"{name:<15}{value:>10}  {note}".rstrip() for name, value, note in rows)

    def _resumed_row(self) -> list[tuple[str, str, str]]:
        if not self.resumed:
            return []
        return [("resumed", f"{self.resumed:,}", "acknowledged by earlier feeds")]

    def _malformed_rows(self) -> list[tuple[str, str, str]]:
        notes = [*self.malformed_lines, "..."][: self.malformed]
        rows = [("", "", note) for note in notes]
        return [("malformed", f"{self.malformed:,}", notes[0] if notes else ""), *rows[1:]]

    def _time_rows(self) -> list[tuple[str, str, str]]:
        rows: list[tuple[str, str, str]] = []
        if self.jumps:
            more = ", ..." if self.jumps > len(self.jump_lines) else ""
            note = f"{', '.join(self.jump_lines)}{more}: more than a day from the line before"
            if self.longest_gap_s is None:
                note += "; --longest-gap shortens gaps"
            rows.append(("time jumps", f"{self.jumps:,}", note))
        if self.shortened:
            rows.append(("shortened", f"{self.shortened:,}", f"gaps, to {self.longest_gap_s:g} s"))
        return rows

    def _sent_note(self) -> str:
        notes = []
        if self.unsent:
            notes.append(f"{self.unsent:,} not")
        if self.sent_again:
            notes.append(f"{self.sent_again:,} again")
        if self.cut:
            notes.append(f"{self.cut:,} cut to {self.record_size} bytes, the board's slot_size")
        return ", ".join(notes)

    def _delivered_note(self) -> str:
        if self.counted == "acknowledged":
            note = "acknowledged by the board, whose sink does not report back"
            return note if self.sent else ""
        notes = [f"{self.out_of_order:,} out of order" if self.out_of_order else "in order"]
        if self.delivered_again:
            notes.append(f"{self.delivered_again:,} again")
        return ", ".join(notes)

    def _lost_note(self) -> str:
        ways = (self.given_up, "given up"), (self.shed, "shed"), (self.overwritten, "overwritten")
        return ", ".join(f"{count:,} {how}" for count, how in ways if count)


class Tally:
    """Gathers what the account is made of, while the feed runs."""

    def __init__(self) -> None:
        self.cut = 0
        """Records cut to the board's record size; the feed counts them."""
        self._acknowledged = _Meter(per_s=1)
        self._delivered: _Meter | None = None
        self._ticks: Unwrapped | None = None
        self._boot: int | None = None
        self._sink: str | None = None

    @property
    def acknowledged(self) -> int:
        """Records that the board acknowledged."""
        return self._acknowledged.count

    def add_acknowledged(self, records: Iterable[Record], ticks_per_s: int) -> None:
        """Counts records that the board acknowledged."""
        for record in records:
            assert record.acked_at is not None
            self._acknowledged.add(record.sent_at, record.acked_at, record.acked_at, run=0)
            self._add_delivered(record, ticks_per_s)

    def add_line(self, line: str) -> None:
        """Takes in a line of the board's text: its sink, when it starts."""
        pairs = parse(line)
        if pairs.get("event") == "start":
            self._sink = pairs.get("sink")

    def account(
        self,
        arrivals: Arrivals,
        session: Session,
        resumed: int,
        damaged: int,
        interrupted: bool,
    ) -> Account:
        """The account, now that the feed is over."""
        for record in session.under_way:
            self._add_delivered(record, session.ticks_per_s)
        if session.delivered or self._sink == "link":
            counted, delivered = "delivered", session.delivered
            meter = self._delivered or _Meter(per_s=1)
        else:
            dropped = session.given_up + session.shed + session.overwritten
            counted, delivered = "acknowledged", self.acknowledged - dropped
            meter = self._acknowledged
        unknown = sum(not record.returned for record in session.under_way) if interrupted else 0
        p50, p95, p99 = (meter.latency_ms(share) for share in (0.50, 0.95, 0.99))
        return Account(
            read=arrivals.read,
            malformed=arrivals.malformed,
            malformed_lines=arrivals.first_malformed,
            jumps=arrivals.timeline.jumps,
            jump_lines=arrivals.first_jumps,
            longest_gap_s=arrivals.timeline.longest_gap_s,
            shortened=arrivals.timeline.shortened,
            resumed=resumed,
            sent=session.sent,
            sent_again=session.sent_again,
            cut=self.cut,
            record_size=session.record_size,
            counted=counted,
            delivered=delivered,
            delivered_again=session.delivered_again,
            out_of_order=session.out_of_order,
            lost=session.sent - delivered - unknown,
            given_up=session.given_up,
            shed=session.shed,
            overwritten=session.overwritten,
            under_way=unknown,
            resets=session.resets,
            damaged=damaged + session.refused.total(),
            seconds=meter.seconds,
            mean_qps=meter.pace.mean,
            worst_second=meter.pace.most,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
        )

    def _add_delivered(self, record: Record, ticks_per_s: int) -> None:
        if record.tick is None or record.delivered_at is None:
            return
        if self._delivered is None:
            self._delivered = _Meter(ticks_per_s)
        if self._ticks is None or record.boot != self._boot:
            self._boot = record.boot
            self._ticks = Unwrapped(ticks_per_s)
        at = self._ticks.add(record.tick, record.delivered_at)
        self._delivered.add(record.sent_at, record.delivered_at, at, run=record.boot)


class _Meter:
    """Counts and times arrivals of one kind."""

    def __init__(self, per_s: int) -> None:
        self.count = 0
        self.pace = Pace(per_s)
        self._latencies_s = array("d")
        self._first_sent_s: float | None = None
        self._last_s = 0.0

    def add(self, sent_s: float, arrived_s: float, at: float, run: int) -> None:
        """sent_s, arrived_s: by the host's clock.  at, run: see Pace."""
        self.count += 1
        self.pace.add(at, run)
        self._latencies_s.append(arrived_s - sent_s)
        if self._first_sent_s is None:
            self._first_sent_s = sent_s
        self._last_s = arrived_s

    @property
    def seconds(self) -> float | None:
        return None if self._first_sent_s is None else self._last_s - self._first_sent_s

    def latency_ms(self, share: float) -> float | None:
        """The latency that this share of the arrivals did not exceed, nearest rank."""
        if not self._latencies_s:
            return None
        return 1000 * percentile(sorted(self._latencies_s), share)
