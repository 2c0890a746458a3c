"""The targets: each on the runs that it is for, met up to its limit and no further."""

from dataclasses import replace

import pytest
from bench_runs import RUN, with_case

from sluice_tools.lab.bench.cases import DEQUE, EVENT, FLOAT, FLOOR, GRANTED, PUT_GET
from sluice_tools.lab.bench.figures import IMPORTED, ONE_BUCKET, ONE_QUEUE
from sluice_tools.lab.bench.targets import TARGETS, verdicts

NATIVE = replace(RUN, library="native")


def verdict(run, what, on):
    (found,) = [v for v in verdicts([run]) if v.target.what == what and v.target.on == on]
    return found


@pytest.mark.parametrize(
    ("what", "on", "run"),
    [
        ("try_acquire", "RP2040, native code", with_case(NATIVE, GRANTED, us=9.0)),
        ("try_acquire", "RP2040, bytecode", with_case(RUN, GRANTED, us=20.0)),
        ("float bucket / try_acquire", "RP2040, bytecode", with_case(RUN, FLOAT, us=32.0)),
        ("RingQueue put + get", "native code", with_case(NATIVE, PUT_GET, us=12.0)),
        ("RingQueue put + get", "bytecode", with_case(RUN, PUT_GET, us=25.0)),
        (
            "one event through the pipeline, batch of 16",
            "RP2040, native code",
            replace(NATIVE, cases=RUN.cases | {EVENT: replace(RUN.cases[FLOOR], us=36.4)}),
        ),
        ("longest call / median call", "any", with_case(RUN, GRANTED, worst_us=60.0)),
        ("heap per event, whole loop", "any", replace(RUN, loop_bytes=0)),
        (IMPORTED, "any", RUN),
        (ONE_BUCKET, "any", replace(RUN, ram=RUN.ram | {ONE_BUCKET: 512})),
        (ONE_QUEUE, "any", replace(RUN, ram=RUN.ram | {ONE_QUEUE: 256})),
    ],
)
def test_met_at_the_limit_and_missed_beyond(what, on, run):
    found = verdict(run, what, on)
    assert found.met, found.value
    assert found.value == pytest.approx(found.target.limit)
    beyond = -1e-3 if found.target.at_least else 1e-3
    assert not found.target.met(found.target.limit + beyond)


def test_the_table_has_every_target():
    assert len(TARGETS) == 11


def test_a_target_that_no_run_tells_is_there_unmeasured():
    found = verdict(
        replace(RUN, runtime="micro:bit", machine=""), "try_acquire", "RP2040, bytecode"
    )
    assert (found.run, found.value, found.met) == (None, None, None)
    assert verdict(RUN, "try_acquire", "RP2040, native code").met is None


def test_a_target_is_judged_on_each_run_that_tells():
    other = replace(RUN, runtime="WebAssembly", machine="")
    told = [v for v in verdicts([RUN, other]) if v.target.what == ONE_BUCKET]
    assert [v.run and v.run.runtime for v in told] == ["RP2040", "WebAssembly"]


def test_only_the_librarys_own_longest_calls_count():
    run = with_case(with_case(RUN, FLOAT, worst_us=9999.0), DEQUE, worst_us=9999.0)
    assert verdict(run, "longest call / median call", "any").value == 1.5
