"""The servers of a fleet on loopback, with the deployed files."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...itself import sluice
from .process import ServerProcess, free_ports

DEPLOY = Path(__file__).parents[1] / "deploy"

PACKAGES = {
    "etcd": "etcd-server",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
"""Debian's package of each program."""


class EtcdNode(ServerProcess):
    """One node of etcd. Its data outlives a kill."""

    def __init__(self, name: str, folder: Path) -> None:
        port, peer_port = free_ports(2)
        super().__init__(name, folder, port, [])
        self.data = folder / name
        self._peer_url = f"http://127.0.0.1:{peer_port}"
        self.join(self.peer)

    @property
    def peer(self) -> str:
        return f"{self.name}={self._peer_url}"

    def join(self, peers: str) -> None:
        """Says which cluster it is a node of, if it is not alone: before it is started."""
        client, peer = f"http://{self.address}", self._peer_url
        self._command = [
            *("etcd", "--name", self.name, "--data-dir", self.data),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", peers, "--heartbeat-interval", "50"),
            *("--election-timeout", "500", "--logger", "zap"),
        ]


class Prometheus(ServerProcess):
    """Scrapes gateways and the operator at these addresses.

    rules: the text of rules.yml.  interval: between two scrapes, and two evaluations.
    """

    def __init__(
        self,
        folder: Path,
        gateways: Sequence[str],
        operator: str,
        alertmanager: str,
        rules: str,
        interval: str = "1s",
    ) -> None:
        (port,) = free_ports(1)
        (folder / "rules.yml").write_text(rules)
        config = {
            "scrape_interval: 1s": f"scrape_interval: {interval}",
            "scrape_timeout: 1s": f"scrape_timeout: {interval}",
            "evaluation_interval: 1s": f"evaluation_interval: {interval}",
            "'127.0.0.1:9108'": ", ".join(f"'{address}'" for address in gateways),
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

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression at this moment; none while it is starting.

        ValueError: it is not an expression.
        """
        return self._ask("query", query=expression)

    def query_range(
        self, expression: str, since: float, until: float, step_s: float
    ) -> list[dict[str, Any]]:
        """The series of an expression between two times of the wall clock; see `query`."""
        return self._ask("query_range", query=expression, start=since, end=until, step=step_s)

    def _ask(self, what: str, **parameters: str | float) -> list[dict[str, Any]]:
        asked = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/{what}?{asked}") as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return []
            raise ValueError(f"{parameters['query']}: {error.read().decode()}")


class Alertmanager(ServerProcess):
    """Notifies the operator at this address."""

    def __init__(
        self, folder: Path, operator: str, interval: str = "1s", repeat: str = "10s"
    ) -> None:
        (port,) = free_ports(1)
        config = {
            "127.0.0.1:9095": operator,
            "group_interval: 1s": f"group_interval: {interval}",
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

    def __init__(self, folder: Path, etcd: Sequence[str], *options: str) -> None:
        (port,) = free_ports(1)
        endpoints = [option for endpoint in etcd for option in ("--etcd", endpoint)]
        listen = ("--listen", f"127.0.0.1:{port}")
        super().__init__(
            "operator", folder, port, sluice("operator", *listen, *endpoints, *options)
        )


class GatewayProcess(ServerProcess):
    """`sluice gateway`; `text` is its configuration but for `listen`."""

    def __init__(self, folder: Path, text: str, name: str = "gateway") -> None:
        (port,) = free_ports(1)
        path = folder / f"{name}.toml"
        path.write_text(f'listen = "127.0.0.1:{port}"\n{text}')
        super().__init__(name, folder, port, sluice("gateway", "--config", str(path)))


def etcd_table(endpoints: Sequence[str], budget: str | None = None) -> str:
    """The table of gateway.toml."""
    named = f'budget = "{budget}"\n' if budget else ""
    return f"[etcd]\nendpoints = {json.dumps(list(endpoints))}\n{named}"


def board_table(name: str, url: str, **more: object) -> str:
    """A board's table of gateway.toml."""
    keys = {"name": name, "port": url} | more
    return "[[board]]\n" + "".join(f"{key} = {json.dumps(v)}\n" for key, v in keys.items())


def replaced(text: str, by: dict[str, str]) -> str:
    """The text with other values; each of the old ones has to be there."""
    for old, new in by.items():
        assert old in text, old
        text = text.replace(old, new)
    return text
