"""What an experiment hands back, and how it is written: CSV, figures and a page."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from ... import plots
from ...errors import UserError

Cell = str | int | None


@dataclass
class Result:
    """name: of the experiment, and of its files.  rows: one cell for each column, numbers as they
    are to be read, None: does not apply.  figures: by the names of their files, without a suffix.
    page: its Markdown, without a heading."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    figures: dict[str, Figure]
    page: str

    def write(self, folder: Path) -> list[Path]:
        """Write NAME.csv, NAME.md and each figure as SVG and PNG; the paths.

        UserError: a file cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            table = folder / f"{self.name}.csv"
            with table.open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([self.columns, *self.rows])
            page = folder / f"{self.name}.md"
            page.write_text(f"# {self.title}\n\n{self.page.strip()}\n")
            paths = [table, page]
            for stem, figure in self.figures.items():
                paths += plots.save(figure, folder / stem)
        except OSError as error:
            raise UserError(f"{error.filename or folder}: {error.strerror}") from error
        return paths

    def as_json(self) -> str:
        records = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return json.dumps({"experiment": self.name, "rows": records}, indent=2)


def table(columns: Iterable[str], rows: Iterable[Iterable[Cell]]) -> str:
    """A table in Markdown; what looks like a number stands on the right."""
    body = [["–" if cell is None else str(cell) for cell in row] for row in rows]
    heads = list(columns)
    right = [
        all(row[i][:1] in "-–+<.0123456789" for row in body) and bool(body)
        for i in range(len(heads))
    ]
    lines = [heads, ["--:" if r else ":--" for r in right], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain_table(columns: Iterable[str], rows: Iterable[Iterable[Cell]]) -> str:
    """The same for a terminal."""
    lines = [list(columns), *(["-" if cell is None else str(cell) for cell in r] for r in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
