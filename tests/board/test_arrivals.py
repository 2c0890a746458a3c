"""Logs as timed records: formats, times, malformed lines."""

import io

import pytest

from sluice_tools.board.feed.arrivals import LINE_MAX, read_lines, read_log
from sluice_tools.errors import UserError

GET = b'"GET /a HTTP/1.1" 200 512'
LINE = b"192.0.2.1 - - [17/May/2015:10:05:%02d +0000] " + GET + b' "-" "Mozilla/5.0"'
COMBINED = LINE + b"\n"


def log(data, column=None):
    return read_log(io.BytesIO(data), "some.log", column)


def times(arrivals):
    return [arrival.at_s for arrival in arrivals]


def test_combined_log():
    lines = [COMBINED % second for second in (3, 3, 7)]
    arrivals = log(b"".join(lines))
    assert [(a.at_s, a.payload) for a in arrivals] == [
        (0, lines[0][:-1]),
        (0, lines[1][:-1]),
        (4, lines[2][:-1]),
    ]
    assert (arrivals.read, arrivals.malformed) == (3, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"::1 - - [17/May/2015:10:05:03 +0000] " + GET,
        b"h - Jane Doe [17/May/2015:12:05:03 +0200] " + GET + b' "-" "a \\" b"',
        b'h - - [17/May/2015:04:35:03 -0530] "-" 408 -',
        b'h - - [17/May/2015:10:05:03 +0000] "\\x16\\x03 \\"" 400 0 "-" "-" "extra"',
        b'h - - [17/May/2015:10:05:03 +0000] "GET /\xff HTTP/1.1" 404 7',
    ],
)
def test_lines_of_an_access_log(line):
    assert times(log(COMBINED % 0 + line + b"\r\n")) == [0, 3]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"garbage",
        LINE % 99,
        (LINE % 3).replace(b"May", b"Mai"),
        (LINE % 3).replace(b"17/May", b"31/Feb"),
        (LINE % 3).replace(b"200", b"OK"),
        (LINE % 3).replace(b"HTTP/1.1", b'"'),
        (LINE % 3)[:40],
        b'h - - [17/May/2015:10:05:03 +9900] "-" 408 -',
        LINE % 3 + b"x" * LINE_MAX,
    ],
)
def test_malformed_lines_are_counted_with_their_numbers(line):
    arrivals = log(COMBINED % 0 + line + b"\n" + COMBINED % 5)
    assert times(arrivals) == [0, 5]
    assert (arrivals.read, arrivals.malformed, arrivals.first_malformed) == (3, 1, [2])


def test_only_the_first_few_malformed_lines_are_numbered():
    arrivals = log(COMBINED % 0 + b"bad\n" * 9)
    assert len(list(arrivals)) == 1
    assert (arrivals.malformed, arrivals.first_malformed) == (9, [2, 3, 4, 5, 6])


def test_a_malformed_first_line_does_not_hide_the_format():
    arrivals = log(b"rotated\n" + COMBINED % 0)
    assert times(arrivals) == [0]
    assert arrivals.first_malformed == [1]


def test_times_that_step_back_arrive_at_once():
    assert times(log(b"".join(COMBINED % second for second in (5, 9, 8, 3, 10)))) == [0, 4, 4, 4, 5]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([b"100", b"101", b"103.5"], [0, 1, 3.5]),
        ([b"-2", b" 1e1 "], [0, 12]),
        ([b"2015-05-17T10:05:03", b"2015-05-17 10:05:04.250"], [0, 1.25]),
        ([b"2015-05-17T10:05:03Z", b"2015-05-17T12:05:08+02:00"], [0, 5]),
        ([b'"100"', b'"102"'], [0, 2]),
    ],
)
def test_times_in_a_csv(cells, expected):
    rows = b"".join(b"x,%s,y\n" % cell for cell in cells)
    assert times(log(b"client,time,topic\n" + rows)) == expected


@pytest.mark.parametrize("cell", [b"", b"nan", b"inf", b"soon", b"2015-13-01", b'"open'])
def test_malformed_rows_of_a_csv(cell):
    arrivals = log(b"time,x\n5,a\n%s,b\nx\n7,c\n" % cell)
    assert times(arrivals) == [0, 2]
    assert (arrivals.read, arrivals.first_malformed) == (4, [3, 4])


def test_the_payload_is_the_line_itself():
    arrivals = log(b'time,what\r\n1,"a, b"\r\n2,\xff\r\n')
    assert [a.payload for a in arrivals] == [b'1,"a, b"', b"2,\xff"]


def test_the_end_of_each_arrival_tells_how_much_was_read():
    data = b"time\n1\n\n2"
    assert [a.end for a in log(data)] == [7, 9]


@pytest.mark.parametrize(
    ("header", "column"),
    [
        (b"a,offset_s,time", None),
        (b"a,Timestamp,b", None),
        (b'\xef\xbb\xbfa," TIME ",b', None),
        (b"a,when,time", "when"),
        (b"a,when,b", " When "),
    ],
)
def test_the_time_column_is_found_by_its_name(header, column):
    assert times(log(header + b"\n9,1,9\n9,3,9\n", column)) == [0, 2]


@pytest.mark.parametrize(
    ("data", "column", "message"),
    [
        (b"", None, "some.log: the file is empty"),
        (b"", "time", "some.log: the file is empty"),
        (b"a,b\n1,2\n", "time", 'some.log: line 1 names no column "time"; it names: a, b'),
        (COMBINED % 1, "t", 'names no column "t"'),
        (b"a,b\n1,2\n", None, "neither an access log .* --time-column names another column"),
        (b"a\rb,time\n1,2\n", None, "neither an access log"),
        (bytes(range(256)) * 999, None, "neither an access log"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(data, column, message):
    with pytest.raises(UserError, match=message) as caught:
        log(data, column)
    assert "\n" not in caught.value.message


def test_lines_of_the_standard_input_have_no_times():
    arrivals = read_lines(io.BytesIO(b"one\ntwo\r\n\n\x00three"))
    assert [(a.at_s, a.payload) for a in arrivals] == [(0, b"one"), (0, b"two"), (0, b"\0three")]
    assert (arrivals.read, arrivals.malformed, arrivals.first_malformed) == (4, 1, [3])


@pytest.mark.parametrize("excess", [0, 1, 2, 3, LINE_MAX, 3 * LINE_MAX + 5])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_longest_line(excess, end):
    arrivals = read_lines(io.BytesIO(b"x" * (LINE_MAX + excess) + end + b"next" + end))
    payloads = [a.payload for a in arrivals]
    assert payloads == ([b"next"] if excess else [b"x" * LINE_MAX, b"next"])
    assert (arrivals.read, arrivals.malformed) == (2, bool(excess))
