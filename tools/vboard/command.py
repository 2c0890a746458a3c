"""`sluice vboard`: runs a virtual board until it is stopped."""

import signal
from pathlib import Path

import click

from . import VirtualBoard, install_micropython


@click.command()
@click.option(
    "--port",
    "-p",
    type=click.IntRange(1, 65535),
    help="The TCP port on 127.0.0.1; without it a free one.",
)
@click.option("--pty", is_flag=True, help="A pseudo-terminal instead of a TCP port.")
@click.option(
    "--flash",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that is the board's file system; without it a temporary one.",
)
@click.option(
    "--flash-kb",
    type=click.IntRange(64, 65536),
    default=1408,
    show_default=True,
    help="KB of the file system.",
)
@click.option(
    "--heap-kb",
    type=click.IntRange(64, 65536),
    default=264,
    show_default=True,
    help="KB of the heap at the start.",
)
@click.option(
    "--uart1",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file that takes what the board sends on UART(1).",
)
@click.option(
    "--uart1-input",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file whose bytes come in on UART(1): what is appended to it while the board runs.",
)
@click.option("--install", is_flag=True, help="Fetch its MicroPython (0.5 MB, by npm), and end.")
def vboard(
    port: int | None,
    pty: bool,
    flash: Path | None,
    flash_kb: int,
    heap_kb: int,
    uart1: Path | None,
    uart1_input: Path | None,
    install: bool,
) -> None:
    """Run a virtual board: real MicroPython on a serial line.

    It prints its address, for mpremote and for the other commands' --port, and
    runs until Ctrl-C.
    """
    if install:
        install_micropython()
        return
    if pty and port:
        raise click.UsageError("--pty and --port: the board has one line, on either of them")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    board = VirtualBoard(
        flash,
        port=port or 0,
        pty=pty,
        flash_kb=flash_kb,
        heap_kb=heap_kb,
        uart1=uart1,
        uart1_input=uart1_input,
    )
    try:
        with board:
            click.echo(f"virtual board at {board.url} (Ctrl-C ends it)")
            board.wait()
    except KeyboardInterrupt:
        pass
