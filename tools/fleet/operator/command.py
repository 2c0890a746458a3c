"""`sluice operator`: runs the operator until it is stopped."""

import asyncio
import logging
import signal
from pathlib import Path

import click

from ...errors import UserError
from .. import logs
from ..etcd import Etcd
from ..http import serve
from ..listen import is_loopback, parse_listen, read_token
from ..watermark import SETTLING, STEPS, Rule
from .operator import Operator
from .web import application

_RULES = {"steps": STEPS, "settling": SETTLING}
_SHUTDOWN_S = 6.0  # a notification under way may wait for etcd so long

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--etcd",
    "endpoints",
    required=True,
    multiple=True,
    metavar="HOST:PORT",
    help="A node of etcd; name each node.",
)
@click.option(
    "--listen",
    default="127.0.0.1:9095",
    show_default=True,
    metavar="HOST:PORT",
    help="Where it takes notifications.",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the bearer token that Alertmanager has to send. Without it --listen must "
    "be a loopback address.",
)
@click.option(
    "--rule",
    type=click.Choice(list(_RULES)),
    default="steps",
    show_default=True,
    help="How the watermark follows the alerts. steps: it rises to what they ask for, and comes "
    "down in steps: for a downstream that is slow for a while. settling: it looks for the pressure "
    "at which the downstream is just not overrun: for boards that always have more than it takes. "
    "Use the same rule for each operator of a fleet.",
)
def operator(endpoints: tuple[str, ...], listen: str, token_file: Path | None, rule: str) -> None:
    """Turn Alertmanager's notifications into the fleet's watermark.

    Takes them at POST /alerts, writes /watermark/global in etcd, and lets it decay. Several may run
    at once. GET /readyz says whether etcd answers, GET /metrics what the watermark is. Logs in
    logfmt; SIGTERM or Ctrl-C ends it.
    """
    host, port = parse_listen(listen)
    token = read_token(token_file) if token_file else None
    if token is None and not is_loopback(host):
        raise UserError(f"listen {listen}: other machines reach it, so it needs a --token-file")
    logs.start()
    asyncio.run(_run(endpoints, host, port, token, _RULES[rule]))


async def _run(
    endpoints: tuple[str, ...], host: str, port: int, token: str | None, rule: Rule
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Etcd(endpoints) as etcd:
        keeper = Operator(etcd, rule)
        runner = await serve(application(keeper, token), host, port, _SHUTDOWN_S)
        logs.event(log, logging.INFO, "listening", host=host, port=runner.addresses[0][1])
        try:
            decay = asyncio.create_task(keeper.decay())
            stopped = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait({decay, stopped}, return_when=asyncio.FIRST_COMPLETED)
            decay.cancel()
            stopped.cancel()
            if decay in done:
                decay.result()
        finally:
            await runner.cleanup()
    logs.event(log, logging.INFO, "stopped")
