"""What a board says of its configuration when it starts."""

import re

from ..console.events import printable

_REFUSED = re.compile(r"event=config_error key=(?P<key>.*?) value=(?P<value>.*) allowed=\"(.*)\"")
_TRACEBACK = "Traceback (most recent call last):"
_IN_FORCE = ("light_sleep_ms", "config.good.json")  # refused alone, and the rest is in force


def verdict(printed: str) -> str:
    """What is wrong with the configuration, or why the program does not run, by what the board has
    printed at its start; empty: nothing."""
    lines = [printable(line.rstrip("\r")) for line in printed.split("\n")]
    refused = list(filter(None, map(_REFUSED.fullmatch, lines)))
    starts = any(line.startswith("event=start ") for line in lines)
    if refused:
        reasons = "; ".join("{} is {}, allowed: {}".format(*found.groups()) for found in refused)
        in_force = all(found["key"] in _IN_FORCE for found in refused)
        return f"the board refuses its configuration: {reasons}; {_instead(in_force, starts)}"
    if not starts and _TRACEBACK in lines:
        after = lines[lines.index(_TRACEBACK) + 1 :]
        error = next((line for line in after if not line.startswith(" ")), "")
        return f"the board's program ended at its start: {error}"
    return ""


def _instead(in_force: bool, starts: bool) -> str:
    if not starts:
        return "its program does not run"
    if in_force:
        return "the rest of it is in force"
    return "it runs with the last good one, or with the defaults if there is none"
