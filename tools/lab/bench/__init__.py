"""`sluice bench`: what the library costs on MicroPythons, beside what its users would write.

cases.py is what is measured, onboard/ the code of the peers; program.py writes the program for
one case and reads what it prints; platforms.py is where; measure.py runs everything on one
platform and gives a Run (figures.py). compare.py sets it against a kept one, targets.py against
what is wanted; table.py, chart.py and page.py show it. flashed/ is `--program`: the whole program
on a board.
"""
