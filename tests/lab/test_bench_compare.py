"""A run against the kept one: more than 3 % worse fails, and so does what is missing."""

from dataclasses import replace

import pytest
from bench_runs import CALL, RUN, with_case

from sluice_tools.lab.bench.cases import EVENT, FLOAT, FLOOR, GRANTED
from sluice_tools.lab.bench.compare import compare
from sluice_tools.lab.bench.figures import ONE_BUCKET, Figure


def worse(now, kept=RUN):
    return compare(kept, now).worse


def test_the_same_is_not_worse():
    assert worse(RUN) == []


@pytest.mark.parametrize(("more", "fails"), [(1.029, False), (1.031, True), (0.5, False)])
def test_time(more, fails):
    told = worse(with_case(RUN, GRANTED, us=20.0 * more))
    assert bool(told) == fails
    if fails:
        assert told == [f"{GRANTED}: 20.62 us, kept 20 (+3.1 %)"]


def test_a_byte_where_there_was_none():
    assert worse(with_case(RUN, GRANTED, bytes=1)) == [f"{GRANTED}: 1 B, kept 0 (new)"]
    assert worse(replace(RUN, loop_bytes=16)) == ["whole loop: 16 B, kept 0 (new)"]


def test_ram():
    assert worse(replace(RUN, ram=RUN.ram | {ONE_BUCKET: 164})) == []
    assert len(worse(replace(RUN, ram=RUN.ram | {ONE_BUCKET: 176}))) == 1


def test_a_case_that_is_missing_is_named():
    without = {name: figure for name, figure in RUN.cases.items() if name != FLOAT}
    assert worse(replace(RUN, cases=without)) == [f"{FLOAT}: missing, kept has it"]
    absent = replace(RUN, cases=RUN.cases | {FLOAT: Figure(absent="no room")})
    assert worse(absent) == [f"{FLOAT}: missing, kept has it"]


def test_a_case_that_was_absent_may_come():
    assert worse(replace(RUN, cases=RUN.cases | {EVENT: CALL})) == []


def test_the_longest_call_is_not_compared():
    assert worse(with_case(RUN, GRANTED, worst_us=1000.0)) == []


def test_where_times_do_not_repeat_multiples_of_the_floor_are_compared():
    kept = replace(RUN, repeatable=False)
    twice = {
        name: replace(figure, us=figure.us and 2 * figure.us) for name, figure in RUN.cases.items()
    }
    comparison = compare(kept, replace(kept, cases=twice))
    assert comparison.worse == []
    change = comparison.time(GRANTED)
    assert change is not None and (change.unit, change.ratio) == ("x floor", 1.0)
    assert comparison.time(FLOOR) is None
