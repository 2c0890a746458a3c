"""The host's requests against the board's own code, over a line that loses and doubles frames."""

import random

import pytest
from desk import Desk

from sluice_tools.serial.frames import encode, obeyed_by_a_repl
from sluice_tools.serial.session import new_session
from sluice_tools.serial.settings import Audit, Change, Refused


def exchange(desk, request, line=lambda frames: frames, tries=200):
    """Sends the request until it is done; `line` says what arrives of what is sent."""
    for _ in range(tries):
        for content in line([request.content]):
            known, answers = desk.hear(content)
            assert known
            for answer in line(answers):
                request.receive(answer)
        if request.done:
            return request
    pytest.fail(f"no answer: {request.content}")


def bad_line(seed):
    """Loses a third of the frames, doubles some, and delivers some later, out of order."""
    chance = random.Random(seed)
    late = {}

    def carry(frames):
        arrived = []
        for frame in frames:
            held = late.setdefault(frame[0] < 0x90, [])
            arrived += [frame] * chance.choice((0, 1, 2))
            if chance.random() < 0.3:
                held.append(frame)
            elif held and chance.random() < 0.5:
                arrived.append(held.pop(chance.randrange(len(held))))
        return arrived

    return carry


def test_a_change_gives_the_values_in_force():
    desk = Desk()
    done = exchange(desk, Change("who=anna rate=200 limit=none"))
    assert done.values == {
        "limit": None,
        "rate": 200,
        "per_ms": 1000,
        "burst": 10,
        "trial_errors_pct": 5,
        "trial_p95_pct": 50,
    }
    assert done.trial_s == 0
    assert exchange(desk, Change("who=anna rate=none trial_s=9")).trial_s == 9


def test_the_answer_is_whole_when_all_its_frames_are_there():
    change = Change("who=anna")
    head = b"\x94" + change.content[1:4] + b"\x1e\0\3"
    for pairs in (b"rate=1 burst=2", b"rate=1 burst=2", b"mode=pid"):
        assert not change.done
        assert change.receive(head + pairs)
    assert change.done
    assert (change.values, change.trial_s) == ({"rate": 1, "burst": 2, "mode": "pid"}, 30)


def test_a_refusal_says_why():
    with pytest.raises(Refused, match="^limit is 9, allowed: slots \\(8\\) or less$"):
        exchange(Desk(), Change("who=anna limit=9"))


@pytest.mark.parametrize("seed", range(20))
def test_what_is_lost_or_doubled_is_applied_once_and_in_order(seed):
    desk, line = Desk(), bad_line(seed)
    for rate in range(1, 31):
        done = exchange(desk, Change(f"who=anna rate={rate}"), line)
        assert done.values["rate"] == desk.bucket.rate == rate
    entries = exchange(desk, Audit(), line).entries
    assert [(entry["old"], entry["new"]) for entry in entries] == [
        (500 if rate == 1 else rate - 1, rate) for rate in range(1, 31)
    ]


def test_the_audit_holds_the_last_64():
    desk = Desk()
    assert exchange(desk, Audit()).entries == []
    for rate in range(1, 101):
        exchange(desk, Change(f"who=bob.b rate={rate}"))
    entries = exchange(desk, Audit()).entries
    assert [entry["new"] for entry in entries] == list(range(37, 101))
    assert entries[0] == {
        "event": "changed",
        "key": "rate",
        "old": 36,
        "new": 37,
        "who": "bob.b",
        "up_s": 0,
    }


def test_changes_while_the_audit_is_read_push_out_what_was_read():
    desk = Desk()
    for rate in range(1, 65):
        exchange(desk, Change(f"who=bob rate={rate}"))
    audit = Audit()
    for answer in desk.hear(audit.content)[1] + desk.hear(audit.content)[1]:
        audit.receive(answer)
    for rate in range(65, 75):
        exchange(desk, Change(f"who=bob rate={rate}"))
    entries = exchange(desk, audit).entries
    assert [entry["new"] for entry in entries] == list(range(11, 75))


def test_answers_of_others_and_damaged_ones_are_passed_over():
    change, audit = Change("who=anna"), Audit()
    number, index = change.content[1:4], audit.content[1:4]
    other = bytes(byte ^ 1 for byte in number)
    for content in (
        b"\x94",
        b"\x94" + other + b"\0\0\0",
        b"\x95" + other,
        b"\x91",
        b"\x94" + number,
    ):
        assert change.receive(content) is False
    for content in (b"\x96", b"\x96\0\0\0\0\0\0\0\0\0", b"\x94" + index):
        assert audit.receive(content) is False
    assert not change.done
    assert not audit.done


def test_a_request_does_nothing_at_a_repl():
    for _ in range(300):
        assert not obeyed_by_a_repl(Change("who=anna rate=3").content)
        assert not obeyed_by_a_repl(Audit().content)
    assert obeyed_by_a_repl(b"\x85\0\0\0")
    assert b"\x01" in encode(b"\x85\0\0\0")


@pytest.mark.parametrize("length", range(1, 17))
def test_a_name_of_any_length_has_a_request_that_does_nothing_at_a_repl(length):
    for _ in range(30):
        change = Change("who=" + "p" * length)
        assert not obeyed_by_a_repl(change.content)
    assert exchange(Desk(), change).values["rate"] == 500


def test_a_feed_passes_over_the_answers_of_others():
    session = new_session()
    for kind in (0x94, 0x95, 0x96):
        assert session.receive(bytes([kind, 1, 2, 3]), 0) == []
    assert session.refused.total() == 0
