"""A virtual board that a test puts its program on."""

import shutil
import subprocess
import sys
from pathlib import Path

from ..itself import FIRMWARE
from ..vboard import VirtualBoard

_MPREMOTE_S = 120
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyi")


def mpremote(
    url: str, *arguments: str, resume: bool = True, timeout_s: float = _MPREMOTE_S
) -> subprocess.CompletedProcess[str]:
    """Run mpremote on the board at the URL; resume: without the soft reset that it does first.

    subprocess.TimeoutExpired if it has not ended after `timeout_s`.
    """
    command = [sys.executable, "-m", "mpremote", "connect", url, *(["resume"] if resume else [])]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )


class BoardUnderTest(VirtualBoard):
    """A virtual board with the library in /lib, and otherwise empty.

      url        its port, for pyserial and mpremote
      flash_dir  the folder of this computer that is its file system

    `reset()` presses its reset button, and it starts as after power on: boot.py, main.py.
    """

    def start(self) -> None:
        shutil.copytree(FIRMWARE / "sluice", self.flash_dir / "lib" / "sluice", ignore=_LEFT_OUT)
        super().start()

    def put(self, *paths: Path | str) -> None:
        """Copy files and folders, with all in them, into the board's root, under their names."""
        for path in map(Path, paths):
            target = self.flash_dir / path.name
            if path.is_dir():
                shutil.copytree(path, target, ignore=_LEFT_OUT, dirs_exist_ok=True)
            else:
                shutil.copy(path, target)

    def run(self, program: str, timeout_s: float = 60) -> str:
        """Run the text of a program, after a soft reset; what it prints, its lines ended by \\n.

        AssertionError if it raises, with the board's traceback, or has not ended after
        `timeout_s`, with what it has printed until then.
        """
        __tracebackhide__ = True
        try:
            done = mpremote(self.url, "exec", program, resume=False, timeout_s=timeout_s)
        except subprocess.TimeoutExpired as error:
            printed = _lines((error.stdout or b"").decode(errors="replace"))
            raise AssertionError(
                f"the program has not ended after {timeout_s} s; it has printed:\n{printed}"
            ) from None
        if done.returncode:
            raise AssertionError(f"on the board:\n{_lines(done.stdout + done.stderr)}")
        return _lines(done.stdout)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
