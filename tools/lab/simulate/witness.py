"""What became of each record, as all sides tell it, and what must never differ."""

from collections.abc import Iterable

from ...serial.window import Record
from .violation import Violation

_TAKES = ("uart", "mqtt", "http")
"""Sinks at whose other end it is seen what they took."""

_NUMBERED = 4
"""Records of so many bytes are known by their content."""


def payload(index: int, size: int) -> bytes:
    """The bytes of the record `index` of the log: its number as far as it fits, and more."""
    number = index.to_bytes(_NUMBERED, "little")
    return (number + bytes((index * 7 + at * 3) % 256 for at in range(size)))[:size]


class Witness:
    """Keeps what is known of the records of one log.

    line_damages: whether the line may change bytes.  served: whether a server takes the records,
    at least once, and is watched for their order; else it is a UART, once and in order.  stores:
    whether the board may acknowledge what it has on flash; then the sink takes it in the end.

    taken: how often the UART took each.  acknowledged: so many records from the log's first on.
    delivered: so many of these came back, where the sink is the link.
    """

    def __init__(
        self, payloads: list[bytes], line_damages: bool, served: bool = False, stores: bool = False
    ) -> None:
        self.payloads = payloads
        self.acknowledged = 0
        self.delivered = 0
        self.taken: dict[int, int] = {}
        self.told_before = 0
        """Records of which hosts that were killed were told that the sink did not take them."""
        self.interrupted = False
        """A host was killed, or a board reset: what was not acknowledged may come twice."""
        self._early = 0  # records that were acknowledged before the UART took them
        self._took = 0  # records that the UART took, those among them whose content says nothing
        self._order = -1  # of the last record that the UART took
        self._by_content = {
            payload: index for index, payload in enumerate(payloads) if len(payload) >= _NUMBERED
        }
        self._served = served
        self._stores = stores
        self._line_damages = line_damages  # one damage of 65,536 is not seen by a checksum
        self._known = len(self._by_content) == len(payloads)

    def acknowledge(self, index: int, record: Record, sink: str) -> None:
        """The host was told that this record of the log ended."""
        if index < self.acknowledged and not self.interrupted:
            raise Violation(f"record {index} is acknowledged twice")
        self.acknowledged = max(self.acknowledged, index + 1)
        if record.payload != self.payloads[index]:
            raise Violation(f"record {index} was sent with the bytes of another")
        if record.changed is not None and not self._line_damages:
            raise Violation(f"record {index} came back with other bytes")
        self.delivered += record.tick is not None
        said = record.tick is not None or record.not_taken or record.changed is not None
        if sink == "link" and not said:
            raise Violation(f"record {index} is acknowledged, and nobody says what became of it")
        if sink in _TAKES and not self._known:
            self._early = max(self._early, self.acknowledged - self._took)
        elif sink in _TAKES and index not in self.taken:
            self._early += 1

    def check_told(self, not_taken: int) -> None:
        """The host was told of so many records that the UART did not take them."""
        if self._early > not_taken and not self._stores:
            raise Violation(
                f"{self._early} records are acknowledged that the UART has not taken, "
                f"and the host was told of {not_taken}"
            )

    def take(self, records: Iterable[bytes]) -> None:
        """The UART took these."""
        for data in records:
            self._took += 1
            index = self._by_content.get(data)
            if index is None:
                if len(data) >= _NUMBERED and self._known:
                    raise Violation(f"the UART took {data.hex()}, which was never sent")
                continue
            self._take(index)

    def _take(self, index: int) -> None:
        self.taken[index] = self.taken.get(index, 0) + 1
        if not self.interrupted and not self._served:
            if self.taken[index] > 1:
                raise Violation(f"the UART took record {index} twice")
            if index <= self._order:
                raise Violation(f"the UART took record {index} after {self._order}")
        self._order = index

    def settle(self, sink: str, not_taken: int, admitted: int) -> None:
        """All is over.

        not_taken: records of which the host was told so, if the sink is no link.
        admitted: records that the board's pipeline counted as taken.
        """
        if sink == "link" and not self.interrupted and self.delivered != admitted:
            raise Violation(f"the board has delivered {admitted} records, {self.delivered} came")
        if sink not in _TAKES:
            return
        taken = len(self.taken) if self._known else self._took
        missing = self.acknowledged - taken
        exact = not self.interrupted and not self._served
        if missing > not_taken or (missing != not_taken and exact):
            raise Violation(
                f"{self.acknowledged} records are acknowledged, the UART took {taken} of "
                f"them, and the host was told of {not_taken} that it did not take"
            )
