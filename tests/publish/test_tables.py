"""The tables of the documentation and of the page say what their sources say."""

from pathlib import Path

import pytest

from sluice_tools.errors import UserError
from sluice_tools.publish.tables import PAGES, SCRIPT, page, tables

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", [*PAGES, SCRIPT])
def test_a_table_is_that_of_its_source(name: str) -> None:
    path = PROJECT / name
    assert path.read_text() == tables(PROJECT)[path], f"{name} is stale: make tables"


TABLE = """Before.

<!-- keys: some -->

| key | default | allowed | changes | meaning |
|---|---|---|---|---|
| `rate` | 1 | | never | tokens |
| `kp`, `sink` | | | | a [link](x.md) |
| `mqtt` | | | | text |

| key | default |
|---|---|
| `slots` | another table |
"""


def test_a_table_of_keys_is_filled_in_and_its_meanings_stay() -> None:
    assert page(TABLE).splitlines()[6:9] == [
        "| `rate` | 500 | 0 to 1,073,741,823 tokens or null | while it runs | tokens |",
        "| `kp`, `sink` | [0, 1], `link` | [0 to 65,535; 1 to 65,535], `link`, `uart`, `mqtt`,"
        " `http`, `null`, `module:NAME` | while it runs, at the start | a [link](x.md) |",
        "| `mqtt` | null | 1 to 128 characters or null | at the start | text |",
    ]
    assert page(TABLE).endswith(TABLE[TABLE.index("\n\n| key | default |\n") :])
    assert page(page(TABLE)) == page(TABLE)


def test_a_key_that_is_none_or_that_a_table_of_all_has_not_is_an_error() -> None:
    with pytest.raises(UserError, match="no keys of the configuration: .*`rats`"):
        page(TABLE.replace("`rate`", "`rats`"))
    with pytest.raises(UserError, match="no line .* their meaning: .*'tries'"):
        page(TABLE.replace("keys: some", "keys: all"))


def test_the_page_of_the_configuration_says_what_each_key_means() -> None:
    text = (PROJECT / "docs/configuration.md").read_text()
    assert "<!-- keys: all" in text
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert [line for line in lines if not line.split("|")[-2].strip()] == []
