"""The loop closed on virtual time: the boards' own code, the operator's own rule, and the deployed
alerts. When the downstream has recovered the watermark is back at 0 in time, and stays there,
though every board gets twice what it may send.

The alerts are evaluated here, second by second, with the figures of `sluice experiment fleet`, and
promtool says the same of the deployed file.
"""

import itertools
import json
import subprocess

import pytest
from monitoring import needs_prometheus

from host_sim.simulation import Phase, simulated_board
from sluice_tools.fleet.demonstration.servers import DEPLOY
from sluice_tools.fleet.watermark import Changing, Watermark, after
from sluice_tools.fleet.watermark.rule import HOLD_MS
from sluice_tools.lab.experiments.closed_loop import BACKLOG, FOR_S, KEEP_S, LAG_MS, WINDOW_S

RATES = (80, 60, 40)
SLOTS = 128  # of 32 bytes
SLOW_S, WELL_S, END_S = 40, 160, 300

REFUSES = Phase(SLOW_S, 0, quota=4)  # a board's share of a downstream with no room
SLOW = Phase(SLOW_S, 1500)
DOWNSTREAMS = {"refuses": REFUSES, "slow": SLOW}

# Metrics by their names on the page, from a board's simulation.
METRICS = {
    "stream_backlog_bytes": lambda sim: sim.ring.backlog(),
    "processing_lag_ms": lambda sim: sim.stats.sink_ticks,
    "sluice_part": lambda sim: sim.controls.part / 1024,
    "sluice_tokens": lambda sim: sim.bucket.tokens(),
    "sluice_admitted_total": lambda sim: sim.stats.admitted,
    "sluice_denied_total": lambda sim: sim.stats.denied,
    "sluice_retried_total": lambda sim: sim.stats.retried,
}


def increase(series):
    """As Prometheus has it, which spreads what it saw over the whole window."""
    window = series[-WINDOW_S:]
    return (window[-1] - window[0]) * WINDOW_S / (len(window) - 1) if len(window) > 1 else None


def waits_for_sink(of):
    """What of a board's queue waits for its sink, with the whole limit; 0: none of it."""
    admitted, denied, retried = (
        increase(of[f"sluice_{name}_total"]) for name in ("admitted", "denied", "retried")
    )
    if admitted is None:
        return 0
    held_back = denied > admitted / 20 or max(of["sluice_tokens"][-WINDOW_S:]) == 0
    if held_back and retried <= admitted:
        return 0
    return of["stream_backlog_bytes"][-1] / of["sluice_part"][-1]


def whole_queue(of):
    """What an alert on the queue itself would see."""
    return of["stream_backlog_bytes"][-1]


class Fleet:
    """Boards with one kind of sink, and the alerts on them.

    backlog: what counts as a board's backlog.  marks: the watermark, second by second.
    """

    def __init__(self, downstream, backlog=waits_for_sink):
        self.boards = {
            f"b{rate}": simulated_board(
                {"rate": rate, "burst": 5, "slots": SLOTS, "slot_size": 32, "tries": 1000},
                itertools.count(0, 500_000 // rate),  # twice the rate, for ever
                Phase(0, 0),
                downstream,
                Phase(WELL_S, 0),
            )
            for rate in RATES
        }
        self.series = {board: {name: [] for name in METRICS} for board in self.boards}
        self.marks = []
        self.firing = []  # second by second: (alert, board)
        self._backlog = backlog
        self._mark = Watermark()
        self._since = {}  # (alert, board): when its condition began to hold, and held last

    def run(self, end_s):
        for second in range(len(self.marks), end_s):
            for board, simulation in self.boards.items():
                # A slow attempt may have taken it beyond this second.
                simulation.run(max(0, second + 1 - simulation.clock.now_us / 1_000_000))
                for name, read in METRICS.items():
                    self.series[board][name].append(read(simulation))
            firing = set(self._evaluate(second))
            self._tell(second, firing)
            self.firing.append(firing)
            self.marks.append(self._mark.ms)

    def _evaluate(self, second):
        for board, of in self.series.items():
            if self._fires("SluiceBacklog", board, self._backlog(of) > BACKLOG, second):
                yield "SluiceBacklog", board
            if max(of["processing_lag_ms"][-WINDOW_S:]) > LAG_MS:
                yield "SluiceLag", board

    def _fires(self, alert, board, holds, second):
        since = self._since.setdefault((alert, board), [None, None, False])
        if holds:
            since[0] = second if since[0] is None else since[0]
            since[1] = second
            since[2] = since[2] or second - since[0] >= FOR_S
        elif not since[2] or second - since[1] > KEEP_S:
            since[:] = [None, None, False]
        return since[2]

    def _tell(self, second, firing):
        """What Alertmanager tells the operator, and the gateways the boards."""
        now = 1000 * second
        changing = Changing(self._mark, now)
        for alert, board in firing:
            if alert == "SluiceLag":
                lag = max(self.series[board]["processing_lag_ms"][-WINDOW_S:])
                changing.lag(f"{alert} {board}", lag)
            else:
                changing.backlog(f"{alert} {board}")
        for alert, board in self.firing[-1] - firing if self.firing else ():
            changing.resolved(f"{alert} {board}")
        self._mark = after(changing.mark, now)
        for simulation in self.boards.values():
            if simulation.controls.watermark_ms != self._mark.ms:
                simulation.controls.set_watermark(self._mark.ms)

    def overloaded(self):
        """Whether every board has as much to wait as it may, and more refused."""
        return all(
            len(each.ring) >= each.ring.limit - 2 and each.ring.rejected
            for each in self.boards.values()
        )


def most_s(mark_ms):
    """Within how many seconds the watermark is back at 0: the alerts' windows, and its steps."""
    steps = 0
    while mark_ms > 0:
        mark_ms, steps = min(mark_ms // 2, mark_ms - 500), steps + 1
    return WINDOW_S + KEEP_S + 5 + steps * HOLD_MS // 1000


@pytest.mark.parametrize("kind", DOWNSTREAMS)
def test_it_is_back_at_0_in_time_though_every_board_stays_overloaded(kind):
    fleet = Fleet(DOWNSTREAMS[kind])
    fleet.run(SLOW_S)
    assert set(fleet.marks) == {0} and fleet.overloaded()  # it is no matter of the downstream
    fleet.run(WELL_S)
    high = max(fleet.marks)
    assert high >= 1500 and fleet.marks[-1] >= 1500
    fleet.run(WELL_S + most_s(high))
    assert fleet.marks[-1] == 0
    fleet.run(END_S)
    assert set(fleet.marks[WELL_S + most_s(high) :]) == {0}
    assert fleet.overloaded()
    for board, simulation in fleet.boards.items():
        taken = fleet.series[board]["sluice_admitted_total"]
        assert taken[-1] - taken[-11] >= 10 * simulation.bucket.rate - 5  # at its own rate again


def test_on_its_way_down_there_is_no_cliff():
    fleet = Fleet(SLOW)
    fleet.run(END_S)
    parts = [each for each in fleet.series["b80"]["sluice_part"][WELL_S:]]
    assert parts[0] < 0.3 and parts[-1] == 1
    for before, now in itertools.pairwise(parts):
        assert before <= now <= 2.01 * before


def test_an_alert_on_the_queue_itself_would_never_let_it_rest():
    """What the condition of the rule is for: a queue is full also because it is throttled."""
    fleet = Fleet(REFUSES, backlog=whole_queue)
    fleet.run(END_S)
    assert fleet.marks[SLOW_S] > 0  # already before: that the boards get too much is enough
    assert max(fleet.marks[WELL_S + most_s(1500) :]) > 0


@needs_prometheus
@pytest.mark.parametrize("kind", DOWNSTREAMS)
def test_the_deployed_alerts_are_those_that_were_evaluated_here(tmp_path, kind):
    fleet = Fleet(DOWNSTREAMS[kind])
    fleet.run(END_S)
    inputs = [
        {
            "series": f'{name}{{board="{board}",topic="t"}}',
            "values": " ".join(map(str, values)),
        }
        for board, of in fleet.series.items()
        for name, values in of.items()
    ]
    expected = [
        {
            "expr": 'count by (alertname, board) (ALERTS{alertstate="firing"})',
            "eval_time": f"{second}s",
            "exp_samples": [
                {"labels": f'{{alertname="{alert}",board="{board}"}}', "value": 1}
                for alert, board in sorted(fleet.firing[second])
            ],
        }
        # Near a change they may differ by a second.
        for second in range(2, END_S)
        if all(fleet.firing[second] == each for each in fleet.firing[second - 2 : second + 3])
    ]
    assert len(expected) > END_S / 2
    test = {"interval": "1s", "input_series": inputs, "promql_expr_test": expected}
    rules = {
        "rule_files": [str(DEPLOY / "rules.yml")],
        "evaluation_interval": "1s",
        "tests": [test],
    }
    path = tmp_path / "rules_test.yml"
    path.write_text(json.dumps(rules))  # JSON is YAML, too
    done = subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]
