"""etcd's keys and transactions, without servers or time.

test_etcd_twin.py holds it against a real server.
"""

from sluice_tools.fleet.etcd import KeyValue, Snapshot, Transaction
from sluice_tools.fleet.etcd.data import Compare, Found, Is, Outcome, Read, Write


class EtcdTwin:
    """One store. What it is asked, it does at once."""

    def __init__(self) -> None:
        self.revision = 1
        self.kvs: dict[str, KeyValue] = {}

    def transact(self, transaction: Transaction) -> Outcome:
        if not all(map(self._holds, transaction.compares)):
            return Outcome(False, self.revision, self._read_all(transaction.instead))
        writes = [w for w in transaction.writes if w.value is not None or w.key in self.kvs]
        if writes:
            self.revision += 1
        for write in writes:
            self._write(write)
        return Outcome(True, self.revision, self._read_all(transaction.reads))

    def snapshot(self, prefix: str) -> Snapshot:
        found = (self.kvs[key] for key in sorted(self.kvs) if key.startswith(prefix))
        return Snapshot(self.revision, tuple(found))

    def _read_all(self, reads: tuple[Read, ...]) -> tuple[Found, ...]:
        return tuple(map(self._read, reads))

    def _read(self, read: Read) -> Found:
        there = self._range(read.key, read.end)
        return Found(tuple(kv for kv in there if kv.mod_revision >= read.since), len(there))

    def _range(self, key: str, end: str) -> list[KeyValue]:
        if end:
            return [self.kvs[each] for each in sorted(self.kvs) if key <= each < end]
        return [kv for kv in [self.kvs.get(key)] if kv]

    def _holds(self, compare: Compare) -> bool:
        found = self._range(compare.key, compare.end) or [KeyValue(compare.key, b"", 0)]
        if compare.relation is Is.EQUAL:
            return all(kv.mod_revision == compare.mod_revision for kv in found)
        return all(kv.mod_revision < compare.mod_revision for kv in found)

    def _write(self, write: Write) -> None:
        if write.value is None:
            del self.kvs[write.key]
        else:
            self.kvs[write.key] = KeyValue(write.key, write.value, self.revision)
