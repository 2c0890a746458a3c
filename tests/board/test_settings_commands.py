"""`sluice set` and `sluice audit` as real processes, on real MicroPython that runs the firmware."""

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

SLUICE = Path(sys.executable).with_name("sluice")
PATIENCE_S = 120
IN_FORCE = """\
rate               500
per_ms             1000
burst              10
limit              none
target_ms          200
kp                 0,1
ki                 1,4
kd                 0,1
limit_floor        none
calm               300,100,-125
rush               850,300,500
interval_ms        200
rate_low           1
rate_step          none
rate_keep          1,2
watermark_half_ms  500
trial_errors_pct   5
trial_p95_pct      50
"""
VALUES = [line.split()[0] for line in IN_FORCE.splitlines()]

# A sink that sends 60 records a second, and has room for 16: so what it refuses tells of the rate,
# not of a machine that holds the board up for a moment.
SLOW_MODEM = """

class _SlowModem:
    def __init__(self):
        self._waiting = 0  # thousandths of a record
        self._seen = ticks()

    def write(self, record, n):
        now = ticks()
        sent = 60 * time.ticks_diff(now, self._seen)
        self._seen = now
        self._waiting = max(0, self._waiting - sent)
        if self._waiting > 15_000:
            return 0
        self._waiting += 1_000
        return n


open_uart = _SlowModem
"""


def sluice(*arguments):
    """Exit status, standard output, standard error."""
    done = subprocess.run(
        [SLUICE, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def change(url, *arguments):
    """The values in force and the trial's seconds, after a change that the board takes."""
    status, out, errors = sluice("set", "--port", url, "--json", "--who", "anna", *arguments)
    assert (status, errors) == (0, "")
    answer = json.loads(out)
    assert list(answer["values"]) == VALUES
    return answer["values"], answer["trial_s"]


@contextmanager
def running(*arguments):
    process = subprocess.Popen(
        [SLUICE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines_until(process, pattern):
    """What a console prints up to the line that the pattern is found in."""
    lines = []
    end = time.monotonic() + PATIENCE_S
    while not lines or not re.search(pattern, lines[-1]):
        assert time.monotonic() < end, lines
        lines.append(process.stdout.readline().rstrip())
        assert lines[-1], lines
    return lines


def test_a_feed_follows_the_rate_that_is_set_while_it_runs(boot, tmp_path):
    board = boot()
    log = tmp_path / "times.csv"
    log.write_text("time\n" + "0\n" * 100_000)
    with (
        running("console", "--plain", "--port", board.url) as console,
        running("feed", str(log), "--asap", "--json", "--port", board.url) as feed,
    ):
        lines_until(console, r" qps [1-9]\d\d ")
        values, trial_s = change(board.url, "rate=200", "burst=20")
        assert (values["rate"], values["burst"], trial_s) == (200, 20, 0)
        lines = lines_until(console, "rate 200/s")
        assert re.fullmatch(
            r"event=changed key=rate old=500 new=200 who=anna up_s=\d+",
            next(line for line in lines if "key=rate" in line),
        )
        lines_until(console, r" qps (1\d\d|20\d) .*rate 200/s")
        assert sluice("set", "--port", board.url, "rate=none")[0] == 0
        lines_until(console, "rate unlimited")
        feed.send_signal(signal.SIGINT)
        account = json.loads(feed.communicate(timeout=PATIENCE_S)[0])
    assert account["delivered"] == account["sent"] > 0
    assert (account["lost"], account["damaged"]) == (0, 0)
    status, out, _ = sluice("audit", "--port", board.url)
    rows = [line.split()[1:] for line in out.splitlines()]
    assert status == 0
    assert rows[:2] == [
        ["anna", "changed", "rate", "500", "->", "200"],
        ["anna", "changed", "burst", "10", "->", "20"],
    ]
    assert rows[2][1:] == ["changed", "rate", "200", "->", "none"]


def test_a_refusal_is_one_line_and_changes_nothing(boot):
    board = boot()
    refusals = {
        ("RATE=-5",): "rate is -5, allowed: an integer from 0 to 1073741823 or null",
        ("burst=3", "limit=65"): "limit is 65, allowed: slots (64) or less",
        ("slots=9",): "slots is 9, allowed: one of the keys that change while it runs: "
        + " ".join(VALUES)
        + "; others change at a start: put them into a file, and `sluice flash --config FILE`",
        ("rate=2", "--trial", "3601s"): None,
    }
    for arguments, reason in refusals.items():
        status, out, errors = sluice("set", "--port", board.url, *arguments)
        assert out == ""
        if reason is None:
            assert status == 2
        else:
            assert (status, errors) == (1, f"Error: {board.url}: {reason}\n")
    assert sluice("set", "--port", board.url) == (0, IN_FORCE, "")
    assert sluice("audit", "--port", board.url)[:2] == (
        0,
        "nothing was changed since the board started\n",
    )
    assert sluice("audit", "--port", board.url, "--json")[:2] == (0, "[]\n")


def test_a_trial_goes_back_when_the_sink_cannot_follow_and_stays_when_it_can(boot, tmp_path):
    board = boot(sink="uart", rate=20, burst=1, tries=1, stats_ms=500, trial_p95_pct=1000)
    with Path(board.flash_dir, "board.py").open("a") as module:
        module.write(SLOW_MODEM)
    board.reset()
    log = tmp_path / "times.csv"
    log.write_text("time\n" + "0\n" * 100_000)
    with (
        running("console", "--plain", "--port", board.url) as console,
        running("feed", str(log), "--asap", "--port", board.url),
    ):
        lines_until(console, r" qps [1-9]\d* .*rate 20/s")
        values, trial_s = change(board.url, "rate=40", "--trial", "1s")
        assert (values["rate"], trial_s) == (40, 1)
        assert "on_trial key=rate old=20 new=40" in lines_until(console, "event=on_trial")[-1]
        lines_until(console, r"event=trial result=kept errors_before_pct=0.00 errors_pct=0.00")
        lines_until(console, r"event=kept key=rate old=20 new=40 who=anna")
        assert change(board.url, "rate=500", "--trial", "30s") == (values | {"rate": 500}, 30)
        lines_until(console, r"event=trial result=rolled_back errors_before_pct=0.00 errors_pct=")
        lines_until(console, r"event=rolled_back key=rate old=500 new=40 who=anna")
        lines_until(console, r"rate 40/s")
    assert change(board.url) == (values, 0)
    entries = json.loads(sluice("audit", "--port", board.url, "--json")[1])
    assert [(e["event"], e["old"], e["new"]) for e in entries] == [
        ("on_trial", 20, 40),
        ("kept", 20, 40),
        ("on_trial", 40, 500),
        ("rolled_back", 500, 40),
    ]


def test_a_change_lasts_until_a_reset_unless_it_is_kept(boot):
    board = boot()
    change(board.url, "burst=7")
    board.reset()
    assert change(board.url)[0]["burst"] == 10
    change(board.url, "rate=20")
    change(board.url, "burst=7", "--keep")
    board.reset()
    values, _ = change(board.url)
    assert (values["rate"], values["burst"]) == (20, 7)


def test_a_board_that_runs_something_else(vboard):
    status, out, errors = sluice("set", "--port", vboard.url, "rate=2")
    assert (status, out) == (1, "")
    assert errors.startswith(f"Error: {vboard.url}: no answer for 5 s: is Sluice running on the")
    assert errors.endswith(f"`sluice doctor --port {vboard.url}` tells what to do\n")
    assert errors.count("\n") == 1


BAD_CALLS = [
    ((), "Missing option '--port'"),
    (("-p", "x", "rate"), "'rate' is not KEY=VALUE."),
    (("-p", "x", "=3"), "'=3' is not KEY=VALUE."),
    (("-p", "x", "who=eve"), "'who=eve' is not KEY=VALUE."),
    (("-p", "x", "rate="), "'rate=' has no value of printable characters."),
    (("-p", "x", "rate=2 3"), "'rate=2 3' has no value of printable characters."),
    (("-p", "x", "rate=2", "rate=3"), "Each KEY can be given only once."),
    (("-p", "x", "rate=2", "--trial", "soon"), "'soon' is not from 1s to 3600s"),
    (("-p", "x", "--trial", "3"), "--trial needs a KEY=VALUE to try."),
    (("-p", "x", "rate=2", "--trial", "3", "--keep"), "--keep and --trial exclude each other"),
    (("-p", "x", "--who", "42", "rate=2"), "'42' is not a name of 1 to 16 letters"),
    (("-p", "x", "rate=" + "2" * 300), "Too much for one request: "),
]


def test_bad_calls_end_in_one_clear_line():
    for arguments, message in BAD_CALLS:
        status, out, errors = sluice("set", *arguments)
        assert (status, out) == (2, "")
        assert message in errors.splitlines()[-1]
        assert "Traceback" not in errors
