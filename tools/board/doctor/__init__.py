"""`sluice doctor`: what is wrong between this machine and a board, and how to mend it.

ports.py knows this machine's ports, diagnosis.py examines them and the board, command.py tells.
"""
