"""The command `sluice explore`."""

import click

from . import run


@click.command()
@click.pass_context
def explore(context: click.Context) -> None:
    """Run an interrupt at every opcode of the library's hot methods.

    Each pair of uses that an ownership rule allows is run once for every place at which the
    interrupt can come, and nothing may be lost, doubled, torn or out of order after any of them.
    Takes a minute or two. Exit status 1 when there is a violation.
    """
    report = run()
    for line in report.lines():
        click.echo(line)
    context.exit(0 if report.good else 1)
