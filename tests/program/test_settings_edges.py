"""The board's settings under whatever arrives, on ticks that raise when they leave 31 bits."""

import hypothesis.strategies as st
from desk import Desk
from hypothesis import given, settings

from host_sim import TickClock
from sluice import Stats
from sluice.program.audit import KEPT, ROLLED_BACK
from sluice.program.config import adopt_bucket, check, make_bucket
from sluice.program.trial import Trial

VALUES = st.one_of(
    st.integers(-2, 1 << 31).map(str), st.sampled_from(["none", "", "x", "-", "--1", "1e3", "²"])
)
KEYS = st.sampled_from(
    ["who", "trial_s", "keep", "rate", "per_ms", "burst", "limit", "slots", "trial_p95_pct", ""]
)
PAIRS = st.lists(st.tuples(KEYS, VALUES).map("=".join), max_size=6).map(" ".join)
REQUESTS = st.one_of(
    st.binary(min_size=1, max_size=250),
    st.binary(max_size=247).map(b"\x83\x01\x02".__add__),
    st.tuples(st.integers(1, 9), PAIRS).map(
        lambda pair: b"\x83%c\0\0who=anna %s" % (pair[0], pair[1].encode()[:230])
    ),
    st.binary(min_size=3, max_size=3).map(b"\x85".__add__),
)


@settings(max_examples=300)
@given(st.lists(REQUESTS, max_size=12))
def test_no_request_raises_and_every_known_one_is_answered(tmp_path_factory, requests):
    desk = Desk()
    for content in requests:
        if b"keep=1" in content:
            continue  # it writes the file
        known, answers = desk.hear(content[:251])
        assert len(answers) == int(known)
        assert all(len(answer) <= 251 for answer in answers)
        desk.second(admitted=1)
        rate, per, burst, limit = desk.in_force()
        assert 1 <= limit <= 8
        check({"rate": rate, "per_ms": per, "burst": burst}, 1000)


RATES = st.tuples(
    st.one_of(st.none(), st.integers(0, (1 << 30) - 1), st.integers(0, 1000)),
    st.one_of(st.integers(1, 86_400_000), st.just(1000)),
)
BURSTS = st.one_of(st.integers(1, (1 << 30) - 1), st.integers(1, 500))


@settings(max_examples=500)
@given(
    st.lists(st.tuples(RATES, BURSTS, st.integers(0, 3000)), min_size=2, max_size=5),
    st.one_of(st.none(), st.integers(1, 60), st.integers(1, 60_000)),
    st.sampled_from(["record", "bytes"]),
)
def test_from_each_configuration_each_other_is_reached_at_any_instant(wanted, smooth_ms, cost):
    clock = TickClock(strict=True)
    bucket = None
    for (rate, per_ms), burst, step in wanted:
        values = {"rate": rate, "per_ms": per_ms, "burst": burst}
        try:
            config = check(values | {"smooth_ms": smooth_ms, "cost": cost}, 1000)
        except ValueError:
            continue
        if bucket is None:
            bucket = make_bucket(config, clock.ticks, 1000)
        grants = 0
        while grants < 100 and bucket.try_acquire(bucket.burst):
            grants += 1
        adopt_bucket(bucket, config, 1000)
        most = 1 if smooth_ms and cost == "record" else burst
        assert (bucket.rate, bucket.per, bucket.burst) == (rate, per_ms, most)
        clock.advance(step)


COUNTS = st.integers(0, (1 << 30) - 1)
TICKS = st.integers(-1, (1 << 29) - 1)


@settings(max_examples=500)
@given(COUNTS, COUNTS, TICKS, TICKS, st.integers(0, 100), st.integers(0, 1000))
def test_a_verdict_is_that_of_exact_arithmetic(admitted, failed, before, after, errors, p95):
    """But for a difference of less than 0.02 percentage points, and of 1 in 2^19."""
    stats = Stats(TickClock(strict=True).ticks)
    results = []
    trial = Trial(stats, 20, results.append)
    trial.set_thresholds(errors, p95)
    stats.p95 = before
    trial.judge()
    trial.begin(1)
    stats.admitted, stats.failed, stats.p95, stats.up_s = admitted, failed, after, 1
    trial.judge()
    every = admitted + failed
    ratio = failed / every * 100 if every else 0
    slower = before >= 0 and after - before > max(20, before * p95 / 100)
    close_errors = abs(ratio - errors) < 0.02
    close_p95 = before > 1 << 19 and abs(after - before * (1 + p95 / 100)) <= after / (1 << 18)
    if not close_errors and not close_p95:
        assert results == [ROLLED_BACK if slower or ratio > errors else KEPT]
    assert len(results) == 1
    assert trial.left_s() == 0
