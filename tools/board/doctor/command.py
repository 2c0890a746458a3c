"""The command `sluice doctor`."""

import json
import platform
import sys
from dataclasses import asdict

import click

from ...itself import version_installed
from .diagnosis import Finding, diagnose

_QUESTION = (
    "{port}: Sluice runs on it, with settings that were changed since it started. To look further,"
    " doctor restarts it, which undoes the changes that were not kept and empties the audit log."
    " Restart it?"
)


@click.command()
@click.option(
    "--port", "-p", help="A serial port, or a URL; without it, every port of a USB device."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--yes", is_flag=True, help="Restart a board whose settings were changed, without a question."
)
@click.pass_context
def doctor(context: click.Context, port: str | None, as_json: bool, yes: bool) -> None:
    """Say which board is there, what is wrong and how to fix it.

    Stops the board's program to look, and starts it again; changes no file. If settings were
    changed since the board started, the restart would undo that: doctor asks first. Where it cannot
    ask, it leaves the board running, unless --yes is given. The exit status is 1 if there is a
    problem.
    """

    def may_restart(port: str) -> bool:
        asks = not as_json and _on_a_terminal()
        return yes or (asks and click.confirm(_QUESTION.format(port=port)))

    findings = []
    if not as_json:
        click.echo(f"sluice {version_installed()}, Python {platform.python_version()}")
    for finding in diagnose(port, may_restart):
        findings.append(finding)
        if not as_json:
            click.echo(_as_text(finding))
    good = not any(finding.problem for finding in findings)
    if as_json:
        told = {"good": good, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(told, indent=2))
    context.exit(0 if good else 1)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _as_text(finding: Finding) -> str:
    says = finding.says.removeprefix(f"{finding.port}: ")
    where = f"{finding.port}: " if finding.port else ""
    lines = [f"{'WRONG' if finding.problem else 'good '}  {where}{says}"]
    if finding.mend:
        lines.append(f"       {'fix' if finding.problem else 'next'}: {finding.mend}")
    return "\n".join(lines)
