"""The page of all commands, made from what each says of itself: `make tables` writes it."""

import inspect
from collections.abc import Iterator

import click

from .cli import Command, main
from .itself import CHECKOUT

PAGE = "docs/commands.md"

_FIRST = ("doctor", "flash", "feed", "console", "set", "audit", "demo", "vboard")
_HEAD = """# Commands

<!-- Made by `make tables` from the help of the commands: do not edit. -->

Every command, with all its options; `--help` behind a command shows the same. First come those \
that you need with a board. [Installing](install.md) says which extra a command needs, and what \
[exit statuses](install.md#exit-statuses) mean. [Quick start](quick-start.md) shows the most \
important ones in use. The words are in the [glossary](glossary.md).
"""


def page() -> str:
    """The text of the page."""
    others = sorted(set(main.commands) - set(_FIRST))
    return _HEAD + "".join(f"\n{part}\n" for name in (*_FIRST, *others) for part in _command(name))


def _command(name: str) -> Iterator[str]:
    listed = main.commands[name]
    assert isinstance(listed, Command)
    command = listed.load()
    context = click.Context(command, info_name=f"sluice {name}")
    yield f"## sluice {name}"
    yield f"    {' '.join([f'sluice {name}', *command.collect_usage_pieces(context)])}"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield "\n".join(f"    {line}" for line in paragraph.splitlines()[1:])
        else:
            yield " ".join(paragraph.split())
    if rows := list(_options(command, context)):
        yield "\n".join(["| option | what it does |", "|---|---|", *rows])


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            names, about = (" ".join(cell.split()).replace("|", "\\|") for cell in record)
            yield f"| `{names}` | {about} |"


if __name__ == "__main__":
    if CHECKOUT is None:
        raise SystemExit("the page is a checkout's")
    (CHECKOUT / PAGE).write_text(page())
