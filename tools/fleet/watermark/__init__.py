"""The fleet's watermark: how long, in ms, what a board may keep waiting."""

from .rule import Changing, Watermark, after, backlog, lag, read, resolved, write
from .store import KEY, change, follow

__all__ = [
    "KEY",
    "Changing",
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
