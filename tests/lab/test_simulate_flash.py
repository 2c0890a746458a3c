"""The flash in memory: which modules find it, and how its two file systems differ."""

import ast
from importlib import import_module

import pytest

from host_sim import FIRMWARE
from sluice_tools.lab.simulate.flash import ENOENT, ENOSPC, MODULES, Flash, PowerCut

CONFIG, STORE = map(import_module, ("sluice.program.config", "sluice.queue.store"))


def names_of_files(path):
    """What a module of the firmware has of `open` and `os`: "open", "os", "os.remove", ..."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name) and node.id == "open":
            found.add("open")
        elif isinstance(node, ast.Import):
            found |= {"os" for each in node.names if each.name in ("os", "uos", "io", "vfs")}
        elif isinstance(node, ast.ImportFrom) and node.module in ("os", "uos", "io", "vfs"):
            found.add("from os")  # the name in the module would stay the host's
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {"os." + node.attr} if node.value.id == "os" else set()
    return found


def test_every_module_of_the_firmware_that_has_to_do_with_files_finds_the_flash():
    found = {}
    for path in (FIRMWARE / "sluice").rglob("*.py"):
        names = names_of_files(path) - {"os", "os.dupterm", "os.urandom"}
        if names:
            found[".".join(path.relative_to(FIRMWARE).with_suffix("").parts)] = names
    assert sorted(found) == sorted(MODULES)
    used = set().union(*found.values()) - {"open", "os", "os.getcwd"}
    assert all(hasattr(Flash, name.removeprefix("os.")) for name in used), used


def test_a_path_below_the_root_is_on_the_flash_and_any_other_is_the_hosts(tmp_path):
    there = tmp_path / "there"
    with Flash("/flash-1") as first, Flash("/flash-2") as second:
        for path in ("/flash-1/name", "/flash-2/name", "name", str(there)):
            with CONFIG.open(path, "w") as file:
                file.write(path)
        CONFIG.os.rename("/flash-1/name", "/flash-1/other")
        CONFIG.os.rename(str(there), str(tmp_path / "other"))
        STORE.os.mkdir("/flash-2/folder")
        assert STORE.os.listdir("/flash-2") == ["folder", "name"]
        assert STORE.os.getcwd() == "/flash-2"
    assert first.files == {"/other": b"/flash-1/name"}
    assert second.files == {"/name": b"name"}
    assert (tmp_path / "other").read_text() == str(there)


def test_when_none_is_mounted_the_modules_have_what_they_had():
    import os

    with Flash():
        with Flash("/flash-1"):
            pass
        assert CONFIG.os is not os and STORE.os is not os
    assert CONFIG.os is os and STORE.os is os
    assert not hasattr(CONFIG, "open") and not hasattr(STORE, "open")


def test_the_path_is_one_however_it_is_written():
    with Flash("/flash-1") as flash:
        STORE.os.mkdir("/flash-1/a/")
        flash.open("/flash-1//a/b", "wb").close()
        flash.open("a/b", "rb").close()
    assert flash.files == {"/a/b": b""}


@pytest.mark.parametrize("path", ["/no", "/no/where"])
def test_what_is_not_there_is_enoent(path):
    with Flash() as flash:
        for operation in (
            lambda: flash.open(path, "rb"),
            lambda: flash.open("/no/where", "wb"),
            lambda: flash.remove(path),
            lambda: flash.rename(path, "/x"),
            lambda: flash.listdir(path),
            lambda: flash.mkdir("/no/where"),
        ):
            with pytest.raises(OSError) as caught:
                operation()
            assert caught.value.errno == ENOENT


def replace_by_rename(flash):
    with flash.open("/f.new", "wb") as file:
        file.write(b"ne")
        file.write(b"w")
    flash.rename("/f.new", "/f")


LITTLEFS = [{}, *[{"/f.new": b""}] * 4, {"/f.new": b"new"}]
FAT = [{}, *[{"/f.new": b"new"[:n]} for n in (0, 1, 2, 3, 3)]]


@pytest.mark.parametrize(("fat", "before"), [(False, LITTLEFS), (True, FAT)])
def test_what_a_cut_leaves_at_each_step(fat, before):
    """Before the rename the old file is there; on FAT there is a moment with neither."""
    old = {"/f": b"old"}
    states = [{**old, **files} for files in before] + [{"/f.new": b"new"}] * fat
    for cut, state in enumerate(states):
        flash = Flash(fat=fat)
        flash.files = dict(old)
        flash.cut_at(cut)
        with pytest.raises(PowerCut):
            replace_by_rename(flash)
        assert (flash.files, flash.steps, flash.open_files) == (state, cut, 0)
        with pytest.raises(PowerCut):
            flash.open("/f", "rb")
    flash.reset()
    flash.files = dict(old)
    replace_by_rename(flash)
    assert flash.files == {"/f": b"new"}


@pytest.mark.parametrize(("fat", "left"), [(False, b"old"), (True, b"")])
def test_a_file_that_is_written_again_is_the_old_one_until_it_is_closed_except_on_fat(fat, left):
    flash = Flash(fat=fat)
    flash.files["/f"] = b"old"
    file = flash.open("/f", "wb")
    assert flash.files == {"/f": left}
    file.close()
    assert flash.files == {"/f": b""}


@pytest.mark.parametrize(("fat", "left"), [(False, b"abc"), (True, b"abcde")])
def test_a_full_flash_takes_a_part_which_only_fat_keeps(fat, left):
    flash = Flash(fat=fat)
    flash.files["/f"] = b"abc"
    flash.room = 5
    with flash.open("/f", "ab") as file:
        assert file.write(b"defg") == 2
        with pytest.raises(OSError) as caught:
            file.write(b"f")
    assert (flash.files["/f"], caught.value.errno) == (left, ENOSPC)
    with pytest.raises(OSError), flash.open("/f", "w") as file:
        file.write("123456")


def test_a_copy_has_the_content_and_its_own_life():
    flash = Flash("/flash-1", fat=True)
    flash.mkdir("/flash-1/a")
    flash.cut_at(0)
    other = flash.copy()
    other.open("/flash-1/a/b", "wb").close()
    assert (flash.files, other.files) == ({}, {"/a/b": b""})
