"""The command `sluice`: gathers the commands; each lives in its own module."""

import click

from tools.bench.command import bench
from tools.check.command import check
from tools.check.interrupts.command import explore
from tools.console.command import console
from tools.demo import demo
from tools.doctor.command import doctor
from tools.experiments.command import experiment
from tools.feed.command import feed
from tools.flash.command import flash
from tools.fleet.command import fleet
from tools.gateway.command import gateway
from tools.mip.command import package
from tools.operator.command import operator
from tools.settings.command import audit, change
from tools.vboard.command import vboard
from tools.web.command import web


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
