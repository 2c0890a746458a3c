"""On CPython the clock of tests/suite has ticks that raise when they leave 31 bits."""

from collections.abc import Callable, Iterator
from functools import partial

import clock
import pytest
from flashed import flash
from hypothesis import HealthCheck, settings

from host_sim import TickClock
from sluice_tools.testing.board import mpremote
from sluice_tools.vboard import VirtualBoard

clock.Clock = partial(TickClock, strict=True)

# An example, and drawing it, may take as long as it takes: the machine may be busy.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")

_FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the long version of the long tests")
    parser.addoption("--release", metavar="DIR", help="where `make release` has built")
    parser.addoption("--pictures", metavar="DIR", help="where the page's pictures are written to")


@pytest.fixture
def vboard() -> Iterator[VirtualBoard]:
    """A freshly started board with an empty file system, for this test alone."""
    with VirtualBoard() as board:
        yield board


@pytest.fixture
def remote(vboard: VirtualBoard) -> Callable[..., str]:
    """remote("fs", "ls"): what mpremote prints; fails the test if mpremote fails."""

    def run(*args: str, resume: bool = True) -> str:
        done = mpremote(vboard.url, *args, resume=resume)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def boot(vboard: VirtualBoard) -> Callable[..., VirtualBoard]:
    """boot(rate=50, ...): puts the firmware on the board and starts it with these settings."""

    def start(**settings: object) -> VirtualBoard:
        flash(vboard, **settings)
        return vboard

    return start


@pytest.fixture
def long(pytestconfig: pytest.Config) -> bool:
    """Whether this is the long version."""
    return pytestconfig.getoption("--long")


@pytest.fixture
def figure(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """figure(line): a line for the end of the report, when this is the long version."""
    return pytestconfig.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("--long") and config.stash.get(_FIGURES, []):
        terminalreporter.section("figures")
        for line in config.stash[_FIGURES]:
            terminalreporter.line(line)
