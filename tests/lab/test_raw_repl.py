"""The raw REPL's bytes: what a board has lost of them is sent again."""

import io
import os
import pty
import threading

import pytest

from sluice_tools.lab.runtimes import raw_repl
from sluice_tools.lab.runtimes.raw_repl import ProgramError, RawRepl


class DeafBoard:
    """Answers like a raw REPL, but does not hear the first `deaf` ends of programs.

    run: a function of a program that returns what it prints, and raises what that raises.
    """

    def __init__(self, deaf, run=lambda program: "done\n"):
        self._deaf = deaf
        self._run = run
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
                printed = raised = ""
                try:
                    printed = self._run(self.ran[-1])
                except Exception as error:
                    raised = f"{type(error).__name__}: {error}"
                answer = f"OK{printed}\x04{raised}\x04>"
                os.write(self._fd, answer.encode())


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


class Kept(io.BytesIO):
    """A file that can be read after it was closed."""

    def close(self):
        pass


@pytest.mark.parametrize(
    ("lost", "of", "error", "reason"),
    [
        (0, "", None, ""),
        (1, "limit", None, ""),
        (2, "limit", None, ""),
        (3, "limit", TimeoutError, "did not arrive whole in 3 attempts"),
        (2, "if sum", None, ""),
        (3, "if sum", ProgramError, "SyntaxError"),
        (2, "f.write", None, ""),
        (3, "f.write", ProgramError, "NameError"),
    ],
)
def test_a_file_that_a_byte_was_lost_of_is_written_whole_or_not_at_all(lost, of, error, reason):
    content = b"self.limit = capacity\n" * 20
    file = Kept()
    left = lost
    names = {"open": lambda *_: file}

    def run(program):
        nonlocal left
        if left and "limit" in program:
            left -= 1
            program = program.replace(of, of[:1] + of[2:], 1)
        printed = []
        names["print"] = printed.append
        exec(program, names)
        return "".join(printed)

    repl = RawRepl(DeafBoard(0, run).name)
    if error:
        with pytest.raises(error, match=reason):
            repl.write_file("ring.1", content)
        assert file.getvalue() == b""
    else:
        repl.write_file("ring.1", content)
        assert file.getvalue() == content
    repl.close()
