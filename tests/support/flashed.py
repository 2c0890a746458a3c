"""A virtual board with the firmware on it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SLUICE = Path(sys.executable).with_name("sluice")
DEADLINE_S = 240


def flash(board, **settings):
    """Puts the firmware and a configuration on the board and starts it."""
    target = Path(board.flash_dir)
    shutil.copytree(PROJECT / "firmware" / "sluice", target / "sluice", dirs_exist_ok=True)
    shutil.copy(PROJECT / "firmware" / "main.py", target)
    shutil.copy(PROJECT / "boards" / "virtual" / "board.py", target)
    defaults = json.loads((PROJECT / "firmware" / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(defaults | settings))
    board.reset()


def flash_as(kind, board, folder, **values):
    """`sluice flash` of that kind of board, with these values in a file of the folder; its end."""
    config = folder / "config.json"
    config.write_text(json.dumps(values))
    return subprocess.run(
        [SLUICE, "flash", "--board", kind, "--port", board.url, "--config", config],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
