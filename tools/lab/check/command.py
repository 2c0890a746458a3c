"""`sluice check`: the hot-path contract, proved from source and compiled code."""

import json
import os
from pathlib import Path

import click

from host_sim import FIRMWARE

from .finding import Finding
from .report import Report
from .report import check as run
from .stack import MOST_WORDS


@click.command()
@click.argument(
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=FIRMWARE,
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def check(context: click.Context, folder: Path, as_json: bool) -> None:
    """Prove that hot code allocates nothing and that its loops end, as far as the code tells.

    Hot is a function whose docstring says "Hot.", and all that it calls. A loop there
    ends by itself: what ends it is seen in the loop, or said beside it as `# bound: <reason>`.
    FOLDER holds the firmware, here the project's own. Exit status 1 when there is a finding.
    """
    report = run(folder)
    click.echo(json.dumps(_facts(report), indent=2) if as_json else _lines(report))
    context.exit(1 if report.findings else 0)


def _lines(report: Report) -> str:
    lines = [
        f"{_shown(finding)}:{finding.line}: {finding.what}; in "
        + " > ".join(function.label for function in chain)
        for finding, chain in report.findings
    ]
    lines += [
        f"hot functions: {len(report.hot)}, with all that they call: {len(report.reached)}, "
        f"findings: {len(report.findings)}",
        f"largest frame: {report.reached[report.largest]} of {MOST_WORDS} words, "
        + report.largest.label,
        f"not followed, since callers hand it in: {', '.join(report.given) or 'nothing'}",
    ]
    return "\n".join(lines)


def _facts(report: Report) -> dict[str, object]:
    words = {function.label: words for function, words in report.reached.items()}
    return {
        "hot": len(report.hot),
        "reached": len(report.reached),
        "largest_frame": {"function": report.largest.label, "words": max(words.values())},
        "frames": words,
        "not_followed": report.given,
        "findings": [
            {
                "file": _shown(finding),
                "line": finding.line,
                "what": finding.what,
                "calls": [function.label for function in chain],
            }
            for finding, chain in report.findings
        ],
    }


def _shown(finding: Finding) -> str:
    return os.path.relpath(finding.function.module.path)
