"""A fleet-wide rate, shared out over the boards of all gateways by demand."""

from tools.budget.board import Grant, Report
from tools.budget.drive import Driver, clock_ms
from tools.budget.share import POLL_MS, Share

__all__ = ["POLL_MS", "Driver", "Grant", "Report", "Share", "clock_ms"]
