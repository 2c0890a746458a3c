"""A fleet-wide rate, shared out over the boards of all gateways by demand."""

from .board import Grant, Report
from .drive import Driver, clock_ms
from .gateway_share import POLL_MS, GatewayShare

__all__ = ["POLL_MS", "Driver", "Grant", "Report", "GatewayShare", "clock_ms"]
