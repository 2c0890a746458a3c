"""Round trips of a line: how they are measured, and how long to wait for an answer (RFC 6298)."""

INITIAL_S = 1.0
LEAST_S = 0.5
"""A board whose machine is busy, or that collects garbage, is silent for so long and has lost
nothing. Whoever asks sooner makes it send again what is only late."""
LEAST_LOSSY_S = 0.1
"""The same on a line that has lost something: silence there is likely to be another loss."""
MOST_S = 1.0
"""Where the doubling ends. More would leave too few tries before a feed takes a board behind a
bad line for gone."""
_GRANULARITY_S = 0.01


class RoundTrip:
    """The retransmission timeout of one line, in seconds.

    Only round trips of which it is known which sending was answered may be added (Karn's rule).
    """

    def __init__(self) -> None:
        self.mean_s: float | None = None
        """The smoothed round trip (SRTT); None before the first."""
        self.lossy = False
        """Whether the line has lost anything so far."""
        self._deviation_s = 0.0
        self._doubled = 0

    @property
    def spread_s(self) -> float:
        """What few round trips exceed: SRTT + 4 RTTVAR; `INITIAL_S` before the first."""
        if self.mean_s is None:
            return INITIAL_S
        return self.mean_s + max(_GRANULARITY_S, 4 * self._deviation_s)

    @property
    def timeout_s(self) -> float:
        """How long to wait before sending again.

        Never less than `LEAST_S` (`LEAST_LOSSY_S` on a lossy line) or a slow round trip.
        """
        undoubled = max(LEAST_LOSSY_S if self.lossy else LEAST_S, self.spread_s)
        return max(undoubled, min(MOST_S, undoubled * 2**self._doubled))

    def add(self, measured_s: float) -> None:
        """Adds a round trip of a frame that was sent once."""
        if self.mean_s is None:
            self.mean_s, self._deviation_s = measured_s, measured_s / 2
        else:
            self._deviation_s += (abs(self.mean_s - measured_s) - self._deviation_s) / 4
            self.mean_s += (measured_s - self.mean_s) / 8

    def back_off(self) -> None:
        """Doubles the timeout: it has passed without a sign of progress."""
        if self.timeout_s < MOST_S:
            self._doubled += 1

    def progress(self) -> None:
        """Ends the doubling."""
        self._doubled = 0


class Probe:
    """A frame whose answer carries its number, so that the round trip can be measured with it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._sendings = 0
        self._sent_at = 0.0

    def sent(self, now: float) -> None:
        """It goes out now, perhaps again."""
        self._sendings += 1
        self._sent_at = now

    def answered(self, now: float) -> float | None:
        """The round trip in seconds; None: it was sent more than once, or answered before."""
        once = self._sendings == 1
        self._sendings = 0
        return now - self._sent_at if once else None
