"""`sluice feed` as a real process."""

import json
import subprocess
import sys
from pathlib import Path

SLUICE = Path(sys.executable).with_name("sluice")
PATIENCE_S = 120


def start_feed(url, log, *options, **streams):
    return subprocess.Popen(
        [SLUICE, "feed", log, "--port", url, *options],
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        | streams,
        text=True,
    )


def finish(process, timeout_s=PATIENCE_S):
    """Its exit status, its account, what it printed as errors."""
    out, errors = process.communicate(timeout=timeout_s)
    return process.returncode, json.loads(out) if out else None, errors


def feed(url, log, *options, timeout_s=PATIENCE_S):
    """Feeds with the account as JSON; waits for the end."""
    return finish(start_feed(url, log, "--json", *options), timeout_s)
