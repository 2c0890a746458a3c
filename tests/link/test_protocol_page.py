"""The frames on docs/link.md are true, and are what the host sends and understands."""

import re
from pathlib import Path

import pytest
from desk import Desk
from wire import frame, to_board

from sluice_tools.serial.frames import Frame, LineReader, encode
from sluice_tools.serial.session import Session

PAGE = Path(__file__).parents[2] / "docs" / "link.md"
HEX = r"((?:[0-9a-f]{2} )*[0-9a-f]{2})"
EXAMPLE = re.compile(rf"^    ([A-Z]+) +content  {HEX}\n +line     {HEX}$", re.MULTILINE)
FROM_HOST = ("HELLO", "RECORDS", "TAKEN", "PING", "SET", "AUDIT")
EXAMPLES = [
    (name, bytes.fromhex(content), bytes.fromhex(line))
    for name, content, line in EXAMPLE.findall(PAGE.read_text())
]


def test_all_examples_are_found():
    names = [name for name, _, _ in EXAMPLES]
    assert names == [
        *("HELLO", "WELCOME", "ACK", "RECORDS", "DELIVERED", "TAKEN", "ACK", "ENDED"),
        *("PING", "PONG", "WELCOME"),
        *("ACK", "HELLO"),
        *("SET", "CONFIRM", "REFUSE", "AUDIT", "ENTRY"),
    ]
    assert PAGE.read_text().count(" content  ") == len(EXAMPLES)


@pytest.mark.parametrize(("name", "content", "line"), EXAMPLES)
def test_an_example_is_coded_as_it_says(name, content, line):
    if name in FROM_HOST:
        assert encode(content) == line == to_board(content)
    else:
        assert line == frame(content)
        assert LineReader().feed(line) == [Frame(content)]


def test_the_worked_example_is_a_session():
    contents = [content for _, content, _ in EXAMPLES[:11]]
    hello, welcome, first_ack, record, delivered, taken, ack, ended, *rest = contents
    ping, pong, unknown = rest
    session = Session(session=0x123456, base=0xFFFFFF)
    assert session.poll(0) == [hello]
    assert session.receive(welcome, 0) == session.receive(first_ack, 0) == []
    assert (session.record_size, session.ticks_per_s, session.room) == (64, 1000, 64)
    payload = b"GET /\x03"
    assert session.send(payload, 0) == record
    assert session.poll(0) == [ping]
    session.receive(pong, 0)
    session.receive(delivered, 0.1)
    assert session.poll(session.deadline) == [taken]
    (done,) = session.receive(ack, 0.2)
    assert (done.seq, done.tick, done.payload) == (0xFFFFFF, 0x3FFFFFFE, payload)
    assert (session.delivered, session.room, len(session.under_way)) == (1, 64, 0)
    session.receive(ended, 0.3)
    assert session.refused.total() == 0
    session.send(payload, 3)
    session.receive(unknown, 3)
    assert session.resets == 1
    assert session.poll(3) == [b"\x81\x23\x21\x56\x34\x12" + bytes(6)]


def test_how_its_records_ended_is_acknowledged_and_told_after_a_reset():
    _, welcome, first_ack, *_, ack, again = (content for _, content, _ in EXAMPLES[:13])
    session = Session(session=0x123456, base=0xFFFFFF)
    session.poll(0)
    for content in (welcome, first_ack):
        session.receive(content, 0)
    for _ in range(7):
        session.send(b"x", 0)
    assert len(session.receive(ack, 0.1)) == 7
    assert (session.given_up, session.shed, session.overwritten) == (1, 5, 0)
    session.restarted(3)
    assert session.poll(3) == [again]


def test_the_settings_of_the_worked_example_are_what_a_board_says():
    (change, confirm, refuse, audit, entry) = (c for _, c, _ in EXAMPLES[13:])
    desk = Desk()
    assert desk.hear(change) == (True, [confirm])
    assert desk.hear(b"\x83" + refuse[1:4] + b"who=anna rate=-5") == (True, [refuse])
    assert desk.hear(audit) == (True, [entry])
