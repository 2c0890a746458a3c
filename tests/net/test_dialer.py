"""What a connection is made of, a part in each call."""

import socket
import sys
import time
from types import SimpleNamespace

import pytest

from sluice.net.dialer import Dialer

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_call_resolves_and_the_next_connects(port) -> None:
    up = [False]
    dialer = Dialer("localhost", port, None, lambda: up[0])
    assert [dialer.dial() for _ in range(3)] == [None, None, None]
    up[0] = True
    assert dialer.dial() is None
    opened = dialer.dial()
    assert opened.getpeername()[1] == port
    assert opened.gettimeout() == 0
    opened.close()
    assert dialer.dial() is None  # resolved anew


def test_a_server_that_is_not_there_is_resolved_anew() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    dialer = Dialer("localhost", port, None)
    for _ in range(2):
        assert dialer.dial() is None
        with pytest.raises(OSError):
            dialer.dial()


def test_a_clock_that_was_never_set_is_set_for_tls_alone(port, monkeypatch) -> None:
    year, sets = [2021], []

    def settime():
        sets.append(year[0])
        year[0] = 2026

    monkeypatch.setitem(sys.modules, "ntptime", SimpleNamespace(settime=settime))
    monkeypatch.setattr(time, "gmtime", lambda: (year[0], 1, 1))
    plain = Dialer("localhost", port, None)
    assert plain.dial() is None and plain.dial() is not None
    assert sets == []
    dialer = Dialer("localhost", port, None)
    dialer._context = SimpleNamespace(
        wrap_socket=lambda opened, **options: ("tls", opened, options)
    )
    assert (dialer.dial(), sets) == (None, [2021])
    assert dialer.dial() is None
    kind, opened, options = dialer.dial()
    opened.close()
    assert (kind, options) == (
        "tls",
        {"server_hostname": "localhost", "do_handshake_on_connect": False},
    )
    assert sets == [2021]
