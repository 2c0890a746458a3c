"""A virtual board with the firmware on it."""

import json
import shutil
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def flash(board, **settings):
    """Puts the firmware and a configuration on the board and starts it."""
    target = Path(board.flash_dir)
    shutil.copytree(PROJECT / "firmware" / "sluice", target / "sluice", dirs_exist_ok=True)
    shutil.copy(PROJECT / "firmware" / "main.py", target)
    shutil.copy(PROJECT / "boards" / "virtual" / "board.py", target)
    defaults = json.loads((PROJECT / "firmware" / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(defaults | settings))
    board.reset()
