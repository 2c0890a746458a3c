"""A flash file system in memory that fills up, fails and loses its power when it is told to."""

import sluice.queue.store

ENOENT, EIO, EEXIST, ENOSPC = 2, 5, 17, 28


class PowerCut(BaseException):
    """The power went: nothing that runs on the board goes on."""


class Flash:
    """Files by path. Inside `with flash:` it is what sluice.queue.store reads and writes, as after
    a reset: no store has a folder yet.

    at_close: what is written is on flash when the file is closed, and nothing of it before,
              as littlefs has it; else each byte is there at once, as FAT may have it.
    left:     steps until the power goes: each byte written is one, and each file made,
              closed or removed. None: it stays.
    room:     bytes that all files together may have; None: no end.
    fails:    function of (operation, path) that returns an error number, or 0.
    """

    def __init__(self, at_close=False):
        self.files = {}
        self.folders = set()
        self.at_close = at_close
        self.left = None
        self.steps = 0
        self.room = None
        self.fails = lambda operation, path: 0
        self.open_files = 0

    def __enter__(self):
        sluice.queue.store.open = self.open
        sluice.queue.store.os = self
        sluice.queue.store._in_use.clear()
        return self

    def __exit__(self, *_):
        del sluice.queue.store.open
        sluice.queue.store.os = _os

    def copy(self):
        """Another flash with the same content, on which nothing fails."""
        other = Flash(self.at_close)
        other.files = dict(self.files)
        other.folders = set(self.folders)
        return other

    def power_on(self):
        """Let nothing fail from here on."""
        self.left = None
        self.room = None
        self.fails = lambda operation, path: 0

    def spend(self):
        if self.left is not None:
            if self.left == 0:
                raise PowerCut
            self.left -= 1
        self.steps += 1

    def fail(self, operation, path):
        number = self.fails(operation, path)
        if number:
            raise OSError(number, operation)

    def used(self):
        return sum(map(len, self.files.values()))

    def getcwd(self):
        return "/"

    def mkdir(self, path):
        self.fail("mkdir", path)
        if path in self.folders:
            raise OSError(EEXIST, "mkdir")
        self.folders.add(path)

    def listdir(self, path):
        self.fail("listdir", path)
        return [name.removeprefix(path + "/") for name in reversed(self.files)]

    def remove(self, path):
        self.fail("remove", path)
        if path not in self.files:
            raise OSError(ENOENT, "remove")
        self.spend()
        del self.files[path]

    def open(self, path, mode):
        self.fail("open " + mode, path)
        if mode == "wb":
            self.spend()
            self.files[path] = b""
        elif path not in self.files:
            if mode == "rb":
                raise OSError(ENOENT, "open")
            self.files[path] = b""
        return _File(self, path, mode)


class _File:
    def __init__(self, flash, path, mode):
        self.flash, self.path, self.mode = flash, path, mode
        self.content = flash.files[path]
        self.at = 0

    def __enter__(self):
        self.flash.open_files += 1
        return self

    def __exit__(self, kind, *_):
        self.flash.open_files -= 1
        if self.mode != "rb" and kind is None:
            self.flash.fail("close", self.path)
            self.flash.spend()
            self.flash.files[self.path] = self.content

    def write(self, data):
        self.flash.fail("write", self.path)
        others = self.flash.used() - len(self.flash.files[self.path])
        for n, byte in enumerate(bytes(data)):
            if self.flash.room is not None and others + len(self.content) >= self.flash.room:
                return n
            self.flash.spend()
            self.content += bytes([byte])
            if not self.flash.at_close:
                self.flash.files[self.path] = self.content
        return len(data)

    def seek(self, offset, whence=0):
        self.at = offset if whence == 0 else len(self.content) + offset
        return self.at

    def readinto(self, buffer):
        self.flash.fail("read", self.path)
        part = self.content[self.at : self.at + len(buffer)]
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)


_os = sluice.queue.store.os
