"""A port's bytes and states as events, with a port that says what the test tells it to."""

import threading
from itertools import islice

import pytest
from stats_lines import stats, stats_line
from wire import frame

from sluice_tools.board.console import watch as watch_module
from sluice_tools.board.console.events import LinkDown, LinkUp, Sample, TextLine
from sluice_tools.board.console.watch import Watch
from sluice_tools.serial.port import State

URL = "socket://board:1"
UP = State(connected=True, owner=True)
GUEST = State(connected=True, owner=False)
DOWN = State(connected=False, owner=True, reason=f"{URL}: the line\x07 was closed")


class ScriptedPort:
    """In place of the port: the test calls what the port's thread would call."""

    def __init__(self, first_state, on_data, on_state):
        self.data = on_data
        self.state = on_state
        self.closed = 0
        self._first_state = first_state

    def start(self):
        self.state(self._first_state)

    def close(self):
        self.closed += 1


@pytest.fixture
def watched(monkeypatch, request):
    """(watch, port, recorded events); the parameter is the port's first state."""
    ports = []

    def make_port(_url, on_data, on_state):
        ports.append(ScriptedPort(getattr(request, "param", UP), on_data, on_state))
        return ports[0]

    monkeypatch.setattr(watch_module, "Port", make_port)
    recorded = []
    watch = Watch(URL, recorded.append)
    return watch, ports[0], recorded


def next_events(events, count):
    """The next events, without their times."""
    flat = (event for batch in events for event in batch)
    return [_timeless(event) for event in islice(flat, count)]


def _timeless(event):
    match event:
        case Sample(_, sample):
            return sample
        case TextLine(_, text):
            return text
        case LinkDown(_, reason):
            return ("down", reason)
        case LinkUp():
            return "up"


def test_lines_in_any_pieces_become_samples_and_text(watched):
    watch, port, recorded = watched
    data = f"hello\r\n{stats_line()}\r\nb".encode()
    for at in range(len(data)):
        port.data(data[at : at + 1])
    events = watch.events()
    assert next_events(events, 4) == ["up", "hello", stats(), "b"]
    assert [_timeless(event) for event in recorded] == ["up", "hello", stats(), "b"]
    watch.close()
    assert not list(events)


def test_frames_between_the_lines_are_passed_over(watched):
    watch, port, _ = watched
    port.data(b"\0" + frame(b"\x92\x08\x01") + b"one\r\n" + frame(b"\x93rest") + b"two\r\n")
    watch.close()
    assert next_events(watch.events(), 9) == ["up", "one", "two"]


def test_prompt_without_a_line_end_comes_after_a_silence(watched):
    watch, port, _ = watched
    port.data(b">>> ")
    assert next_events(watch.events(), 2) == ["up", ">>> "]
    watch.close()


def test_loss_ends_the_line_that_was_cut_and_the_next_link_starts_afresh(watched):
    watch, port, _ = watched
    port.data(b"one\r\nevent=stats up_s=1")
    port.state(DOWN)
    port.state(State(connected=False, owner=True, reason=f"{URL}: nothing listens there"))
    port.state(UP)
    port.state(GUEST)
    port.data(b"two\r\nthree")
    port.state(DOWN)
    watch.close()
    up, one, damaged, *rest = next_events(watch.events(), 9)
    assert (up, one) == ("up", "one")
    assert damaged == "damaged stats line, qps is missing: event=stats up_s=1"
    down = ("down", r"the line\x07 was closed")
    assert rest == [down, "up", "two", "three", down]


def test_reader_that_falls_behind_is_told_how_much_it_lost(watched):
    watch, port, _ = watched
    chunk = b"x" * 4000 + b"\n"
    sent = 0
    while sent < 6 << 20:
        port.data(chunk)
        sent += len(chunk)
    watch.close()
    texts = [str(event) for event in next_events(watch.events(), 10_000)]
    kept = sum(text.startswith("x") for text in texts) * len(chunk)
    (loss,) = (text for text in texts if text.endswith("the console could not keep up"))
    assert kept <= (4 << 20) + len(chunk)
    assert int(loss.split()[0]) == sent - kept


@pytest.mark.parametrize("watched", [DOWN], indirect=True)
def test_board_that_is_gone_from_the_start_is_told(watched):
    watch, port, _ = watched
    port.state(UP)
    watch.close()
    assert next_events(watch.events(), 9) == [("down", r"the line\x07 was closed"), "up"]


def test_close_ends_a_waiting_reader_from_another_thread_and_may_come_again(watched):
    watch, port, _ = watched
    batches = []
    reader = threading.Thread(target=lambda: batches.extend(watch.events()))
    reader.start()
    watch.close()
    watch.close()
    reader.join(10)
    assert not reader.is_alive()
    assert port.closed == 1
    assert len(batches) == 1
