"""A fleet-wide rate, shared out over the boards of all gateways by demand."""

from .board import Grant, Report
from .drive import Driver, clock_ms
from .share import POLL_MS, Share

__all__ = ["POLL_MS", "Driver", "Grant", "Report", "Share", "clock_ms"]
