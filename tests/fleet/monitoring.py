"""Prometheus, Alertmanager and the operator on loopback, with the deployed files made quick."""

import json
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from server_process import ServerProcess, free_ports

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "tools" / "deploy"

_MISSING = [name for name in ("prometheus", "prometheus-alertmanager") if not shutil.which(name)]
needs_prometheus = pytest.mark.skipif(
    bool(_MISSING), reason=f"not here: apt-get install {' '.join(_MISSING)}"
)


class Prometheus(ServerProcess):
    """Scrapes the gateway's and the operator's address.

    rules: what is replaced in the deployed rules.
    """

    def __init__(
        self, folder: Path, gateway: str, operator: str, alertmanager: str, rules: dict[str, str]
    ) -> None:
        (port,) = free_ports(1)
        text = replaced((DEPLOY / "rules.yml").read_text(), rules)
        (folder / "rules.yml").write_text(text)
        config = {
            "scrape_interval: 1s": "scrape_interval: 200ms",
            "scrape_timeout: 1s": "scrape_timeout: 200ms",
            "evaluation_interval: 1s": "evaluation_interval: 200ms",
            "127.0.0.1:9108": gateway,
            "127.0.0.1:9095": operator,
            "127.0.0.1:9093": alertmanager,
        }
        text = replaced((DEPLOY / "prometheus.yml").read_text(), config)
        (folder / "prometheus.yml").write_text(text)
        super().__init__(
            "prometheus",
            folder,
            port,
            # Alertmanager takes an alert as resolved when it has heard nothing for four times the
            # resend delay: a killed Prometheus has to be back by then.
            [
                *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
                *(f"--storage.tsdb.path={folder / 'tsdb'}", "--log.level=warn"),
                *(f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=3s"),
            ],
        )

    def query(self, expression: str) -> list[dict]:
        """The samples of an expression at this moment. AssertionError: it is not an expression."""
        asked = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{asked}") as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it is starting
                return []
            raise AssertionError(f"{expression}: {error.read().decode()}") from error


class Alertmanager(ServerProcess):
    """Notifies the operator at this address."""

    def __init__(self, folder: Path, operator: str, repeat: str = "10s") -> None:
        (port,) = free_ports(1)
        config = {
            "127.0.0.1:9095": operator,
            "group_interval: 1s": "group_interval: 200ms",
            "repeat_interval: 10s": f"repeat_interval: {repeat}",
        }
        text = replaced((DEPLOY / "alertmanager.yml").read_text(), config)
        (folder / "alertmanager.yml").write_text(text)
        super().__init__(
            "alertmanager",
            folder,
            port,
            [
                "prometheus-alertmanager",
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
                "--log.level=warn",
            ],
        )


class OperatorProcess(ServerProcess):
    """`sluice operator` on an etcd."""

    def __init__(self, folder: Path, etcd: list[str], *options: str) -> None:
        (port,) = free_ports(1)
        endpoints = [option for endpoint in etcd for option in ("--etcd", endpoint)]
        super().__init__(
            "operator",
            folder,
            port,
            [
                *(sys.executable, "-m", "tools", "operator"),
                *("--listen", f"127.0.0.1:{port}", *endpoints, *options),
            ],
        )


def replaced(text: str, by: dict[str, str]) -> str:
    """The text with other values; each of the old ones has to be there."""
    for old, new in by.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def until(condition, timeout_s: float = 30.0):
    """What the condition returns, as soon as that is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.02)
