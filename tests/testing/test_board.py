"""The fixture `virtual_board`: a user's files on real MicroPython."""

from pathlib import Path

import pytest
import serial


def test_it_has_the_library_and_what_is_put_on_it(virtual_board, tmp_path: Path) -> None:
    (tmp_path / "parts" / "inner").mkdir(parents=True)
    (tmp_path / "parts" / "__init__.py").write_text("from parts.inner import two\n")
    (tmp_path / "parts" / "inner" / "two.py").write_text("TWO = 2\n")
    (tmp_path / "one.py").write_text("ONE = 1\n")
    virtual_board.put(tmp_path / "parts", str(tmp_path / "one.py"))
    program = """
import one, parts, sys
from sluice import RingQueue
queue = RingQueue(2, "H")
print(one.ONE, parts.two.TWO, queue.try_put(7), queue.try_get(), sys.implementation.name)
"""
    assert virtual_board.run(program) == "1 2 True 7 micropython\n"


def test_each_program_finds_the_board_as_after_a_reset_and_new_files(
    virtual_board, tmp_path: Path
) -> None:
    module = tmp_path / "one.py"
    for n in (1, 2):
        module.write_text(f"N = {n}\n")
        virtual_board.put(module)
        assert virtual_board.run("import one\nprint(one.N, 'x' in dir())\nx = 0") == f"{n} False\n"


def test_a_program_that_raises_fails_with_the_boards_traceback(virtual_board) -> None:
    with pytest.raises(AssertionError) as raised:
        virtual_board.run("print('up')\n{}['a']")
    told = str(raised.value).splitlines()
    assert told == [
        "on the board:",
        "up",
        "Traceback (most recent call last):",
        '  File "<stdin>", line 2, in <module>',
        "KeyError: a",
    ]


def test_a_program_that_does_not_end_fails_with_what_it_has_printed(virtual_board) -> None:
    with pytest.raises(AssertionError, match=r"(?s)not ended after 3 s; it has printed:.*"):
        virtual_board.run("import time\nprint('up')\nwhile True: time.sleep_ms(1)", timeout_s=3)
    assert virtual_board.run("print('next')") == "next\n"


def test_main_runs_at_a_reset_and_its_port_is_there_for_the_test(virtual_board) -> None:
    (virtual_board.flash_dir / "main.py").write_text(
        "import sys\nprint('up')\nprint('got', sys.stdin.read(3))\n"
    )
    with serial.serial_for_url(virtual_board.url, timeout=60) as line:
        virtual_board.reset()
        assert line.read_until(b"up\r\n").endswith(b"up\r\n")
        line.write(b"abc")
        assert line.read_until(b"\r\n") == b"got abc\r\n"
