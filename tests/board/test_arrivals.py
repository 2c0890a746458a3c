"""Logs as records that arrive: which format a log has, what is counted, several logs in a row."""

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_tools.board.feed.arrivals import Wanted, read_lines, read_logs
from sluice_tools.board.feed.opening import LINE_MAX, Log
from sluice_tools.errors import UserError

LINE = b'192.0.2.1 - - [17/May/2015:10:05:%02d +0000] "GET /a HTTP/1.1" 200 512 "-" "Mozilla/5.0"'
COMBINED = LINE + b"\n"
CSV = b"time,x\n5,a\n7,b\n"
JSON = b'{"ts":5,"x":"a"}\n{"ts":7,"x":"b"}\n'
RFC_3164 = b"May 17 10:05:03 host app: a\nMay 17 10:05:05 host app: b\n"
RFC_5424 = b"<34>1 2015-05-17T10:05:03Z host app - - - a\n<34>1 2015-05-17T10:05:05Z host - b\n"
FORMATS = [CSV, JSON, RFC_3164, RFC_5424, COMBINED % 5 + COMBINED % 7]


def opened(data, name="some.log", modified_s=0):
    return Log(io.BytesIO(data), name, len(data), modified_s)


def logs(*contents, longest_gap_s=None, **wanted):
    opened_ = [opened(data, f"log.{number}") for number, data in enumerate(contents)]
    return read_logs(opened_, Wanted(**wanted), longest_gap_s)


def payloads(arrivals):
    return [arrival.payload for arrival in arrivals]


def times(arrivals):
    return [arrival.at_s for arrival in arrivals]


@pytest.mark.parametrize("data", FORMATS)
@pytest.mark.parametrize("junk", [b"", b"rotated\n", b"\n\xff\x00\n"])
def test_the_format_is_found_by_the_first_good_line(data, junk):
    if junk and data is CSV:
        return  # its first line names the columns
    arrivals = logs(junk + data)
    lines = data.splitlines()
    assert payloads(arrivals) == (lines[1:] if data is CSV else lines)
    assert times(logs(junk + data)) == [0, 2]
    assert (arrivals.read, arrivals.malformed) == (2 + junk.count(b"\n"), junk.count(b"\n"))


@pytest.mark.parametrize("data", FORMATS)
def test_of_a_pipe_the_first_line_is_enough(data):
    class Pipe(io.BytesIO):
        def read(self, size=-1):
            line = self.readline()
            assert line, "it waits for more"
            return line

    arrivals = iter(read_logs([Log(Pipe(data), "pipe")]))
    assert [next(arrivals).at_s, next(arrivals).at_s] == [0, 2]


def test_a_whole_second_s_lines_are_spread_over_it_but_not_those_of_a_pipe():
    data = b"".join(COMBINED % second for second in (3, 3, 7, 7, 7, 7, 8))
    assert times(logs(data)) == [0, 0.5, 4, 4.25, 4.5, 4.75, 5]
    assert times(read_logs([Log(io.BytesIO(data), "pipe")])) == [0, 0, 4, 4, 4, 4, 5]


def test_lines_without_a_record_are_counted_with_the_reason():
    long = b"8," + b"x" * LINE_MAX
    arrivals = logs(b"time,name\n1,a\n\nsoon,b\n2\n3,\n" + long + b"\n9,c\n", record_key="name")
    assert payloads(arrivals) == [b"a", b"c"]
    assert (arrivals.read, arrivals.malformed) == (7, 5)
    assert arrivals.first_malformed == [
        "line 3: empty",
        "line 4: its time is neither a number nor ISO 8601",
        "line 5: too few columns",
        "line 6: its record is empty",
        "line 7: longer than 65,536 bytes",
    ]


def test_only_the_first_few_malformed_lines_are_told():
    arrivals = logs(COMBINED % 0 + b"bad\n" * 9)
    assert len(list(arrivals)) == 1
    assert arrivals.malformed == 9
    assert arrivals.first_malformed == [f"line {n}: no request" for n in (2, 3, 4, 5, 6)]


def test_an_overlong_line_is_cut_where_its_time_is_not():
    whole = LINE % 3 + b' "' + b"x" * LINE_MAX + b'"'
    assert payloads(logs(COMBINED % 0 + whole)) == [LINE % 0, whole[:LINE_MAX]]


def test_times_that_step_back_arrive_at_once():
    data = b"time\n" + b"".join(b"%d\n" % second for second in (5, 9, 8, 3, 10))
    assert times(logs(data)) == [0, 4, 4, 4, 5]


def test_jumps_in_time_are_counted_and_long_gaps_shortened():
    day = 86_400
    data = b"time\n" + b"".join(b"%d\n" % at for at in (0, 20_000 * day, 20_000 * day + 1, 7, 8))
    arrivals = logs(data)
    assert times(arrivals)[-1] == 20_000 * day + 1
    assert (arrivals.timeline.jumps, arrivals.first_jumps) == (2, ["line 3", "line 5"])
    arrivals = logs(data, longest_gap_s=5)
    assert times(arrivals) == [0, 5, 6, 6, 7]
    assert (arrivals.timeline.jumps, arrivals.timeline.shortened) == (2, 1)


def test_several_logs_follow_each_other():
    first = b"".join(COMBINED % second for second in (1, 2))
    second = b"bad\n" + b"".join(COMBINED % second for second in (5, 6))
    arrivals = logs(gzip.compress(first), b"", second, b"time,x\n1431857108,last\n")
    assert times(arrivals) == [0, 1, 4, 5, 7]
    assert (arrivals.read, arrivals.first_malformed) == (6, ["log.2 line 1: no request"])
    ends = [arrival.end for arrival in logs(CSV, CSV)]
    assert ends == [11, 15, 26, 30]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([b""], "log.0: the file is empty"),
        ([b"", b""], "log.0: the file is empty"),
        ([CSV, b"a,b\n1,2\n"], "log.1: lines 1 to 2 are neither an access log"),
        ([b"a,b\n1,2\n"], "neither .* --time-column or --time-key names another"),
        ([bytes(range(256)) * 999], "neither an access log"),
        ([b"x\n" * 200], "log.0: lines 1 to 100 are neither"),
        ([b"x"], "log.0: line 1 is neither"),
        (["time,x\n1,a\n".encode("utf-16")], "log.0: is in UTF-16; write it in UTF-8 first: iconv"),
        ([b"x\n" + b'{"a":{"b":1},"c.d":2}\n'], "line 2 has the keys a.b, c.d; --time-key names"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(contents, message):
    with pytest.raises(UserError, match=message) as caught:
        logs(*contents)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("data", "wanted", "message"),
    [
        (b"", {"time_column": "time"}, "the file is empty"),
        (b"a,b\n1,2\n", {"time_column": "t"}, 'log.0: line 1 names no column "t"; it names: a, b'),
        (COMBINED % 1, {"time_column": "t"}, 'names no column "t"'),
        (JSON, {"time_column": "t"}, 'names no column "t"'),
        (CSV, {"record_key": "y"}, 'line 1 names no column "y"; it names: time, x'),
        (JSON, {"time_key": "y"}, 'JSON with a time at "y"; line 1 has the keys ts, x$'),
        (JSON, {"record_key": "y"}, '@timestamp and a record at "y"; line 1 has the keys ts, x'),
        (CSV, {"time_key": "time"}, 'none of lines 1 to 3 is JSON with a time at "time"$'),
        (COMBINED % 1, {"record_key": "x"}, "line 1 is of an access log or of syslog; --record"),
        (RFC_3164, {"record_key": "x"}, "line 1 is of an access log or of syslog; --record"),
    ],
)
def test_what_is_wanted_and_not_there_is_named(data, wanted, message):
    with pytest.raises(UserError, match=message):
        logs(data, **wanted)


def test_lines_of_the_standard_input_have_no_times():
    arrivals = read_lines(io.BytesIO(b"one\ntwo\r\n\n\x00three"))
    assert [(a.at_s, a.payload) for a in arrivals] == [(0, b"one"), (0, b"two"), (0, b"\0three")]
    assert (arrivals.read, arrivals.malformed, arrivals.first_malformed) == (
        4,
        1,
        ["line 3: empty"],
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (JSON, [b"a", b"b"]),
        (b"x\nc\nd\n", [b"c", b"d"]),
        (b'{"x":1}\nnone\n{"y":2}\n{"x":[3]}', [b"1", b"[3]"]),
        (b"", []),
    ],
)
def test_a_record_of_the_standard_input_s_lines(data, expected):
    assert payloads(read_lines(Log(io.BytesIO(data), "-"), "x")) == expected


def test_nothing_is_read_of_the_standard_input_before_it_is_fed():
    arrivals = read_lines(Log(io.BytesIO(b"a,b\n"), "-"), "x")
    with pytest.raises(UserError, match='standard input: line 1 names no column "x"'):
        list(arrivals)


@given(st.lists(st.binary(max_size=30)))
def test_no_line_of_any_bytes_is_lost_without_being_counted(lines):
    arrivals = read_lines(io.BytesIO(b"\n".join(lines)))
    sent = payloads(arrivals)
    expected = b"\n".join(lines).removeprefix(b"\xef\xbb\xbf").splitlines()
    assert sent == [line for line in expected if line]
    assert arrivals.read == len(sent) + arrivals.malformed == len(expected)


@pytest.mark.parametrize("data", FORMATS)
@given(junk=st.lists(st.binary(max_size=60)))
def test_any_line_in_a_log_is_sent_or_counted(data, junk):
    arrivals = logs(data + b"\n".join(junk))
    at_s = times(arrivals)
    assert len(at_s) + arrivals.malformed == arrivals.read
    assert at_s == sorted(at_s)
