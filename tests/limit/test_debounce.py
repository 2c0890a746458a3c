"""Debounce against a model; case by case in tests/suite."""

from hypothesis import given, settings
from hypothesis import strategies as st

from host_sim import TickClock
from sluice import Debounce

WRAP = 1 << 30


@settings(max_examples=300, derandomize=True)
@given(
    st.integers(1, 50),
    st.sampled_from([0, WRAP - 1, WRAP - 300, WRAP // 2, WRAP // 2 - 1]),
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 60), st.integers(0, (1 << 29) - 1)),
            st.sampled_from(["edge", "poll"]),
        ),
        max_size=80,
    ),
)
def test_an_event_is_complete_when_its_last_edge_is_a_quiet_old(quiet, start, script):
    """It is asked at least every 2^29 ticks."""
    clock = TickClock(start, strict=True)
    debounce = Debounce(quiet, clock.ticks)
    now = 0
    edge_at = None
    for step, what in script:
        now += step
        clock.set((start + now) % WRAP)
        if what == "edge" and (edge_at is None or step < 1 << 20):
            debounce.edge()
            edge_at = now
            continue
        complete = edge_at is not None and now - edge_at >= quiet
        assert debounce.poll() == complete
        if complete:
            edge_at = None
