"""The page docs/testing.md: its program and tests, with the wheel, outside of the checkout."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from installed import Run, install

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/testing.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAM, *TESTS = [text for language, text in BLOCKS if language == "python"]
WRONG = [text for language, text in BLOCKS if language == "" and not text.startswith("E ")]
SAID = [text for text in (text for _, text in BLOCKS) if text.startswith("E ")]
MICROPYTHON = "node_modules/@micropython"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def run_page(
    wheel: Path, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """run_page(program, "-k", …): pytest on the page's tests, for this program."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "test_pulses.py").write_text("\n\n".join(TESTS))
    python: Run = install(wheel, place, folder)

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (folder / "pulses.py").write_text(program)
        # -B: two versions of a program within a second would have the same compiled file.
        return python("-B", "-m", "pytest", "-rs", *arguments, program="python")

    return run


def test_all_of_it_passes_and_the_virtual_board_waits_for_its_micropython(
    run_page: Callable[..., subprocess.CompletedProcess[str]], place: Path
) -> None:
    done = run_page(PROGRAM)
    assert done.returncode == 0 and " 3 passed, 2 skipped in " in done.stdout, done.stdout
    assert "no virtual board: micropython-webassembly-pyscript is not installed" in done.stdout
    (vboard,) = place.rglob("sluice_tools/vboard")
    # What `sluice vboard --install` puts there: test_wheel.py.
    shutil.copytree(PROJECT / "tools/vboard" / MICROPYTHON, vboard / MICROPYTHON)
    done = run_page(PROGRAM)
    assert done.returncode == 0, done.stdout
    shown = next(text for language, text in BLOCKS if language == "console").splitlines()[-1]
    assert re.search(re.escape(shown).replace("…", ".*"), done.stdout), done.stdout


def test_what_the_page_calls_wrong_fails_with_what_it_shows(
    run_page: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    (sum_of_ticks,) = re.findall(r"With `(self.due = .*?)`", PAGE)
    (forgetful,) = WRONG
    right = re.search(r"        pulses = self.pulses\n(?:.*\n)*?        return fresh\n", PROGRAM)
    assert right
    programs = [
        re.sub(r"self.due = .*", sum_of_ticks, PROGRAM, count=1),
        PROGRAM.replace(right[0], forgetful),
    ]
    for program, said in zip(programs, SAID, strict=True):
        assert program != PROGRAM
        done = run_page(program, "-k", "ticks or counted")
        assert " 1 failed, 1 passed" in done.stdout, done.stdout
        printed = one_space(done.stdout)
        for part in said.split("…"):
            assert one_space(part) in printed, done.stdout


def one_space(text: str) -> str:
    """pytest indents an error by its place."""
    return " ".join(text.split())
