"""etcd: its public KV, Watch and Lease services on gRPC."""

from tools.etcd.client import Etcd, EtcdError, EtcdUnavailable
from tools.etcd.data import (
    Compare,
    Event,
    KeyValue,
    Snapshot,
    Transaction,
    Update,
    Write,
    prefix_end,
)
from tools.etcd.mirror import Mirror

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
