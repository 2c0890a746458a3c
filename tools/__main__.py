"""The program `sluice`, also as `python -m sluice_tools`."""

import signal

# While it is loaded, a Ctrl-C ends it without a traceback, unless whoever starts it wants none.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start() -> None:
    """Run the command that the command line names."""
    from .cli import main

    main(prog_name="sluice")


if __name__ == "__main__":
    start()
