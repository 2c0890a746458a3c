"""config.json: what is allowed, and that a bad one leaves the last good one in force."""

import itertools
import json
from unittest.mock import Mock

import pytest

from host_sim import FIRMWARE, TickClock
from sluice.link.session import MAX_RECORD
from sluice.program.config import (
    DEFAULTS,
    ConfigError,
    adjustable,
    check,
    keep,
    keep_good,
    keep_share,
    load,
    load_good,
    load_share,
    make_bucket,
)
from sluice.program.keys import ROWS, default, fits, names
from sluice.program.settings import KEY_MAX
from sluice_tools.lab.simulate.flash import EIO, Flash, PowerCut

TEXTS = [row[0] for row in ROWS if isinstance(row[2], int)]
ADOPTERS = ("bucket", "limit", "control", "trial")


def test_what_is_not_given_has_its_default():
    assert check({}, 1000) == DEFAULTS
    assert check({"rate": None, "burst": 3}, 1000) == {**DEFAULTS, "rate": None, "burst": 3}


@pytest.mark.parametrize("name", ["mine", "NAME", "x" * 32, "my-own", ""])
def test_whatever_a_module_is_named_shows_when_it_is_imported(name):
    values = {"source": "module:" + name, "sink": "module:" + name, "slot_size": 1}
    assert check(values, 1000) == DEFAULTS | values


def test_the_names_fit_into_the_frames_of_settings():
    assert max(map(len, DEFAULTS)) <= KEY_MAX


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_its_default_keeps_to(row):
    name, _, allowed, or_null, unit, adopter = row
    assert fits(row, default(row)) and fits(row, None) == or_null
    assert name.endswith("_ms") == (unit == "ms")
    assert adopter in ("", *ADOPTERS)
    # What Settings can send, and the board counts with.
    is_text = isinstance(allowed, int) or isinstance(allowed[0], str)
    assert adopter == "" or not is_text
    ranges = () if is_text else allowed
    ranges = (ranges,) if ranges and isinstance(ranges[0], int) else ranges
    assert len(ranges) <= 3
    assert all(-(1 << 30) <= low <= high < 1 << 30 for low, high in ranges)


def test_the_longest_record_is_that_of_the_link():
    (row,) = [row for row in ROWS if row[0] == "slot_size"]
    assert row[2] == (1, MAX_RECORD)


def test_each_key_that_changes_while_it_runs_is_adopted_by_the_one_that_its_row_names():
    groups = adjustable([(name, name.upper()) for name in ADOPTERS])
    assert groups[0] == (("rate", "per_ms", "burst"), "BUCKET")
    assert groups[1] == (("limit",), "LIMIT")
    assert [adopt for _, adopt in groups] == ["BUCKET", "LIMIT", "CONTROL", "TRIAL"]
    assert not {"slots", "stats_ms", "control"} & {key for keys, _ in groups for key in keys}
    assert len([key for keys, _ in groups for key in keys]) + len(names("")) == len(ROWS)


def test_the_one_that_is_shipped_is_good():
    check(json.loads((FIRMWARE / "config.json").read_text()), 1000)


def test_the_bucket_counts_in_the_ticks_of_the_board():
    bucket = make_bucket(
        check({"rate": 7, "per_ms": 2000}, 1_000_000), TickClock().ticks, 1_000_000
    )
    assert (bucket.rate, bucket.per, bucket.burst) == (7, 2_000_000, 10)


@pytest.mark.parametrize(
    ("values", "key", "allowed"),
    [
        ([], "config.json", "an object"),
        ({"rats": 5}, "rats", "one of the keys burst calm control cost"),
        ({"rate": -5}, "rate", "an integer from 0 to 1073741823 or null"),
        ({"rate": 2.5}, "rate", "an integer from 0"),
        ({"rate": "500"}, "rate", "an integer from 0"),
        ({"rate": True}, "rate", "an integer from 0"),
        ({"per_ms": None}, "per_ms", "an integer from 1 to 86400000"),
        ({"burst": 0}, "burst", "an integer from 1"),
        ({"cost": "bits"}, "cost", "record or bytes"),
        ({"cost": ["record"]}, "cost", "record or bytes"),
        ({"source": "usb"}, "source", "link or timer or pin or uart or adc or module:NAME"),
        ({"source": "modul:mine"}, "source", "module:NAME"),
        ({"source": ["link"]}, "source", "module:NAME"),
        ({"cost": "module:mine"}, "cost", "record or bytes"),
        ({"sink": None}, "sink", "link or uart or mqtt or http or null or module:NAME"),
        ({"mqtt": ""}, "mqtt", "1 to 128 characters of ASCII or null"),
        ({"mqtt": "x" * 129}, "mqtt", "1 to 128 characters of ASCII or null"),
        ({"mqtt": "m\xfcnchen"}, "mqtt", "1 to 128 characters of ASCII or null"),
        ({"mqtt": "a\nb"}, "mqtt", "1 to 128 characters of ASCII or null"),
        ({"mqtt": "a\x7f"}, "mqtt", "1 to 128 characters of ASCII or null"),
        ({"http": "http://h/\x00"}, "http", "1 to 128 characters of ASCII or null"),
        ({"mqtt": 5}, "mqtt", "1 to 128 characters of ASCII or null"),
        ({"slots": 65536}, "slots", "an integer from 1 to 65535"),
        ({"slot_size": 242}, "slot_size", "an integer from 1 to 241"),
        ({"stats_ms": 99}, "stats_ms", "an integer from 100"),
        ({"watchdog_ms": 999}, "watchdog_ms", "an integer from 1000 to 8388 or null"),
        ({"watchdog_ms": 8389}, "watchdog_ms", "an integer from 1000 to 8388 or null"),
        ({"light_sleep_ms": 1}, "light_sleep_ms", "an integer from 2 to 60000 or null"),
        ({"light_sleep_ms": True}, "light_sleep_ms", "an integer from 2 to 60000 or null"),
        ({"tries": 0}, "tries", "an integer from 1"),
        ({"cost": "bytes", "burst": 63}, "burst", "slot_size \\(64\\) or more when cost is bytes"),
        ({"uart_length": 0}, "uart_length", "an integer from 1 to 241 or null"),
        ({"uart_silence_ms": 0}, "uart_silence_ms", "an integer from 1 to 60000 or null"),
        ({"rate": 1, "per_ms": 86_400_000, "burst": 1000}, "burst", "from 1 to"),
        ({"rate_from": "fleet"}, "rate_from", "config or budget"),
        ({"rate_from": "budget", "rate": None}, "rate", "an integer when rate_from is budget"),
        ({"rate_from": "budget", "per_ms": 999}, "per_ms", "1000 when rate_from is budget"),
        ({"rate_from": "budget", "control": "rate"}, "control", "another when rate_from is budget"),
        ({"rate_from": "budget", "burst": 536_871}, "burst", "from 1 to 536870 at rates up to 500"),
        ({"rate_from": "budget", "rate": (1 << 30) - 2}, "rate", "less when rate_from is budget"),
        ({"rate_from": "budget", "smooth_ms": 1}, "smooth_ms", "null when rate_from is budget"),
        ({"control": "pdi"}, "control", "pid or codel or rate or null"),
        ({"kp": 0.5}, "kp", "integers in a list \\[0 to 65535, 1 to 65535\\]"),
        ({"ki": [1, 0]}, "ki", "integers in a list"),
        ({"kd": None}, "kd", "integers in a list"),
        ({"calm": [1, 2]}, "calm", "integers in a list .*or null"),
        ({"rush": [850, 300, -1001]}, "rush", "-1000 to 1000"),
        ({"smooth_ms": 0}, "smooth_ms", "an integer from 1 to 60000 or null"),
        ({"smooth_ms": 60_000, "rate": 20_000_000}, "smooth_ms", "slack must be from 1 to"),
        ({"control": "pid", "limit_floor": 65}, "limit_floor", "slots \\(64\\) or less"),
        ({"control": "rate", "rate": None}, "rate", "1 or more when control is rate"),
        ({"control": "rate", "rate_low": 501}, "rate_low", "rate \\(500\\) or less"),
        ({"control": "rate", "rate_keep": [3, 2]}, "rate_keep", "at most 1"),
        (
            {"control": "rate", "per_ms": 86_400_000, "rate": 86_400_000, "burst": 10},
            "burst",
            "from 1 to",
        ),
    ],
)
def test_a_bad_value_names_key_value_and_what_is_allowed(values, key, allowed):
    with pytest.raises(ConfigError, match=f"{key} is .*, allowed: .*{allowed}") as caught:
        check(values, 1000)
    if key in TEXTS:  # may hold what nobody should see
        values = {key: "(not shown)"}
    assert caught.value.key == key
    assert caught.value.value == (values[key] if isinstance(values, dict) else values)


FAR = (1 << 30) - 2


@pytest.mark.parametrize(
    ("values", "per_second", "key"),
    [
        ({"rate": FAR + 1, "per_ms": 1}, 1000, "rate"),
        ({"rate": FAR, "per_ms": 2, "control": "rate"}, 1000, "rate"),  # whatever the burst
        ({"rate": FAR, "per_ms": 2, "burst": (1 << 29) + 1}, 1000, "burst"),
        ({"rate": 600_000_001, "burst": 1 << 29, "smooth_ms": 1}, 1000, "smooth_ms"),
        ({"rate": 600_000_001, "burst": 1 << 29}, 1000, "burst"),
        ({"rate": 20_000_000, "control": "rate", "smooth_ms": 60_000}, 1000, "smooth_ms"),
        ({"per_ms": 536_871}, 1_000_000, "per_ms"),
        ({"target_ms": 536_871}, 1_000_000, "target_ms"),
    ],
)
def test_values_that_do_not_go_together_are_the_fault_of_the_last_that_was_added(
    values, per_second, key
):
    """Of the rate alone, the burst, and the smoothing."""
    with pytest.raises(ConfigError) as caught:
        check(values, per_second)
    assert (caught.value.key, caught.value.value) == (key, values[key])


def test_an_interval_shorter_than_the_target_is_named():
    with pytest.raises(ConfigError, match=r"interval_ms is 200, allowed: target_ms \(201\)"):
        check({"control": "codel", "target_ms": 201}, 1000)


@pytest.fixture
def flash(tmp_path):
    """A board's root folder."""
    return tmp_path


def load_with_reports(flash):
    reports = []
    return load(1000, lambda *report: reports.append(report), str(flash)), reports


def keep_as_good(flash, values):
    keep_good(check(values, 1000), pytest.fail, str(flash))


def test_a_good_one_is_read_and_not_yet_kept(flash):
    (flash / "config.json").write_text('{"rate": 9}')
    assert load_with_reports(flash) == ({**DEFAULTS, "rate": 9}, [])
    assert not (flash / "config.good.json").exists()


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ('{"rate": -1}', ("rate", -1)),
        ('{"rate": 9', ("config.json", "no JSON")),
        ("", ("config.json", "no JSON")),
        ("[]", ("config.json", [])),
        (None, ("config.json", "errno 2")),
        ('{"rate":' * 50_000, ("config.json", "too large, or nested too deeply")),
    ],
)
def test_a_bad_one_is_none_and_reported_and_the_last_good_one_stays(flash, text, report):
    keep_as_good(flash, {"rate": 9})
    if text is not None:
        (flash / "config.json").write_text(text)
    config, reports = load_with_reports(flash)
    assert config is None
    assert [each[:2] for each in reports] == [report]
    assert load_good(1000, str(flash)) == {**DEFAULTS, "rate": 9}


def test_a_value_nested_too_deeply_to_be_written_is_shown_as_such(flash):
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ConfigError, match='rate is "too much to show", allowed: an integer'):
        check({"rate": value}, 1000)


def test_what_does_not_print_is_shown_as_question_marks():
    with pytest.raises(ConfigError) as caught:
        check({"\x1b[2Jr\u00e4te\n": "x" * 100}, 1000)
    assert str(caught.value).startswith('?[2Jr?te? is "' + "x" * 38 + '", allowed: one of')
    with pytest.raises(ConfigError, match='rate is "x{37}", allowed: an integer'):
        check({"rate": "x" * 37 + "\n" * 9}, 1000)


@pytest.mark.parametrize("good", [None, "{", '{"rate": -1}', '{"rate":' * 50_000])
def test_there_may_be_no_good_one(flash, good):
    if good is not None:
        (flash / "config.good.json").write_text(good)
    assert load_good(1000, str(flash)) is None
    keep_as_good(flash, {"rate": 9})
    assert load_good(1000, str(flash)) == {**DEFAULTS, "rate": 9}


def test_an_unchanged_one_is_not_written_again(flash):
    keep_as_good(flash, {})
    before = (flash / "config.good.json").stat().st_mtime_ns
    keep_as_good(flash, {})
    assert (flash / "config.good.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("there", [False, True])
def test_cut_off_at_any_step_the_file_is_the_old_one_or_the_new(there):
    for cut in itertools.count():
        flash = Flash()
        if there:
            flash.files["/config.good.json"] = b'{"rate": 1}'
        old = dict(flash.files)
        flash.cut_at(cut)
        try:
            with flash:
                keep({"rate": 23}, "/config.good.json")
        except PowerCut:
            flash.files.pop("/config.good.json.new", None)
            assert flash.files == old
        else:
            break
    assert cut == len('{"rate": 23}') + 3  # made, closed, renamed
    assert flash.files == {"/config.good.json": b'{"rate": 23}'}


@pytest.mark.parametrize("fat", [False, True])
@pytest.mark.parametrize("room", range(4))
def test_a_flash_that_is_full_is_reported_and_keeps_what_it_had(room, fat):
    flash = Flash("/flash-1", fat)
    with flash:
        keep_as_good(flash.root, {"rate": 9})
        old = dict(flash.files)
        flash.room = flash.used() + room
        report = Mock()
        keep_good(check({}, 1000), report, flash.root)
        report.assert_called_once_with(
            "config.good.json", "errno 28", "a flash that can be written"
        )
        assert (flash.files, flash.open_files) == (old, 0)
        assert load_good(1000, flash.root)["rate"] == 9


@pytest.mark.parametrize("operation", ["open w", "write", "close"])
def test_a_flash_that_fails_is_reported_and_keeps_what_it_had(operation):
    with Flash("/flash-1") as flash:
        keep_as_good(flash.root, {"rate": 9})
        old = dict(flash.files)
        flash.fails = lambda done, path: EIO if done == operation else 0
        report = Mock()
        keep_good(check({}, 1000), report, flash.root)
        report.assert_called_once_with("config.good.json", "errno 5", "a flash that can be written")
        assert flash.files == old


def test_a_budget_may_grant_every_rate_up_to_the_one_that_is_configured():
    """With the largest burst that is allowed; the rates are those that reduce in every way."""
    values = {"rate_from": "budget", "rate": 100_000, "burst": ((1 << 29) - 1) // 1000}
    with TickClock(strict=True) as clock:
        bucket = make_bucket(check(values, 1000), clock.ticks, 1000)
        for rate in (0, 1, 3, 7, 999, 1000, 1001, 99_999, 100_000, 2, 0, 100_000, 1):
            bucket.set_rate(rate)
            bucket.try_acquire(bucket.tokens())
            clock.advance(1)


def test_the_guaranteed_share_is_read_as_it_was_kept(flash):
    path, root = flash / "share.json", str(flash)
    assert load_share(root) == 0
    keep_share(70, root)
    assert load_share(root) == 70
    for text in ("", "[7]", '{"guaranteed":-1}', '{"guaranteed":1073741824}', '{"guaranteed":"7"}'):
        path.write_text(text)
        assert load_share(root) == 0
