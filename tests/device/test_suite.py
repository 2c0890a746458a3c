"""Each case of tests/suite on each MicroPython that this machine can run."""

import pytest
from shared_suite import PASSED, cases

from sluice_tools.lab.runtimes import RUNTIMES, Microbit

_CASE_S = 240  # an emulator beside other work
# A put that crosses a watermark calls seven deep; the micro:bit's stack is for six.
TOO_DEEP = {Microbit: {"test_ring_watermarks"}}


def pytest_generate_tests(metafunc):
    if "case" not in metafunc.fixturenames:
        return
    rows = []
    for runtime in RUNTIMES:
        if reason := runtime.why_not():
            rows.append(
                pytest.param(runtime, None, marks=pytest.mark.skip(reason), id=runtime.name)
            )
            continue
        too_deep = TOO_DEEP.get(runtime, ())
        rows += [
            pytest.param(runtime, case, id=f"{runtime.name}-{case.file}-{case.name}")
            for case in cases()
            if (runtime.holds is None or case.needs <= runtime.holds) and case.file not in too_deep
        ]
    metafunc.parametrize(("runtime", "case"), rows)


@pytest.fixture
def board(runtime, case, running, begun):
    """The runtime, without what the cases of other files have left on its heap."""
    board = running(runtime)
    if begun.get(runtime, case.file) != case.file:
        board.renew()
    begun[runtime] = case.file
    return board


@pytest.fixture(scope="session")
def begun():
    """The file that each runtime is at."""
    return {}


@pytest.mark.timeout(_CASE_S + 60)
def test_case(board, case):
    assert board.run(case.program, timeout_s=_CASE_S) == PASSED
