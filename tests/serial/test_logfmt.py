"""logfmt lines: what counts as one, and how a statistics line becomes a sample."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats_lines import STORED, VALUES, stats, stats_line

from sluice_tools.serial.logfmt import StatsReader, parse, read_stats, write

PAIRS = [
    ("event=stop", {"event": "stop"}),
    ("  a=1   b=2 \r", {"a": "1", "b": "2"}),
    ("a= b=2", {"a": "", "b": "2"}),
    ('a="" b=x', {"a": "", "b": "x"}),
    (r'key=rate value="-5" allowed="1 to 9"', {"key": "rate", "value": "-5", "allowed": "1 to 9"}),
    (r'a="say \"no\" \\ \n"', {"a": 'say "no" \\ \n'}),
    ("a=1 a=2", {"a": "2"}),
]

NO_PAIRS = [
    "",
    "Traceback (most recent call last):",
    "x = 1",
    "=1",
    "a=1 b",
    'a=1b c="open',
    'a="1"b=2',
    'a=1"2',
    "1a=2",
    ">>> a=1",
]


@pytest.mark.parametrize(("line", "pairs"), PAIRS)
def test_pairs_of_a_line(line, pairs):
    assert parse(line) == pairs


@pytest.mark.parametrize("line", NO_PAIRS)
def test_other_text_has_no_pairs(line):
    assert parse(line) == {}


LONG = 1 << 19
LONG_LINES = {
    "no pair": "x" * LONG,
    "words": "x " * (LONG // 2),
    "a quote that is not closed": 'a="' + "b" * LONG,
    "the same, of escapes": 'a="' + "\\x" * (LONG // 2),
    "a value with a quote behind": "a=" + "b" * LONG + '"',
    "spaces": "a" + " " * LONG + "b",
    "pairs, and something else at the end": "a=1 " * (LONG // 4) + "x",
}


@pytest.mark.parametrize("name", LONG_LINES)
def test_a_long_line_takes_time_as_it_is_long(name):
    # Read in quadratic time each of them takes minutes, longer than a test may.
    assert parse(LONG_LINES[name]) == {}


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True), st.text()))
def test_values_that_are_written_come_back_in_one_printable_line(pairs):
    line = write(pairs)
    assert line.isprintable()
    read = {
        key: "".join(char if char.isprintable() or char in "\n\r\t" else "\ufffd" for char in text)
        for key, text in pairs.items()
    }
    assert parse(line) == read


@pytest.mark.parametrize(
    ("value", "text"),
    [("a-b:c", "a-b:c"), (7, "7"), ("", '""'), ("a b", '"a b"'), ("a\\", r'"a\\"'), ('"', r'"\""')],
)
def test_values_are_quoted_where_they_have_to_be(value, text):
    assert write({"key": value}) == f"key={text}"


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    parse(text)
    read_stats(text)


def test_sample_has_every_value_of_its_line():
    assert asdict(stats()) == {
        "up_s": 12,
        "qps": 498,
        "mean_qps": 497.12,
        "depth": 31,
        "limit": 48,
        "high_water": 63,
        "capacity": 64,
        "tokens": 7,
        "rate": 500,
        "per_ms": 1000,
        "burst": 10,
        "cost": "record",
        "admitted": 5970,
        "denied": 5800,
        "load": 0.42,
        "rejected": 0,
        "overwritten": 0,
        "failed": 0,
        "shed": 0,
        "retried": 2,
        "bad_frames": 0,
        "strays": 0,
        "p50_ms": 61,
        "p95_ms": 64,
        "p99_ms": 66,
        "duplicates": 3,
        "repeated": 4,
        "watermark_ms": 0,
        "part": 1024,
        "backlog_bytes": 1984,
        "longest_turn_us": 2150,
        "lag_ms": 62,
        "sink_ms": 3,
        "config_errors": 0,
        **dict.fromkeys(STORED),
        "sojourns": (1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 900),
    }


def test_a_board_with_a_store_says_how_it_is():
    sample = asdict(stats(**STORED))
    assert {key: sample[key] for key in STORED} == STORED


def test_what_an_older_firmware_does_not_say_is_none():
    sample = stats(lag_ms=None, sojourns=None)
    assert (sample.lag_ms, sample.sojourns, sample.backlog_bytes) == (None, None, 1984)


def test_unlimited_rate_and_idle_interval_are_none():
    sample = stats(rate="none", p50_ms=-1, p95_ms=-1, p99_ms=-1)
    assert sample.rate is None
    assert sample.rate_per_s is None
    assert (sample.p50_ms, sample.p95_ms, sample.p99_ms) == (None, None, None)


@pytest.mark.parametrize(("rate", "per_ms", "rate_per_s"), [(500, 1000, 500), (1, 60_000, 1 / 60)])
def test_rate_is_told_per_second(rate, per_ms, rate_per_s):
    assert stats(rate=rate, per_ms=per_ms).rate_per_s == rate_per_s


def test_under_a_watermark_a_part_of_the_rate_is_granted():
    sample = stats(rate=500, part=512)
    assert (sample.rate, sample.rate_per_s, sample.rate_text) == (500, 250, "250/s")
    assert stats(rate=500, part=None).rate_per_s == 500  # an older firmware
    assert stats(rate="none", part=512).rate_per_s is None


@pytest.mark.parametrize("line", ["event=start version=0.1.0", "up_s=12 qps=498", "stats", ""])
def test_other_lines_are_no_sample(line):
    assert read_stats(line) is None


DAMAGED = [
    ({"p99_ms": None}, "p99_ms is missing"),
    ({"qps": ""}, 'qps=""'),
    ({"qps": "-1"}, 'qps="-1"'),
    ({"qps": "none"}, 'qps="none"'),
    ({"qps": "1_0"}, 'qps="1_0"'),
    ({"qps": "12.5"}, 'qps="12.5"'),
    ({"qps": "\u0661"}, "qps="),  # a digit, but not one that a board prints
    ({"qps": "1" * 16}, "qps="),
    ({"depth": "1" * 5000}, "depth="),
    ({"mean_qps": "nan"}, 'mean_qps="nan"'),
    ({"mean_qps": "1e9"}, 'mean_qps="1e9"'),
    ({"per_ms": "0"}, 'per_ms="0"'),
    ({"p50_ms": "-2"}, 'p50_ms="-2"'),
    ({"sojourns": "1,2"}, 'sojourns="1,2"'),
    ({"lag_ms": "none"}, 'lag_ms="none"'),
]


@pytest.mark.parametrize(("changes", "message"), DAMAGED)
def test_damaged_line_is_an_error_that_names_the_key(changes, message):
    with pytest.raises(ValueError, match=message):
        read_stats(stats_line(**changes))


@pytest.mark.parametrize(("changes", "message"), DAMAGED)
def test_a_reader_that_knows_the_line_before_finds_the_same_damage(changes, message):
    reader = StatsReader()
    assert reader.read(stats_line()) == stats()
    with pytest.raises(ValueError, match=message):
        reader.read(stats_line(**changes))
    assert reader.read(stats_line()) == stats()


VALUE = st.sampled_from(
    ["0", "00", "1", "7" * 15, "7" * 16, "none", "-1", "0.5", '"1"', "1 2", "x"]
)


@given(st.lists(st.dictionaries(st.sampled_from([*VALUES, "event", "new"]), VALUE, max_size=3)))
def test_a_reader_reads_every_line_as_if_it_were_the_first(lines):
    reader = StatsReader()
    for changes in [{}, *lines]:
        line = stats_line(**changes)
        try:
            expected = read_stats(line)
        except ValueError as error:
            with pytest.raises(ValueError) as raised:
                reader.read(line)
            assert str(raised.value) == str(error)
        else:
            assert reader.read(line) == expected
    assert [reader.read(line) for line in ("event=start", "", stats_line(), "a=1")] == [
        *(None, None, stats(), None)
    ]


def test_line_cut_off_anywhere_is_damaged_or_no_sample():
    line = stats_line()
    last_key = line.rindex("p99_ms=") + len("p99_ms=")
    for length in range(last_key):
        try:
            sample = read_stats(line[:length])
        except ValueError:
            continue
        assert sample is None


def test_largest_numbers_survive_json():
    sample = asdict(stats(admitted="9" * 15, rate="9" * 15, sojourns=None))
    assert json.loads(json.dumps(sample)) == sample
    assert sample["admitted"] == 10**15 - 1


@pytest.mark.parametrize(
    ("changes", "limit", "text"),
    [
        ({"rate": 500}, 500, "500/s"),
        ({"rate": 1, "per_ms": 3000}, 1 / 3, "0.33/s"),
        ({"rate": 500, "cost": "bytes"}, None, "500 bytes/s"),
        ({"rate": "none"}, None, "unlimited"),
    ],
)
def test_a_rate_of_bytes_is_no_limit_for_records(changes, limit, text):
    sample = stats(**changes)
    assert (sample.qps_limit, sample.rate_text) == (limit, text)


def test_a_cost_of_no_known_kind_is_damage():
    with pytest.raises(ValueError, match='cost="bits"'):
        stats(cost="bits")
