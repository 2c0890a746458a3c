"""The console's events and what they look like as lines of text and as CSV."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats_lines import STORED, stats, stats_line

from sluice_tools.board.console.events import (
    LinkDown,
    LinkUp,
    Sample,
    TextLine,
    line_event,
    printable,
)
from sluice_tools.board.console.formats import CsvFile, json_object, plain, teleplot
from sluice_tools.board.console.units import milliseconds, short, uptime
from sluice_tools.errors import UserError

AT = 1_700_000_000.25
TIME = "2023-11-14T22:13:20.250+00:00"
SAMPLE = Sample(AT, stats())
LINKS = [LinkUp(AT), LinkDown(AT, "the line was closed")]


def test_statistics_line_is_a_sample():
    assert line_event(AT, stats_line()) == SAMPLE


def test_damaged_statistics_line_is_text_that_says_what_is_wrong():
    event = line_event(AT, stats_line(qps="x"))
    assert isinstance(event, TextLine)
    assert event.text.startswith('damaged stats line, qps="x" is not a value')
    assert event.text.endswith(stats_line(qps="x"))


def test_text_is_made_printable():
    assert line_event(AT, "a\tb\x1b[31mred\x07\u202eevil\x9b2J é ±") == TextLine(
        AT, r"a       b\x1b[31mred\x07\u202eevil\x9b2J é ±"
    )


@given(st.text())
def test_no_text_stays_unprintable(text):
    assert printable(text).isprintable()


def test_plain_sample_is_one_readable_line():
    assert plain(SAMPLE) == (
        "up 0:00:12  qps 498 (mean 497.12, rate 500/s)  depth 31/64  tokens 7/10"
        "  p50/p95/p99 61/64/66 ms  admitted 5970 denied 5800 retried 2"
        "  rejected 0 overwritten 0 failed 0 shed 0  load 0.42 longest turn 2.1 ms"
    )


def test_plain_sample_says_what_is_on_flash():
    line = plain(Sample(0, stats(**STORED)))
    assert "shed 0  on flash 7 lost there 1  load" in line


SLOW = {"load": "1.00", "qps": 320, "depth": 32}


def test_a_board_that_is_too_slow_for_its_rate_is_named():
    sample = Sample(AT, stats(**SLOW))
    assert (plain(sample) or "").endswith("  TOO SLOW for its rate")
    assert json.loads(json_object(sample))["keeps_rate"] is False
    assert json.loads(json_object(SAMPLE))["keeps_rate"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"load": "0.90"},
        {"qps": 480},
        {"depth": 0},
        {"rate": "none"},
        {"rate": 300},
        {"cost": "bytes"},
    ],
)
def test_a_board_is_not_too_slow_when(changes):
    assert stats(**SLOW | changes).keeps_rate


def test_plain_sample_without_rate_and_latency():
    line = plain(Sample(AT, stats(rate="none", p50_ms=-1, p95_ms=-1, p99_ms=-1)))
    assert line is not None
    assert "rate unlimited" in line
    assert "p50/p95/p99 -/-/- ms" in line


@pytest.mark.parametrize(
    ("rate", "per_ms", "text"), [(1, 60_000, "0.02/s"), (2_000_000, 1000, "2000000/s")]
)
def test_plain_rate_is_per_second(rate, per_ms, text):
    assert f"rate {text})" in (plain(Sample(AT, stats(rate=rate, per_ms=per_ms))) or "")


@pytest.mark.parametrize("text", ["", "hello", ">>> x:1"])
def test_plain_text_is_as_it_came(text):
    assert plain(TextLine(AT, text)) == text


@pytest.mark.parametrize("link", LINKS)
def test_lines_for_people_and_teleplot_have_no_links(link):
    assert plain(link) is None
    assert teleplot(link) is None


JSON = [
    (TextLine(AT, 'say "no"'), {"event": "text", "text": 'say "no"'}),
    (LINKS[0], {"event": "connected"}),
    (LINKS[1], {"event": "gone", "reason": "the line was closed"}),
]


@pytest.mark.parametrize(("event", "content"), JSON)
def test_json_of_text_and_links(event, content):
    line = json_object(event)
    assert "\n" not in line
    assert json.loads(line) == {"time": TIME, **content}


def test_json_of_a_sample():
    event = json.loads(json_object(Sample(AT, stats(rate="none", p50_ms=-1))))
    assert event["time"] == TIME
    assert event["event"] == "stats"
    assert (event["qps"], event["mean_qps"]) == (498, 497.12)
    assert (event["rate"], event["p50_ms"]) == (None, None)


def test_teleplot_of_a_sample_has_name_time_and_value_of_what_is_known():
    lines = (teleplot(Sample(AT, stats(rate="none", p50_ms=-1))) or "").splitlines()
    assert ">qps:1700000000250:498" in lines
    assert ">mean_qps:1700000000250:497.12" in lines
    assert len(lines) == 31
    assert not [line for line in lines if line.startswith((">rate:", ">p50_ms:"))]


def test_teleplot_text_is_never_taken_for_a_value():
    assert teleplot(TextLine(AT, "hello")) == "hello"
    assert teleplot(TextLine(AT, ">>> x:1")) == " >>> x:1"


def test_csv_has_a_header_and_a_row_for_each_sample_at_once(tmp_path):
    path = tmp_path / "stats.csv"
    path.write_text("an older file")
    with CsvFile(path) as file:
        assert path.read_text().startswith("time,up_s,qps,mean_qps,depth,")
        for event in (LINKS[0], SAMPLE, TextLine(AT, "text"), Sample(AT, stats(rate="none"))):
            file.add(event)
        with path.open(newline="") as written:
            rows = list(csv.DictReader(written))
    assert [(row["time"], row["qps"], row["rate"], row["p99_ms"]) for row in rows] == [
        (TIME, "498", "500", "66"),
        (TIME, "498", "", "66"),
    ]


def test_csv_has_numbers_alone_but_for_time_and_cost(tmp_path):
    bins = list(range(15))
    line = stats(sojourns=",".join(map(str, bins)))
    with CsvFile(tmp_path / "stats.csv") as file:
        file.add(Sample(AT, line))
    with (tmp_path / "stats.csv").open(newline="") as written:
        (row,) = csv.DictReader(written)
    assert [int(row[f"sojourns_{at}"]) for at in bins] == bins
    for name in set(row) - {"time", "cost"}:
        assert row[name] == "" or float(row[name]) >= 0, name


def test_csv_that_cannot_be_written_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match=r"missing.stats\.csv: cannot be written: No such file"):
        CsvFile(tmp_path / "missing" / "stats.csv")
    with pytest.raises(UserError, match="cannot be written: No space left"):
        CsvFile(tmp_path.joinpath("/dev/full"))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (37.5, "37.5"),
        (5970, "5,970"),
        (999_999, "999,999"),
        (1_000_000, "1 M"),
        (1_073_741_823, "1.074 G"),
        (10**15 - 1, "1000 T"),
    ],
)
def test_numbers_fit_in_seven_columns(number, text):
    assert short(number) == text
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0 ms"), (9_999, "9,999 ms"), (10_000, "10 s"), (123_456, "123.456 s")]
)
def test_long_sojourns_are_told_in_seconds(ms, text):
    assert milliseconds(ms) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(83, "0:01:23"), (90_061, "1 day, 1:01:01"), (10**15, "11574 days, 1:46:40")],
)
def test_uptime_has_a_longest(seconds, text):
    assert uptime(seconds) == text
