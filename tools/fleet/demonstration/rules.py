"""The deployed alerting rules, made quick enough for a demonstration."""

import re
from dataclasses import dataclass

QUICKER = 10
"""What is divided by this: how long an alert has to hold, and how long it goes on after that."""

_WINDOW_S = 3
"""What the rules look back on at least, some scrapes."""

_SECONDS = re.compile(r"((?:keep_firing_)?for: )(\d+)s\b")
_WINDOW = re.compile(r"\[(\d+)s\]")
_BACKLOG = re.compile(r"board_topic:sluice_sink_backlog_bytes:max > (\d+)\n\s+for: (\d+)s")


@dataclass(frozen=True, slots=True)
class Rules:
    """text: of a rules file.  backlog: bytes above which it alerts, after `hold_s`."""

    text: str
    backlog: int
    hold_s: int


def quick(text: str) -> Rules:
    """The rules of this file, the same but for the times in seconds."""
    text = _SECONDS.sub(lambda found: f"{found[1]}{max(1, int(found[2]) // QUICKER)}s", text)
    text = _WINDOW.sub(lambda found: f"[{max(_WINDOW_S, int(found[1]) // QUICKER)}s]", text)
    found = _BACKLOG.search(text)
    assert found is not None, "rules.yml has no alert on the backlog"
    return Rules(text, int(found[1]), int(found[2]))
