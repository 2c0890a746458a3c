"""The keys under a prefix, as they stand in etcd by all that a watch has told."""

from .data import KeyValue, Snapshot, Update


class Mirror:
    """Keeps the last known state of what `Etcd.follow` follows."""

    def __init__(self) -> None:
        self.revision = 0
        """Every change up to this revision is in; 0: nothing is known yet."""
        self.kvs: dict[str, KeyValue] = {}

    def apply(self, news: Snapshot | Update) -> list[str]:
        """Takes in what has come; the keys that were written, or deleted, in an order of etcd's."""
        if isinstance(news, Snapshot):
            old, self.kvs = self.kvs, {kv.key: kv for kv in news.kvs}
            changed = [key for key in old | self.kvs if old.get(key) != self.kvs.get(key)]
        else:
            for event in news.events:
                if event.value is None:
                    self.kvs.pop(event.key, None)
                else:
                    self.kvs[event.key] = KeyValue(
                        event.key, event.value, event.mod_revision, event.lease
                    )
            changed = [*dict.fromkeys(event.key for event in news.events)]
        self.revision = news.revision
        return changed
