"""The command `sluice doctor`."""

import json
import platform
from dataclasses import asdict

import click

from ...itself import version_installed
from .diagnosis import Finding, diagnose


@click.command()
@click.option(
    "--port", "-p", help="A serial port, or a URL; without it, every port of a USB device."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def doctor(context: click.Context, port: str | None, as_json: bool) -> None:
    """Say which board is there, what is wrong and how to mend it.

    The board's program is stopped for it and started again; nothing on the board is changed. The
    exit status is 1 if there is a problem.
    """
    findings = []
    if not as_json:
        click.echo(f"sluice {version_installed()}, Python {platform.python_version()}")
    for finding in diagnose(port):
        findings.append(finding)
        if not as_json:
            click.echo(_as_text(finding))
    good = not any(finding.problem for finding in findings)
    if as_json:
        told = {"good": good, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(told, indent=2))
    context.exit(0 if good else 1)


def _as_text(finding: Finding) -> str:
    says = finding.says.removeprefix(f"{finding.port}: ")
    where = f"{finding.port}: " if finding.port else ""
    lines = [f"{'WRONG' if finding.problem else 'good '}  {where}{says}"]
    if finding.mend:
        lines.append(f"       {'mend' if finding.problem else 'next'}: {finding.mend}")
    return "\n".join(lines)
