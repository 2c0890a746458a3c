"""Runs on a board: the bench's whole loop, 100,000 events.

Prints `allocated BYTES events COUNT`.
"""

from whole_loop import allocated

EVENTS = 100000

print("allocated", allocated(EVENTS), "events", EVENTS)
