"""The runtimes: what a program prints and raises comes back, and nothing of the one before."""

from pathlib import Path

import pytest

from sluice_tools.lab.runtimes import RUNTIMES, Microbit, ProgramError, WebAssembly
from sluice_tools.vboard import board


@pytest.fixture(params=RUNTIMES, ids=lambda runtime: runtime.name)
def runtime(request, running):
    if reason := request.param.why_not():
        pytest.skip(reason)
    return running(request.param)


def test_lines_come_back(runtime):
    assert runtime.run("for i in range(3):\n    print('line', i)") == ["line 0", "line 1", "line 2"]
    assert runtime.run("pass") == []


def test_a_failed_assertion_is_told_with_its_line(runtime):
    program = "def check(value):\n    assert value == 1\n\ncheck(1)\ncheck(2)\nprint('passed')"
    with pytest.raises(ProgramError) as caught:
        runtime.run(program)
    said = str(caught.value)
    assert "line 5" in said or runtime.name == Microbit.name
    assert ": check(2)" in said
    assert ": assert value == 1" in said
    assert "AssertionError" in said


def test_it_goes_on_after_an_error(runtime):
    with pytest.raises(ProgramError, match="ZeroDivisionError"):
        runtime.run("1 // 0")
    assert runtime.run("print(1)") == ["1"]


def test_a_program_that_does_not_end_is_given_up():
    runtime = WebAssembly()
    try:
        runtime.start({})
        with pytest.raises(TimeoutError, match="within 0.2 s"):
            runtime.run("import time\nwhile True:\n    time.sleep_ms(1)", 0.2)
    finally:
        runtime.stop()


def test_the_micro_bit_is_reset_before_each_program(running):
    if reason := Microbit.why_not():
        pytest.skip(reason)
    runtime = running(Microbit)
    runtime.run("kept = bytearray(4000)")
    assert runtime.run("import gc\ngc.collect()\nprint(gc.mem_free() > 8000)") == ["True"]
    with pytest.raises(ProgramError, match="NameError"):
        runtime.run("kept")


def test_each_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SLUICE_UF2", raising=False)
    monkeypatch.setattr(board, "MICROPYTHON", Path("/nowhere/micropython"))
    reasons = {runtime.name: runtime.why_not() for runtime in RUNTIMES}
    assert "`sluice vboard --install`" in reasons["WebAssembly"]
    assert "qemu-system-arm" in reasons["micro:bit"]
    assert "SLUICE_UF2" in reasons["RP2040"]
