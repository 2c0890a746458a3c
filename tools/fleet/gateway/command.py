"""`sluice gateway`: runs a gateway until it is stopped."""

import asyncio
from pathlib import Path

import click

from .. import logs
from .config import load
from .gateway import run


@click.command()
@click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="The file gateway.toml; docs/fleet.md has its keys.",
)
def gateway(path: Path) -> None:
    """Join the boards of this host to Prometheus and etcd.

    Serves /metrics, brings the fleet's watermark and its budget to the boards, and opens each port
    again and again. Other programs can use the ports meanwhile. Logs in logfmt; SIGTERM or Ctrl-C
    ends it. The exit status is 2 when the file is wrong.
    """
    config = load(path)
    logs.start()
    asyncio.run(run(config))
