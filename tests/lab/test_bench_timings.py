"""From the loops and the single calls of a program to what one call costs."""

import pytest

from sluice_tools.lab.bench.cases import CASES, EVENT, FLOOR, GRANTED, Case, Kind
from sluice_tools.lab.bench.figures import Figure
from sluice_tools.lab.bench.program import Effort, Printed, Quiet, Single, program, read
from sluice_tools.lab.bench.timings import figure

BY_NAME = {case.name: case for case in CASES}


def printed(loops, single=None, n=10):
    return Printed(n=n, loops=loops, bytes_per_call=0.0, single=single)


def test_the_empty_loop_is_taken_off_and_the_least_and_the_median_are_told():
    told = figure(printed([(50, 170), (40, 150), (45, 140)]))
    assert (told.us, told.median_us) == (10.0, 11.0)


def test_one_disturbed_empty_loop_does_not_make_a_call_cheaper():
    assert figure(printed([(10, 110), (95, 110)])).us == 10.0


def test_the_longest_call_is_a_multiple_of_the_median_without_the_clock():
    bins = [0, 0, 0, 0, 5, 4, 1, 0]  # of 10 us each: the median call took 40 to 49 us
    told = figure(printed([(0, 400)], Single(clock=10, width=10, worst=70, bins=bins)))
    assert (told.single_us, told.worst_us, told.worst) == (30.0, 60.0, 2.0)


@pytest.mark.parametrize(
    "single",
    [
        Single(clock=0, width=1, worst=900, bins=[1, 0, 0, 9]),  # the last bin has no end
        Single(clock=3, width=1, worst=3, bins=[0, 0, 0, 9, 0]),  # nothing but the clock
    ],
)
def test_a_median_that_cannot_be_told_is_none(single):
    told = figure(printed([(0, 400)], single))
    assert (told.single_us, told.worst) == (None, None)


def test_bytes_are_those_of_one_event():
    case = BY_NAME[EVENT]
    effort = Effort(programs=1, loops=1, calls=320, counted=32, singles=0)
    told = read(["loop 10 330", "bytes 64"], case, effort)
    assert (told.n, told.bytes_per_call) == (320, 2.0)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["loop 1 2", "bytes 0", "Traceback"],
        ["loop 1 2", "loop 1 2", "bytes 0"],
        ["loop 1 2", "bytes 0", "bytes 0"],
        ["loop 1 2"],
        ["loop 1 2", "bytes 0", "single 1 1 1"],
    ],
)
def test_what_is_not_of_the_program_is_refused(lines):
    with pytest.raises(ValueError):
        read(lines, BY_NAME[FLOOR], Effort(programs=1, loops=1, calls=10, counted=10, singles=0))


def test_a_call_that_can_be_made_only_so_often_is_prepared_again():
    case = Case("put", Kind.OURS, "", "ring", "ring.put(1)", prepare="ring.clear()", most=64)
    text = program(case, Effort(programs=1, loops=1, calls=200, counted=100, singles=1000), Quiet())
    assert "timed(64, ring)" in text and "timed(200, ring)" not in text
    assert "at % 64 == 0:\n            ring.clear()" in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_program_compiles(case):
    compile(program(case, Effort(1, 2, 100, 10, 100), Quiet()), case.name, "exec")


def test_absent_figures_have_no_ratio():
    assert Figure(absent="no room").worst is None


def test_the_names_are_unlike():
    assert len(BY_NAME) == len(CASES)
    assert {FLOOR, GRANTED, EVENT} <= BY_NAME.keys()
