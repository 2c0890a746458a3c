"""What one would write instead of the link: a line is read, waits for its token and is written.

Runs on a board, sent through its REPL.
"""

import sys
import time


def echo(rate, burst, lines):
    tokens = burst
    last = time.ticks_us()
    for _ in range(lines):
        line = sys.stdin.readline()
        while True:
            now = time.ticks_us()
            tokens = min(burst, tokens + time.ticks_diff(now, last) * rate / 1000000)
            last = now
            if tokens >= 1:
                break
        tokens -= 1
        sys.stdout.write(line)
