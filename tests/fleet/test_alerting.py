"""From a metric to the watermark in etcd: real Prometheus, Alertmanager, operator and etcd."""

import asyncio
import time
from dataclasses import replace

import pytest
from etcd_servers import EtcdServers, needs_etcd, read_until_answered
from exporter import Exporter
from monitoring import Alertmanager, Prometheus, needs_prometheus, until
from notifications import request
from tracebacks import check_no_traceback

from sluice_tools.fleet.demonstration.servers import OperatorProcess
from sluice_tools.fleet.etcd import Etcd
from sluice_tools.fleet.watermark import KEY, Watermark, change, read
from sluice_tools.fleet.watermark.rule import FORGET_MS

pytestmark = [needs_prometheus, needs_etcd]

QUICK = {
    "for: 30s": "for: 600ms",
    "keep_firing_for: 10s": "keep_firing_for: 1s",
    "[10s]": "[2s]",
}
BACKLOG, LAG = "stream_backlog_bytes", "processing_lag_ms"


class Fleet:
    """One of each, quick, with what a gateway would tell."""

    def __init__(self, folder):
        (folder / "etcd").mkdir()
        self.gateway = Exporter()
        self.etcd = EtcdServers(folder / "etcd", 1)
        self.operator = OperatorProcess(folder, self.etcd.endpoints)
        self.alertmanager = Alertmanager(folder, self.operator.address, repeat="1s")
        self._folder = folder

    def __enter__(self):
        self.gateway.__enter__()
        self.prometheus = Prometheus(
            self._folder,
            self.gateway.address,
            self.operator.address,
            self.alertmanager.address,
            QUICK,
        )
        self._servers = [self.etcd.nodes[0], self.operator, self.alertmanager, self.prometheus]
        for server in self._servers:
            server.launch()
        try:
            for server in self._servers:
                server.wait()
            for topic in "tu":
                self.gateway.set(BACKLOG, 0, topic=topic)
                self.gateway.set("sluice_part", 1, topic=topic)
                self.gateway.set("sluice_tokens", 5, topic=topic)  # what waits, waits for the sink
                for counter in ("sluice_admitted", "sluice_denied", "sluice_retried"):
                    self.gateway.add(counter, 0, topic=topic)
            self.gateway.set(LAG, 0)
            until(lambda: self.prometheus.query(BACKLOG))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in reversed(self._servers):
            server.kill()
        self.gateway.__exit__()

    @property
    def mark(self) -> Watermark:
        async def get():
            async with Etcd(self.etcd.endpoints, timeout_s=60) as etcd:
                kv = await read_until_answered(etcd, KEY)
                return read(kv.value if kv else None)

        return asyncio.run(get())

    def until_ms(self, ms):
        until(lambda: self.mark.ms == ms)

    def age(self, ms):
        """Lets so many ms pass for all alerts that stand in etcd."""

        def rule(mark):
            firing = {
                name: replace(each, seen_at=each.seen_at - ms) for name, each in mark.firing.items()
            }
            return replace(mark, firing=firing)

        async def go():
            async with Etcd(self.etcd.endpoints, timeout_s=60) as etcd:
                await change(etcd, rule)

        asyncio.run(go())


@pytest.fixture
def fleet(tmp_path):
    with Fleet(tmp_path) as fleet:
        yield fleet


def seen_again(fleet):
    """Returns when Alertmanager has repeated what fires, and the operator has taken it."""
    count = fleet.operator.log().count("event=alert ")
    until(lambda: fleet.operator.log().count("event=alert ") >= count + 2)


def test_a_backlog_raises_the_watermark_once_however_often_it_is_repeated(fleet, capsys):
    begun = time.monotonic()
    fleet.gateway.set(BACKLOG, 5000)
    fleet.until_ms(500)
    with capsys.disabled():
        print(
            f"\n  from the metric to the watermark in etcd: {time.monotonic() - begun:.1f} s, "
            "scraped and evaluated every 200 ms, for: 600ms"
        )
    seen_again(fleet)
    assert fleet.mark.ms == 500
    fleet.gateway.set(BACKLOG, 5000, topic="u")
    fleet.until_ms(1000)
    seen_again(fleet)
    assert fleet.mark.ms == 1000
    fleet.gateway.set(BACKLOG, 0)
    fleet.until_ms(500)
    fleet.gateway.set(BACKLOG, 0, topic="u")
    fleet.until_ms(0)
    assert not fleet.mark.firing


def test_a_lag_that_was_above_the_limit_for_one_scrape_raises_it_to_the_largest(fleet):
    fleet.gateway.set(LAG, 1_000, topic="calm")
    fleet.gateway.set(LAG, 12_345)
    fleet.gateway.set(LAG, 11_000, board="b2")
    fleet.until_ms(12_345)
    fleet.gateway.set(LAG, 23_456.7)
    fleet.until_ms(23_457)
    fleet.gateway.set(LAG, 0)
    fleet.until_ms(11_000)
    fleet.gateway.drop(LAG, board="b2")
    fleet.until_ms(0)


def test_a_backlog_that_waits_for_tokens_raises_nothing(fleet):
    """That of a board which is throttled, or is given more than its own rate."""
    fleet.gateway.set("sluice_tokens", 0)
    none_for_a_while = 'max_over_time(sluice_tokens{topic="t"}[2s]) == 0'
    until(lambda: fleet.prometheus.query(none_for_a_while))
    fleet.gateway.set(BACKLOG, 5000)
    fleet.gateway.set(BACKLOG, 5000, topic="u")
    fleet.until_ms(500)
    seen_again(fleet)
    assert len(fleet.mark.firing) == 1
    fleet.gateway.set("sluice_tokens", 0, topic="u")
    fleet.until_ms(0)
    assert not fleet.mark.firing


def test_a_board_that_moves_to_another_gateway_is_the_same_alert(fleet):
    """Its alert has no label of the gateway's, so the fingerprint stays."""
    fleet.gateway.set(BACKLOG, 5000)
    fleet.until_ms(500)
    labels = fleet.prometheus.query('ALERTS{alertname="SluiceBacklog",alertstate="firing"}')
    assert set(labels[0]["metric"]) == {
        "__name__", "alertname", "alertstate", "board", "severity", "topic", "watermark"
    }  # fmt: skip


@pytest.mark.parametrize("killed", ["operator", "alertmanager", "prometheus"])
def test_a_server_that_is_killed_and_started_again_changes_nothing(fleet, killed):
    server = getattr(fleet, killed)
    fleet.gateway.set(BACKLOG, 5000)
    fleet.until_ms(500)
    server.kill()
    fleet.gateway.set(BACKLOG, 5000, topic="u")  # what happens meanwhile counts later
    time.sleep(1)
    assert fleet.mark.ms == 500
    server.start()
    fleet.until_ms(1000)
    seen_again(fleet)
    assert fleet.mark.ms == 1000
    # An Alertmanager that is killed would tell nobody that it is over: the next test.
    (server.stop if killed == "alertmanager" else server.kill)()
    fleet.gateway.set(BACKLOG, 0)
    time.sleep(2)
    server.start()
    fleet.gateway.set(BACKLOG, 0, topic="u")
    fleet.until_ms(0)
    assert not fleet.mark.firing


def test_what_resolves_while_alertmanager_is_killed_is_forgotten_in_the_end(fleet):
    """It does not know any more whom it has told, and tells nobody of what is over by then."""
    fleet.gateway.set(BACKLOG, 5000)
    fleet.until_ms(500)
    fleet.alertmanager.kill()
    fleet.gateway.set(BACKLOG, 0)
    firing = 'ALERTS{alertname="SluiceBacklog",alertstate="firing"}'
    until(lambda: not fleet.prometheus.query(firing))
    fleet.alertmanager.start()
    heard = 'alertmanager_alerts_received_total{status="resolved",version="v2"} '
    url = f"http://{fleet.alertmanager.address}/metrics"
    until(lambda: heard in (text := request(url)[1]) and f"\n{heard}0\n" not in text)
    fleet.age(FORGET_MS - 60_000)
    time.sleep(2)
    assert fleet.mark.ms == 500
    fleet.age(60_000)
    fleet.until_ms(0)
    assert not fleet.mark.firing


def test_while_etcd_is_away_nothing_is_lost(fleet):
    fleet.gateway.set(BACKLOG, 5000)
    fleet.until_ms(500)
    node = fleet.etcd.nodes[0]
    node.kill()
    fleet.gateway.set(LAG, 20_000)
    until(lambda: "event=refused status=503" in fleet.operator.log())
    fleet.gateway.set(BACKLOG, 0)
    node.start()
    fleet.until_ms(20_000)
    fleet.gateway.set(LAG, 0)
    fleet.until_ms(0)
    check_no_traceback(fleet.operator.log())
