"""`python -m tools` is `sluice`, also where the console script is not on the path."""

from .cli import main

main(prog_name="sluice")
