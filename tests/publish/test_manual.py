"""The page of all commands has each option, and says what its help says."""

import re
from pathlib import Path

import click
import pytest

from sluice_tools.cli import main
from sluice_tools.manual import PAGE, page

TEXT = (Path(__file__).parents[2] / PAGE).read_text()


def test_it_is_made_of_the_commands() -> None:
    assert page() == TEXT, f"{PAGE} is stale: make tables"


@pytest.mark.parametrize("name", main.commands)
def test_each_option_is_there_with_its_meaning(name: str) -> None:
    section = TEXT.partition(f"## sluice {name}\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(.*?)` \| (.*) \|$", section, re.MULTILINE))
    about = {name: re.sub(r"\[.*?\]", "", text).strip() for name, text in rows.items()}
    for parameter in main.commands[name].load().params:
        if isinstance(parameter, click.Option):
            names = parameter.opts[-1] if len(parameter.opts) == 1 else "-p, --port"
            (told,) = [text for row, text in about.items() if re.match(rf"{names}(?![\w-])", row)]
            assert told, f"sluice {name} {names} has no help"


def test_a_port_has_one_short_name() -> None:
    for command in map(main.commands.get, main.commands):
        for parameter in command.load().params:
            if "--port" in parameter.opts:
                assert "-p" in parameter.opts, command.name
