"""The whole way of a record: what `make demo` shows, and the board's own side of the line."""

import gzip
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice_tools import itself
from sluice_tools.testing.board import mpremote
from sluice_tools.vboard import VirtualBoard


def sluice(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        itself.sluice(*arguments),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_demo_feeds_a_log_and_accounts_for_every_record(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("time,name\n" + "".join(f"{n / 400},request {n}\n" for n in range(800)))
    done = sluice("demo", str(log))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line]
    account = {line[0]: line[1] for line in lines if len(line) == 2}
    assert account["read"] == account["sent"] == "800"
    assert account["delivered"].startswith("800  in order")
    assert account["lost"] == "0"
    busiest = next(int(line[1].split()[1]) for line in lines if line[0] == "busiest")
    assert busiest <= 500 + 10 + 1  # one may be held up on its way from its grant to its tick
    assert any(line[0] == "up" for line in lines), "no statistics line was shown"


def test_demo_names_a_log_that_is_not_there():
    done = sluice("demo", "no-such.log")
    assert done.returncode == 2
    assert "no-such.log" in done.stderr and "Traceback" not in done.stderr


def test_demo_reads_what_a_feed_reads(tmp_path):
    first, second = tmp_path / "log.1.gz", tmp_path / "log"
    first.write_bytes(gzip.compress(b'{"at":{"s":1},"msg":"one"}\n'))
    second.write_bytes(b'{"at":{"s":2},"msg":"two"}\n')
    done = sluice("demo", str(first), str(second), "--time-key", "at.s", "--record-key", "msg")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "delivered               2  in order" in done.stdout.splitlines()


def test_demo_refuses_what_is_no_log_before_it_boots(tmp_path):
    log = tmp_path / "poem"
    log.write_text("no log\n")
    done = sluice("demo", str(log))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: {log}: line 1 is neither an access log")


def test_mpremote_stops_the_running_program_and_has_the_repl(boot: Callable[..., VirtualBoard]):
    vboard = boot()
    assert sluice("set", "--port", vboard.url).returncode == 0  # it answers, so it runs
    done = mpremote(vboard.url, "exec", "print('the REPL', 6 * 7)")
    assert (done.returncode, done.stdout.strip()) == (0, "the REPL 42")


@pytest.mark.parametrize("phase", ["A virtual board answers", "Feeding it", "up "])
def test_ctrl_c_ends_the_demo_and_its_children_in_one_line(phase: str) -> None:
    """As a terminal sends it: to the demo and to whatever it has started, at once."""
    # Not tmp_path, which may be too long for a socket.
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            itself.sluice("demo"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"TMPDIR": folder},
        ) as demo,
    ):
        assert demo.stdout and demo.stderr
        while not demo.stdout.readline().startswith(phase):
            assert demo.poll() is None, demo.stderr.read()
        os.killpg(demo.pid, signal.SIGINT)
        errors = demo.stderr.read()  # ends when the last child has closed it
        assert list(Path(folder).glob("sluice-demo-*")) == []
    told = [line for line in errors.splitlines() if line and not line.endswith(": connected")]
    assert (demo.returncode, told) == (130, ["Interrupted."])


def test_a_demo_that_is_ended_leaves_nothing_running() -> None:
    with subprocess.Popen(
        itself.sluice("demo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout and demo.stderr
        while not demo.stdout.readline().startswith("up "):
            assert demo.poll() is None, demo.stderr.read()
        demo.terminate()
        assert demo.stderr.read().splitlines()[-1] == "Interrupted."
    assert demo.returncode == 130
