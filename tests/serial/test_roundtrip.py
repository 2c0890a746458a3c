"""Round trips: the timeout that follows from them, and which of them are measured."""

import pytest

from sluice_tools.serial.roundtrip import (
    INITIAL_S,
    LEAST_LOSSY_S,
    LEAST_S,
    MOST_S,
    Probe,
    RoundTrip,
)


def test_the_timeout_is_that_of_rfc_6298():
    trip = RoundTrip()
    assert trip.timeout_s == INITIAL_S
    trip.add(0.5)
    assert trip.timeout_s == 0.5 + 4 * 0.25
    trip.add(0.1)
    deviation = 0.75 * 0.25 + 0.25 * 0.4
    assert trip.timeout_s == pytest.approx(0.875 * 0.5 + 0.125 * 0.1 + 4 * deviation)
    trip.back_off()
    assert trip.timeout_s == trip.spread_s > MOST_S  # no answer can be there sooner
    for _ in range(60):
        trip.add(0.05)
    trip.progress()
    assert trip.timeout_s == LEAST_S
    trip.back_off()
    assert trip.timeout_s == 2 * LEAST_S
    for _ in range(200):
        trip.back_off()
    assert trip.timeout_s == MOST_S
    trip.progress()
    for _ in range(500):
        trip.add(0.001)
    assert trip.timeout_s == LEAST_S
    trip.lossy = True
    assert trip.timeout_s == LEAST_LOSSY_S


def test_a_probe_measures_the_first_answer_to_what_was_sent_once():
    probe = Probe(7)
    assert probe.answered(1) is None
    probe.sent(2)
    assert probe.answered(5) == 3
    assert probe.answered(6) is None


def test_a_probe_that_was_sent_again_measures_nothing():
    probe = Probe(7)
    probe.sent(1)
    probe.sent(2)
    assert probe.answered(3) is None
