"""The lines of each format: times, records, and what is none."""

import calendar
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.board.feed.formats import access_log, json_lines, syslog, table
from sluice_tools.board.feed.formats.times import seconds
from sluice_tools.board.feed.opening import LINE_MAX

AT = calendar.timegm((2015, 5, 17, 10, 5, 3))
GET = b'"GET /a HTTP/1.1" 200 512'
REQUEST = b"h - - [17/May/2015:10:05:03 +0000] " + GET + b' "-" "Mozilla/5.0"'


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (103.5, 103.5),
        (-2, -2),
        (" 1e1 ", 10),
        (AT, AT),
        (AT * 1000 + 250, AT + 0.25),
        (str(AT * 1_000_000), AT),
        (AT * 1_000_000_000, AT),
        ("2015-05-17T10:05:03", AT),
        ("2015-05-17 10:05:03.250", AT + 0.25),
        ("2015-05-17T10:05:03.250123456Z", AT + 0.250123),
        ("2015-05-17T12:05:03+02:00", AT),
    ],
)
def test_times(value, expected):
    assert seconds(value) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "value",
    ["", "nan", "inf", "-inf", "1e300", "soon", "2015-13-01", True, None, [1], {}, 10**400, 1e20]
    + [float("nan"), "0001-01-01T00:00:00+99:00"],
)
def test_what_is_no_time(value):
    with pytest.raises(ValueError, match="its time is neither a number nor ISO 8601"):
        seconds(value)


@given(st.floats() | st.integers() | st.text())
def test_any_value_is_a_time_or_none(value):
    try:
        assert abs(seconds(value)) < 1e11
    except ValueError as error:
        assert "its time" in str(error)


@pytest.mark.parametrize(
    "line",
    [
        REQUEST,
        b"::1 - - [17/May/2015:10:05:03 +0000] " + GET,
        b"h - Jane Doe [17/May/2015:12:05:03 +0200] " + GET + b' "-" "a \\" b"',
        b'h - - [17/May/2015:04:35:03 -0530] "-" 408 -',
        b'h - - [17/May/2015:10:05:03 +0000] "\\x16\\x03 \\"" 400 0 "-" "-" "extra"',
        b'h - - [17/May/2015:10:05:03 +0000] "GET /\xff HTTP/1.1" 404 7',
    ],
)
def test_lines_of_an_access_log(line):
    assert access_log.recognise(line).read(line) == (AT, line)


@pytest.mark.parametrize(
    "line",
    [
        b" ",
        b"garbage",
        REQUEST.replace(b":03 ", b":99 "),
        REQUEST.replace(b"May", b"Mai"),
        REQUEST.replace(b"17/May", b"31/Feb"),
        REQUEST.replace(b"200", b"OK"),
        REQUEST.replace(b"HTTP/1.1", b'"'),
        REQUEST[:40],
        b'h - - [17/May/2015:10:05:03 +9900] "-" 408 -',
    ],
)
def test_lines_of_no_access_log(line):
    with pytest.raises(ValueError, match="^no "):
        access_log.recognise(REQUEST).read(line)


@pytest.mark.parametrize(
    "line",
    [
        b"<34>1 2015-05-17T10:05:03Z host su 123 ID47 - BOM'su root' failed",
        b'<165>1 2015-05-17T05:05:03.000000-05:00 192.0.2.1 p 8710 - [x@1 a="1"] \xff',
        b"2015-05-17T10:05:03.000000+00:00 host app[1]: as rsyslog writes files",
        b"2015-05-17T12:05:03+0200 host app[1]: as journalctl -o short-iso does",
    ],
)
def test_syslog_with_a_whole_time(line):
    format_ = syslog.recognise(line, 0)
    assert format_.read(line) == (AT, line)
    assert not format_.whole_seconds
    with pytest.raises(ValueError, match="no time of syslog"):
        format_.read(b"<34>1 - host app - - - without a time")
    with pytest.raises(ValueError, match="its time is neither"):
        format_.read(line.replace(b"2015-05", b"2015-13"))


@pytest.mark.parametrize(
    ("line", "modified", "expected"),
    [
        (b"<34>May 17 10:05:03 host app[1]: x", "2026-11-30", "2026-05-17T10:05:03"),
        (b"May 17 10:05:03 host app[1]: x", "2026-05-17T10:05:04", "2026-05-17T10:05:03"),
        (b"May  7 10:05:03 host app[1]: x", "2026-05-01", "2025-05-07T10:05:03"),
        (b"May 17 10:05:03 host app[1]: x", "2026-05-17T01:00:00", "2026-05-17T10:05:03"),
        (b"Jan  1 00:00:00 host app[1]: x", "2025-12-31T23:00:00", "2026-01-01T00:00:00"),
        (b"Feb 29 00:00:00 host app[1]: x", "2026-11-30", "2024-02-29T00:00:00"),
    ],
)
def test_the_year_of_syslog_without_one_is_the_latest_before_its_last_change(
    line, modified, expected
):
    format_ = syslog.recognise(line, moment(modified))
    assert format_.read(line) == (moment(expected), line)
    assert format_.whole_seconds


def test_the_next_line_s_year_is_the_nearest():
    lines = [b"Dec 31 23:59:59 h a", b"Jan  1 00:00:01 h a", b"Dec 31 23:59:58 h a"]
    format_ = syslog.recognise(lines[0], moment("2026-03-01"))
    assert [format_.read(line)[0] for line in lines] == [
        moment("2025-12-31T23:59:59"),
        moment("2026-01-01T00:00:01"),
        moment("2025-12-31T23:59:58"),
    ]
    for line in (b"Feb 30 00:00:00 h a", b"Feb 29 25:00:00 h a", b"Mai 17 10:05:03 h a", b"x"):
        with pytest.raises(ValueError, match="^no "):
            format_.read(line)


@given(st.lists(st.integers(0, 150 * 86_400), min_size=1))
def test_of_a_log_of_some_years_each_line_has_its_year(steps):
    """Whatever the zone of the test, as long as no gap is half a year."""
    at = moment("2019-06-01")
    moments = [at := at + step for step in steps]
    lines = [time.strftime("%b %e %H:%M:%S h a", time.gmtime(each)).encode() for each in moments]
    format_ = syslog.recognise(lines[0], moments[0] + 5)
    assert [format_.read(line)[0] for line in lines] == moments


@pytest.mark.parametrize(
    ("header", "column"),
    [
        (b"a,offset_s,time", None),
        (b"a,Timestamp,b", None),
        (b'a," TIME ",b', None),
        (b"a,ts,b", None),
        (b"a,when,time", "when"),
        (b"a,when,b", " When "),
    ],
)
def test_the_time_column_is_found_by_its_name(header, column):
    assert table.recognise(header, column, None).read(b'9,"3",9') == (3, b'9,"3",9')


@pytest.mark.parametrize("line", [b"x", b"", b"a,,b", b'a,"open'])
def test_malformed_rows_of_a_csv(line):
    with pytest.raises(ValueError, match="too few columns|its time is neither"):
        table.recognise(b"a,time", None, None).read(line)


def test_the_record_in_a_csv():
    read = table.recognise(b"time,What ,x", None, "what").read
    assert read(b'1,"a, ""b""\xff",c') == (1, b'a, "b"\xff')
    with pytest.raises(ValueError, match="too few columns"):
        read(b"1")
    with pytest.raises(ValueError, match='line 1 names no column "y"; it names: time, x'):
        table.recognise(b"time,x", None, "y")


def test_the_last_cell_of_a_csv_s_line_that_was_cut_is_no_record():
    read = table.recognise(b"time,a,b", None, "b").read
    with pytest.raises(ValueError, match="too few columns"):
        read((b"1,a," + b"b" * LINE_MAX)[: LINE_MAX + 1])
    read = table.recognise(b"time,a,b", None, "a").read
    assert read((b"1,a," + b"b" * LINE_MAX)[: LINE_MAX + 1]) == (1, b"a")


def line(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"ts": AT}, None),
        ({"ts": "later", "@timestamp": AT * 1000}, None),
        ({"time": "2015-05-17T10:05:03Z", "ts": 7}, None),
        ({"meta": {"ts": AT, "x": []}}, "meta.ts"),
        ({"meta.ts": AT, "meta": {"ts": 7}}, "meta.ts"),
        ({"a": {"b.c": AT}}, "a.b.c"),
    ],
)
def test_the_time_in_json(value, key):
    assert json_lines.recognise(line(value), key, None).read(line(value)) == (AT, line(value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"x", "no JSON"),
        (b'{"ts":7', "no JSON"),
        (b'{"ts":7}}', "no JSON"),
        (b"[7]", "no JSON object"),
        (b'{"ts":NaN}', "its time is neither"),
        (b'{"ts":%s}' % (b"1" * 5000), "no JSON"),
        (b'{"ts":true}', "its time is neither"),
        (b'{"t":7}', 'no key "ts"'),
        (b'{"ts":%s}' % (b"[" * 60_000), "no JSON"),
    ],
)
def test_malformed_lines_of_json(text, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        json_lines.recognise(b'{"ts":1}', None, None).read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"ts":1,"a":{"b":"x\xff\\n"}}', b"x\xff\n"),
        (b'{"ts":1,"a.b":"\\u00e4"}', "ä".encode()),
        (b'{"ts":1,"a":{"b":[1, 2.5, null]}}', b"[1,2.5,null]"),
        (b'{"ts":1,"a":{"b":{"c":"\xc3\xa4"}}}', '{"c":"ä"}'.encode()),
        (b'{"ts":1,"a":{"b":true}}', b"true"),
    ],
)
def test_the_record_in_json(text, expected):
    assert json_lines.recognise(text, "ts", "a.b").read(text) == (1, expected)
    assert json_lines.untimed("a.b").read(text) == (0, expected)


@pytest.mark.parametrize("text", [b'{"ts":1}', b'{"ts":1,"a":2}', b'{"ts":1,"a":{"b":"\\ud800"}}'])
def test_no_record_in_json(text):
    with pytest.raises(ValueError, match='no key "a.b"|its record is no text'):
        json_lines.recognise(b'{"ts":1,"a":{"b":1}}', "ts", "a.b").read(text)


@given(st.binary())
def test_any_bytes_are_a_line_of_json_or_none(text):
    for each in (text, b"{" + text, b'{"ts":1,"a":' + text + b"}"):
        assert isinstance(json_lines.keys(each), str)
        json_lines.recognise(each, None, "a")
