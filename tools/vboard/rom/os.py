"""The module `os` of the board: the built-in one, with what boards have on top."""

from collections import namedtuple

import uos
from _sys import implementation, platform, version
from uos import *  # noqa: F403


def ilistdir(path="."):
    """As on a board, each entry has its size: (name, type, inode, size)."""
    folder = path.rstrip("/") + "/"
    for name, kind, inode in uos.ilistdir(path):
        yield name, kind, inode, uos.stat(folder + name)[6]


def sync():
    pass  # every write goes through at once


def uname():
    release = ".".join(str(n) for n in implementation.version[:3])
    return namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))(
        platform, platform, release, version, implementation._machine
    )
