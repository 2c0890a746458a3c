"""What is deployed is what the programs that read it take, and asks for what there is."""

import json
import re
import shutil
import subprocess

import pytest
from exporter import Exporter
from monitoring import PROJECT, Prometheus, needs_prometheus, until

from sluice_tools.fleet.demonstration.dashboard import filled_in
from sluice_tools.fleet.demonstration.servers import DEPLOY, replaced

DASHBOARD = json.loads((DEPLOY / "grafana.json").read_text())


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_prometheus
def test_prometheus_takes_its_configuration_and_its_rules():
    output_of("promtool", "check", "config", "--lint-fatal", DEPLOY / "prometheus.yml")
    output_of("promtool", "check", "rules", "--lint-fatal", DEPLOY / "rules.yml")


@needs_prometheus
def test_the_rules_do_what_they_say():
    output_of("promtool", "test", "rules", PROJECT / "tests" / "fleet" / "rules_test.yml")


@needs_prometheus
def test_alertmanager_takes_its_configuration_and_repeats_often_enough():
    output_of("amtool", "check-config", DEPLOY / "alertmanager.yml")
    text = (DEPLOY / "alertmanager.yml").read_text()
    (repeat_s,) = re.findall(r"repeat_interval: (\d+)s", text)
    assert int(repeat_s) <= 300


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.service")), ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit, tmp_path):
    """With the program where it is here, as systemd looks whether it is there."""
    program = tmp_path / "sluice"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = replaced(unit.read_text(), {"/opt/sluice/.venv/bin/sluice": str(program)})
    (tmp_path / unit.name).write_text(text)
    assert output_of("systemd-analyze", "verify", tmp_path / unit.name) == ""


def queries_with_titles():
    """Each query of the dashboard, behind the title of its panel."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def as_grafana_asks(query):
    """Without the 0 that is shown when there is nothing: a wrong name shall not hide behind it."""
    return filled_in(query.removesuffix(" or vector(0)"), "1m")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """One that has seen two boards for a while; one of them alerts."""
    folder = tmp_path_factory.mktemp("prometheus")
    with Exporter() as gateway, OperatorMetrics() as operator:
        quick = {"for: 30s": "for: 0s"}
        with Prometheus(folder, gateway.address, operator.address, "127.0.0.1:1", quick) as server:
            gateway.move("b1", "b2")
            gateway.set("stream_backlog_bytes", 5000)
            gateway.set("sluice_part", 1)
            gateway.set("sluice_tokens", 5)
            until(lambda: server.query("count_over_time(sluice_admitted_total[1m]) > 3"))
            gateway.move("b1", "b2")
            until(lambda: server.query("sluice_admitted_total == 2"))
            until(lambda: server.query('ALERTS{alertstate="firing"}'))
            gateway.set("sluice_link_up", 1)
            gateway.set("sluice_link_up", 0, board="b2")
            until(lambda: server.query("sluice_link_up == 0"))
            until(lambda: server.query("fleet:sluice_admitted:rate1m > 0"))
            until(lambda: server.query("board_topic:sluice_sink_backlog_bytes:max"))
            yield server


class OperatorMetrics(Exporter):
    """Stands in for the operator, whose own metrics its own tests check."""

    def __init__(self):
        super().__init__(gauges=("sluice_watermark_ms", "sluice_watermark_alerts"), labels=())
        for gauge in self.gauges.values():
            gauge.set(500)


@needs_prometheus
@pytest.mark.parametrize(("title", "query"), list(queries_with_titles()))
def test_each_query_of_the_dashboard_has_an_answer(prometheus, title, query):
    found = prometheus.query(as_grafana_asks(query))
    assert found, f"{title}: {query}"
    assert not {"NaN"} & {sample["value"][1] for sample in found}, f"{title}: {query}"


@needs_prometheus
def test_each_variable_of_the_dashboard_has_values(prometheus):
    variables = [v for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
    assert [v["name"] for v in variables] == ["board", "topic"]
    for variable in variables:
        metric, label = re.fullmatch(
            r"label_values\((.*), (\w+)\)", variable["definition"]
        ).groups()
        assert prometheus.query(f"group by ({label}) ({as_grafana_asks(metric)})")


def test_each_metric_of_a_gateway_is_shown():
    shown = " ".join(query for _, query in queries_with_titles())
    assert not {name for name in Exporter().names if name not in shown}


def test_no_two_panels_lie_on_one_place():
    places = set()
    for panel in DASHBOARD["panels"]:
        x, y, w, h = (panel["gridPos"][key] for key in "xywh")
        assert x + w <= 24
        cells = {(x + i, y + j) for i in range(w) for j in range(h)}
        assert not cells & places, panel["title"]
        places |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
