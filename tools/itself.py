"""How sluice starts itself again."""

import sys


def sluice(*arguments: str) -> list[str]:
    """The command line of a subcommand, for `subprocess`."""
    # -P: a folder of the user that is called tools is not ours.
    return [sys.executable, "-P", "-m", "tools", *arguments]
