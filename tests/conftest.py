"""On CPython the clock of tests/suite has ticks that raise when they leave 31 bits."""

from collections.abc import Callable
from functools import partial

import clock
import pytest

from host_sim import TickClock

clock.Clock = partial(TickClock, strict=True)

_FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the long version of the long tests")
    parser.addoption("--release", metavar="DIR", help="where `make release` has built")
    parser.addoption("--pictures", metavar="DIR", help="where the page's pictures are written to")


@pytest.fixture
def soak(pytestconfig: pytest.Config) -> bool:
    """Whether this is the long version."""
    return pytestconfig.getoption("--soak")


@pytest.fixture
def figure(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """figure(line): a line for the end of the report, when this is the long version."""
    return pytestconfig.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("--soak") and config.stash.get(_FIGURES, []):
        terminalreporter.section("figures")
        for line in config.stash[_FIGURES]:
            terminalreporter.line(line)
