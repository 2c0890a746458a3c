"""The board's program on CPython: a configuration in, frames and statistics lines out."""

import gc
import itertools
import json

import pytest
import wire
from board_twin import SleepingBoardTwin, start
from wire import contents
from wire import to_board as frame

from host_sim import TickClock
from sluice import kernels
from sluice.program.config import check, load
from sluice.program.program import Program, main, stand
from sluice_tools.serial.ack_pb2 import AckRequest


def run(board, program, ms):
    for _ in range(ms):
        while program.turn():
            pass
        board.clock.advance(1)


def split(data):
    """(text lines, contents of the frames) of what the board sent."""
    text, frames = bytearray(), bytearray()
    for i, part in enumerate(bytes(data).split(b"\0")):
        if i % 2:
            frames += b"\0" + part + b"\0"
        else:
            text += part
    return text.decode().splitlines(), contents(frames)


def stats(line):
    return dict(pair.split("=", 1) for pair in line.split())


HELLO = frame(b"\x81\x23\x09\x07\0\0\0\0\0\0\0\0")


def test_a_turn_that_writes_the_statistics_counts_as_one_with_work(rig):
    program = start(rig, stats_ms=100)
    write = rig.line.write

    def slow(buf, n):
        rig.clock.advance(7)
        return write(buf, n)

    rig.line.write = slow
    run(rig, program, 250)
    lines, _ = split(rig.line.sent)
    longest = [stats(line)["longest_turn_us"] for line in lines if line.startswith("event=stats")]
    assert longest == ["0", "7000"]


def take_all(board):
    """The host confirms all deliveries before record 99."""
    board.line.incoming += frame(b"\x84\x07\0\0\x63\0\0\0")


def records(numbers):
    return b"".join(frame(wire.records(n, b"r%d" % n)) for n in numbers)


def test_records_from_the_link_come_back_at_the_rate_and_are_acknowledged(rig):
    program = start(rig, rate=100, burst=2, slots=8, stats_ms=1000)
    rig.line.incoming += HELLO + records(range(8))
    run(rig, program, 900)
    take_all(rig)
    run(rig, program, 101)
    lines, frames = split(rig.line.sent)
    delivered = wire.deliveries(frames)
    assert [payload for *_, payload in delivered] == [b"r%d" % n for n in range(8)]
    ticks = [tick - ((1 << 30) - 500) for _, tick, _ in delivered]
    assert ticks == [0, 0, 10, 20, 30, 40, 50, 60]
    last = [AckRequest.FromString(content[1:]) for content in frames if content[0] == 0x92][-1]
    assert (last.processed_count, last.available_capacity) == (8, 8)
    line = stats(lines[-1])
    assert line["event"] == "stats"
    assert (line["admitted"], line["qps"], line["depth"], line["high_water"]) == (
        "8",
        "8",
        "0",
        "6",
    )
    assert (line["rate"], line["per_ms"], line["burst"], line["tokens"]) == (
        "100",
        "1000",
        "2",
        "2",
    )
    assert (line["failed"], line["rejected"], line["overwritten"]) == ("0", "0", "0")
    assert (line["p50_ms"], line["p99_ms"]) == ("20", "61")
    assert line["mean_qps"] == "8.00"


def looks_at_the_line(board, program, turns):
    """How often the program reads its line in so many turns of a ms each."""
    looks = []
    readinto = board.line.readinto
    board.line.readinto = lambda buf: looks.append(buf) or readinto(buf)
    for _ in range(turns):
        program.turn()
        board.clock.advance(1)
    del board.line.readinto
    return len(looks)


@pytest.mark.parametrize(
    ("values", "looks"),
    [
        ({"source": "pin", "sink": "null"}, 10),
        ({"source": "pin", "sink": "link"}, 101),
        ({"source": "link", "sink": "null"}, 101),
    ],
)
def test_a_line_that_is_neither_source_nor_sink_is_read_every_10_ms(rig, values, looks):
    program = start(rig, **values)
    assert looks_at_the_line(rig, program, 101) == looks


def test_and_in_each_turn_while_something_comes(rig):
    program = start(rig, source="pin", sink="null")
    rig.line.incoming += b"x" * 640
    assert looks_at_the_line(rig, program, 30) >= 640 // 64 + 1
    assert not rig.line.incoming
    assert looks_at_the_line(rig, program, 100) == 10


def test_before_each_sleep_the_line_is_read(tmp_path):
    with TickClock() as clock:
        board = SleepingBoardTwin(clock, tmp_path)
        program = start(board, source="timer", sink="null", light_sleep_ms=50)
        assert looks_at_the_line(board, program, 20) == 20


def test_a_line_a_second_and_none_to_catch_up_with(rig):
    program = start(rig)
    run(rig, program, 3001)
    rig.clock.advance(10_000)
    run(rig, program, 2001)
    lines, _ = split(rig.line.sent)
    assert len(lines) == 3 + 1 + 2
    assert [stats(line)["up_s"] for line in lines] == ["1", "2", "3", "13", "14", "15"]


def test_the_led_blinks_while_records_flow_and_is_lit_while_none_do(rig):
    program = start(rig, source="pin", sink="uart", rate=None, tries=2)
    run(rig, program, 1)
    for pulses, takes in ((1, 8), (1, 8), (2, 8), (0, 8), (0, 8), (1, 8), (1, 0), (1, 0)):
        rig.uart.at_most = takes
        for _ in range(pulses):
            rig.pulse(None)
        run(rig, program, 1000)
    assert rig.lit == [True, False, True, True, True, False, True, True]


def test_a_board_without_an_led_runs(rig):
    rig.open_led = lambda: None
    run(rig, start(rig), 1001)
    assert rig.lit == []


def test_unlimited_says_none(rig):
    program = start(rig, rate=None)
    run(rig, program, 1001)
    assert stats(split(rig.line.sent)[0][0])["rate"] == "none"


@pytest.mark.parametrize("source", ["timer", "pin"])
def test_pulses_go_to_the_uart(rig, source):
    program = start(rig, source=source, sink="uart", rate=None, timer_ms=10)
    if source == "pin":
        for _ in range(3):
            rig.pulse(None)
    run(rig, program, 35)
    assert len(rig.uart.sent) == 3 * 8
    assert [rig.uart.sent[i] for i in (0, 8, 16)] == [0, 1, 2]


def test_lines_of_the_uart_go_to_its_other_wire(rig):
    outside, opened = rig.uart, []
    rig.open_uart = lambda: opened.append(outside) or outside
    program = start(rig, source="uart", sink="uart", rate=100, burst=1, slots=2)
    outside.incoming += b"one\ntwo\n" + b"x" * 65 + b"\r\nthree\r\nfour"
    run(rig, program, 1001)
    assert (outside.sent, len(opened)) == (b"onetwothree", 1)
    line = last_stats(rig)
    assert (line["admitted"], line["bad_frames"], line["rejected"]) == ("3", "1", "0")


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"uart_length": 2}, b"abcd"),
        ({"uart_silence_ms": 20}, b"abcde"),
        ({"uart_length": 4, "uart_silence_ms": 20}, b"abcd"),
    ],
)
def test_frames_of_the_uart_are_of_a_length_or_end_in_silence(rig, values, sent):
    program = start(rig, source="uart", sink="null", rate=None, slot_size=5, **values)
    taken = bytearray()
    program.pipeline._sink.write = lambda record, n: taken.extend(record[:n]) or True
    rig.uart.incoming += b"abcde"
    run(rig, program, 19)
    assert taken == (sent if "uart_length" in values else b"")
    run(rig, program, 10)
    assert taken == sent
    assert program.link is not None and program._frames.bad == (len(values) == 2)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"source": "uart", "uart_length": 65}, 'uart_length value=65 allowed="slot_size (64) or'),
        (
            {"source": "pin", "slot_size": 7},
            'slot_size value=7 allowed="8 or more when source is p',
        ),
        (
            {"source": "adc", "slot_size": 5},
            'slot_size value=5 allowed="6 or more when source is a',
        ),
        ({"source": "timer", "slot_size": 1}, 'slot_size value=1 allowed="8 or more when source i'),
    ],
)
def test_a_record_of_the_source_longer_than_a_slot_is_refused(rig, values, told):
    (rig.flash / "config.json").write_text(json.dumps(values))
    assert run_main(rig)[0].startswith("event=config_error key=" + told)


@pytest.mark.parametrize("key", ["source", "sink"])
def test_a_uart_that_does_not_open_is_told(rig, key):
    def open_uart():
        raise ValueError("bad TX pin")

    rig.open_uart = open_uart
    (rig.flash / "config.json").write_text(json.dumps({key: "uart"}))
    told = f'event=config_error key={key} value="uart" allowed="what opens (bad TX pin)"'
    assert run_main(rig)[0] == told


def _no_such_time(timeout):
    raise ValueError("timeout too long")


@pytest.mark.parametrize(
    ("watchdog", "allowed"),
    [
        (None, "null on a board without machine.WDT"),
        (_no_such_time, "a time that machine.WDT takes (timeout too long)"),
    ],
)
def test_without_its_watchdog_the_last_good_configuration_runs(rig, watchdog, allowed):
    rig.WDT = watchdog
    (rig.flash / "config.good.json").write_text('{"rate": 7}')
    (rig.flash / "config.json").write_text('{"rate": 8, "watchdog_ms": 8388}')
    program = stand(rig, rig.line)
    assert program.bucket.rate == 7
    assert rig.line.sent.decode().splitlines() == [
        f'event=config_error key=watchdog_ms value=8388 allowed="{allowed}"'
    ]


def test_readings_of_the_analog_input_have_their_tick(rig):
    program = start(rig, source="adc", sink="uart", rate=None, timer_ms=10, slot_size=6)
    begun = rig.clock.ticks()
    for rig.adc.value in (0, 513, 65535):
        run(rig, program, 10)
    run(rig, program, 2)
    sent = rig.uart.sent
    assert [sent[i + 4 : i + 6] for i in (0, 6, 12)] == [b"\0\0", b"\1\2", b"\xff\xff"]
    ticks = [int.from_bytes(sent[i : i + 4], "little") for i in (0, 6, 12)]
    assert [tick - begun for tick in ticks] == [10, 20, 30]


def test_readings_that_a_full_queue_refuses_are_counted(rig):
    program = start(rig, source="adc", sink="null", rate=0, burst=1, timer_ms=10, slots=2)
    run(rig, program, 2000)
    line = last_stats(rig)
    assert int(line["admitted"]) == 1 and 90 < int(line["rejected"]) < 100


def test_bytes_are_charged_as_bytes(rig):
    program = start(rig, cost="bytes", rate=100, burst=16, slot_size=16)
    rig.line.incoming += HELLO
    rig.line.incoming += frame(wire.records(0, b"x" * 16, b"x" * 10))
    run(rig, program, 200)
    ticks = [tick for _, tick, _ in wire.deliveries(split(rig.line.sent)[1])]
    assert ticks[1] - ticks[0] == 100


def test_a_sink_that_fails_for_good_is_told_on_the_console(rig):
    program = start(rig, sink="uart", tries=2)
    rig.uart.at_most = 0
    rig.line.incoming += HELLO + records([0])
    run(rig, program, 1001)
    lines, _ = split(rig.line.sent)
    assert lines[0] == "event=given_up bytes=2"
    assert (stats(lines[-1])["failed"], stats(lines[-1])["retried"]) == ("1", "1")


def test_a_host_changes_the_rate_and_the_records_follow(rig):
    program = start(rig, rate=10, burst=1, slots=8)
    rig.line.incoming += HELLO + records(range(5))
    run(rig, program, 10)
    rig.line.incoming += frame(b"\x83\x01\0\0who=anna rate=100")
    run(rig, program, 60)
    lines, frames = split(rig.line.sent)
    assert lines == ["event=changed key=rate old=10 new=100 who=anna up_s=0"]
    ticks = [tick for _, tick, _ in wire.deliveries(frames)]
    # A tenth of the first token was paid at the old rate when the new one came.
    assert [tick - ticks[0] for tick in ticks] == [0, 19, 29, 39, 49]
    confirmations = [f for f in frames if f[0] == 0x94]
    pairs = [pair for f in confirmations for pair in f[7:].split()]
    assert b"rate=100" in pairs
    assert len(pairs) == confirmations[0][6]
    run(rig, program, 1000)
    assert stats(split(rig.line.sent)[0][-1])["rate"] == "100"


def test_a_limit_of_the_configuration_is_the_credit(rig):
    program = start(rig, rate=0, burst=1, slots=8, limit=3)
    rig.line.incoming += HELLO
    run(rig, program, 1)
    acks = [f for f in split(rig.line.sent)[1] if f[0] == 0x92]
    assert AckRequest.FromString(acks[0][1:]).available_capacity == 3


def test_a_trial_that_makes_the_sink_fail_goes_back(rig):
    program = start(rig, sink="uart", tries=1, rate=10, slots=8)
    rig.line.incoming += HELLO + records(range(3))
    run(rig, program, 1001)
    rig.line.incoming += frame(b"\x83\x01\0\0who=anna trial_s=30 rate=500 limit=4")
    rig.uart.at_most = 0
    rig.line.incoming += records([3])
    run(rig, program, 1001)
    lines = [stats(line) for line in split(rig.line.sent)[0]]
    assert [line["key"] for line in lines if line["event"] == "rolled_back"] == ["rate", "limit"]
    (verdict,) = (line for line in lines if line["event"] == "trial")
    assert (verdict["errors_before_pct"], verdict["errors_pct"]) == ("0.00", "100.00")
    assert (program.bucket.rate, program.ring.limit) == (10, 8)


def test_the_gains_of_the_controllers_change_while_they_run(rig):
    def change(program, pairs):
        rig.line.incoming += frame(b"\x83\x01\0\0who=anna " + pairs)
        run(rig, program, 1)
        assert b"\x95\x01\0\0" not in bytes(rig.line.sent)

    program = start(rig, control="pid")
    change(program, b"kp=1,2 ki=0,1 kd=1,9 target_ms=50 limit_floor=5 calm=none rush=900,400,-500")
    limit = program.controls.limit
    assert (limit.kp, limit.ki, limit.kd, limit.target) == ((1, 2), (0, 1), (1, 9), 50)
    assert (limit.floor, limit.calm, limit.rush) == (5, None, (900, 400, -500))
    program = start(rig, control="codel")
    change(program, b"target_ms=5 interval_ms=100")
    assert (program.controls.shed.target, program.controls.shed.interval) == (5, 100)
    program = start(rig, control="rate", rate=100)
    change(program, b"rate=1000 burst=7 rate_low=10 rate_step=9 rate_keep=7,10 target_ms=60")
    tuner = program.controls.tuner
    assert (tuner.low, tuner.high, tuner.step) == (10, 1000, 9)
    assert (tuner.keep, tuner.latency, program.bucket.high) == ((7, 10), 60, 1000)
    program = start(rig, smooth_ms=5, rate=100)
    change(program, b"rate=200 burst=7")
    assert (program.bucket.rate, program.bucket.burst) == (200, 1)


def test_a_change_to_keep_is_in_the_file(rig):
    program = start(rig, rate=10)
    path = rig.flash / "config.json"
    rig.line.incoming += frame(b"\x83\x01\0\0who=anna rate=11") + frame(
        b"\x83\x02\0\0who=anna keep=1 burst=3"
    )
    run(rig, program, 1)
    assert load(1000, None, rig.FLASH) == check({"rate": 11, "burst": 3}, 1000)
    path.unlink()
    path.mkdir()
    rig.line.incoming += frame(b"\x83\x03\0\0who=anna keep=1 burst=4")
    run(rig, program, 1)
    refusals = [f for f in split(rig.line.sent)[1] if f[0] == 0x95]
    (refusal,) = refusals
    assert refusal[1:4] == b"\x03\0\0"
    assert refusal[4:].split(b"\n")[0] == b"keep"
    assert program.bucket.burst == 3


HERE = len(kernels.in_force)
ASKED = HERE + len(kernels.missing)
STARTED = f"event=start version=0.1.0 board=rig source=link sink=null kernels={HERE}/{ASKED}"


def run_main(board, turns=50):
    """main() until a Ctrl-C after some idle turns; what it printed."""
    left = [turns]

    def idle():
        left[0] -= 1
        if left[0] == 0:
            board.line.incoming += b"\r\x03"
        board.clock.advance(1)

    board.idle = idle
    main(board)
    return split(board.line.sent)[0]


def test_main_starts_says_so_and_stops_on_ctrl_c(rig):
    (rig.flash / "config.json").write_text('{"rate": 5, "sink": "null"}')
    assert run_main(rig) == [
        STARTED,
        "event=stop",
    ]


def test_a_bad_configuration_is_told_and_the_last_good_one_runs(rig):
    (rig.flash / "config.good.json").write_text(json.dumps({"sink": "null"}))
    (rig.flash / "config.json").write_text('{"rate": "fast"}')
    assert run_main(rig)[:2] == [
        'event=config_error key=rate value="fast"'
        ' allowed="an integer from 0 to 1073741823 or null"',
        STARTED,
    ]


def test_what_does_not_print_of_a_bad_configuration_is_not_sent_to_the_console(rig):
    for values, told in (
        ({"\x1b[2J\r\nevent=stop": 1}, "key=?[2J??event=stop value=1 "),
        ({"rate": "\x7f\u0085" + "\u00e4" * 99}, "key=rate value="),
    ):
        (rig.flash / "config.json").write_text(json.dumps(values, ensure_ascii=False))
        lines = run_main(rig)
        assert len(lines) == 3 and lines[0].startswith("event=config_error " + told)
        assert all(line.isascii() and line.isprintable() and len(line) < 500 for line in lines)
        rig.line.sent.clear()


def without_memory(monkeypatch, board, times):
    """The board's memory is not enough for a program, so many times."""
    monkeypatch.setattr(gc, "mem_free", lambda: 60_000, raising=False)
    left = [times]

    def open_led():
        left[0] -= 1
        if left[0] >= 0:
            raise MemoryError
        return board.lit.append

    board.open_led = open_led


TOO_LARGE = "event=config_error key=slots value=%d "


def test_a_configuration_too_large_for_the_memory_is_told_and_not_kept(rig, monkeypatch):
    good, path = json.dumps({"sink": "null"}), rig.flash / "config.json"
    (rig.flash / "config.good.json").write_text(good)
    path.write_text('{"slots": 65535}')
    without_memory(monkeypatch, rig, 1)
    lines = run_main(rig)
    assert lines[0].startswith(TOO_LARGE % 65535)
    assert lines[1:] == [STARTED, "event=stop"]
    assert (rig.flash / "config.good.json").read_text() == good
    path.unlink()
    rig.line.sent.clear()
    assert run_main(rig)[1:] == [STARTED, "event=stop"]


def test_without_a_good_one_that_fits_the_defaults_run_or_nothing_does(rig, monkeypatch):
    (rig.flash / "config.json").write_text('{"slots": 65535}')
    (rig.flash / "config.good.json").write_text('{"slots": 65534}')
    for times, last in ((2, "event=stop"), (3, TOO_LARGE % 64)):
        without_memory(monkeypatch, rig, times)
        lines = run_main(rig)
        assert lines[0].startswith(TOO_LARGE % 65535)
        assert lines[1].startswith(TOO_LARGE % 65534)
        assert len(lines) == times + (2 if times == 2 else 0)
        assert lines[-1].startswith(last)
        rig.line.sent.clear()
    assert json.loads((rig.flash / "config.good.json").read_text()) == {"slots": 65534}


def test_a_configuration_that_cannot_be_kept_runs(rig):
    (rig.flash / "config.json").write_text('{"rate": 5, "sink": "null"}')
    (rig.flash / "config.good.json.new").mkdir()  # nobody can write it
    lines = run_main(rig)
    assert lines[0].startswith('event=config_error key=config.good.json value="errno 21" ')
    assert lines[1:] == [STARTED, "event=stop"]


def last_stats(board):
    lines, _ = split(board.line.sent)
    return stats([line for line in lines if line.startswith("event=stats")][-1])


def fed(board, program, every_ms, ms):
    """Put a record into the ring every so many ms; a full one refuses it."""
    for now in range(ms):
        if now % every_ms == 0:
            program.ring.put(b"record", 6)
        run(board, program, 1)


def test_each_statistics_line_tells_how_much_was_refused_at_the_start(rig):
    for values, refused in (({"rate": 5}, 0), ({"rate": "fast"}, 1)):
        (rig.flash / "config.json").write_text(json.dumps(values))
        program = stand(rig, rig.line)
        fed(rig, program, 100, 1500)
        assert int(last_stats(rig)["config_errors"]) == refused


def test_the_limit_follows_the_time_in_the_queue(rig):
    program = start(rig, control="pid", rate=100, burst=1, slots=64, source="pin", sink="null")
    fed(rig, program, 5, 40_000)  # twice what gets out
    line = last_stats(rig)
    assert 15 <= int(line["limit"]) <= 25  # 200 ms at 100 a second
    assert 150 <= int(line["p95_ms"]) <= 260
    assert int(line["rejected"]) > 0


def test_codel_sheds_what_has_waited_too_long_and_says_so(rig):
    values = {"control": "codel", "target_ms": 20, "interval_ms": 100}
    program = start(rig, **values, rate=100, burst=1, slots=64, source="pin", sink="null")
    fed(rig, program, 8, 60_000)
    line = last_stats(rig)
    assert int(line["shed"]) > 100
    assert int(line["p50_ms"]) < 200
    assert line["rejected"] == "0"
    assert line["failed"] == "0"


def test_the_rate_follows_a_sink_that_fails(rig):
    values = {"control": "rate", "rate_low": 50, "rate_step": 25}
    program = start(rig, **values, rate=400, burst=1, source="pin", sink="uart")
    line = rig.uart
    line.write = lambda buf, n: 0
    fed(rig, program, 2, 5_000)
    assert last_stats(rig)["rate"] == "50"
    line.write = lambda buf, n: n
    fed(rig, program, 2, 6_000)
    assert 150 <= int(last_stats(rig)["rate"]) <= 200
    fed(rig, program, 2, 12_000)
    assert last_stats(rig)["rate"] == "400"


def test_smoothed_grants_come_evenly_after_an_idle_time(rig):
    program = start(rig, smooth_ms=1, rate=300, burst=50, source="pin", sink="uart")
    at = []
    rig.uart.write = lambda buf, n: at.append(rig.clock.ticks()) or n
    run(rig, program, 700)  # idle
    for _ in range(5):
        program.ring.put(b"record", 6)
    run(rig, program, 30)
    assert [(tick - at[0]) % (1 << 30) for tick in at] == [0, 3, 6, 10, 13]


def test_the_load_is_what_the_turns_with_work_took(rig):
    program = start(rig, rate=None, source="pin", sink="uart")
    rig.uart.write = lambda buf, n: rig.clock.advance(5) or n
    fed(rig, program, 10, 3_000)
    assert 0.3 <= float(last_stats(rig)["load"]) <= 0.5


def grant(board, number, guaranteed, extra, for_ms, count=1):
    until = board.clock.ticks() + for_ms & 0x3FFFFFFF
    numbers = b"".join(n.to_bytes(4, "little") for n in (number, guaranteed, extra, until))
    board.line.incoming += frame(b"\x89\x07\0\0" + bytes([count, 0, 0]) + numbers)


GREET = frame(b"\x88\x07\0\0")
BUDGETED = {"rate_from": "budget", "rate": 300, "burst": 1, "source": "pin", "sink": "null"}


def test_a_budget_gives_the_rate_and_after_it_what_is_guaranteed_and_kept(rig):
    program = start(rig, **BUDGETED)
    fed(rig, program, 1, 2_000)
    assert last_stats(rig)["rate"] == "0"
    rig.line.incoming += GREET
    run(rig, program, 1)
    grant(rig, 1, 20, 80, 1_500)
    fed(rig, program, 1, 1_000)
    assert last_stats(rig)["rate"] == "100"
    assert last_stats(rig)["qps"] == "98"  # a line that is no source is read every 10 ms
    fed(rig, program, 1, 2_000)
    assert (last_stats(rig)["rate"], last_stats(rig)["qps"]) == ("20", "20")
    rig.line.incoming.clear()
    again = start(rig, **BUDGETED)  # as after a reset
    fed(rig, again, 1, 1_001)
    assert last_stats(rig)["rate"] == "20"


def test_an_extra_is_over_within_ten_ms_also_when_an_interval_ends(rig):
    program = start(rig, **BUDGETED, stats_ms=100)
    rig.line.incoming += GREET
    run(rig, program, 1)
    for number in range(1, 41):
        grant(rig, number, 20, 80, 95 + number)
        run(rig, program, 50)
        assert program.bucket.rate == 100
        run(rig, program, 45 + number + 10)
        assert program.bucket.rate == 20


def test_the_rate_of_the_configuration_is_the_most_that_a_budget_gives(rig):
    program = start(rig, **BUDGETED)
    rig.line.incoming += GREET
    run(rig, program, 1)
    grant(rig, 1, 0, 1000, 5_000)
    fed(rig, program, 1, 1_000)
    assert last_stats(rig)["rate"] == "300"
    for rate, in_force in ((40, 40), (2000, 1000), (500, 500)):
        rig.line.incoming += frame(
            b"\x83" + rate.to_bytes(3, "little") + b"who=anna rate=%d" % rate
        )
        fed(rig, program, 1, 1_000)
        assert last_stats(rig)["rate"] == str(in_force)
    fed(rig, program, 1, 2_000)
    assert last_stats(rig)["rate"] == "0"


def test_a_board_without_a_budget_takes_no_grant(rig):
    program = start(rig, rate=300, source="pin", sink="null")
    rig.line.incoming += GREET
    run(rig, program, 1)
    grant(rig, 1, 0, 100, 5_000)
    run(rig, program, 1_000)
    assert last_stats(rig)["rate"] == "300"
    assert split(rig.line.sent)[1][-1][22] == 0


def watch(board, ms):
    board.line.incoming += frame(b"\x8a" + ms.to_bytes(3, "little"))


def test_a_report_comes_with_each_line_and_none_besides(rig):
    program = start(rig, rate=10, burst=1, slots=8, stats_ms=1000)
    rig.line.incoming += frame(b"\x88\x09\x07\0")
    for _ in range(500):  # a loop that looks at its clock now and then
        run(rig, program, 1)
        rig.clock.advance(9)
    lines, frames = split(rig.line.sent)
    reports = [content for content in frames if content[0] == 0x98]
    assert (len(lines), len(reports)) == (4, 5)  # the first one answers the greeting


def test_a_watermark_slows_the_board_to_a_part_of_its_own_limit_and_rate(rig):
    program = start(rig, rate=100, burst=10, slots=64, source="pin", sink="null", limit=50)
    rig.line.incoming += GREET
    watch(rig, 500)
    fed(rig, program, 5, 5_000)
    line = last_stats(rig)
    assert (line["watermark_ms"], line["part"], line["limit"]) == ("500", "512", "25")
    assert (line["rate"], line["qps"]) == ("100", "50")
    assert 24 <= int(line["depth"]) <= 25
    assert int(line["backlog_bytes"]) == 6 * int(line["depth"])
    assert 400 < int(line["lag_ms"]) <= 500
    rig.line.incoming += frame(b"\x83\x01\0\0who=anna watermark_half_ms=1500 limit=40")
    fed(rig, program, 5, 3_000)
    line = last_stats(rig)
    assert (line["part"], line["limit"], line["qps"]) == ("768", "30", "75")
    rig.line.incoming += frame(b"\x83\x02\0\0who=anna rate=40")
    fed(rig, program, 5, 3_000)
    assert last_stats(rig)["qps"] == "30"
    watch(rig, 0)
    rig.line.incoming += frame(b"\x83\x03\0\0who=anna limit=none")
    fed(rig, program, 5, 3_000)
    line = last_stats(rig)
    assert (line["part"], line["limit"], line["qps"]) == ("1024", "64", "40")


def test_a_grant_under_a_watermark_is_throttled_as_well(rig):
    values = {"rate_from": "budget", "rate": 300, "burst": 10, "slots": 64}
    program = start(rig, **values, source="pin", sink="null")
    watch(rig, 1000)
    rig.line.incoming += GREET
    grant(rig, 1, 200, 0, 60_000)
    fed(rig, program, 2, 3_000)
    line = last_stats(rig)
    assert (line["rate"], line["part"]) == ("200", "341")
    assert 66 <= int(line["qps"]) <= 67


def test_what_controls_the_limit_goes_on_from_where_it_was(rig):
    values = {"control": "pid", "calm": None, "rate": 100, "burst": 1, "slots": 64}
    program = start(rig, **values, source="pin", sink="null")
    fed(rig, program, 5, 20_000)
    own = program.ring.limits.controller
    assert 15 <= own <= 25
    watch(rig, 500)
    fed(rig, program, 5, 10_000)
    assert last_stats(rig)["limit"] == str(own // 2)
    watch(rig, 0)
    fed(rig, program, 5, 100)
    assert program.ring.limit == own


def test_the_time_of_attempts_on_the_sink_is_told(rig):
    program = start(rig, source="pin", sink="null")
    for ms, told in ((0, "0"), (300, "150"), (0, "0")):
        program.stats.attempt(True, ms)
        program.stats.attempt(False, 0)
        run(rig, program, 1_001)
        assert last_stats(rig)["sink_ms"] == told


# The watchdog


def watched(board, **values):
    return start(board, watchdog_ms=1000, **values)


@pytest.mark.parametrize("watchdog_ms", [None, 8000])
def test_run_starts_the_watchdog_that_is_configured(rig, watchdog_ms):
    program = Program(check({"watchdog_ms": watchdog_ms}, 1000), rig, rig.line)
    rig.line.incoming += b"\r\x03"
    with pytest.raises(KeyboardInterrupt):
        program.run()
    assert (rig.watchdog and rig.watchdog.timeout) == watchdog_ms


@pytest.mark.parametrize(
    "values",
    [
        {"source": "link"},  # nobody sends
        {"source": "timer", "timer_ms": 100, "sink": "null"},
        {"source": "timer", "timer_ms": 10, "sink": "null", "rate": 1, "per_ms": 60_000},  # denied
        {"source": "timer", "timer_ms": 10, "sink": "null", "rate": 0, "burst": 1},  # for ever
    ],
)
def test_a_loop_that_has_nothing_to_do_or_must_wait_is_no_stuck_loop(rig, values):
    program = watched(rig, **values)
    for _ in range(50):
        run(rig, program, 100)
        assert not rig.watchdog.bites


def test_a_failing_sink_that_is_given_up_is_no_stuck_loop(rig):
    rig.uart.write = lambda data, n=None: 0
    program = watched(rig, source="timer", timer_ms=10, sink="uart", tries=3)
    for _ in range(50):
        run(rig, program, 100)
        assert not rig.watchdog.bites
    assert program.stats.failed > 0


def test_a_host_that_confirms_nothing_is_no_stuck_loop(rig):
    program = watched(rig, rate=None, slots=64)
    rig.line.incoming += HELLO + records(range(60))
    for _ in range(50):
        run(rig, program, 100)
        assert not rig.watchdog.bites
    assert program.link.room() == 0


def test_records_that_come_behind_the_step_of_each_look_do_not_starve_the_watchdog(rig):
    """A timer of 10 ms may be so in step with the loop's look at what is due every 10 ms."""
    program = watched(rig, source="pin", sink="null", rate=None)
    step = program._step

    def step_and_pulse():
        moved = step()
        if program._ticks() - program._attended == 0:  # the turn looks
            rig.pulse()
        return moved

    program._step = step_and_pulse
    for _ in range(3000):
        rig.clock.advance(1)
        program.turn()
        assert not rig.watchdog.bites
    assert program.stats.admitted > 200


def test_a_sink_that_hangs_starves_the_watchdog(rig):
    program = watched(rig, source="timer", timer_ms=10, sink="uart", rate=None)
    bitten = []

    def hang(data, n=None):
        for _ in range(20):
            rig.clock.advance(100)
            bitten.append(rig.watchdog.bites)
        raise KeyboardInterrupt  # the reset

    rig.uart.write = hang
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        run(rig, program, 100)
    assert bitten[-1] and not bitten[0]


def test_a_loop_that_turns_without_moving_what_is_due_starves_the_watchdog(rig):
    """Each time that it looks at a record, interrupts have replaced it by one of another length."""
    program, lengths = None, itertools.cycle((1, 2))

    def ticks():
        nonlocal program
        interrupted, program = program, None  # an interrupt looks at the clock, too
        if interrupted is not None:
            n = next(lengths)
            for _ in range(interrupted.ring.capacity):
                interrupted.ring.put(b"xx", n)
            program = interrupted
        return rig.clock.ticks()

    rig.ticks = ticks
    values = {"source": "pin", "sink": "null", "rate": 1_000_000, "slots": 4}
    stormed = program = watched(rig, overflow="overwrite", **values)
    run(rig, stormed, 1000)
    assert not rig.watchdog.bites
    run(rig, stormed, 100)
    assert rig.watchdog.bites
    assert stormed.stats.admitted == 0


# Light sleep


@pytest.fixture
def sleeper(tmp_path):
    with TickClock(start=(1 << 30) - 500) as clock:
        yield SleepingBoardTwin(clock, tmp_path)


def rest(board, program, ms):
    """The loop of `run`, for so long."""
    end = board.clock.passed_us() + ms * 1000
    while board.clock.passed_us() < end:
        if not program.turn():
            program.rest()


@pytest.mark.parametrize("rate", [3, 7, 1000])
def test_a_board_that_sleeps_grants_as_one_that_does_not(tmp_path, rate):
    values = {"source": "timer", "timer_ms": 130, "sink": "uart", "stats_ms": 10_000}
    told, slept = [], []
    for light_sleep_ms in (None, 500):
        with TickClock(start=(1 << 30) - 500) as clock:
            board = SleepingBoardTwin(clock, tmp_path)
            program = start(board, **values, rate=rate, burst=1, light_sleep_ms=light_sleep_ms)
            writes = []
            board.uart.write = lambda _, n, w=writes, c=clock: w.append(c.passed_us() // 1000) or n
            rest(board, program, 9_000)
        told.append((writes, program.bucket.tokens(), program.stats.admitted))
        slept.append(sum(board.slept))
    assert told[0] == told[1]
    assert slept[0] == 0 and slept[1] > 5_000


def test_a_sleep_ends_before_what_is_due(sleeper):
    program = start(sleeper, source="timer", timer_ms=60_000, sink="null", light_sleep_ms=5_000)
    rest(sleeper, program, 4_001)
    lines = [stats(line) for line in split(sleeper.line.sent)[0]]
    assert [line["up_s"] for line in lines] == ["1", "2", "3", "4"]  # statistics come in time
    assert max(sleeper.slept) <= 1_000


def test_a_sleep_leaves_the_watchdog_time_enough(sleeper):
    values = {"stats_ms": 60_000, "light_sleep_ms": 60_000, "watchdog_ms": 2_000}
    program = start(sleeper, source="timer", timer_ms=60_000, sink="null", **values)
    rest(sleeper, program, 10_000)
    assert max(sleeper.slept) == 1_000


def test_a_board_does_not_sleep_while_its_uart_sends(sleeper):
    sleeper.uart.txdone = lambda: False
    program = start(sleeper, source="timer", timer_ms=500, sink="uart", light_sleep_ms=100)
    rest(sleeper, program, 2_000)
    assert sleeper.slept == []


@pytest.mark.parametrize("source", ["link", "pin"])
def test_a_board_that_would_lose_what_its_source_sends_stays_awake_and_says_so(sleeper, source):
    (sleeper.flash / "config.json").write_text(
        json.dumps({"source": source, "light_sleep_ms": 100})
    )
    sleeper.idle = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    main(sleeper)
    text = bytes(sleeper.line.sent).decode()
    assert 'key=light_sleep_ms value=100 allowed="null on rig, or source timer"' in text
    assert sleeper.slept == []
