"""A notification becomes rules, or an error that names the place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notifications import alert, body

from sluice_tools.fleet.operator.notification import BadNotification, read
from sluice_tools.fleet.watermark import Changing, Watermark

NOW = 1_700_000_000_000

BAD = [
    (b"", "the body is not JSON"),
    (b"\xff\xfe", "the body is not JSON"),
    (b"[" * 100_000, "the body is not JSON"),
    (b"[]", 'expected an object with a list "alerts"'),
    (b"{}", 'expected an object with a list "alerts"'),
    (b'{"alerts":{}}', 'expected an object with a list "alerts"'),
    (b'{"alerts":[1]}', "alerts[0]: expected an object"),
    (body(alert("a"), alert("")), "alerts[1].fingerprint: expected 1 to 64 characters"),
    (body(alert("a" * 65)), "alerts[0].fingerprint: expected 1 to 64 characters"),
    (body(alert(7)), "alerts[0].fingerprint: expected 1 to 64 characters"),
    (body(alert("a", status="on")), 'alerts[0].status: expected "firing" or "resolved"'),
    (body(alert("a", kind=None)), "alerts[0].labels: expected an object of strings"),
    (body(alert("a", kind="x")), 'alerts[0].labels.watermark: expected "backlog" or "lag"'),
    (body(alert("a") | {"annotations": []}), "alerts[0].annotations: expected an object of"),
] + [
    (
        body(alert("a", "lag", lag_ms=lag_ms)),
        "alerts[0].annotations.lag_ms: expected milliseconds, 0 or more",
    )
    for lag_ms in (None, "", "-1", "NaN", "+Inf", "1e999", "12 s")
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_what_is_no_notification_is_named(bad, reason):
    with pytest.raises(BadNotification) as error:
        read(bad)
    assert str(error.value).startswith(reason)
    assert "\n" not in str(error.value)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists) | st.binary())
def test_any_other_body_is_refused_likewise(value):
    for bad in (json.dumps(value, default=repr), json.dumps({"alerts": [value]}, default=repr)):
        with pytest.raises(BadNotification):
            read(bad.encode())


def levels(*alerts):
    """The watermark after each of the alerts, all at once."""
    changing = Changing(Watermark(), NOW)
    for each in read(body(*alerts)):
        each.apply(changing)
        yield changing.mark.ms


def test_a_backlog_raises_by_500_ms_and_a_lag_to_itself():
    assert list(levels(alert("a"), alert("l", "lag", lag_ms="12345.1"), alert("b"))) == [
        500,
        12846,
        13346,
    ]


def test_a_lag_that_is_resolved_needs_none():
    assert list(levels(alert("l", "lag", status="resolved"))) == [0]


def test_an_alert_for_others_asks_for_nothing():
    fields = alert("a")
    del fields["labels"]["watermark"]
    assert [each.kind for each in read(body(fields))] == [""]
