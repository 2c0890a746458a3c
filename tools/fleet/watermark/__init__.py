"""The fleet's watermark: how long, in ms, what a board may keep waiting."""

from .rule import Watermark, after, backlog, lag, read, resolved, write
from .store import KEY, change, follow

__all__ = [
    "KEY",
    "Watermark",
    "after",
    "backlog",
    "change",
    "follow",
    "lag",
    "read",
    "resolved",
    "write",
]
