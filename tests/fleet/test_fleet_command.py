"""`sluice fleet` end to end, small: what comes after what, and that nothing stays behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import dedent

import pytest
from etcd_servers import needs_etcd
from monitoring import needs_prometheus, until

from sluice_tools.errors import UserError
from sluice_tools.fleet.demonstration import observer, overrun, rules
from sluice_tools.fleet.demonstration.pressure import TEXTS
from sluice_tools.fleet.demonstration.process import ServerProcess
from sluice_tools.fleet.demonstration.servers import DEPLOY
from sluice_tools.fleet.demonstration.timeline import Threshold, Timeline
from sluice_tools.fleet.etcd import Etcd
from sluice_tools.itself import sluice


@pytest.fixture
def temporary():
    """A folder for what is temporary; its path is short enough for the sockets in it."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def processes(folder):
    """The command lines of those that run now and have this folder for what is temporary."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended
            continue
    return found


@needs_etcd
@needs_prometheus
@pytest.mark.timeout(600)
def test_the_watermark_rises_the_boards_follow_and_recover(tmp_path, temporary):
    small = ("--boards", "4", "--gateways", "2", "--json", "--out", str(tmp_path / "out"))
    env = os.environ | {"TMPDIR": str(temporary)}
    done = subprocess.run(
        sluice("fleet", *small), capture_output=True, text=True, env=env, timeout=580, check=False
    )
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert (values["boards"], values["gateways"]) == (4, 2)
    steps = [each["step"] for each in values["steps"]]
    times = [each["at_s"] for each in values["steps"]]
    assert steps == list(TEXTS)
    assert times == sorted(times), values["steps"]
    assert times[0] == 0
    for end in ("svg", "png"):
        for name in ("fleet", "fleet-dashboard"):
            assert (tmp_path / "out" / f"{name}.{end}").stat().st_size > 10_000
    assert processes(temporary) == []
    assert list(temporary.glob("sluice-fleet-*")) == []


@needs_etcd
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_that_was_started(temporary, number):
    command = sluice("fleet", "--boards", "2", "--gateways", "2", "--writes", "10000")
    env = os.environ | {"TMPDIR": str(temporary)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if this is a shell's job
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    # Itself, two with boards and the one that Python adds to them, etcd and both gateways.
    until(lambda: len(processes(temporary)) == 7)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Interrupted." and "Traceback" not in said
    assert processes(temporary) == []
    assert list(temporary.glob("sluice-fleet-*")) == []


@needs_etcd
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv here: util-linux has it")
def test_a_kill_leaves_nothing_running(temporary):
    command = sluice("fleet", "--boards", "2", "--gateways", "2", "--writes", "10000")
    env = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env) as process:
        until(lambda: len(processes(temporary)) == 7)
        process.kill()
    until(lambda: processes(temporary) == [])


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv here: util-linux has it")
def test_a_kill_before_a_server_asks_to_end_with_its_parent_leaves_nothing_running(temporary):
    slow = temporary / "setpriv"
    slow.write_text(f"""#!/bin/sh
        while kill -0 "$STARTED_BY"; do sleep 0.01; done
        exec {shutil.which("setpriv")} "$@"
    """)
    slow.chmod(0o755)
    program = f"""
        import os, signal
        from pathlib import Path
        from sluice_tools.fleet.demonstration.process import ServerProcess
        os.environ["STARTED_BY"] = str(os.getpid())
        ServerProcess("server", Path("{temporary}"), 1, ["sleep", "600"]).launch()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    path = f"{temporary}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"TMPDIR": str(temporary), "PATH": path}
    subprocess.run([sys.executable, "-c", dedent(program)], env=env, check=False)
    until(lambda: processes(temporary) == [])


def test_ctrl_c_comes_after_the_start_of_a_server(tmp_path, monkeypatch):
    class Interrupted(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    server = ServerProcess("server", tmp_path, 1, ["sleep", "60"])
    with pytest.raises(KeyboardInterrupt):
        server.launch()
    assert server.process.poll() is None
    server.kill()


@needs_etcd
def test_it_measures_how_long_a_write_takes_to_the_last_board():
    command = sluice("fleet", "--boards", "4", "--gateways", "2", "--writes", "5", "--json")
    values = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (values["boards"], values["gateways"], values["writes"]) == (4, 2, 5)
    assert 0 < values["p50_ms"] <= values["p99_ms"] <= values["p100_ms"]


def test_what_is_not_installed_is_named_with_its_package(tmp_path):
    env = os.environ | {"PATH": str(tmp_path)}
    command = [sys.executable, *sluice("fleet", "--out", str(tmp_path))[1:]]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: not installed: etcd, prometheus, prometheus-alertmanager; apt-get install "
        "etcd-server prometheus prometheus-alertmanager\n"
    )


def test_the_rules_are_the_deployed_ones_but_for_the_times():
    deployed = (DEPLOY / "rules.yml").read_text()
    quick = rules.quick(deployed)
    assert (quick.backlog, quick.hold_s) == (2048, 3)
    differ = [
        (a.split("#")[0].split(), b.split("#")[0].split())
        for a, b in zip(deployed.splitlines(), quick.text.splitlines(), strict=True)
        if a != b
    ]
    windows = [(a, b) for a, b in differ if "[10s]" in " ".join(a)]
    assert len(windows) == 6
    assert all([each.replace("[10s]", "[3s]") for each in a] == b for a, b in windows)
    assert [each for each in differ if each not in windows] == [
        (["for:", "30s"], ["for:", "3s"]),
        (["keep_firing_for:", "10s"], ["keep_firing_for:", "1s"]),
    ]


def test_a_fleet_has_confirmed_when_its_last_board_has():
    low, whole = Threshold(500, 20), Threshold(0, 64)
    seen = Timeline(thresholds={"a": [(1, whole), (5, low), (9, whole)], "b": [(1, whole)]})
    assert seen.confirmed(lambda it: it == low) is None
    seen.thresholds["b"] += [(7, low)]
    assert seen.confirmed(lambda it: it == low, 4) == 7
    assert seen.confirmed(lambda it: it == whole, 3) == 3
    assert seen.confirmed(lambda it: it == whole, 8) is None
    assert Timeline().confirmed(lambda it: True) is None


@pytest.mark.asyncio
async def test_what_does_not_happen_in_time_is_one_error():
    async with Etcd(["127.0.0.1:1"]) as etcd:
        looks = observer.Observer(etcd)
        with pytest.raises(UserError, match="^not within 0 s: a board$"):
            async with looks.thresholds(), looks.pressure(["127.0.0.1:1"], "127.0.0.1:1", "A"):
                await observer.until(lambda: False, "a board", 0)


@needs_etcd
@needs_prometheus
@pytest.mark.timeout(600)
def test_a_downstream_that_is_overrun_raises_the_watermark_and_every_board_slows_down(
    tmp_path, temporary
):
    small = ("--boards", "5", "--gateways", "2", "--json", "--out", str(tmp_path))
    env = os.environ | {"TMPDIR": str(temporary)}
    done = subprocess.run(
        sluice("fleet", "--overrun", "20", *small),
        capture_output=True,
        text=True,
        env=env,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert (values["own"], values["capacity"]) == (120, 80)
    steps = [each["step"] for each in values["steps"]]
    assert steps == list(overrun.TEXTS)
    times = [each["at_s"] for each in values["steps"]]
    assert times == sorted(times)
    assert 0 < values["records"]["taken"] <= values["records"]["sent"]

    assert max(values["lag_ms"]) >= 1000 and values["watermark_ms"][-1] > 0
    for end in ("svg", "png"):
        assert (tmp_path / f"fleet-overrun.{end}").stat().st_size > 10_000
    assert processes(temporary) == []
    assert "Traceback" not in done.stderr
