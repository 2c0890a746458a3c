"""Simulated boards: the firmware's own program on CPython, behind sockets."""
