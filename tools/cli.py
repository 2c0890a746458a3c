"""The command `sluice`: lists the commands; each lives in a module that is loaded for it alone."""

import errno
import os
import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

import click

from .errors import UserError

_COMMANDS = {  # where it is, the first sentence of its help, and the extras that it needs
    "audit": (
        ".board.settings.command:audit",
        "Who changed a board's settings: the last 64 changes since it started, oldest first.",
    ),
    "bench": (
        ".lab.bench.command:bench",
        "Measure what the library costs, beside what its users would write instead.",
        "lab",
    ),
    "check": (
        ".lab.check.command:check",
        "Prove that hot code allocates nothing and that its loops end, as far as the code tells.",
    ),
    "console": (
        ".board.console.command:console",
        "Watch a board: its statistics and what it prints.",
    ),
    "demo": (
        ".demo:demo",
        "Boot a virtual board, flash it, feed it, watch it, and print the account.",
    ),
    "doctor": (
        ".board.doctor.command:doctor",
        "Say which board is there, what is wrong and how to fix it.",
    ),
    "experiment": (
        ".lab.experiments.command:experiment",
        "Run an experiment on the firmware's own modules, and write its figures, CSV and page.",
        "lab",
    ),
    "explore": (
        ".lab.explore.command:explore",
        "Run an interrupt at every opcode of the library's hot methods.",
    ),
    "feed": (
        ".board.feed.command:feed",
        "Send a log to a board as it happened, and account for each record.",
    ),
    "flash": (".board.flash.command:flash", "Put the firmware on a board."),
    "fleet": (
        ".fleet.demonstration.command:fleet",
        "Show a whole fleet under pressure, on this machine.",
        "fleet",
        "lab",
    ),
    "gateway": (
        ".fleet.gateway.command:gateway",
        "Join the boards of this host to Prometheus and etcd.",
        "fleet",
    ),
    "operator": (
        ".fleet.operator.command:operator",
        "Turn Alertmanager's notifications into the fleet's watermark.",
        "fleet",
    ),
    "package": (".publish.mip.command:package", "Write what `mip install` takes."),
    "set": (
        ".board.settings.command:change",
        "Change settings of a running board, and print those in force.",
    ),
    "simulate": (
        ".lab.simulate.command:simulate",
        "Run the whole system on virtual time, with faults, from one seed after another.",
        "fleet",
    ),
    "vboard": (
        ".vboard.command:vboard",
        "Run a virtual board: real MicroPython on a serial line.",
    ),
    "web": (
        ".publish.web.command:web",
        "Build the page for the browser: a playground, and a console for a board on USB.",
    ),
}

_EXTRAS = {  # what is asked for to see whether an extra of the distribution is installed
    "fleet": ("aiohttp", "grpc", "prometheus_client"),
    "lab": ("matplotlib", "numpy"),
}

_INTERRUPTED = 130  # as a shell tells of a program that SIGINT has ended
_FULL = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Command(click.Command):
    """A command that can be listed without its module, which is loaded when it is used."""

    def __init__(self, name: str, home: str, about: str, *extras: str) -> None:
        super().__init__(name, help=about)
        self._home = home
        self._extras = extras

    def load(self) -> click.Command:
        """The command itself. UserError: it needs an extra that is not installed."""
        wanted = {module for extra in self._extras for module in _EXTRAS[extra]}
        if missing := sorted(module for module in wanted if not find_spec(module)):
            raise UserError(
                f"sluice {self.name} needs {', '.join(missing)}:"
                f" pip install 'micropython-sluice[{','.join(self._extras)}]'"
            )
        module, _, name = self._home.partition(":")
        return getattr(import_module(module, __package__), name)

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """The context of the command itself, which click then runs, helps with or completes."""
        return self.load().make_context(*arguments, **extra)


class Sluice(click.Group):
    """All commands. Whatever ends one, it is told in a line at most, and by the exit status."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """As click's, except for a Ctrl-C and an output that takes no more."""
        if not standalone_mode:
            return super().main(*arguments, standalone_mode=False, **extra)
        # Until here a Ctrl-C ends the process at once: see __main__.py.
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            status = super().main(*arguments, standalone_mode=False, **extra)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            click.echo("Interrupted.", err=True)
            sys.exit(_INTERRUPTED)
        except OSError as error:
            if error.errno not in _FULL or error.filename is not None:
                raise
            _end_without_output(error)
        sys.exit(status if isinstance(status, int) else 0)


def _end_without_output(error: OSError) -> NoReturn:
    if error.errno != errno.EPIPE:  # who reads no more wants to hear no more
        click.echo(f"Error: standard output: {error.strerror}", err=True)
    # What is left in its buffer is written at the end of the process.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


@click.group(
    cls=Sluice,
    commands={name: Command(name, *about) for name, about in _COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="micropython-sluice", prog_name="sluice")
def main() -> None:
    """Rate limiting and backpressure for MicroPython boards."""
