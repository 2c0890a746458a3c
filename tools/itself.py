"""Where sluice's parts lie, and how it starts itself again."""

import sys
from importlib.metadata import version
from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[1]  # the checkout, or where a wheel was installed


def _room(name: str, owner: str) -> Path:
    """A folder of the checkout, which a wheel holds inside of the package `owner`."""
    installed = _BESIDE / owner / name
    return installed if installed.is_dir() else _BESIDE / name


FIRMWARE = _room("firmware", "host_sim")
BOARDS = _room("boards", "sluice_tools")
CHECKOUT = _BESIDE if (_BESIDE / "pyproject.toml").is_file() else None
"""The folder of the checkout; None for an installed wheel."""


def version_installed() -> str:
    """The version of Sluice that is installed, which is the library's too."""
    return version("micropython-sluice")


def sluice(*arguments: str) -> list[str]:
    """The command line of a subcommand, for `subprocess`."""
    # -P: a folder of the user that is called sluice_tools is not ours.
    return [sys.executable, "-P", "-m", "sluice_tools", *arguments]
