"""What `sluice fleet --cost` measures, small: real processes, a short window."""

import subprocess

import pytest
from etcd_servers import needs_etcd

from sluice_tools.fleet.demonstration import cost
from sluice_tools.itself import sluice


@needs_etcd
@pytest.mark.timeout(600)
def test_the_cost_of_a_gateway_beside_others_is_its_own_cpu_time(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "_WARM_UP_S", 1.0)
    said = []
    (one,) = cost.measure(tmp_path, [3], 5, 2.5, said.append)
    assert one.boards == 3 and len(one.percent) == len(cost.SCRAPED_EVERY_S)
    assert all(0 < percent < 100 for percent in one.percent)
    assert 20 < one.memory_mb < 1000
    assert said[-2] == "3 boards: 2 s scraped every 1 s"
    assert said[-1] == f"3 boards: {one.percent[-1]:.1f} % of a core scraped every 1 s"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--cost", "3", "--writes", "3"), "only one of --writes, --cost and --overrun."),
        (("--peers", "3"), "--peers is for --cost."),
    ],
)
def test_what_does_not_go_together(options, reason):
    done = subprocess.run(sluice("fleet", *options), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and reason in done.stderr
