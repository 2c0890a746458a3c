"""Experiments on the firmware's modules that a user can rerun: `sluice experiment`."""
