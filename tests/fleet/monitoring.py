"""Prometheus and Alertmanager on loopback, with the deployed files made quick."""

import shutil
import time
from pathlib import Path

import pytest

from sluice_tools.fleet.demonstration import servers
from sluice_tools.fleet.demonstration.servers import DEPLOY, replaced

PROJECT = Path(__file__).parents[2]

_QUICK = "200ms"

_MISSING = [name for name in ("prometheus", "prometheus-alertmanager") if not shutil.which(name)]
needs_prometheus = pytest.mark.skipif(
    bool(_MISSING), reason=f"not here: apt-get install {' '.join(_MISSING)}"
)


class Prometheus(servers.Prometheus):
    """Scrapes the gateway's and the operator's address.

    rules: what is replaced in the deployed rules.
    """

    def __init__(
        self, folder: Path, gateway: str, operator: str, alertmanager: str, rules: dict[str, str]
    ) -> None:
        text = replaced((DEPLOY / "rules.yml").read_text(), rules)
        super().__init__(folder, [gateway], operator, alertmanager, text, _QUICK)


class Alertmanager(servers.Alertmanager):
    """Notifies the operator at this address."""

    def __init__(self, folder: Path, operator: str, repeat: str = "10s") -> None:
        super().__init__(folder, operator, _QUICK, repeat)


def until(condition, timeout_s: float = 120.0):
    """What the condition returns, as soon as that is true. The timeout ends a test that hangs."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.02)
