"""The raw REPL's bytes: a program whose end the board has lost is sent again."""

import os
import pty
import threading

import pytest

from sluice_tools.lab.runtimes import raw_repl
from sluice_tools.lab.runtimes.raw_repl import RawRepl


class DeafBoard:
    """Answers like a raw REPL, but does not hear the first `deaf` ends of programs."""

    def __init__(self, deaf):
        self._deaf = deaf
        self.ran = []
        self._fd, self._terminal = pty.openpty()
        self.name = os.ttyname(self._terminal)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        line = b""
        while byte := os.read(self._fd, 1):
            if byte == b"\x03":
                line = b""
            elif byte != b"\x04":
                line += byte
            elif self._deaf:
                self._deaf -= 1
            else:
                self.ran.append(line.decode())
                line = b""
                os.write(self._fd, b"OKdone\n\x04\x04>")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """But long for a board that only has to answer, whatever else the machine does."""
    monkeypatch.setattr(raw_repl, "_BEGIN_S", 2)


@pytest.mark.parametrize("deaf", [0, 1, 2])
def test_it_runs_once_when_the_end_was_lost(deaf):
    board = DeafBoard(deaf)
    repl = RawRepl(board.name)
    assert repl.run("print('done')") == ["done"]
    assert board.ran == ["print('done')"]
    repl.close()


def test_a_board_that_hears_nothing_is_given_up():
    board = DeafBoard(9)
    repl = RawRepl(board.name)
    with pytest.raises(TimeoutError, match="no b'OK'"):
        repl.run("print('done')")
    assert board.ran == []
    repl.close()
