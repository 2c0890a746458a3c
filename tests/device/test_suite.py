"""Each case of tests/suite on each MicroPython that this machine can run."""

import pytest
from shared_suite import PASSED, cases

from tools.runtimes import RUNTIMES, Microbit

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


def test_case(runtime, case, running):
    assert running(runtime).run(case.program) == PASSED
