"""The fleet's watermark: how long, in ms, what a board may keep waiting."""

from .rule import STEPS, Changing, Rule, Watermark, after, backlog, lag, read, resolved, write
from .settling import SETTLING
from .store import KEY, change, follow

__all__ = [
    "KEY",
    "SETTLING",
    "STEPS",
    "Changing",
    "Rule",
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
