"""A user's own module as source and sink of the program."""

import json
import sys

import pytest
from board_twin import start

from sluice.program.program import stand

STARTS = "calls = []\ndef start(config, board):\n    calls.append((config['rate'], board.NAME))\n"
READS = """
waiting = []
asked = 0
def read(buf):
    global asked
    asked += 1
    if not waiting:
        return 0
    record = waiting.pop(0)
    if not isinstance(record, bytes):
        raise record
    buf[:len(record)] = record
    return len(record)
"""
WRITES = """
taken = []
answer = 1
def write(record, n):
    if not isinstance(answer, int):
        raise answer
    if answer:
        taken.append(bytes(record[:n]))
    return answer
"""


@pytest.fixture
def mine(rig, monkeypatch):
    """mine(source): the file mine.py on the board's flash. Afterwards `sys.modules` forgets it."""
    monkeypatch.syspath_prepend(str(rig.flash))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(source, name="mine"):
        (rig.flash / f"{name}.py").write_text(source)

    yield write
    sys.modules.pop("mine", None)


def run(board, program, ms):
    for _ in range(ms):
        while program.turn():
            pass
        board.clock.advance(1)


def lines(board):
    return bytes(board.line.sent).decode().splitlines()


def said(board, event):
    return [line for line in lines(board) if line.startswith(f"event={event} ")]


def test_what_a_module_reads_goes_to_the_sink(rig, mine):
    mine(STARTS + READS)
    program = start(rig, source="module:mine", sink="uart", rate=None)
    module = sys.modules["mine"]
    assert module.calls == [(None, "rig")]
    module.waiting += [b"one", b"two", b"x" * 64]
    run(rig, program, 1)
    assert rig.uart.sent == b"onetwo" + b"x" * 64
    assert (program.stats.admitted, program.ring.rejected) == (3, 0)


def test_a_turn_takes_a_few_and_an_idle_one_asks_once(rig, mine):
    mine(READS)
    program = start(rig, source="module:mine", sink="null", rate=0, burst=1, slots=64)
    module = sys.modules["mine"]
    module.waiting += [b"r%d" % n for n in range(10)]
    assert program.turn() and len(program.ring) + program.stats.admitted == 4
    program.turn(), program.turn()
    asked = module.asked
    assert not program.turn()
    assert (module.waiting, module.asked) == ([], asked + 1)


def test_a_full_queue_asks_for_no_more_and_refuses_nothing(rig, mine):
    mine(READS)
    program = start(rig, source="module:mine", sink="null", rate=10, burst=1, slots=8, limit=3)
    module = sys.modules["mine"]
    module.waiting += [b"r%d" % n for n in range(20)]
    run(rig, program, 50)
    assert (len(program.ring), len(module.waiting)) == (3, 20 - 1 - 3)
    run(rig, program, 2000)
    assert (program.stats.admitted, program.ring.rejected, module.waiting) == (20, 0, [])


def test_a_queue_that_overwrites_is_always_asked(rig, mine):
    mine(READS)
    program = start(rig, source="module:mine", sink="null", rate=0, slots=3, overflow="overwrite")
    sys.modules["mine"].waiting += [b"r%d" % n for n in range(30)]
    run(rig, program, 20)
    assert sys.modules["mine"].waiting == []
    program.pipeline.step()
    assert program.stats.admitted + program.ring.overwritten + len(program.ring) >= 29


def test_what_read_raises_is_counted_and_some_is_said(rig, mine):
    mine(READS)
    program = start(rig, source="module:mine", sink="null", rate=None)
    waiting = sys.modules["mine"].waiting
    for n in range(5):
        waiting += [OSError(5, 'the "sensor"\r\n'), b"r%d" % n]
    run(rig, program, 20)
    assert program.stats.admitted == 5
    told = 'event=module_error key=source errors=%d error="OSError: [Errno 5] the ?sensor???"'
    assert said(rig, "module_error") == [told % n for n in (1, 2, 4)]


@pytest.mark.parametrize("answer", [65, -1, "'three'", 2.5])
def test_an_answer_that_is_none_is_said_and_no_record(rig, mine, answer):
    mine(f"answers = [{answer}]\ndef read(buf):\n    return answers.pop() if answers else None\n")
    program = start(rig, source="module:mine", sink="null", rate=None)
    run(rig, program, 5)
    (line,) = said(rig, "module_error")
    assert "errors=1 " in line and "read() says neither 0 nor" in line
    assert (program.stats.admitted, len(program.ring)) == (0, 0)


def test_ctrl_c_in_a_module_ends_the_program(rig, mine):
    mine("def read(buf):\n    raise KeyboardInterrupt\n")
    program = start(rig, source="module:mine", sink="null")
    with pytest.raises(KeyboardInterrupt):
        program.turn()


def test_a_module_as_sink_takes_refuses_and_raises(rig, mine):
    mine(WRITES)
    program = start(rig, source="pin", sink="module:mine", rate=None, tries=3)
    module = sys.modules["mine"]
    rig.pulse(None)
    run(rig, program, 1)
    assert [len(record) for record in module.taken] == [8]
    module.answer = 0
    rig.pulse(None)
    run(rig, program, 500)
    assert (program.stats.failed, said(rig, "module_error")) == (1, [])
    module.answer = ValueError("no")
    rig.pulse(None)
    run(rig, program, 500)
    assert program.stats.failed == 2
    told = 'event=module_error key=sink errors=%d error="ValueError: no"'
    assert said(rig, "module_error") == [told % 1, told % 2]


def test_a_sink_with_room_and_done_holds_records(rig, mine):
    mine(
        "room_left, held, ready = 2, [], 0\n"
        "def room():\n    return room_left - len(held)\n"
        "def write(record, n):\n    held.append(record)\n    return 16\n"
        "def done():\n    global ready\n    n, ready = ready, 0\n    del held[:n]\n    return n\n"
    )
    program = start(rig, source="pin", sink="module:mine", rate=None)
    module = sys.modules["mine"]
    for _ in range(3):
        rig.pulse(None)
    run(rig, program, 5)
    assert (len(module.held), program.stats.admitted) == (2, 0)
    module.ready = 2
    run(rig, program, 5)
    assert (len(module.held), program.stats.admitted) == (1, 2)


def test_one_module_as_both_is_started_once(rig, mine):
    mine(STARTS + READS + WRITES)
    program = start(rig, source="module:mine", sink="module:mine", rate=None)
    module = sys.modules["mine"]
    module.waiting.append(b"echo")
    run(rig, program, 2)
    assert (len(module.calls), module.taken) == (1, [b"echo"])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (None, "a module that can be imported; ModuleNotFoundError: No module named 'mine'"),
        ("def read(buf:\n", "a module that can be imported; SyntaxError: "),
        ("import no_such\n", "a module that can be imported; ModuleNotFoundError: No module named"),
        ("1 / 0\n", "a module that can be imported; ZeroDivisionError: division by zero"),
        ("reed = 1\n", "a module with a function read"),
        ("read = 1\n", "a module with a function read"),
        (
            "def read(buf): pass\ndef start(config, board): raise OSError(19)\n",
            "a module whose start() returns; OSError: 19",
        ),
        (
            "def read(buf): pass\ndef start(): pass\n",
            "a module whose start() returns; TypeError: start() takes 0 positional arguments",
        ),
    ],
)
def test_a_module_that_cannot_be_used_is_told_and_the_last_good_runs(rig, mine, source, told):
    if source is not None:
        mine(source)
    (rig.flash / "config.good.json").write_text(json.dumps({"sink": "null", "rate": 7}))
    (rig.flash / "config.json").write_text(json.dumps({"source": "module:mine"}))
    program = stand(rig, rig.line)
    (line,) = lines(rig)
    assert line.startswith(f'event=config_error key=source value="module:mine" allowed="{told}')
    assert line.endswith('"') and line.isprintable()
    assert (program.bucket.rate, program.stats_line.config_errors) == (7, 1)
    assert json.loads((rig.flash / "config.good.json").read_text())["rate"] == 7


@pytest.mark.parametrize("name", ["", "my-own", "1st", "a.b", "mod\u00fcl", "../mine", "a\nb"])
def test_what_names_no_module_is_told(rig, mine, name):
    (rig.flash / "config.json").write_text(json.dumps({"source": "module:" + name}))
    assert stand(rig, rig.line) is not None
    (line,) = lines(rig)
    assert line.startswith("event=config_error key=source value=") and line.isprintable()
    assert "a module that can be imported; " in line


def test_a_sink_without_write_is_told(rig, mine):
    mine(READS)
    (rig.flash / "config.json").write_text('{"sink": "module:mine"}')
    assert stand(rig, rig.line) is not None
    (line,) = lines(rig)
    assert 'key=sink value="module:mine" allowed="a module with a function write"' in line


def test_a_module_for_which_the_memory_is_not_enough_is_told(rig, mine, monkeypatch):
    monkeypatch.setattr("gc.mem_free", lambda: 60_000, raising=False)
    mine("raise MemoryError\n")
    (rig.flash / "config.json").write_text('{"source": "module:mine"}')
    assert stand(rig, rig.line) is not None
    assert lines(rig)[0].startswith("event=config_error key=slots value=64 ")
