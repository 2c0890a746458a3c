"""The page of metrics that a gateway writes: what Prometheus's own readers make of it."""

import shutil
import subprocess
from math import inf

import pytest
from prometheus_client.parser import text_string_to_metric_families
from stats_lines import STORED, stats

from sluice_tools.fleet.gateway import metrics
from sluice_tools.fleet.gateway.config import BoardConfig
from sluice_tools.fleet.gateway.metrics import FAMILIES, BoardMetrics
from sluice_tools.fleet.gateway.sojourns import Sojourns


class Board:
    def __init__(self, name, topic="t", **changes):
        self.name = name
        self.config = BoardConfig(name=name, port="socket://b1:1", topic=topic)
        self.up = True
        self.sojourns = Sojourns()
        self.hear(**changes)

    def hear(self, **changes):
        self.stats = stats(**changes)
        self.sojourns.add(self.stats.sojourns, reset=False)


def families(page):
    return {family.name: family for family in text_string_to_metric_families(page)}


def samples(page):
    return {
        (each.name, *sorted(each.labels.items())): each.value
        for family in families(page).values()
        for each in family.samples
    }


def test_each_value_stands_under_its_name_and_board():
    boards = [Board("b1", **STORED), Board("b2", rate="none", load="0.5", part=512, **STORED)]
    page = BoardMetrics(boards).page()
    found, read = families(page), samples(page)
    for family in FAMILIES:
        assert (found[family.name].type, found[family.name].documentation) == (
            family.kind,
            family.text,
        )
        for board in boards:
            key = (family.sample, ("board", board.name), ("topic", "t"))
            assert read[key] == family.read(board.stats)
    b2 = (("board", "b2"), ("topic", "t"))
    assert read["sluice_rate", *b2] == inf and read["sluice_part", *b2] == 0.5
    assert read["sluice_link_up", *b2] == 1


def test_a_histogram_is_cumulative_and_says_its_sum_and_count():
    board = Board("b1", sojourns="0,0,0,0,0,0,0,0,0,0,0,0,0,0,0")
    board.hear(sojourns="1,2,0,4,0,0,0,0,0,0,0,0,0,5,900")
    read = samples(BoardMetrics([board]).page())
    labels = ("board", "b1"), ("topic", "t")

    def bucket(bound):
        return read["sluice_sojourn_ms_bucket", labels[0], ("le", bound), labels[1]]

    assert [bucket(bound) for bound in ("3", "7", "31", "16383", "+Inf")] == [1, 3, 7, 7, 12]
    assert read["sluice_sojourn_ms_count", *labels] == 12
    assert read["sluice_sojourn_ms_sum", *labels] == 900


def test_of_a_board_that_is_down_there_is_nothing_but_that():
    board = Board("b1")
    metrics_of = BoardMetrics([board])
    metrics_of.page()
    board.up = False
    assert samples(metrics_of.page()) == {
        ("sluice_link_up", ("board", "b1"), ("topic", "t")): 0,
    }


def test_what_an_older_board_does_not_say_is_left_out():
    page = BoardMetrics([Board("b1", sojourns=None, lag_ms=None, sink_ms=None)]).page()
    names = {name for name, *_ in samples(page)}
    assert "sluice_queue_depth" in names
    assert not names & {"processing_lag_ms", "sluice_oldest_record_ms", "sluice_sojourn_ms_count"}


def test_a_topic_may_hold_anything_that_can_be_printed():
    topic = 'a "quoted" \\ topic, ä'
    read = samples(BoardMetrics([Board("b1", topic)]).page())
    assert read["sluice_link_up", ("board", "b1"), ("topic", topic)] == 1


def test_a_boards_lines_are_written_once_for_each_of_its_statistics_lines(monkeypatch):
    written = []
    original = metrics._BoardLines._write
    monkeypatch.setattr(
        metrics._BoardLines,
        "_write",
        lambda self, *state: written.append(self._board.name) or original(self, *state),
    )
    boards = [Board("b1"), Board("b2")]
    metrics_of = BoardMetrics(boards)
    written.clear()
    pages = [metrics_of.page() for _ in range(3)]
    assert written == [] and len({*pages}) == 1
    boards[1].hear(depth=9)
    key = ("sluice_queue_depth", ("board", "b2"), ("topic", "t"))
    assert [samples(metrics_of.page())[key] for _ in range(3)] == [9] * 3
    assert written == ["b2"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get prometheus")
def test_promtool_finds_nothing_wrong():
    page = BoardMetrics([Board("b1"), Board("b2", 'a "topic"')]).page()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "_ms" not in line and "_us" not in line]
    assert said == [], "seconds would be the unit, as is known; nothing else"
