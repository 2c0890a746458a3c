"""Runs of the bench, made up."""

from dataclasses import replace

from sluice_tools.lab.bench.cases import DEQUE, EVENT, FLOAT, FLOOR, GRANTED, PUT_GET
from sluice_tools.lab.bench.figures import IMPORTED, ONE_BUCKET, ONE_QUEUE, Figure, Run

CALL = Figure(us=20.0, median_us=21.0, bytes=0, single_us=20.0, worst_us=30.0)
RUN = Run(
    runtime="RP2040",
    machine="Raspberry Pi Pico with RP2040",
    micropython="1.28.0",
    library="bytecode",
    sluice="0.1.0",
    commit="0123456789ab",
    date="2026-01-01",
    repeatable=True,
    calls=10000,
    cases={
        FLOOR: replace(CALL, us=10.0),
        GRANTED: CALL,
        FLOAT: replace(CALL, us=32.0, bytes=48),
        PUT_GET: replace(CALL, us=25.0),
        DEQUE: replace(CALL, us=10.0),
        EVENT: Figure(absent="no room for sluice.flow.pipeline"),
    },
    ram={IMPORTED: 4096, ONE_BUCKET: 160, ONE_QUEUE: 176},
    loop_events=10000,
    loop_bytes=0,
    absent={"longest call": "its clock is too coarse"},
)


def with_case(run: Run, name: str, **changes: float | str | None) -> Run:
    """The run with a case's figure changed."""
    return replace(run, cases=run.cases | {name: replace(run.cases[name], **changes)})
