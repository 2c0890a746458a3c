"""`sluice bench --program`: the program as it is flashed on a board, beside a naive script there.

board.py lends the board's configuration, running.py is its program at work, naive.py the script;
measure.py runs the cases and gives a Whole (figures.py); table.py, chart.py and page.py show it.
"""
