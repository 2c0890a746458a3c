"""etcd: its public KV, Watch and Lease services on gRPC."""

from .client import Etcd, EtcdError, EtcdUnavailable
from .data import Compare, Event, KeyValue, Snapshot, Transaction, Update, Write, prefix_end
from .mirror import Mirror

__all__ = [
    "Compare",
    "Etcd",
    "EtcdError",
    "EtcdUnavailable",
    "Event",
    "KeyValue",
    "Mirror",
    "Snapshot",
    "Transaction",
    "Update",
    "Write",
    "prefix_end",
]
