"""The formats of logs: how each is recognised by a line, and how its lines are read."""
