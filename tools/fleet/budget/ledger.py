"""What stands in etcd under a budget's keys, as a gateway's own transactions have read it."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ..etcd.data import Compare, Found, Is, KeyValue, Outcome, Read, prefix_end
from .keys import (
    GatewayEntry,
    Keys,
    Reservation,
    read_claim,
    read_entry,
    read_rate,
    read_reservation,
)

_T = TypeVar("_T")


class Peer:
    """A gateway's entry, as last read.

    seen_at: when it was first seen as it is.
    """

    def __init__(self, value: bytes, seen_at: int) -> None:
        self.seen_at = seen_at
        self.tried_at: int | None = None
        """When it was last tried to take back what this gateway holds."""
        self._value = value
        self._entry: GatewayEntry | None = None

    @property
    def entry(self) -> GatewayEntry:
        if self._entry is None:
            self._entry = read_entry(self._value)
        return self._entry


class Ledger:
    """The rate, the guaranteed shares, the claims and the gateways' entries at one revision.

    A transaction reads what was written since the last one; a key that was deleted meanwhile stays
    in here until all is read again, which is due when the numbers of keys differ. So what is taken
    of the rate is never more than what stands here.
    """

    def __init__(self, keys: Keys) -> None:
        self.revision = 0
        """Everything written up to this revision is in; 0: nothing is known."""
        self.complete = False
        """Whether nothing in here was deleted, as far as is known."""
        self.spare = 0
        """Of the rate, what is not guaranteed; below 0 when the rate was lowered under it."""
        self.claimed = 0
        """The sum of all claims."""
        self._keys = keys
        self._rate = _Table(keys.rate, "", lambda value, _: read_rate(value))
        self._reserved = _under(keys.boards, lambda value, _: read_reservation(value))
        self._claims = _under(keys.claims, lambda value, _: read_claim(value))
        self._gateways = _under(keys.gateways, Peer)
        self._tables: tuple[_Table[Any], ...] = (
            self._rate,
            self._reserved,
            self._claims,
            self._gateways,
        )

    @property
    def reserved(self) -> dict[str, Reservation]:
        """The boards' guaranteed shares."""
        return self._reserved.values

    @property
    def claims(self) -> dict[str, int]:
        """The gateways' claims."""
        return self._claims.values

    @property
    def gateways(self) -> dict[str, Peer]:
        return self._gateways.values

    def guaranteed(self, board: str) -> int:
        kept = self.reserved.get(board)
        return kept.guaranteed if kept else 0

    def news(self) -> tuple[Read, ...]:
        """Reads what is not known yet."""
        since = self.revision + 1 if self.complete else 0
        return tuple(table.read(since) for table in self._tables)

    def everything(self) -> tuple[Read, ...]:
        return tuple(table.read(0) for table in self._tables)

    def take_in(self, reads: Sequence[Read], outcome: Outcome, now: int) -> None:
        """Receives what a transaction of `news` or `everything` has read."""
        known = outcome.revision >= self.revision  # else etcd was restored from a backup
        if not known and any(read.since for read in reads):
            self.revision, self.complete = 0, False
            return
        self.revision = outcome.revision
        self.complete = all(
            [
                table.take_in(read, found, now)
                for table, read, found in zip(self._tables, reads, outcome.found, strict=True)
            ]
        )
        rate = self._rate.values.get("", 0)
        self.spare = rate - sum(kept.guaranteed for kept in self.reserved.values())
        self.claimed = sum(self.claims.values())

    def unchanged(self, key: str) -> Compare:
        """The condition that the key is as it stands here, also if it does not exist."""
        revisions = (table.revision(key) for table in self._tables)
        return Compare(key, Is.EQUAL, next(filter(None, revisions), 0))

    def nobody_else_took(self, gateway: str) -> tuple[Compare, ...]:
        """The conditions that no term of the sum was written since it was read.

        What was deleted since does not matter: the sum only fell. This gateway's own claim is left
        out: it has changed only if its entry has.
        """
        since = self.revision + 1
        boards, claims, mine = self._keys.boards, self._keys.claims, self._keys.claims + gateway
        return (
            self.unchanged(self._keys.rate),
            Compare(boards, Is.LESS, since, prefix_end(boards)),
            Compare(claims, Is.LESS, since, mine),
            Compare(mine + "\0", Is.LESS, since, prefix_end(claims)),
        )


class _Table(Generic[_T]):
    """The values of the keys [prefix, end), by what follows the prefix; of one key without an end.

    make: what is kept of a value, from the time of the caller's clock on at which it was read.
    """

    def __init__(self, prefix: str, end: str, make: Callable[[bytes, int], _T]) -> None:
        self.values: dict[str, _T] = {}
        self._kvs: dict[str, KeyValue] = {}
        self._prefix, self._end = prefix, end
        self._make = make

    def revision(self, key: str) -> int:
        """The revision at which the key was written; 0: it is not in here."""
        kv = self._kvs.get(key)
        return kv.mod_revision if kv else 0

    def read(self, since: int) -> Read:
        return Read(self._prefix, self._end, since)

    def take_in(self, read: Read, found: Found, now: int) -> bool:
        """Whether it has as many keys as etcd then."""
        if read.since == 0:
            there = {kv.key for kv in found.kvs}
            for key in [key for key in self._kvs if key not in there]:
                del self._kvs[key], self.values[self._name(key)]
        for kv in found.kvs:
            if self._kvs.get(kv.key) != kv:
                self._kvs[kv.key] = kv
                self.values[self._name(kv.key)] = self._make(kv.value, now)
        return len(self.values) == found.count

    def _name(self, key: str) -> str:
        return key[len(self._prefix) :]


def _under(prefix: str, make: Callable[[bytes, int], _T]) -> _Table[_T]:
    return _Table(prefix, prefix_end(prefix), make)
