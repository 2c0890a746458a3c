"""A board's flash in memory: it fills up, it fails, and its power goes at any step."""

import builtins
import os
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import host_sim  # noqa: F401  puts the firmware on the path

# Everything under firmware/sluice that has `open` or `os` in it.
MODULES = (
    "sluice.net.secrets",
    "sluice.program.config",
    "sluice.program.network",
    "sluice.program.spill",
    "sluice.queue.store",
)
_BLOCK = 4096  # bytes, of statvfs
_MUCH = 1 << 30  # bytes, where there is no end of room

ENOENT, EIO, EEXIST, ENOSPC = 2, 5, 17, 28

_mounted: list["Flash"] = []


class PowerCut(BaseException):
    """The power went: nothing that runs on the board goes on."""


class Flash:
    """Files by path. Inside `with flash:` they are what MODULES find below its root.

    Several may be mounted at a time; other paths are the host's. A relative path is below the
    root of the one that was mounted last.

    root:  the path in the host's path space, such as "/flash-1"; empty: all paths.
    fat:   False: as littlefs has it, what is written to a file is there when it is closed, all at
           once, and a file that is renamed takes the place of another at once. True: as FAT may
           have it, each byte is there at once, and the other file is removed first.

    files:   content by path below the root.  folders: their paths; that of the root is "".
    steps:   taken so far: each byte written is one, and each file or folder made, emptied, closed,
             renamed or removed.
    room:    bytes that all files together may have; None: no end.
    fails:   function of (operation, path) that returns an error number, or 0. An operation is the
             name of a function of `os`, "open" with its mode, "read", "write" or "close".
    open_files: how many are open.
    """

    def __init__(self, root: str = "", fat: bool = False) -> None:
        self.root = root
        self.fat = fat
        self.files: dict[str, bytes] = {}
        self.folders = {""}
        self.steps = 0
        self.room: int | None = None
        self.fails: Callable[[str, str], int] = _never
        self.open_files = 0
        self._left: int | None = None

    def __enter__(self) -> "Flash":
        if not _mounted:
            for module in _modules():
                vars(module).update(open=_open, os=_OS)
        _mounted.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _mounted.remove(self)
        if not _mounted:
            for module in _modules():
                del vars(module)["open"]
                vars(module)["os"] = os

    def cut_at(self, n: int | None) -> None:
        """Let the power go after n more steps: each operation from then on raises PowerCut.

        None: let it stay.
        """
        self._left = n

    def reset(self) -> None:
        """Begin as a board does: the power is there, and no store has a folder."""
        self._left = None
        in_use = import_module("sluice.queue.store")._in_use
        in_use[:] = [place for place in in_use if not place.startswith(self.root + "/")]

    def heal(self) -> None:
        """Let nothing fail and be no end of room from here on."""
        self.room = None
        self.fails = _never

    def copy(self) -> "Flash":
        """Another flash with the same content, on which nothing fails."""
        other = Flash(self.root, self.fat)
        other.files = dict(self.files)
        other.folders = set(self.folders)
        return other

    def used(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))

    # What the modules find in `os`, and `open`:

    def mkdir(self, path: str) -> None:
        name = self._begin("mkdir", path)
        if name in self.folders or name in self.files:
            raise OSError(EEXIST, "mkdir")
        self._need_folder_of(name)
        self.spend(1)
        self.folders.add(name)

    def listdir(self, path: str) -> list[str]:
        """The names, not in order."""
        folder = self._begin("listdir", path)
        if folder not in self.folders:
            raise OSError(ENOENT, "listdir")
        names = [*self.files, *self.folders - {""}]
        return [name.rpartition("/")[2] for name in reversed(names) if _folder_of(name) == folder]

    def remove(self, path: str) -> None:
        name = self._begin("remove", path)
        if name not in self.files:
            raise OSError(ENOENT, "remove")
        self.spend(1)
        del self.files[name]

    def rename(self, old: str, new: str) -> None:
        """Rename a file."""
        source, target = self._begin("rename", old), self._below(new)
        if source not in self.files:
            raise OSError(ENOENT, "rename")
        self._need_folder_of(target)
        if self.fat and target in self.files:
            self.spend(1)
            del self.files[target]
            self._begin("rename", old)
        self.spend(1)
        self.files[target] = self.files.pop(source)

    def statvfs(self, path: str) -> tuple[int, ...]:
        """As `os` says it of the file system, as far as it is known here."""
        self._begin("statvfs", path)
        room = _MUCH if self.room is None else max(0, self.room - self.used())
        free = room // _BLOCK
        return _BLOCK, _BLOCK, free, free, free, 0, 0, 0, 0, 255

    def open(self, path: str, mode: str = "r") -> "_File":
        """A file to read (mode r), write (w) or append to (a), as text or (rb, wb, ab) bytes."""
        name = self._begin("open " + mode, path)
        if mode[0] == "r" and name not in self.files:
            raise OSError(ENOENT, "open")
        self._need_folder_of(name)
        # littlefs leaves the old content until the file is closed
        if name not in self.files or (mode[0] == "w" and self.fat):
            self.spend(1)
            self.files[name] = b""
        return _File(self, name, mode)

    # For its files:

    def begin(self, operation: str, name: str) -> None:
        """Raise what an operation on a file meets before it does anything."""
        if self._left == 0:
            raise PowerCut
        number = self.fails(operation, name)
        if number:
            raise OSError(number, operation)

    def spend(self, n: int) -> int:
        """Take n steps, or as many as there is power for; how many that were."""
        if self._left is not None:
            n = min(n, self._left)
            self._left -= n
        self.steps += n
        return n

    def fitting(self, name: str, begun: int, n: int) -> int:
        """So many of n bytes have room behind those with which the file was begun."""
        if self.room is None:
            return n
        others = self.used() - len(self.files[name])
        return min(n, max(0, self.room - others - begun))

    def _begin(self, operation: str, path: str) -> str:
        name = self._below(path)
        self.begin(operation, name)
        return name

    def _below(self, path: str) -> str:
        path = _absolute(path)
        assert (path + "/").startswith(self.root + "/"), path
        return "".join("/" + part for part in path[len(self.root) :].split("/") if part)

    def _need_folder_of(self, name: str) -> None:
        if _folder_of(name) not in self.folders:
            raise OSError(ENOENT, name)


class _File:
    def __init__(self, flash: Flash, name: str, mode: str) -> None:
        self._flash, self._name = flash, name
        self._text = "b" not in mode
        self._writes = mode[0] != "r"
        self._content = b"" if mode[0] == "w" else flash.files[name]
        self._at = 0
        self._bad = False  # littlefs gives up a file of which a write failed
        self._open = True
        flash.open_files += 1

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not PowerCut:
            self.close()
        elif self._open:
            self._flash.open_files -= 1

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._flash.open_files -= 1
        if self._writes:
            self._flash.begin("close", self._name)
            self._flash.spend(1)
            if not self._bad:
                self._flash.files[self._name] = self._content

    def write(self, data: Any) -> int:
        """Append; how much of bytes there was room for. ENOSPC: for none, or not for all text."""
        part = data.encode() if self._text else bytes(data)
        bad, self._bad = self._bad, True
        self._flash.begin("write", self._name)
        fits = self._flash.fitting(self._name, len(self._content), len(part))
        written = self._flash.spend(fits)
        self._content += part[:written]
        if self._flash.fat:
            self._flash.files[self._name] = self._content
        if written < fits:
            raise PowerCut
        if fits < len(part):
            if self._text or not fits:
                raise OSError(ENOSPC, "write")
            return fits
        self._bad = bad
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset if whence == 0 else len(self._content) + offset
        return self._at

    def read(self, n: int | None = None) -> Any:
        self._flash.begin("read", self._name)
        part = self._content[self._at :][:n]
        self._at += len(part)
        return part.decode() if self._text else part

    def readinto(self, buffer: Any) -> int:
        self._flash.begin("read", self._name)
        part = self._content[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


class _Os:
    """`os` for MODULES while a flash is mounted."""

    def getcwd(self) -> str:
        return _mounted[-1].root or "/"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(path: str, *more: str) -> Any:
            flash = _flash_of(path)
            return getattr(os if flash is None else flash, name)(path, *more)

        return call


_OS = _Os()


def _open(path: str, mode: str = "r") -> Any:
    flash = _flash_of(path)
    return builtins.open(path, mode) if flash is None else flash.open(path, mode)


def _flash_of(path: str) -> Flash | None:
    path = _absolute(path)
    for flash in reversed(_mounted):
        if (path + "/").startswith(flash.root + "/"):
            return flash
    return None


def _absolute(path: str) -> str:
    return path if path.startswith("/") else _mounted[-1].root + "/" + path


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def _modules() -> list[ModuleType]:
    return [import_module(name) for name in MODULES]


def _never(operation: str, path: str) -> int:
    return 0
