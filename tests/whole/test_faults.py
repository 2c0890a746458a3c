"""Records over a line with faults, to a real MicroPython: each once and in order at the sink.

CI runs some hundred for each kind of fault, `make soak` ten thousand.
"""

import re
import time

import pytest
import wire
from faulty_line import KINDS, FaultyLine
from feeding import feed
from flashed import flash

from sluice_tools.board.settings.exchange import ask
from sluice_tools.serial.settings import AUDIT, SET, Audit, Change
from sluice_tools.vboard import VirtualBoard

SEED = 5
CASES = [pytest.param((kind,), id=kind) for kind in KINDS] + [pytest.param(KINDS, id="all")]


def numbered_log(path, count):
    path.write_text("time,name\n" + "".join(f"{n / 1000},r{n:06}\n" for n in range(count)))
    return path


def deliveries(line):
    """The records that the board sent back, each once, in the order of their first sending."""
    return list(dict.fromkeys(payload for *_, payload in wire.deliveries(line.to_host.sent)))


def row(kinds, count, account, seconds, line):
    struck = line.to_board.struck.total(), line.to_host.struck.total()
    repeats = len(wire.deliveries(line.to_host.sent)) - count
    return (
        f"| {'all' if kinds == KINDS else '+'.join(kinds)} | {struck[0]:,} | {struck[1]:,} "
        f"| {account['sent_again']:,} | {repeats:,} | {line.to_board.frames[0x81]:,} "
        f"| {account['lost']} | {seconds:.1f} |"
    )


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("kinds", CASES)
def test_each_record_once_and_in_order(kinds, long, figure, tmp_path, vboard):
    count = 10_000 if long else 300
    log = numbered_log(tmp_path / "log.csv", count)
    flash(vboard, rate=None)
    begun = time.monotonic()
    with FaultyLine(vboard.url, kinds, SEED) as line:
        status, account, errors = feed(line.url, log, "--asap", timeout_s=1400)
        seconds = time.monotonic() - begun
    assert account, errors
    assert (status, account["sent"], account["delivered"]) == (0, count, count), errors[-500:]
    assert (account["lost"], account["out_of_order"], account["resets"]) == (0, 0, 0)
    lines = log.read_bytes().splitlines()[1:]
    assert deliveries(line) == lines
    for kind in kinds:
        assert line.to_board.struck[kind] and line.to_host.struck[kind]
    figure(row(kinds, count, account, seconds, line))


@pytest.mark.timeout(1500)
def test_a_uart_gets_each_byte_once_behind_a_line_with_all_faults(long, figure, tmp_path):
    count = 10_000 if long else 300
    log = numbered_log(tmp_path / "log.csv", count)
    with VirtualBoard(tmp_path / "flash", uart1=tmp_path / "uart1") as board:
        flash(board, rate=None, sink="uart")
        begun = time.monotonic()
        with FaultyLine(board.url, KINDS, SEED) as line:
            status, account, errors = feed(line.url, log, "--asap", timeout_s=1400)
            seconds = time.monotonic() - begun
        assert account, errors
        assert (status, account["sent"], account["lost"]) == (0, count, 0), errors[-500:]
        written = (tmp_path / "uart1").read_bytes()
    assert written == b"".join(log.read_bytes().splitlines()[1:])
    figure(row(KINDS, 0, account, seconds, line) + " to a UART")
    assert re.fullmatch(rb"(?:[\d.]+,r\d{6})+", written)


@pytest.mark.timeout(1500)
def test_each_change_of_a_setting_is_in_force_and_in_the_audit_once(long, figure, boot):
    count = 300 if long else 20
    board = boot()
    with FaultyLine(board.url, KINDS, SEED) as line:
        for burst in range(11, 11 + count):
            change = Change(f"who=anna burst={burst}")
            ask(line.url, change)
            assert change.values["burst"] == burst
        audit = Audit()
        ask(line.url, audit)
    last = range(11, 11 + count)[-64:]
    assert [(e["old"], e["new"]) for e in audit.entries] == [(n - 1, n) for n in last]
    requests = line.to_board.frames[SET] + line.to_board.frames[AUDIT]
    assert requests > count + len(last)  # some were sent again
    figure(f"{count} changes of a setting, each in the audit once: {requests} requests sent")
