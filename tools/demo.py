"""The command `sluice demo`: the whole way of a record on one machine."""

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import click

from host_sim.workload import readings

from .board.console.watch import Watch
from .board.feed.arrivals import Wanted, read_logs
from .board.feed.command import wanted_options
from .board.feed.opening import open_log
from .itself import sluice
from .vboard import VirtualBoard

_SECONDS = 12  # of the made-up workload
_SEED = 2026
_LAST_LOOK_S = 1.5  # so that the last statistics lines are seen


@click.command()
@click.argument("logs", nargs=-1, metavar="[LOG]...", type=click.Path(exists=True, dir_okay=False))
@wanted_options
def demo(
    logs: tuple[str, ...], time_column: str | None, time_key: str | None, record_key: str | None
) -> None:
    """Boot a virtual board, flash it, feed it, watch it, and print the account.

    Feeds LOG, whatever `sluice feed` reads, as fast as the board takes it, or a bursty workload of
    12 s of its own in real time. The board lets 500 records a second through, with bursts of 10.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all that runs here ends
    wanted = Wanted(time_column, time_key, record_key)
    files = [log for log in logs if Path(log).is_file()]
    if files and len(files) == len(logs):  # a pipe can be read only once
        read_logs([open_log(log) for log in files], wanted)
    with tempfile.TemporaryDirectory(prefix="sluice-demo-") as folder, VirtualBoard() as board:
        click.echo(f"A virtual board answers at {board.url}; flashing it.")
        with _child("flash", "--board", "virtual", "--port", board.url) as flash:
            if status := flash.wait():
                sys.exit(status)
        if not logs:
            workload = Path(folder) / "workload.csv"
            workload.write_text("\n".join(readings(_SECONDS, _SEED)) + "\n")
            what = [str(workload), "--speed", "1"]
            click.echo(f"Feeding it a bursty workload of {_SECONDS} s.")
        else:
            what = [*_options(wanted), "--asap", "--", *logs]
            click.echo(f"Feeding it {', '.join(logs)} as fast as it takes it.")
        with (Path(folder) / "account.txt").open("w+") as account:
            try:
                status = _feed_and_watch(what, board.url, account)
            finally:
                account.seek(0)
                click.echo(account.read(), nl=False)
    sys.exit(status)


def _options(wanted: Wanted) -> list[str]:
    """What the feed is told of where the time and the record stand."""
    given = {name: value for name, value in wanted._asdict().items() if value is not None}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]


@contextmanager
def _child(*arguments: str, output: IO[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A command of sluice, which ends here at the latest.

    A Ctrl-C at the terminal does not reach it: it would tell of it, too, even by a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    child = subprocess.Popen(sluice(*arguments), stdout=output, stderr=output)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # now a Ctrl-C raises
        yield child
    finally:
        child.kill()
        child.wait()


def _feed_and_watch(what: list[str], port: str, account: IO[str]) -> int:
    """The exit status of the feed, whose output goes to `account`."""
    with _child("feed", "--port", port, *what, output=account) as feed:
        try:
            if sys.stdin.isatty() and sys.stdout.isatty():
                _watch_on_screen(port, feed)
            else:
                _watch_in_lines(port, feed)
            return feed.wait()
        except KeyboardInterrupt:
            feed.terminate()  # it ends with the account so far
            feed.wait()
            raise


def _watch_on_screen(port: str, feed: subprocess.Popen[bytes]) -> None:
    from .board.console.app import ConsoleApp  # with all of Textual, which lines do without

    with closing(Watch(port)) as watch:
        app = ConsoleApp(watch)

        def end() -> None:
            feed.wait()
            time.sleep(_LAST_LOOK_S)
            if app.is_running:
                app.call_from_thread(app.exit)

        threading.Thread(target=end, daemon=True).start()
        error = app.run()
    if error is not None:
        raise error
    if feed.poll() is None:
        click.echo("The feed continues; Ctrl-C ends it with the account so far.")


def _watch_in_lines(port: str, feed: subprocess.Popen[bytes]) -> None:
    with _child("console", "--plain", "--port", port):
        feed.wait()
        time.sleep(_LAST_LOOK_S)
