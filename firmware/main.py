# SPDX-License-Identifier: MIT
"""The board's program, started: `board` is the module of boards/<name>/board.py that was flashed
with this one.
"""

import gc
import os
import sys

import vfs

_FOLDER = 0x4000  # as `os.ilistdir` has it
_NOT_THERE = 2  # errno ENOENT


class Listed:
    """A release's folder, with the names of its files in memory: to be mounted over it.

    An import asks the file system for a folder, a .py and a .mpy of each name. The flash of an
    RP2040 needs 5 ms for each answer, which is 0.8 s for the program.
    """

    def __init__(self, folder):
        self._beneath = "/" + folder  # with two slashes at its front, it is not what is mounted
        self._kinds = {}  # by name
        self._list("")

    def mount(self, readonly, mkfs):
        """Nothing is to be done, but `vfs.mount` calls it."""

    def umount(self):
        """Nothing is to be done, but `vfs.umount` calls it."""

    def stat(self, name):
        """The kind of a file, as `os.stat` has it. OSError: there is none of this name."""
        if name not in self._kinds:
            raise OSError(_NOT_THERE)
        return self._kinds[name], 0, 0, 0, 0, 0, 0, 0, 0, 0

    def open(self, name, mode):
        """The file."""
        return open(self._beneath + name, mode)

    def _list(self, folder):
        for entry in os.ilistdir(self._beneath + folder):  # type: ignore[attr-defined]  # stubs
            name = folder + "/" + entry[0]
            self._kinds[name] = entry[1]
            if entry[1] == _FOLDER:
                self._list(name)


def load():
    """The program's start, and the board that it takes."""
    import board

    from sluice.program.program import main

    return main, board


def load_release(folder):
    """The same, out of a release's folder."""
    vfs.mount(Listed(folder), folder)
    try:
        return load()
    finally:
        vfs.umount(folder)


# What an import leaves behind is used again by the next one, so that what stays does not lie all
# over the heap, where a large queue would find no room in one piece.
gc.threshold(32768)
start, board = load_release(sys.path[0]) if sys.path[0].startswith("/app_") else load()
gc.threshold(-1)
start(board)
