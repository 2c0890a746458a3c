"""Each record's end is told once: the program, the pipeline and the link joined to a real host."""

import io
import random

import pytest
from board_twin import start
from joined_board import Joined
from wire import contents, deliveries, records
from wire import to_board as frame

from sluice_tools.board.feed.account import Tally
from sluice_tools.board.feed.arrivals import read_lines
from sluice_tools.serial.ack_pb2 import AckRequest
from sluice_tools.serial.session import ACK, Session
from sluice_tools.serial.window import SEQ_PERIOD, SHED


def hello(session, base):
    return frame(b"\x81\x23\x09" + b"".join(n.to_bytes(3, "little") for n in (session, base, base)))


def record(seq, payload):
    return frame(records(seq, payload))


def told(board):
    """What the board said of records since the last call: (sequence number, payload), or an
    ENDED's (sequence number, count, how)."""
    said = []
    for content in contents(bytes(board.line.sent)):
        seq = int.from_bytes(content[1:4], "little")
        if content[0] == 0x93:
            said += [(seq, payload) for seq, _, payload in deliveries([content])]
        elif content[0] == 0x99:
            said.append((seq, int.from_bytes(content[4:7], "little"), content[7]))
    board.line.sent.clear()
    return said


def acknowledged(board):
    """What the board has acknowledged since the last call, each before this sequence number."""
    sent = contents(bytes(board.line.sent))
    board.line.sent.clear()
    return [AckRequest.FromString(each[1:]).processed_count for each in sent if each[0] == 0x92]


def hear(program, board, data):
    board.line.incoming += data
    while program.link.poll():
        pass


def test_old_and_new_records_in_one_step_keep_their_own_numbers(rig):
    program = start(rig, rate=None, slots=8)
    hear(program, rig, hello(7, 100) + record(100, b"old0") + record(101, b"old1"))
    hear(program, rig, hello(8, 200) + record(200, b"new0") + record(201, b"new1"))
    told(rig)
    program.turn()
    assert told(rig) == [(198, b"old0"), (199, b"old1"), (200, b"new0"), (201, b"new1")]


def test_a_shed_record_and_a_delivered_one_in_one_step_keep_their_numbers(rig):
    """With CoDel's last two kept, the third of four in the queue is the last that can be shed."""
    values = {"rate": None, "slots": 8, "control": "codel", "target_ms": 1, "interval_ms": 1}
    program = start(rig, **values)
    shed = program.controls.shed
    hear(program, rig, hello(7, 200) + b"".join(record(200 + i, b"rec%d" % i) for i in range(4)))
    answers = [True, False, True, False]
    shed.should_drop = lambda sojourn, now, behind: answers.pop(0)
    told(rig)
    program.turn()
    assert told(rig) == [(200, 1, SHED), (201, b"rec1"), (202, 1, SHED), (203, b"rec3")]
    assert (program.stats.admitted, program.stats.shed) == (2, 2)


def test_what_is_shed_while_the_window_is_full_is_told_and_the_loop_goes_on(rig):
    program = start(rig, rate=None, slots=40, control="codel")
    hear(program, rig, hello(7, 0) + b"".join(record(i, b"r%d" % i) for i in range(40)))
    shed = program.controls.shed
    answers = [False] * 28 + [True] * 6 + [False] * 6
    shed.should_drop = lambda sojourn, now, behind: bool(answers) and answers.pop(0)
    told(rig)
    for _ in range(10):
        program.turn()
        rig.clock.advance(2)
    said = told(rig)
    assert [each for each in said if len(each) == 3] == [(28, 4, SHED), (28, 6, SHED)]
    assert [seq for seq, payload in (e for e in said if len(e) == 2)] == [
        *range(28),
        *range(34, 38),
    ]


def test_a_board_that_sheds_on_a_slow_line_counts_as_its_host_does(rig):
    values = {"rate": 600, "burst": 10, "slots": 200, "control": "codel"}
    board = Joined(rig, Session(7, 0), delay_ms=25, **values)
    board.waiting.extend(b"%d" % i for i in range(4000))
    board.run(10_000)
    stats, session = board.program.stats, board.session
    assert not board.waiting
    assert stats.shed > 0
    assert len(board.finished) == 4000
    assert session.delivered == stats.admitted
    assert sum(record.not_taken == SHED for record in board.finished) == stats.shed
    assert [record.payload for record in board.finished] == [b"%d" % i for i in range(4000)]


def test_the_record_that_an_overwriting_pipeline_holds_belongs_to_the_old_session(rig):
    rig.uart.at_most = 0
    program = start(rig, rate=None, slots=4, sink="uart", overflow="overwrite")
    hear(program, rig, hello(7, 100) + record(100, b"old"))
    program.turn()  # held in the copy, and refused by the sink
    assert len(program.ring) == 0
    hear(program, rig, hello(8, 200) + record(200, b"new"))
    acknowledged(rig)
    rig.uart.at_most = 3
    while bytes(rig.uart.sent) != b"oldnew":
        assert set(acknowledged(rig)) <= {200}, "the sink has not taken anything of the new session"
        program.turn()
        rig.clock.advance(1)
    for _ in range(30):
        program.turn()
        rig.clock.advance(1)
    assert acknowledged(rig)[-1] == 201


class PickyUart:
    """Takes each record but every seventh; `taken` and `tried` have their numbers."""

    def __init__(self):
        self.taken = []
        self.tried = []

    def write(self, record, n):
        number = int(bytes(record[:n]))
        self.tried.append(number)
        if number % 7 == 3:
            return 0
        self.taken.append(number)
        return n


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("overflow", ["reject", "overwrite"])
@pytest.mark.parametrize("control", [None, "codel"])
def test_the_account_of_a_feed_to_a_uart_is_what_the_uart_took(rig, seed, overflow, control):
    """Acknowledgements are lost, and the board is reset three times and forgets what it holds."""
    uart = rig.uart = PickyUart()
    chance = random.Random(seed)
    values = {"rate": 500, "tries": 2, "slots": 32, "overflow": overflow, "control": control}
    codel = {} if control is None else {"target_ms": 20, "interval_ms": 40}
    board = Joined(rig, Session(7, SEQ_PERIOD - 9), delay_ms=5, sink="uart", **values, **codel)
    board.loses = lambda content: content[0] == ACK and chance.random() < 0.7
    lines = b"".join(b"%d\n" % number for number in range(800))
    arrivals = read_lines(io.BytesIO(lines))
    board.waiting.extend(arrival.payload for arrival in arrivals)
    taken, given_up, shed = 0, 0, 0
    for part in range(4):
        before = len(board.finished)
        board.run(chance.randrange(300, 700) if part < 3 else 20_000)
        acknowledged = range(before, len(board.finished))
        taken += len(set(uart.taken).intersection(acknowledged))
        given_up += sum(uart.tried.count(n) == 2 for n in acknowledged if n % 7 == 3)
        shed += len(set(acknowledged).difference(uart.tried))
        uart.taken.clear()
        uart.tried.clear()
        if part < 3:
            board.reset()
    tally = Tally()
    tally.add_acknowledged(board.finished, 1000)
    account = tally.account(arrivals, board.session, 0, 0, False)
    assert (account.counted, account.sent) == ("acknowledged", 800)
    assert (account.delivered, account.lost) == (taken, 800 - taken)
    assert (account.given_up, account.shed, account.overwritten) == (given_up, shed, 0)
    assert given_up > 20 and (shed > 0) == (control is not None)
    assert [int(record.payload) for record in board.finished] == list(range(800))


@pytest.mark.parametrize("delay_ms", [40, 100])
@pytest.mark.parametrize("values", [{"tries": 1}, {"control": "rate"}])
def test_a_window_that_fills_is_no_failure_of_a_healthy_link(rig, delay_ms, values):
    board = Joined(rig, Session(7, 0), delay_ms=delay_ms, rate=500, slots=200, **values)
    board.waiting.extend(b"%d" % i for i in range(1000))
    board.run(10_000)
    stats = board.program.stats
    assert len(board.finished) == board.session.delivered == 1000
    assert (stats.retried, stats.failed, stats.admitted) == (0, 0, 1000)
    assert board.program.bucket.rate == 500


def test_a_host_away_for_an_hour_costs_nothing_and_feeds_the_watchdog(rig):
    board = Joined(rig, Session(7, 0), rate=100, burst=10, slots=64, tries=1, watchdog_ms=1000)
    board.waiting.extend(b"%d" % i for i in range(60))
    board.run(20)
    board.join(Session(7, 0))  # it hears nothing
    tokens = board.program.bucket.burst
    for _ in range(36_000):
        board.rig.clock.advance(100)
        board.program.turn()
        assert not rig.watchdog.bites
    stats = board.program.stats
    assert board.program.link.room() == 0
    assert (board.program.bucket.tokens(), stats.retried, stats.failed) == (tokens, 0, 0)


@pytest.mark.parametrize("overflow", ["reject", "overwrite"])
@pytest.mark.parametrize("sink", ["link", "uart"])
def test_a_lowered_limit_refuses_nothing_that_was_promised(rig, overflow, sink):
    values = {"rate": 100, "burst": 1, "slots": 64, "overflow": overflow, "sink": sink}
    board = Joined(rig, Session(7, 0), delay_ms=100, **values)
    program = board.program
    board.waiting.extend(b"%03d" % i for i in range(300))
    board.run(250)  # 64 records are on the line, or have just come
    program.ring.set_limit(2)
    board.run(2000)
    program.ring.set_limit(64)
    board.run(8000)
    counted = program.link.refused, program.ring.rejected, program.ring.overwritten
    assert counted == (0, 0, 0)
    assert [record.payload for record in board.finished] == [b"%03d" % i for i in range(300)]
    assert program.stats.admitted == 300


def test_a_host_that_breaks_its_credit_replaces_nothing(rig):
    program = start(rig, rate=0, burst=1, slots=2, sink="null", overflow="overwrite")
    hear(program, rig, hello(7, 0) + b"".join(record(i, b"r%d" % i) for i in range(3)))
    assert (program.link.refused, program.ring.overwritten, len(program.ring)) == (1, 0, 2)
