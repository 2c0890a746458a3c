"""`sluice web`: the page's files, and nothing that is not there."""

import json
import re

import pytest
from click.testing import CliRunner

from sluice_tools.cli import main
from sluice_tools.publish.web import build


@pytest.fixture
def sluice():
    """sluice("web", …): exit status and what it prints."""

    def run(*arguments):
        result = CliRunner().invoke(main, list(map(str, arguments)))
        return result.exit_code, result.output

    return run


def test_it_copies_the_page_and_all_that_it_runs_on(sluice, tmp_path):
    out = tmp_path / "new" / "web"
    status, printed = sluice("web", "--out", out)
    assert status == 0
    assert (
        printed == f"{out}/index.html: serve it with `python3 -m http.server --directory {out}`\n"
    )
    names = json.loads((out / "firmware.json").read_text())
    assert "sluice/limit/bucket.py" in names
    assert all((out / "firmware" / name).is_file() for name in names)
    for page in ("index.html", "console.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+)"', (out / page).read_text()):
            assert (out / link).is_file(), f"{page}: {link}"
    for script in out.rglob("*.js"):
        for link in re.findall(r'from "(\.[^"]+)"', script.read_text()):
            assert (script.parent / link).is_file(), f"{script}: {link}"


def test_what_it_ships_names_no_other_address(sluice, tmp_path):
    sluice("web", "--out", tmp_path / "web")
    ours = [p for p in (tmp_path / "web").rglob("*") if p.suffix in {".html", ".js", ".css"}]
    ours = [p for p in ours if p.parent.name != "uplot"]
    assert len(ours) > 10
    for path in ours:
        assert not re.search(r"https?://|//cdn", path.read_text()), path


def test_a_second_build_replaces_the_first_and_nothing_else(sluice, tmp_path):
    out = tmp_path / "web"
    sluice("web", "--out", out)
    (out / "old.js").write_text("left over")
    assert sluice("web", "--out", out)[0] == 0
    assert not (out / "old.js").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    status, printed = sluice("web", "--out", mine)
    assert (status, printed) == (
        1,
        f"Error: {mine} holds other files; the page wants an empty folder, or a new one\n",
    )
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("cut", ["copytree", "copyfile", "rmtree"])
def test_a_build_that_was_cut_off_is_done_again_by_the_next(sluice, tmp_path, monkeypatch, cut):
    out = tmp_path / "web"
    if cut == "rmtree":
        sluice("web", "--out", out)
    with monkeypatch.context() as patched:

        def ctrl_c(*_, **__):
            raise KeyboardInterrupt

        patched.setattr(build.shutil, cut, ctrl_c)
        assert sluice("web", "--out", out)[0] == 130
    status, printed = sluice("web", "--out", out)
    assert status == 0, printed
    assert (out / "index.html").is_file()


def test_what_hinders_it_is_one_line(sluice, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    status, printed = sluice("web", "--out", file / "web")
    assert (status, printed) == (1, f"Error: {file / 'web'}: Not a directory\n")
    monkeypatch.setattr(build, "_UPLOT", tmp_path / "uplot")
    status, printed = sluice("web", "--out", tmp_path / "web")
    said = "Error: uplot is not installed; `sluice web --install` fetches it, once\n"
    assert (status, printed) == (1, said)
