"""The command `sluice`: gathers the commands; each lives in its own module."""

import click

from .board.console.command import console
from .board.doctor.command import doctor
from .board.feed.command import feed
from .board.flash.command import flash
from .board.settings.command import audit, change
from .demo import demo
from .fleet.demonstration.command import fleet
from .fleet.gateway.command import gateway
from .fleet.operator.command import operator
from .lab.bench.command import bench
from .lab.check.command import check
from .lab.experiments.command import experiment
from .lab.explore.command import explore
from .publish.mip.command import package
from .publish.web.command import web
from .vboard.command import vboard


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sluice")
def main() -> None:
    """Rate limiting and backpressure for MicroPython boards."""


main.add_command(audit)
main.add_command(bench)
main.add_command(change)
main.add_command(check)
main.add_command(console)
main.add_command(demo)
main.add_command(doctor)
main.add_command(experiment)
main.add_command(explore)
main.add_command(feed)
main.add_command(flash)
main.add_command(fleet)
main.add_command(gateway)
main.add_command(operator)
main.add_command(package)
main.add_command(vboard)
main.add_command(web)
