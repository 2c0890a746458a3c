"""The page docs/quick-start.md, command by command, prints what it shows."""

import re
import subprocess
import sys
from pathlib import Path

from sluice_tools.vboard import VirtualBoard

PROJECT = Path(__file__).parents[2]
SHOWN = "socket://127.0.0.1:2323"
STARTED_BY_THE_TEST = ("make setup", ". .venv/bin/activate", "sluice vboard")
DEADLINE_S = 120


def steps() -> list[tuple[str, str]]:
    """(command, what it prints) of the part for the virtual board."""
    page = (PROJECT / "docs" / "quick-start.md").read_text()
    part = page[: page.index("## With a real board")]
    blocks = re.findall(r"^```console\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)
    return [step for step in found if not step[0].startswith(STARTED_BY_THE_TEST)]


def one_space(text: str) -> str:
    """Numbers stand to the right, so their length moves them."""
    return re.sub(" +", " ", text)


def as_on_an_idle_machine(text: str) -> str:
    """Without what the page says of a machine that holds the board up: records that came again, and
    the line of a board that has not started yet when the next command begins."""
    return re.sub(r"^board: event=start .*\n|,? +[\d,]+ again", "", text, flags=re.MULTILINE)


def test_each_command_prints_what_the_page_shows(vboard: VirtualBoard, tmp_path: Path) -> None:
    bin_folder = Path(sys.executable).parent
    for command, shown in steps():
        done = subprocess.run(
            command.replace(SHOWN, vboard.url),
            shell=True,
            cwd=tmp_path,
            env={"PATH": f"{bin_folder}:/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        printed = done.stdout.replace(vboard.url, SHOWN)
        printed = one_space(as_on_an_idle_machine(printed))
        wanted = ".*".join(re.escape(part) for part in one_space(shown).split("…"))
        assert re.fullmatch(wanted, printed, re.DOTALL), f"$ {command}\n{printed}"
        assert (done.returncode != 0) == shown.startswith("Error: "), command


def test_the_page_goes_all_the_way() -> None:
    commands = [command for command, _ in steps()]
    for name in ("doctor", "flash", "feed", "set", "audit"):
        assert [command for command in commands if f"sluice {name} " in command], name
