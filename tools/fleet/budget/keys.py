"""What the budget protocol keeps in etcd; docs/fleet.md is the protocol.

    /budget/NAME               the rate, a decimal integer
    /budget/NAME/board/BOARD   a board's guaranteed share, and the connection it was set over
    /budget/NAME/claim/ID      what a gateway may hand out above the guaranteed shares
    /budget/NAME/gateway/ID    its turn, and what its boards ask for; written every RENEW_MS

A value that makes no sense counts as the most there can be, so that nobody takes more; as a rate
it counts as 0.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from ...errors import UserError

RATE_MAX = (1 << 30) - 1
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """A gateway's own entry. All others read it, so it has no name of a board without need.

    demands:    what the boards ask for, of those that ask for more than is guaranteed, in order.
    guaranteed: the guaranteed shares of these above 0, in order.
    waiting:    the boards that shall have more guaranteed than they have, and how much.
    """

    turn: int
    demands: tuple[int, ...] = ()
    guaranteed: tuple[int, ...] = ()
    waiting: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A board's guaranteed share in the ledger."""

    guaranteed: int
    gateway: str
    epoch: int


class Keys:
    """The keys of one budget. UserError: the name is not 1 to 100 of A-Z a-z 0-9 _ . : -"""

    def __init__(self, budget: str) -> None:
        check_name("budget", budget)
        self.rate = f"/budget/{budget}"
        self.boards = f"/budget/{budget}/board/"
        self.claims = f"/budget/{budget}/claim/"
        self.gateways = f"/budget/{budget}/gateway/"


def check_name(what: str, name: str) -> None:
    """UserError: the name cannot stand in a key."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{what} {name!r}: expected 1 to 100 of A-Z a-z 0-9 _ . : -")


def read_rate(value: bytes | None) -> int:
    """The budget's rate; 0 if there is none, or none that makes sense."""
    rate = _integer(value)
    return 0 if rate is None else rate


def read_claim(value: bytes) -> int:
    claim = _integer(value)
    return RATE_MAX if claim is None else claim


def write_count(count: int) -> bytes:
    return b"%d" % count


def read_reservation(value: bytes) -> Reservation:
    try:
        fields = json.loads(value)
        reservation = Reservation(fields["guaranteed"], fields["gateway"], fields["epoch"])
        if _is_rate(reservation.guaranteed):
            return reservation
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return Reservation(RATE_MAX, "", 0)


def write_reservation(reservation: Reservation) -> bytes:
    return _json(
        {
            "guaranteed": reservation.guaranteed,
            "gateway": reservation.gateway,
            "epoch": reservation.epoch,
        }
    )


def read_entry(value: bytes) -> GatewayEntry:
    """One that makes no sense asks for nothing: it only steers what is asked for."""
    try:
        fields = json.loads(value)
        turn, waiting = fields["turn"], dict(fields["waiting"])
        demands, guaranteed = fields["demands"], fields["guaranteed"]
        if isinstance(turn, int) and all(map(_are_rates, (demands, guaranteed, waiting.values()))):
            return GatewayEntry(turn, tuple(demands), tuple(guaranteed), waiting)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return GatewayEntry(0)


def write_entry(entry: GatewayEntry) -> bytes:
    return _json(
        {
            "turn": entry.turn,
            "demands": entry.demands,
            "guaranteed": entry.guaranteed,
            "waiting": entry.waiting,
        }
    )


def _integer(value: bytes | None) -> int | None:
    text = (value or b"").strip()
    if not text.isdigit() or len(text) > 10 or int(text) > RATE_MAX:
        return None
    return int(text)


def _is_rate(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= RATE_MAX


def _are_rates(values: Collection[Any]) -> bool:
    """The same of many at once: every gateway asks it of every other's boards."""
    integers = {*map(type, values)} <= {int}
    return integers and (not values or 0 <= min(values) <= max(values) <= RATE_MAX)


def _json(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
