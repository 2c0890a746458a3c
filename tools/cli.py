"""The command `sluice`: gathers the commands; each lives in its own module."""

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sluice")
def main() -> None:
    """Rate limiting and backpressure for MicroPython boards."""
