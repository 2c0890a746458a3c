"""Small libraries with planted defects, for the tests of `sluice check`."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from sluice_tools.lab.check.report import Report, check

HERE = "# here"  # ends the line on which a finding is due


@dataclass(frozen=True)
class Found:
    """A finding: its place, what it says, and the functions that lead there."""

    place: tuple[str, int]
    what: str
    calls: tuple[str, ...]


def write(folder: Path, **modules: str) -> Path:
    """A package `sluice` of these modules in the folder; returns the folder."""
    package = folder / "sluice"
    package.mkdir()
    for name, source in modules.items():
        (package / f"{name}.py").write_text(dedent(source))
    return folder


def found(report: Report) -> list[Found]:
    return [
        Found(
            (finding.function.module.path.name, finding.line),
            finding.what,
            tuple(function.label for function in chain),
        )
        for finding, chain in report.findings
    ]


def check_source(folder: Path, **modules: str) -> list[Found]:
    """What the checks find in a library of these modules."""
    return found(check(write(folder, **modules)))


def places(**modules: str) -> list[tuple[str, int]]:
    """The lines marked as HERE."""
    return [
        (f"{name}.py", number)
        for name, source in modules.items()
        for number, line in enumerate(dedent(source).splitlines(), 1)
        if line.endswith(HERE)
    ]
