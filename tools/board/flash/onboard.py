"""Runs on the board while it is being flashed: sent through its REPL, never stored.

A file is written beside its place, as path.new, and renamed into it when it is whole.
"""

import hashlib
import json
import os
from binascii import a2b_base64, hexlify

import machine

FOLDER = 0x4000  # the kind of a folder, in os.ilistdir


def _watchdog():
    """The one that the program has started, perhaps: nothing stops it, and it wants its food."""
    for path in ("/config.json", "/config.good.json"):
        try:
            with open(path) as file:
                timeout = json.load(file).get("watchdog_ms")
        except (OSError, ValueError, AttributeError):  # no such file, or none that starts one
            continue
        if isinstance(timeout, int) and timeout > 0:
            try:
                return machine.WDT(timeout=timeout)
            except (AttributeError, ValueError):  # the port has none, or none for that time: no
                return None  # program has started one either
    return None


_wdt = _watchdog()


def _feed():
    if _wdt is not None:
        _wdt.feed()


def content(path):
    """(size, SHA-256 in hex) of a file."""
    sha = hashlib.sha256()
    size = 0
    buffer = memoryview(bytearray(512))
    with open(path, "rb") as file:
        while True:
            n = file.readinto(buffer)
            if not n:
                break
            _feed()
            sha.update(buffer[:n])
            size += n
    return size, hexlify(sha.digest()).decode()


def inventory(modules=()):
    """[(path, content)] of all that flashing may touch; the content of a folder is None.

    modules: the paths of the user's that belong to it.
    """
    found = []
    begin = ("app_", "main.py", "config.json", "secrets.json", "link.key")
    begin += tuple([path[1:] for path in modules])
    for entry in os.ilistdir("/"):
        if entry[0].startswith(begin):
            _walk("/" + entry[0], entry[1] == FOLDER, found)
    return found


def _walk(path, is_folder, found):
    found.append((path, None if is_folder else content(path)))
    if is_folder:
        for entry in os.ilistdir(path):
            _walk(path + "/" + entry[0], entry[1] == FOLDER, found)


def head(path):
    """The first 300 bytes of a file; none if there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read(300)
    except OSError:
        return b""


def write(path, at, base64):
    """Write to path.new: a new file when at is 0, else on at its end."""
    if at == 0:
        _make_folders(path)
    _feed()
    with open(path + ".new", "ab" if at else "wb") as file:
        file.write(a2b_base64(base64))


def copy(source, path):
    """Copy a file to path.new."""
    _make_folders(path)
    buffer = memoryview(bytearray(512))
    with open(source, "rb") as old, open(path + ".new", "wb") as new:
        while True:
            n = old.readinto(buffer)
            if not n:
                break
            _feed()
            new.write(buffer[:n])


def _make_folders(path):
    parts = path.split("/")[1:-1]
    for n in range(len(parts)):
        folder = "/" + "/".join(parts[: n + 1])
        try:
            os.stat(folder)
        except OSError:
            os.mkdir(folder)


def settle(expected):
    """Rename each path.new to path, in this order, if all hold what they should.

    expected: [(path, content)]. Otherwise renames none, and returns the first
    path.new that does not and what it holds.
    """
    for path, wanted in expected:
        found = content(path + ".new")
        if found != wanted:
            return path + ".new", found
    for path, _ in expected:
        os.rename(path + ".new", path)
    return None


def remove(path):
    """Remove a file, or a folder with all that is in it."""
    _feed()
    if os.stat(path)[0] & FOLDER:
        for entry in os.ilistdir(path):
            remove(path + "/" + entry[0])
        os.rmdir(path)
    else:
        os.remove(path)


def space():
    """(block size, free bytes) of the file system."""
    facts = os.statvfs("/")
    return facts[1], facts[1] * facts[4]
