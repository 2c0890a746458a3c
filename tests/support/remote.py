"""Real mpremote, as a process."""

import subprocess
import sys

_MPREMOTE_S = 120


def mpremote(url: str, *args: str, resume: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs mpremote on the board; resume: without the soft reset that it does first."""
    command = [sys.executable, "-m", "mpremote", "connect", url, *(["resume"] if resume else [])]
    return subprocess.run(
        [*command, *args], capture_output=True, text=True, timeout=_MPREMOTE_S, check=False
    )
