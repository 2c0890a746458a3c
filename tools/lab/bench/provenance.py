"""Which library was measured, and when: the last commit that changed it, and the date."""

import subprocess
from datetime import UTC, datetime

from host_sim import FIRMWARE


def commit() -> str:
    """The last one that changed the firmware, with a + if it has changed since; "" without git."""
    last = _git("log", "-1", "--abbrev=12", "--format=%h", "--", ".")
    return last + "+" if last and _git("status", "--porcelain", "--", ".") else last


def today() -> str:
    """The date, in UTC."""
    return datetime.now(UTC).date().isoformat()


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", FIRMWARE, *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
