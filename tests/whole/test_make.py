"""`make setup` says what it does and how long that takes; a target that lacks something says so."""

import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )


def test_each_step_of_the_setup_is_told_with_its_time_and_packages_by_name() -> None:
    done = make("--dry-run", "--always-make", "setup")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    told = [line for line in lines if line.startswith('echo "setup: ')]
    assert len(told) == 4  # the core, the rest, two folders of node_modules
    assert all("minute" in line or "seconds" in line for line in told)
    assert sum("pip install --progress-bar off" in line for line in lines) == 2
    assert sum("^Collecting" in line for line in lines) == 2  # each package's name, as it comes
    npm = [line for line in lines if "npm ci" in line]
    assert len(npm) == 2
    assert all("--no-audit --no-fund >/dev/null" in line for line in npm)


def test_the_demo_takes_no_more_than_it_needs() -> None:
    done = make("--dry-run", "--always-make", "demo")
    assert "requirements-dev.txt" not in done.stdout
    assert "tools/publish/web" not in done.stdout


def test_a_flash_without_a_port_is_refused_in_one_line() -> None:
    done = make("flash", "BOARD=rp2040", "--assume-old=.venv/ready")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "make flash: which port? make flash BOARD=rp2040 PORT=/dev/ttyACM0"
    )
