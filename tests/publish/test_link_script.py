"""The page's JavaScript for the link, byte by byte beside the Python that tests the boards."""

import json
import random
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import wire
from cobs import cobs

from sluice_tools.serial.frames import Frame, LineReader, encode, obeyed_by_a_repl
from sluice_tools.serial.logfmt import parse, read_stats
from sluice_tools.serial.settings import ANSWERS, Audit, Change, Refused
from sluice_tools.vboard.node import find_node

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "tools" / "publish" / "web" / "page"
LINK_PAGE = HERE.parents[1] / "docs" / "link.md"
SOJOURNS = "1,2,0,4,0,0,0,0,0,0,0,0,0,5,900"
STATS = (
    "event=stats up_s=12 qps=500 mean_qps=348.51 admitted=4182 denied=3000 load=0.31 depth=12"
    " limit=64 high_water=64 capacity=64 tokens=0 rate=500 per_ms=1000 burst=10 cost=record"
    " rejected=0 overwritten=0 failed=0 shed=0 retried=0 bad_frames=0 strays=0 duplicates=0"
    f" repeated=0 watermark_ms=0 backlog_bytes=48 lag_ms=9 sojourns={SOJOURNS} refused=0"
    " p50_ms=127 p95_ms=128 p99_ms=-1"
)


def script(calls):
    """What the page's functions return."""
    done = subprocess.run(
        [find_node(), HERE / "link_twin.mjs", PAGE.as_uri() + "/"],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def contents(count):
    """Contents of frames: each length, with few and with many of the bytes that are special."""
    chance = random.Random(7)
    for n in range(count):
        alphabet = ([0, 3], [0, 1, 2, 3, 4, 255], range(256), range(4, 256))[n % 4]
        yield bytes(chance.choices(list(alphabet), k=1 + n % 250))


def test_the_checksum_is_that_of_the_standard():
    assert script([["crc16", b"123456789".hex()]]) == [0x29B1]


def test_each_frame_is_the_same_bytes_as_in_python():
    sent = list(contents(2000))
    frames = script([["frame", content.hex()] for content in sent])
    assert frames == [encode(content).hex() for content in sent]
    assert frames == [wire.to_board(content).hex() for content in sent]
    obeyed = script([["obeyed", content.hex()] for content in sent])
    assert obeyed == [obeyed_by_a_repl(content) for content in sent]
    assert len(set(obeyed)) == 2


def test_cobs_is_that_of_the_library_for_any_length():
    chance = random.Random(8)
    raw = [bytes(chance.choices([0, 1, 255], [1, 40, 9], k=n)) for n in range(700)]
    assert script([["cobs", data.hex()] for data in raw]) == [cobs.encode(d).hex() for d in raw]
    assert script([["uncobs", cobs.encode(d).hex()] for d in raw]) == [d.hex() for d in raw]
    damaged = [bytes(chance.choices(range(6), k=chance.randrange(1, 9))) for _ in range(2000)]
    assert script([["uncobs", d.hex()] for d in damaged]) == [decoded(d) for d in damaged]


def decoded(data):
    try:
        return cobs.decode(data).hex()
    except cobs.DecodeError:
        return None


def test_the_messages_are_those_of_the_worked_example():
    lines = re.findall(r"^ +(\S+) +content  (.*)$", LINK_PAGE.read_text(), re.MULTILINE)
    example = {}
    for name, content in lines:
        example.setdefault(name, []).append(content.replace(" ", ""))
    assert script([["set", 0x654321, "who=anna rate=200"], ["audit", 0xFFFFFF]]) == [
        example["SET"][0],
        example["AUDIT"][0],
    ]
    confirm, refuse, entry = script(
        [["read", example[name][0]] for name in ("CONFIRM", "REFUSE", "ENTRY")]
    )
    assert (confirm["request"], confirm["trialS"], confirm["keys"]) == (0x654321, 0, 6)
    assert confirm["pairs"].startswith("limit=none rate=200 per_ms=1000 burst=10 trial_errors")
    assert refuse | {"type": 0x95} == {
        "type": 0x95,
        "request": 0x654322,
        "key": "rate",
        "value": "-5",
        "allowed": "an integer from 0 to 1073741823 or null",
    }
    assert (entry["asked"], entry["index"], entry["end"]) == (0xFFFFFF, 0, 1)
    assert entry["pairs"] == "event=changed key=rate old=500 new=200 who=anna up_s=0"


def test_requests_are_the_same_bytes_as_in_python():
    for pairs in ("who=anna", "who=a rate=5", "who=b kp=1,4 trial_s=30"):
        content = Change(pairs).content
        number = int.from_bytes(content[1:4], "little")
        assert script([["set", number, pairs]]) == [content.hex()]
    content = Audit().content
    assert script([["audit", int.from_bytes(content[1:4], "little")]]) == [content.hex()]


def test_the_line_is_read_as_python_reads_it():
    chance = random.Random(9)
    streams = [stream(chance) for _ in range(600)]
    calls = [["lines", [p.hex() if isinstance(p, bytes) else p for p in s]] for s in streams]
    for pieces, result in zip(streams, script(calls), strict=True):
        reader = LineReader()
        items = [reader.feed(p) if isinstance(p, bytes) else reader.idle(p / 1000) for p in pieces]
        expected = [[as_json(item) for item in each] for each in items]
        assert result == {"items": expected, "bad": reader.bad}, pieces


def as_json(item):
    return {"content": item.content.hex()} if isinstance(item, Frame) else {"line": item.line}


def stream(chance):
    """A console's text and frames, whole and damaged, in pieces, with silences."""
    parts = [
        lambda: wire.frame(bytes(chance.choices(range(256), k=chance.randrange(1, 60)))),
        lambda: STATS.encode() + b"\r\n",
        lambda: "größer ≠ ∅ 😀\r\n".encode()[: chance.randrange(1, 22)],
        lambda: b"\n",
        lambda: bytes(chance.choices(range(256), k=chance.randrange(1, 400))),
        lambda: b"a" * chance.choice([10, 254, 255, 4095, 4097]),
        lambda: wire.frame(b"cut off")[: chance.randrange(1, 10)],
        "  \x85\x1b[0m é".encode,
    ]
    data = b"".join(chance.choice(parts)() for _ in range(chance.randrange(1, 9)))
    pieces = []
    while data:
        n = chance.choice([1, 3, 50, 500])
        pieces.append(data[:n])
        data = data[n:]
        if chance.random() < 0.1:
            pieces.append(chance.choice([50, 100, 999, 1000]))
    return [*pieces, 1000, 1000]


# What the two languages' regular expressions, strings and numbers see differently, and more.
SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2028\u2029\u3000\ufeff"
MALFORMED = [
    *(f"{space}a=1{space}b=2{space}" for space in SPACES),
    *(f'a="1{space}2" b="\\{space}"' for space in SPACES),
    *(f"a=1{space}=2" for space in SPACES),
    *("", " ", "=", "a", "a=", "a==", "=1", "a=1 b", "a=1b c=", 'a="', 'a="\\', 'a="\\"', 'a=1"2'),
    *('a="1"b=2', 'a="1" "', "1a=2", "_a=2", "é=1", "a=é", "aé=1", "a.b=1", "a=1  b=2", "a=😀"),
    *("a=1 a=2 b=3 a=4", "constructor=1", "toString=1 length=2", "__proto__=1", 'a="\\😀"'),
    *(r'a="\n\t\r\\\"\x"', 'a="line\n"', 'a="line\r"', "a=\\n", 'a="\ud7ff"'),
]


def test_lines_are_parsed_as_python_parses_them():
    chance = random.Random(10)
    lines = [
        STATS,
        'event=x text="a \\"b\\" \\n"',
        "event=config_error key=rate value=-5",
        *MALFORMED,
    ]
    whole = ["a=1 ", 'b_1="x y" ', "c= ", 'd="\\\\ \\n" ', "a=2 ", " "]
    parts = ["a=", *'a1_= "\\nrt,.-\t', 'c="', '\\"', '" ', "é", "😀", "\0", *SPACES]
    for n in range(8000):
        line = chance.choices(whole, k=n % 4) + chance.choices(parts, k=chance.randrange(5))
        lines.append("".join(chance.sample(line, len(line))))
    expected = [parse(line) for line in lines]
    assert script([["parse", line] for line in lines]) == expected
    assert sum(map(bool, expected)) > 500


VALUES = [
    *("", "0", "00", "007", "-0", "-1", "-2", "+1", "1.0", "1.5", "1.", ".5", "1.1234567", "1e3"),
    *("0x10", "1_0", "none", "null", "None", "NaN", "Infinity", "true", "record", "bytes", "Bytes"),
    *(
        "9" * 15,
        "9" * 16,
        "0" * 15,
        "0" * 16,
        "\u0661",
        "１",
        '"1 "',
        '"1\n"',
        '"\\n1"',
        "1,2",
        ",",
    ),
    *("5", "[5]", SOJOURNS, f"{SOJOURNS},1", SOJOURNS[2:], SOJOURNS.replace("900", "9" * 10)),
    *(SOJOURNS.replace("900", text) for text in ("9" * 11, "", "-1", "none", "1.5")),
]


def test_statistics_are_read_as_python_reads_them():
    pairs = STATS.split(" ")
    keys = [pair.split("=")[0] for pair in pairs]
    lines = [STATS, "event=start version=1", "hello", STATS.replace("event=stats", "event=Stats")]
    lines += [" ".join(pairs[:at] + pairs[at + 1 :]) for at in range(len(pairs))]
    lines += [
        " ".join([*pairs[:at], f"{key}={value}", *pairs[at + 1 :]])
        for at, key in enumerate(keys)
        for value in VALUES
    ]
    lines += [STATS[:end] for end in range(len(STATS))]
    lines += damaged(random.Random(11), 3000)
    expected = [as_stats(line) for line in lines]
    assert script([["stats", line] for line in lines]) == expected
    errors = [sample for sample in expected if sample and "error" in sample]
    assert len(errors) > 500 and len([sample for sample in expected if sample]) - len(errors) > 100


def damaged(chance, count):
    """Statistics lines with some characters lost, doubled or replaced by others."""
    for _ in range(count):
        line = list(STATS)
        for _ in range(chance.randrange(1, 4)):
            line[chance.randrange(20, len(line))] = "".join(
                chance.choices('0159-,.=" none\\', k=chance.randrange(3))
            )
        yield "".join(line)


def as_stats(line):
    try:
        stats = read_stats(line)
    except ValueError as error:
        return {"error": str(error)}
    return stats and json.loads(json.dumps(asdict(stats)))  # a tuple is a list


def test_answers_are_taken_as_python_takes_them():
    """Also answers to other requests, cut off, and with bytes that are not ASCII."""
    chance = random.Random(12)
    calls = [
        ["request", ("change", "audit")[n % 2], [answer(chance).hex() for _ in range(5)]]
        for n in range(1000)
    ]
    results = script(calls)
    assert results == [answered(*call[1:]) for call in calls]
    for kind in ("change", "audit"):
        assert (
            sum(r["done"] for r, call in zip(results, calls, strict=True) if call[1] == kind) > 50
        )


def answered(kind, contents):
    request = Change("who=anna") if kind == "change" else Audit()
    steps = []
    for content in map(bytearray.fromhex, contents):
        for at in range(1, min(4, len(content))):
            content[at] ^= request.content[at]
        try:
            steps.append(request.receive(bytes(content)))
        except Refused as refused:
            steps.append(str(refused))
    return {
        "steps": steps,
        "done": request.done,
        "values": list(getattr(request, "values", ())),
        "trialS": getattr(request, "trial_s", 0),
        "entries": [list(entry) for entry in getattr(request, "entries", ())],
    }


def answer(chance):
    """An answer as a board sends it, for the request whose number is 0; some are damaged."""
    number = bytes([chance.choice([0, 0, 0, 0, 1]), 0, 0])
    kind = chance.choice([*ANSWERS, 0x80])
    pairs = b"rate=5 calm=none kp=1,4"
    body = {
        ANSWERS[0]: b"\x1e\0\x03" + pairs,
        ANSWERS[1]: b"rate\n-5\nan integer",
        ANSWERS[2]: bytes([chance.randrange(2), 0, 0, chance.randrange(2), 0, 0]) + pairs,
    }.get(kind, pairs)
    body = bytearray(body)
    if chance.random() < 0.4:
        body[chance.randrange(len(body))] = chance.choice(b'\n"= a\x7f\x80\x93\xff')
    content = bytes([kind]) + number + body
    return content[: chance.randrange(1, len(content) + 1)] if chance.random() < 0.2 else content
