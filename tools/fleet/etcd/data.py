"""What is asked of etcd and what it tells, as plain values: nothing here knows of a network."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as it stands in etcd.

    mod_revision: the revision at which it was last written, 1 or more.
    lease:        the lease that it ends with; 0: none.
    """

    key: str
    value: bytes
    mod_revision: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one key.

    value: None when the key was deleted, or ended with its lease.
    mod_revision: the revision of this change.
    """

    key: str
    value: bytes | None
    mod_revision: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All keys under a prefix at one revision, in the order of their names."""

    revision: int
    kvs: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """All changes under a prefix since the last snapshot or update, up to this revision."""

    revision: int
    events: tuple[Event, ...]


class Is(Enum):
    """How a key's modification revision compares with a number."""

    EQUAL = "equal"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition on the modification revision of a key, or of every key in [key, end).

    A key that does not exist has revision 0, and so has a range without keys.
    """

    key: str
    relation: Is
    mod_revision: int
    end: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """Writes a key, or deletes it when `value` is None (no error if it does not exist)."""

    key: str
    value: bytes | None
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """Reads the key, or every key in [key, end), of those that were last written at the revision
    `since` or later.
    """

    key: str
    end: str = ""
    since: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a Read has found, in the order of the names.

    count: how many keys there are in its range, those with it that were last written before.
    """

    kvs: tuple[KeyValue, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """All the writes at one revision, if every condition holds then; otherwise none.

    reads:  made at the revision of the writes, after them.
    instead: the reads that are made when a condition does not hold.
    """

    compares: tuple[Compare, ...]
    writes: tuple[Write, ...]
    reads: tuple[Read, ...] = ()
    instead: tuple[Read, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a transaction's writes were made, the store's revision after it, and what it has
    read, in the order of its reads.
    """

    committed: bool
    revision: int
    found: tuple[Found, ...] = ()


def prefix_end(prefix: str) -> str:
    """The end of the range that holds exactly the keys that begin with the prefix (ASCII)."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
